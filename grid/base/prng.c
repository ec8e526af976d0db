#include "grid/base/prng.h"

#include "grid/base/check.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

void prng_init(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        prng->state[i] = splitmix64(&seed);
    /* All zero is the one state that the generator never leaves. */
    ENSURE((prng->state[0] | prng->state[1] | prng->state[2] | prng->state[3]) != 0);
}

uint64_t prng_u64(struct prng *prng)
{
    uint64_t *state = prng->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t prng_range(struct prng *prng, uint64_t low, uint64_t high)
{
    REQUIRE(low <= high);
    uint64_t span = high - low + 1;
    if (span == 0)
        return prng_u64(prng);
    /* Draws below 2^64 mod span are thrown away; the rest is a whole number of spans, so no value is favoured. */
    uint64_t reject_below = (0 - span) % span;
    uint64_t drawn = prng_u64(prng);
    while (drawn < reject_below)
        drawn = prng_u64(prng);
    return low + drawn % span;
}

bool prng_chance(struct prng *prng, uint32_t parts_per_million)
{
    REQUIRE(parts_per_million <= 1000000);
    return prng_range(prng, 0, 999999) < parts_per_million;
}
