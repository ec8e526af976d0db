#include <criterion/criterion.h>

#include "tests/unit/raft/wal/wal_fixture.h"

enum { RETRY_US = 100 * 1000, ENTRY_BYTES = 3000 };

static struct wal_fixture fixture;

static void set_up(void) { fixture_init(&fixture, 1); }

static void tear_down(void) { fixture_free(&fixture); }

TestSuite(wal_full, .init = set_up, .fini = tear_down);

static void open_with_capacity(uint64_t bytes)
{
    fake_storage_set_capacity(fixture.disk, bytes);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
}

/* Appends entries to group 0 while there is room; returns the next index. */
static uint64_t fill(uint64_t index)
{
    while (wal_has_room(fixture.wal, ENTRY_BYTES)) {
        fixture_append_sized(&fixture, 0, index++, ENTRY_BYTES);
        fixture_settle(&fixture);
        cr_assert_lt(index, 1000);
    }
    return index;
}

Test(wal_full, has_room_while_the_disk_has)
{
    open_with_capacity(UINT64_MAX);
    for (uint64_t index = 1; index < 200; index++) {
        cr_assert(wal_has_room(fixture.wal, ENTRY_BYTES));
        fixture_append_sized(&fixture, 0, index, ENTRY_BYTES);
        if (index % 5 == 0)
            fixture_settle(&fixture);
    }
}

Test(wal_full, takes_what_fits_and_says_no_to_the_rest)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES + FIXTURE_SEGMENT_BYTES / 2);
    uint64_t next = fill(1);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal));
    cr_assert_gt(wal_end(fixture.wal), FIXTURE_SEGMENT_BYTES, "the part of the second segment that there was is used");
    cr_assert_geq(next, 20);
    cr_assert_eq(fixture.failed_calls, 0);
}

/* A disk smaller than a file of the log is no full disk: neither at a first start nor at a later one. */
Test(wal_full, begins_on_a_disk_that_is_smaller_than_a_segment)
{
    fixture.options.segment_bytes = 32 * FIXTURE_SEGMENT_BYTES;
    open_with_capacity(12 * FIXTURE_SEGMENT_BYTES);
    cr_assert(wal_has_room(fixture.wal, ENTRY_BYTES), "at the first start");
    fixture_append_sized(&fixture, 0, 1, ENTRY_BYTES);
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    cr_assert(wal_has_room(fixture.wal, ENTRY_BYTES), "at a later start");
}

Test(wal_full, says_how_much_the_disk_must_give)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    cr_assert_eq(wal_room_missing(fixture.wal, 1), 0u);
    fill(1);
    uint64_t missing = wal_room_missing(fixture.wal, ENTRY_BYTES);
    cr_assert_gt(missing, 0u);
    fake_storage_set_capacity(fixture.disk, FIXTURE_SEGMENT_BYTES + missing - 1);
    fake_clock_advance(&fixture.clock, RETRY_US);
    cr_assert(!wal_has_room(fixture.wal, ENTRY_BYTES));
    fake_storage_set_capacity(fixture.disk, FIXTURE_SEGMENT_BYTES + missing);
    fake_clock_advance(&fixture.clock, RETRY_US);
    cr_assert(wal_has_room(fixture.wal, ENTRY_BYTES));
}

Test(wal_full, counts_what_is_appended_and_not_yet_written)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    uint64_t index = 1;
    while (wal_has_room(fixture.wal, ENTRY_BYTES))
        fixture_append_sized(&fixture, 0, index++, ENTRY_BYTES);
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal), "everything that was let in became durable");
    cr_assert_gt(index, 10);
}

Test(wal_full, keeps_a_reserve_for_terms_and_votes)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    fill(1);
    uint64_t lsn = wal_append_meta(fixture.wal, 1, 5, 1);
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable, lsn);
    cr_assert_eq(fixture.failed_calls, 0);
}

Test(wal_full, goes_on_by_itself_when_space_is_freed)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    uint64_t next = fill(1);
    fake_clock_advance(&fixture.clock, 10 * RETRY_US);
    cr_assert(!wal_has_room(fixture.wal, ENTRY_BYTES));
    fake_storage_set_capacity(fixture.disk, 4 * FIXTURE_SEGMENT_BYTES);
    fake_clock_advance(&fixture.clock, RETRY_US);
    cr_assert(wal_has_room(fixture.wal, ENTRY_BYTES));
    cr_assert_gt(fill(next), next + 20);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal));
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
}

Test(wal_full, asks_the_disk_at_most_every_100_ms)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    fill(1);
    uint64_t before = fake_storage_counts(fixture.disk).calls[FAKE_ALLOCATE];
    for (int i = 0; i < 1000; i++) {
        cr_assert(!wal_has_room(fixture.wal, ENTRY_BYTES));
        fake_clock_run(&fixture.clock);
    }
    fake_clock_advance(&fixture.clock, 10 * RETRY_US);
    /* A slice, then only what is missing: two questions each time. */
    cr_assert_leq(fake_storage_counts(fixture.disk).calls[FAKE_ALLOCATE] - before, 20);
}

