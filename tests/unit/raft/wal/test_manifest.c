/* The second place that knows how far the log must reach (docs/formats/manifest.md). */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "raft/wal/manifest.h"
#include "tests/support/fake_storage.h"

enum { INCARNATION = 7, PAGE = 4096 };

struct shelf {
    struct fake_storage *disk;
    struct storage *storage;
    struct manifest *manifest;
    char *note;
    uint64_t saved;
    unsigned failures;
};

static void on_saved(void *context, uint64_t number)
{
    struct shelf *shelf = context;
    cr_assert_gt(number, shelf->saved);
    shelf->saved = number;
}

static void on_failed(void *context)
{
    struct shelf *shelf = context;
    shelf->failures++;
}

static enum grid_err open_again(struct shelf *shelf)
{
    if (shelf->manifest != NULL)
        manifest_close(shelf->manifest);
    shelf->manifest = NULL;
    memory_free(shelf->note);
    shelf->note = NULL;
    shelf->saved = 0;
    while (fake_storage_complete(shelf->disk))
        continue;
    enum grid_err err = manifest_open(shelf->storage, INCARNATION, false, &shelf->manifest, &shelf->note);
    if (err == GRID_ERR_OK)
        manifest_listen(shelf->manifest, on_saved, on_failed, shelf);
    return err;
}

static void begin(struct shelf *shelf, uint64_t seed)
{
    *shelf = (struct shelf){.disk = fake_storage_open(seed)};
    shelf->storage = fake_storage_io(shelf->disk);
    cr_assert_eq(manifest_begin(shelf->storage, 5, LOST_NOTHING, &shelf->note), GRID_ERR_OK);
    cr_assert_eq(open_again(shelf), GRID_ERR_OK);
}

static void end(struct shelf *shelf)
{
    if (shelf->manifest != NULL)
        manifest_close(shelf->manifest);
    memory_free(shelf->note);
    fake_storage_crash(shelf->disk, FAKE_CRASH_PROCESS);
    fake_storage_close(shelf->disk);
}

static void save_position(struct shelf *shelf, uint64_t position)
{
    manifest_content(shelf->manifest)->floor = (struct wal_floor){.epoch = 3, .position = position};
    uint64_t number = manifest_save(shelf->manifest);
    while (fake_storage_complete(shelf->disk))
        continue;
    cr_assert_eq(shelf->saved, number);
}

Test(manifest, keeps_what_was_saved)
{
    struct shelf shelf;
    begin(&shelf, 1);
    struct peer_memory *peer = manifest_peer(shelf.manifest, (struct node_id){3});
    *peer = (struct peer_memory){.incarnation = 11, .epoch = 12, .position = 13};
    manifest_lose(manifest_content(shelf.manifest), 5, LOST_ALL);
    manifest_group_whole(manifest_content(shelf.manifest), 2);
    save_position(&shelf, 4 * PAGE);
    cr_assert_eq(open_again(&shelf), GRID_ERR_OK);
    const struct manifest_content *content = manifest_content(shelf.manifest);
    cr_assert_eq(content->floor.epoch, 3u);
    cr_assert_eq(content->floor.position, 4u * PAGE);
    cr_assert_eq(content->lost, LOST_ALL);
    cr_assert(content->begun);
    cr_assert_eq(manifest_groups_left(content), 4u);
    cr_assert(!manifest_group_left(content, 2) && manifest_group_left(content, 4));
    peer = manifest_peer(shelf.manifest, (struct node_id){3});
    cr_assert(peer->incarnation == 11 && peer->epoch == 12 && peer->position == 13);
    end(&shelf);
}

Test(manifest, the_last_group_ends_what_was_lost)
{
    struct manifest_content content = {0};
    manifest_lose(&content, 2, LOST_ALL);
    manifest_group_whole(&content, 1);
    cr_assert_eq(content.lost, LOST_ALL);
    manifest_group_whole(&content, 0);
    cr_assert_eq(content.lost, LOST_NOTHING);
}

Test(manifest, a_power_cut_in_a_save_leaves_the_one_before_or_the_new_one)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct shelf shelf;
        begin(&shelf, seed);
        save_position(&shelf, PAGE);
        save_position(&shelf, 2 * PAGE);
        manifest_content(shelf.manifest)->floor.position = 3 * PAGE;
        manifest_save(shelf.manifest);
        manifest_close(shelf.manifest);
        shelf.manifest = NULL;
        fake_storage_crash(shelf.disk, FAKE_CRASH_POWER);
        cr_assert_eq(open_again(&shelf), GRID_ERR_OK, "seed %llu: %s", (unsigned long long)seed, shelf.note == NULL ? "" : shelf.note);
        uint64_t position = manifest_content(shelf.manifest)->floor.position;
        cr_assert(position == 2 * PAGE || position == 3 * PAGE);
        save_position(&shelf, 4 * PAGE);
        cr_assert_eq(open_again(&shelf), GRID_ERR_OK);
        cr_assert_eq(manifest_content(shelf.manifest)->floor.position, 4u * PAGE);
        end(&shelf);
    }
}

Test(manifest, refuses_to_be_missing)
{
    struct shelf shelf;
    begin(&shelf, 1);
    manifest_close(shelf.manifest);
    shelf.manifest = NULL;
    fake_storage_delete(shelf.disk, "manifest");
    cr_assert_eq(open_again(&shelf), GRID_ERR_CORRUPT);
    cr_assert_not_null(strstr(shelf.note, "manifest: missing"));
    end(&shelf);
}

Test(manifest, lives_on_one_copy_and_refuses_without_any)
{
    struct shelf shelf;
    begin(&shelf, 1);
    save_position(&shelf, PAGE);
    fake_storage_flip(shelf.disk, "manifest", 20, 1);
    cr_assert_eq(open_again(&shelf), GRID_ERR_OK);
    fake_storage_flip(shelf.disk, "manifest", PAGE + 20, 1);
    cr_assert_eq(open_again(&shelf), GRID_ERR_CORRUPT);
    cr_assert_not_null(strstr(shelf.note, "manifest: damaged"));
    end(&shelf);
}

Test(manifest, refuses_that_of_another_incarnation)
{
    struct shelf shelf;
    begin(&shelf, 1);
    save_position(&shelf, PAGE);
    manifest_close(shelf.manifest);
    shelf.manifest = NULL;
    cr_assert_eq(manifest_open(shelf.storage, INCARNATION + 1, false, &shelf.manifest, &shelf.note), GRID_ERR_CORRUPT);
    cr_assert_not_null(strstr(shelf.note, "two directories were mixed"));
    end(&shelf);
}

Test(manifest, a_failed_write_is_told_once_and_nothing_is_saved_after_it)
{
    struct shelf shelf;
    begin(&shelf, 1);
    fake_storage_fail(shelf.disk, FAKE_WRITE, 0, 1, GRID_ERR_IO);
    manifest_save(shelf.manifest);
    while (fake_storage_complete(shelf.disk))
        continue;
    cr_assert_eq(shelf.failures, 1u);
    manifest_save(shelf.manifest);
    cr_assert_eq(fake_storage_pending(shelf.disk), 0u);
    cr_assert_eq(shelf.saved, 0u);
    end(&shelf);
}
