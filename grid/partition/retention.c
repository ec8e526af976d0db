#include "grid/partition/retention.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

struct kept {
    struct map_id map;
    uint64_t version, end_ms;
    size_t key_size, affinity_size;
    uint8_t *texts; /* key, then affinity */
};

struct retention {
    struct kept *ring; /* capacity is a power of two */
    size_t head, count, capacity;
    uint64_t count_max;
};

struct retention *retention_open(uint64_t count_max)
{
    struct retention *retention = memory_zero(1, sizeof *retention);
    retention->count_max = count_max == 0 ? UINT64_MAX : count_max;
    return retention;
}

static struct kept *kept_at(const struct retention *retention, size_t index)
{
    return &retention->ring[(retention->head + index) & (retention->capacity - 1)];
}

void retention_close(struct retention *retention)
{
    if (retention == NULL)
        return;
    for (size_t i = 0; i < retention->count; i++)
        memory_free(kept_at(retention, i)->texts);
    memory_free(retention->ring);
    memory_free(retention);
}

static void grow(struct retention *retention)
{
    size_t capacity = retention->capacity == 0 ? 16 : 2 * retention->capacity;
    struct kept *ring = memory_alloc(capacity * sizeof *ring);
    for (size_t i = 0; i < retention->count; i++)
        ring[i] = *kept_at(retention, i);
    memory_free(retention->ring);
    retention->ring = ring;
    retention->capacity = capacity;
    retention->head = 0;
}

void retention_add(struct retention *retention, const struct retained *entry)
{
    REQUIRE(retention != NULL && entry->map.value != 0 && entry->key.size != 0);
    if (retention->count == retention->capacity)
        grow(retention);
    struct kept kept = {.map = entry->map,
                        .version = entry->version,
                        .end_ms = entry->end_ms,
                        .key_size = entry->key.size,
                        .affinity_size = entry->affinity.size};
    kept.texts = memory_alloc(kept.key_size + kept.affinity_size);
    memcpy(kept.texts, entry->key.data, entry->key.size);
    if (entry->affinity.size != 0)
        memcpy(kept.texts + kept.key_size, entry->affinity.data, entry->affinity.size);
    *kept_at(retention, retention->count++) = kept;
}

static void forget(struct retention *retention, struct maps *maps)
{
    struct kept *kept = kept_at(retention, 0);
    struct bytes key = bytes_of(kept->texts, kept->key_size);
    struct bytes affinity = bytes_of(kept->texts + kept->key_size, kept->affinity_size);
    struct table_entry entry;
    if (kept->version == RETENTION_ANY_VERSION ||
        (maps_get(maps, kept->map, key, affinity, &entry) && entry.version == kept->version))
        maps_remove(maps, kept->map, key, affinity);
    memory_free(kept->texts);
    retention->head = (retention->head + 1) & (retention->capacity - 1);
    retention->count--;
}

size_t retention_trim(struct retention *retention, struct maps *maps, uint64_t now_ms, size_t budget)
{
    REQUIRE(retention != NULL && maps != NULL);
    size_t forgotten = 0;
    while (forgotten < budget && retention->count != 0 &&
           (retention->count > retention->count_max || kept_at(retention, 0)->end_ms <= now_ms)) {
        forget(retention, maps);
        forgotten++;
    }
    return forgotten;
}

uint64_t retention_count(const struct retention *retention)
{
    return retention->count;
}

uint64_t retention_digest(const struct retention *retention)
{
    uint64_t digest = retention->count;
    for (size_t i = 0; i < retention->count; i++) {
        const struct kept *kept = kept_at(retention, i);
        uint8_t head[20];
        put_u32(head, kept->map.value);
        put_u64(head + 4, kept->version);
        put_u64(head + 12, kept->end_ms);
        digest = hash_xxh3(bytes_of(kept->texts, kept->key_size + kept->affinity_size),
                           hash_xxh3(bytes_of(head, sizeof head), digest));
    }
    return digest;
}

void retention_holds(const struct retention *retention)
{
    HOLDS(retention->count <= retention->capacity);
    for (size_t i = 0; i < retention->count; i++)
        HOLDS(kept_at(retention, i)->texts != NULL && kept_at(retention, i)->map.value != 0);
}
