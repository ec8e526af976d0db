#include "grid/wire/negotiate.h"

#include <stdio.h>

static const char *const names[FEATURES_COUNT] = {
#define FEATURE_NAME_(bit, name) name,
    WIRE_FEATURES(FEATURE_NAME_)
#undef FEATURE_NAME_
};

_Static_assert(FEATURES_COUNT <= 64, "features are the bits of one word");

static bool is_range(struct version_range range)
{
    return range.min >= 1 && range.min <= range.max;
}

bool version_negotiate(struct version_range ours, struct version_range theirs, uint32_t *ret_version)
{
    uint32_t low = ours.min > theirs.min ? ours.min : theirs.min;
    uint32_t high = ours.max < theirs.max ? ours.max : theirs.max;
    if (!is_range(ours) || !is_range(theirs) || low > high)
        return false;
    *ret_version = high;
    return true;
}

struct version_text version_text_of(struct version_range range)
{
    struct version_text out;
    if (range.min == range.max)
        snprintf(out.text, sizeof out.text, "%u", range.min);
    else
        snprintf(out.text, sizeof out.text, "%u to %u", range.min, range.max);
    return out;
}

uint64_t features_all(void)
{
    return (UINT64_C(1) << FEATURES_COUNT) - 1;
}

uint64_t features_of_names(const struct bytes *list, size_t count)
{
    uint64_t set = 0;
    for (size_t i = 0; i < count; i++)
        for (uint32_t bit = 0; bit < FEATURES_COUNT; bit++)
            if (bytes_equal(list[i], bytes_of_text(names[bit])))
                set |= UINT64_C(1) << bit;
    return set;
}

size_t features_names(uint64_t set, struct bytes ret_names[FEATURES_COUNT])
{
    size_t count = 0;
    for (uint32_t bit = 0; bit < FEATURES_COUNT; bit++)
        if (set >> bit & 1)
            ret_names[count++] = bytes_of_text(names[bit]);
    return count;
}
