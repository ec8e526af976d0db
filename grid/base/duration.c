#include "grid/base/duration.h"

static bool add(uint64_t *sum_ms, uint64_t number, uint64_t unit_ms)
{
    if (number > (UINT64_MAX - *sum_ms) / unit_ms)
        return false;
    *sum_ms += number * unit_ms;
    return true;
}

/* The unit at the front of the text; `size` is the size of its name. 0: no unit. */
static uint64_t unit_at(struct bytes text, size_t *ret_size)
{
    static const struct { char name[3]; uint64_t ms; } units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        *ret_size = strlen(units[i].name);
        if (text.size >= *ret_size && memcmp(text.data, units[i].name, *ret_size) == 0)
            return units[i].ms;
    }
    return 0;
}

bool duration_has_unit(struct bytes text)
{
    return text.size > 0 && (text.data[text.size - 1] < '0' || text.data[text.size - 1] > '9');
}

bool duration_parse(struct bytes text, uint64_t *ret_ms)
{
    uint64_t sum_ms = 0, last_unit_ms = UINT64_MAX;
    if (text.size == 0)
        return false;
    for (size_t at = 0; at < text.size;) {
        uint64_t number = 0, unit_ms = 1;
        size_t digits = at, unit_size = 0;
        for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            uint64_t digit = (uint64_t)(text.data[at] - '0');
            if (number > (UINT64_MAX - digit) / 10)
                return false;
            number = number * 10 + digit;
        }
        if (at == digits)
            return false;
        /* Without a unit a number stands alone. */
        if (at < text.size || digits > 0)
            unit_ms = unit_at(bytes_of(text.data + at, text.size - at), &unit_size);
        if (unit_ms == 0 || unit_ms >= last_unit_ms || !add(&sum_ms, number, unit_ms))
            return false;
        at += unit_size;
        last_unit_ms = unit_ms;
    }
    *ret_ms = sum_ms;
    return true;
}
