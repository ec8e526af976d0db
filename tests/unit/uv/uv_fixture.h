/* A libuv loop with the production grid/io on it, for one test. Ownership: the caller's memory; open, then close, which
 * runs the loop to its end and checks that nothing was left on it. */
#ifndef TESTS_UNIT_UV_UV_FIXTURE_H
#define TESTS_UNIT_UV_UV_FIXTURE_H

#include "grid/uv/uv_node_io.h"

struct uv_fixture {
    uv_loop_t loop;
    struct uv_io *uv_io;
    struct io *io;
    uv_timer_t patience;               /* ends a test that waits for what never comes */
    uv_prepare_t watch;                /* sees what came true just before the loop would sleep */
    const bool *flag;                  /* what the test waits for; or the count and how much of it */
    const size_t *count;
    size_t least;
};

/* The directory may be NULL. */
void uv_fixture_open(struct uv_fixture *fixture, const char *directory);
void uv_fixture_open_options(struct uv_fixture *fixture, struct uv_node_io_options options); /* its loop is the fixture's */
void uv_fixture_close(struct uv_fixture *fixture);
/* Runs the loop until *flag; fails the test after 30 s. */
void uv_fixture_wait(struct uv_fixture *fixture, const bool *flag);
/* Runs the loop until *count is at least `least`. */
void uv_fixture_wait_count(struct uv_fixture *fixture, const size_t *count, size_t least);
/* One iteration that does not block. */
void uv_fixture_turn(struct uv_fixture *fixture);

/* A new folder under /tmp; `path` gets its name. uv_folder_remove deletes it with its files. */
void uv_folder_make(char path[64]);
void uv_folder_remove(const char *path);
/* "127.0.0.1:N" with a port that was free a moment ago. */
void uv_free_address(char address[32]);

#endif
