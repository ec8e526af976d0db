#include <criterion/criterion.h>

#include "grid/base/duration.h"

static uint64_t ms(const char *text)
{
    uint64_t value;
    return duration_parse(bytes_of_text(text), &value) ? value : UINT64_MAX - 1;
}

Test(duration, reads_milliseconds_and_units)
{
    cr_expect_eq(ms("0"), 0);
    cr_expect_eq(ms("1500"), 1500);
    cr_expect_eq(ms("250ms"), 250);
    cr_expect_eq(ms("10s"), 10 * 1000);
    cr_expect_eq(ms("90m"), 90 * 60 * 1000);
    cr_expect_eq(ms("2h"), 2 * 3600 * 1000);
    cr_expect_eq(ms("30d"), UINT64_C(30) * 24 * 3600 * 1000);
    cr_expect_eq(ms("1h30m"), 90 * 60 * 1000);
    cr_expect_eq(ms("1d2h3m4s5ms"), (((24 + 2) * 60 + 3) * 60 + 4) * 1000 + 5);
    cr_expect_eq(ms("1m1ms"), 60001);
    cr_expect_eq(ms("18446744073709551615"), UINT64_MAX);
    cr_expect_eq(ms("007s"), 7000);
}

Test(duration, refuses_everything_else)
{
    static const char *const texts[] = {"", "s", "ms", "-1", "+1", "-1s", "1.5h", "1 s", " 1", "1s ", "10x", "1S", "1sec", "1h30", "30m1h", "1s1s",
                                        "1ms1s", "0x10", "1e3", "none", "18446744073709551616", "18446744073709551615s",
                                        "213503982335d", "s1", "1h 30m"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(ms(texts[i]), UINT64_MAX - 1, "%s", texts[i]);
    cr_expect_eq(ms("213503982334d"), UINT64_C(213503982334) * 24 * 3600 * 1000, "the longest number of days");
}

Test(duration, knows_whether_there_is_a_unit)
{
    cr_expect(duration_has_unit(bytes_of_text("10s")));
    cr_expect_not(duration_has_unit(bytes_of_text("10")));
    cr_expect_not(duration_has_unit(BYTES_NONE));
}