/* I38: a new leader's barrier, when no other entry fits any more; and terms still find room after so many barriers as there may be. */
Test(wal_full, lets_barriers_use_half_of_the_reserve)
{
    fixture.options.segment_bytes = 32 * FIXTURE_SEGMENT_BYTES;
    open_with_capacity(32 * FIXTURE_SEGMENT_BYTES);
    uint64_t index = 1;
    while (wal_has_room(fixture.wal, ENTRY_BYTES)) {
        fixture_append_sized(&fixture, 0, index++, ENTRY_BYTES);
        fixture_settle(&fixture);
        cr_assert_lt(index, 10000);
    }
    unsigned barriers = 0;
    for (; wal_has_reserve(fixture.wal, 8); barriers++) {
        fixture_append_sized(&fixture, 0, index++, 8);
        fixture_settle(&fixture);
        cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal), "what was let in became durable");
        cr_assert_lt(barriers, 1000u);
    }
    cr_assert_geq(barriers, 2u);
    uint64_t lsn = 0;
    for (uint64_t term = 1; term <= barriers; term++) {
        lsn = wal_append_meta(fixture.wal, 1, term, 1);
        fixture_settle(&fixture);
    }
    cr_assert_eq(fixture.durable, lsn, "the other half is left for terms");
}

Test(wal_full, a_term_that_waits_for_space_replaces_the_one_before)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    fill(1);
    for (uint64_t term = 1; term < 30; term++) {
        wal_append_meta(fixture.wal, 1, term, 1);
        fixture_settle(&fixture);
    }
    uint64_t end = wal_end(fixture.wal), lsn = 0;
    cr_assert_lt(wal_durable(fixture.wal), end, "the reserve is used up");
    for (uint64_t term = 30; term < 10000; term++) {
        lsn = wal_append_meta(fixture.wal, 1, term, term % 3);
        fixture_settle(&fixture);
        cr_assert_leq(lsn, end, "the log grew");
    }
    fake_storage_set_capacity(fixture.disk, 2 * FIXTURE_SEGMENT_BYTES);
    fake_clock_advance(&fixture.clock, RETRY_US);
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable, end);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 1);
    cr_assert_eq(state.term, 9999);
    cr_assert_eq(state.vote, 9999 % 3);
    state_release(&state);
}

Test(wal_full, holds_records_beyond_the_reserve_back_until_there_is_space)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    fill(1);
    uint64_t lsn = 0;
    for (uint64_t term = 1; term < 30; term++) {
        lsn = wal_append_meta(fixture.wal, 1, term, 1);
        fixture_settle(&fixture);
    }
    cr_assert_lt(fixture.durable, lsn);
    cr_assert_eq(fixture.failed_calls, 0);
    fake_storage_set_capacity(fixture.disk, 2 * FIXTURE_SEGMENT_BYTES);
    fake_clock_advance(&fixture.clock, RETRY_US);
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable, lsn);
}

Test(wal_full, opens_on_a_full_disk)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES);
    fixture_append(&fixture, 0, 1, "before");
    fixture_settle(&fixture);
    fixture_crash(&fixture, FAKE_CRASH_PROCESS);
    /* Recovery cuts the tail, and somebody else takes the space before it can be had again. */
    fake_storage_fail(fixture.disk, FAKE_ALLOCATE, 0, 4, GRID_ERR_NO_SPACE);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
    cr_assert(!wal_has_room(fixture.wal, 1));
    uint64_t lsn = wal_append_meta(fixture.wal, 0, 1, 1);
    fixture_settle(&fixture);
    cr_assert_lt(wal_durable(fixture.wal), lsn);
    fake_clock_advance(&fixture.clock, 4 * RETRY_US);
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal), lsn);
    cr_assert(wal_has_room(fixture.wal, 1));
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 1);
    cr_assert_eq(state.term, 1);
    state_release(&state);
}

Test(wal_full, survives_a_crash_while_full)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES + 5 * WAL_PAGE_BYTES);
    uint64_t next = fill(1);
    fixture_crash(&fixture, FAKE_CRASH_POWER);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, next - 1);
    state_release(&state);
}

/* The state at the beginning of a segment repeats a term; a record before it may not be replaced by a later one any more. */
Test(wal_full, replaces_no_term_that_a_new_segment_has_repeated)
{
    open_with_capacity(FIXTURE_SEGMENT_BYTES / 2);
    struct wal_snapshot snapshot = {1, 1, 1, bytes_of_text("members")};
    fixture_append_sized(&fixture, 0, 1, ENTRY_BYTES);
    wal_append_snapshot(fixture.wal, 0, &snapshot);
    fixture_settle(&fixture);
    uint64_t index = fill(2);
    for (uint64_t term = 1; term < 30; term++) {
        wal_append_meta(fixture.wal, 1, term, 1);
        fixture_settle(&fixture);
    }
    cr_assert_lt(wal_durable(fixture.wal), wal_end(fixture.wal), "the reserve is used up");
    wal_append_meta(fixture.wal, 3, 1, 1);
    while (wal_end(fixture.wal) <= FIXTURE_SEGMENT_BYTES)
        fixture_append_sized(&fixture, 0, index++, ENTRY_BYTES);
    wal_append_meta(fixture.wal, 3, 2, 2);
    fake_storage_set_capacity(fixture.disk, UINT64_MAX);
    fake_clock_advance(&fixture.clock, RETRY_US);
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK, "%s", fixture.note);
    struct wal_group_state state = fixture_take(&fixture, 3);
    cr_assert_eq(state.term, 2);
    state_release(&state);
}
