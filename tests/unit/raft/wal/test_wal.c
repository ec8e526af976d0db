#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "tests/unit/raft/wal/wal_fixture.h"

static struct wal_fixture fixture;

static void set_up(void)
{
    fixture_init(&fixture, 1);
}

static void tear_down(void)
{
    cr_expect(!fixture.durable_fell, "durable only ever grows");
    fixture_free(&fixture);
}

TestSuite(wal, .init = set_up, .fini = tear_down);

static void open_settled(void)
{
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fixture_settle(&fixture);
}

Test(wal, opens_an_empty_disk_as_an_empty_log)
{
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    cr_assert(wal_empty(fixture.wal));
    cr_assert_eq(wal_end(fixture.wal), 0);
    cr_assert_eq(wal_durable(fixture.wal), 0);
    struct wal_group_state state = fixture_take(&fixture, 3);
    cr_assert_eq(state.first_index, 1);
    cr_assert_eq(state.entries_count, 0);
    cr_assert_eq(state.term, 0);
    state_release(&state);
}

Test(wal, gives_back_what_was_appended)
{
    open_settled();
    wal_append_meta(fixture.wal, 2, 7, 3);
    struct wal_entry entries[] = {entry_of(5, "one"), entry_of(7, ""), entry_of(7, "three")};
    entries[2].type = 9;
    wal_append_entries(fixture.wal, 2, 1, entries, 3);
    fixture_append(&fixture, 0, 1, "other");
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    cr_assert(!wal_empty(fixture.wal));
    struct wal_group_state state = fixture_take(&fixture, 2);
    cr_assert_eq(state.term, 7);
    cr_assert_eq(state.vote, 3);
    cr_assert_eq(state.entries_count, 3);
    cr_assert(state_entry_is(&state, 0, "one"));
    cr_assert_eq(state.entries[0].term, 5);
    cr_assert_eq(state.entries[1].data.size, 0);
    cr_assert(state_entry_is(&state, 2, "three"));
    cr_assert_eq(state.entries[2].type, 9);
    state_release(&state);
    state = fixture_take(&fixture, 0);
    cr_assert(state_entry_is(&state, 0, "other"));
    state_release(&state);
}

Test(wal, forgets_truncated_entries)
{
    open_settled();
    struct wal_entry entries[] = {entry_of(1, "a"), entry_of(1, "b"), entry_of(1, "c")};
    wal_append_entries(fixture.wal, 0, 1, entries, 3);
    wal_append_truncate(fixture.wal, 0, 2);
    fixture_append(&fixture, 0, 2, "B");
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 2);
    cr_assert(state_entry_is(&state, 0, "a"));
    cr_assert(state_entry_is(&state, 1, "B"));
    state_release(&state);
}

Test(wal, writes_everything_of_an_iteration_at_once)
{
    open_settled();
    struct fake_counts before = fake_storage_counts(fixture.disk);
    uint64_t lsn = 0;
    for (uint64_t at = 0; at < 52; at++)
        lsn = fixture_append(&fixture, (uint32_t)(at % 4), at / 4 + 1, "entry");
    cr_assert_eq(fake_storage_pending(fixture.disk), 0, "nothing is written inside the iteration");
    fixture_settle(&fixture);
    struct fake_counts after = fake_storage_counts(fixture.disk);
    cr_assert_eq(after.calls[FAKE_WRITE] - before.calls[FAKE_WRITE], 1);
    cr_assert_eq(after.calls[FAKE_SYNC] - before.calls[FAKE_SYNC], 1);
    cr_assert_eq(fixture.durable_calls, 1);
    cr_assert_eq(fixture.durable, lsn);
}

