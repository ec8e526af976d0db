/* Which keys of a table expire when: an index beside the table, so that entries without expiry cost nothing.
 *
 * Shape: a binary heap by (due, key) and an index by key. Copies keys. Single threaded; time is log time, given by the
 * caller. The order depends only on the content, not on earlier changes. */
#ifndef GRID_STORE_EXPIRY_H
#define GRID_STORE_EXPIRY_H

#include "grid/base/bytes.h"

struct expiry;

struct expiry *expiry_open(uint64_t seed);
void expiry_close(struct expiry *expiry);                          /* NULL is allowed */
void expiry_set(struct expiry *expiry, struct bytes key, uint64_t due_ms);     /* adds, or moves */
bool expiry_remove(struct expiry *expiry, struct bytes key);       /* false: was not there */
bool expiry_find(const struct expiry *expiry, struct bytes key, uint64_t *ret_due_ms);
/* The first in order; the key is borrowed until the next change. False: empty. */
bool expiry_first(const struct expiry *expiry, struct bytes *ret_key, uint64_t *ret_due_ms);
uint64_t expiry_count(const struct expiry *expiry);
uint64_t expiry_indexed(const struct expiry *expiry);              /* keys of the index: expiry_count, but while it is discarded */
uint64_t expiry_count_due(const struct expiry *expiry, uint64_t now_ms);       /* takes time in proportion to the result */
uint64_t expiry_memory_bytes(const struct expiry *expiry);
/* Frees up to `count_max` keys of an index that is not used any more; true when none is left. */
bool expiry_discard(struct expiry *expiry, size_t count_max);
uint64_t expiry_digest(const struct expiry *expiry);               /* of the content; O(n) */
void expiry_holds(const struct expiry *expiry);                    /* O(n) */

#endif
