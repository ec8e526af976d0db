#include <criterion/criterion.h>

#include "grid/partition/links/inbox.h"

Test(inbox, takes_the_next_one_drops_the_old_and_sees_gaps)
{
    struct inbox *inbox = inbox_open();
    cr_assert_eq(inbox_last(inbox, 4), 0);
    cr_assert_eq(inbox_check(inbox, 4, 1, 2), INBOX_GAP);
    cr_assert_eq(inbox_check(inbox, 4, 1, 1), INBOX_NEXT);
    inbox_advance(inbox, 4, 1, 1);
    cr_assert_eq(inbox_check(inbox, 4, 1, 1), INBOX_OLD);
    cr_assert_eq(inbox_check(inbox, 4, 1, 2), INBOX_NEXT);
    cr_assert_eq(inbox_check(inbox, 4, 1, 3), INBOX_GAP);
    cr_assert_eq(inbox_last(inbox, 4), 1);
    inbox_close(inbox);
}

Test(inbox, keeps_sources_apart)
{
    struct inbox *inbox = inbox_open();
    for (uint32_t round = 1; round <= 3; round++)
        for (uint32_t source = 40; source-- != 0;)
            inbox_advance(inbox, source * 7 % 40, 1, round);
    for (uint32_t source = 0; source < 40; source++)
        cr_assert_eq(inbox_last(inbox, source), 3);
    inbox_holds(inbox);
    inbox_close(inbox);
}

Test(inbox, refuses_a_lower_incarnation_and_starts_a_higher_one_at_one)
{
    struct inbox *inbox = inbox_open();
    cr_assert_eq(inbox_check(inbox, 1, 0, 1), INBOX_LOWER_INCARNATION);
    inbox_advance(inbox, 1, 1, 1);
    inbox_advance(inbox, 1, 1, 2);
    cr_assert_eq(inbox_check(inbox, 1, 2, 3), INBOX_GAP);
    cr_assert_eq(inbox_check(inbox, 1, 2, 1), INBOX_NEXT);
    inbox_advance(inbox, 1, 2, 1);
    cr_assert_eq(inbox_check(inbox, 1, 1, 3), INBOX_LOWER_INCARNATION);
    cr_assert_eq(inbox_last(inbox, 1), 1);
    inbox_close(inbox);
}
