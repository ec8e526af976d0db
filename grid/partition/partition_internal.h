/* Private to a partition: shared only by the files of this folder. Each component is a module of its own; partition.c
 * owns them and dispatches commands. */
#ifndef GRID_PARTITION_PARTITION_INTERNAL_H
#define GRID_PARTITION_PARTITION_INTERNAL_H

#include "grid/base/arena.h"
#include "grid/base/hash.h"
#include "grid/partition/maps/maps.h"
#include "grid/partition/partition.h"
#include "grid/partition/settings.h"

struct sessions;
struct idempotency_keys;
struct outbox;
struct inbox;
struct timers;
struct activities;
struct event_pipeline;

/* Memory of the command being applied and of those decoded ahead. Nothing in it outlives partition_apply. */
struct partition_scratch {
    struct arena arena;                /* reset before each command */
    struct arena ahead;                /* reset with each group of commands decoded ahead */
    struct buffer bytes;               /* a record or message being encoded */
    bool applying;                     /* it is in use */
};

/* A restore from a backup (snapshot/restore.c). */
struct restore {
    enum restore_phase phase;
    uint64_t backup;                   /* which one; 0: NONE */
    uint32_t epoch;                    /* restore epoch (R4), from 1 */
    struct partition_load *load;       /* LOADING: the state so far, beside the present one, which is empty */
    uint64_t offset;                   /* LOADING: bytes of it */
};

struct partition {
    struct partition_id id;
    const struct service_registry *services;
    bool born;                         /* Genesis was applied */
    struct buffer genesis;             /* its encoded Command */
    struct genesis_command genesis_command; /* borrows from genesis and genesis_arena */
    struct arena genesis_arena;
    uint64_t table_seed;
    uint32_t level;                    /* feature level of its entries (grid/wire/level.h) */
    struct settings settings;          /* in its log, as in that of all partitions */
    uint64_t trimmed[RETENTION_LAST + 1];  /* by kind, on this node since the partition was opened; not replicated */
    size_t removals_left;              /* that retention may still do with the entry at hand */
    uint64_t commits;                  /* grows by one with every command that is applied */
    uint64_t log_time_ms, wall_time_ms;
    uint64_t digest;
    uint64_t trail_folded;             /* value of maps_trail in the digest */
    struct partition_reads *reads;     /* counts of this node only; NULL: not counted */
    struct maps *maps;
    struct sessions *sessions;
    struct idempotency_keys *idempotency;
    struct outbox *outbox;             /* messages to other partitions, and to this one under another affinity */
    struct inbox *inbox;               /* last applied per source */
    struct timers *timers;
    struct activities *activities;
    struct event_pipeline *pipeline;   /* state of the event pipeline (event_pipeline.h) */
    struct partition_scratch *scratch;
    bool scratch_own;
    struct buffer answer;              /* encoded, of the command being applied */
    uint64_t malformed_entries;
    struct partition_counts counts;
    uint64_t reserved;                 /* sum of still_needs over all views */
    const struct partition_observer *observer; /* NULL: no observer */
    struct partition_save *save;       /* NULL: it is not frozen */
    struct restore restore;
};

/* Folds what a command changed into the rolling digest. */
static inline void partition_fold(struct partition *partition, struct bytes bytes)
{
    partition->digest = hash_xxh3(bytes, partition->digest);
}

/* As partition_open and partition_close, but for a restore under way. */
struct partition *partition_create(const struct partition_options *options);
void partition_free(struct partition *partition);
/* Its first entry is `encoded`, a Genesis. INVALID or NOT_SUPPORTED (a newer level), and nothing is changed, if it is of no cluster with
 * this partition. */
enum grid_err partition_begin(struct partition *partition, struct bytes encoded);

/* Takes name, members and UUID of the cluster from `own`, whose place it takes. */
void partition_join(struct partition *partition, const struct partition *own);
/* A step of a restore. Fills *response; a note of it is static or in the arena for applying. */
void partition_restore(struct partition *partition, const struct restore_command *command, struct response *response);
void partition_restore_close(struct partition *partition);

/* ---- service commands (event_pipeline.c). Fill *response (arena memory); never fail. */
void event_pipeline_command(struct partition *partition, const struct service_command *command, struct bytes principal, struct response *response);
void event_pipeline_deliver(struct partition *partition, const struct deliver_command *deliver, struct response *response);
/* `incarnation`: that of this partition; MISMATCH when the message is for another one. */
void event_pipeline_acknowledge(struct partition *partition, const struct acknowledge_command *acknowledge, uint32_t incarnation,
                                struct response *response);
void event_pipeline_activity_result(struct partition *partition, const struct activity_result_command *result, struct response *response);
void event_pipeline_tick(struct partition *partition);       /* fires due timers, at most TICK_TIMERS_MAX; trims retention */

#endif
