#include "grid/partition/deferred/timers.h"

#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/store/table_freeze.h"

/* One allocation with the identity behind it: u32 service, u32 number, u32 affinity size, affinity, key. */
struct armed {
    uint64_t due_ms, id;
    size_t slot; /* in the heap */
    size_t identity_size;
    uint8_t identity[];
};

enum { IDENTITY_HEAD_BYTES = 12 };

struct timers {
    struct armed **heap;
    size_t count, capacity;
    uint64_t ids;
    struct table *index; /* identity -> pointer, with the id as version; opened with the first timer */
    struct table_freeze frozen;
    struct buffer frozen_head; /* the first record of the frozen state; empty: it is written */
    uint64_t awaited;          /* records that are still to be loaded */
    struct table_fill fill;    /* while they are */
};

struct timers *timers_open(void)
{
    return memory_zero(1, sizeof(struct timers));
}

static void thaw(void *component)
{
    struct timers *timers = component;
    table_close(table_freeze_end(&timers->frozen));
    table_fill_end(&timers->fill);
    buffer_close(&timers->frozen_head);
}

void timers_close(struct timers *timers)
{
    if (timers == NULL)
        return;
    thaw(timers);
    for (size_t i = 0; i < timers->count; i++)
        memory_free(timers->heap[i]);
    if (timers->index != NULL)
        table_close(timers->index);
    memory_free(timers->heap);
    memory_free(timers);
}

/* ---- heap */

static bool before(const struct armed *a, const struct armed *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->id < b->id;
}

static void put(struct timers *timers, size_t slot, struct armed *timer)
{
    timers->heap[slot] = timer;
    timer->slot = slot;
}

/* Moves the timer of a slot to where it belongs. */
static void settle(struct timers *timers, size_t slot)
{
    struct armed *timer = timers->heap[slot];
    while (slot != 0 && before(timer, timers->heap[(slot - 1) / 2])) {
        put(timers, slot, timers->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (!before(timers->heap[child], timer))
            break;
        put(timers, slot, timers->heap[child]);
        slot = child;
    }
    put(timers, slot, timer);
}

/* ---- index */

static struct armed *make(const struct timer_owner *owner)
{
    size_t size = IDENTITY_HEAD_BYTES + owner->affinity.size + owner->key.size;
    struct armed *timer = memory_alloc(sizeof *timer + size);
    timer->identity_size = size;
    put_u32(timer->identity, owner->service);
    put_u32(timer->identity + 4, owner->number);
    put_u32(timer->identity + 8, (uint32_t)owner->affinity.size);
    memcpy(timer->identity + IDENTITY_HEAD_BYTES, owner->affinity.data, owner->affinity.size);
    memcpy(timer->identity + IDENTITY_HEAD_BYTES + owner->affinity.size, owner->key.data, owner->key.size);
    return timer;
}

static struct bytes identity_of(const struct armed *timer)
{
    return bytes_of(timer->identity, timer->identity_size);
}

static struct armed *find(const struct timers *timers, struct bytes identity)
{
    struct table_entry entry;
    struct armed *timer = NULL;
    if (timers->index != NULL && table_find(timers->index, identity, &entry))
        memcpy(&timer, entry.value.data, sizeof timer);
    return timer;
}

static void push(struct timers *timers, struct armed *timer)
{
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity == 0 ? 16 : 2 * timers->capacity;
        timers->heap = memory_resize(timers->heap, timers->capacity * sizeof(struct armed *));
    }
    put(timers, timers->count++, timer);
    settle(timers, timer->slot);
}

static void take_out(struct timers *timers, struct armed *timer)
{
    size_t slot = timer->slot;
    struct armed *last = timers->heap[--timers->count];
    if (last != timer) {
        put(timers, slot, last);
        settle(timers, slot);
    }
    bool removed = table_remove(timers->index, identity_of(timer));
    ENSURE(removed);
}

/* ---- commands */

void timers_arm(struct timers *timers, const struct timer_owner *owner, uint64_t due_ms, uint64_t seed)
{
    REQUIRE(timers != NULL && owner->key.size != 0 && owner->affinity.size != 0);
    (void)timers_disarm(timers, owner);
    struct armed *timer = make(owner);
    timer->due_ms = due_ms;
    timer->id = ++timers->ids;
    if (timers->index == NULL)
        timers->index = table_open(seed);
    table_set(timers->index, identity_of(timer), bytes_of(&timer, sizeof timer), timer->id);
    push(timers, timer);
}

bool timers_disarm(struct timers *timers, const struct timer_owner *owner)
{
    REQUIRE(timers != NULL);
    struct armed *wanted = make(owner);
    struct armed *timer = find(timers, identity_of(wanted));
    memory_free(wanted);
    if (timer == NULL)
        return false;
    take_out(timers, timer);
    memory_free(timer);
    return true;
}

bool timers_pop(struct timers *timers, uint64_t now_ms, struct arena *arena, struct timer_owner *ret_owner)
{
    REQUIRE(timers != NULL && ret_owner != NULL);
    if (timers->count == 0 || timers->heap[0]->due_ms > now_ms)
        return false;
    struct armed *timer = timers->heap[0];
    size_t affinity_size = get_u32(timer->identity + 8);
    struct bytes rest = {timer->identity + IDENTITY_HEAD_BYTES, timer->identity_size - IDENTITY_HEAD_BYTES};
    ret_owner->service = get_u32(timer->identity);
    ret_owner->number = get_u32(timer->identity + 4);
    ret_owner->affinity = arena_copy(arena, bytes_of(rest.data, affinity_size));
    ret_owner->key = arena_copy(arena, bytes_of(rest.data + affinity_size, rest.size - affinity_size));
    take_out(timers, timer);
    memory_free(timer);
    return true;
}

