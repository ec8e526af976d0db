#include <criterion/criterion.h>

#include "grid/node/report/log_use.h"

Test(log_use, says_each_step_once)
{
    struct log_use use = {0};
    cr_expect_eq(log_use_look(&use, 0, 1000), 0);
    cr_expect_eq(log_use_look(&use, 799, 1000), 0);
    cr_expect_eq(log_use_look(&use, 800, 1000), LOG_USE_WARN_PERCENT);
    cr_expect_eq(log_use_look(&use, 900, 1000), 0);
    cr_expect_eq(log_use_look(&use, 950, 1000), LOG_USE_LATE_PERCENT);
    cr_expect_eq(log_use_look(&use, 999, 1000), 0);
    cr_expect_eq(log_use_look(&use, 1000, 1000), LOG_USE_FULL_PERCENT);
    cr_expect_eq(log_use_look(&use, 2000, 1000), 0);
    cr_expect_eq(log_use_look(&use, 850, 1000), 0);
}

Test(log_use, says_only_the_highest_step_of_a_leap)
{
    struct log_use use = {0};
    cr_expect_eq(log_use_look(&use, UINT64_MAX, UINT64_MAX), LOG_USE_FULL_PERCENT);
    cr_expect_eq(log_use_look(&use, UINT64_MAX / 100 * 96, UINT64_MAX), 0);
}
