/* Deterministic pseudo-random numbers (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64).
 * For simulation, jitter and election spread; never inside apply. */
#ifndef GRID_BASE_PRNG_H
#define GRID_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng { uint64_t state[4]; };

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_u64(struct prng *prng);
uint64_t prng_range(struct prng *prng, uint64_t low, uint64_t high); /* both inclusive */
bool prng_chance(struct prng *prng, uint32_t parts_per_million);

#endif
