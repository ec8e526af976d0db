/* Inside of a node: shared by the sources of this folder only. */
#ifndef GRID_NODE_NODE_INTERNAL_H
#define GRID_NODE_NODE_INTERNAL_H

#include "grid/node/fullness.h"
#include "grid/node/health.h"
#include "grid/node/process/identity.h"
#include "grid/node/mailbox.h"
#include "grid/node/memory_use.h"
#include "grid/node/node.h"
#include "grid/node/ports/clients.h"
#include "grid/node/ports/links.h"
#include "grid/node/replica/observer.h"
#include "grid/node/replica/replica.h"
#include "grid/node/report/clock_skew.h"
#include "grid/node/report/loop_delay.h"
#include "grid/node/report/elections.h"
#include "grid/node/report/log_use.h"
#include "grid/node/report/map_series.h"
#include "grid/cluster/partition_map.h"

enum { SERVICES_WHY_BYTES = 200, SERVICES_SAID_BYTES = 328, WAITS_US = 3 * 1000 * 1000, NODE_TICK_US = 50 * 1000, DIGEST_EVERY_TICKS = 20, SWEEP_EVERY_TICKS = 20 };
_Static_assert(SWEEP_EVERY_TICKS * NODE_TICK_US == CLIENTS_SWEEP_MS * 1000, "the clients' patience is counted in sweeps");

struct service;

/* A stop in order that has begun; see hand_over.c. */
struct hand_over {
    struct timer timer;
    uint64_t until_us;
    bool *given;                       /* by partition: another member was asked to lead it; NULL before it began */
    uint32_t led_count, given_count;
    void (*done)(void *context);
    void *context;
};

/* What is known of the clocks of the other members; see time_exchange.c. */
struct time_peer {
    uint64_t sent_us;                  /* the peer's monotonic time in the last frame heard on this link; 0: none */
    uint64_t heard_us;                 /* the own one when it came */
    bool soon;                         /* waits for a frame from here */
};
struct time_exchange {
    struct member_clocks clocks;
    struct time_peer peers[REPLICAS_MAX];
    bool soon;                         /* all of them do */
};

/* Partitions on their way to the member that should lead them; see balance.c. */
struct balance {
    uint32_t partition;                /* the one that was moved last */
    uint32_t calm_ticks[REPLICAS_MAX]; /* by place among the members: for how long it has been linked */
    uint32_t wait_ticks;
    bool moving;
};

/* Feature levels; see levels.c. */
struct levels {
    uint32_t most;                     /* that this node supports */
    bool at_last[PARTITIONS_MAX];      /* seen at LEVEL_LAST, above which nothing is to be checked */
    char note[160];                    /* why a command is refused; until the next one */
    char newer[200];                   /* what the entry needs at which this node stops; empty: none came */
    struct deferred leave;
};

/* What is known of the services of the program; see services.c. */
struct services_known {
    uint32_t below[SERVICES_MAX];      /* by place in the registry: every partition below this number has it */
    uint64_t *had;                     /* by partition: the last index of the own log at the start */
    char said[SERVICES_SAID_BYTES];    /* which one waits, and why; empty: none does */
    char note[SERVICES_WHY_BYTES + 200];   /* why a command is refused; until the next one */
};

/* Messages that partitions led here do not take yet; see waits.c. */
struct waits {
    uint64_t *seen_us;                 /* by partition: when some came last; 0: never */
    bool said;
};

/* What takes memory; see memory_watch.c. */
enum memory_component { MEMORY_MAPS, MEMORY_LOG, MEMORY_PEERS, MEMORY_CLIENTS, MEMORY_COMPONENTS };
struct memory_watch {
    struct memory_use use;
    struct memory_fullness fullness;
    uint64_t bytes[MEMORY_COMPONENTS];
    uint32_t next;                     /* the partition that is counted next */
    uint64_t counting;                 /* bytes of the partitions before it */
    bool member_full[REPLICAS_MAX];    /* by place among the members, as they have said */
};

/* What operators are told; see report/report.c. */
struct report {
    struct map_series maps;
    uint64_t maps_read_ms;
    struct elections elections;
    struct loop_delay loop;
    struct clock_skew skews[REPLICAS_MAX];     /* by place among the members */
    struct log_use disk, memory;
};

struct node {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;
    const struct node_settings *settings;
    const struct service_registry *services;
    void (*fatal)(void *context, enum grid_err err, const char *what);
    void *context;
    bool failed, started;              /* started: node_open has succeeded with the groups */
    struct identity identity;          /* of the data directory */
    struct manifest *manifest;
    bool rejoin, begins;               /* asked for; the directory was empty */
    uint64_t opened_us, ticks;
    uint64_t features;                 /* that this node has on both ports */
    enum compress_mode compression;
    struct prng prng;
    struct destination *destinations;  /* where activities are run: one per sink */
    size_t destinations_count;
    struct group_set *groups;
    struct peers *peers;
    struct mailbox *mailbox;           /* of all replicas: the one way of messages to them */
    struct links *links;
    struct replica **replicas;
    uint32_t partitions;
    struct replica_shared shared;
    struct replica_counters counters;
    struct observer observer;
    struct partition_reads partition_reads;
    struct partition_scratch *partition_scratch;
    struct partition_map map;
    uint64_t map_pushed;               /* version of the map that clients have */
    struct clients *clients;
    struct timer tick;
    struct deferred leaders_changed;
    struct hand_over hand_over;
    struct balance balance;
    struct health health;
    struct time_exchange times;
    struct levels levels;
    struct report report;
    struct services_known known;
    struct waits waits;
    struct memory_watch memory;
    struct buffer scratch;             /* bodies being built */
};

