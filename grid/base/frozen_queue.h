/* What a first-in first-out queue was when it was frozen, while it goes on: records are appended behind it and leave at its
 * front. For queues whose records never change, so that a snapshot needs no copy of them.
 *
 * Shape: a record that leaves before it was passed is moved here ("early") with all that it owns; the others stay in the
 * queue. All zero: nothing is frozen; then a record that leaves costs one comparison. Single threaded. */
#ifndef GRID_BASE_FROZEN_QUEUE_H
#define GRID_BASE_FROZEN_QUEUE_H

#include "grid/base/bytes.h"

struct frozen_queue {
    size_t live, passed;               /* frozen records at the queue's front; the first of them that were passed */
    struct buffer early;               /* records that left the queue, oldest first */
    size_t early_at;                   /* bytes of `early` that were passed */
};

static inline void frozen_queue_begin(struct frozen_queue *frozen, size_t count)
{
    REQUIRE(frozen->live == 0 && frozen->early.data == NULL);
    frozen->live = count;
}

/* A record of `size` bytes leaves at the front. True: it belongs to the frozen queue now, and the caller must not free it. */
static inline bool frozen_queue_takes(struct frozen_queue *frozen, const void *record, size_t size)
{
    if (frozen->live == 0)
        return false;
    frozen->live--;
    if (frozen->passed == 0) {
        buffer_append(&frozen->early, bytes_of(record, size));
        return true;
    }
    frozen->passed--;
    return false;
}

/* The next frozen record: true with a record that left the queue, or with NULL and its place in the queue. False: no more. */
static inline bool frozen_queue_next(const struct frozen_queue *frozen, void **ret_record, size_t *ret_place)
{
    bool early = frozen->early_at < frozen->early.size;
    *ret_record = early ? frozen->early.data + frozen->early_at : NULL;
    *ret_place = frozen->passed;
    return early || frozen->passed < frozen->live;
}

/* Frozen records, of `size` bytes, that were not passed yet. */
static inline size_t frozen_queue_left(const struct frozen_queue *frozen, size_t size)
{
    return frozen->live - frozen->passed + (frozen->early.size - frozen->early_at) / size;
}

/* Passes the record that frozen_queue_next gave. One that left the queue is the caller's, to free what it owns. */
static inline void frozen_queue_pass(struct frozen_queue *frozen, size_t size)
{
    if (frozen->early_at < frozen->early.size) {
        frozen->early_at += size;
        if (frozen->early_at == frozen->early.size)
            frozen->early_at = frozen->early.size = 0;
    } else {
        frozen->passed++;
    }
}

/* Nothing is frozen any more. The caller has freed what early records own that were not passed. */
static inline void frozen_queue_end(struct frozen_queue *frozen)
{
    buffer_close(&frozen->early);
    *frozen = (struct frozen_queue){0};
}

#endif
