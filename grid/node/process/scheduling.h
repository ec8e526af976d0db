/* How the system's scheduler treats this process.
 *
 * SCHED_BATCH: a process that wakes up does not preempt a running one. Under load this makes fewer and larger batches
 * for the log and the connections. With little load the node only waits: next to a busy program of the lowest
 * priority, for milliseconds per message. So the node uses SCHED_BATCH only while it has much to do.
 * docs/performance.md has the numbers (ADR 0019). It applies to all threads of the process. */
#ifndef GRID_NODE_PROCESS_SCHEDULING_H
#define GRID_NODE_PROCESS_SCHEDULING_H

#include <stdbool.h>
#include <stdint.h>

/* Requests and messages a second: from the first number on a node has much to do, below the second no longer. */
enum { SCHEDULING_MUCH = 3000, SCHEDULING_LITTLE = 1500, SCHEDULING_LOOK_MS = 250 };

enum scheduling_mode { SCHEDULING_ADAPTIVE, SCHEDULING_NORMAL, SCHEDULING_BATCH };

struct scheduling {
    enum scheduling_mode mode;
    bool batch;
    uint64_t work, looked_ms;          /* when it was looked at last */
};

enum scheduling_mode scheduling_parse(const char *text);   /* a checked setting: adaptive, normal, batch */
/* Before there are threads. */
void scheduling_begin(struct scheduling *scheduling, enum scheduling_mode mode, uint64_t now_ms);
/* `work` is the number of requests and messages so far; call it about every SCHEDULING_LOOK_MS. True: the scheduling changed. */
bool scheduling_look(struct scheduling *scheduling, uint64_t work, uint64_t now_ms);

#endif
