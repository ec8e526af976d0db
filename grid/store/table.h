/* The core table: byte keys to byte values, open addressing, ordered by hash, resized in small steps.
 *
 * Shape: slots are kept in the order of (hash, key) — Robin Hood linear probing on the high bits of the hash, without
 * wrap-around (Celis 1986) — so the slots have a canonical order that depends only on content and seed:
 * equal on all replicas, unchanged by a resize and a change of leader. A resize moves a few slots per operation behind
 * a watermark: hashes below it are in the new array, the others in the old one.
 *
 * Ownership: copies keys and values. Entries are borrowed until the next change of the table. Single threaded.
 * Limits: the caller checks KEY_BYTES_MAX and VALUE_BYTES_MAX; 2^32 - 1 entries. No time, no randomness. */
#ifndef GRID_STORE_TABLE_H
#define GRID_STORE_TABLE_H

#include "grid/base/bytes.h"

struct table;

struct table_entry {
    struct bytes key, value;           /* borrowed */
    uint64_t version;                  /* commit counter of the last write */
    uint64_t hash;
};

/* Called before the first overwrite or removal of an entry since table_epoch_begin, and never twice for one entry in
 * an epoch: the hook for snapshots without a pause (D12). */
typedef void (*table_pre_image_fn)(void *context, const struct table_entry *old);

struct table *table_open(uint64_t seed);
void table_close(struct table *table);
bool table_find(const struct table *table, struct bytes key, struct table_entry *ret_entry);
/* Writes; returns true when the key was not there before. */
bool table_set(struct table *table, struct bytes key, struct bytes value, uint64_t version);
bool table_remove(struct table *table, struct bytes key);          /* false: was not there */
/* Prefetches memory for a key that will be read or written soon, in two steps with other work between them: first its slot,
 * then its record. table_hash gives the argument of both. */
uint64_t table_hash(const struct table *table, struct bytes key);
void table_fetch_slot(const struct table *table, uint64_t hash);
void table_fetch_record(const struct table *table, uint64_t hash);
uint64_t table_count(const struct table *table);
bool table_resizing(const struct table *table);                    /* it grows: some entries are still at their old places */
uint64_t table_seed(const struct table *table);
uint64_t table_memory_bytes(const struct table *table);            /* slots and records, as requested from the heap */

/* Bytes of the records alone: depends only on the content, so that replicas may decide by it. */
uint64_t table_record_bytes(const struct table *table);
/* Bytes of the record that this key and value take. */
uint64_t table_record_size(size_t key_size, size_t value_size);
/* Gives an empty table the capacity for so many entries; it does not shrink below it until table_settle. Entries that are written
 * in canonical order need it: they would pile up at one end of a smaller array. */
void table_reserve(struct table *table, uint64_t entries);
void table_settle(struct table *table);
/* Frees up to `count_max` entries of a table that is not used any more, from its front; true when none is left. */
bool table_discard(struct table *table, size_t count_max);

/* Next entry in canonical order after (hash, key), or the first when key.size is 0 and hash 0. False at the end.
 * The position stays valid across all changes: it is compared, never dereferenced. */
bool table_next(const struct table *table, uint64_t after_hash, struct bytes after_key, struct table_entry *ret_entry);

/* Starts an epoch; writes to entries older than it report their pre-image once. Epochs do not nest. Takes constant time, unless
 * 65,535 epochs in a row were ended before all their entries were passed. */
void table_epoch_begin(struct table *table, table_pre_image_fn pre_image, void *context);
enum table_step { TABLE_ENTRY, TABLE_END, TABLE_LATER };
/* Next entry in canonical order, from hash *from on, that was neither written in this epoch nor passed. Looks at *visits entries
 * at most, and counts them down; LATER: there may be more. *from moves forward. */
enum table_step table_epoch_next(const struct table *table, uint64_t *from, unsigned *visits, struct table_entry *ret_entry);
/* From now on the entry, given by table_epoch_next and unchanged since, counts as written in this epoch. */
void table_epoch_pass(struct table *table, const struct table_entry *entry);
void table_epoch_end(struct table *table, bool all_passed);

uint64_t table_digest(const struct table *table);                  /* order independent fold of all entries; O(n), for tests */
void table_holds(const struct table *table);                       /* aborts when an invariant is broken; O(n) */

#endif
