#include "grid/journal/journal.h"

#include "grid/base/check.h"
#include "grid/base/frozen_queue.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

/* One block: this, then key, affinity, value, old value. */
struct kept {
    uint64_t version, log_time_ms, ttl_ms;
    uint32_t key_size, affinity_size, value_size, old_value_size;
    uint8_t kind, has_old_value;
    uint8_t data[];
};

struct journal {
    struct kept **ring;                /* capacity is a power of two */
    size_t head, count, ring_capacity;
    uint64_t next, bytes, trail, dropped_ms;
    struct journal_capacity capacity;
    struct frozen_queue frozen;        /* of struct kept * */
};

/* Records dropped with one append: enough to get ahead of it, and never long. */
enum { DROPS_PER_APPEND = 64 };

struct journal *journal_open(uint64_t next, const struct journal_capacity *capacity)
{
    REQUIRE(next >= 1 && capacity->entries >= 1 && capacity->bytes >= 1);
    struct journal *journal = memory_zero(1, sizeof *journal);
    journal->next = next;
    journal->capacity = *capacity;
    return journal;
}

static struct kept *kept_at(const struct journal *journal, size_t place)
{
    return journal->ring[(journal->head + place) & (journal->ring_capacity - 1)];
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal_thaw(journal);
    for (size_t i = 0; i < journal->count; i++)
        memory_free(kept_at(journal, i));
    memory_free(journal->ring);
    memory_free(journal);
}

/* ---- bounds */

static size_t kept_bytes(const struct kept *kept)
{
    return sizeof *kept + kept->key_size + kept->affinity_size + kept->value_size + kept->old_value_size;
}

static void drop(struct journal *journal)
{
    struct kept *oldest = kept_at(journal, 0);
    journal->bytes -= kept_bytes(oldest);
    journal->dropped_ms = oldest->log_time_ms;
    journal->head = (journal->head + 1) & (journal->ring_capacity - 1);
    journal->count--;
    if (!frozen_queue_takes(&journal->frozen, &oldest, sizeof(struct kept *)))
        memory_free(oldest);
}

static bool too_many(const struct journal *journal)
{
    return journal->count > journal->capacity.entries ||
           (journal->bytes > journal->capacity.bytes && journal->count > 1);
}

static bool too_old(const struct journal *journal, uint64_t now_ms)
{
    uint64_t due_ms;
    return journal_due_ms(journal, &due_ms) && due_ms <= now_ms;
}

void journal_resize(struct journal *journal, const struct journal_capacity *capacity)
{
    REQUIRE(capacity->entries >= 1 && capacity->bytes >= 1);
    journal->capacity = *capacity;
}

size_t journal_trim(struct journal *journal, uint64_t now_ms, size_t count_max)
{
    size_t dropped = 0;
    for (; dropped < count_max && too_old(journal, now_ms); dropped++)
        drop(journal);
    return dropped;
}

bool journal_discard(struct journal *journal, size_t count_max)
{
    for (; count_max > 0 && journal->count > 0; count_max--)
        drop(journal);
    return journal->count == 0;
}

/* ---- appending */

static void grow(struct journal *journal)
{
    size_t capacity = journal->ring_capacity == 0 ? 16 : 2 * journal->ring_capacity;
    struct kept **ring = memory_alloc(capacity * sizeof(struct kept *));
    for (size_t i = 0; i < journal->count; i++)
        ring[i] = kept_at(journal, i);
    memory_free(journal->ring);
    journal->ring = ring;
    journal->ring_capacity = capacity;
    journal->head = 0;
}

