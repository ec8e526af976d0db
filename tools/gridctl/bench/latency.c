#include "tools/gridctl/bench/latency.h"

#include "grid/base/check.h"

enum { STEP_BITS = 6 };

static unsigned bucket_of(uint64_t value_us)
{
    if (value_us < 2 * LATENCY_STEPS)
        return (unsigned)value_us;
    unsigned octave = 63 - (unsigned)__builtin_clzll(value_us) - STEP_BITS;
    if (octave >= LATENCY_OCTAVES)
        return LATENCY_BUCKETS - 1;
    return octave * LATENCY_STEPS + (unsigned)(value_us >> octave);
}

/* The largest number that falls into the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 2 * LATENCY_STEPS)
        return bucket;
    unsigned octave = bucket / LATENCY_STEPS - 1;
    uint64_t step = bucket % LATENCY_STEPS + LATENCY_STEPS;
    return ((step + 1) << octave) - 1;
}

void latency_add(struct latency *latency, uint64_t value_us)
{
    latency->counts[bucket_of(value_us)]++;
    latency->count++;
    if (value_us > latency->max_us)
        latency->max_us = value_us;
}

uint64_t latency_at(const struct latency *latency, uint32_t parts)
{
    REQUIRE(parts <= 1000);
    uint64_t wanted = (latency->count * parts + 999) / 1000, seen = 0;
    /* The last bucket has no upper end. */
    for (unsigned i = 0; i + 1 < LATENCY_BUCKETS && wanted > 0; i++) {
        seen += latency->counts[i];
        if (seen >= wanted)
            return bucket_end(i) < latency->max_us ? bucket_end(i) : latency->max_us;
    }
    return latency->max_us;
}
