/* The nodes of a world find each other again. */
#ifndef TESTS_SIM_RUN_TOGETHER_H
#define TESTS_SIM_RUN_TOGETHER_H

#include "tests/sim/world/world.h"

/* After the end of all faults: runs the world for the time within which all nodes must be linked, and fails it for each pair that lived and
 * was not cut meanwhile and has not heard of each other at its end. `when`: after what, for people. */
void come_together(struct world *world, const char *when);

#endif
