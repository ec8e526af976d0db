#include <criterion/criterion.h>

#include "grid/node/report/loop_delay.h"

enum { SECOND = 1000 * 1000 };

Test(loop_delay, is_the_time_that_a_tick_is_overdue)
{
    struct loop_delay delay = {0};
    cr_expect_eq(loop_delay_look(&delay, 500), 0u, "none was armed");
    loop_delay_arm(&delay, 1000);
    cr_expect_eq(loop_delay_look(&delay, 999), 0u);
    cr_expect_eq(loop_delay_look(&delay, 1000), 0u);
    cr_expect_eq(loop_delay_look(&delay, 3500), 2500u);
    cr_expect_eq(loop_delay_look(&delay, 3600), 2600u, "it has not fired yet");
    loop_delay_arm(&delay, 4000);
    cr_expect_eq(loop_delay_look(&delay, 3700), 0u);
    cr_expect_eq(loop_delay_worst_us(&delay, 3700), 2600u);
}

Test(loop_delay, the_worst_of_some_seconds_is_kept)
{
    struct loop_delay delay = {0};
    loop_delay_arm(&delay, 10 * SECOND);
    loop_delay_look(&delay, 13 * SECOND);
    loop_delay_arm(&delay, 14 * SECOND);
    loop_delay_look(&delay, 15 * SECOND);
    loop_delay_arm(&delay, UINT64_MAX);
    for (uint64_t second = 15; second < 13 + LOOP_DELAY_SECONDS; second++)
        cr_expect_eq(loop_delay_worst_us(&delay, second * SECOND), 3u * SECOND, "%llu", (unsigned long long)second);
    cr_expect_eq(loop_delay_worst_us(&delay, (13 + LOOP_DELAY_SECONDS) * SECOND), 1u * SECOND);
    cr_expect_eq(loop_delay_worst_us(&delay, (15 + LOOP_DELAY_SECONDS) * (uint64_t)SECOND), 0u);
}

Test(loop_delay, a_long_silence_leaves_nothing_old)
{
    struct loop_delay delay = {0};
    loop_delay_arm(&delay, SECOND);
    loop_delay_look(&delay, 5 * SECOND);
    loop_delay_arm(&delay, UINT64_MAX);
    cr_expect_eq(loop_delay_worst_us(&delay, 1000 * (uint64_t)SECOND), 0u);
    loop_delay_arm(&delay, 2000 * (uint64_t)SECOND);
    cr_expect_eq(loop_delay_look(&delay, 2000 * (uint64_t)SECOND + 7), 7u);
    cr_expect_eq(loop_delay_worst_us(&delay, 2001 * (uint64_t)SECOND), 7u);
}
