/* F29 on purpose, at rest: when the faults are over and everything has settled, disks fill up in half of the runs.
 *
 * - One disk, that of a leader: the node hands its groups to nodes with room (ADR 0020), and these serve.
 * - All disks, until one has only its reserve left. Then leaders die, a minority of the nodes: the others, of which the full one is needed
 *   for a majority, serve reads (I38).
 *
 * Nothing else goes wrong meanwhile, so that the bounds on time are promises. Not drawn: other seeds keep their meaning. */
#ifndef TESTS_SIM_RUN_FULL_DISKS_H
#define TESTS_SIM_RUN_FULL_DISKS_H

#include "tests/sim/run/workload.h"

/* True: it happened, and what was full has room again; the caller waits until all has settled. */
bool full_disks_phase(const struct workload *workload, void *state, const struct run *run);

#endif
