/* Snapshots that nodes take, receive and install: sees the rare states that they meet, for "sometimes" points. It judges nothing.
 *
 * A snapshot is the same on every replica (I16), so what its group was at when the first replica froze it says what an install brings. */
#ifndef TESTS_SIM_CLUSTER_INSTALL_WATCH_H
#define TESTS_SIM_CLUSTER_INSTALL_WATCH_H

#include "raft/group.h"
#include "tests/sim/run/workload.h"

/* What a group is at when its state is frozen. */
enum frozen { FROZEN_OUTBOX, FROZEN_COMPENSATES, FROZEN_ACTIVITY, FROZEN_TIMER, FROZEN_CLEARS, FROZEN_EXPIRES, FROZEN_RESIZES, FROZEN_STATES };

struct install_watch_hooks {
    struct group *(*group)(void *context, size_t node, uint32_t group);        /* NULL: the node is down, or has not started */
    uint32_t (*frozen)(void *context, size_t node, uint32_t group);            /* bits of enum frozen; NULL: none */
    void *context;
};

struct install_watch;
struct install_watch *install_watch_open(struct run *run, const struct install_watch_hooks *hooks);
/* The next node, counted from 0. */
void install_watch_add(struct install_watch *watch, struct host *host);
void install_watch_close(struct install_watch *watch);
/* A life of the node ends, and nothing of it was freed. */
void install_watch_end(struct install_watch *watch, const struct host *host);

#endif
