#include "tests/unit/uv/uv_fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grid/base/memory.h"

enum { PATIENCE_MS = 30000 };

static void out_of_patience(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("what the test waits for did not come");
}

static bool came(const struct uv_fixture *fixture)
{
    return fixture->flag ? *fixture->flag : *fixture->count >= fixture->least;
}

static void before_sleep(uv_prepare_t *watch)
{
    struct uv_fixture *fixture = watch->data;
    if ((fixture->flag || fixture->count) && came(fixture))
        uv_stop(&fixture->loop);
}

void uv_fixture_open(struct uv_fixture *fixture, const char *directory)
{
    uv_fixture_open_options(fixture, (struct uv_node_io_options){.directory = directory});
}

void uv_fixture_open_options(struct uv_fixture *fixture, struct uv_node_io_options options)
{
    char *note = NULL;
    *fixture = (struct uv_fixture){0};
    uv_loop_init(&fixture->loop);
    /* Started before the clock's own, it runs after that one: libuv puts the latest first. */
    uv_prepare_init(&fixture->loop, &fixture->watch);
    fixture->watch.data = fixture;
    uv_prepare_start(&fixture->watch, before_sleep);
    uv_unref((uv_handle_t *)&fixture->watch);
    options.loop = &fixture->loop;
    cr_assert_eq(uv_node_io_open(&options, &fixture->uv_io, &note), GRID_ERR_OK, "%s", note);
    fixture->io = uv_io_io(fixture->uv_io);
    uv_timer_init(&fixture->loop, &fixture->patience);
    uv_timer_start(&fixture->patience, out_of_patience, PATIENCE_MS, 0);
    uv_unref((uv_handle_t *)&fixture->patience);
}

void uv_fixture_close(struct uv_fixture *fixture)
{
    uv_io_close(fixture->uv_io);
    uv_close((uv_handle_t *)&fixture->patience, NULL);
    uv_close((uv_handle_t *)&fixture->watch, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    uv_io_free(fixture->uv_io);
    cr_assert_eq(uv_loop_close(&fixture->loop), 0, "something is still on the loop");
}

static void wait_for(struct uv_fixture *fixture, const bool *flag, const size_t *count, size_t least)
{
    fixture->flag = flag;
    fixture->count = count;
    fixture->least = least;
    /* The timer counts as alive meanwhile: a loop with nothing to do would return at once. */
    uv_ref((uv_handle_t *)&fixture->patience);
    while (!came(fixture))
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)&fixture->patience);
    fixture->flag = NULL;
    fixture->count = NULL;
}

void uv_fixture_wait(struct uv_fixture *fixture, const bool *flag)
{
    wait_for(fixture, flag, NULL, 0);
}

void uv_fixture_wait_count(struct uv_fixture *fixture, const size_t *count, size_t least)
{
    wait_for(fixture, NULL, count, least);
}

void uv_fixture_turn(struct uv_fixture *fixture)
{
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

void uv_folder_make(char path[64])
{
    snprintf(path, 64, "/tmp/gridiron-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

void uv_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    closedir(folder);
    rmdir(path);
}

void uv_free_address(char address[32])
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(probe, (struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(getsockname(probe, (struct sockaddr *)&any, &size), 0);
    close(probe);
    snprintf(address, 32, "127.0.0.1:%d", (int)ntohs(any.sin_port));
}
