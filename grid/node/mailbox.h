/* The one way of messages between partitions: letters to the replicas of a loop, given out at the end of the iteration.
 *
 * Code of a partition never touches the replica of another one, not even on the same node: it posts a letter. Frames of peers become
 * letters too. A letter may be lost, as a frame may: the sender of messages says everything again that was not answered.
 *
 * Threads: a mailbox belongs to the loop whose replicas it serves. mailbox_open, mailbox_close and `deliver` are of that loop alone.
 * mailbox_post and mailbox_rewind are all that other partitions use, and they only put something into the queue, so that they are
 * the calls that partitions of other loops may make once there are several; today a node has one loop, and they take no lock.
 * `deliver` is called from the loop, never from inside a call made here, and may post.
 *
 * Order: letters come in the order in which they were posted, then a rewind that was asked for meanwhile. */
#ifndef GRID_NODE_MAILBOX_H
#define GRID_NODE_MAILBOX_H

#include "grid/base/bytes.h"
#include "grid/base/ids.h"
#include "grid/io/clock.h"

enum letter_kind {
    LETTER_MESSAGES,                   /* a part of an outbox, for the partition at its other end */
    LETTER_ANSWER,                     /* what that one has applied of it */
    LETTER_REWIND,                     /* to all: a link came up or a leader changed, unanswered messages are to be sent again */
};

struct letter {
    enum letter_kind kind;
    uint32_t to;                       /* partition */
    uint32_t from;                     /* partition: of the outbox, or that answers */
    struct node_id node;               /* messages: gets the answer */
    uint32_t incarnation;              /* messages: of the partition of the outbox */
    uint64_t first, last;              /* messages: their sequences, without a gap */
    uint64_t applied;                  /* answer: the newest that was applied */
    bool gap;                          /* answer: something beyond it came and was dropped */
    struct bytes command;              /* messages: encoded Deliver command */
};

struct mailbox_options {
    struct clock *clock;
    void *context;
    void (*deliver)(void *context, const struct letter *letter);   /* borrowed for the call */
};

struct mailbox;

struct mailbox *mailbox_open(const struct mailbox_options *options);
/* Letters that wait are lost. */
void mailbox_close(struct mailbox *mailbox);
/* Copies the letter. False: MAILBOX_BYTES_MAX wait already; the letter is lost. */
bool mailbox_post(struct mailbox *mailbox, const struct letter *letter);
/* Never lost; one letter for all that ask before it is given out. */
void mailbox_rewind(struct mailbox *mailbox);

#endif
