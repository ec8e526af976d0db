/* The counter's state as a snapshot, and a courier that carries snapshot files from leaders to members that lack them. */
#ifndef TESTS_SIM_WORKLOADS_COUNTER_SNAPSHOTS_H
#define TESTS_SIM_WORKLOADS_COUNTER_SNAPSHOTS_H

#include "raft/group.h"
#include "tests/sim/run/workload.h"

/* Gives the machine of a replica its hooks for snapshots. What is restored must have been the state of a replica once. */
void counter_add_snapshots(struct group_machine *machine);

/* What the courier knows of a node; `set` is NULL while it is down. */
struct courier_stop { struct host *host; struct group_set *set; };
struct courier;
/* `look` tells the present state of node `number`. */
struct courier *courier_open(struct world *world, uint32_t nodes, uint32_t groups, struct courier_stop (*look)(void *context, uint32_t number), void *context);
void courier_close(struct courier *courier);
/* Takes what the members lack of this group that node `number` leads. */
void courier_call(struct courier *courier, uint32_t number, uint32_t group);

#endif
