#include <criterion/criterion.h>

#include "grid/base/bytes.h"
#include "services/money.h"

static struct money euros(int64_t minor)
{
    return (struct money){.minor = minor, .currency = "EUR"};
}

Test(money, refuses_overflow_and_mixed_currencies)
{
    struct money result = euros(-7), dollars = {.minor = 1, .currency = "USD"};
    cr_assert_eq(money_add(euros(INT64_MAX - 1), euros(1), &result), MONEY_OK);
    cr_assert_eq(result.minor, INT64_MAX);
    result = euros(-7);
    cr_assert_eq(money_add(euros(INT64_MAX), euros(1), &result), MONEY_OVERFLOW);
    cr_assert_eq(money_add(euros(1), dollars, &result), MONEY_MIXED);
    cr_assert_eq(money_times(euros(INT64_MAX / 2), 3, &result), MONEY_OVERFLOW);
    cr_assert_eq(result.minor, -7);
    cr_assert_eq(money_times(euros(INT64_MAX / 2), 2, &result), MONEY_OK);
    cr_assert_eq(money_times(euros(0), INT64_MAX, &result), MONEY_OK);
    cr_assert_eq(result.minor, 0);
}

Test(money, rounds_a_percentage_half_up)
{
    const struct {
        int64_t amount, tax;
    } cases[] = {{0, 0}, {4, 0}, {5, 1}, {14, 1}, {15, 2}, {100, 10}, {12995, 1300}, {12994, 1299}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct money tax;
        cr_assert_eq(money_percent(euros(cases[i].amount), 10, &tax), MONEY_OK);
        cr_assert_eq(tax.minor, cases[i].tax, "10 %% of %lld", (long long)cases[i].amount);
    }
    struct money all;
    cr_assert_eq(money_percent(euros(INT64_MAX), 100, &all), MONEY_OK);
    cr_assert_eq(all.minor, INT64_MAX);
}

Test(money, reads_decimal_text_strictly)
{
    const struct {
        const char *text, *currency;
        int64_t minor;
    } good[] = {{"129.90", "EUR", 12990},
                {"129.9", "EUR", 12990},
                {"129", "EUR", 12900},
                {"0.01", "EUR", 1},
                {"500", "JPY", 500},
                {"1.234", "KWD", 1234},
                {"92233720368547758.07", "EUR", INT64_MAX}};
    const struct {
        const char *text, *currency;
    } bad[] = {{"", "EUR"},
               {".5", "EUR"},
               {"1.", "EUR"},
               {"1.234", "EUR"},
               {"1.5", "JPY"},
               {"-1", "EUR"},
               {"+1", "EUR"},
               {" 1", "EUR"},
               {"1,5", "EUR"},
               {"1e3", "EUR"},
               {"1.2.3", "EUR"},
               {"92233720368547758.08", "EUR"},
               {"99999999999999999999", "EUR"}};
    int64_t minor;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(money_parse(bytes_of_text(good[i].text), good[i].currency, &minor), "%s", good[i].text);
        cr_assert_eq(minor, good[i].minor, "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(money_parse(bytes_of_text(bad[i].text), bad[i].currency, &minor), "%s", bad[i].text);
}

Test(money, writes_decimal_text_with_all_digits)
{
    const struct {
        int64_t minor;
        const char *currency, *text;
    } cases[] = {{12990, "EUR", "129.90"},
                 {0, "EUR", "0.00"},
                 {5, "EUR", "0.05"},
                 {500, "JPY", "500"},
                 {0, "JPY", "0"},
                 {1234, "KWD", "1.234"},
                 {-150, "EUR", "-1.50"},
                 {INT64_MAX, "EUR", "92233720368547758.07"},
                 {INT64_MIN, "EUR", "-92233720368547758.08"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[MONEY_TEXT_BYTES];
        money_format(cases[i].minor, cases[i].currency, text);
        cr_assert_str_eq(text, cases[i].text);
    }
}

Test(money, knows_the_form_of_a_currency_code)
{
    cr_assert(money_currency_valid("EUR"));
    const char *const bad[] = {"", "EU", "EURO", "eur", "E1R", "E R"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_not(money_currency_valid(bad[i]));
}
