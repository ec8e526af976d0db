#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "grid/node/dump/dump.h"
#include "tests/unit/raft/snapshot/snapshot_fixture.h"
#include "tests/unit/raft/wal/wal_fixture.h"

/* A file under the name that its content has in a data directory, and what dump says about it. */
struct scene { char folder[32], path[128]; char *out, *errors; };

static void scene_open(struct scene *scene, const char *name, struct bytes content)
{
    *scene = (struct scene){.folder = "/tmp/gridiron-dump-XXXXXX"};
    cr_assert_not_null(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof scene->path, "%s/%s", scene->folder, name);
    FILE *file = fopen(scene->path, "wb");
    cr_assert_not_null(file);
    cr_assert(content.size == 0 || fwrite(content.data, 1, content.size, file) == content.size);
    fclose(file);
}

static void forget(struct scene *scene)
{
    memory_free(scene->out);
    memory_free(scene->errors);
    scene->out = scene->errors = NULL;
}

static int dump(struct scene *scene, bool json, uint64_t limit)
{
    size_t out_size, errors_size;
    forget(scene);
    FILE *out = open_memstream(&scene->out, &out_size), *errors = open_memstream(&scene->errors, &errors_size);
    struct dump_options options = {.file = scene->path, .json = json, .limit = limit};
    int status = dump_run(&options, out, errors);
    fclose(out);
    fclose(errors);
    return status;
}

static void scene_close(struct scene *scene)
{
    forget(scene);
    unlink(scene->path);
    rmdir(scene->folder);
}

static struct buffer log_of(void)
{
    struct wal_fixture fixture;
    struct buffer content = {0};
    fixture_init(&fixture, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    wal_append_meta(fixture.wal, 2, 5, 3);
    fixture_append(&fixture, 1, 1, "first");
    fixture_settle(&fixture);
    fixture_append(&fixture, 1, 2, "second");
    wal_append_truncate(fixture.wal, 1, 2);
    fixture_settle(&fixture);
    buffer_append(&content, fake_storage_content(fixture.disk, FIRST_SEGMENT));
    fixture_free(&fixture);
    return content;
}

#define SAYS(text, part) cr_assert_not_null(strstr(text, part), "%s", text)

Test(dump, prints_the_records_of_a_log)
{
    struct buffer log = log_of();
    struct scene scene;
    scene_open(&scene, FIRST_SEGMENT, buffer_bytes(&log));
    cr_assert_eq(dump(&scene, false, 0), 0, "%s", scene.errors);
    SAYS(scene.out, "         0  flush     epoch=1 position=0 ");
    SAYS(scene.out, "meta      group=2 term=5 vote=3");
    SAYS(scene.out, "entry     group=1 index=2 term=1 type=");
    SAYS(scene.out, "truncate  group=1 index=2");
    cr_assert_eq(dump(&scene, true, 0), 0);
    SAYS(scene.out, "{\"offset\":64,\"record\":\"meta\",\"group\":2,\"term\":5,\"vote\":3}\n");
    cr_assert_eq(dump(&scene, false, 2), 0);
    cr_assert_null(strstr(scene.out, "entry"));
    SAYS(scene.out, "more records are whole.");
    scene_close(&scene);
    buffer_close(&log);
}

Test(dump, names_the_place_of_damage_in_a_log_and_whether_a_start_would_cut_it)
{
    struct buffer log = log_of();
    struct scene scene;
    log.data[64 + 40] ^= 1;
    scene_open(&scene, FIRST_SEGMENT, buffer_bytes(&log));
    cr_assert_eq(dump(&scene, false, 1), 1, "what is not printed is checked");
    SAYS(scene.errors, "offset 64: ");
    SAYS(scene.errors, "good flushes follow it");
    scene_close(&scene);
    log.data[64 + 40] ^= 1;
    memset(log.data + 4096 + 70, 0xff, 8);
    scene_open(&scene, FIRST_SEGMENT, buffer_bytes(&log));
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "offset 4160: ");
    SAYS(scene.errors, "nothing good follows it in this file");
    SAYS(scene.out, "index=1 ");
    scene_close(&scene);
    scene_open(&scene, SECOND_SEGMENT, buffer_bytes(&log));
    cr_assert_eq(dump(&scene, false, 0), 1, "it belongs to another position");
    SAYS(scene.errors, "offset 0: ");
    scene_close(&scene);
    memset(log.data, 0, log.size);
    log.data[log.size - 1] = 1;
    scene_open(&scene, FIRST_SEGMENT, buffer_bytes(&log));
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "offset 65535: there are bytes behind the last flush");
    scene_close(&scene);
    buffer_close(&log);
}

Test(dump, prints_a_snapshot_and_names_its_damage)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, 100 * 1000), file = {0};
    struct scene scene;
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
    buffer_append(&file, fake_storage_content(disk, "snap-00000007-0000000000000005"));
    scene_open(&scene, "a-copy", buffer_bytes(&file));
    cr_assert_eq(dump(&scene, false, 0), 0, "%s", scene.errors);
    SAYS(scene.out, "         0  head      group=7 index=5 term=3 configurationIndex=2 configurationBytes=15 owner=0000000000000063\n"
                    "        79  chunk     before=0 bytes=65536\n     65631  chunk     before=65536 bytes=34464\n");
    SAYS(scene.out, "end       bytes=100000 chunks=2 hash=");
    SAYS(scene.out, "not decoded");
    cr_assert_eq(dump(&scene, true, 0), 0);
    cr_assert_null(strstr(scene.out, "not decoded"), "JSON is JSON");
    scene_close(&scene);
    file.data[65631 + 100] ^= 1;
    scene_open(&scene, "snap-00000007-0000000000000005", buffer_bytes(&file));
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "offset 65631: the checksum of the chunk does not match");
    SAYS(scene.out, "before=0 ");
    cr_assert_null(strstr(scene.out, "before=65536"));
    scene_close(&scene);
    scene_open(&scene, "snap-00000007-0000000000000005.part", bytes_of(file.data, 65631));
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "offset 65631: the file ends before its end record");
    scene_close(&scene);
    scene_open(&scene, "snap-00000007-0000000000000005", BYTES_NONE);
    cr_assert_eq(dump(&scene, false, 0), 1, "an empty file");
    scene_close(&scene);
    fake_storage_close(disk);
    buffer_close(&state);
    buffer_close(&file);
}

Test(dump, refuses_other_files)
{
    struct scene scene;
    scene_open(&scene, "notes", bytes_of_text("buy milk"));
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "no file of a data directory");
    snprintf(scene.path + strlen(scene.path), 8, ".none");
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "No such file");
    scene.path[strlen(scene.path) - 5] = 0;
    scene_close(&scene);
    snprintf(scene.path, sizeof scene.path, "/tmp");
    cr_assert_eq(dump(&scene, false, 0), 1);
    SAYS(scene.errors, "not a regular file");
    forget(&scene);
}

/* Nothing of it may crash: every byte of a small log and a snapshot changes once. */
Test(dump, bears_every_changed_byte)
{
    struct buffer log = log_of();
    struct scene scene;
    for (size_t at = 0; at < 400; at++) {
        log.data[at] ^= 0xa5;
        scene_open(&scene, FIRST_SEGMENT, buffer_bytes(&log));
        cr_assert_eq(dump(&scene, false, 1), at < 64 + 32 + 16 || strlen(scene.errors) > 0, "byte %zu", at);
        scene_close(&scene);
        log.data[at] ^= 0xa5;
    }
    buffer_close(&log);
}
