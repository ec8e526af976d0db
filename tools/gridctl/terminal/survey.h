/* One look at the whole cluster: every node asked for its status and its partitions, all at once.
 *
 * Shape: a row per member, answered or not, and per partition the node that leads it. What a node says of its partitions
 * stands in its row. Ownership: everything is in the survey's arena and lives until survey_close; the survey must not
 * move before it is done. Threads: the loop of the command. */
#ifndef TOOLS_GRIDCTL_TERMINAL_SURVEY_H
#define TOOLS_GRIDCTL_TERMINAL_SURVEY_H

#include "grid/base/arena.h"
#include "tools/gridctl/command.h"

/* What one node said. */
struct node_view {
    struct survey *survey;
    uint32_t node;
    const char *address;
    bool answered;
    char state[32], version[32];
    uint32_t leaders, replicas;
    uint64_t uptime_ms, log_disk_bytes, reads;
    uint32_t level, level_max;             /* feature levels: of its replicas, that it supports */
    uint64_t memory_bytes, memory_max_bytes, memory_used_bytes, data_bytes, disk_bytes;
    uint32_t catching_up;                  /* replicas that it says are behind */
    uint32_t lagging;                      /* partitions whose leader says that it is behind */
    uint64_t lag_entries;                  /* by so many entries in all */
    struct grid_service_status *services;  /* of its program */
    size_t services_count;
    struct grid_partition_status *partitions;
    size_t partitions_count;
};

struct survey {
    struct node_view *nodes;
    size_t count, left;
    bool done;
    uint32_t partitions;                   /* of the cluster */
    uint32_t *leaders;                     /* per partition: the node that says that it leads; 0 none */
    struct arena arena;
};

/* Connects, asks and waits; an exit code. */
int survey_take(struct ctl *ctl, struct survey *survey);
/* Asks on a connection that stands; `done` turns true on the loop. Nodes that do not answer stay "down". */
void survey_start(struct ctl *ctl, struct survey *survey);
void survey_close(struct survey *survey);

uint32_t survey_with_leader(const struct survey *survey);
/* Feature level of the cluster: the lowest of its partitions. */
uint32_t survey_level(const struct survey *survey);
/* Highest level that all nodes support; 0: a node did not answer. */
uint32_t survey_level_supported(const struct survey *survey);
/* All nodes are ready, and every partition has a leader that a majority follows. A node that is between two leaders counts as a
 * follower: when that lasts its state is no longer ready. */
bool survey_is_healthy(const struct survey *survey);
/* The leader's own row of a partition, or the one of whatever replica answered; NULL: nobody did. */
const struct grid_partition_status *survey_row(const struct survey *survey, uint32_t partition);

#endif
