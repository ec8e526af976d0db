/* Private to a replica: shared by its sources.
 *
 *     replica.c              the order of the stages, roles, life
 *     replica_entries.c      commands of one iteration leave as one entry; room for those of clients
 *     replica_reads.c        reads of one iteration share one read index; reads that wait for a record
 *     replica_messages.c     messages of and to other partitions
 *     replica_activities.c   activities of the led partition
 *     replica_answers.c      errors
 *     backup/                backups of the led partition, and what follows from a restore
 *
 * Single threaded: all of it runs in the loop of the node. */
#ifndef GRID_NODE_REPLICA_REPLICA_INTERNAL_H
#define GRID_NODE_REPLICA_REPLICA_INTERNAL_H

#include "grid/base/limits.h"
#include "grid/node/fullness.h"
#include "grid/node/ports/inflows.h"
#include "grid/node/replica/admission.h"
#include "grid/node/replica/parked.h"
#include "grid/node/replica/replica.h"
#include "grid/partition/entry.h"

enum { TERMS_KEPT = 4 };

/* The commands of one entry, and the receivers of their answers. */
struct proposal {
    struct replica *replica;
    struct proposal *next;             /* in the list of idle ones */
    struct waiter *waiters;            /* by ordinal */
    uint32_t count, capacity;
    uint64_t since_us;                 /* arrival of the first command */
    uint64_t proposed_us;              /* 0: not timed */
    uint64_t needs;                    /* taken from admission */
    uint64_t bytes;                    /* of its commands */
    uint32_t links;                    /* of its commands, those that move messages between partitions */
};

/* Reads that share one read index. */
struct read_batch {
    struct replica *replica;
    struct read_batch *next;           /* in the list of idle ones */
    struct group_read read;
    struct buffer queries;             /* u32 size, then the query, per waiter */
    struct waiter *waiters;
    uint32_t count, capacity;
    uint64_t since_us;
};

/* Of whom messages were not taken, because a backup holds them back. */
struct missed_link { uint32_t node, source; };

struct replica {
    struct replica_shared *shared;
    struct partition_id id;
    struct group *group;
    struct group_machine machine;
    struct partition *partition;
    bool ready;                        /* leader that has applied its whole log; leads: and that serves */
    bool leads, genesis_checked, genesis_proposed, tick_proposed, register_proposed, activities_left;
    bool refused;                      /* an entry was not accepted by the log: its work is requested again at the tick */
    uint64_t leaderless_since_us;      /* 0: a leader is known */
    uint64_t terms_led[TERMS_KEPT];    /* by term modulo TERMS_KEPT: the terms in which this node led and proposed */
    struct log_time log_time;
    struct admission admission;
    uint64_t in_flight_bytes;          /* of commands packed or proposed here, neither applied nor dropped */
    struct buffer building, scratch;
    struct proposal *open, *idle;
    struct read_batch *reads, *reads_idle;
    uint64_t read_time_ms;             /* log time at which the reads under way are served */
    struct parked parked;              /* reads that wait for a journal's next record */
    uint64_t journal_seen;             /* version of the journals when they were looked at */
    struct deferred flush, leave;      /* one after the other at the end of an iteration; letters are given out between them */
    struct outbox_host outbox_host;
    struct outbox_sender sender;
    uint64_t outbox_seen;
    struct activity_runner *runner;
    uint64_t activity_seen;
    struct inflows inflows;
    struct state_digests digests;
    struct replica_backup *backup;     /* NULL: none is under way */
    uint32_t links_in_flight;          /* Deliver and Acknowledge, packed or proposed here, neither applied nor dropped */
    bool links_held;                   /* none of them is packed: a backup waits for the others */
    void (*links_settled)(struct replica *replica);    /* called when none of them is in flight, while they are held; NULL: nobody waits */
    struct missed_link *missed;        /* whose messages came meanwhile */
    size_t missed_count, missed_capacity;
    uint64_t restored;                 /* partition_restored, as of the last entry */
    bool snapshot_asked;               /* it is taken even on a node that takes none by itself */
    uint64_t loaded_time_ms;           /* log time of the state that was loaded last; 0: none was */
    uint32_t loading_level;            /* of a snapshot that is too new for this version; 0: it is not */
};

