/* Totals and rates of a whole cluster, from one survey and its difference to an earlier one.
 *
 * Rates are differences between two surveys, per second. A partition's progress is that of its present leader's replica
 * in both surveys. If the earlier survey lacks that replica, or the replica restarted in between, it does not count: a rate
 * may be too low for one interval after a change of leaders, but never too high. Pure. */
#ifndef TOOLS_GRIDCTL_BENCH_RATES_H
#define TOOLS_GRIDCTL_BENCH_RATES_H

#include "tools/gridctl/terminal/survey.h"

struct rates {
    uint32_t nodes, ready;
    uint64_t sagas_active, outbox_pending, log_bytes;      /* sums over partitions, partitions, nodes */
    uint64_t elapsed_us;                                   /* between the surveys; 0: there was none before */
    uint64_t commands, reads, sagas_ended;                 /* per second */
};

/* `before` NULL or `elapsed_us` 0: no rates. */
struct rates rates_of(const struct survey *now, const struct survey *before, uint64_t elapsed_us);
/* Reads per second of one node. */
uint64_t rates_node_reads(const struct node_view *now, const struct survey *before, uint64_t elapsed_us);

#endif