Test(wal, gathers_what_comes_while_a_write_is_under_way_into_the_next)
{
    open_settled();
    uint64_t first = fixture_append(&fixture, 0, 1, "first");
    fake_clock_run(&fixture.clock);
    uint64_t last = 0;
    for (uint64_t index = 2; index < 12; index++) {
        last = fixture_append(&fixture, 0, index, "later");
        fake_clock_run(&fixture.clock);
        cr_assert_eq(fake_storage_pending(fixture.disk), 1);
    }
    cr_assert(fake_storage_complete(fixture.disk));
    cr_assert_eq(fixture.durable, first);
    cr_assert_eq(fake_storage_pending(fixture.disk), 0);
    last = fixture_append(&fixture, 0, 12, "of the same iteration");
    fake_clock_run(&fixture.clock);
    cr_assert_eq(fake_storage_pending(fixture.disk), 1, "the next write starts in the iteration in which the last one ended");
    cr_assert(fake_storage_complete(fixture.disk));
    cr_assert_eq(fixture.durable, last);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal));
    cr_assert(!fake_storage_complete(fixture.disk));
}

struct late { struct deferred deferred; uint64_t lsn; };

static void append_late(void *context)
{
    struct late *late = context;
    late->lsn = fixture_append(&fixture, 0, 2, "packed at the end");
}

/* Commands are packed at the end of an iteration, by work that may have been deferred after the log's own. */
Test(wal, waits_for_what_is_packed_at_the_end_of_the_iteration)
{
    struct late late = {.deferred = {.run = append_late, .context = &late}};
    open_settled();
    fixture_append(&fixture, 0, 1, "first");
    clock_defer(fixture.options.clock, &late.deferred);
    fake_clock_run(&fixture.clock);
    cr_assert(fake_storage_complete(fixture.disk));
    cr_assert_eq(fixture.durable, late.lsn, "one write carried both");
}

Test(wal, grows_positions_with_every_record)
{
    open_settled();
    uint64_t last = wal_end(fixture.wal);
    for (uint64_t index = 1; index < 300; index++) {
        uint64_t lsn = fixture_append_sized(&fixture, 1, index, 700);
        cr_assert_gt(lsn, last);
        cr_assert_eq(wal_end(fixture.wal), lsn);
        last = lsn;
        if (index % 7 == 0)
            fixture_settle(&fixture);
        cr_assert(wal_holds(fixture.wal));
    }
}

Test(wal, goes_on_in_the_next_segment_when_one_is_full)
{
    open_settled();
    for (uint64_t index = 1; index <= 40; index++) {
        fixture_append_sized(&fixture, 0, index, 3000);
        fixture_settle(&fixture);
    }
    cr_assert(fake_storage_has(fixture.disk, THIRD_SEGMENT));
    cr_assert_eq(fake_storage_content(fixture.disk, SECOND_SEGMENT).size, FIXTURE_SEGMENT_BYTES);
    cr_assert_eq(wal_disk_bytes(fixture.wal), 41 * WAL_PAGE_BYTES);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 40);
    state_release(&state);
}

static uint64_t begun;

static void note_begun(void *context, uint64_t segment_end)
{
    cr_assert_eq(context, fixture.options.context);
    cr_assert_gt(segment_end, begun);
    begun = segment_end;
}

/* Else its file could be lost with what was acknowledged out of it, and nothing would say so. */
Test(wal, counts_nothing_in_a_segment_as_durable_before_a_second_place_knows_of_it)
{
    begun = 0;
    fixture.options.segment_begun = note_begun;
    open_settled();
    cr_assert_eq(begun, FIXTURE_SEGMENT_BYTES, "the opening flush is in it");
    uint64_t lsn = fixture_append(&fixture, 0, 1, "first");
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal), 0u);
    cr_assert_geq(wal_synced(fixture.wal), lsn, "the floor can say what is there");
    wal_segment_known(fixture.wal, begun);
    cr_assert_eq(fixture.durable, lsn);
    /* In the same segment nobody waits any more; in the next one again. */
    uint64_t index = 2, inside = 0;
    for (; begun == FIXTURE_SEGMENT_BYTES; index++) {
        cr_assert_eq(fixture.durable, wal_end(fixture.wal));
        inside = wal_end(fixture.wal);
        lsn = fixture_append_sized(&fixture, 0, index, 3000);
        fixture_settle(&fixture);
    }
    cr_assert_eq(begun, 2u * FIXTURE_SEGMENT_BYTES);
    cr_assert_gt(inside, FIXTURE_SEGMENT_BYTES / 2);
    cr_assert_eq(fixture.durable, inside);
    lsn = fixture_append(&fixture, 0, index, "waits too");
    fixture_settle(&fixture);
    wal_segment_known(fixture.wal, FIXTURE_SEGMENT_BYTES);
    cr_assert_eq(fixture.durable, inside, "that is the one before");
    wal_segment_known(fixture.wal, begun);
    cr_assert_eq(fixture.durable, lsn);
}

