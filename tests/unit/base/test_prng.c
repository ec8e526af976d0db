#include <criterion/criterion.h>

#include "grid/base/prng.h"

/* The published state after seeding with splitmix64(0), and what the published generator draws from (1, 2, 3, 4). */
Test(prng, follows_the_published_algorithms)
{
    struct prng prng;
    prng_init(&prng, 0);
    cr_assert_eq(prng.state[0], 0xe220a8397b1dcdaf);
    cr_assert_eq(prng.state[1], 0x6e789e6aa1b965f4);
    cr_assert_eq(prng.state[2], 0x06c45d188009454f);
    cr_assert_eq(prng.state[3], 0xf88bb8a8724c81ec);
    prng = (struct prng){{1, 2, 3, 4}};
    cr_assert_eq(prng_u64(&prng), 11520);
    cr_assert_eq(prng_u64(&prng), 0);
    cr_assert_eq(prng_u64(&prng), 1509978240);
    cr_assert_eq(prng_u64(&prng), 1215971899390074240);
}

Test(prng, repeats_for_the_same_seed_only)
{
    struct prng first, same, other;
    prng_init(&first, 42);
    prng_init(&same, 42);
    prng_init(&other, 43);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = prng_u64(&first);
        cr_assert_eq(drawn, prng_u64(&same));
        equal += drawn == prng_u64(&other);
    }
    cr_assert_eq(equal, 0);
}

Test(prng, ranges_include_both_ends_and_favour_nobody)
{
    struct prng prng;
    int seen[7] = {0};
    prng_init(&prng, 1);
    for (int i = 0; i < 70000; i++) {
        uint64_t drawn = prng_range(&prng, 10, 16);
        cr_assert(drawn >= 10 && drawn <= 16);
        seen[drawn - 10]++;
    }
    for (int i = 0; i < 7; i++)
        cr_assert(seen[i] > 9500 && seen[i] < 10500, "%d: %d", i, seen[i]);
}

/* With a plain remainder the lowest third of this range would come up half of the time. */
Test(prng, large_ranges_favour_nobody_either)
{
    struct prng prng;
    int low = 0;
    prng_init(&prng, 1);
    for (int i = 0; i < 30000; i++)
        low += prng_range(&prng, 0, (UINT64_C(3) << 62) - 1) < UINT64_C(1) << 62;
    cr_assert(low > 9500 && low < 10500, "%d", low);
}

Test(prng, ranges_may_be_one_value_or_all_values)
{
    struct prng prng;
    uint64_t all = 0;
    prng_init(&prng, 1);
    cr_assert_eq(prng_range(&prng, 5, 5), 5);
    for (int i = 0; i < 100; i++)
        all |= prng_range(&prng, 0, UINT64_MAX);
    cr_assert_eq(all, UINT64_MAX);
}

Test(prng, chances_come_true_as_often_as_they_say)
{
    struct prng prng;
    int hits = 0;
    prng_init(&prng, 1);
    for (int i = 0; i < 100000; i++) {
        hits += prng_chance(&prng, 250000);
        cr_assert_not(prng_chance(&prng, 0));
        cr_assert(prng_chance(&prng, 1000000));
    }
    cr_assert(hits > 24000 && hits < 26000, "%d", hits);
}
