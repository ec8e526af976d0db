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
    uint16_t key_size, affinity_size;
    uint32_t bytes, events;
    uint64_t version, time_ms;
    union {
        uint8_t inside[TEXTS_INSIDE];
        uint8_t *outside;
    } texts; /* key, then affinity */
};

struct retention {
    struct kept *ring; /* capacity is a power of two */
    size_t head, count, capacity;
    uint64_t bytes; /* sum */
    bool ends;
    struct frozen_queue frozen; /* of struct kept */
};

struct retention *retention_open(bool ends)
{
    struct retention *retention = memory_zero(1, sizeof *retention);
    retention->ends = ends;
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
    kept->time_ms = entry->time_ms;
    kept->bytes = entry->bytes;
    kept->events = entry->events;
    kept->key_size = (uint16_t)entry->key.size;
    kept->affinity_size = (uint16_t)entry->affinity.size;
    retention->bytes += entry->bytes;
    uint8_t *texts = kept->texts.inside;
    if (!fits_inside(kept))
        texts = kept->texts.outside = memory_alloc(entry->key.size + entry->affinity.size);
    memcpy(texts, entry->key.data, entry->key.size);
    if (entry->affinity.size != 0)
        memcpy(texts + entry->key.size, entry->affinity.data, entry->affinity.size);
}

/* ---- the oldest */

static uint64_t due_ms(const struct retention *retention, const struct retention_limits *limits, const struct kept *kept)
{
    if ((limits->count != 0 && retention->count > limits->count) || (limits->bytes != 0 && retention->bytes > limits->bytes))
        return 0;
    if (retention->ends)
        return kept->time_ms;
    return limits->age_ms != 0 ? kept->time_ms + limits->age_ms : UINT64_MAX;
}

bool retention_oldest(const struct retention *retention, const struct retention_limits *limits, struct retained *ret_oldest, uint64_t *ret_due_ms)
{
    if (retention->count == 0)
        return false;
    const struct kept *kept = kept_at(retention, 0);
    *ret_due_ms = due_ms(retention, limits, kept);
    *ret_oldest = (struct retained){.map = kept->map, .key = key_of(kept), .affinity = affinity_of(kept), .version = kept->version,
                                    .time_ms = kept->time_ms, .bytes = kept->bytes, .events = kept->events};
    return true;
}

void retention_pass(struct retention *retention)
{
    REQUIRE(retention->count > 0);
    struct kept *kept = kept_at(retention, 0);
    retention->bytes -= kept->bytes;
    if (!frozen_queue_takes(&retention->frozen, kept, sizeof *kept))
        close_texts(kept);
    retention->head = (retention->head + 1) & (retention->capacity - 1);
    retention->count--;
}

size_t retention_trim(struct retention *retention, const struct retention_limits *limits, struct maps *maps, uint64_t now_ms, size_t budget)
{
    REQUIRE(retention != NULL && maps != NULL);
    size_t forgotten = 0;
    struct table_entry entry;
    for (; forgotten < budget && retention->count != 0; forgotten++) {
        const struct kept *kept = kept_at(retention, 0);
        struct bytes key = key_of(kept), affinity = affinity_of(kept);
        if (due_ms(retention, limits, kept) > now_ms)
            break;
        if (kept->version == RETENTION_ANY_VERSION ||
            (maps_get(maps, kept->map, key, affinity, &entry) && entry.version == kept->version))
            maps_remove(maps, kept->map, key, affinity);
        retention_pass(retention);
    }
    return forgotten;
}

struct map_ahead retention_fetch(const struct retention *retention, const struct retention_limits *limits, const struct maps *maps)
{
    if (retention->count == 0 || limits->count == 0 || retention->count < limits->count)
        return (struct map_ahead){0};
    const struct kept *kept = kept_at(retention, 0);
    return maps_fetch_entry(maps, kept->map, key_of(kept), affinity_of(kept));
}

uint64_t retention_bytes(const struct retention *retention)
{
    return retention->bytes;
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
        uint8_t head[28];
        put_u32(head, kept->map.value);
        put_u64(head + 4, kept->version);
        put_u64(head + 12, kept->time_ms);
        put_u32(head + 20, kept->bytes);
        put_u32(head + 24, kept->events);
        digest = hash_xxh3(bytes_of(texts_of(kept), (size_t)kept->key_size + kept->affinity_size),
                           hash_xxh3(bytes_of(head, sizeof head), digest));
    }
    return digest;
}

void retention_holds(const struct retention *retention)
{
    uint64_t bytes = 0;
    HOLDS(retention->count <= retention->capacity);
    for (size_t i = 0; i < retention->count; i++) {
        HOLDS(key_of(kept_at(retention, i)).data != NULL && kept_at(retention, i)->map.value != 0);
        bytes += kept_at(retention, i)->bytes;
    }
    HOLDS(bytes == retention->bytes);
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
        buffer_append_u64(out, kept->time_ms);
        buffer_append_u32(out, kept->bytes);
        buffer_append_u32(out, kept->events);
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
    entry.time_ms = reader_u64(body);
    entry.bytes = reader_u32(body);
    entry.events = reader_u32(body);
    entry.key = reader_sized(body);
    entry.affinity = reader_sized(body);
    if (body->failed || context->maps == NULL || !maps_numbered(context->maps, entry.map))
        return record_corrupt("not an entry of a map that exists", ret_note);
    if (entry.key.size == 0 || entry.key.size > KEY_BYTES_MAX || entry.affinity.size > KEY_BYTES_MAX || entry.version > context->commits)
        return record_corrupt("not a key that may be in a map", ret_note);
    if ((!retention->ends && entry.time_ms > context->log_time_ms) || entry.events > FLOW_EVENTS_MAX)
        return record_corrupt("not the age of an entry, or too many events", ret_note);
    retention_add(retention, &entry);
    return GRID_ERR_OK;
}
