/* Nodes whose program has one service more than the others' (F54, I43, I44): the fault "mixed-services".
 *
 * The older program has the services of the shop, the newer one that of guests as well (tests/support/guest_service.h). A cluster
 * begins with the older program; nodes get the newer one, or go back to the older one, one by one. Once all nodes may have had the newer
 * program at the same time, none goes back, except for one that does so by mistake: it stops before the entry that registers the service,
 * or does not start, and says why. Later it gets the newer program again. A client invites guests all the time; some guests bring a second one.
 *
 * Oracles: no partition has the service while a node's program never had it; an older program applies no entry that registers it, and
 * stops for no other reason (I43); at rest acknowledged guests and the guests that they brought are there, and refused ones left no
 * trace (I44). The cluster checks that digests agree. */
#ifndef TESTS_SIM_CLUSTER_PROGRAMS_H
#define TESTS_SIM_CLUSTER_PROGRAMS_H

#include "tests/sim/cluster/cluster.h"

struct programs;
struct service_registry;

/* Adds a client host when it needs one. */
struct programs *programs_open(struct run *run, struct cluster *cluster);
void programs_close(struct programs *programs);
void programs_add(struct programs *programs, struct host *host);               /* of the next node */
const struct service_registry *programs_services(const struct programs *programs, size_t node);   /* of its next life */
void programs_watch(struct programs *programs, size_t node, const struct partition *partition);
/* A node ended, or did not start, for this reason. True: its program lacks the service, and it said so; when it comes back. */
bool programs_stopped(struct programs *programs, size_t node, enum grid_err err, const char *what, uint64_t *ret_down_us);
const char *programs_unsettled(struct programs *programs);                     /* NULL: settled */
void programs_check(struct programs *programs);                                /* at rest */

#endif
