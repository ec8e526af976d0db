#include "grid/partition/sessions/idempotency.h"

#include "grid/base/check.h"
#include "grid/base/frozen_queue.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/store/table.h"

/* One block: this, then the identity, the hash of the request, the answer. */
struct kept {
    uint64_t kept_ms;                  /* log time of the command */
    uint32_t identity_size, hash_size, answer_size;
    bool has_answer;
    uint8_t data[];
};

/* u16 tenant size, u16 route size, tenant, route, key. */
struct identity { uint8_t data[4 + 3 * IDEMPOTENCY_TEXT_BYTES_MAX]; };

struct idempotency_keys {
    struct kept **ring;                /* oldest first; capacity is a power of two */
    size_t head, count, capacity;
    uint64_t bytes;
    struct table *index;               /* identity -> pointer; opened with the first key */
    struct frozen_queue frozen;        /* of struct kept * */
    bool head_due;                     /* the first record of the frozen state is not written yet */
    uint64_t awaited;                  /* records that are still to be loaded */
};

struct idempotency_keys *idempotency_open(void)
{
    return memory_zero(1, sizeof(struct idempotency_keys));
}

static struct kept *kept_at(const struct idempotency_keys *keys, size_t place)
{
    return keys->ring[(keys->head + place) & (keys->capacity - 1)];
}

static struct kept *frozen_kept(const struct idempotency_keys *keys, bool *ret_early)
{
    void *early;
    size_t place;
    struct kept *kept = NULL;
    if (!frozen_queue_next(&keys->frozen, &early, &place))
        return NULL;
    *ret_early = early != NULL;
    if (early == NULL)
        return kept_at(keys, place);
    memcpy(&kept, early, sizeof kept);
    return kept;
}

static void thaw(void *component)
{
    struct idempotency_keys *keys = component;
    bool early = false;
    for (struct kept *kept; (kept = frozen_kept(keys, &early)) != NULL && early; memory_free(kept))
        frozen_queue_pass(&keys->frozen, sizeof(struct kept *));
    frozen_queue_end(&keys->frozen);
}

void idempotency_close(struct idempotency_keys *keys)
{
    if (keys == NULL)
        return;
    thaw(keys);
    for (size_t i = 0; i < keys->count; i++)
        memory_free(kept_at(keys, i));
    memory_free(keys->ring);
    table_close(keys->index);
    memory_free(keys);
}

/* ---- identities */

