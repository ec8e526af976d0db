#include <criterion/criterion.h>

#include "raft/groups/snapshots.h"

#define KIB 1024ull

Test(snapshots, a_large_state_is_written_once_for_as_much_log)
{
    cr_assert_eq(snapshots_threshold(64 * KIB, 0, 0), 64 * KIB, "there is no snapshot yet");
    cr_assert_eq(snapshots_threshold(64 * KIB, 63 * KIB, 0), 64 * KIB);
    cr_assert_eq(snapshots_threshold(64 * KIB, 65 * KIB, 0), 65 * KIB);
}

/* Groups that grow alike are not due at one moment. */
Test(snapshots, thresholds_of_neighbours_differ)
{
    uint64_t before = snapshots_threshold(64 * KIB, 0, 0);
    for (uint32_t group = 1; group < 64; group++) {
        uint64_t next = snapshots_threshold(64 * KIB, 0, group);
        cr_assert(next < before && next >= 48 * KIB, "group %u: %llu", group, (unsigned long long)next);
        before = next;
    }
    cr_assert_eq(snapshots_threshold(64 * KIB, 0, 64), 64 * KIB);
}
