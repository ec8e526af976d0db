/* Hashes: the fixed one that places keys on partitions, and the seeded one of tables and digests. */
#ifndef GRID_BASE_HASH_H
#define GRID_BASE_HASH_H

#include "grid/base/bytes.h"
#include "grid/base/ids.h"

/* MurmurHash3 x86 32 bit (Austin Appleby, public domain reference). */
uint32_t hash_murmur3_32(struct bytes bytes, uint32_t seed);
/* XXH3 64 bit with a seed. */
uint64_t hash_xxh3(struct bytes bytes, uint64_t seed);

/* Partition of an affinity: absolute value of murmur3 with seed 0x01000193, modulo `partitions`; INT32_MIN maps to 0. */
struct partition_id hash_partition(struct bytes affinity, uint32_t partitions);

#endif
