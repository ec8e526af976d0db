#include "grid/store/table.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/store/slots.h"

enum {
    CAPACITY_MIN = 8,
    MOVES_PER_CHANGE = 16,             /* a resize ends after one change in 16 entries: the load stays below 0.85 */
    VISITS_PER_MOVE = 256,             /* slots looked at, for arrays that are mostly empty */
    PREFETCH_AHEAD = 8,                /* slots; a record's line comes while the ones before are moved */
    SCAN_AHEAD = 6,
};

struct table {
    struct slots slots;                /* all entries; while resizing those with a hash below the watermark */
    struct slots old;                  /* the others */
    bool resizing;
    uint64_t watermark;
    uint64_t seed, count, record_bytes;
    uint32_t capacity_min;             /* it does not shrink below it */
    uint16_t epoch;
    uint16_t epochs_behind;            /* no record is of an older epoch than so many before the present one */
    table_pre_image_fn pre_image;      /* NULL: no epoch */
    void *pre_image_context;
};

/* ---- records */

/* What the allocator gives anyway for that size: 8 bytes of its own, in units of 16. Two sizes of one class
 * overwrite each other in place. */
static size_t record_class(size_t key_size, size_t value_size)
{
    size_t chunk = (sizeof(struct record) + key_size + value_size + 8 + 15) & ~(size_t)15;
    return (chunk < 32 ? 32 : chunk) - 8;
}

static struct record *record_new(struct table *table, struct bytes key, struct bytes value, uint64_t version)
{
    size_t size = record_class(key.size, value.size);
    struct record *record = memory_alloc(size);
    record->version = version;
    record->value_size = (uint32_t)value.size;
    record->key_size = (uint16_t)key.size;
    record->epoch = table->epoch;
    memcpy(record->data, key.data, key.size);
    if (value.size != 0)
        memcpy(record->data + key.size, value.data, value.size);
    table->record_bytes += size;
    return record;
}

static void record_close(struct table *table, struct record *record)
{
    table->record_bytes -= record_class(record->key_size, record->value_size);
    memory_free(record);
}

static struct table_entry entry_of(const struct record *record, uint64_t hash)
{
    return (struct table_entry){record_key(record), record_value(record), record->version, hash};
}

static void report_pre_image(struct table *table, struct record *record, uint64_t hash)
{
    if (table->pre_image == NULL || record->epoch == table->epoch)
        return;
    struct table_entry old = entry_of(record, hash);
    table->pre_image(table->pre_image_context, &old);
}

static void close_records(struct table *table, struct slots *slots)
{
    for (uint32_t position = slots->first; slots_next(slots, position, UINT32_MAX, &position); position++)
        record_close(table, slots_record(slots, position));
    slots_close(slots);
}

/* ---- life cycle */

struct table *table_open(uint64_t seed)
{
    struct table *table = memory_zero(1, sizeof *table);
    table->seed = seed;
    table->capacity_min = CAPACITY_MIN;
    slots_init(&table->slots, seed, 0);
    return table;
}

void table_reserve(struct table *table, uint64_t entries)
{
    REQUIRE(table->count == 0 && !table->resizing);
    uint64_t capacity = entries < UINT32_MAX / 4 ? entries + entries / 2 + CAPACITY_MIN : UINT32_MAX / 2;
    slots_close(&table->slots);
    slots_init(&table->slots, table->seed, (uint32_t)capacity);
    table->capacity_min = (uint32_t)capacity;
}

void table_settle(struct table *table)
{
    table->capacity_min = CAPACITY_MIN;
}

void table_close(struct table *table)
{
    if (table == NULL)
        return;
    close_records(table, &table->slots);
    if (table->resizing)
        close_records(table, &table->old);
    ENSURE(table->record_bytes == 0);
    memory_free(table);
}

/* ---- resize */

static const struct slots *slots_of(const struct table *table, uint64_t hash)
{
    return table->resizing && hash >= table->watermark ? &table->old : &table->slots;
}

static struct slots *slots_of_mutable(struct table *table, uint64_t hash)
{
    return table->resizing && hash >= table->watermark ? &table->old : &table->slots;
}

