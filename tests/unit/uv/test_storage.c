#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "tests/unit/uv/uv_fixture.h"

struct scene {
    char folder[64];
    struct uv_fixture fixture;
    struct storage *storage;
    struct buffer names;
};

struct written { bool done; enum grid_err err; pthread_t thread; };

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){0};
    uv_folder_make(scene->folder);
    uv_fixture_open(&scene->fixture, scene->folder);
    scene->storage = scene->fixture.io->storage;
}

static void scene_close(struct scene *scene)
{
    uv_fixture_close(&scene->fixture);
    uv_folder_remove(scene->folder);
    buffer_close(&scene->names);
}

static void on_written(void *context, enum grid_err err)
{
    struct written *written = context;
    written->done = true;
    written->err = err;
    written->thread = pthread_self();
}

static enum grid_err write_and_wait(struct scene *scene, struct file *file, uint64_t offset, struct bytes data, bool sync)
{
    struct written written = {0};
    struct storage_write write = {.offset = offset, .data = data, .sync = sync, .done = on_written, .context = &written};
    scene->storage->write(scene->storage, file, &write);
    cr_assert_not(written.done, "never from inside the call");
    uv_fixture_wait(&scene->fixture, &written.done);
    cr_assert(pthread_equal(written.thread, pthread_self()), "done runs on the loop");
    return written.err;
}

static void collect(void *context, const char *name)
{
    struct scene *scene = context;
    buffer_append_format(&scene->names, "%s ", name);
}

static const char *list(struct scene *scene)
{
    buffer_clear(&scene->names);
    cr_assert_eq(scene->storage->list(scene->storage, collect, scene), GRID_ERR_OK);
    buffer_append_u8(&scene->names, 0);
    return (const char *)scene->names.data;
}

Test(uv_storage, writes_at_an_offset_and_reads_back)
{
    struct scene scene;
    struct file *file;
    uint8_t back[9];
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), 0);
    cr_assert_eq(write_and_wait(&scene, file, 4, bytes_of_text("after"), true), GRID_ERR_OK);
    cr_assert_eq(write_and_wait(&scene, file, 0, bytes_of_text("four"), false), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), 9);
    cr_assert_eq(scene.storage->read(scene.storage, file, 0, back, 9), GRID_ERR_OK);
    cr_assert_eq(memcmp(back, "fourafter", 9), 0);
    cr_assert_eq(scene.storage->read(scene.storage, file, 1, back, 9), GRID_ERR_IO, "a file that is too short");
    scene.storage->close(scene.storage, file);
    cr_assert_eq(scene.storage->open(scene.storage, "log", false, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->read(scene.storage, file, 8, back, 1), GRID_ERR_OK);
    cr_assert_eq(back[0], 'r');
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
}

Test(uv_storage, writes_a_large_piece_whole)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct scene scene;
    struct file *file;
    uint8_t *data = memory_alloc(SIZE), *back = memory_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 7 >> 3);
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_eq(write_and_wait(&scene, file, 3, bytes_of(data, SIZE), true), GRID_ERR_OK);
    cr_assert_eq(scene.storage->read(scene.storage, file, 3, back, SIZE), GRID_ERR_OK);
    cr_assert_eq(memcmp(data, back, SIZE), 0);
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
    memory_free(data);
    memory_free(back);
}

