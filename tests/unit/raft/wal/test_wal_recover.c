#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "raft/wal/wal_recover.h"
#include "tests/unit/raft/wal/wal_fixture.h"

static struct wal_fixture fixture;

static void set_up(void) { fixture_init(&fixture, 1); }

static void tear_down(void) { fixture_free(&fixture); }

TestSuite(wal_recover, .init = set_up, .fini = tear_down);

static void open_settled(void)
{
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
}

/* Opens the log and appends `count` entries to group 0, a flush each: entry n begins with flush n, page n + 1. */
static void write_log(uint64_t count)
{
    open_settled();
    for (uint64_t index = 1; index <= count; index++) {
        fixture_append(&fixture, 0, index, "entry");
        fixture_settle(&fixture);
    }
    wal_close(fixture.wal);
    fixture.wal = NULL;
}

static size_t entries_recovered(void)
{
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct wal_group_state state = fixture_take(&fixture, 0);
    size_t count = state.entries_count;
    state_release(&state);
    return count;
}

static uint64_t page(uint64_t number) { return number * WAL_PAGE_BYTES; }

/* ---- the torn tail ---- */

Test(wal_recover, cuts_a_torn_tail)
{
    write_log(5);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(5) + 70, 1);
    cr_assert_eq(entries_recovered(), 4);
    cr_assert_eq(wal_end(fixture.wal), page(5));
    cr_assert_eq(wal_durable(fixture.wal), page(5));
}

Test(wal_recover, cuts_a_flush_as_a_whole)
{
    open_settled();
    fixture_append_sized(&fixture, 0, 1, 5000);
    fixture_append(&fixture, 0, 2, "in the second page");
    fixture_settle(&fixture);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(2) + 1000, 1);
    cr_assert_eq(entries_recovered(), 0, "the first record is whole, but it was never acknowledged alone");
}

Test(wal_recover, cuts_durably)
{
    write_log(5);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(5) + 70, 1);
    cr_assert_eq(entries_recovered(), 4);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    cr_assert_eq(content.size, FIXTURE_SEGMENT_BYTES);
    for (size_t at = page(5); at < content.size; at++)
        cr_assert_eq(content.data[at], 0, "byte %zu", at);
    fixture_append(&fixture, 0, 5, "another");
    fixture_settle(&fixture);
    fixture_crash(&fixture, FAKE_CRASH_POWER);
    cr_assert_eq(entries_recovered(), 5);
}

Test(wal_recover, keeps_an_acknowledged_flush_when_the_next_one_is_torn)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct wal_fixture other;
        fixture_init(&other, seed);
        cr_assert_eq(fixture_open(&other), GRID_ERR_OK);
        fixture_settle(&other);
        fixture_append(&other, 0, 1, "acknowledged");
        fixture_settle(&other);
        fixture_append_sized(&other, 0, 2, 9000);
        fake_clock_run(&other.clock);
        cr_assert_eq(fake_storage_pending(other.disk), 1);
        fixture_crash(&other, FAKE_CRASH_POWER);
        cr_assert_eq(fixture_open(&other), GRID_ERR_OK, "seed %lu: %s", seed, other.note);
        struct wal_group_state state = fixture_take(&other, 0);
        cr_assert_geq(state.entries_count, 1);
        cr_assert(state_entry_is(&state, 0, "acknowledged"));
        state_release(&state);
        fixture_free(&other);
    }
}

static void on_progress(void *context, size_t files, size_t files_all)
{
    size_t *seen = context;
    cr_expect_eq(files, seen[0] + 1);
    seen[0] = files;
    seen[1] = files_all;
}