Test(wal, with_durability_os_waits_for_no_second_place)
{
    begun = 0;
    fixture.options.segment_begun = note_begun;
    fixture.options.sync = false;
    open_settled();
    uint64_t lsn = fixture_append(&fixture, 0, 1, "first");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable, lsn);
    cr_assert_eq(begun, 0u);
}

Test(wal, never_lets_a_record_span_segments)
{
    open_settled();
    /* Each takes more than half a segment: one per segment, without a write in between. */
    for (uint64_t index = 1; index <= 5; index++)
        fixture_append_sized(&fixture, 0, index, 9 * WAL_PAGE_BYTES);
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal) / FIXTURE_SEGMENT_BYTES, 4);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 5);
    cr_assert_eq(state.entries[4].data.size, 9 * WAL_PAGE_BYTES);
    state_release(&state);
}

Test(wal, splits_a_batch_that_is_larger_than_a_segment)
{
    open_settled();
    enum { COUNT = 60 };
    struct wal_entry entries[COUNT];
    uint8_t *data = memory_zero(3000, 1);
    for (size_t i = 0; i < COUNT; i++)
        entries[i] = (struct wal_entry){.term = i + 1, .type = 1, .data = bytes_of(data, 3000)};
    uint64_t lsn = wal_append_entries(fixture.wal, 1, 1, entries, COUNT);
    memory_free(data);
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal), lsn);
    cr_assert_gt(lsn, 2 * FIXTURE_SEGMENT_BYTES);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 1);
    cr_assert_eq(state.entries_count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(state.entries[i].term, i + 1);
    state_release(&state);
}

Test(wal, fills_a_segment_to_its_last_byte)
{
    open_settled();
    size_t overhead =
        WAL_FLUSH_HEADER_BYTES + WAL_RECORD_HEADER_BYTES + WAL_ENTRIES_HEADER_BYTES + WAL_ENTRY_HEADER_BYTES;
    /* The opening flush took the first page. */
    fixture_append_sized(&fixture, 0, 1, 15 * WAL_PAGE_BYTES - overhead);
    fixture_append_sized(&fixture, 0, 2, 16 * WAL_PAGE_BYTES - overhead);
    fixture_settle(&fixture);
    cr_assert_eq(wal_durable(fixture.wal), 2 * FIXTURE_SEGMENT_BYTES);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    fixture_append(&fixture, 0, 3, "after");
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 3);
    cr_assert(state_entry_is(&state, 2, "after"));
    state_release(&state);
}

Test(wal, prepares_the_next_segment_before_it_is_needed)
{
    open_settled();
    uint64_t index = 1;
    while (wal_end(fixture.wal) < FIXTURE_SEGMENT_BYTES - WAL_PAGE_BYTES) {
        fixture_append_sized(&fixture, 0, index++, 100);
        fixture_settle(&fixture);
    }
    cr_assert(fake_storage_has(fixture.disk, SECOND_SEGMENT));
    cr_assert_geq(fake_storage_content(fixture.disk, SECOND_SEGMENT).size, FIXTURE_SEGMENT_BYTES / 2 - WAL_PAGE_BYTES);
}