/* Whole pages that are synced take another way than the rest; what is read back must not tell. */
Test(uv_storage, mixes_writes_of_pages_and_of_bytes)
{
    enum { PAGE = 4096, PAGES = 700, SIZE = PAGES * PAGE };
    struct scene scene;
    struct file *file;
    uint8_t *data = memory_alloc(SIZE), *back = memory_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 11 >> 4);
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->allocate(scene.storage, file, SIZE), GRID_ERR_OK);
    for (size_t at = 0, pages = 1; at < SIZE; pages = pages % 5 == 4 ? 300 : pages + 1) {
        size_t size = at + pages * PAGE < SIZE ? pages * PAGE : SIZE - at;
        bool sync = pages != 3;
        size_t skipped = pages % 4 == 1 ? 7 : 0;
        cr_assert_eq(write_and_wait(&scene, file, at + skipped, bytes_of(data + at + skipped, size - skipped), sync), GRID_ERR_OK);
        if (skipped != 0)
            cr_assert_eq(write_and_wait(&scene, file, at, bytes_of(data + at, skipped), false), GRID_ERR_OK);
        at += size;
    }
    cr_assert_eq(scene.storage->size(scene.storage, file), SIZE);
    cr_assert_eq(scene.storage->read(scene.storage, file, 0, back, SIZE), GRID_ERR_OK);
    cr_assert_eq(memcmp(data, back, SIZE), 0);
    scene.storage->close(scene.storage, file);
    cr_assert_eq(scene.storage->open(scene.storage, "log", false, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->read(scene.storage, file, 0, back, SIZE), GRID_ERR_OK);
    cr_assert_eq(memcmp(data, back, SIZE), 0, "after it was opened again");
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
    memory_free(data);
    memory_free(back);
}

Test(uv_storage, reserves_beside_the_loop)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct scene scene;
    struct file *file;
    uint8_t *back = memory_alloc(SIZE);
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_not(scene.storage->reserve(scene.storage, file, SIZE));
    while (!scene.storage->reserve(scene.storage, file, SIZE))
        uv_run(&scene.fixture.loop, UV_RUN_ONCE);
    cr_assert_eq(scene.storage->size(scene.storage, file), SIZE);
    cr_assert_eq(scene.storage->allocate(scene.storage, file, SIZE), GRID_ERR_OK);
    cr_assert_eq(scene.storage->read(scene.storage, file, 0, back, SIZE), GRID_ERR_OK);
    for (size_t i = 0; i < SIZE; i++)
        cr_assert_eq(back[i], 0);
    /* Closed while more is being reserved. */
    cr_assert_not(scene.storage->reserve(scene.storage, file, 2 * SIZE));
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
    memory_free(back);
}

/* The one does not overtake the other: when allocate returns, the space is there. */
Test(uv_storage, allocates_while_it_reserves)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct scene scene;
    struct file *file;
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_not(scene.storage->reserve(scene.storage, file, SIZE / 2));
    cr_assert_eq(scene.storage->allocate(scene.storage, file, SIZE), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), SIZE);
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
}

Test(uv_storage, writes_to_several_files_at_once)
{
    enum { FILES = 8 };
    struct scene scene;
    struct file *files[FILES];
    struct written written[FILES] = {0};
    struct storage_write writes[FILES];
    scene_open(&scene);
    for (int i = 0; i < FILES; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        cr_assert_eq(scene.storage->open(scene.storage, name, true, &files[i]), GRID_ERR_OK);
        writes[i] = (struct storage_write){.data = bytes_of_text("x"), .offset = (uint64_t)i, .sync = true, .done = on_written,
                                           .context = &written[i]};
        scene.storage->write(scene.storage, files[i], &writes[i]);
    }
    for (int i = 0; i < FILES; i++) {
        uv_fixture_wait(&scene.fixture, &written[i].done);
        cr_assert_eq(written[i].err, GRID_ERR_OK);
        cr_assert_eq(scene.storage->size(scene.storage, files[i]), (uint64_t)i + 1);
        scene.storage->close(scene.storage, files[i]);
    }
    scene_close(&scene);
}

/* A full disk in small: the system refuses to let files grow. */
Test(uv_storage, reports_a_write_that_fails)
{
    struct scene scene;
    struct file *file;
    struct rlimit limit = {4096, 4096};
    uint8_t data[8192] = {1};
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_neq(write_and_wait(&scene, file, 0, bytes_of(data, sizeof data), true), GRID_ERR_OK);
    cr_assert_neq(scene.storage->allocate(scene.storage, file, 65536), GRID_ERR_OK);
    cr_assert_neq(scene.storage->put(scene.storage, "identity", bytes_of(data, sizeof data)), GRID_ERR_OK);
    cr_assert_str_eq(list(&scene), "log ", "a failed put leaves nothing behind");
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
}