static void resize_begin(struct table *table, uint64_t capacity)
{
    REQUIRE(!table->resizing);
    if (capacity > UINT32_MAX / 2)
        capacity = UINT32_MAX / 2;
    if (capacity == table->slots.capacity)
        return;
    table->old = table->slots;
    slots_init(&table->slots, table->seed, (uint32_t)capacity);
    table->resizing = true;
    table->watermark = 0;
}

static void move_entry(struct table *table, struct record *record, uint64_t hash)
{
    struct place place = {hash, record_key(record)};
    bool found;
    uint32_t position = slots_seek(&table->slots, &place, &found);
    HOLDS(!found);
    slots_insert(&table->slots, position, hash, record);
}

/* Moves some entries from the front of the old array. The watermark is a hash, so it lies between two different ones: at
 * that of the first entry left or, behind empty slots, at the smallest that can stand after them. */
static void resize_step(struct table *table)
{
    struct slots *old = &table->old;
    uint32_t position = old->first;
    uint64_t hash_moved = 0;
    for (unsigned moves = 0; slots_next(old, position, position + VISITS_PER_MOVE, &position); moves++, position++) {
        struct record *record = slots_record(old, position);
        uint64_t hash = slots_hash(old, record);
        if (moves >= MOVES_PER_CHANGE && hash != hash_moved) {
            table->watermark = hash;
            slots_advance(old, position);
            return;
        }
        slots_prefetch(old, position + PREFETCH_AHEAD);
        move_entry(table, record, hash);
        hash_moved = hash;
    }
    position += VISITS_PER_MOVE;
    if (position >= old->capacity) {
        slots_close(old);
        table->resizing = false;
        return;
    }
    table->watermark = slots_bound(old, position);
    slots_advance(old, position);
}

static void change_begins(struct table *table)
{
    if (table->resizing)
        resize_step(table);
    else if (table->slots.capacity == 0)
        slots_init(&table->slots, table->seed, CAPACITY_MIN);
}

/* Grows by half above a load of 0.8 and shrinks to a load of 0.5 below 0.2; measured in grid/store/README.md. */
static void change_ends(struct table *table)
{
    uint64_t capacity = table->slots.capacity;
    if (table->resizing)
        return;
    if (table->count * 5 > capacity * 4)
        resize_begin(table, capacity + capacity / 2);
    else if (capacity > table->capacity_min && table->count * 5 < capacity)
        resize_begin(table, table->count * 2 < table->capacity_min ? table->capacity_min : table->count * 2);
}

/* ---- access */

bool table_find(const struct table *table, struct bytes key, struct table_entry *ret_entry)
{
    REQUIRE(key.size != 0 && ret_entry != NULL);
    struct place place = {hash_xxh3(key, table->seed), key};
    const struct slots *slots = slots_of(table, place.hash);
    bool found;
    uint32_t position = slots_seek(slots, &place, &found);
    if (found)
        *ret_entry = entry_of(slots_record(slots, position), place.hash);
    return found;
}

static void overwrite(struct table *table, uint32_t position, const struct place *place, struct bytes value, uint64_t version)
{
    struct slots *slots = slots_of_mutable(table, place->hash);
    struct record *record = slots_record(slots, position);
    report_pre_image(table, record, place->hash);
    size_t class_before = record_class(record->key_size, record->value_size);
    size_t class_after = record_class(record->key_size, value.size);
    if (class_before != class_after) {
        record = memory_resize(record, class_after);
        slots_replace(slots, position, record);
        table->record_bytes += class_after - class_before;
    }
    record->version = version;
    record->epoch = table->epoch;
    record->value_size = (uint32_t)value.size;
    if (value.size != 0)
        memcpy(record->data + record->key_size, value.data, value.size);
}

bool table_set(struct table *table, struct bytes key, struct bytes value, uint64_t version)
{
    REQUIRE(key.size != 0 && key.size <= UINT16_MAX && value.size <= UINT32_MAX);
    change_begins(table);
    struct place place = {hash_xxh3(key, table->seed), key};
    struct slots *slots = slots_of_mutable(table, place.hash);
    bool found;
    uint32_t position = slots_seek(slots, &place, &found);
    if (found) {
        overwrite(table, position, &place, value, version);
        return false;
    }
    slots_insert(slots, position, place.hash, record_new(table, key, value, version));
    table->count++;
    change_ends(table);
    return true;
}