static uint8_t *put(uint8_t *at, struct bytes bytes)
{
    if (bytes.size != 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

static struct bytes identity_make(struct identity *made, const struct idempotency *key)
{
    REQUIRE(key->tenant.size <= IDEMPOTENCY_TEXT_BYTES_MAX && key->route.size <= IDEMPOTENCY_TEXT_BYTES_MAX);
    REQUIRE(key->key.size != 0 && key->key.size <= IDEMPOTENCY_TEXT_BYTES_MAX);
    put_u16(made->data, (uint16_t)key->tenant.size);
    put_u16(made->data + 2, (uint16_t)key->route.size);
    uint8_t *end = put(put(put(made->data + 4, key->tenant), key->route), key->key);
    return bytes_of(made->data, (size_t)(end - made->data));
}

static struct bytes identity_of(const struct kept *kept)
{
    return bytes_of(kept->data, kept->identity_size);
}

static struct bytes hash_of(const struct kept *kept)
{
    return bytes_of(kept->data + kept->identity_size, kept->hash_size);
}

static size_t kept_bytes(const struct kept *kept)
{
    return sizeof *kept + kept->identity_size + kept->hash_size + kept->answer_size;
}

/* ---- finding and keeping */

enum idempotency_verdict idempotency_find(const struct idempotency_keys *keys, const struct idempotency *wanted,
                                          struct bytes *ret_answer)
{
    struct identity made;
    struct table_entry entry;
    if (keys->index == NULL || !table_find(keys->index, identity_make(&made, wanted), &entry))
        return IDEMPOTENCY_NEW;
    struct kept *kept;
    memcpy(&kept, entry.value.data, sizeof kept);
    if (!bytes_equal(hash_of(kept), wanted->request_hash))
        return IDEMPOTENCY_OTHER;
    if (!kept->has_answer)
        return IDEMPOTENCY_NOT_KEPT;
    *ret_answer = bytes_of(kept->data + kept->identity_size + kept->hash_size, kept->answer_size);
    return IDEMPOTENCY_REPEATED;
}

static void forget(struct idempotency_keys *keys)
{
    struct kept *oldest = kept_at(keys, 0);
    bool removed = table_remove(keys->index, identity_of(oldest));
    ENSURE(removed);
    keys->bytes -= kept_bytes(oldest);
    keys->head = (keys->head + 1) & (keys->capacity - 1);
    keys->count--;
    if (!frozen_queue_takes(&keys->frozen, &oldest, sizeof(struct kept *)))
        memory_free(oldest);
}

static void grow(struct idempotency_keys *keys)
{
    size_t capacity = keys->capacity == 0 ? 16 : 2 * keys->capacity;
    struct kept **ring = memory_alloc(capacity * sizeof(struct kept *));
    for (size_t i = 0; i < keys->count; i++)
        ring[i] = kept_at(keys, i);
    memory_free(keys->ring);
    keys->ring = ring;
    keys->capacity = capacity;
    keys->head = 0;
}

static void add(struct idempotency_keys *keys, const struct kept *head, const struct bytes texts[3], uint64_t seed)
{
    if (keys->index == NULL)
        keys->index = table_open(seed);
    if (keys->count == keys->capacity)
        grow(keys);
    struct kept *kept = memory_alloc(sizeof *kept + texts[0].size + texts[1].size + texts[2].size);
    *kept = *head;
    put(put(put(kept->data, texts[0]), texts[1]), texts[2]);
    bool added = table_set(keys->index, identity_of(kept), bytes_of(&kept, sizeof kept), 0);
    REQUIRE(added);
    keys->ring[(keys->head + keys->count++) & (keys->capacity - 1)] = kept;
    keys->bytes += kept_bytes(kept);
}

void idempotency_keep(struct idempotency_keys *keys, const struct idempotency *key, struct bytes answer,
                      uint64_t now_ms, uint64_t seed)
{
    struct identity made;
    struct bytes identity = identity_make(&made, key);
    bool keeps = answer.size <= IDEMPOTENCY_ANSWER_BYTES_MAX;
    REQUIRE(key->request_hash.size != 0 && key->request_hash.size <= IDEMPOTENCY_HASH_BYTES_MAX);
    if (!keeps)
        answer = BYTES_NONE;
    struct kept head = {.kept_ms = now_ms, .identity_size = (uint32_t)identity.size,
                        .hash_size = (uint32_t)key->request_hash.size, .answer_size = (uint32_t)answer.size, .has_answer = keeps};
    add(keys, &head, (const struct bytes[]){identity, key->request_hash, answer}, seed);
}

bool idempotency_next_due_ms(const struct idempotency_keys *keys, const struct retention_limits *limits, uint64_t *ret_due_ms)
{
    if (keys->count == 0)
        return false;
    bool many = (limits->count != 0 && keys->count > limits->count) || (limits->bytes != 0 && keys->bytes > limits->bytes);
    *ret_due_ms = many ? 0 : kept_at(keys, 0)->kept_ms + limits->age_ms;
    return many || limits->age_ms != 0;
}

size_t idempotency_trim(struct idempotency_keys *keys, const struct retention_limits *limits, uint64_t now_ms, size_t count_max)
{
    size_t forgotten = 0;
    for (uint64_t due_ms; forgotten < count_max && idempotency_next_due_ms(keys, limits, &due_ms) && due_ms <= now_ms; forgotten++)
        forget(keys);
    return forgotten;
}

/* ---- whole */

uint64_t idempotency_count(const struct idempotency_keys *keys)
{
    return keys->count;
}

void idempotency_kept(const struct idempotency_keys *keys, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms)
{
    *ret_count = keys->count;
    *ret_bytes = keys->bytes;
    *ret_oldest_ms = keys->count > 0 ? kept_at(keys, 0)->kept_ms : 0;
}

uint64_t idempotency_digest(const struct idempotency_keys *keys)
{
    uint64_t digest = keys->count;
    for (size_t i = 0; i < keys->count; i++) {
        const struct kept *kept = kept_at(keys, i);
        digest = hash_xxh3(bytes_of(kept->data, kept_bytes(kept) - sizeof *kept), digest + kept->kept_ms);
    }
    return digest;
}

void idempotency_holds(const struct idempotency_keys *keys)
{
    uint64_t bytes = 0, before_ms = 0;
    HOLDS(keys->count <= keys->capacity);
    HOLDS(keys->index == NULL ? keys->count == 0 : table_count(keys->index) == keys->count);
    for (size_t i = 0; i < keys->count; i++) {
        const struct kept *kept = kept_at(keys, i);
        HOLDS(kept->kept_ms >= before_ms && kept->identity_size > 4 && kept->hash_size > 0);
        before_ms = kept->kept_ms;
        bytes += kept_bytes(kept);
    }
    HOLDS(bytes == keys->bytes);
}

/* ---- snapshots */

enum { RECORD_KEY = 2 };

static void freeze(void *component)
{
    struct idempotency_keys *keys = component;
    frozen_queue_begin(&keys->frozen, keys->count);
    keys->head_due = true;
}

static void save_kept(const struct kept *kept, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_IDEMPOTENCY, RECORD_KEY);
    buffer_append_u64(out, kept->kept_ms);
    buffer_append_u8(out, kept->has_answer);
    buffer_append_sized(out, identity_of(kept));
    buffer_append_sized(out, hash_of(kept));
    buffer_append_sized(out, bytes_of(kept->data + kept->identity_size + kept->hash_size, kept->answer_size));
    record_end(out, start);
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct idempotency_keys *keys = component;
    bool early;
    if (keys->head_due) {
        size_t start = record_begin(out, SECTION_IDEMPOTENCY, RECORD_FIRST);
        buffer_append_u64(out, frozen_queue_left(&keys->frozen, sizeof(struct kept *)));
        record_end(out, start);
        keys->head_due = false;
    }
    for (struct kept *kept; (kept = frozen_kept(keys, &early)) != NULL;) {
        if (out->size >= size_max)
            return false;
        save_kept(kept, out);
        frozen_queue_pass(&keys->frozen, sizeof(struct kept *));
        if (early)
            memory_free(kept);
    }
    return true;
}

/* A tenant, a route and a key that identity_make can have made. */
static bool identity_fits(struct bytes identity)
{
    if (identity.size < 5)
        return false;
    size_t tenant = get_u16(identity.data), route = get_u16(identity.data + 2);
    if (tenant > IDEMPOTENCY_TEXT_BYTES_MAX || route > IDEMPOTENCY_TEXT_BYTES_MAX || identity.size <= 4 + tenant + route)
        return false;
    return identity.size - 4 - tenant - route <= IDEMPOTENCY_TEXT_BYTES_MAX;
}

static enum grid_err load_key(struct idempotency_keys *keys, const struct load_context *context, struct reader *body, const char **ret_note)
{
    struct table_entry entry;
    uint64_t kept_ms = reader_u64(body);
    uint8_t has_answer = reader_u8(body);
    struct bytes identity = reader_sized(body), hash = reader_sized(body), answer = reader_sized(body);
    if (body->failed || has_answer > 1 || (!has_answer && answer.size != 0) || answer.size > IDEMPOTENCY_ANSWER_BYTES_MAX)
        return record_corrupt("not a key with its answer", ret_note);
    if (!identity_fits(identity) || hash.size == 0 || hash.size > IDEMPOTENCY_HASH_BYTES_MAX)
        return record_corrupt("not the parts of an idempotency key", ret_note);
    if (keys->index != NULL && table_find(keys->index, identity, &entry))
        return record_corrupt("the idempotency key is there twice", ret_note);
    if (kept_ms > context->log_time_ms || (keys->count > 0 && kept_at(keys, keys->count - 1)->kept_ms > kept_ms))
        return record_corrupt("the times of the idempotency keys do not ascend up to the log time", ret_note);
    struct kept head = {.kept_ms = kept_ms, .identity_size = (uint32_t)identity.size, .hash_size = (uint32_t)hash.size,
                        .answer_size = (uint32_t)answer.size, .has_answer = has_answer};
    add(keys, &head, (const struct bytes[]){identity, hash, answer}, context->table_seed);
    keys->awaited--;
    return GRID_ERR_OK;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct idempotency_keys *keys = component;
    if (kind == RECORD_KEY && keys->awaited > 0)
        return load_key(keys, context, body, ret_note);
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of idempotency keys, or one too many", ret_note);
    keys->awaited = reader_u64(body);
    return keys->awaited <= RETENTION_COUNT_MOST ? GRID_ERR_OK : record_corrupt("more idempotency keys than the limit", ret_note);
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    const struct idempotency_keys *keys = component;
    (void)context;
    return keys->awaited == 0 ? GRID_ERR_OK : record_corrupt("idempotency keys are missing", ret_note);
}

const struct component idempotency_component = {"idempotency", freeze, save, thaw, load, loaded};
