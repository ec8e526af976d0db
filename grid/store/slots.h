/* One array of slots, each naming a record, kept in the order of (hash, key). Private to grid/store: only table.c uses it.
 *
 * An entry's home is the high bits of its hash scaled to the capacity, so the order of positions is the order of hashes for any
 * capacity. Collisions push later entries to the right (Robin Hood linear probing, Celis 1986), never around the
 * end: past the capacity lies a tail that is extended when it is full.
 *
 * A slot is 8 bytes: 48 bits of record address and a 16 bit tag, the home's low 8 bits and the 8 bits of hash that
 * follow. As long as no entry stands more than DISPLACEMENT_MAX to the right of its home, tags compared as serial numbers
 * order slots without touching records; beyond it (`far`) records are compared.
 *
 * The array is cut into chunks that are allocated when first written and freed as `first` passes them, so that two
 * arrays of a table under resize take the memory of about one. Borrows records. Single threaded. */
#ifndef GRID_STORE_SLOTS_H
#define GRID_STORE_SLOTS_H

#include "grid/base/bytes.h"

enum { SLOTS_CHUNK_BITS = 12, SLOTS_CHUNK = 1 << SLOTS_CHUNK_BITS, DISPLACEMENT_MAX = 120 };

struct record {
    uint64_t version;
    uint32_t value_size;
    uint16_t key_size;
    uint16_t epoch;                    /* last epoch in which it was written */
    uint8_t data[];                    /* key, value */
};

struct slots {
    uint64_t **chunks;                 /* NULL: all empty */
    uint64_t seed;
    uint32_t capacity;                 /* homes; 0: nothing is allocated */
    uint32_t total;                    /* capacity and tail */
    uint32_t first;                    /* slots below it were moved to another array */
    uint32_t allocated;                /* slots in allocated chunks */
    bool far;
};

/* The place of a key. */
struct place { uint64_t hash; struct bytes key; };

struct bytes record_key(const struct record *record);
struct bytes record_value(const struct record *record);

void slots_init(struct slots *slots, uint64_t seed, uint32_t capacity);
void slots_close(struct slots *slots);                                   /* frees chunks, not records */
struct record *slots_record(const struct slots *slots, uint32_t position); /* NULL: empty, or past the end */
uint64_t slots_hash(const struct slots *slots, const struct record *record);
uint64_t slots_memory_bytes(const struct slots *slots);

/* Position of the first entry not before `place`, or of the empty slot for it. *ret_found: the entry is equal. */
uint32_t slots_seek(const struct slots *slots, const struct place *place, bool *ret_found);
/* First occupied position at or after `position` and before `end`; false: none. */
bool slots_next(const struct slots *slots, uint32_t position, uint32_t end, uint32_t *ret_position);
/* `position` is the answer of slots_seek for this record's place. */
void slots_insert(struct slots *slots, uint32_t position, uint64_t hash, struct record *record);
void slots_replace(struct slots *slots, uint32_t position, struct record *record); /* same key elsewhere in memory */
void slots_remove(struct slots *slots, uint32_t position);
/* Forgets everything below `position` (moved elsewhere) and frees whole chunks of it. */
void slots_advance(struct slots *slots, uint32_t position);
/* Smallest hash whose home is `position` or later; `position` below the capacity. */
uint64_t slots_bound(const struct slots *slots, uint32_t position);
void slots_prefetch(const struct slots *slots, uint32_t position);
void slots_fetch(const struct slots *slots, uint64_t hash);             /* the cache line of the hash's home */
void slots_fetch_record(const struct slots *slots, uint64_t hash);      /* the record that most likely has this hash */
/* Aborts unless order, homes, tags and runs are sound, all hashes in [low, high]; returns the entries. O(n). */
uint64_t slots_holds(const struct slots *slots, uint64_t low, uint64_t high);

#endif