bool table_remove(struct table *table, struct bytes key)
{
    REQUIRE(key.size != 0);
    change_begins(table);
    struct place place = {hash_xxh3(key, table->seed), key};
    struct slots *slots = slots_of_mutable(table, place.hash);
    bool found;
    uint32_t position = slots_seek(slots, &place, &found);
    if (!found)
        return false;
    struct record *record = slots_record(slots, position);
    report_pre_image(table, record, place.hash);
    slots_remove(slots, position);
    record_close(table, record);
    table->count--;
    change_ends(table);
    return true;
}

uint64_t table_hash(const struct table *table, struct bytes key)
{
    return hash_xxh3(key, table->seed);
}

void table_fetch_slot(const struct table *table, uint64_t hash)
{
    slots_fetch(slots_of(table, hash), hash);
}

void table_fetch_record(const struct table *table, uint64_t hash)
{
    slots_fetch_record(slots_of(table, hash), hash);
}

uint64_t table_seed(const struct table *table)
{
    return table->seed;
}

bool table_resizing(const struct table *table)
{
    return table->resizing;
}

uint64_t table_count(const struct table *table)
{
    return table->count;
}

uint64_t table_memory_bytes(const struct table *table)
{
    uint64_t bytes = sizeof *table + table->record_bytes + slots_memory_bytes(&table->slots);
    return table->resizing ? bytes + slots_memory_bytes(&table->old) : bytes;
}

uint64_t table_record_bytes(const struct table *table)
{
    return table->record_bytes;
}

uint64_t table_record_size(size_t key_size, size_t value_size)
{
    return record_class(key_size, value_size);
}

static size_t discard_from(struct table *table, struct slots *slots, size_t count_max)
{
    uint32_t position = slots->first;
    size_t freed = 0;
    for (; freed < count_max && slots_next(slots, position, UINT32_MAX, &position); freed++, position++)
        record_close(table, slots_record(slots, position));
    if (freed == count_max)
        slots_advance(slots, position);
    else
        slots_close(slots);
    table->count -= freed;
    return freed;
}

bool table_discard(struct table *table, size_t count_max)
{
    REQUIRE(table->pre_image == NULL);
    if (count_max == 0)
        return table->count == 0;
    size_t freed = discard_from(table, &table->slots, count_max);
    if (table->resizing && freed < count_max) {
        freed += discard_from(table, &table->old, count_max - freed);
        table->resizing = freed == count_max;
    }
    return table->count == 0;
}

/* ---- order */

bool table_next(const struct table *table, uint64_t after_hash, struct bytes after_key, struct table_entry *ret_entry)
{
    REQUIRE(ret_entry != NULL);
    struct place place = {after_hash, after_key};
    const struct slots *slots = slots_of(table, after_hash);
    bool found;
    uint32_t position = slots_seek(slots, &place, &found);
    if (found)
        position++;
    bool some = slots_next(slots, position, UINT32_MAX, &position);
    if (!some && table->resizing && slots == &table->slots) {
        slots = &table->old;
        some = slots_next(slots, slots->first, UINT32_MAX, &position);
    }
    if (some) {
        const struct record *record = slots_record(slots, position);
        /* Who asks for the next will mostly ask on. */
        slots_prefetch(slots, position + SCAN_AHEAD);
        *ret_entry = entry_of(record, slots_hash(slots, record));
    }
    return some;
}

/* ---- epochs */

static void set_epochs(struct slots *slots, uint16_t epoch)
{
    for (uint32_t position = 0; slots_next(slots, position, UINT32_MAX, &position); position++)
        slots_record(slots, position)->epoch = epoch;
}

/* The 16 bit number comes round. A record of the epoch that had the same number before would count as written in this one, so
 * none may be so old: an epoch that passes every entry leaves none, and past too many others all records are looked at. */