Test(wal, never_writes_a_durable_page_again)
{
    open_settled();
    for (uint64_t index = 1; index <= 12; index++) {
        struct bytes content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
        size_t durable = (size_t)wal_page_align(wal_durable(fixture.wal));
        uint8_t *before = memory_copy(content.data, durable);
        fixture_append(&fixture, 0, index, "small");
        fixture_settle(&fixture);
        content = fake_storage_content(fixture.disk, FIRST_SEGMENT);
        cr_assert_arr_eq(before, content.data, durable);
        cr_assert_geq(wal_durable(fixture.wal), durable);
        memory_free(before);
    }
}

Test(wal, syncs_only_terms_and_votes_when_durability_is_os)
{
    fixture.options.sync = false;
    open_settled();
    struct fake_counts before = fake_storage_counts(fixture.disk);
    uint64_t lsn = fixture_append(&fixture, 0, 1, "entry");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable, lsn);
    cr_assert_eq(fake_storage_counts(fixture.disk).calls[FAKE_SYNC], before.calls[FAKE_SYNC]);
    wal_append_meta(fixture.wal, 0, 2, 1);
    fixture_append(&fixture, 0, 2, "entry");
    fixture_settle(&fixture);
    cr_assert_eq(fake_storage_counts(fixture.disk).calls[FAKE_SYNC], before.calls[FAKE_SYNC] + 1);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal));
}

Test(wal, syncs_a_segment_before_it_leaves_it_when_durability_is_os)
{
    fixture.options.sync = false;
    open_settled();
    uint64_t syncs = fake_storage_counts(fixture.disk).calls[FAKE_SYNC];
    for (uint64_t index = 1; index <= 14; index++) {
        fixture_append(&fixture, 0, index, "entry");
        fixture_settle(&fixture);
    }
    cr_assert_eq(fake_storage_counts(fixture.disk).calls[FAKE_SYNC], syncs);
    fixture_append_sized(&fixture, 0, 15, 5000);
    fixture_settle(&fixture);
    cr_assert_eq(fake_storage_counts(fixture.disk).calls[FAKE_SYNC], syncs + 1, "the closing flush");
    cr_assert_gt(wal_end(fixture.wal), FIXTURE_SEGMENT_BYTES);
}

Test(wal, stops_for_good_after_a_failed_write)
{
    open_settled();
    uint64_t durable = fixture_append(&fixture, 0, 1, "good");
    fixture_settle(&fixture);
    fake_storage_fail(fixture.disk, FAKE_WRITE, 0, 1, GRID_ERR_IO);
    fixture_append(&fixture, 0, 2, "bad");
    fake_clock_run(&fixture.clock);
    fixture_append(&fixture, 0, 3, "later");
    fixture_settle(&fixture);
    fixture_append(&fixture, 0, 4, "too late");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.failed_calls, 1);
    cr_assert_eq(fixture.failure, GRID_ERR_IO);
    cr_assert_eq(fixture.durable, durable);
    cr_assert_eq(wal_durable(fixture.wal), durable);
    cr_assert(!wal_has_room(fixture.wal, 1));
}

Test(wal, never_acknowledges_after_a_failed_sync)
{
    open_settled();
    fake_storage_fail(fixture.disk, FAKE_SYNC, 0, 1, GRID_ERR_IO);
    fixture_append(&fixture, 0, 1, "lost");
    fixture_settle(&fixture);
    fixture_append(&fixture, 0, 2, "after");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.failed_calls, 1);
    cr_assert_eq(fixture.durable_calls, 0);
    cr_assert_eq(wal_durable(fixture.wal), 0);
}

