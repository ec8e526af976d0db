/* Frames between nodes other than Raft's: messages between partitions, their answers, state digests (docs/formats/peer.md).
 *
 * Everything for a partition goes through the mailbox, whether its frame came from a peer or its sender is on this node. A frame that
 * cannot be decoded, or that names a partition which does not exist, ends its link. A replica whose digest differs from its leader's
 * at the same index has diverged, which is fatal (R17, I15).
 *
 * Ownership: borrows all that its options point to. Single threaded: the loop of the peers. */
#ifndef GRID_NODE_PORTS_LINKS_H
#define GRID_NODE_PORTS_LINKS_H

#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/cluster/partition_map.h"
#include "grid/delivery/outbox_sender.h"
#include "grid/node/mailbox.h"
#include "grid/node/process/settings.h"
#include "grid/node/replica/state_digests.h"
#include "grid/wire/messages/message.h"
#include "raft/peers/peers.h"

struct links_options {
    const struct node_settings *settings;  /* self, members, partitions */
    struct peers *peers;
    struct mailbox *mailbox;
    const struct partition_map *map;
    struct logger *logger;
    struct metric_counter *stopped;        /* counts links that stopped */
    struct metric_counter *lost;           /* counts letters that the mailbox had no room for */
    void *context;
    /* Whether this program can take messages of a member; those that it cannot are lost, and said again. */
    bool (*takes)(void *context, struct node_id from, const struct deliver_command *deliver);
    /* The latest digests of a partition here, and whether its replica leads. */
    const struct state_digests *(*digests)(void *context, uint32_t partition, bool *ret_leads);
    void (*diverged)(void *context, const char *what);
};

struct links;

/* Registers its frames with the peers, which are not started yet. */
struct links *links_open(const struct links_options *options);
void links_close(struct links *links);     /* after the peers */

/* To the leader of letter->to, as this node knows it. False: no leader is known, its link is down, or too much waits for it; nothing
 * was sent. True does not mean that it arrives. */
bool links_send_messages(struct links *links, const struct letter *letter, const struct bytes *messages, size_t count);
/* To node `to`, which asked; lost if its link is down. */
void links_answer_messages(struct links *links, struct node_id to, const struct letter *letter);
/* To all peers: the newest digest of every partition that is led here. */
void links_send_digests(struct links *links);
/* For people: a gap that cannot be filled, or a destination that is ahead (R4). */
void links_stopped(struct links *links, uint32_t source, const struct outbox_link *link, uint64_t applied);
/* For people, once: messages of an older restore epoch came. */
void links_epoch_refused(struct links *links, const struct letter *letter, uint32_t known);

#endif
