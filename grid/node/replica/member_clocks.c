#include "grid/node/replica/member_clocks.h"

#include "grid/base/check.h"

_Static_assert(REPLICAS_MAX < 32, "a set of members is one number");

void member_clocks_init(struct member_clocks *clocks, uint32_t count, uint32_t self)
{
    REQUIRE(count >= 1 && count <= REPLICAS_MAX && self < count);
    *clocks = (struct member_clocks){.count = count, .self = self};
}

void member_clocks_hear(struct member_clocks *clocks, uint32_t position, uint64_t wall_ms, uint64_t now_us)
{
    REQUIRE(position < clocks->count && position != clocks->self);
    clocks->ahead_us[position] = (int64_t)(wall_ms * 1000) - (int64_t)now_us;
    clocks->known |= UINT32_C(1) << position;
}

uint32_t member_clocks_count(const struct member_clocks *clocks)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < clocks->count; i++)
        count += clocks->known >> i & 1;
    return count;
}

/* The present times of the clocks of a set of members and of this node, the latest first. */
static uint32_t collect(const struct member_clocks *clocks, uint32_t members, uint64_t now_us, uint64_t wall_ms,
                        uint64_t times_ms[REPLICAS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < clocks->count; i++) {
        if (i != clocks->self && (members >> i & 1) == 0)
            continue;
        int64_t time_us = clocks->ahead_us[i] + (int64_t)now_us;
        uint64_t time_ms = i == clocks->self ? wall_ms : time_us > 0 ? (uint64_t)time_us / 1000 : 0;
        uint32_t at = count++;
        for (; at > 0 && times_ms[at - 1] < time_ms; at--)
            times_ms[at] = times_ms[at - 1];
        times_ms[at] = time_ms;
    }
    return count;
}

static uint64_t distance(uint64_t one, uint64_t other)
{
    return one > other ? one - other : other - one;
}

uint64_t member_clocks_wall_ms(const struct member_clocks *clocks, uint64_t near_ms, uint64_t now_us, uint64_t wall_ms)
{
    uint64_t times_ms[REPLICAS_MAX];
    if (clocks->known == 0)
        return wall_ms;
    uint32_t count = collect(clocks, clocks->known, now_us, wall_ms, times_ms);
    uint64_t later = times_ms[(count - 1) / 2], earlier = times_ms[count / 2];
    return near_ms != 0 && distance(earlier, near_ms) < distance(later, near_ms) ? earlier : later;
}

bool member_clocks_confirmed_ms(const struct member_clocks *clocks, uint32_t asked, uint64_t now_us, uint64_t wall_ms,
                                uint64_t *ret_wall_ms)
{
    uint64_t times_ms[REPLICAS_MAX];
    uint32_t majority = clocks->count / 2 + 1;
    if (collect(clocks, asked & clocks->known, now_us, wall_ms, times_ms) < majority)
        return false;
    *ret_wall_ms = times_ms[majority - 1];
    return true;
}
