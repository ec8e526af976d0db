#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "tools/gridctl/terminal/draw.h"

static bool range_is(const char *text, uint64_t low, uint64_t high)
{
    struct draw_range range;
    return draw_range_parse(text, 100, &range) && range.low == low && range.high == high;
}

Test(draw, a_range_is_one_number_or_two)
{
    cr_assert(range_is("1", 1, 1));
    cr_assert(range_is("1-3", 1, 3));
    cr_assert(range_is("7-7", 7, 7));
    cr_assert(range_is("1-100", 1, 100));
}

Test(draw, what_is_no_range_is_refused)
{
    static const char *const wrong[] = {"", "0", "0-3", "3-1", "1-101", "101", "1-", "-3", "1-2-3", "a", "1 - 3", "1-3x",
                                        "99999999999999999999"};
    struct draw_range range;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(draw_range_parse(wrong[i], 100, &range), "%s", wrong[i]);
}

Test(draw, an_exponent_is_a_decimal)
{
    double exponent;
    cr_assert(draw_exponent_parse("0", &exponent) && exponent == 0);
    cr_assert(draw_exponent_parse("1.25", &exponent) && exponent == 1.25);
    cr_assert(draw_exponent_parse("10", &exponent) && exponent == 10);
    static const char *const wrong[] = {"", "-1", "1.", ".5", "1,5", "10.1", "1e3", "nan", "1.2.3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(draw_exponent_parse(wrong[i], &exponent), "%s", wrong[i]);
}

/* Shares of the ranks by the law itself: 12/25, 6/25, 4/25, 3/25 of four items. */
Test(draw, zipf_gives_each_rank_its_share)
{
    struct draw_zipf *zipf = draw_zipf_open(4, 1);
    struct prng prng;
    uint64_t counts[4] = {0};
    prng_init(&prng, 5);
    for (int i = 0; i < 250000; i++)
        counts[draw_zipf_pick(zipf, prng_u64(&prng))]++;
    static const uint64_t shares[] = {120000, 60000, 40000, 30000};
    for (int i = 0; i < 4; i++) {
        cr_assert_gt(counts[i], shares[i] - 1500);
        cr_assert_lt(counts[i], shares[i] + 1500);
    }
    draw_zipf_close(zipf);
}

Test(draw, without_skew_all_are_equal_and_the_ends_are_reached)
{
    struct draw_zipf *zipf = draw_zipf_open(1000, 0);
    cr_assert_eq(draw_zipf_pick(zipf, 0), 0);
    cr_assert_eq(draw_zipf_pick(zipf, UINT64_MAX), 999);
    cr_assert_eq(draw_zipf_pick(zipf, UINT64_MAX / 2 + 1), 500);
    draw_zipf_close(zipf);
}
