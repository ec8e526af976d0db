/* One partition on this node: its group, its state, and the stages that commands and reads pass.
 *
 * The only file that knows the order of stages: admit -> pack -> stamp -> propose -> (majority) -> apply -> answer ->
 * outbox, activities, timers -> which come back in at the top as commands.
 *
 * Everything that arrives in one loop iteration for a partition leaves as one packed entry (D4). Reads of one iteration
 * share one read index. Owned by the node; single threaded. */
#ifndef GRID_NODE_REPLICA_REPLICA_H
#define GRID_NODE_REPLICA_REPLICA_H

#include "grid/base/prng.h"
#include "grid/delivery/activity_runner.h"
#include "grid/delivery/outbox_sender.h"
#include "grid/io/io.h"
#include "grid/node/mailbox.h"
#include "grid/node/replica/admission.h"
#include "grid/node/replica/log_time.h"
#include "grid/node/replica/state_digests.h"
#include "grid/partition/partition.h"
#include "raft/group.h"

struct memory_fullness;
struct observer;
struct replica;

/* The receiver of the answer to a command or a read. Plain value; the receiver is checked when the answer is delivered. */
struct waiter {
    enum waiter_kind { WAITER_NONE, WAITER_CLIENT, WAITER_LINK, WAITER_ACTIVITY, WAITER_TICK, WAITER_REGISTER, WAITER_ACKNOWLEDGE } kind;
    bool is_read;                      /* client: the request can be repeated without harm */
    bool knows_memory_full;            /* client: of a version that has this error */
    uint32_t slot;                     /* client: slot; link: node that sent */
    union { uint32_t source, bytes; }; /* link: source partition; client: size of the request */
    uint64_t generation;               /* client: generation of the slot */
    uint64_t request;                  /* client: request id; activity: its id */
};

struct replica_counters {
    struct metric_counter *commands, *entries, *reads, *log_full, *disk_full, *memory_full, *member_memory_full, *in_flight_full, *not_admitted, *not_leader, *dropped, *ticks, *messages_sent,
        *messages_received, *messages_duplicate, *messages_gap, *messages_refused, *links_stopped, *letters_lost, *acks, *activities_answered, *activities_postponed;
    struct metric_histogram *commit_us, *read_us;
};

/* Shared by all replicas of a node; borrowed. */
struct replica_shared {
    struct io *io;
    struct logger *logger;
    struct prng *prng;
    struct destination *destinations;  /* where activities run */
    size_t destinations_count;
    struct replica_counters *counters;
    struct observer *observer;
    struct group_set *groups;
    const struct member_clocks *clocks;
    const struct memory_fullness *memory;
    struct partition_reads *partition_reads;   /* counts gets and hits of all of them */
    struct partition_scratch *partition_scratch;   /* of all of them */
    struct node_id self;
    struct uuid cluster_uuid;          /* and the number of partitions: a first entry must match both */
    uint32_t partitions;
    bool takes_snapshots;
    uint32_t level_most;               /* feature level that this version supports */
    uint64_t load_max;                 /* of one partition (admission.h) */
    void *context;                     /* of the callbacks below */
    void (*answer)(void *context, const struct waiter *waiter, uint32_t partition, struct bytes response);
    void (*genesis_encode)(void *context, uint64_t table_seed, struct buffer *out);
    /* Sends node `to` an answer for the partition letter->to. */
    void (*answer_messages)(void *context, struct node_id to, const struct letter *letter);
    /* Sends encoded messages to the leader of letter->to; letter->command is still empty. False: no leader is known. */
    bool (*send_messages)(void *context, const struct letter *letter, const struct bytes *messages, size_t count);
    /* Whether the partition's level allows what other partitions send; what it does not waits until this one is raised too. */
    bool (*allow)(void *context, uint32_t partition, struct bytes command);
    /* Messages of an older restore epoch came, from before `known`: tells operators. */
    void (*epoch_refused)(void *context, const struct letter *letter, uint32_t known);
    /* Messages to a destination have stopped (outbox_sender.h): tells operators. */
    void (*link_stopped)(void *context, uint32_t source, const struct outbox_link *link, uint64_t applied);
    void (*role_changed)(void *context, uint32_t partition);
    /* Whether this node supports the entry; if not, the replica stops before it (group_machine.admit). */
    bool (*admit)(void *context, uint32_t partition, uint64_t index, struct bytes entry);
    void (*fatal)(void *context, enum grid_err err, const char *what);
};

struct replica *replica_open(struct replica_shared *shared, struct partition_id id, const struct service_registry *services);
void replica_close(struct replica *replica);
struct partition *replica_partition(const struct replica *replica);
struct group *replica_group(const struct replica *replica);
/* A snapshot is taken soon, with snapshot.bytes 0 too. False: the partition's feature level has none. */
bool replica_ask_snapshot(struct replica *replica);
/* How old the state in the newest snapshot is; 0 before the first snapshot. After a start the age is measured from the log time in the snapshot. */
uint64_t replica_snapshot_age_ms(struct replica *replica);
size_t replica_links_stopped(const struct replica *replica);      /* to other partitions, while it leads */
bool replica_leads(const struct replica *replica);                /* leader, ready to serve */
struct log_time *replica_log_time(struct replica *replica);
void replica_log_time_known(struct replica *replica);             /* a member has answered: checks whether the replica can serve now */

/* A client's command, encoded and checked; copied. Answers at once with an error or later with the result. */
void replica_command(struct replica *replica, struct bytes command, struct admission_needs needs, const struct waiter *waiter);
/* A linearizable read; the query is copied. */
void replica_query(struct replica *replica, struct bytes query, const struct waiter *waiter);
/* What the mailbox has for this partition (mailbox.h). */
void replica_letter(struct replica *replica, const struct letter *letter);
/* Proposes that the led partition has these services from there on, unless such a proposal is under way. */
void replica_register(struct replica *replica, const uint32_t *numbers, size_t count);
/* Called by the node every TICK_MS: timers, resends, acknowledgements without another entry. */
void replica_tick(struct replica *replica);

const struct state_digests *replica_digests(const struct replica *replica);

#endif
