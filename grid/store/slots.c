#include "grid/store/slots.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum { TAG_BITS = 16, TAIL_MIN = 8, TAIL_MAX = 64 };

/* ---- one slot */

static uint64_t scaled(const struct slots *slots, uint64_t hash)
{
    return (hash >> 32) * slots->capacity;
}

static uint32_t home_of(const struct slots *slots, uint64_t hash)
{
    return (uint32_t)(scaled(slots, hash) >> 32);
}

static uint16_t tag_of(const struct slots *slots, uint64_t hash)
{
    return (uint16_t)(scaled(slots, hash) >> 24);
}

static uint16_t slot_tag(uint64_t slot)
{
    return (uint16_t)slot;
}

static struct record *slot_record(uint64_t slot)
{
    return (struct record *)(uintptr_t)(slot >> TAG_BITS);
}

static uint64_t slot_make(struct record *record, uint16_t tag)
{
    uintptr_t address = (uintptr_t)record;
    REQUIRE(address != 0 && (uint64_t)address >> (64 - TAG_BITS) == 0);
    return (uint64_t)address << TAG_BITS | tag;
}

struct bytes record_key(const struct record *record)
{
    return (struct bytes){record->data, record->key_size};
}

struct bytes record_value(const struct record *record)
{
    return (struct bytes){record->data + record->key_size, record->value_size};
}

uint64_t slots_hash(const struct slots *slots, const struct record *record)
{
    return hash_xxh3(record_key(record), slots->seed);
}

/* ---- chunks */

static uint32_t chunks_count(uint32_t total)
{
    return (total + SLOTS_CHUNK - 1) >> SLOTS_CHUNK_BITS;
}

static uint32_t chunk_slots(const struct slots *slots, uint32_t chunk)
{
    uint32_t left = slots->total - (chunk << SLOTS_CHUNK_BITS);
    return left < SLOTS_CHUNK ? left : SLOTS_CHUNK;
}

static uint64_t slot_read(const struct slots *slots, uint32_t position)
{
    if (position >= slots->total)
        return 0;
    const uint64_t *chunk = slots->chunks[position >> SLOTS_CHUNK_BITS];
    return chunk == NULL ? 0 : chunk[position & (SLOTS_CHUNK - 1)];
}

/* The tail is full: adds to it. */
static void extend(struct slots *slots)
{
    uint32_t before = chunks_count(slots->total), last = before - 1;
    uint32_t last_slots = chunk_slots(slots, last);
    uint32_t add = slots->total / 8 < TAIL_MAX ? TAIL_MAX : slots->total / 8;
    REQUIRE(slots->total <= UINT32_MAX - add - SLOTS_CHUNK);
    slots->total += add;
    uint32_t after = chunks_count(slots->total);
    slots->chunks = memory_resize(slots->chunks, after * sizeof *slots->chunks);
    for (uint32_t i = before; i < after; i++)
        slots->chunks[i] = NULL;
    if (slots->chunks[last] == NULL)
        return;
    uint32_t grown = chunk_slots(slots, last);
    slots->chunks[last] = memory_resize(slots->chunks[last], grown * sizeof(uint64_t));
    memset(slots->chunks[last] + last_slots, 0, (grown - last_slots) * sizeof(uint64_t));
    slots->allocated += grown - last_slots;
}

static uint64_t *slot_at(struct slots *slots, uint32_t position)
{
    if (position >= slots->total)
        extend(slots);
    uint32_t index = position >> SLOTS_CHUNK_BITS;
    uint64_t *chunk = slots->chunks[index];
    if (chunk == NULL) {
        uint32_t count = chunk_slots(slots, index);
        chunk = slots->chunks[index] = memory_zero(count, sizeof *chunk);
        slots->allocated += count;
    }
    return &chunk[position & (SLOTS_CHUNK - 1)];
}

/* ---- life cycle */

void slots_init(struct slots *slots, uint64_t seed, uint32_t capacity)
{
    uint32_t tail = capacity < TAIL_MIN ? TAIL_MIN : capacity < TAIL_MAX ? capacity : TAIL_MAX;
    REQUIRE(capacity <= UINT32_MAX - TAIL_MAX - SLOTS_CHUNK);
    *slots = (struct slots){.seed = seed, .capacity = capacity, .total = capacity == 0 ? 0 : capacity + tail};
    if (capacity != 0)
        slots->chunks = memory_zero(chunks_count(slots->total), sizeof *slots->chunks);
}

void slots_close(struct slots *slots)
{
    for (uint32_t i = 0; i < chunks_count(slots->total); i++)
        memory_free(slots->chunks[i]);
    memory_free(slots->chunks);
    *slots = (struct slots){.seed = slots->seed};
}

struct record *slots_record(const struct slots *slots, uint32_t position)
{
    return slot_record(slot_read(slots, position));
}

uint64_t slots_memory_bytes(const struct slots *slots)
{
    return slots->allocated * sizeof(uint64_t) + chunks_count(slots->total) * sizeof *slots->chunks;
}

/* ---- probing */

/* Sign of (entry of the slot) - place. */
static int compare(const struct slots *slots, uint64_t slot, const struct place *place, uint16_t tag)
{
    if (!slots->far) {
        int distance = (int16_t)(uint16_t)(slot_tag(slot) - tag);
        if (distance != 0)
            return distance;
    }
    const struct record *record = slot_record(slot);
    if (bytes_equal(record_key(record), place->key))
        return 0;
    uint64_t hash = slots_hash(slots, record);
    if (hash != place->hash)
        return hash < place->hash ? -1 : 1;
    return bytes_compare(record_key(record), place->key);
}

