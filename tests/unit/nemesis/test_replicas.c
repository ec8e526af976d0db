#include <criterion/criterion.h>

#include "tests/nemesis/replicas.h"

static bool compare(struct replica_samples *samples, uint32_t node, uint64_t index, uint64_t digest)
{
    struct replica_sample other;
    return replica_compare(samples, &(struct replica_sample){node, index, digest}, &other);
}

Test(replicas, of_equal_digest_at_an_index_are_equal)
{
    struct replica_samples samples = {0};
    cr_assert(compare(&samples, 1, 10, 77));
    cr_assert(compare(&samples, 2, 10, 77));
    cr_assert(compare(&samples, 3, 11, 78));
    cr_assert_eq(samples.compared, 1);
}

Test(replicas, of_another_digest_at_an_index_are_found)
{
    struct replica_samples samples = {0};
    struct replica_sample other;
    cr_assert(compare(&samples, 1, 10, 77));
    cr_assert(compare(&samples, 2, 9, 5));
    cr_assert_not(replica_compare(&samples, &(struct replica_sample){3, 10, 78}, &other));
    cr_assert(other.node == 1 && other.index == 10 && other.digest == 77);
}

Test(replicas, that_start_anew_are_held_against_what_was_said_before)
{
    struct replica_samples samples = {0};
    for (uint64_t i = 1; i <= 100; i++)
        cr_assert(compare(&samples, 1, i, 1000 + i));
    cr_assert(compare(&samples, 2, 40, 1040));
    cr_assert_not(compare(&samples, 2, 41, 1040));
}

Test(replicas, are_not_compared_with_themselves_or_before_the_first_entry)
{
    struct replica_samples samples = {0};
    cr_assert(compare(&samples, 1, 5, 1));
    cr_assert(compare(&samples, 1, 5, 2));
    cr_assert(compare(&samples, 2, 0, 3));
    cr_assert(compare(&samples, 3, 0, 4));
    cr_assert_eq(samples.compared, 0);
}

Test(replicas, forget_what_is_long_ago)
{
    struct replica_samples samples = {0};
    for (uint64_t i = 1; i <= REPLICA_SAMPLES + 1; i++)
        cr_assert(compare(&samples, 1, i, i));
    cr_assert(compare(&samples, 2, 1, 999));
    /* That took the place of index 2. */
    cr_assert(compare(&samples, 2, 2, 999));
    cr_assert_not(compare(&samples, 2, 4, 999));
}
