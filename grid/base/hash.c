#include "grid/base/hash.h"

#include <xxhash.h>

static uint32_t rotate_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t murmur3_scramble(uint32_t block)
{
    return rotate_left(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static uint32_t murmur3_finish(uint32_t hash)
{
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

uint32_t hash_murmur3_32(struct bytes bytes, uint32_t seed)
{
    uint32_t hash = seed;
    size_t whole = bytes.size & ~(size_t)3;
    for (size_t at = 0; at < whole; at += 4)
        hash = rotate_left(hash ^ murmur3_scramble(get_u32(bytes.data + at)), 13) * 5 + 0xe6546b64u;
    uint32_t rest = 0;
    for (size_t at = bytes.size; at > whole; at--)
        rest = rest << 8 | bytes.data[at - 1];
    /* Without a rest the block is 0 and its scramble too. The size counts modulo 2^32, as in the reference. */
    return murmur3_finish(hash ^ murmur3_scramble(rest) ^ (uint32_t)bytes.size);
}

uint64_t hash_xxh3(struct bytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

struct partition_id hash_partition(struct bytes affinity, uint32_t partitions)
{
    REQUIRE(partitions != 0);
    uint32_t hash = hash_murmur3_32(affinity, 0x01000193u);
    const uint32_t sign = UINT32_C(1) << 31;
    /* Absolute value of the hash read as int32; the one value that has none is sent to 0. */
    uint32_t positive = hash == sign ? 0 : hash > sign ? 0 - hash : hash;
    ENSURE(positive < sign);
    return (struct partition_id){positive % partitions};
}
