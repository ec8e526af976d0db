#include "services/edge/timestamp.h"

enum { FIRST_YEAR = 1970 };

/* A number of exactly so many digits, and the character that follows it. */
static bool take_part(const char **at, int digits, char after, int64_t *ret_value)
{
    *ret_value = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *ret_value = *ret_value * 10 + (**at - '0');
    }
    return *(*at)++ == after;
}

/* Seconds with a fraction or without one, up to the closing Z. */
static bool take_seconds(const char **at, int64_t *ret_second, int64_t *ret_ms)
{
    const char *start = *at;
    *ret_ms = 0;
    if (take_part(at, 2, 'Z', ret_second))
        return true;
    *at = start;
    if (!take_part(at, 2, '.', ret_second))
        return false;
    start = *at;
    for (int64_t digits = 3, scale = 1; digits > 0; digits--, scale *= 10) {
        *at = start;
        if (take_part(at, (int)digits, 'Z', ret_ms)) {
            *ret_ms *= scale;
            return true;
        }
    }
    return false;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool timestamp_parse(const char *text, uint64_t *ret_ms)
{
    int64_t year, month, day, hour, minute, second, ms;
    if (!take_part(&text, 4, '-', &year) || !take_part(&text, 2, '-', &month) || !take_part(&text, 2, 'T', &day) ||
        !take_part(&text, 2, ':', &hour) || !take_part(&text, 2, ':', &minute) || !take_seconds(&text, &second, &ms) || *text != 0)
        return false;
    if (year < FIRST_YEAR || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    /* Days since 1970 of the civil calendar, whose year begins here with March. */
    int64_t from_march = (month + 9) % 12;
    year -= month < 3;
    int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (from_march * 153 + 2) / 5 + day - 1 - 719468;
    *ret_ms = (uint64_t)(((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + (uint64_t)ms;
    return true;
}
