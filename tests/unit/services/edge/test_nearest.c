#include <criterion/criterion.h>

#include "services/edge/nearest.h"

static const char *const NAMES[] = {"op", "key", "affinity", "value", "expectedValue", "expectedVersion", "ttlMs", "map"};

static const char *near(const char *given)
{
    const char *nearest = nearest_name(bytes_of_text(given), NAMES, sizeof NAMES / sizeof *NAMES);
    return nearest != NULL ? nearest : "none";
}

Test(nearest, finds_what_was_misspelt)
{
    cr_expect_str_eq(near("vlaue"), "value", "two letters are swapped");
    cr_expect_str_eq(near("afinity"), "affinity");
    cr_expect_str_eq(near("affinitty"), "affinity");
    cr_expect_str_eq(near("expected_version"), "expectedVersion");
    cr_expect_str_eq(near("EXPECTEDVALUE"), "expectedValue");
    cr_expect_str_eq(near("expectedvaluee"), "expectedValue");
    cr_expect_str_eq(near("kex"), "key");
}

Test(nearest, finds_what_begins_alike)
{
    cr_expect_str_eq(near("ttl"), "ttlMs");
    cr_expect_str_eq(near("ttlMsFromNow"), "ttlMs");
    cr_expect_str_eq(near("values"), "value");
}

Test(nearest, finds_nothing_where_nothing_is_near)
{
    cr_expect_str_eq(near("coupon"), "none");
    cr_expect_str_eq(near("x"), "none");
    cr_expect_str_eq(near(""), "none");
    cr_expect_str_eq(near("a name that is longer than any name of a field ever was"), "none");
    cr_expect_null(nearest_name(bytes_of_text("a"), NULL, 0));
    cr_expect_null(nearest_name(bytes_of_text("fish"), (const char *const[]){"bash", "zsh"}, 2), "half of its letters differ");
}
