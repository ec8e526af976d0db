/* Idempotency keys of a partition (R3): answers to requests that any client may repeat, in any session.
 *
 * A key is (tenant, route, key). The first command with it is executed; a repeat with the same hash of the request gets
 * the same bytes, one with another hash is refused (I12). Keys are removed in the order in which they were added, by log time, count and
 * bytes (RETENTION_KEYS in grid/partition/settings.h). All of it follows from the log alone.
 *
 * Copies; answers are borrowed until the next change. Single threaded. */
#ifndef GRID_PARTITION_SESSIONS_IDEMPOTENCY_H
#define GRID_PARTITION_SESSIONS_IDEMPOTENCY_H

#include "grid/partition/component.h"
#include "grid/wire/messages/message.h"

struct idempotency_keys;

enum idempotency_verdict {
    IDEMPOTENCY_NEW,                   /* execute it, then idempotency_keep */
    IDEMPOTENCY_REPEATED,              /* *ret_answer is the first answer */
    IDEMPOTENCY_NOT_KEPT,              /* executed; the answer was too large to keep */
    IDEMPOTENCY_OTHER,                 /* the key belongs to another request */
};

struct idempotency_keys *idempotency_open(void);
void idempotency_close(struct idempotency_keys *keys);
enum idempotency_verdict idempotency_find(const struct idempotency_keys *keys, const struct idempotency *wanted,
                                          struct bytes *ret_answer);
/* Keeps the answer of a command for which idempotency_find returned IDEMPOTENCY_NEW. `seed` (the partition's) is used when the index is
 * created. idempotency_trim comes after it. */
void idempotency_keep(struct idempotency_keys *keys, const struct idempotency *key, struct bytes answer,
                      uint64_t now_ms, uint64_t seed);
/* Removes at most `count_max` keys that are too old, or too many in count or bytes; returns how many. */
size_t idempotency_trim(struct idempotency_keys *keys, const struct retention_limits *limits, uint64_t now_ms, size_t count_max);

uint64_t idempotency_count(const struct idempotency_keys *keys);
/* When the oldest may go; 0: now, because of count or bytes; false: never. */
bool idempotency_next_due_ms(const struct idempotency_keys *keys, const struct retention_limits *limits, uint64_t *ret_due_ms);
/* How many keys are kept, their bytes, and the log time of the oldest (0 without keys). */
void idempotency_kept(const struct idempotency_keys *keys, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms);
uint64_t idempotency_digest(const struct idempotency_keys *keys);
void idempotency_holds(const struct idempotency_keys *keys);

/* Frozen in constant time: a key never changes, and one that is forgotten is kept until it is written. */
extern const struct component idempotency_component;

#endif
