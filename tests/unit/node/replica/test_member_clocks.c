#include <criterion/criterion.h>

#include "grid/node/replica/member_clocks.h"

#define HOUR_MS 3600000ull
#define WALL_MS 1700000000000ull

static struct member_clocks three(void)
{
    struct member_clocks clocks;
    member_clocks_init(&clocks, 3, 0);
    return clocks;
}

Test(member_clocks, knows_only_the_own_clock_at_first)
{
    struct member_clocks clocks = three();
    uint64_t wall_ms;
    cr_assert_eq(member_clocks_wall_ms(&clocks, 0, 5, WALL_MS), WALL_MS);
    cr_assert_eq(member_clocks_count(&clocks), 1);
    cr_assert_not(member_clocks_confirmed_ms(&clocks, 6, 5, WALL_MS, &wall_ms), "one clock is no majority of three");
}

Test(member_clocks, one_wrong_clock_of_three_changes_nothing)
{
    static const int64_t wrong_ms[] = {-(int64_t)HOUR_MS, (int64_t)HOUR_MS};
    for (int wrong = 0; wrong < 3; wrong++)
        for (int i = 0; i < 2; i++) {
            struct member_clocks clocks = three();
            uint64_t shows_ms[3] = {WALL_MS, WALL_MS, WALL_MS}, wall_ms;
            shows_ms[wrong] = (uint64_t)((int64_t)WALL_MS + wrong_ms[i]);
            member_clocks_hear(&clocks, 1, shows_ms[1], 1000);
            member_clocks_hear(&clocks, 2, shows_ms[2], 1000);
            cr_assert_eq(member_clocks_wall_ms(&clocks, 0, 8001000, shows_ms[0] + 8000), WALL_MS + 8000);
            cr_assert(member_clocks_confirmed_ms(&clocks, 6, 8001000, shows_ms[0] + 8000, &wall_ms));
            cr_assert_eq(wall_ms, WALL_MS + 8000);
        }
}

/* R14: the smallest difference among a majority. */
Test(member_clocks, two_of_three_confirm_the_earlier_of_theirs)
{
    struct member_clocks clocks = three();
    uint64_t wall_ms;
    member_clocks_hear(&clocks, 2, WALL_MS + HOUR_MS, 0);
    cr_assert(member_clocks_confirmed_ms(&clocks, 4, 0, WALL_MS, &wall_ms));
    cr_assert_eq(wall_ms, WALL_MS);
    cr_assert(member_clocks_confirmed_ms(&clocks, 4, 0, WALL_MS + 2 * HOUR_MS, &wall_ms));
    cr_assert_eq(wall_ms, WALL_MS + HOUR_MS);
}

/* Without log time: stamps that are too late only delay what follows an outage; stamps that are too early would fire it early. */
Test(member_clocks, of_two_that_differ_the_one_nearer_to_log_time_is_stamped)
{
    struct member_clocks clocks = three();
    member_clocks_hear(&clocks, 1, WALL_MS - HOUR_MS, 0);
    cr_assert_eq(member_clocks_wall_ms(&clocks, 0, 0, WALL_MS), WALL_MS);
    cr_assert_eq(member_clocks_wall_ms(&clocks, 0, 0, WALL_MS - 2 * HOUR_MS), WALL_MS - HOUR_MS);
    /* Log time knows which of the two is right. */
    cr_assert_eq(member_clocks_wall_ms(&clocks, WALL_MS + 500, 0, WALL_MS), WALL_MS);
    cr_assert_eq(member_clocks_wall_ms(&clocks, WALL_MS - HOUR_MS + 500, 0, WALL_MS), WALL_MS - HOUR_MS);
}

Test(member_clocks, who_was_not_asked_confirms_nothing)
{
    struct member_clocks clocks = three();
    uint64_t wall_ms;
    member_clocks_hear(&clocks, 1, WALL_MS, 0);
    member_clocks_hear(&clocks, 2, WALL_MS, 0);
    cr_assert_not(member_clocks_confirmed_ms(&clocks, 0, 0, WALL_MS, &wall_ms));
    cr_assert(member_clocks_confirmed_ms(&clocks, 2, 0, WALL_MS, &wall_ms));
}

Test(member_clocks, a_lone_member_is_a_majority)
{
    struct member_clocks clocks;
    uint64_t wall_ms;
    member_clocks_init(&clocks, 1, 0);
    cr_assert(member_clocks_confirmed_ms(&clocks, 0, 0, WALL_MS, &wall_ms));
    cr_assert_eq(wall_ms, WALL_MS);
}

Test(member_clocks, five_members_outvote_two_wrong_ones)
{
    struct member_clocks clocks;
    uint64_t wall_ms;
    member_clocks_init(&clocks, 5, 2);
    member_clocks_hear(&clocks, 0, WALL_MS + HOUR_MS, 0);
    member_clocks_hear(&clocks, 1, WALL_MS + HOUR_MS, 0);
    member_clocks_hear(&clocks, 3, WALL_MS, 0);
    member_clocks_hear(&clocks, 4, WALL_MS, 0);
    cr_assert_eq(member_clocks_wall_ms(&clocks, 0, 0, WALL_MS), WALL_MS);
    cr_assert(member_clocks_confirmed_ms(&clocks, 3, 0, WALL_MS, &wall_ms));
    cr_assert_eq(wall_ms, WALL_MS);
}
