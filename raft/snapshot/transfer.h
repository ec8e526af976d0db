/* A snapshot file goes from a leader to a member that lacks it: one sender at the leader, one receiver at the member, for each pair of nodes
 * and direction; each carries one file at a time.
 *
 * The sender offers the file. The receiver answers with the offset from which it wants it: 0, or what an earlier attempt left, even before a restart. Then
 * chunks flow: at most TRANSFER_WINDOW_BYTES beyond what the receiver has written, no more than the rate, and only while the link has room, so that
 * frames of other groups wait for one chunk at most. The receiver writes verified bytes only (snapshot_format.h), with this node's owner in the head,
 * to "snap-....recv"; when the end record and the offered hash match, the file is synced and renamed, and `complete` says so.
 *
 * Messages may be lost, repeated and reordered: a sender without an answer offers again, a receiver with a gap asks again. Neither touches the network:
 * `send` gets the message. Time is an argument. Single threaded. Only `ended`, `complete` and `failed` may
 * close the object that calls them. The storage must still complete what is in flight
 * after a close. */
#ifndef RAFT_SNAPSHOT_TRANSFER_H
#define RAFT_SNAPSHOT_TRANSFER_H

#include "grid/io/storage.h"
#include "raft/snapshot/snapshot_file.h"

enum {
    TRANSFER_CHUNK_BYTES = 64 * 1024,
    TRANSFER_WINDOW_BYTES = 8 * TRANSFER_CHUNK_BYTES,
    TRANSFER_RETRY_US = 500 * 1000,           /* without progress for so long the sender offers again */
    TRANSFER_ATTEMPTS_MAX = 3,                /* of a file that turns out to be damaged; then the receiver refuses it */
};

/* Which snapshot. Equal hashes are equal content (docs/formats/snapshot.md). */
struct transfer_what {
    uint32_t group;
    uint64_t leader_term;                     /* of the leader that sends it */
    uint64_t index, term;                     /* of the last entry in it */
    uint64_t file_bytes, hash;
};

/* From the sender. Without data: an offer. */
struct transfer_bytes { struct transfer_what what; uint64_t offset; struct bytes data; };

enum transfer_answer {
    TRANSFER_START = 1,                       /* send from `offset` on */
    TRANSFER_WRITTEN = 2,                     /* everything before `offset` is written */
    TRANSFER_DONE = 3,                        /* the file is whole and durable */
    TRANSFER_FULL = 4,                        /* no room on the disk; try again later */
    TRANSFER_REFUSED = 5,                     /* the content is damaged or not what was offered, again and again; or the receiver's disk failed */
    TRANSFER_ANSWERS,
};
/* From the receiver. */
struct transfer_want { uint32_t group; uint64_t index, hash; enum transfer_answer answer; uint64_t offset; };

/* ---- the leader's side */

/* What the rate allows now. It outlives a sender, so that many small files one after another are neither faster nor slower than a large one. */
struct transfer_budget { uint64_t millionths, filled_us; };

struct transfer_sender;

struct transfer_sender_options {
    struct storage *storage;
    struct snapshot_files *files;             /* the file is pinned from open to the end */
    uint32_t group;
    uint64_t leader_term, index;
    uint64_t bytes_per_second;                /* 0: as fast as the link takes it */
    struct transfer_budget *budget;           /* of the sender before to the same member; kept by the caller. NULL: an empty one */
    void (*send)(void *context, const struct transfer_bytes *bytes);
    bool (*room)(void *context);              /* whether the link takes a chunk now; asked again at every tick and answer */
    /* Once, unless closed before. OK: the receiver has the file. NO_SPACE: at the receiver. REFUSED; CORRUPT, IO, NOT_FOUND: the own file. Close it then. */
    void (*ended)(void *context, enum grid_err err);
    void *context;
};

struct transfer_sender *transfer_sender_open(const struct transfer_sender_options *options, uint64_t now_us);
void transfer_sender_close(struct transfer_sender *sender);
void transfer_sender_answer(struct transfer_sender *sender, const struct transfer_want *want, uint64_t now_us);
void transfer_sender_tick(struct transfer_sender *sender, uint64_t now_us);   /* every 50 ms or so */
uint64_t transfer_sender_written(const struct transfer_sender *sender);       /* bytes that the receiver has written */
uint64_t transfer_sender_bytes(const struct transfer_sender *sender);         /* of the file; 0: not known yet */

/* ---- the member's side */

struct transfer_receiver;

struct transfer_receiver_options {
    struct storage *storage;
    uint64_t owner;                           /* of this node's log: takes the place of the sender's in the head */
    void (*send)(void *context, const struct transfer_want *want);
    /* The file is whole and durable under its name. `head` is borrowed for the call. Comes again for the same file if the leader offers it again after it
     * was told DONE: what the member told it otherwise was lost, or the member dropped the file. */
    void (*complete)(void *context, uint64_t leader_term, const struct snapshot_head *head);
    /* A write failed with something else than a full disk: the node stops, as after any failed write. */
    void (*failed)(void *context, enum grid_err err);
    void *context;
};

struct transfer_receiver *transfer_receiver_open(const struct transfer_receiver_options *options);
/* What was received stays on the disk for the next attempt. */
void transfer_receiver_close(struct transfer_receiver *receiver);
/* Whether it is receiving a snapshot of the group, or its disk still works on one. */
bool transfer_receiver_works_on(const struct transfer_receiver *receiver, uint32_t group);
uint64_t transfer_receiver_written(const struct transfer_receiver *receiver); /* bytes of what it receives that are on the disk */
uint64_t transfer_receiver_term(const struct transfer_receiver *receiver);    /* of the leader that sends */
/* Another node sends this group now: rests as soon as what is in flight is done, and says nothing more. What was received stays, for the other to
 * continue. A file that is just being renamed still becomes complete. */
void transfer_receiver_leave(struct transfer_receiver *receiver);
/* Another snapshot than before takes its place: what was received of that one is removed. */
void transfer_receiver_bytes(struct transfer_receiver *receiver, const struct transfer_bytes *bytes);

#endif