static uint8_t *put(uint8_t *at, struct bytes bytes)
{
    if (bytes.size != 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

static struct kept *copy_of(const struct journal_record *record)
{
    size_t size = record->key.size + record->affinity.size + record->value.size + record->old_value.size;
    struct kept *kept = memory_alloc(sizeof *kept + size);
    *kept = (struct kept){.version = record->version, .log_time_ms = record->log_time_ms, .ttl_ms = record->ttl_ms,
                          .key_size = (uint32_t)record->key.size, .affinity_size = (uint32_t)record->affinity.size,
                          .value_size = (uint32_t)record->value.size,
                          .old_value_size = (uint32_t)record->old_value.size, .kind = (uint8_t)record->kind,
                          .has_old_value = record->has_old_value};
    put(put(put(put(kept->data, record->key), record->affinity), record->value), record->old_value);
    return kept;
}

static uint64_t digest_of(const struct kept *kept, uint64_t seed)
{
    uint8_t head[42];
    put_u64(head, kept->version);
    put_u64(head + 8, kept->log_time_ms);
    put_u64(head + 16, kept->ttl_ms);
    put_u32(head + 24, kept->key_size);
    put_u32(head + 28, kept->affinity_size);
    put_u32(head + 32, kept->value_size);
    put_u32(head + 36, kept->old_value_size);
    head[40] = kept->kind;
    head[41] = kept->has_old_value;
    return hash_xxh3(bytes_of(kept->data, kept_bytes(kept) - sizeof *kept), hash_xxh3(bytes_of(head, sizeof head), seed));
}

static struct kept *add(struct journal *journal, const struct journal_record *record)
{
    REQUIRE(record->kind >= JOURNAL_ADDED && record->kind <= JOURNAL_CLEARED);
    REQUIRE(journal->count == 0 || kept_at(journal, journal->count - 1)->log_time_ms <= record->log_time_ms);
    if (journal->count == journal->ring_capacity)
        grow(journal);
    struct kept *kept = copy_of(record);
    journal->ring[(journal->head + journal->count++) & (journal->ring_capacity - 1)] = kept;
    journal->bytes += kept_bytes(kept);
    return kept;
}

uint64_t journal_append(struct journal *journal, const struct journal_record *record)
{
    const struct kept *kept = add(journal, record);
    journal->trail = digest_of(kept, journal->trail);
    for (int drops = 0; drops < DROPS_PER_APPEND && too_many(journal); drops++)
        drop(journal);
    return journal->next++;
}

/* ---- queries */

uint64_t journal_oldest(const struct journal *journal)
{
    return journal->next - journal->count;
}

uint64_t journal_next(const struct journal *journal)
{
    return journal->next;
}

uint64_t journal_bytes(const struct journal *journal)
{
    return journal->bytes;
}

static struct journal_record record_of(const struct kept *kept)
{
    const uint8_t *at = kept->data;
    struct journal_record record = {.kind = (enum journal_kind)kept->kind, .has_old_value = kept->has_old_value,
                                    .version = kept->version, .log_time_ms = kept->log_time_ms, .ttl_ms = kept->ttl_ms};
    record.key = bytes_of(at, kept->key_size);
    record.affinity = bytes_of(at += kept->key_size, kept->affinity_size);
    record.value = bytes_of(at += kept->affinity_size, kept->value_size);
    record.old_value = bytes_of(at += kept->value_size, kept->old_value_size);
    return record;
}

bool journal_find(const struct journal *journal, uint64_t sequence, struct journal_record *ret_record)
{
    if (sequence < journal_oldest(journal) || sequence >= journal->next)
        return false;
    *ret_record = record_of(kept_at(journal, (size_t)(sequence - journal_oldest(journal))));
    ret_record->sequence = sequence;
    return true;
}

uint64_t journal_since(const struct journal *journal, uint64_t log_time_ms)
{
    size_t low = 0, high = journal->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kept_at(journal, middle)->log_time_ms < log_time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return journal_oldest(journal) + low;
}

bool journal_due_ms(const struct journal *journal, uint64_t *ret_due_ms)
{
    if (too_many(journal)) {
        *ret_due_ms = 0;
        return true;
    }
    if (journal->capacity.age_ms == 0 || journal->count == 0)
        return false;
    *ret_due_ms = kept_at(journal, 0)->log_time_ms + journal->capacity.age_ms;
    return true;
}

uint64_t journal_dropped_ms(const struct journal *journal)
{
    return journal->dropped_ms;
}

uint64_t journal_trail(const struct journal *journal)
{
    return journal->trail;
}

/* ---- snapshots */

struct journal_numbers journal_numbers(const struct journal *journal)
{
    return (struct journal_numbers){journal->next, journal->trail, journal->dropped_ms, journal->count};
}

void journal_freeze(struct journal *journal)
{
    frozen_queue_begin(&journal->frozen, journal->count);
}

static struct kept *frozen_kept(const struct journal *journal, bool *ret_early)
{
    void *early;
    size_t place;
    struct kept *kept = NULL;
    if (!frozen_queue_next(&journal->frozen, &early, &place))
        return NULL;
    *ret_early = early != NULL;
    if (early == NULL)
        return kept_at(journal, place);
    memcpy(&kept, early, sizeof kept);
    return kept;
}

bool journal_frozen(const struct journal *journal, struct journal_record *ret_record)
{
    bool early;
    const struct kept *kept = frozen_kept(journal, &early);
    if (kept != NULL)
        *ret_record = record_of(kept);
    return kept != NULL;
}

void journal_frozen_pass(struct journal *journal)
{
    bool early = false;
    struct kept *kept = frozen_kept(journal, &early);
    REQUIRE(kept != NULL);
    frozen_queue_pass(&journal->frozen, sizeof(struct kept *));
    if (early)
        memory_free(kept);
}

void journal_thaw(struct journal *journal)
{
    bool early = false;
    for (struct kept *kept; (kept = frozen_kept(journal, &early)) != NULL && early; memory_free(kept))
        frozen_queue_pass(&journal->frozen, sizeof(struct kept *));
    frozen_queue_end(&journal->frozen);
}

struct journal *journal_restore(const struct journal_numbers *numbers, const struct journal_capacity *capacity)
{
    struct journal *journal = journal_open(numbers->next, capacity);
    journal->trail = numbers->trail;
    journal->dropped_ms = numbers->dropped_ms;
    return journal;
}

void journal_restore_record(struct journal *journal, const struct journal_record *record)
{
    REQUIRE(journal->count + 1 < journal->next);
    (void)add(journal, record);
}

/* ---- whole */

uint64_t journal_digest(const struct journal *journal)
{
    uint64_t digest = hash_xxh3(bytes_of_text("journal"), journal->trail + journal->next + journal->dropped_ms);
    for (size_t i = 0; i < journal->count; i++)
        digest = digest_of(kept_at(journal, i), digest);
    return digest;
}

void journal_holds(const struct journal *journal)
{
    uint64_t bytes = 0, before_ms = 0;
    HOLDS(journal->count <= journal->ring_capacity && journal->count < journal->next);
    for (size_t i = 0; i < journal->count; i++) {
        const struct kept *kept = kept_at(journal, i);
        HOLDS(kept->kind >= JOURNAL_ADDED && kept->kind <= JOURNAL_CLEARED && kept->log_time_ms >= before_ms);
        before_ms = kept->log_time_ms;
        bytes += kept_bytes(kept);
    }
    HOLDS(bytes == journal->bytes);
}
