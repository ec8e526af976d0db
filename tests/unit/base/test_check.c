#include <criterion/criterion.h>

#include <signal.h>

#include "grid/base/check.h"

Test(check, lets_true_pass_and_evaluates_once)
{
    int evaluated = 0;
    REQUIRE(++evaluated == 1);
    ENSURE(++evaluated == 2);
    HOLDS(++evaluated == 3);
    cr_assert_eq(evaluated, 3);
}

Test(check, aborts_on_a_broken_requirement, .signal = SIGABRT)
{
    REQUIRE(1 > 2);
}

Test(check, aborts_on_a_broken_result, .signal = SIGABRT)
{
    ENSURE(1 > 2);
}

Test(check, aborts_on_a_broken_invariant, .signal = SIGABRT)
{
    HOLDS(1 > 2);
}

Test(check, aborts_where_nobody_comes, .signal = SIGABRT)
{
    UNREACHABLE("the test comes here");
}