uint32_t slots_seek(const struct slots *slots, const struct place *place, bool *ret_found)
{
    uint32_t position = home_of(slots, place->hash);
    uint16_t tag = tag_of(slots, place->hash);
    *ret_found = false;
    if (position < slots->first)
        position = slots->first;
    for (;; position++) {
        uint64_t slot = slot_read(slots, position);
        if (slot == 0)
            return position;
        int difference = compare(slots, slot, place, tag);
        if (difference >= 0) {
            *ret_found = difference == 0;
            return position;
        }
    }
}

bool slots_next(const struct slots *slots, uint32_t position, uint32_t end, uint32_t *ret_position)
{
    if (position < slots->first)
        position = slots->first;
    if (end > slots->total)
        end = slots->total;
    while (position < end) {
        const uint64_t *chunk = slots->chunks[position >> SLOTS_CHUNK_BITS];
        if (chunk == NULL) {
            position = ((position >> SLOTS_CHUNK_BITS) + 1) << SLOTS_CHUNK_BITS;
            continue;
        }
        if (chunk[position & (SLOTS_CHUNK - 1)] != 0) {
            *ret_position = position;
            return true;
        }
        position++;
    }
    return false;
}

static uint32_t displacement(const struct slots *slots, uint64_t slot, uint32_t position)
{
    if (!slots->far)
        return (uint8_t)(position - (uint32_t)(slot_tag(slot) >> 8));
    return position - home_of(slots, slots_hash(slots, slot_record(slot)));
}

void slots_insert(struct slots *slots, uint32_t position, uint64_t hash, struct record *record)
{
    REQUIRE(position >= slots->first && position >= home_of(slots, hash));
    uint64_t carried = slot_make(record, tag_of(slots, hash));
    bool far = position - home_of(slots, hash) > DISPLACEMENT_MAX;
    for (;; position++) {
        uint64_t *slot = slot_at(slots, position);
        uint64_t pushed = *slot;
        *slot = carried;
        if (pushed == 0)
            break;
        far = far || displacement(slots, pushed, position) >= DISPLACEMENT_MAX;
        carried = pushed;
    }
    slots->far = slots->far || far;
}

void slots_replace(struct slots *slots, uint32_t position, struct record *record)
{
    uint64_t *slot = slot_at(slots, position);
    REQUIRE(*slot != 0);
    *slot = slot_make(record, slot_tag(*slot));
}

void slots_remove(struct slots *slots, uint32_t position)
{
    REQUIRE(slot_read(slots, position) != 0);
    for (;; position++) {
        uint64_t next = slot_read(slots, position + 1);
        if (next == 0 || displacement(slots, next, position + 1) == 0) {
            *slot_at(slots, position) = 0;
            return;
        }
        *slot_at(slots, position) = next;
    }
}

/* ---- moving out */

void slots_advance(struct slots *slots, uint32_t position)
{
    REQUIRE(position >= slots->first && position <= slots->total);
    uint32_t last = position >> SLOTS_CHUNK_BITS;
    for (uint32_t i = slots->first >> SLOTS_CHUNK_BITS; i < last; i++) {
        if (slots->chunks[i] == NULL)
            continue;
        slots->allocated -= chunk_slots(slots, i);
        memory_free(slots->chunks[i]);
        slots->chunks[i] = NULL;
    }
    slots->first = position;
}

uint64_t slots_bound(const struct slots *slots, uint32_t position)
{
    REQUIRE(position < slots->capacity);
    uint64_t high = (((uint64_t)position << 32) + slots->capacity - 1) / slots->capacity;
    return high << 32;
}

void slots_prefetch(const struct slots *slots, uint32_t position)
{
    uint64_t slot = slot_read(slots, position);
    if (slot != 0)
        __builtin_prefetch(slot_record(slot));
}

void slots_fetch(const struct slots *slots, uint64_t hash)
{
    if (slots->capacity == 0)
        return;
    uint32_t home = home_of(slots, hash);
    const uint64_t *chunk = slots->chunks[home >> SLOTS_CHUNK_BITS];
    if (chunk != NULL)
        __builtin_prefetch(&chunk[home & (SLOTS_CHUNK - 1)]);
}

/* Only slots on the line that was fetched are worth a look. */
void slots_fetch_record(const struct slots *slots, uint64_t hash)
{
    if (slots->capacity == 0)
        return;
    uint32_t position = home_of(slots, hash);
    uint16_t tag = tag_of(slots, hash);
    for (uint64_t slot; (slot = slot_read(slots, position)) != 0 && slot_tag(slot) != tag;)
        if (++position % 8 == 0)
            return;
    slots_prefetch(slots, position);
}

/* ---- invariants */

static void entry_holds(const struct slots *slots, uint32_t position, uint64_t hash)
{
    uint32_t home = home_of(slots, hash);
    HOLDS(slot_tag(slot_read(slots, position)) == tag_of(slots, hash));
    HOLDS(home <= position);
    HOLDS(slots->far || position - home <= DISPLACEMENT_MAX);
    uint32_t start = home < slots->first ? slots->first : home;
    HOLDS(position == start || slot_read(slots, position - 1) != 0);
}

uint64_t slots_holds(const struct slots *slots, uint64_t low, uint64_t high)
{
    uint64_t entries = 0, hash_before = 0;
    const struct record *before = NULL;
    HOLDS(slots->first <= slots->total && slots->capacity <= slots->total);
    for (uint32_t position = slots->first; slots_next(slots, position, UINT32_MAX, &position); position++) {
        const struct record *record = slots_record(slots, position);
        uint64_t hash = slots_hash(slots, record);
        HOLDS(hash >= low && hash <= high);
        entry_holds(slots, position, hash);
        HOLDS(before == NULL || hash_before < hash ||
              (hash_before == hash && bytes_compare(record_key(before), record_key(record)) < 0));
        before = record;
        hash_before = hash;
        entries++;
    }
    return entries;
}
