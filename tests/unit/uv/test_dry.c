#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "tests/unit/uv/uv_fixture.h"

/* A folder in which a real storage left a small file and a larger one; it is still in use while `fixture` is open. */
static void leave_files(struct uv_fixture *fixture, const char *folder)
{
    struct file *file;
    uv_fixture_open(fixture, folder);
    struct storage *storage = fixture->io->storage;
    cr_assert_eq(storage->put(storage, "small", bytes_of_text("content")), GRID_ERR_OK);
    cr_assert_eq(storage->open(storage, "large", true, &file), GRID_ERR_OK);
    cr_assert_eq(storage->allocate(storage, file, 8192), GRID_ERR_OK);
    storage->close(storage, file);
}

static enum grid_err open_dry(uv_loop_t *loop, const char *folder, struct uv_io **ret_io, char **ret_note)
{
    return uv_node_io_open(&(struct uv_node_io_options){.loop = loop, .directory = folder, .dry = true}, ret_io, ret_note);
}

static void close_dry(uv_loop_t *loop, struct uv_io *io)
{
    uv_io_close(io);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_io_free(io);
    cr_assert_eq(uv_loop_close(loop), 0);
}

static void collect(void *context, const char *name)
{
    buffer_append_format(context, "%s ", name);
}

Test(dry, reads_what_is_there_and_changes_nothing)
{
    struct uv_fixture real;
    struct buffer content = {0}, names = {0};
    struct uv_io *io;
    uv_loop_t loop;
    struct file *file;
    char folder[64], *note = NULL;
    uv_folder_make(folder);
    leave_files(&real, folder);
    uv_fixture_close(&real);
    uv_loop_init(&loop);
    cr_assert_eq(open_dry(&loop, folder, &io, &note), GRID_ERR_OK, "%s", note);
    struct storage *storage = uv_io_io(io)->storage;
    cr_assert_eq(storage->get(storage, "small", &content), GRID_ERR_OK);
    cr_assert(bytes_equal(buffer_bytes(&content), bytes_of_text("content")));
    cr_assert_eq(storage->get(storage, "none", &content), GRID_ERR_NOT_FOUND);
    cr_assert_eq(storage->put(storage, "small", bytes_of_text("other")), GRID_ERR_OK);
    cr_assert_eq(storage->remove(storage, "large"), GRID_ERR_OK);
    cr_assert_eq(storage->open(storage, "large", false, &file), GRID_ERR_OK);
    cr_assert_eq(storage->truncate(storage, file, 4096), GRID_ERR_OK);
    cr_assert_eq(storage->size(storage, file), 4096, "as it would be");
    storage->close(storage, file);
    cr_assert_eq(storage->open(storage, "new", true, &file), GRID_ERR_OK);
    cr_assert_eq(storage->allocate(storage, file, 4096), GRID_ERR_OK);
    storage->close(storage, file);
    close_dry(&loop, io);

    uv_fixture_open(&real, folder);
    storage = real.io->storage;
    storage->list(storage, collect, &names);
    cr_assert(bytes_equal(buffer_bytes(&names), bytes_of_text("large small ")));
    buffer_clear(&content);
    cr_assert_eq(storage->get(storage, "small", &content), GRID_ERR_OK);
    cr_assert(bytes_equal(buffer_bytes(&content), bytes_of_text("content")));
    cr_assert_eq(storage->open(storage, "large", false, &file), GRID_ERR_OK);
    cr_assert_eq(storage->size(storage, file), 8192);
    storage->close(storage, file);
    uv_fixture_close(&real);
    buffer_close(&content);
    buffer_close(&names);
    uv_folder_remove(folder);
}

Test(dry, refuses_a_directory_in_use_and_makes_none)
{
    struct uv_fixture real;
    struct uv_io *io;
    uv_loop_t loop;
    char folder[64], missing[128], below[160], *note = NULL;
    uv_folder_make(folder);
    leave_files(&real, folder);
    uv_loop_init(&loop);
    cr_assert_eq(open_dry(&loop, folder, &io, &note), GRID_ERR_IO);
    cr_assert_not_null(strstr(note, "another process uses it"));
    memory_free(note);
    uv_fixture_close(&real);
    snprintf(missing, sizeof missing, "%s/missing", folder);
    snprintf(below, sizeof below, "%s/below", missing);
    note = NULL;
    cr_assert_eq(open_dry(&loop, below, &io, &note), GRID_ERR_IO);
    cr_assert_not_null(strstr(note, "cannot be created: No such file"));
    memory_free(note);
    note = NULL;
    cr_assert_eq(open_dry(&loop, missing, &io, &note), GRID_ERR_OK, "%s", note);
    cr_assert_neq(access(missing, F_OK), 0);
    close_dry(&loop, io);
    uv_folder_remove(folder);
}

/* A check opens no connection. */
Test(dry, dials_nobody)
{
    struct uv_io *io;
    uv_loop_t loop;
    char *note = NULL;
    uv_loop_init(&loop);
    cr_assert_eq(open_dry(&loop, NULL, &io, &note), GRID_ERR_OK);
    static const struct conn_events events = {0};
    struct transport *transport = uv_io_io(io)->transport;
    transport_connect(transport, "127.0.0.1:1", &events, NULL);
    close_dry(&loop, io);
}
