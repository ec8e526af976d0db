#include <criterion/criterion.h>
#include <stdio.h>

#include "services/edge/json.h"
#include "services/edge/timestamp.h"

static bool is_time(const char *text)
{
    uint64_t ms;
    return timestamp_parse(text, &ms);
}

static uint64_t ms_of(const char *text)
{
    uint64_t ms = UINT64_MAX;
    cr_assert(timestamp_parse(text, &ms), "%s", text);
    return ms;
}

Test(timestamp, reads_utc)
{
    cr_expect_eq(ms_of("1970-01-01T00:00:00Z"), 0);
    cr_expect_eq(ms_of("1970-01-01T00:00:01.5Z"), 1500);
    cr_expect_eq(ms_of("1970-01-01T00:00:00.07Z"), 70);
    cr_expect_eq(ms_of("1970-01-01T00:00:00.007Z"), 7);
    cr_expect_eq(ms_of("2026-01-31T12:00:00Z"), UINT64_C(1769860800000));
    cr_expect_eq(ms_of("2000-02-29T23:59:59.999Z"), UINT64_C(951868799999));
}

Test(timestamp, reads_what_is_written)
{
    for (uint64_t ms = 123; ms < UINT64_C(450) * 365 * 24 * 3600 * 1000; ms += UINT64_C(86399) * 1000 + 7) {
        char text[TIME_TEXT_BYTES];
        time_format(ms, text);
        cr_assert_eq(ms_of(text), ms, "%s", text);
    }
}

Test(timestamp, refuses_days_that_do_not_exist)
{
    int days = 0;
    for (int year = 2023; year <= 2026; year++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                char text[TIME_TEXT_BYTES];
                snprintf(text, sizeof text, "%d-%02d-%02dT00:00:00Z", year, month, day);
                days += is_time(text);
            }
    cr_expect_eq(days, 4 * 365 + 1, "of which one is a leap year");
    cr_expect_not(is_time("2026-02-31T00:00:00Z"));
    cr_expect_not(is_time("2026-02-29T00:00:00Z"));
    cr_expect_not(is_time("2100-02-29T00:00:00Z"));
    cr_expect_not(is_time("1969-12-31T23:59:59Z"));
}

Test(timestamp, refuses_times_that_do_not_exist)
{
    static const char *const texts[] = {"2026-01-31T24:00:00Z", "2026-01-31T25:61:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:60Z", "2026-01-31",
                                        "2026-01-31T12:00Z", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00z",
                                        "2026-01-31T12:00:00+01:00", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.1234Z",
                                        "2026-1-31T12:00:00Z", "26-01-31T12:00:00Z", "2026-01-31T12:00:00Z ", " 2026-01-31T12:00:00Z", "",
                                        "2026-01-31T-1:00:00Z"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_not(is_time(texts[i]), "%s", texts[i]);
}
