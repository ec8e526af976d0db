#include <criterion/criterion.h>

#include "tools/gridctl/bench/latency.h"

Test(latency, an_empty_histogram_says_zero)
{
    struct latency latency = {0};
    cr_assert_eq(latency_at(&latency, 500), 0);
    cr_assert_eq(latency.max_us, 0);
}

Test(latency, small_numbers_are_exact)
{
    static struct latency latency;
    for (uint64_t i = 1; i <= 100; i++)
        latency_add(&latency, i);
    cr_assert_eq(latency_at(&latency, 10), 1);
    cr_assert_eq(latency_at(&latency, 500), 50);
    cr_assert_eq(latency_at(&latency, 990), 99);
    cr_assert_eq(latency_at(&latency, 1000), 100);
}

/* Never below the true number, and above it by at most 1 part in 64. */
Test(latency, large_numbers_are_known_to_one_part_in_64)
{
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value = value * 9 / 7 + 1) {
        struct latency latency = {0};
        latency_add(&latency, value);
        latency_add(&latency, UINT64_C(1) << 41);
        uint64_t said = latency_at(&latency, 500);
        cr_assert_geq(said, value);
        cr_assert_leq(said, value + value / 64, "%lu became %lu", value, said);
    }
}

Test(latency, what_is_off_the_scale_is_the_maximum)
{
    struct latency latency = {0};
    latency_add(&latency, 5);
    latency_add(&latency, UINT64_MAX / 2);
    cr_assert_eq(latency_at(&latency, 500), 5);
    cr_assert_eq(latency_at(&latency, 999), UINT64_MAX / 2);
}
