/* A histogram of latencies: numbers below 128 exactly, larger ones to 1 part in 64. Counts only; no memory beyond the struct.
 *
 * Shape: octave k (k >= 1) holds 64 equal steps of the numbers from 64 * 2^k to 128 * 2^k. All zero is valid.
 * Threads: none. Unit: microseconds. */
#ifndef TOOLS_GRIDCTL_BENCH_LATENCY_H
#define TOOLS_GRIDCTL_BENCH_LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_OCTAVES = 36, LATENCY_BUCKETS = LATENCY_STEPS * (LATENCY_OCTAVES + 1) };

struct latency { uint64_t counts[LATENCY_BUCKETS]; uint64_t count, max_us; };

void latency_add(struct latency *latency, uint64_t value_us);
/* The smallest recorded step that at least `parts` of 1000 do not exceed (its upper end, at most max_us); 0 when empty. */
uint64_t latency_at(const struct latency *latency, uint32_t parts);

#endif
