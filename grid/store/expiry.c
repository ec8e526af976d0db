#include "grid/store/expiry.h"

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/store/table.h"

struct ending {
    uint64_t due_ms;
    size_t slot;                       /* in the heap */
    size_t key_size;
    uint8_t key[];
};

struct expiry {
    struct ending **heap;
    size_t count, capacity, key_bytes;
    struct table *index;               /* key -> pointer */
};

static struct bytes key_of(const struct ending *ending)
{
    return bytes_of(ending->key, ending->key_size);
}

struct expiry *expiry_open(uint64_t seed)
{
    struct expiry *expiry = memory_zero(1, sizeof *expiry);
    expiry->index = table_open(seed);
    return expiry;
}

void expiry_close(struct expiry *expiry)
{
    if (expiry == NULL)
        return;
    for (size_t i = 0; i < expiry->count; i++)
        memory_free(expiry->heap[i]);
    memory_free(expiry->heap);
    table_close(expiry->index);
    memory_free(expiry);
}

/* ---- heap */

static bool ends_before(const struct ending *a, const struct ending *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : bytes_compare(key_of(a), key_of(b)) < 0;
}

static void put(struct expiry *expiry, size_t slot, struct ending *ending)
{
    expiry->heap[slot] = ending;
    ending->slot = slot;
}

/* Moves the content of a slot to its place in the heap. */
static void settle(struct expiry *expiry, size_t slot)
{
    struct ending *ending = expiry->heap[slot];
    for (; slot != 0 && ends_before(ending, expiry->heap[(slot - 1) / 2]); slot = (slot - 1) / 2)
        put(expiry, slot, expiry->heap[(slot - 1) / 2]);
    for (size_t child; (child = 2 * slot + 1) < expiry->count; slot = child) {
        if (child + 1 < expiry->count && ends_before(expiry->heap[child + 1], expiry->heap[child]))
            child++;
        if (!ends_before(expiry->heap[child], ending))
            break;
        put(expiry, slot, expiry->heap[child]);
    }
    put(expiry, slot, ending);
}

/* ---- commands */

static struct ending *find(const struct expiry *expiry, struct bytes key)
{
    struct table_entry entry;
    struct ending *ending = NULL;
    if (table_find(expiry->index, key, &entry))
        memcpy(&ending, entry.value.data, sizeof ending);
    return ending;
}

void expiry_set(struct expiry *expiry, struct bytes key, uint64_t due_ms)
{
    REQUIRE(key.size != 0);
    struct ending *ending = find(expiry, key);
    if (ending != NULL) {
        ending->due_ms = due_ms;
        settle(expiry, ending->slot);
        return;
    }
    if (expiry->count == expiry->capacity) {
        expiry->capacity = expiry->capacity == 0 ? 16 : expiry->capacity + expiry->capacity / 2;
        expiry->heap = memory_resize(expiry->heap, expiry->capacity * sizeof(struct ending *));
    }
    ending = memory_alloc(sizeof *ending + key.size);
    ending->due_ms = due_ms;
    ending->key_size = key.size;
    memcpy(ending->key, key.data, key.size);
    table_set(expiry->index, key, bytes_of(&ending, sizeof ending), 0);
    expiry->key_bytes += key.size;
    put(expiry, expiry->count++, ending);
    settle(expiry, ending->slot);
}

bool expiry_remove(struct expiry *expiry, struct bytes key)
{
    struct ending *ending = find(expiry, key);
    if (ending == NULL)
        return false;
    bool removed = table_remove(expiry->index, key_of(ending));
    ENSURE(removed);
    struct ending *last = expiry->heap[--expiry->count];
    if (last != ending) {
        put(expiry, ending->slot, last);
        settle(expiry, last->slot);
    }
    expiry->key_bytes -= ending->key_size;
    memory_free(ending);
    return true;
}

bool expiry_discard(struct expiry *expiry, size_t count_max)
{
    /* Its order and index are not needed any more. */
    for (size_t i = 0; i < count_max && expiry->count > 0; i++) {
        struct ending *ending = expiry->heap[--expiry->count];
        expiry->key_bytes -= ending->key_size;
        memory_free(ending);
    }
    return expiry->count == 0 && table_discard(expiry->index, count_max);
}

/* ---- queries */

bool expiry_find(const struct expiry *expiry, struct bytes key, uint64_t *ret_due_ms)
{
    const struct ending *ending = find(expiry, key);
    if (ending != NULL)
        *ret_due_ms = ending->due_ms;
    return ending != NULL;
}

bool expiry_first(const struct expiry *expiry, struct bytes *ret_key, uint64_t *ret_due_ms)
{
    if (expiry->count == 0)
        return false;
    *ret_key = key_of(expiry->heap[0]);
    *ret_due_ms = expiry->heap[0]->due_ms;
    return true;
}

uint64_t expiry_count(const struct expiry *expiry)
{
    return expiry->count;
}

uint64_t expiry_indexed(const struct expiry *expiry)
{
    return table_count(expiry->index);
}

/* Depth first through the top of the heap; a slot's number says where its parent is, so nothing is remembered. */
uint64_t expiry_count_due(const struct expiry *expiry, uint64_t now_ms)
{
    uint64_t due = 0;
    size_t slot = 0;
    if (expiry->count == 0 || expiry->heap[0]->due_ms > now_ms)
        return 0;
    for (;;) {
        bool inside = slot < expiry->count && expiry->heap[slot]->due_ms <= now_ms;
        due += inside;
        if (inside) {
            slot = 2 * slot + 1;
            continue;
        }
        /* From a right child up to the first left one, then to its sibling. */
        while (slot != 0 && slot % 2 == 0)
            slot = (slot - 1) / 2;
        if (slot == 0)
            return due;
        slot++;
    }
}

uint64_t expiry_memory_bytes(const struct expiry *expiry)
{
    return sizeof *expiry + expiry->capacity * sizeof(struct ending *) + expiry->count * sizeof(struct ending) +
           expiry->key_bytes + table_memory_bytes(expiry->index);
}

uint64_t expiry_digest(const struct expiry *expiry)
{
    uint64_t digest = expiry->count;
    for (size_t i = 0; i < expiry->count; i++)
        digest += hash_xxh3(key_of(expiry->heap[i]), expiry->heap[i]->due_ms);
    return digest;
}

void expiry_holds(const struct expiry *expiry)
{
    size_t key_bytes = 0;
    HOLDS(expiry->count <= expiry->capacity && table_count(expiry->index) == expiry->count);
    for (size_t i = 0; i < expiry->count; i++) {
        const struct ending *ending = expiry->heap[i];
        HOLDS(ending->slot == i && find(expiry, key_of(ending)) == ending);
        HOLDS(i == 0 || !ends_before(ending, expiry->heap[(i - 1) / 2]));
        key_bytes += ending->key_size;
    }
    HOLDS(key_bytes == expiry->key_bytes);
}