Test(uv_storage, allocates_zeros_and_keeps_what_is_there)
{
    struct scene scene;
    struct file *file;
    uint8_t back[3 * 1024 * 1024], zeros[8] = {0};
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_eq(write_and_wait(&scene, file, 0, bytes_of_text("begin"), false), GRID_ERR_OK);
    cr_assert_eq(scene.storage->allocate(scene.storage, file, sizeof back), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), sizeof back);
    cr_assert_eq(scene.storage->read(scene.storage, file, 0, back, sizeof back), GRID_ERR_OK);
    cr_assert_eq(memcmp(back, "begin", 5), 0);
    for (size_t at = 8; at < sizeof back; at += 8)
        cr_assert_eq(memcmp(back + at, zeros, 8), 0);
    cr_assert_eq(scene.storage->allocate(scene.storage, file, 10), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), sizeof back, "it never makes a file smaller");
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
}

Test(uv_storage, cuts_a_file)
{
    struct scene scene;
    struct file *file;
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_OK);
    cr_assert_eq(write_and_wait(&scene, file, 0, bytes_of_text("0123456789"), true), GRID_ERR_OK);
    cr_assert_eq(scene.storage->truncate(scene.storage, file, 4), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), 4);
    scene.storage->close(scene.storage, file);
    scene_close(&scene);
}

Test(uv_storage, says_not_found_of_what_is_not_there)
{
    struct scene scene;
    struct file *file;
    struct buffer content = {0};
    scene_open(&scene);
    cr_assert_eq(scene.storage->open(scene.storage, "none", false, &file), GRID_ERR_NOT_FOUND);
    cr_assert_eq(scene.storage->get(scene.storage, "none", &content), GRID_ERR_NOT_FOUND);
    cr_assert_eq(scene.storage->remove(scene.storage, "none"), GRID_ERR_NOT_FOUND);
    cr_assert_str_eq(list(&scene), "");
    scene_close(&scene);
}

