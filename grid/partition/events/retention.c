#include "grid/partition/events/retention.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/frozen_queue.h"
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
    struct frozen_queue frozen; /* of struct kept */
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
    retention_thaw(retention);
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
    if (!frozen_queue_takes(&retention->frozen, kept, sizeof *kept))
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

/* ---- snapshots */

void retention_freeze(struct retention *retention)
{
    frozen_queue_begin(&retention->frozen, retention->count);
}

uint64_t retention_frozen_count(const struct retention *retention)
{
    return frozen_queue_left(&retention->frozen, sizeof(struct kept));
}

static struct kept *frozen_kept(const struct retention *retention, bool *ret_early)
{
    void *early;
    size_t place;
    if (!frozen_queue_next(&retention->frozen, &early, &place))
        return NULL;
    *ret_early = early != NULL;
    return early != NULL ? early : kept_at(retention, place);
}

bool retention_save(struct retention *retention, uint8_t kind, size_t size_max, struct buffer *out)
{
    bool early;
    for (struct kept *kept; (kept = frozen_kept(retention, &early)) != NULL;) {
        if (out->size >= size_max)
            return false;
        size_t start = record_begin(out, SECTION_RETENTION, kind);
        buffer_append_u32(out, kept->map.value);
        buffer_append_u64(out, kept->version);
        buffer_append_u64(out, kept->end_ms);
        buffer_append_sized(out, key_of(kept));
        buffer_append_sized(out, affinity_of(kept));
        record_end(out, start);
        if (early)
            close_texts(kept);
        frozen_queue_pass(&retention->frozen, sizeof(struct kept));
    }
    return true;
}

void retention_thaw(struct retention *retention)
{
    bool early = false;
    for (struct kept *kept; (kept = frozen_kept(retention, &early)) != NULL && early;) {
        close_texts(kept);
        frozen_queue_pass(&retention->frozen, sizeof(struct kept));
    }
    frozen_queue_end(&retention->frozen);
}

enum grid_err retention_load(struct retention *retention, const struct load_context *context, struct reader *body, const char **ret_note)
{
    struct retained entry = {.map = {reader_u32(body)}};
    entry.version = reader_u64(body);
    entry.end_ms = reader_u64(body);
    entry.key = reader_sized(body);
    entry.affinity = reader_sized(body);
    if (body->failed || context->maps == NULL || !maps_numbered(context->maps, entry.map))
        return record_corrupt("not an entry of a map that exists", ret_note);
    if (entry.key.size == 0 || entry.key.size > KEY_BYTES_MAX || entry.affinity.size > KEY_BYTES_MAX || entry.version > context->commits)
        return record_corrupt("not a key that may be in a map", ret_note);
    retention_add(retention, &entry);
    return GRID_ERR_OK;
}
