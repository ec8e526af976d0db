#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "grid/node/replica/log_clock.h"

#define SECOND_US 1000000ull
#define HOUR_MS 3600000ull
#define WALL_MS 1700000000000ull

Test(log_clock, goes_on_from_the_log_and_not_from_the_wall)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    cr_assert_eq(log_clock_read(&clock, 0, WALL_MS + HOUR_MS), WALL_MS);
}

Test(log_clock, follows_monotonic_time_when_both_agree)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t ms = 1; ms <= 100000; ms++)
        cr_assert_eq(log_clock_read(&clock, ms * 1000, WALL_MS + ms), WALL_MS + ms);
}

/* A leader whose wall clock is an hour ahead must not fire every timer at once. */
Test(log_clock, an_hour_ahead_goes_at_most_a_tenth_faster)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t s = 1; s <= 600; s++) {
        uint64_t now = log_clock_read(&clock, s * SECOND_US, WALL_MS + HOUR_MS + s * 1000);
        cr_assert_eq(now, WALL_MS + s * 1100, "after %lu s", (unsigned long)s);
    }
}

/* Nor may one an hour behind freeze time: deadlines still pass. */
Test(log_clock, an_hour_behind_goes_at_most_a_tenth_slower)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t s = 1; s <= 600; s++) {
        uint64_t now = log_clock_read(&clock, s * SECOND_US, WALL_MS - HOUR_MS + s * 1000);
        cr_assert_eq(now, WALL_MS + s * 900, "after %lu s", (unsigned long)s);
    }
}

Test(log_clock, does_not_round_the_slew_away_when_read_often)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    uint64_t now = 0;
    for (uint64_t us = 1; us <= SECOND_US; us += 7)
        now = log_clock_read(&clock, us, WALL_MS + HOUR_MS + us / 1000);
    /* A tenth of 7 us is rounded down to nothing: at least time itself must not be lost. */
    cr_assert_geq(now, WALL_MS + 999);
    cr_assert_leq(now, WALL_MS + 1100);
}

Test(log_clock, reaches_the_wall_and_stays_with_it)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t ms = 100; ms <= 120000; ms += 100) {
        uint64_t now = log_clock_read(&clock, ms * 1000, WALL_MS + 5000 + ms);
        if (ms >= 60000)
            cr_assert(now + 1 >= WALL_MS + 5000 + ms && now <= WALL_MS + 5000 + ms + 1);
    }
}

Test(log_clock, never_turns_back_whatever_the_clocks_say)
{
    struct prng prng;
    prng_init(&prng, 7);
    for (int round = 0; round < 200; round++) {
        struct log_clock clock;
        uint64_t mono = prng_range(&prng, 0, SECOND_US), wall = WALL_MS, last = WALL_MS;
        log_clock_start(&clock, last, mono);
        for (int step = 0; step < 200; step++) {
            uint64_t elapsed = prng_range(&prng, 0, 3 * SECOND_US);
            mono += elapsed;
            wall = prng_chance(&prng, 100000) ? prng_range(&prng, 0, 2 * WALL_MS) : wall + elapsed / 1000;
            uint64_t now = log_clock_read(&clock, mono, wall);
            cr_assert_geq(now, last);
            cr_assert_leq(now, last + elapsed / 1000 + elapsed / 10000 + 2);
            cr_assert_geq(now + elapsed / 10000 + 2, last + elapsed / 1000);
            last = now;
        }
    }
}

Test(log_clock, stands_still_when_the_monotonic_clock_does)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 9 * SECOND_US);
    cr_assert_eq(log_clock_read(&clock, 9 * SECOND_US, WALL_MS + HOUR_MS), WALL_MS);
    cr_assert_eq(log_clock_read(&clock, 8 * SECOND_US, WALL_MS + HOUR_MS), WALL_MS);
}

Test(log_clock, runs_on_from_what_the_leader_was_last_heard_to_say)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    log_clock_hear(&clock, WALL_MS + 500, SECOND_US);
    cr_assert_eq(log_clock_read(&clock, SECOND_US, WALL_MS + 900), WALL_MS + 900, "it was later than that: nine tenths have passed");
    log_clock_hear(&clock, WALL_MS + 1999, 2 * SECOND_US);
    cr_assert_eq(log_clock_read(&clock, 9 * SECOND_US, WALL_MS + 8999), WALL_MS + 8999);
}

/* A leader slews down by a tenth; a follower that took the maximum of all estimates would run away from it. */
Test(log_clock, follows_a_leader_that_slews_down)
{
    struct log_clock leader, follower;
    log_clock_start(&leader, WALL_MS, 0);
    log_clock_start(&follower, WALL_MS, 0);
    for (uint64_t s = 1; s < 3600; s++) {
        uint64_t said = log_clock_read(&leader, s * SECOND_US, 0);
        log_clock_hear(&follower, said, s * SECOND_US + 1000);
        cr_assert_geq(follower.time_us / 1000, said);
        cr_assert_leq(follower.time_us / 1000, said + 2);
    }
}

/* A link that stalled for a minute delivers all that was said meanwhile. */
Test(log_clock, what_comes_late_does_no_harm)
{
    struct log_clock clock;
    uint64_t wall_ms = WALL_MS + HOUR_MS;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t s = 1; s < 60; s++)
        log_clock_learn(&clock, WALL_MS + 1100 * s, 60 * SECOND_US);
    cr_assert_eq(log_clock_read(&clock, 60 * SECOND_US, wall_ms), WALL_MS + 66000, "it slewed as the leader did");
    log_clock_learn(&clock, WALL_MS + 67000, 60 * SECOND_US);
    cr_assert_eq(log_clock_read(&clock, 60 * SECOND_US, wall_ms), WALL_MS + 67000);
}

Test(log_clock, a_saying_lowers_it_by_a_tenth_of_what_elapsed_at_most)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    for (uint64_t s = 1; s < 60; s++) {
        log_clock_hear(&clock, WALL_MS, s * SECOND_US);
        cr_assert_eq(log_clock_read(&clock, s * SECOND_US, 0), WALL_MS + 900 * s);
    }
}

Test(log_clock, is_raised_and_never_lowered)
{
    struct log_clock clock;
    log_clock_start(&clock, WALL_MS, 0);
    log_clock_raise(&clock, WALL_MS + 5);
    log_clock_raise(&clock, WALL_MS + 3);
    cr_assert_eq(log_clock_read(&clock, 0, 0), WALL_MS + 5);
}

Test(log_clock, counts_what_passed_on_the_wall_and_never_less_than_nothing)
{
    cr_assert_eq(log_clock_after(WALL_MS, WALL_MS, WALL_MS + 15000), WALL_MS + 15000);
    cr_assert_eq(log_clock_after(WALL_MS, WALL_MS, WALL_MS), WALL_MS);
    cr_assert_eq(log_clock_after(WALL_MS, WALL_MS, WALL_MS - HOUR_MS), WALL_MS);
    /* It slewed meanwhile as a leader would have. */
    cr_assert_eq(log_clock_after(WALL_MS, WALL_MS + HOUR_MS, WALL_MS + HOUR_MS + 10000), WALL_MS + 11000);
    cr_assert_eq(log_clock_after(WALL_MS + HOUR_MS, WALL_MS, WALL_MS + 10000), WALL_MS + HOUR_MS + 9000);
}