Test(uv_storage, takes_a_directory_for_no_file)
{
    struct scene scene;
    struct file *file;
    struct buffer content = {0};
    scene_open(&scene);
    char path[128];
    snprintf(path, sizeof path, "%s/log", scene.folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect_eq(scene.storage->open(scene.storage, "log", false, &file), GRID_ERR_INVALID);
    cr_expect_eq(scene.storage->open(scene.storage, "log", true, &file), GRID_ERR_INVALID);
    cr_expect_eq(scene.storage->get(scene.storage, "log", &content), GRID_ERR_IO);
    cr_assert_eq(rmdir(path), 0);
    scene_close(&scene);
}

Test(uv_storage, puts_a_small_file_whole_or_not_at_all)
{
    struct scene scene;
    struct buffer content = {0};
    scene_open(&scene);
    cr_assert_eq(scene.storage->put(scene.storage, "identity", bytes_of_text("first and longer")), GRID_ERR_OK);
    cr_assert_eq(scene.storage->put(scene.storage, "identity", bytes_of_text("second")), GRID_ERR_OK);
    buffer_append_text(&content, "kept:");
    cr_assert_eq(scene.storage->get(scene.storage, "identity", &content), GRID_ERR_OK);
    cr_assert(bytes_equal(buffer_bytes(&content), bytes_of_text("kept:second")));
    cr_assert_eq(scene.storage->put(scene.storage, "empty", BYTES_NONE), GRID_ERR_OK);
    buffer_clear(&content);
    cr_assert_eq(scene.storage->get(scene.storage, "empty", &content), GRID_ERR_OK);
    cr_assert_eq(content.size, 0);
    cr_assert_str_eq(list(&scene), "empty identity ");
    buffer_close(&content);
    scene_close(&scene);
}

Test(uv_storage, lists_in_name_order_and_removes)
{
    static const char *const names[] = {"b", "wal-2", "a", "wal-10"};
    struct scene scene;
    scene_open(&scene);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(scene.storage->put(scene.storage, names[i], bytes_of_text("x")), GRID_ERR_OK);
    cr_assert_str_eq(list(&scene), "a b wal-10 wal-2 ");
    cr_assert_eq(scene.storage->remove(scene.storage, "b"), GRID_ERR_OK);
    cr_assert_str_eq(list(&scene), "a wal-10 wal-2 ");
    cr_assert_gt(scene.storage->free_bytes(scene.storage), 0);
    scene_close(&scene);
}

Test(uv_storage, two_never_share_a_directory)
{
    struct scene scene;
    uv_loop_t loop;
    struct uv_io *second = NULL;
    char *note = NULL, expected[200];
    scene_open(&scene);
    uv_loop_init(&loop);
    struct uv_node_io_options options = {.loop = &loop, .directory = scene.folder};
    cr_assert_eq(uv_node_io_open(&options, &second, &note), GRID_ERR_IO);
    snprintf(expected, sizeof expected, "data directory %s: another process uses it; stop that one or choose another directory",
             scene.folder);
    cr_assert_str_eq(note, expected);
    memory_free(note);
    uv_loop_close(&loop);
    uv_fixture_close(&scene.fixture);
    /* The lock went with its holder. */
    uv_fixture_open(&scene.fixture, scene.folder);
    scene_close(&scene);
}

Test(uv_storage, makes_the_directory_and_says_why_it_cannot)
{
    struct scene scene;
    uv_loop_t loop;
    struct uv_io *uv_io = NULL;
    char path[128], *note = NULL;
    scene_open(&scene);
    uv_loop_init(&loop);
    snprintf(path, sizeof path, "%s/none/data", scene.folder);
    struct uv_node_io_options options = {.loop = &loop, .directory = path};
    cr_assert_eq(uv_node_io_open(&options, &uv_io, &note), GRID_ERR_IO);
    cr_assert_not_null(strstr(note, "/none/data: cannot be created: No such file or directory"));
    memory_free(note);
    snprintf(path, sizeof path, "%s/data", scene.folder);
    struct uv_fixture inner;
    uv_fixture_open(&inner, path);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert(S_ISDIR(status.st_mode));
    uv_fixture_close(&inner);
    uv_folder_remove(path);
    uv_loop_close(&loop);
    scene_close(&scene);
}

static struct written work_and_wait(struct scene *scene, struct storage_work *work)
{
    struct written written = {0};
    work->done = on_written;
    work->context = &written;
    scene->storage->work(scene->storage, work);
    cr_assert_not(written.done, "never from inside the call");
    uv_fixture_wait(&scene->fixture, &written.done);
    cr_assert(pthread_equal(written.thread, pthread_self()), "done runs on the loop");
    return written;
}

static enum grid_err work_on(struct scene *scene, enum storage_kind kind, const char *name, const char *to, struct file **ret_file)
{
    struct storage_work work = {.kind = kind, .name = name, .to = to};
    enum grid_err err = work_and_wait(scene, &work).err;
    if (ret_file != NULL && err == GRID_ERR_OK)
        *ret_file = work.file;
    return err;
}

static enum grid_err read_and_wait(struct scene *scene, struct file *file, uint64_t offset, uint8_t *data, size_t size)
{
    struct storage_work work = {.kind = STORAGE_READ, .file = file, .offset = offset, .data = data, .size = size};
    return work_and_wait(scene, &work).err;
}

Test(uv_storage, opens_reads_renames_and_removes_without_the_loop)
{
    struct scene scene;
    struct file *file;
    uint8_t back[8];
    scene_open(&scene);
    cr_assert_eq(work_on(&scene, STORAGE_OPEN, "snap.part", NULL, &file), GRID_ERR_NOT_FOUND);
    cr_assert_eq(work_on(&scene, STORAGE_CREATE, "snap.part", NULL, &file), GRID_ERR_OK);
    cr_assert_eq(write_and_wait(&scene, file, 0, bytes_of_text("contents"), true), GRID_ERR_OK);
    cr_assert_eq(read_and_wait(&scene, file, 3, back, 5), GRID_ERR_OK);
    cr_assert_eq(memcmp(back, "tents", 5), 0);
    cr_assert_eq(read_and_wait(&scene, file, 4, back, 5), GRID_ERR_IO, "the file is shorter");
    cr_assert_eq(scene.storage->put(scene.storage, "snap", bytes_of_text("old")), GRID_ERR_OK);
    cr_assert_eq(work_on(&scene, STORAGE_RENAME, "snap.part", "snap", NULL), GRID_ERR_OK);
    cr_assert_str_eq(list(&scene), "snap ");
    cr_assert_eq(read_and_wait(&scene, file, 0, back, 3), GRID_ERR_OK, "an open file stays readable under its new name");
    scene.storage->close(scene.storage, file);
    cr_assert_eq(work_on(&scene, STORAGE_OPEN, "snap", NULL, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), 8);
    scene.storage->close(scene.storage, file);
    cr_assert_eq(work_on(&scene, STORAGE_CREATE, "snap", NULL, &file), GRID_ERR_OK);
    cr_assert_eq(scene.storage->size(scene.storage, file), 0, "what was in it is gone");
    scene.storage->close(scene.storage, file);
    cr_assert_eq(work_on(&scene, STORAGE_REMOVE, "snap", NULL, NULL), GRID_ERR_OK);
    cr_assert_eq(work_on(&scene, STORAGE_REMOVE, "snap", NULL, NULL), GRID_ERR_NOT_FOUND);
    cr_assert_eq(work_on(&scene, STORAGE_RENAME, "snap", "other", NULL), GRID_ERR_NOT_FOUND);
    cr_assert_str_eq(list(&scene), "");
    scene_close(&scene);
}

Test(uv_storage, reads_while_it_writes_and_while_other_files_are_opened)
{
    enum { READS = 16 };
    struct scene scene;
    struct file *file;
    struct written written[READS + 2] = {0};
    struct storage_work works[READS + 1];
    uint8_t back[READS][4];
    scene_open(&scene);
    for (size_t i = 0; i < READS; i++) {
        char name[16];
        snprintf(name, sizeof name, "file-%zu", i);
        uint8_t content[4] = {(uint8_t)i, 1, 2, 3};
        cr_assert_eq(scene.storage->put(scene.storage, name, bytes_of(content, 4)), GRID_ERR_OK);
        cr_assert_eq(scene.storage->open(scene.storage, name, false, &file), GRID_ERR_OK);
        works[i] = (struct storage_work){.kind = STORAGE_READ, .file = file, .data = back[i], .size = 4, .done = on_written, .context = &written[i]};
    }
    works[READS] = (struct storage_work){.kind = STORAGE_CREATE, .name = "new", .done = on_written, .context = &written[READS]};
    struct storage_write write = {.offset = 4, .data = bytes_of_text("more"), .sync = true, .done = on_written, .context = &written[READS + 1]};
    for (size_t i = 0; i <= READS; i++)
        scene.storage->work(scene.storage, &works[i]);
    scene.storage->write(scene.storage, works[0].file, &write);
    for (size_t i = 0; i < READS + 2; i++) {
        uv_fixture_wait(&scene.fixture, &written[i].done);
        cr_assert_eq(written[i].err, GRID_ERR_OK);
        if (i < READS)
            cr_assert_eq(back[i][0], i);
    }
    for (size_t i = 0; i <= READS; i++)
        scene.storage->close(scene.storage, works[i].file);
    scene_close(&scene);
}