static inline void replica_schedule(struct replica *replica)
{
    clock_defer(replica->shared->io->clock, &replica->flush);
}

static inline uint64_t replica_now_us(const struct replica *replica)
{
    return clock_now_us(replica->shared->io->clock);
}

static inline struct log_time_now replica_clocks(const struct replica *replica)
{
    struct clock *clock = replica->shared->io->clock;
    return (struct log_time_now){replica->shared->clocks, clock_now_us(clock), clock_wall_ms(clock)};
}

static inline uint64_t replica_log_time_ms(struct replica *replica)
{
    struct log_time_now now = replica_clocks(replica);
    return log_time_read(&replica->log_time, &now);
}

/* ---- replica_answers.c: only to clients; other receivers repeat their requests */
void replica_answer_refusal(struct replica *replica, const struct waiter *waiter, const struct response *response);
void replica_answer_error(struct replica *replica, const struct waiter *waiter, enum grid_err err);
void replica_answer_full(struct replica *replica, const struct waiter *waiter, const struct fullness *fullness);
void replica_answer_all(struct replica *replica, const struct waiter *waiters, uint32_t count, enum grid_err err);

/* ---- replica_entries.c */
/* Puts a command into the open entry; only while the replica leads. */
void replica_pack(struct replica *replica, struct bytes command, uint32_t needs, const struct waiter *waiter);
void replica_pack_own(struct replica *replica, const struct command *command, enum waiter_kind kind, uint64_t id);
void replica_pack_genesis(struct replica *replica);
void replica_propose(struct replica *replica);             /* proposes the open entry */
void replica_proposal_give(struct proposal *proposal);     /* the group has returned it */
void replica_entries_resign(struct replica *replica);      /* refuses the commands of the open entry */
void replica_entries_close(struct replica *replica);

/* ---- replica_reads.c */
void replica_reads_send(struct replica *replica);          /* at the end of the iteration: requests the read index of the open batch */
void replica_serve_parked(struct replica *replica);        /* reads whose record exists or whose time is over */
void replica_reads_resign(struct replica *replica);
void replica_reads_close(struct replica *replica);

/* ---- replica_messages.c */
void replica_messages_open(struct replica *replica);
void replica_pack_acks(struct replica *replica);           /* adds due acknowledgements to the open entry, or proposes them alone */
void replica_messages_send(struct replica *replica);       /* if the outbox has changed since the last check */
void replica_messages_tick(struct replica *replica);
void replica_messages_resign(struct replica *replica);
/* From now on no message is taken and no acknowledgement proposed, until release; `settled` is called, now or later, when none is in flight any more. */
void replica_messages_hold(struct replica *replica, void (*settled)(struct replica *replica));
void replica_messages_release(struct replica *replica);
/* Sends node `to` the last message of `source` that this partition has applied. */
void replica_answer_messages(struct replica *replica, struct node_id to, uint32_t source, bool gap);

/* ---- backup/replica_backup.c */
/* A step of a backup, whose read was confirmed. Answers now, or when messages have come to rest. */
void replica_backup_step(struct replica *replica, const struct backup_query *step, const struct waiter *waiter);
void replica_backup_tick(struct replica *replica);         /* gives up what its client has left */
void replica_backup_resign(struct replica *replica);

/* ---- backup/replica_restored.c */
/* The partition's state was replaced, or it has opened: what was known of it here is out of date. */
void replica_restored(struct replica *replica);

/* ---- replica_snapshots.c: adds its hooks to the machine */
void replica_snapshots_open(struct replica *replica);

/* ---- replica_activities.c */
void replica_run_activities(struct replica *replica);      /* starts new activities */
void replica_activities_again(struct replica *replica);    /* starts all of them again */
void replica_activities_resign(struct replica *replica);

#endif
