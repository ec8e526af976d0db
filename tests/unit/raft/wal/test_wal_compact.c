/* A log that snapshots shorten: what is removed, and what a start makes of the rest. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "raft/wal/wal_recover.h"
#include "tests/unit/raft/wal/wal_fixture.h"

static struct wal_fixture fixture;

static void set_up(void)
{
    fixture_init(&fixture, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
}

static void tear_down(void) { fixture_free(&fixture); }

TestSuite(wal_compact, .init = set_up, .fini = tear_down);

/* Entries `first` to `last` of a group, a page each. */
static void append(uint32_t group, uint64_t first, uint64_t last)
{
    for (uint64_t index = first; index <= last; index++) {
        fixture_append_sized(&fixture, group, index, 3000);
        fixture_settle(&fixture);
    }
}

static void note(uint32_t group, uint64_t index)
{
    struct wal_snapshot snapshot = {index, 1, 1, bytes_of_text("members")};
    wal_append_snapshot(fixture.wal, group, &snapshot);
    fixture_settle(&fixture);
}

static size_t collect(void)
{
    size_t removed = 0;
    uint64_t begin = wal_begin(fixture.wal);
    while (wal_collect(fixture.wal))
        continue;
    removed = (size_t)(wal_begin(fixture.wal) - begin) / FIXTURE_SEGMENT_BYTES;
    return removed;
}

static void take(uint32_t group, struct wal_group_state *ret_state)
{
    wal_take(fixture.wal, group, ret_state);
}

static uint16_t version_at(const char *name)
{
    return get_u16(fake_storage_content(fixture.disk, name).data + 8);
}

Test(wal_compact, keeps_its_format_until_the_first_snapshot)
{
    append(0, 1, 20);
    cr_assert_eq(version_at(SECOND_SEGMENT), WAL_FORMAT_FIRST, "an older program can still read it");
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    append(0, 21, 22);
    note(0, 22);
    append(0, 23, 50);
    cr_assert_eq(version_at(FIRST_SEGMENT), WAL_FORMAT_FIRST);
    cr_assert_eq(version_at("wal-0000000000030000"), WAL_FORMAT_VERSION);
}

Test(wal_compact, removes_segments_that_no_group_needs)
{
    note(0, (append(0, 1, 10), 10));
    append(0, 11, 60);
    cr_assert_eq(collect(), 0, "segments that begin without the state of the groups, or are needed, stay");
    note(0, 55);
    cr_assert_eq(collect(), 3);
    cr_assert_eq(wal_disk_bytes(fixture.wal), wal_page_align(wal_end(fixture.wal)) - 3 * FIXTURE_SEGMENT_BYTES);
    struct storage *storage = fake_storage_io(fixture.disk);
    struct file *file;
    cr_assert_eq(storage->open(storage, FIRST_SEGMENT, false, &file), GRID_ERR_NOT_FOUND);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct wal_group_state state;
    take(0, &state);
    cr_assert_eq(state.snapshot.index, 55);
    cr_assert(bytes_equal(state.snapshot.configuration, bytes_of_text("members")));
    cr_assert_eq(state.first_index, 56);
    cr_assert_eq(state.entries_count, 5);
    state_release(&state);
    append(0, 61, 62);
}

/* Several segments were written before the first snapshot: the log can begin at none of them, so they go together. */
Test(wal_compact, removes_segments_from_before_the_first_snapshot)
{
    append(0, 1, 40);
    note(0, 40);
    append(0, 41, 60);
    note(0, 55);
    cr_assert_geq(collect(), 3);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
}

/* A crash after each removal: what is left before the beginning is no loss, and goes with the next start. */
Test(wal_compact, finishes_an_interrupted_removal_at_the_next_start)
{
    append(0, 1, 40);
    note(0, 40);
    append(0, 41, 60);
    note(0, 55);
    cr_assert(wal_collect(fixture.wal));
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct file *file;
    struct storage *storage = fake_storage_io(fixture.disk);
    cr_assert_eq(storage->open(storage, SECOND_SEGMENT, false, &file), GRID_ERR_NOT_FOUND);
    struct wal_group_state state;
    take(0, &state);
    cr_assert_eq(state.snapshot.index, 55);
    cr_assert_eq(state.entries_count, 5);
    state_release(&state);
    append(0, 61, 62);
}

/* The same files, but a snapshot does not have what was in the one that is gone: it is lost. */
Test(wal_compact, refuses_a_log_without_its_first_segment_before_a_snapshot_has_it)
{
    append(1, 1, 1);
    append(0, 1, 40);
    note(0, 40);
    append(0, 41, 60);
    note(0, 55);
    struct storage *storage = fake_storage_io(fixture.disk);
    fixture_settle(&fixture);
    cr_assert_eq(storage->remove(storage, FIRST_SEGMENT), GRID_ERR_OK);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_CORRUPT);
    cr_assert(strstr(fixture.note, "of group 1, which no snapshot has") != NULL, "%s", fixture.note);
}

Test(wal_compact, keeps_a_segment_that_an_idle_group_needs)
{
    append(1, 1, 1);
    note(0, (append(0, 1, 10), 10));
    append(0, 11, 60);
    note(0, 60);
    cr_assert_eq(collect(), 0);
    cr_assert(wal_holds_back(fixture.wal, 1));
    cr_assert(!wal_holds_back(fixture.wal, 0));
    note(1, 1);
    cr_assert(!wal_holds_back(fixture.wal, 1));
    cr_assert_gt(collect(), 2);
}

