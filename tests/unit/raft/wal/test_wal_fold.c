#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "raft/wal/wal_fold.h"

static struct wal_fold fold;
static char fault[WAL_FAULT_BYTES];

static void set_up(void) { wal_fold_init(&fold, 2); }

static void tear_down(void)
{
    cr_expect(wal_fold_holds(&fold));
    wal_fold_close(&fold);
}

TestSuite(wal_fold, .init = set_up, .fini = tear_down);

static bool apply(enum wal_record_type type, uint32_t group, struct bytes payload)
{
    struct wal_record record = {.type = type, .group = group, .payload = payload};
    return wal_fold_apply(&fold, &record, fault);
}

static bool apply_entries(uint32_t group, uint64_t index, uint32_t count)
{
    struct buffer payload = {0};
    wal_entries_put(&payload, index, count);
    for (uint32_t i = 0; i < count; i++) {
        struct wal_entry_view entry = {.term = index + i, .type = 1, .data = bytes_of_text("x")};
        wal_entry_put(&payload, &entry);
    }
    bool good = apply(WAL_RECORD_ENTRIES, group, buffer_bytes(&payload));
    buffer_close(&payload);
    return good;
}

static bool apply_truncate(uint32_t group, uint64_t index)
{
    uint8_t payload[WAL_TRUNCATE_BYTES];
    put_u64(payload, index);
    return apply(WAL_RECORD_TRUNCATE, group, bytes_of(payload, sizeof payload));
}

static bool apply_meta(uint32_t group, uint64_t term, uint64_t vote)
{
    uint8_t payload[WAL_META_BYTES];
    put_u64(payload, term);
    put_u64(payload + 8, vote);
    return apply(WAL_RECORD_META, group, bytes_of(payload, sizeof payload));
}

Test(wal_fold, keeps_groups_apart)
{
    cr_assert(apply_entries(0, 1, 3));
    cr_assert(apply_entries(1, 1, 1));
    cr_assert(apply_meta(1, 4, 2));
    cr_assert_eq(fold.groups[0].count, 3);
    cr_assert_eq(fold.groups[1].count, 1);
    cr_assert_eq(fold.groups[0].cursor.term, 0);
    cr_assert_eq(fold.groups[1].cursor.vote, 2);
    cr_assert_eq(fold.records, 3);
}

Test(wal_fold, refuses_a_group_that_does_not_exist)
{
    cr_assert(!apply_meta(2, 1, 1));
    cr_assert_str_eq(fault, "group 2 does not exist, there are 2");
}

Test(wal_fold, refuses_a_gap)
{
    cr_assert(apply_entries(0, 1, 2));
    cr_assert(!apply_entries(0, 4, 1));
    cr_assert_str_eq(fault, "entries are missing before this one (group 0, index 4, next index 3)");
}

Test(wal_fold, refuses_entries_over_entries)
{
    cr_assert(apply_entries(0, 1, 2));
    cr_assert(!apply_entries(0, 2, 1));
    cr_assert_eq(fold.groups[0].count, 2);
}

Test(wal_fold, truncates_and_goes_on_from_there)
{
    cr_assert(apply_entries(0, 1, 5));
    cr_assert(apply_truncate(0, 3));
    cr_assert_eq(fold.groups[0].count, 2);
    cr_assert(apply_entries(0, 3, 2));
    cr_assert(apply_truncate(0, 5), "behind the last entry there is nothing to cut, and that is fine");
    cr_assert(apply_truncate(0, 1));
    cr_assert_eq(fold.groups[0].count, 0);
}

Test(wal_fold, refuses_a_truncation_outside_the_log)
{
    cr_assert(apply_entries(0, 1, 2));
    cr_assert(!apply_truncate(0, 4));
    cr_assert_str_eq(fault, "a truncation beyond the last entry (group 0, index 4, next index 3)");
    cr_assert(!apply_truncate(0, 0));
    cr_assert_eq(fold.groups[0].count, 2);
}

Test(wal_fold, refuses_a_term_that_goes_back)
{
    cr_assert(apply_meta(0, 5, 1));
    cr_assert(apply_meta(0, 5, 2));
    cr_assert(!apply_meta(0, 4, 1));
    cr_assert_eq(fold.groups[0].cursor.term, 5);
}

Test(wal_fold, refuses_unknown_and_unreadable_records)
{
    uint8_t payload[3] = {0};
    cr_assert(!apply((enum wal_record_type)77, 0, BYTES_NONE));
    cr_assert(!apply(WAL_RECORD_META, 0, bytes_of(payload, 3)));
    cr_assert(!apply(WAL_RECORD_ENTRIES, 0, bytes_of(payload, 3)));
    cr_assert(!apply(WAL_RECORD_TRUNCATE, 0, bytes_of(payload, 3)));
    cr_assert_eq(fold.records, 0);
}

Test(wal_fold, hands_its_entries_out_once)
{
    cr_assert(apply_entries(0, 1, 2));
    struct wal_group_state state;
    wal_fold_take(&fold, 0, &state);
    cr_assert_eq(state.entries_count, 2);
    cr_assert_eq(state.entries[1].term, 2);
    cr_assert_eq(fold.groups[0].cursor.next_index, 3);
    for (size_t i = 0; i < state.entries_count; i++)
        memory_free((void *)(uintptr_t)state.entries[i].data.data);
    memory_free(state.entries);
    memory_free((void *)(uintptr_t)state.snapshot.configuration.data);
}
