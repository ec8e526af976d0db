#include "grid/node/report/clock_skew.h"

enum clock_skew_news clock_skew_look(struct clock_skew *skew, int64_t ahead_ms)
{
    uint64_t distance_ms = ahead_ms < 0 ? 0 - (uint64_t)ahead_ms : (uint64_t)ahead_ms;
    bool other = skew->skewed ? distance_ms <= CLOCK_SKEW_END_MS : distance_ms > CLOCK_SKEW_MS;
    bool sure = other && skew->doubtful;
    skew->ahead_ms = ahead_ms;
    skew->known = true;
    skew->doubtful = other && !sure;
    if (!sure)
        return CLOCK_SKEW_SAME;
    skew->skewed = !skew->skewed;
    return skew->skewed ? CLOCK_SKEW_BEGINS : CLOCK_SKEW_ENDS;
}

void clock_skew_unknown(struct clock_skew *skew)
{
    skew->known = skew->doubtful = false;
}