Test(wal_compact, remembers_terms_and_votes_of_removed_segments)
{
    wal_append_meta(fixture.wal, 3, 7, 2);
    note(0, (append(0, 1, 10), 10));
    append(0, 11, 60);
    note(0, 60);
    cr_assert_gt(collect(), 2);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct wal_group_state state;
    take(3, &state);
    cr_assert_eq(state.term, 7);
    cr_assert_eq(state.vote, 2);
    cr_assert_eq(state.first_index, 1);
    state_release(&state);
}

Test(wal_compact, remembers_where_removed_openings_end)
{
    uint64_t first = wal_epoch(fixture.wal);
    append(0, 1, 3);
    uint64_t end = wal_page_align(wal_end(fixture.wal));
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    append(0, 4, 10);
    note(0, 10);
    append(0, 11, 60);
    note(0, 60);
    cr_assert_gt(collect(), 2);
    cr_assert_eq(wal_epoch_end(fixture.wal, first), end);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    cr_assert_eq(wal_epoch_end(fixture.wal, first), end);
    cr_assert_eq(wal_epoch_end(fixture.wal, wal_epoch(fixture.wal) - 1) != 0, true);
    cr_assert_eq(wal_epoch_end(fixture.wal, 999), 0, "an epoch that never was is not taken for one that is forgotten");
}

Test(wal_compact, forgets_the_oldest_of_many_openings)
{
    uint64_t first = wal_epoch(fixture.wal);
    append(0, 1, 1);
    note(0, 1);
    for (int i = 0; i < WAL_EPOCHS_KEPT + 20; i++) {
        fixture_settle(&fixture);
        cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    }
    append(0, 2, 60);
    note(0, 60);
    cr_assert_gt(collect(), 10);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    cr_assert_eq(wal_epoch_end(fixture.wal, first), UINT64_MAX);
    cr_assert_neq(wal_epoch_end(fixture.wal, wal_epoch(fixture.wal) - 1), UINT64_MAX);
}

Test(wal_compact, refuses_a_lost_segment_that_is_needed)
{
    note(0, (append(0, 1, 10), 10));
    append(0, 11, 60);
    note(0, 20);
    fixture_crash(&fixture, FAKE_CRASH_PROCESS);
    struct storage *storage = fake_storage_io(fixture.disk);
    cr_assert_eq(storage->remove(storage, FIRST_SEGMENT), GRID_ERR_OK);
    cr_assert_eq(storage->remove(storage, SECOND_SEGMENT), GRID_ERR_OK);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "the segments before are missing, with the entries 21 to "), "%s", fixture.note);
}

Test(wal_compact, refuses_a_log_that_begins_without_the_state_of_its_groups)
{
    append(0, 1, 40);
    note(0, 40);
    fixture_crash(&fixture, FAKE_CRASH_PROCESS);
    struct storage *storage = fake_storage_io(fixture.disk);
    cr_assert_eq(storage->remove(storage, FIRST_SEGMENT), GRID_ERR_OK);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "the log begins at position 65536: the segments before are missing"), "%s", fixture.note);
}

Test(wal_compact, an_installed_snapshot_replaces_the_log)
{
    append(0, 1, 5);
    struct wal_snapshot snapshot = {100, 9, 1, bytes_of_text("members")};
    wal_append_install(fixture.wal, 0, &snapshot);
    append(0, 101, 101);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct wal_group_state state;
    take(0, &state);
    cr_assert_eq(state.snapshot.index, 100);
    cr_assert_eq(state.snapshot.term, 9);
    cr_assert_eq(state.first_index, 101);
    cr_assert_eq(state.entries_count, 1);
    state_release(&state);
}

Test(wal_compact, a_snapshot_counts_only_once_its_note_is_durable)
{
    note(0, (append(0, 1, 10), 10));
    append(0, 11, 60);
    struct wal_snapshot snapshot = {60, 1, 1, bytes_of_text("members")};
    wal_append_snapshot(fixture.wal, 0, &snapshot);
    cr_assert_eq(collect(), 0);
    fixture_settle(&fixture);
    cr_assert_gt(collect(), 2);
}

Test(wal_compact, refuses_a_state_that_differs_from_what_came_before)
{
    struct wal_fold fold;
    char fault[WAL_FAULT_BYTES];
    wal_fold_init(&fold, 1);
    struct buffer payload = {0};
    wal_state_put(&payload, &(struct wal_state_view){.term = 3, .next_index = 1});
    struct wal_record record = {.type = WAL_RECORD_STATE, .payload = buffer_bytes(&payload)};
    cr_assert(!wal_fold_apply(&fold, &record, fault));
    cr_assert_str_eq(fault, "the state at the beginning of a file differs from the files before it (group 0, index 1, next index 1)");
    buffer_close(&payload);
    wal_fold_close(&fold);
}

Test(wal_compact, refuses_snapshots_outside_the_log)
{
    struct wal_cursor cursor = {.first_index = 11, .next_index = 21};
    cr_assert_not_null(wal_cursor_snapshot(&cursor, 9));
    cr_assert_not_null(wal_cursor_snapshot(&cursor, 21));
    cr_assert_null(wal_cursor_snapshot(&cursor, 10), "the same snapshot again");
    cr_assert_null(wal_cursor_snapshot(&cursor, 20));
    cr_assert_not_null(wal_cursor_install(&cursor, 20));
    cr_assert_null(wal_cursor_install(&cursor, 300));
    cr_assert_eq(cursor.first_index, 301);
    cr_assert_eq(cursor.next_index, 301);
}
