/* For how long the cluster could work while faults came: how much work a run owes depends on it.
 *
 * A node counts when it is up, whole and not paused, and its disk works. The cluster can work when one such node is linked in both
 * directions with enough others to be a majority, without bytes that are late on their way, for longer than an election takes. run.c
 * looks in steps; this is no event of the world, so that runs are the same with and without it. */
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
