/* Sends a partition's outbox to its destinations while this node leads the partition (R4, R10).
 *
 * A gap that cannot be filled stops that link only (R4): for OUTBOX_STUCK_US the destination says that it lacks messages which
 * it acknowledged before and which the outbox has removed, or that it has applied more than was ever written. One of the two partitions has lost
 * state, and sending more would lose messages or apply them twice. The host is told once. Another leader, or a correct answer,
 * starts the link again.
 *
 * There is one sender per partition that this node leads. For each destination it knows the last sent and the last applied message;
 * it sends new messages in windows. It goes back to the last applied message after an answer with a gap, after RESEND_US without
 * progress, or after outbox_sender_rewind. It acknowledges nothing itself: it collects answers, and the
 * owner proposes them as Acknowledge commands with the next entry, or alone after ACK_DELAY_US.
 *
 * The host below stands for the partition and the network; borrowed. `send` may call outbox_sender_answer before it returns. Single
 * threaded; time is an argument. */
#ifndef GRID_DELIVERY_OUTBOX_SENDER_H
#define GRID_DELIVERY_OUTBOX_SENDER_H

#include "grid/base/bytes.h"

enum {
    OUTBOX_WINDOW_MESSAGES = 1024,     /* sent and not yet applied, per pair */
    OUTBOX_BATCH_BYTES = 64 * 1024,    /* of one Deliver command */
    OUTBOX_RESEND_US = 500 * 1000,
    OUTBOX_ACK_DELAY_US = 50 * 1000,
    OUTBOX_STUCK_US = 10 * 1000 * 1000, /* for so long only impossible answers: the link stops */
};

struct outbox_link;

struct outbox_host {
    void *context;
    void (*destinations)(void *context, void (*each)(void *sender, uint32_t destination, uint64_t first, uint64_t last), void *sender);
    size_t (*read)(void *context, uint32_t destination, uint64_t sequence, size_t bytes_max,
                   void (*each)(void *batch, uint64_t sequence, struct bytes message), void *batch);
    /* Sends `count` encoded messages, numbered from `first`, to the destination's leader; false: no leader is known, or the link is down. */
    bool (*send)(void *context, uint32_t destination, uint64_t first, const struct bytes *messages, size_t count);
    /* The link has stopped: the destination says that it has applied `applied`. May be NULL. */
    void (*stopped)(void *context, const struct outbox_link *link, uint64_t applied);
};

struct outbox_link {
    uint32_t destination;
    uint64_t last;                     /* newest message in the outbox */
    uint64_t sent;                     /* newest sent in this round */
    uint64_t applied;                  /* newest that the destination has applied, by its answers */
    uint64_t acknowledged;             /* newest proposed as Acknowledge */
    uint64_t first_applied;            /* `applied` at the start of the link: nothing below needs an acknowledgement */
    uint64_t moved_us;                 /* when `sent` or `applied` last grew */
    uint64_t oldest;                   /* oldest message in the outbox: everything below it was acknowledged */
    uint64_t stuck_us, stuck_last_us;  /* times of the first and the last of consecutive impossible answers; 0: none */
    bool stopped;                      /* the destination lacks messages that the outbox has removed (R4): a person must look */
};

struct outbox_sender {
    const struct outbox_host *host;
    struct outbox_link *links;         /* sorted by destination */
    size_t count, capacity;
    uint64_t now_us;                   /* of the present round */
    uint64_t ack_since_us;             /* oldest answer not yet proposed; 0: none */
};

void outbox_sender_init(struct outbox_sender *sender, const struct outbox_host *host);
void outbox_sender_close(struct outbox_sender *sender);            /* leadership ended: forgets everything */
/* Sends new messages of the outbox, as far as the windows allow. */
void outbox_sender_run(struct outbox_sender *sender, uint64_t now_us);
/* The destination has applied everything up to `applied`; `gap`: it received a message after applied + 1 and dropped it. */
void outbox_sender_answer(struct outbox_sender *sender, uint32_t destination, uint64_t applied, bool gap, uint64_t now_us);
/* A link or a leader changed: sends everything again that is not applied. */
void outbox_sender_rewind(struct outbox_sender *sender);
/* Takes the answers that are not yet proposed: calls `each` with (destination, applied). Returns how many. */
size_t outbox_sender_take_acks(struct outbox_sender *sender, void (*each)(void *context, uint32_t destination, uint64_t applied), void *context);
/* The answers that were taken did not get into the log: they can be taken again. */
void outbox_sender_repeat_acks(struct outbox_sender *sender, uint64_t now_us);
bool outbox_sender_ack_due(const struct outbox_sender *sender, uint64_t now_us);
/* True while messages wait for an answer: the owner must run the sender again in time. */
bool outbox_sender_waiting(const struct outbox_sender *sender);
size_t outbox_sender_stopped(const struct outbox_sender *sender); /* number of stopped links */
void outbox_sender_holds(const struct outbox_sender *sender);

#endif