Test(wal_recover, tells_of_every_file_that_it_has_read)
{
    struct wal_fixture other;
    struct wal_fold fold;
    struct wal_recovery recovery;
    char *note = NULL;
    size_t seen[2] = {0, 0};
    fixture_init(&other, 1);
    cr_assert_eq(fixture_open(&other), GRID_ERR_OK);
    for (uint64_t index = 1; index <= 12; index++) {
        fixture_append_sized(&other, 0, index, 20000);
        fixture_settle(&other);
    }
    fixture_crash(&other, FAKE_CRASH_POWER);
    wal_fold_init(&fold, FIXTURE_GROUPS);
    const struct wal_recover_options options = {.storage = other.options.storage, .progress = on_progress, .context = seen};
    cr_assert_eq(wal_recover(&options, &fold, &recovery, &note), GRID_ERR_OK, "%s", note);
    cr_expect(seen[1] >= 3 && seen[0] + 1 >= seen[1], "%zu of %zu files", seen[0], seen[1]);
    memory_free(recovery.epochs);
    wal_fold_close(&fold);
    fixture_free(&other);
}

Test(wal_recover, makes_what_it_found_in_the_cache_durable)
{
    /* Killed between write and sync, then a power cut after the log was opened again (F19). */
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct wal_fixture other;
        fixture_init(&other, seed);
        other.options.sync = false;
        cr_assert_eq(fixture_open(&other), GRID_ERR_OK);
        fixture_settle(&other);
        fixture_append(&other, 0, 1, "written, not synced");
        fixture_settle(&other);
        fixture_crash(&other, FAKE_CRASH_PROCESS);
        cr_assert_eq(fixture_open(&other), GRID_ERR_OK);
        cr_assert_eq(wal_durable(other.wal), page(2));
        fixture_crash(&other, FAKE_CRASH_POWER);
        cr_assert_eq(fixture_open(&other), GRID_ERR_OK);
        cr_assert_eq(wal_durable(other.wal), page(2), "seed %lu", seed);
        fixture_free(&other);
    }
}

Test(wal_recover, does_not_take_unsynced_flushes_for_damage)
{
    fixture.options.sync = false;
    write_log(4);
    static const uint8_t NOTHING[WAL_PAGE_BYTES];
    fake_storage_patch(fixture.disk, FIRST_SEGMENT, page(2), bytes_of(NOTHING, sizeof NOTHING));
    cr_assert_eq(entries_recovered(), 1, "the flushes behind the lost one go too");
}

Test(wal_recover, takes_unsynced_data_before_a_synced_term_for_durable)
{
    fixture.options.sync = false;
    open_settled();
    fixture_append(&fixture, 0, 1, "entry");
    fixture_settle(&fixture);
    wal_append_meta(fixture.wal, 0, 1, 1);
    fixture_settle(&fixture);
    fixture_append(&fixture, 0, 2, "entry");
    fixture_settle(&fixture);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(1) + 70, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
}

/* ---- damage ---- */

Test(wal_recover, refuses_a_damaged_record_below_the_durable_position)
{
    write_log(5);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(3) + 100, 0x10);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *before = memory_copy(content.data, content.size);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset 12352: the checksum of a record differs"), "%s",
              fixture.note);
    cr_assert(fixture_note_has(&fixture, "the flush in " FIRST_SEGMENT " at offset 16384"), "%s", fixture.note);
    content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    cr_assert_arr_eq(before, content.data, content.size, "a log that is refused is not touched");
    memory_free(before);
}

Test(wal_recover, refuses_a_damaged_flush_header_below_the_durable_position)
{
    write_log(5);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(3) + 24, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "offset 12288: the checksum of the flush header differs"), "%s", fixture.note);
}

Test(wal_recover, refuses_damage_in_a_closed_segment)
{
    write_log(40);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(15) + 66, 0x80);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset"), "%s", fixture.note);
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(15) + 66, 0x80);
    fake_storage_flip(fixture.disk, SECOND_SEGMENT, 66, 0x80);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, SECOND_SEGMENT ": offset 64: "), "%s", fixture.note);
}

Test(wal_recover, refuses_damage_to_what_an_earlier_recovery_vouched_for)
{
    write_log(5);
    open_settled();
    wal_close(fixture.wal);
    fixture.wal = NULL;
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(5) + 70, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT, "it was the last flush, but it was read once");
}

