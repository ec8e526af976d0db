/* A client that comes new while one node is cut off from the others: it has to find those that have a majority.
 *
 * Once all faults are over and everything has settled, one node loses the others, but no client, and a fresh client is
 * opened on a host that is there already. It knows all addresses, or only that of the node that was cut off. While a
 * majority is connected with each other and with the client, its write must succeed within a bound. Owned by a workload,
 * which tells it of the host's end. */
#ifndef TESTS_SIM_WORKLOADS_MAP_NEWCOMER_H
#define TESTS_SIM_WORKLOADS_MAP_NEWCOMER_H

#include "tests/sim/cluster/cluster.h"

struct newcomer;

struct newcomer *newcomer_open(struct run *run, struct cluster *cluster);
void newcomer_close(struct newcomer *newcomer);
/* Begins on this host, which is up; a second call does nothing. */
void newcomer_begin(struct newcomer *newcomer, struct host *host);
void newcomer_stop(struct newcomer *newcomer);             /* its host ends */
const char *newcomer_unsettled(const struct newcomer *newcomer);   /* NULL: it has ended, or never began */

#endif