/* time_exchange.c */
void time_exchange_init(struct node *node);            /* before the replicas are opened */
void time_exchange_open(struct node *node);
void time_exchange_tick(struct node *node);            /* at every tick */
void time_exchange_soon(struct node *node);            /* something changed that others want to know at the next tick */
struct log_time_now time_exchange_now(const struct node *node);
/* How far the wall clock of the member at `position` is ahead of the own one; false: it was not heard lately. */
bool time_exchange_ahead(const struct node *node, uint32_t position, int64_t *ret_ahead_ms);

/* status.c */
void status_answer(struct node *node, enum admin_kind kind, uint32_t partition, uint64_t features, struct buffer *out);   /* features: of the client */
void status_table(struct node *node, struct arena *arena, struct message_table *ret_table);
void status_register(struct node *node);
void status_refresh(struct node *node, struct partition_stats *ret_hosted);    /* ret_hosted: sums over the replicas here */
void status_look(struct node *node);                   /* at every tick: the state of this node */

/* report/report.c */
void report_open(struct node *node);
void report_close(struct node *node);
void report_leaders(struct node *node);                /* the partition map has changed, or may have */
void report_tick(struct node *node);
/* Appends the families that metric_expose does not have. */
void report_write(struct node *node, const struct partition_stats *hosted, struct buffer *out);

/* report/bounds.c */
void bounds_register(struct node *node);
uint64_t bounds_log_disk_bytes(const struct node *node);
uint64_t bounds_log_memory_bytes(const struct node *node);
void bounds_refresh(struct node *node, const struct partition_stats *highest);

/* balance.c: at every tick */
void balance_tick(struct node *node);

/* levels.c */
void levels_open(struct node *node);
void levels_close(struct node *node);
uint64_t levels_features(const struct node *node);     /* what it tells its peers */
/* Whether the leader of the partition may propose what a client sent; the note is good until the next call. */
enum grid_err levels_check(struct node *node, uint32_t partition, const struct command *command, struct bytes encoded,
                           const char **ret_note);
/* A command that could not be decoded: the part that is of a newer version; NULL: the command is damaged. Likewise. */
const char *levels_unknown(struct node *node, struct bytes encoded);
uint32_t levels_lowest(const struct node *node);       /* of the replicas here */
uint32_t levels_genesis(const struct node *node);      /* of a new partition */
/* Messages of a partition that is ahead wait until this one is raised too. */
bool levels_allow(const struct node *node, uint32_t partition, struct bytes command);
/* Whether this node supports the entry; if not the node ends once its leaderships are handed over. */
bool levels_admit(void *context, uint32_t partition, uint64_t index, struct bytes entry);

/* services.c */
void services_open(struct node *node);                 /* once the log is open */
void services_close(struct node *node);
/* Those that a new partition of this level has; returns how many. */
size_t services_genesis(const struct node *node, uint32_t level, uint32_t ret_numbers[SERVICES_MAX]);
/* At every tick: the partitions that this node leads register what they may. */
void services_tick(struct node *node);
/* Whether the leader may register a service of its program in the partition; if not, why and what to do, in SERVICES_WHY_BYTES. */
bool services_may_register(const struct node *node, uint32_t number, const struct service *service, char *ret_why);
/* What this node knows of the services of its program; all in the arena. */
const struct service_status *services_status(const struct node *node, struct arena *arena, size_t *ret_count);
/* Whether the leader may propose a client's command to this service: all partitions have it, as far as the replicas here have applied
 * them. The note is good until the next call. */
enum grid_err services_check(struct node *node, uint32_t partition, uint32_t number, const char **ret_note);
/* Messages to a service that is registered in their source wait until their destination has it too: whether the partition has those
 * of its program that the Deliver command names; and whether this program has those that a member's has. */
bool services_allow(const struct node *node, uint32_t partition, struct bytes encoded);
bool services_take(const struct node *node, struct node_id from, const struct deliver_command *deliver);
/* The first service that a sound entry needs and this program does not have; 0: it has all. */
uint32_t services_missing(const struct node *node, struct bytes entry);

/* waits.c */
void waits_open(struct node *node);
void waits_close(struct node *node);
/* Messages were not taken: levels_allow or services_allow refused them (encoded: the whole command), or services_take did (empty). */
void waits_note(struct node *node, const struct deliver_command *deliver, struct bytes encoded);
void waits_tick(struct node *node);                     /* at every tick */
uint64_t waits_partitions(const struct node *node);     /* that are led here and to which messages wait */

/* memory_watch.c */
void memory_watch_open(struct node *node);
void memory_watch_tick(struct node *node);              /* at every tick */
uint64_t memory_watch_resident(const struct node *node);   /* of the process, now */
void memory_watch_refresh(struct node *node);           /* gauges */

/* hand_over.c */
void hand_over_close(struct node *node);

/* failure.c */
void node_fail(struct node *node, enum grid_err err, const char *what);

#endif