Test(wal_recover, refuses_a_missing_segment)
{
    write_log(40);
    struct bytes content = fake_storage_content(fixture.disk, SECOND_SEGMENT);
    uint8_t *second = memory_copy(content.data, content.size);
    fake_storage_delete(fixture.disk, SECOND_SEGMENT);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, THIRD_SEGMENT ": offset 0: the flush before this one is missing"), "%s",
              fixture.note);
    fake_storage_store(fixture.disk, SECOND_SEGMENT, bytes_of(second, FIXTURE_SEGMENT_BYTES));
    memory_free(second);
    cr_assert_eq(entries_recovered(), 40);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    fake_storage_delete(fixture.disk, FIRST_SEGMENT);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "segments before are missing"), "%s", fixture.note);
}

/* What is missing at the end leaves no trace in the log: the floor comes from the manifest. */
Test(wal_recover, refuses_a_log_that_ends_below_its_floor)
{
    write_log(40);
    fake_storage_delete(fixture.disk, THIRD_SEGMENT);
    fixture.options.floor = (struct wal_floor){.epoch = 1, .position = page(41)};
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "durable log is missing") && fixture_note_has(&fixture, SECOND_SEGMENT), "%s", fixture.note);
    fixture.options.floor = (struct wal_floor){.epoch = 1, .position = page(32)};
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK, "nothing was changed, and what is there is enough for another floor");
}

Test(wal_recover, refuses_a_log_of_an_older_epoch_than_its_floor)
{
    write_log(3);
    fixture.options.floor = (struct wal_floor){.epoch = 2, .position = page(3)};
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "older copy"), "%s", fixture.note);
    fixture.options.floor.epoch = 1;
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
}

Test(wal_recover, refuses_a_segment_that_was_cut_short)
{
    write_log(40);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *first = memory_copy(content.data, content.size);
    fake_storage_store(fixture.disk, FIRST_SEGMENT, bytes_of(first, page(9) + 80));
    memory_free(first);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset 36864: the file ends inside a flush"), "%s",
              fixture.note);
}

Test(wal_recover, takes_a_flush_without_its_padding_for_torn)
{
    write_log(3);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *first = memory_copy(content.data, content.size);
    fake_storage_store(fixture.disk, FIRST_SEGMENT, bytes_of(first, page(4) - 1));
    memory_free(first);
    cr_assert_eq(entries_recovered(), 2);
    cr_assert_eq(wal_end(fixture.wal), page(3));
}

Test(wal_recover, refuses_a_misdirected_write)
{
    write_log(8);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    fake_storage_patch(fixture.disk, FIRST_SEGMENT, page(3), bytes_of(content.data + page(6), WAL_PAGE_BYTES));
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "offset 12288: the flush header belongs to another position"), "%s",
              fixture.note);
}

/* ---- what is left over from earlier lives ---- */

Test(wal_recover, starts_a_new_epoch_at_every_open)
{
    for (uint64_t epoch = 1; epoch <= 5; epoch++) {
        open_settled();
        struct wal_flush_header header;
        const uint8_t *content = fake_storage_content(fixture.disk, FIRST_SEGMENT).data;
        uint64_t position = page(epoch - 1);
        cr_assert_null(wal_flush_header_get(bytes_of(content + position, WAL_PAGE_BYTES), position, &header));
        cr_assert_eq(header.epoch, epoch);
        cr_assert_eq(header.durable, position, "what was recovered is stated durable");
    }
}

Test(wal_recover, knows_which_epochs_the_log_has_and_where_they_end)
{
    fixture.options.epoch_step = 6;
    open_settled();
    cr_assert_eq(wal_epoch(fixture.wal), 7u);
    cr_assert_eq(wal_epoch_end(fixture.wal, 7), 0u, "of earlier openings only");
    uint64_t first = wal_synced(fixture.wal);
    fixture.options.epoch_step = 0;
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    fixture_append(&fixture, 0, 1, "in the second epoch");
    fixture_settle(&fixture);
    uint64_t second = wal_synced(fixture.wal);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    cr_assert_eq(wal_epoch(fixture.wal), 9u);
    cr_assert_eq(wal_epoch_end(fixture.wal, 7), first);
    cr_assert_eq(wal_epoch_end(fixture.wal, 8), second);
    cr_assert_gt(second, first);
    cr_assert_eq(wal_epoch_end(fixture.wal, 6), 0u);
}

