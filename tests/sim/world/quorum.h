/* For how long the cluster could work while faults came: how much work a run owes depends on it.
 *
 * At a moment it could when some node that is up, whole, not paused and has a sound disk was linked in both directions, without bytes
 * that are late on their way, with enough such nodes to be a majority with them, and had been for longer than an election takes. Looked at in steps by run.c: no event of
 * the world, so that runs are the same with and without it. */
#ifndef TESTS_SIM_WORLD_QUORUM_H
#define TESTS_SIM_WORLD_QUORUM_H

#include "tests/sim/world/world.h"

struct quorum {
    uint64_t all_us, working_us;
    uint64_t lasted_us[HOSTS_MAX];     /* for how long each could have led a majority without a break */
};

void quorum_look(struct quorum *quorum, struct world *world, uint64_t elapsed_us);
/* The part of `amount` that the time with a quorum is of the whole. */
uint64_t quorum_share(const struct quorum *quorum, uint64_t amount);

#endif
