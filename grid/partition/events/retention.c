#include "grid/partition/events/retention.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"

/* Bytes of key and affinity that need no memory of their own: those of nearly all. */
enum { TEXTS_INSIDE = 72 };

struct kept {
    struct map_id map;
    uint32_t key_size, affinity_size;
    uint64_t version, end_ms;
    union {
        uint8_t inside[TEXTS_INSIDE];
        uint8_t *outside;
    } texts; /* key, then affinity */
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

static bool fits_inside(const struct kept *kept)
{
    return (size_t)kept->key_size + kept->affinity_size <= TEXTS_INSIDE;
}

static const uint8_t *texts_of(const struct kept *kept)
{
    return fits_inside(kept) ? kept->texts.inside : kept->texts.outside;
}

static struct bytes key_of(const struct kept *kept)
{
    return bytes_of(texts_of(kept), kept->key_size);
}

static struct bytes affinity_of(const struct kept *kept)
{
    return bytes_of(texts_of(kept) + kept->key_size, kept->affinity_size);
}

static void close_texts(struct kept *kept)
{
    if (!fits_inside(kept))
        memory_free(kept->texts.outside);
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
        close_texts(kept_at(retention, i));
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
    REQUIRE(entry->key.size <= KEY_BYTES_MAX && entry->affinity.size <= KEY_BYTES_MAX);
    struct kept *kept = kept_at(retention, retention->count++);
    kept->map = entry->map;
    kept->version = entry->version;
    kept->end_ms = entry->end_ms;
    kept->key_size = (uint32_t)entry->key.size;
    kept->affinity_size = (uint32_t)entry->affinity.size;
    uint8_t *texts = kept->texts.inside;
    if (!fits_inside(kept))
        texts = kept->texts.outside = memory_alloc(entry->key.size + entry->affinity.size);
    memcpy(texts, entry->key.data, entry->key.size);
    if (entry->affinity.size != 0)
        memcpy(texts + entry->key.size, entry->affinity.data, entry->affinity.size);
}

static void forget(struct retention *retention, struct maps *maps)
{
    struct kept *kept = kept_at(retention, 0);
    struct bytes key = key_of(kept), affinity = affinity_of(kept);
    struct table_entry entry;
    if (kept->version == RETENTION_ANY_VERSION ||
        (maps_get(maps, kept->map, key, affinity, &entry) && entry.version == kept->version))
        maps_remove(maps, kept->map, key, affinity);
    close_texts(kept);
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

struct map_ahead retention_fetch(const struct retention *retention, const struct maps *maps)
{
    if (retention->count == 0 || retention->count < retention->count_max)
        return (struct map_ahead){0};
    const struct kept *kept = kept_at(retention, 0);
    return maps_fetch_entry(maps, kept->map, key_of(kept), affinity_of(kept));
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
        digest = hash_xxh3(bytes_of(texts_of(kept), (size_t)kept->key_size + kept->affinity_size),
                           hash_xxh3(bytes_of(head, sizeof head), digest));
    }
    return digest;
}

void retention_holds(const struct retention *retention)
{
    HOLDS(retention->count <= retention->capacity);
    for (size_t i = 0; i < retention->count; i++)
        HOLDS(key_of(kept_at(retention, i)).data != NULL && kept_at(retention, i)->map.value != 0);
}