Test(wal_recover, ignores_the_content_of_a_reused_segment)
{
    write_log(20);
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *first = memory_copy(content.data, content.size);
    fake_storage_store(fixture.disk, THIRD_SEGMENT, bytes_of(first, FIXTURE_SEGMENT_BYTES));
    memory_free(first);
    cr_assert_eq(entries_recovered(), 20);
    cr_assert(!fake_storage_has(fixture.disk, THIRD_SEGMENT));
}

Test(wal_recover, ignores_stale_bytes_in_a_file_that_was_put_in_its_way)
{
    write_log(2);
    cr_assert_eq(entries_recovered(), 2);
    uint8_t junk[100];
    memset(junk, 0xee, sizeof junk);
    fake_storage_store(fixture.disk, SECOND_SEGMENT, bytes_of(junk, sizeof junk));
    for (uint64_t index = 3; index <= 30; index++) {
        fixture_append(&fixture, 0, index, "entry");
        fixture_settle(&fixture);
    }
    wal_close(fixture.wal);
    fixture.wal = NULL;
    cr_assert_eq(entries_recovered(), 30);
}

Test(wal_recover, ignores_flushes_of_an_older_epoch)
{
    /* As if the tail had not been erased: where the second epoch ends stands a flush of the first that would fit. */
    write_log(3);
    open_settled();
    wal_close(fixture.wal);
    fixture.wal = NULL;
    struct wal_flush_header stale = {
        .version = WAL_FORMAT_FIRST, .size = WAL_FLUSH_HEADER_BYTES, .epoch = 1, .position = page(5), .previous = page(5), .durable = page(4)};
    uint8_t bytes[WAL_FLUSH_HEADER_BYTES];
    wal_flush_header_put(bytes, &stale);
    fake_storage_patch(fixture.disk, FIRST_SEGMENT, page(5), bytes_of(bytes, sizeof bytes));
    cr_assert_eq(entries_recovered(), 3);
    cr_assert_eq(wal_end(fixture.wal), page(5));
}

Test(wal_recover, ignores_records_of_an_older_epoch_inside_a_torn_flush)
{
    open_settled();
    fixture_append_sized(&fixture, 0, 1, 5000);
    fixture_append(&fixture, 0, 2, "old");
    fixture_settle(&fixture);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *bytes = memory_copy(content.data, content.size);
    /* The same flush in a newer epoch of which only the first page, with the header, arrived. */
    struct wal_flush_header header;
    cr_assert_null(wal_flush_header_get(bytes_of(bytes + page(1), page(2)), page(1), &header));
    header.epoch++;
    wal_flush_header_put(bytes + page(1), &header);
    fake_storage_store(fixture.disk, FIRST_SEGMENT, bytes_of(bytes, FIXTURE_SEGMENT_BYTES));
    memory_free(bytes);
    cr_assert_eq(entries_recovered(), 0);
    cr_assert_eq(wal_end(fixture.wal), page(1));
}

Test(wal_recover, ignores_records_of_another_flush_inside_a_torn_one)
{
    /* Two flushes of the same shape; of the second one the second page never arrived, and another's lies there. */
    open_settled();
    for (uint64_t index = 1; index <= 3; index += 2) {
        fixture_append_sized(&fixture, 0, index, 5000);
        fixture_append(&fixture, 0, index + 1, "small");
        fixture_settle(&fixture);
    }
    wal_close(fixture.wal);
    fixture.wal = NULL;
    const uint8_t *content = fake_storage_content(fixture.disk, FIRST_SEGMENT).data;
    fake_storage_patch(fixture.disk, FIRST_SEGMENT, page(4), bytes_of(content + page(2), WAL_PAGE_BYTES));
    cr_assert_eq(entries_recovered(), 2);
    cr_assert_eq(wal_end(fixture.wal), page(3));
}

