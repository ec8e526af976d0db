#include "services/money.h"

#include <string.h>

#include "grid/base/check.h"

enum money_result money_add(struct money a, struct money b, struct money *ret_sum)
{
    REQUIRE(a.minor >= 0 && b.minor >= 0);
    if (strcmp(a.currency, b.currency) != 0)
        return MONEY_MIXED;
    if (a.minor > INT64_MAX - b.minor)
        return MONEY_OVERFLOW;
    *ret_sum = (struct money){.minor = a.minor + b.minor, .currency = a.currency};
    return MONEY_OK;
}

enum money_result money_times(struct money price, int64_t quantity, struct money *ret_product)
{
    REQUIRE(price.minor >= 0 && quantity >= 0);
    if (price.minor != 0 && quantity > INT64_MAX / price.minor)
        return MONEY_OVERFLOW;
    *ret_product = (struct money){.minor = price.minor * quantity, .currency = price.currency};
    return MONEY_OK;
}

enum money_result money_percent(struct money amount, uint32_t percent, struct money *ret_part)
{
    REQUIRE(amount.minor >= 0 && percent <= 100);
    /* Split, so that no intermediate value is larger than the amount. */
    int64_t whole = amount.minor / 100 * (int64_t)percent;
    int64_t rest = (amount.minor % 100 * (int64_t)percent + 50) / 100;
    *ret_part = (struct money){.minor = whole + rest, .currency = amount.currency};
    ENSURE(ret_part->minor <= amount.minor);
    return MONEY_OK;
}

bool money_currency_valid(const char *currency)
{
    REQUIRE(currency != NULL);
    size_t i = 0;
    while (i < 3 && currency[i] >= 'A' && currency[i] <= 'Z')
        i++;
    return i == 3 && currency[3] == '\0';
}

uint32_t money_digits(const char *currency)
{
    static const char whole[][4] = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW",
                                    "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"};
    static const char thousandths[][4] = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (strcmp(whole[i], currency) == 0)
            return 0;
    for (size_t i = 0; i < sizeof thousandths / sizeof thousandths[0]; i++)
        if (strcmp(thousandths[i], currency) == 0)
            return 3;
    return 2;
}

static bool add_digit(int64_t *value, uint32_t digit)
{
    if (*value > (INT64_MAX - (int64_t)digit) / 10)
        return false;
    *value = *value * 10 + (int64_t)digit;
    return true;
}

bool money_parse(struct bytes text, const char *currency, int64_t *ret_minor)
{
    uint32_t digits = money_digits(currency), behind = 0, before = 0;
    bool point = false;
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t character = text.data[i];
        if (character == '.' && !point && before != 0) {
            point = true;
            continue;
        }
        if (character < '0' || character > '9' || !add_digit(&value, (uint32_t)(character - '0')))
            return false;
        if (point)
            behind++;
        else
            before++;
    }
    if (before == 0 || behind > digits || (point && behind == 0))
        return false;
    for (; behind < digits; behind++)
        if (!add_digit(&value, 0))
            return false;
    *ret_minor = value;
    return true;
}

void money_format(int64_t minor, const char *currency, char *ret_text)
{
    REQUIRE(ret_text != NULL);
    char backwards[MONEY_TEXT_BYTES];
    size_t count = 0;
    uint32_t digits = money_digits(currency);
    uint64_t value = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    for (uint32_t digit = 0; value != 0 || digit <= digits; digit++) {
        if (digit == digits && digits != 0)
            backwards[count++] = '.';
        backwards[count++] = (char)('0' + value % 10);
        value /= 10;
    }
    if (minor < 0)
        backwards[count++] = '-';
    ENSURE(count < MONEY_TEXT_BYTES);
    for (size_t i = 0; i < count; i++)
        ret_text[i] = backwards[count - 1 - i];
    ret_text[count] = '\0';
}