/* ---- queries */

uint64_t timers_count(const struct timers *timers)
{
    return timers->count;
}

bool timers_next_due_ms(const struct timers *timers, uint64_t *ret_due_ms)
{
    REQUIRE(timers != NULL && ret_due_ms != NULL);
    if (timers->count != 0)
        *ret_due_ms = timers->heap[0]->due_ms;
    return timers->count != 0;
}

/* The heap's shape follows from the history of arming alone, which is equal on all replicas; still the digest is a sum,
 * so that it says nothing about shape. */
uint64_t timers_digest(const struct timers *timers)
{
    uint64_t digest = timers->ids;
    for (size_t i = 0; i < timers->count; i++) {
        uint8_t head[16];
        put_u64(head, timers->heap[i]->due_ms);
        put_u64(head + 8, timers->heap[i]->id);
        digest += hash_xxh3(identity_of(timers->heap[i]), hash_xxh3(bytes_of(head, sizeof head), 0));
    }
    return digest;
}

void timers_holds(const struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++) {
        const struct armed *timer = timers->heap[i];
        HOLDS(timer->slot == i && timer->id <= timers->ids);
        HOLDS(i == 0 || before(timers->heap[(i - 1) / 2], timer));
        HOLDS(find(timers, identity_of(timer)) == timer);
    }
    HOLDS(timers->index == NULL || table_count(timers->index) == timers->count);
}

/* ---- snapshots */

enum { RECORD_TIMER = 2, VISITS = 1024 };

static uint64_t due_of(void *context, const struct table_entry *entry)
{
    const struct armed *timer;
    (void)context;
    memcpy(&timer, entry->value.data, sizeof timer);
    return timer->due_ms;
}

static void freeze(void *component)
{
    struct timers *timers = component;
    size_t start = record_begin(&timers->frozen_head, SECTION_TIMERS, RECORD_FIRST);
    buffer_append_u64(&timers->frozen_head, timers->ids);
    buffer_append_u64(&timers->frozen_head, timers->count);
    record_end(&timers->frozen_head, start);
    if (timers->index != NULL)
        table_freeze_begin(&timers->frozen, timers->index, due_of, timers);
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct timers *timers = component;
    struct frozen_entry frozen;
    enum table_step step = TABLE_END;
    unsigned visits = VISITS;
    buffer_append(out, buffer_bytes(&timers->frozen_head));
    buffer_clear(&timers->frozen_head);
    while (timers->frozen.table != NULL && (step = table_freeze_next(&timers->frozen, &visits, &frozen)) == TABLE_ENTRY) {
        size_t start = record_begin(out, SECTION_TIMERS, RECORD_TIMER);
        buffer_append_u64(out, frozen.entry.version);
        buffer_append_u64(out, frozen.extra);
        buffer_append(out, frozen.entry.key);
        record_end(out, start);
        if (out->size >= size_max)
            return false;
    }
    if (step == TABLE_LATER)
        return false;
    table_close(table_freeze_end(&timers->frozen));
    return true;
}

/* As `make` makes it: an affinity and a key, neither empty nor larger than a key may be. */
static bool identity_fits(struct bytes identity)
{
    if (identity.size <= IDENTITY_HEAD_BYTES)
        return false;
    size_t affinity = get_u32(identity.data + 8), rest = identity.size - IDENTITY_HEAD_BYTES;
    return affinity > 0 && affinity < rest && affinity <= KEY_BYTES_MAX && rest - affinity <= KEY_BYTES_MAX;
}

static enum grid_err load_timer(struct timers *timers, struct reader *body, const char **ret_note)
{
    uint64_t id = reader_u64(body), due_ms = reader_u64(body);
    struct bytes identity = reader_take(body, reader_left(body));
    if (id == 0 || id > timers->ids || !identity_fits(identity))
        return record_corrupt("not a timer and its owner", ret_note);
    struct armed *timer = memory_alloc(sizeof *timer + identity.size);
    timer->due_ms = due_ms;
    timer->id = id;
    timer->identity_size = identity.size;
    memcpy(timer->identity, identity.data, identity.size);
    if (!table_fill_add(&timers->fill, identity, bytes_of(&timer, sizeof timer), id)) {
        memory_free(timer);
        return record_corrupt("a timer stands before the one that it follows", ret_note);
    }
    push(timers, timer);
    timers->awaited--;
    return GRID_ERR_OK;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct timers *timers = component;
    if (kind == RECORD_TIMER && timers->awaited > 0)
        return load_timer(timers, body, ret_note);
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of timers, or one too many", ret_note);
    timers->ids = reader_u64(body);
    timers->awaited = reader_u64(body);
    if (timers->awaited > timers->ids)
        return record_corrupt("more timers than were ever armed", ret_note);
    if (timers->awaited > 0) {
        timers->index = table_open(context->table_seed);
        table_fill_begin(&timers->fill, timers->index, timers->awaited);
    }
    return GRID_ERR_OK;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Two timers with one id would have no order. */
static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    struct timers *timers = component;
    bool twice = false;
    (void)context;
    uint64_t *ids = memory_alloc((timers->count + 1) * sizeof *ids);
    for (size_t i = 0; i < timers->count; i++)
        ids[i] = timers->heap[i]->id;
    qsort(ids, timers->count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < timers->count; i++)
        twice = twice || ids[i - 1] == ids[i];
    memory_free(ids);
    table_fill_end(&timers->fill);
    if (twice)
        return record_corrupt("two timers have the same id", ret_note);
    return timers->awaited == 0 ? GRID_ERR_OK : record_corrupt("timers are missing", ret_note);
}

const struct component timers_component = {"timers", freeze, save, thaw, load, loaded};