Test(wal_recover, never_uses_the_epoch_of_a_torn_flush_again)
{
    write_log(2);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fixture_append(&fixture, 0, 3, "torn, in the opening flush of epoch 2");
    fixture_settle(&fixture);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    fake_storage_flip(fixture.disk, FIRST_SEGMENT, page(3) + 70, 1);
    cr_assert_eq(entries_recovered(), 2);
    fixture_settle(&fixture);
    struct wal_flush_header header;
    const uint8_t *content = fake_storage_content(fixture.disk, FIRST_SEGMENT).data;
    cr_assert_null(wal_flush_header_get(bytes_of(content + page(3), WAL_PAGE_BYTES), page(3), &header));
    cr_assert_eq(header.epoch, 3);
}

Test(wal_recover, ignores_files_that_are_no_segments)
{
    write_log(3);
    fake_storage_store(fixture.disk, "identity", bytes_of_text("x"));
    fake_storage_store(fixture.disk, "wal-000000000000000Z", bytes_of_text("x"));
    fake_storage_store(fixture.disk, "wal-00000000000000000", bytes_of_text("x"));
    cr_assert_eq(entries_recovered(), 3);
    cr_assert(fake_storage_has(fixture.disk, "identity"));
    cr_assert(fake_storage_has(fixture.disk, "wal-00000000000000000"));
}

Test(wal_recover, survives_a_crash_in_the_middle_of_its_own_cut)
{
    write_log(20);
    fake_storage_flip(fixture.disk, SECOND_SEGMENT, page(4) + 70, 1);
    fake_storage_store(fixture.disk, THIRD_SEGMENT, bytes_of_text("prepared ahead"));
    fake_storage_fail(fixture.disk, FAKE_TRUNCATE, 0, 1, GRID_ERR_IO);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_IO);
    cr_assert(!fake_storage_has(fixture.disk, THIRD_SEGMENT), "the cut goes from the back");
    cr_assert_eq(entries_recovered(), 19);
}

/* ---- settings ---- */

Test(wal_recover, reads_a_log_written_with_other_segment_sizes)
{
    write_log(20);
    fixture.options.segment_bytes = 4 * WAL_PAGE_BYTES;
    open_settled();
    for (uint64_t index = 21; index <= 30; index++) {
        fixture_append(&fixture, 0, index, "entry");
        fixture_settle(&fixture);
    }
    fixture.options.segment_bytes = 64 * WAL_PAGE_BYTES;
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
    for (uint64_t index = 31; index <= 120; index++) {
        fixture_append(&fixture, 0, index, "entry");
        fixture_settle(&fixture);
    }
    wal_close(fixture.wal);
    fixture.wal = NULL;
    cr_assert_eq(entries_recovered(), 120);
}

Test(wal_recover, refuses_a_newer_format)
{
    write_log(3);
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    memcpy(at, fake_storage_content(fixture.disk, FIRST_SEGMENT).data + page(2), sizeof at);
    put_u16(at + 8, 3);
    put_u32(at, crc32c(bytes_of(at + 4, sizeof at - 4)));
    fake_storage_patch(fixture.disk, FIRST_SEGMENT, page(2), bytes_of(at, sizeof at));
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_MISMATCH);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset 8192: format version 3, this program reads 2"), "%s",
              fixture.note);
}

Test(wal_recover, refuses_a_segment_of_another_node)
{
    fixture.options.owner = 7;
    write_log(3);
    fixture.options.owner = 8;
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_MISMATCH);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset 0: the log of another node or cluster"), "%s", fixture.note);
    cr_assert(fixture_note_has(&fixture, "put this node's own file back"), "%s", fixture.note);
    fixture.options.owner = 7;
    cr_assert_eq(entries_recovered(), 3);
}

