#include "tools/gridctl/commands/shop/derived_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

/* Fixed for ever: other seeds would give other ids to the same files. */
#define SEED_HIGH UINT64_C(0x6f72646572732e31)
#define SEED_LOW UINT64_C(0x6772696469726f6e)

struct derived_seen { uint64_t high, low, count; };    /* count 0: free */

static struct derived_seen *place(struct derived_seen *seen, size_t capacity, uint64_t high, uint64_t low)
{
    size_t at = (size_t)(high & (capacity - 1));
    while (seen[at].count > 0 && (seen[at].high != high || seen[at].low != low))
        at = (at + 1) & (capacity - 1);
    return &seen[at];
}

static void grow(struct derived_ids *ids)
{
    size_t capacity = ids->capacity > 0 ? ids->capacity * 2 : 1024;
    struct derived_seen *seen = memory_zero(capacity, sizeof *seen);
    for (size_t i = 0; i < ids->capacity; i++)
        if (ids->seen[i].count > 0)
            *place(seen, capacity, ids->seen[i].high, ids->seen[i].low) = ids->seen[i];
    memory_free(ids->seen);
    ids->seen = seen;
    ids->capacity = capacity;
}

/* How many equal lines came before. */
static uint64_t ordinal_of(struct derived_ids *ids, struct bytes line)
{
    if (2 * (ids->count + 1) > ids->capacity)
        grow(ids);
    uint64_t high = hash_xxh3(line, SEED_HIGH), low = hash_xxh3(line, SEED_LOW);
    struct derived_seen *seen = place(ids->seen, ids->capacity, high, low);
    if (seen->count == 0) {
        *seen = (struct derived_seen){.high = high, .low = low};
        ids->count++;
    }
    ENSURE(ids->count < ids->capacity);
    return seen->count++;
}

static void write_uuid(uint64_t high, uint64_t low, uint64_t version, char ret_id[DERIVED_ID_BYTES])
{
    high = (high & ~UINT64_C(0xf000)) | version << 12;
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    snprintf(ret_id, DERIVED_ID_BYTES, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, high >> 32,
             high >> 16 & 0xffff, high & 0xffff, low >> 48, low & UINT64_C(0xffffffffffff));
}

void derived_id_next(struct derived_ids *ids, struct bytes line, char ret_id[DERIVED_ID_BYTES])
{
    uint64_t ordinal = ordinal_of(ids, line);
    uint64_t high = hash_xxh3(line, SEED_HIGH + ordinal), low = hash_xxh3(line, SEED_LOW + ordinal);
    write_uuid(high, low, 8, ret_id);
}

void derived_id_fresh(char ret_id[DERIVED_ID_BYTES])
{
    uint64_t random[2];
    HOLDS(uv_random(NULL, NULL, random, sizeof random, 0, NULL) == 0);
    write_uuid(random[0], random[1], 4, ret_id);
}

void derived_ids_close(struct derived_ids *ids)
{
    memory_free(ids->seen);
    *ids = (struct derived_ids){0};
}
