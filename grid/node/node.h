/* A node: all partitions of one loop, their groups, the client port and the links to the other nodes.
 *
 * Built on grid/io alone, so that the simulator runs exactly this. Life: node_open (recovers, joins, listens) ->
 * callbacks -> node_close. Single threaded. A fatal error (storage failed, settings differ from the cluster's, a replica
 * diverged) is reported once; the owner must then close the node and stop the process. NOT_SUPPORTED means that the log has
 * an entry of a newer version: the node has handed over what it led and must be upgraded. */
#ifndef GRID_NODE_NODE_H
#define GRID_NODE_NODE_H

#include "grid/base/err.h"
#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/io/io.h"
#include "grid/node/replica/log_time.h"
#include "grid/node/process/settings.h"

struct node;
struct partition;
struct group;
struct service_registry;

struct node_options {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;
    const struct node_settings *settings;      /* borrowed until node_close */
    const struct service_registry *services;   /* borrowed until node_close; NULL: none */
    /* The directory has neither identity nor log, and the other nodes know this node: it gets everything from them before it
     * takes part again. An interrupted rejoin continues even without this option. */
    bool rejoin;
    void (*fatal)(void *context, enum grid_err err, const char *what);
    void *context;
};

/* Errors: MISMATCH (settings differ from those on disk), CORRUPT, IO, INVALID, NOT_SUPPORTED (as above); *ret_note says what, where and what to do
 * (memory_free). */
enum grid_err node_open(const struct node_options *options, struct node **ret_node, char **ret_note);
/* Whether a node with these settings may discard the content of its storage: INVALID for a cluster of one node, MISMATCH if the
 * storage belongs to another node or cluster. */
enum grid_err node_may_rejoin(struct io *io, const struct node_settings *settings, char **ret_note);
/* Before an orderly stop: hands the groups that this node leads to other members, and calls `done` when they lead, or after 0.3 s. Requests
 * are served or redirected meanwhile. node_close is allowed at any time; `done` is not called after it. A second call
 * replaces `done`. */
void node_hand_over(struct node *node, void (*done)(void *context), void *context);
/* Ends all connections and proposals. The outcome of unanswered requests stays unknown to their clients (I40). */
void node_close(struct node *node);

bool node_rejoined(const struct node *node);           /* it has lost no state, or has all of it again */
bool node_ready(const struct node *node);              /* every partition has a leader that this node knows, right now */
/* Appends what /health/ready says: {"status":"UP","state":"ready"}, or OUT_OF_SERVICE with another state of health.h and its reason.
 * Whether the node is ready; steady, unlike node_ready. */
bool node_health(struct node *node, struct buffer *out);
uint32_t node_partitions(const struct node *node);
/* For oracles and status: the state and the group of a partition. */
const struct partition *node_partition(const struct node *node, struct partition_id partition);
struct group *node_group(const struct node *node, struct partition_id partition);
/* This replica's estimate of the partition's log time now (R14), and how many members' clocks this node knows. */
struct node_log_time { bool leads; enum log_time_grade grade; uint64_t time_ms; uint32_t clocks; };
struct node_log_time node_log_time(const struct node *node, struct partition_id partition);
/* Refreshes gauges, then appends the metrics text. */
void node_metrics(struct node *node, struct buffer *out);
/* Requests of clients and messages of other partitions so far. */
uint64_t node_work(const struct node *node);

#endif