Test(wal_recover, refuses_another_nodes_segment_behind_its_own)
{
    /* Two logs of the same length: position, epoch and chain of the one fit into the other. */
    fixture.options.owner = 7;
    write_log(20);
    struct bytes second = fake_storage_content(fixture.disk, SECOND_SEGMENT);
    uint8_t *foreign = memory_copy(second.data, second.size);
    for (size_t at = 0; at + WAL_FLUSH_HEADER_BYTES <= second.size; at += WAL_PAGE_BYTES) {
        struct wal_flush_header header;
        if (wal_flush_header_get(bytes_of(foreign + at, second.size - at), SECOND_SEGMENT_BASE + at, &header) != NULL)
            continue;
        header.owner = 8;
        wal_flush_header_put(foreign + at, &header);
    }
    fake_storage_patch(fixture.disk, SECOND_SEGMENT, 0, bytes_of(foreign, second.size));
    memory_free(foreign);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_MISMATCH);
    cr_assert(fixture_note_has(&fixture, SECOND_SEGMENT ": offset 0: the log of another node"), "%s", fixture.note);
}

Test(wal_recover, takes_a_log_that_does_not_say_whose_it_is)
{
    write_log(3);
    fixture.options.owner = 8;
    cr_assert_eq(entries_recovered(), 3);
}

Test(wal_recover, refuses_a_copy_of_a_segment_under_another_number)
{
    write_log(20);
    struct bytes first = fake_storage_content(fixture.disk, FIRST_SEGMENT);
    uint8_t *copy = memory_copy(first.data, first.size);
    /* Between the two: then the chain cannot be followed past it, and what lies behind says that it was durable. */
    fake_storage_store(fixture.disk, "wal-0000000000001000", bytes_of(copy, first.size));
    memory_free(copy);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "wal-0000000000001000: offset 0: the flush header belongs to another position"), "%s", fixture.note);
}

Test(wal_recover, refuses_records_that_contradict_each_other)
{
    write_log(3);
    fixture.options.groups = 1;
    cr_assert_eq(entries_recovered(), 3);
    fixture.options.groups = FIXTURE_GROUPS;
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
    wal_append_meta(fixture.wal, 3, 1, 1);
    fixture_settle(&fixture);
    fixture.options.groups = 3;
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_CORRUPT);
    cr_assert(fixture_note_has(&fixture, "group 3 does not exist, there are 3"), "%s", fixture.note);
    cr_assert(fixture_note_has(&fixture, FIRST_SEGMENT ": offset "), "%s", fixture.note);
}

/* ---- a disk that fails ---- */

static void check_failure(enum fake_operation operation, const char *text)
{
    fake_storage_fail(fixture.disk, operation, 0, 1, GRID_ERR_IO);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_IO);
    cr_assert(fixture_note_has(&fixture, text), "%s", fixture.note);
}

Test(wal_recover, says_which_file_could_not_be_read)
{
    write_log(20);
    check_failure(FAKE_LIST, "cannot list");
    check_failure(FAKE_OPEN, FIRST_SEGMENT ": cannot open");
    check_failure(FAKE_READ, FIRST_SEGMENT ": cannot read");
    check_failure(FAKE_TRUNCATE, SECOND_SEGMENT ": cannot truncate");
    check_failure(FAKE_ALLOCATE, "cannot prepare a segment");
    cr_assert_eq(entries_recovered(), 20);
}

Test(wal_recover, says_which_file_could_not_be_removed)
{
    write_log(20);
    uint8_t junk = 1;
    fake_storage_store(fixture.disk, THIRD_SEGMENT, bytes_of(&junk, 1));
    check_failure(FAKE_REMOVE, THIRD_SEGMENT ": cannot remove");
    cr_assert_eq(entries_recovered(), 20);
}

Test(wal_recover, knows_the_names_of_segments)
{
    char name[WAL_NAME_BYTES];
    uint64_t base = 1;
    wal_name(0xabc000, name);
    cr_assert_str_eq(name, "wal-0000000000abc000");
    cr_assert(wal_name_parse(name, &base));
    cr_assert_eq(base, 0xabc000);
    cr_assert(!wal_name_parse("wal-", &base));
    cr_assert(!wal_name_parse("wal-0000000000ABC000", &base));
    cr_assert(!wal_name_parse("log-0000000000abc000", &base));
}
