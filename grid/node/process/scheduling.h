/* How the system's scheduler treats this process.
 *
 * SCHED_BATCH: waking the process is no reason to stop another in the middle. With much to do that makes fewer and larger pieces
 * of work, of each the log and the connections carry more. With little to do it only waits: behind a busy program of the lowest
 * priority, for milliseconds with every message. So it is taken on while the node has much to do, and given up afterwards.
 * docs/performance.md has the numbers. One process; every thread of it is treated alike. */
#ifndef GRID_NODE_PROCESS_SCHEDULING_H
#define GRID_NODE_PROCESS_SCHEDULING_H

#include <stdbool.h>
#include <stdint.h>

/* Requests and messages a second from which a node has much to do, and below which it has not any more. */
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
/* `work` is what was done so far; call it every SCHEDULING_LOOK_MS or so. True: the treatment changed. */
bool scheduling_look(struct scheduling *scheduling, uint64_t work, uint64_t now_ms);

#endif
