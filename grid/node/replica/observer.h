/* Observes a node's partitions: times stages and counts applied entries, for /metrics.
 *
 * Write-only for the state machine: partitions call it, the node reads its clock around them. Only the node that proposed an entry
 * counts it, when it applies the entry: every replica applies everything, so the sum over all
 * nodes counts each entry once (docs/guides/metrics.md).
 *
 * Cost: one read of a client in OBSERVER_SAMPLE and one entry in OBSERVER_SAMPLE are timed, the latter in all stages;
 * all others are only counted, by reading the partition's totals twice. Memory is allocated only for a new
 * label. Owned by the node; single threaded. */
#ifndef GRID_NODE_REPLICA_OBSERVER_H
#define GRID_NODE_REPLICA_OBSERVER_H

#include "grid/base/metric.h"
#include "grid/io/clock.h"
#include "grid/node/replica/service_metrics.h"
#include "grid/partition/partition.h"

enum {
    OBSERVER_SAMPLE = 16,
};

struct observer {
    struct clock *clock;
    struct metric_registry *metrics;
    struct metric_histogram *check_us, *queue_us, *replicate_us, *apply_us, *answer_us, *end_to_end_us;
    struct metric_histogram *stages_us[PARTITION_STAGES];
    struct service_metrics *services;              /* what events of services mean */
    struct partition_observer watching, timing;    /* without and with the stages */
    struct partition_counts counts;                /* of entries that this node proposed */
    uint32_t reads, entries;                       /* of which one in OBSERVER_SAMPLE is timed */
    /* Of the present entry. */
    bool timed;                                    /* only while it is applied */
    uint64_t mark_us, begun_us, answers_us, spent_us[PARTITION_STAGES];
    struct partition_counts before;
};

/* Borrows all; `services` may be NULL: none. */
void observer_init(struct observer *observer, struct clock *clock, struct metric_registry *metrics,
                   const struct service_registry *services);
void observer_close(struct observer *observer);

/* One read of a client's bytes, until its frames are cut, decoded, checked and packed. Returns 0 when it is not timed. */
uint64_t observer_read_begin(struct observer *observer);
void observer_read_end(struct observer *observer, uint64_t begun_us);
/* An entry leaves: its first command came at `since_us`. Returns the time when it is one of those that are timed, else 0. */
uint64_t observer_proposed(struct observer *observer, uint64_t since_us);

/* Around the application of an entry that this node proposed: in this process, even if another leader committed it. `proposed_us` is what
 * observer_proposed returned, 0 also for one that was dropped here and committed by another. */
void observer_apply_begin(struct observer *observer, struct partition *partition, uint64_t proposed_us);
/* Returns how many service commands of clients the entry held. `counts`: false if it replaced the partition's totals. */
uint64_t observer_apply_end(struct observer *observer, struct partition *partition, bool counts);
/* From their arrival to their answer. */
void observer_answered(struct observer *observer, uint64_t submitted, uint64_t us);
/* Around handing out one answer; 0: not timed. */
static inline uint64_t observer_answer_begin(struct observer *observer)
{
    return observer->timed ? clock_now_us(observer->clock) : 0;
}
static inline void observer_answer_end(struct observer *observer, uint64_t begun_us)
{
    if (begun_us != 0)
        observer->answers_us += clock_now_us(observer->clock) - begun_us;
}

/* Updates the counters of the registry. */
void observer_refresh(struct observer *observer);

#endif
