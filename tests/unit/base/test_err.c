#include <criterion/criterion.h>

#include <string.h>

#include "grid/base/err.h"

/* The numbers are on the wire: this list may only grow. */
Test(err, numbers_never_change)
{
    static const char *const names[] = {
        "OK", "INVALID", "NOT_FOUND", "ALREADY_EXISTS", "VERSION_CONFLICT", "NOT_LEADER", "UNAVAILABLE", "UNKNOWN",
        "LOG_FULL", "TOO_LARGE", "NO_SESSION", "RESULT_NOT_KEPT", "NOT_SUPPORTED", "BUSY", "CORRUPT", "IO",
        "MISMATCH", "MALFORMED", "CLOSED", "TIMEOUT", "REFUSED", "DENIED", "GAP", "NO_SPACE",
        "IDEMPOTENCY_MISMATCH", "MAP_FULL", "FORKED", "MEMORY_FULL",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_assert_str_eq(grid_err_name((enum grid_err)i), names[i]);
}

Test(err, has_a_text_of_its_own_for_every_error)
{
#define X(number, name, text)                                     \
    cr_assert_str_eq(grid_err_text(GRID_ERR_##name), text);       \
    cr_assert_gt(strlen(text), 1);
    GRID_ERR_LIST(X)
#undef X
}

Test(err, answers_for_numbers_outside_the_list)
{
    cr_assert_str_eq(grid_err_text((enum grid_err)9999), "unknown error");
    cr_assert_str_eq(grid_err_name((enum grid_err)9999), "UNKNOWN_ERROR");
}