Test(wal, stops_when_a_segment_cannot_be_prepared)
{
    open_settled();
    fake_storage_fail(fixture.disk, FAKE_ALLOCATE, 0, 1, GRID_ERR_IO);
    for (uint64_t index = 1; index <= 20; index++) {
        fixture_append_sized(&fixture, 0, index, 3000);
        fixture_settle(&fixture);
    }
    cr_assert_eq(fixture.failed_calls, 1);
    cr_assert_eq(fixture.failure, GRID_ERR_IO);
    cr_assert_lt(wal_durable(fixture.wal), FIXTURE_SEGMENT_BYTES);
}

Test(wal, never_acknowledges_a_good_write_after_a_failure)
{
    open_settled();
    /* The write is under way when preparing the next segment fails. */
    fixture_append_sized(&fixture, 0, 1, 10 * WAL_PAGE_BYTES);
    fake_clock_run(&fixture.clock);
    uint64_t durable = wal_durable(fixture.wal);
    cr_assert_eq(fake_storage_pending(fixture.disk), 1);
    fake_storage_fail(fixture.disk, FAKE_ALLOCATE, 0, 1, GRID_ERR_IO);
    cr_assert(!wal_has_room(fixture.wal, 12 * WAL_PAGE_BYTES));
    cr_assert_eq(fixture.failed_calls, 0, "no callback from inside a call");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.failed_calls, 1);
    cr_assert_eq(wal_durable(fixture.wal), durable);
}

static void append_from_durable(void *context, uint64_t lsn)
{
    (void)context;
    fixture.durable = lsn;
    if (fixture.durable_calls++ == 0)
        fixture_append(&fixture, 0, 2, "from the listener");
}

Test(wal, takes_records_from_inside_the_durable_callback)
{
    fixture.options.durable = append_from_durable;
    open_settled();
    fixture_append(&fixture, 0, 1, "first");
    fixture_settle(&fixture);
    cr_assert_eq(fixture.durable_calls, 2);
    cr_assert_eq(wal_durable(fixture.wal), wal_end(fixture.wal));
}

static void close_from_durable(void *context, uint64_t lsn)
{
    (void)context;
    (void)lsn;
    wal_close(fixture.wal);
    fixture.wal = NULL;
}

Test(wal, may_be_closed_from_inside_the_durable_callback)
{
    fixture.options.durable = close_from_durable;
    open_settled();
    fixture_append(&fixture, 0, 1, "first");
    fake_clock_run(&fixture.clock);
    fixture_append(&fixture, 0, 2, "second");
    cr_assert(fake_storage_complete(fixture.disk));
    cr_assert_null(fixture.wal);
    cr_assert(!fake_storage_complete(fixture.disk), "the second write was not begun");
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
}

Test(wal, can_be_closed_with_a_write_under_way)
{
    open_settled();
    fixture_append(&fixture, 0, 1, "first");
    fake_clock_run(&fixture.clock);
    uint32_t calls = fixture.durable_calls;
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    cr_assert_eq(fixture.durable_calls, calls);
    struct wal_group_state state = fixture_take(&fixture, 0);
    cr_assert_eq(state.entries_count, 1);
    state_release(&state);
}

Test(wal, counts_what_it_writes)
{
    struct metric_registry *registry = metric_registry_open();
    fixture.options.metrics = registry;
    open_settled();
    fixture_append(&fixture, 0, 1, "a");
    fixture_append(&fixture, 0, 2, "b");
    fixture_settle(&fixture);
    cr_assert_eq(metric_counter_add(registry, "gridiron_log_flushes_total", "", NULL)->value, 2);
    cr_assert_eq(metric_counter_add(registry, "gridiron_log_records_total", "", NULL)->value, 2);
    cr_assert_eq(metric_counter_add(registry, "gridiron_log_bytes_total", "", NULL)->value, 2 * WAL_PAGE_BYTES);
    cr_assert_eq(metric_histogram_add(registry, "gridiron_log_flush_seconds", "", NULL)->count, 2);
    wal_close(fixture.wal);
    fixture.wal = NULL;
    metric_registry_close(registry);
}