void table_epoch_begin(struct table *table, table_pre_image_fn pre_image, void *context)
{
    REQUIRE(pre_image != NULL && table->pre_image == NULL);
    table->pre_image = pre_image;
    table->pre_image_context = context;
    if (table->epochs_behind == UINT16_MAX) {
        set_epochs(&table->slots, table->epoch);
        if (table->resizing)
            set_epochs(&table->old, table->epoch);
        table->epochs_behind = 0;
    }
    table->epochs_behind++;
    table->epoch++;
}

/* The first entry from a position on that is of an older epoch; *hash is that of the first entry left when visits end. */
static enum table_step next_old(const struct table *table, const struct slots *slots, uint32_t position, uint64_t *from,
                                unsigned *visits, struct table_entry *ret_entry)
{
    for (; slots_next(slots, position, UINT32_MAX, &position); position++) {
        const struct record *record = slots_record(slots, position);
        bool old = record->epoch != table->epoch;
        if (!old && *visits > 1) {
            --*visits;
            continue;
        }
        uint64_t hash = slots_hash(slots, record);
        /* Of entries with one hash all are looked at in one call, or the next call would look at the same ones. */
        if (!old && hash == *from)
            continue;
        *from = hash;
        *visits -= *visits > 1;
        slots_prefetch(slots, position + SCAN_AHEAD);
        *ret_entry = entry_of(record, hash);
        return old ? TABLE_ENTRY : TABLE_LATER;
    }
    return TABLE_END;
}

enum table_step table_epoch_next(const struct table *table, uint64_t *from, unsigned *visits, struct table_entry *ret_entry)
{
    REQUIRE(table->pre_image != NULL);
    struct place place = {*from, BYTES_NONE};
    const struct slots *slots = slots_of(table, *from);
    bool found;
    enum table_step step = next_old(table, slots, slots_seek(slots, &place, &found), from, visits, ret_entry);
    if (step == TABLE_END && table->resizing && slots == &table->slots)
        step = next_old(table, &table->old, table->old.first, from, visits, ret_entry);
    return step;
}

void table_epoch_pass(struct table *table, const struct table_entry *entry)
{
    struct record *record = (struct record *)((uintptr_t)entry->key.data - offsetof(struct record, data));
    REQUIRE(record->key_size == entry->key.size);
    record->epoch = table->epoch;
}

void table_epoch_end(struct table *table, bool all_passed)
{
    table->pre_image = NULL;
    table->pre_image_context = NULL;
    if (all_passed)
        table->epochs_behind = 0;
}

/* ---- whole table */

static uint64_t digest_of(const struct slots *slots)
{
    uint64_t digest = 0;
    for (uint32_t position = 0; slots_next(slots, position, UINT32_MAX, &position); position++) {
        const struct record *record = slots_record(slots, position);
        digest += hash_xxh3(record_value(record), hash_xxh3(record_key(record), record->version));
    }
    return digest;
}

uint64_t table_digest(const struct table *table)
{
    return digest_of(&table->slots) + (table->resizing ? digest_of(&table->old) : 0);
}

static uint64_t record_bytes_of(const struct slots *slots)
{
    uint64_t bytes = 0;
    for (uint32_t position = 0; slots_next(slots, position, UINT32_MAX, &position); position++) {
        const struct record *record = slots_record(slots, position);
        HOLDS(record->key_size != 0);
        bytes += record_class(record->key_size, record->value_size);
    }
    return bytes;
}

void table_holds(const struct table *table)
{
    uint64_t high = table->resizing ? table->watermark - (table->watermark != 0) : UINT64_MAX;
    uint64_t count = slots_holds(&table->slots, 0, high), bytes = record_bytes_of(&table->slots);
    HOLDS(!table->resizing || table->watermark != 0 || count == 0);
    if (table->resizing) {
        count += slots_holds(&table->old, table->watermark, UINT64_MAX);
        bytes += record_bytes_of(&table->old);
    }
    HOLDS(count == table->count);
    HOLDS(bytes == table->record_bytes);
    HOLDS(table->slots.first == 0);
}
