#include <criterion/criterion.h>
#include <string.h>

#include "tests/nemesis/findings.h"

Test(findings, begin_empty)
{
    struct findings findings = {0};
    cr_assert_eq(findings.count, 0);
    cr_assert_str_eq(findings_text(&findings), "");
    findings_close(&findings);
}

Test(findings, shows_a_few_of_each_kind_and_counts_all)
{
    struct findings findings = {0};
    for (int i = 0; i < 100; i++)
        findings_add(&findings, "I15: sample %d", i);
    findings_add(&findings, "I01: order 7 was charged twice");
    cr_assert_eq(findings.count, 101);
    cr_assert_eq(findings.shown, FINDINGS_SHOWN + 1);
    cr_assert_not_null(strstr(findings_text(&findings), "I15: sample 0\n"));
    cr_assert_null(strstr(findings_text(&findings), "I15: sample 50\n"));
    cr_assert_not_null(strstr(findings_text(&findings), "I01: order 7 was charged twice\n"));
    findings_close(&findings);
}

Test(findings, of_more_kinds_than_are_told_apart_are_still_counted)
{
    struct findings findings = {0};
    for (int i = 0; i < 3 * FINDINGS_KINDS; i++)
        findings_add(&findings, "a quite long name of kind %d: something", i);
    for (int i = 0; i < 3 * FINDINGS_KINDS; i++)
        findings_add(&findings, "K%d: something", i);
    cr_assert_eq(findings.count, 6 * FINDINGS_KINDS);
    cr_assert_leq(findings.shown, (FINDINGS_KINDS + 1) * FINDINGS_SHOWN);
    findings_close(&findings);
}
