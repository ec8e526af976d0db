/* Admission: whether a client's command may enter a partition (R6, ADR 0010).
 *
 * A command that begins a flow (for example a saga) makes work for long after its answer: messages to other partitions, activities, timers.
 * Services say how much at the most (worst_case), and of an aggregate, how much of that may still come (still_needs);
 * the partition adds the latter up, so that what is reserved follows from its state alone, on every replica. The leader
 * adds what it has packed and not yet seen applied. A command that asks for room is admitted while
 *
 *     waiting messages and activities + reserved + under way + its own worst case <= load_max
 *
 * or when there is nothing else, so that the largest one gets through too. What follows from admitted commands, what other
 * partitions send, and whatever asks for no room (undoing, maps) is never refused here (I19).
 *
 * A new leader begins with nothing under way: what its predecessor proposed is applied before it serves. Pure; single
 * threaded. */
#ifndef GRID_NODE_REPLICA_ADMISSION_H
#define GRID_NODE_REPLICA_ADMISSION_H

#include "grid/base/arena.h"
#include "grid/wire/messages/message.h"
#include "services/registry.h"

enum { ADMISSION_RETRY_MS = 100 };     /* what a refused client is told to wait */

struct admission {
    uint64_t load_max;                 /* of one partition */
    uint64_t under_way;                /* worst cases packed or proposed here, neither applied nor dropped */
};

/* What a client's command asks room for; 0: nothing. What cannot be unpacked will be refused by its service. */
uint32_t admission_worst_case(const struct service_registry *services, const struct command *command, struct arena *arena);
/* `load`: partition_load. A yes counts as under way until it is given back. */
bool admission_take(struct admission *admission, uint64_t load, uint32_t worst_case);
void admission_give(struct admission *admission, uint64_t taken);

#endif
