/* Frames that wait for the log: a group sends them once its term and vote are durable.
 *
 * For each group and member, the latest frame of each kind is kept: it contains everything that an earlier one contained.
 * A frame of a newer term replaces all older ones for the same member, because the member would ignore those. So
 * groups x members x kinds bound the memory, no matter how long the disk takes and how often terms change.
 *
 * Shape: one row for each group that holds anything, in the order in which the log becomes durable; a row is found by the
 * number of its group. Frames of a group leave together, when the newest term and vote that any of them depends on are
 * durable. Dropping a frame is always safe: the network may lose it as well.
 *
 * Ownership: a frame is written into the slot's own buffer; rows and buffers are used again. Single threaded. */
#ifndef RAFT_GROUPS_HELD_H
#define RAFT_GROUPS_HELD_H

#include "grid/base/bytes.h"
#include "grid/base/limits.h"

enum held_kind {
    HELD_REQUEST,                 /* a RequestVote, or another request */
    HELD_VOTE,                    /* the answer to a request for votes */
    HELD_RESULT,                  /* the answer to an AppendEntries */
    HELD_CONFIRM,                 /* the answer to a confirmation of a read */
    HELD_KINDS,
};

struct held_key {
    uint32_t group;
    size_t member;                /* position, below REPLICAS_MAX */
    enum held_kind kind;
};

struct held_row;

struct held {
    struct held_row **by_group;   /* NULL: the group holds nothing */
    uint32_t groups;
    struct held_row *first, *last;            /* ascending by lsn */
    struct held_row *idle;
    uint32_t idle_count;
    size_t frames;                /* held now */
};

/* Sends a whole frame, which is borrowed for the call. Must not call back into `held`. */
typedef void (*held_send_fn)(void *context, size_t member, struct bytes frame);

void held_init(struct held *held, uint32_t groups);
void held_close(struct held *held);
/* The empty buffer for a frame of `term` that must not leave before the log is durable up to `lsn`; the caller writes the
 * frame before it calls anything else here. Replaces the frame with the same key. The lsn of a group never decreases. */
struct buffer *held_put(struct held *held, struct held_key key, uint64_t term, uint64_t lsn);
/* Sends, and forgets, everything that waits for a position up to `durable`. */
void held_release(struct held *held, uint64_t durable, held_send_fn send, void *context);
/* Drops the frames for a member. */
void held_drop(struct held *held, size_t member);
size_t held_frames(const struct held *held);
bool held_holds(const struct held *held);

#endif
