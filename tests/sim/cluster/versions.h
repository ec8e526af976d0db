/* Nodes of an older version in the cluster (F54, I34): the faults "mixed-levels" and "too-old".
 *
 * An older version is a node that supports lower feature levels only (node_settings.level_max). With "mixed-levels" a
 * cluster begins in the older version; nodes are upgraded and go back while the level is asked for again and again, which
 * must be refused while one of them is old. Once it may have been raised, no node goes back. With "too-old" a node then
 * comes back in the older version, by mistake: it stops before the first entry that it does not support, or does not
 * start, saying so; later it is upgraded.
 *
 * Oracles: no partition is raised while a node is old; an old node applies nothing of a higher level; it stops with the
 * message of an upgrade, and for no other reason. The cluster checks that digests agree. */
#ifndef TESTS_SIM_CLUSTER_VERSIONS_H
#define TESTS_SIM_CLUSTER_VERSIONS_H

#include "tests/sim/cluster/cluster.h"

struct versions;

enum { VERSION_OLD_LEVEL = 1 };

/* Adds a client host when it needs one. `settings` of node i are changed while it is down; borrowed. */
struct versions *versions_open(struct run *run, struct cluster *cluster);
void versions_close(struct versions *versions);
/* Tells which node it is about; the cluster owns hosts and settings. */
void versions_add(struct versions *versions, struct host *host, struct node_settings *settings);
void versions_watch(struct versions *versions, size_t node, const struct partition *partition);
/* A node ended, or did not start, for this reason. True: it is too old, and said so; when it should come back. */
bool versions_stopped(struct versions *versions, size_t node, enum grid_err err, const char *what, uint64_t *ret_down_us);
void versions_started(struct versions *versions, size_t node);

#endif
