/* A cluster of whole nodes on hosts of the world, for the workloads of maps and orders.
 *
 * Adds the node hosts, opens a node at each start, closes it at each end, and watches at all times: replicas with the
 * same commit counter of a partition have the same digest (I15), log time never turns back (R14) and follows true time
 * (time_oracle.h), and a node gives up only for a reason that the workload allows. Owned by the workload; every call
 * comes from outside of a host's life. */
#ifndef TESTS_SIM_CLUSTER_CLUSTER_H
#define TESTS_SIM_CLUSTER_CLUSTER_H

#include "grid/node/node.h"
#include "grid/partition/partition.h"
#include "tests/sim/run/workload.h"

struct cluster;

struct cluster *cluster_open(struct run *run);
void cluster_close(struct cluster *cluster);                   /* after the world is closed */
size_t cluster_nodes(const struct cluster *cluster);
struct node *cluster_node(const struct cluster *cluster, size_t number);      /* NULL while its host is down */
bool cluster_paused(const struct cluster *cluster, size_t number);            /* its process stands still */
const char *cluster_endpoint(const struct cluster *cluster, size_t number);   /* of the client port */
/* The state of a partition at the replica that is farthest; NULL while no node is up. */
const struct partition *cluster_partition(const struct cluster *cluster, uint32_t partition);
/* Grows with every start of the node's host; never 0. */
uint64_t cluster_incarnation(const struct cluster *cluster, size_t number);
/* What the partition's log time gained on true time in all. */
uint64_t cluster_time_jumped_ms(const struct cluster *cluster, uint32_t partition);
/* True when the node thinks that it leads the partition and another one does so in a later term. */
bool cluster_deposed(const struct cluster *cluster, size_t number, uint32_t partition);
/* NULL when every node is up and ready, all replicas have applied the same, no message is under way and no timer of a
 * saga waits; else what is missing, for people. */
const char *cluster_unsettled(const struct cluster *cluster);
void cluster_describe(const struct cluster *cluster, struct buffer *out);
/* At rest: whole state digests are equal on all replicas. */
void cluster_check(const struct cluster *cluster);

#endif
