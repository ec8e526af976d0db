#include "grid/node/memory_use.h"

#include "grid/base/check.h"

enum { CEILING_SHARE = 8, CALM_SHARE = 16 };

static uint64_t less(uint64_t value, uint64_t by)
{
    return value > by ? value - by : 0;
}

void memory_use_init(struct memory_use *use, uint64_t max)
{
    *use = (struct memory_use){.max = max};
}

uint64_t memory_use_used(const struct memory_use *use)
{
    HOLDS(use->reusable <= use->resident);
    return use->resident - use->reusable;
}

static bool too_high(const struct memory_use *use, uint64_t share)
{
    return use->resident >= use->max + use->max / share;
}

static void decide(struct memory_use *use)
{
    uint64_t used = memory_use_used(use);
    if (use->max == 0)
        return;
    if (used >= use->max || too_high(use, CEILING_SHARE))
        use->full = true;
    else if (used < use->max - use->max / CALM_SHARE && !too_high(use, CALM_SHARE))
        use->full = false;
}

/* A new height: what was thought reusable was not, as far as the system had to give more. */
static void see(struct memory_use *use, uint64_t resident)
{
    use->reusable = less(use->reusable, less(resident, use->highest));
    if (use->reusable > less(resident, use->data))
        use->reusable = less(resident, use->data);
    use->highest = resident > use->highest ? resident : use->highest;
    use->resident = resident;
}

void memory_use_sample(struct memory_use *use, uint64_t resident, uint64_t data)
{
    uint64_t grown = less(resident, use->sampled), shrunk = less(use->sampled, resident);
    uint64_t taken = less(data, use->data), given = less(use->data, data);
    use->reusable += given;
    use->reusable = less(use->reusable, less(taken, grown));
    use->reusable = less(use->reusable, shrunk);
    use->sampled = resident;
    use->data = data;
    see(use, resident);
    decide(use);
}

void memory_use_resident(struct memory_use *use, uint64_t resident)
{
    see(use, resident);
    decide(use);
}

bool memory_use_has_holes(const struct memory_use *use)
{
    return use->full && memory_use_used(use) < use->max && too_high(use, CALM_SHARE);
}
