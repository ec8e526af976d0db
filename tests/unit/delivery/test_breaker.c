#include <criterion/criterion.h>

#include "grid/delivery/breaker.h"

enum { SECOND_US = 1000 * 1000 };

static void fail_times(struct breaker *breaker, int times, uint64_t now_us)
{
    for (int i = 0; i < times; i++) {
        cr_assert(breaker_allow(breaker, now_us));
        breaker_report(breaker, false, now_us);
        breaker_holds(breaker);
    }
}

Test(breaker, stays_closed_below_the_least_number_of_calls)
{
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_CALLS_MIN - 1, 1);
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
    cr_assert(breaker_allow(&breaker, 1));
}

Test(breaker, opens_when_half_of_the_window_failed)
{
    struct breaker breaker = {0};
    for (int i = 0; i < 5; i++)
        breaker_report(&breaker, true, 1);
    for (int i = 0; i < 4; i++)
        breaker_report(&breaker, false, 1);
    cr_assert_eq(breaker.state, BREAKER_CLOSED, "4 of 9 is below half");
    breaker_report(&breaker, false, 1);
    cr_assert_eq(breaker.state, BREAKER_OPEN, "5 of 10 is half");
    cr_assert_not(breaker_allow(&breaker, 2));
}

Test(breaker, forgets_outcomes_older_than_the_window)
{
    struct breaker breaker = {0};
    for (int round = 0; round < 50; round++) {
        breaker_report(&breaker, round % 5 != 0, 1); /* one in five fails, for ever */
        breaker_holds(&breaker);
    }
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
}

Test(breaker, lets_three_trials_pass_after_ten_seconds_and_closes_when_all_are_good)
{
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_CALLS_MIN, SECOND_US);
    cr_assert_not(breaker_allow(&breaker, 10 * SECOND_US), "nine seconds later");
    cr_assert_eq(breaker_retry_us(&breaker, 10 * SECOND_US), SECOND_US);
    for (int i = 0; i < BREAKER_TRIALS; i++)
        cr_assert(breaker_allow(&breaker, 11 * SECOND_US));
    cr_assert_not(breaker_allow(&breaker, 11 * SECOND_US), "a fourth waits");
    cr_assert_eq(breaker.state, BREAKER_HALF_OPEN);
    for (int i = 0; i < BREAKER_TRIALS; i++)
        breaker_report(&breaker, true, 11 * SECOND_US);
    cr_assert_eq(breaker.state, BREAKER_CLOSED);
}

Test(breaker, opens_again_at_the_first_failed_trial)
{
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_CALLS_MIN, 0);
    cr_assert(breaker_allow(&breaker, 10 * SECOND_US));
    breaker_report(&breaker, false, 10 * SECOND_US);
    cr_assert_eq(breaker.state, BREAKER_OPEN);
    cr_assert_not(breaker_allow(&breaker, 19 * SECOND_US), "another ten seconds");
    cr_assert(breaker_allow(&breaker, 20 * SECOND_US));
}

Test(breaker, gives_a_trial_back_when_its_call_is_cancelled)
{
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_CALLS_MIN, 0);
    for (int i = 0; i < BREAKER_TRIALS; i++)
        cr_assert(breaker_allow(&breaker, 10 * SECOND_US));
    cr_assert_not(breaker_allow(&breaker, 10 * SECOND_US));
    breaker_forget(&breaker);
    breaker_holds(&breaker);
    cr_assert(breaker_allow(&breaker, 10 * SECOND_US));
}
