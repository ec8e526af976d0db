/* The transfers of a node over its links: at most one to each member and one from each (transfer.h).
 *
 * Frames SNAPSHOT_BYTES and SNAPSHOT_WANT go only to members that have the feature `snapshots`. A chunk is sent only while less than a chunk waits on
 * the link, so frames of other groups wait for one chunk at most. When a link ends, the transfer to that member ends with UNAVAILABLE; what it received stays
 * on its disk, and the next transfer goes on there.
 *
 * Borrows everything in the options. Opened before peers_start. Single threaded. */
#ifndef RAFT_SNAPSHOT_TRANSFERS_H
#define RAFT_SNAPSHOT_TRANSFERS_H

#include "raft/peers/peers.h"
#include "raft/snapshot/transfer.h"

struct transfers;

struct transfers_options {
    struct peers *peers;
    struct clock *clock;
    struct storage *storage;
    struct snapshot_files *files;
    uint64_t owner;                           /* of this node's log */
    uint32_t groups;                          /* frames of groups from this number on are malformed */
    uint64_t bytes_per_second;                /* to one member; 0: as fast as the link takes it */
    /* A file is offered. True: this node has all of it already and has told the leader; nothing is sent, and no disk is touched, which may be full. NULL: none is. */
    bool (*known)(void *context, struct node_id from, const struct transfer_what *what);
    /* A file is whole and durable here; `from` was the leader of `leader_term`. The head is borrowed for the call. */
    void (*complete)(void *context, struct node_id from, uint64_t leader_term, const struct snapshot_head *head);
    /* A transfer that this node began has ended; another one may begin. Errors as transfer_sender_options.ended, and UNAVAILABLE. */
    void (*ended)(void *context, struct node_id to, uint32_t group, uint64_t index, enum grid_err err);
    void (*failed)(void *context, enum grid_err err);                         /* as transfer_receiver_options.failed */
    void *context;
};
/* Since it was opened. */
struct transfers_counts { uint64_t sent_bytes, received_bytes, begun, resumed; };
struct transfers_counts transfers_counts(const struct transfers *transfers);

struct transfers *transfers_open(const struct transfers_options *options);
/* No callback comes after it. The storage must complete what is in flight. */
void transfers_close(struct transfers *transfers);
/* Begins to send a whole file. False: one is under way to this member, or the link is down or lacks the feature. */
bool transfers_send(struct transfers *transfers, struct node_id to, uint32_t group, uint64_t leader_term, uint64_t index);
/* Ends the transfer of the group to this member, if there is one; `ended` is not called. */
void transfers_stop(struct transfers *transfers, struct node_id to, uint32_t group);
/* Bytes that the member has written of what is sent to it, and of how many; false: nothing is. */
bool transfers_progress(const struct transfers *transfers, struct node_id to, uint64_t *ret_written, uint64_t *ret_bytes);
/* Bytes on the disk of what is received. */
uint64_t transfers_received_bytes(const struct transfers *transfers);
bool transfers_sending(const struct transfers *transfers, struct node_id to);
void transfers_tick(struct transfers *transfers);                             /* every 50 ms or so */

#endif
