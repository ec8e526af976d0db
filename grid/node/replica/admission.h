/* Admission: whether a client's command may enter a partition (R6, ADR 0010).
 *
 * A command that begins a flow (for example a saga) causes work long after its answer: messages to other partitions, activities, timers.
 * Services declare its maximum (worst_case) and, for an aggregate, how much of it may still follow (still_needs);
 * the partition keeps the sum of the latter, so the reserved amount follows from its state alone, on every replica. The leader
 * adds the worst cases of commands that are packed and not yet applied. A command that needs room is admitted while
 *
 *     waiting messages and activities + reserved + under way + its own worst case <= load_max
 *
 * or if there is no other work, so that even the largest one is admitted. Consequences of admitted commands, messages of other
 * partitions, and commands that need no room (compensations, maps) are never refused here (I19).
 *
 * A command that may add data is refused while memory is full (fullness.h). Commands that only remove, sessions, settings of maps,
 * and those of services that undo work or let it end (service_command_kind.compensates) are not.
 *
 * A new leader begins with nothing under way: entries of its predecessor are applied before it serves. Pure; single
 * threaded. */
#ifndef GRID_NODE_REPLICA_ADMISSION_H
#define GRID_NODE_REPLICA_ADMISSION_H

#include "grid/base/arena.h"
#include "grid/wire/messages/message.h"
#include "services/registry.h"

enum { ADMISSION_RETRY_MS = 100 };     /* how long a refused client must wait */

struct admission {
    uint64_t load_max;                 /* of one partition */
    uint64_t under_way;                /* worst cases packed or proposed here, neither applied nor dropped */
};

/* What a client's command needs to enter. */
struct admission_needs {
    uint32_t work;                     /* that it may cause later (worst_case); 0: none */
    bool grows;                        /* it may add data to the partition: memory must have room */
    bool restores;                     /* it is a step of a restore, which alone enters a partition that is being restored */
};

/* A command that cannot be unpacked is refused later by its service. */
struct admission_needs admission_needs_of(const struct service_registry *services, const struct command *command, struct arena *arena);
/* `load`: partition_load. An admitted command counts as under way until it is given back. */
bool admission_take(struct admission *admission, uint64_t load, uint32_t worst_case);
void admission_give(struct admission *admission, uint64_t taken);

#endif
