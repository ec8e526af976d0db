#include <criterion/criterion.h>

#include "grid/node/report/clock_skew.h"

Test(clock_skew, is_said_once_when_it_begins_and_once_when_it_ends)
{
    struct clock_skew skew = {0};
    cr_expect_eq(clock_skew_look(&skew, 3), CLOCK_SKEW_SAME);
    cr_expect_eq(clock_skew_look(&skew, 1001), CLOCK_SKEW_SAME, "one look may be wrong");
    cr_expect_eq(clock_skew_look(&skew, 1001), CLOCK_SKEW_BEGINS);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(clock_skew_look(&skew, 5000), CLOCK_SKEW_SAME);
    cr_expect_eq(clock_skew_look(&skew, 801), CLOCK_SKEW_SAME, "it hangs around the bound");
    cr_expect_eq(clock_skew_look(&skew, 801), CLOCK_SKEW_SAME);
    cr_expect_eq(clock_skew_look(&skew, 800), CLOCK_SKEW_SAME);
    cr_expect_eq(clock_skew_look(&skew, 800), CLOCK_SKEW_ENDS);
    cr_expect_eq(clock_skew_look(&skew, 0), CLOCK_SKEW_SAME);
}

Test(clock_skew, has_two_directions)
{
    struct clock_skew skew = {0};
    clock_skew_look(&skew, -1000);
    cr_expect_eq(clock_skew_look(&skew, -1000), CLOCK_SKEW_SAME);
    clock_skew_look(&skew, INT64_MIN);
    cr_expect_eq(clock_skew_look(&skew, -2000), CLOCK_SKEW_BEGINS);
    cr_expect_eq(skew.ahead_ms, -2000);
}

Test(clock_skew, needs_two_looks_in_a_row)
{
    struct clock_skew skew = {0};
    clock_skew_look(&skew, 2000);
    clock_skew_look(&skew, 10);
    cr_expect_eq(clock_skew_look(&skew, 2000), CLOCK_SKEW_SAME);
    clock_skew_unknown(&skew);
    cr_expect_not(skew.known);
    cr_expect_eq(clock_skew_look(&skew, 2000), CLOCK_SKEW_SAME);
    cr_expect_eq(clock_skew_look(&skew, 2000), CLOCK_SKEW_BEGINS);
    clock_skew_unknown(&skew);
    cr_expect(skew.skewed, "who is away says nothing of its clock");
}
