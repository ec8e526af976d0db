/* How late the loop of a node runs: its tick is due at a known time, and fires only once the loop gets there.
 *
 * A loop is late when the process gets no processor time, or when one turn of it takes long. Everything else that the node does is
 * then late as well: heartbeats, votes and answers. The worst delay of the last LOOP_DELAY_SECONDS is kept, so that a stall between
 * two scrapes shows, to every reader. Pure; single threaded. */
#ifndef GRID_NODE_REPORT_LOOP_DELAY_H
#define GRID_NODE_REPORT_LOOP_DELAY_H

#include <stdint.h>

enum { LOOP_DELAY_SECONDS = 16 };

struct loop_delay {
    uint64_t due_us;                       /* of the tick that is armed; 0: none was yet */
    uint64_t worst_us[LOOP_DELAY_SECONDS]; /* by second, modulo their number */
    uint64_t second;                       /* of the newest */
};

/* The tick is armed for this time. */
void loop_delay_arm(struct loop_delay *delay, uint64_t due_us);
/* By how much it is late now, whether it has fired or not; counted. */
uint64_t loop_delay_look(struct loop_delay *delay, uint64_t now_us);
/* The worst that was seen in the last LOOP_DELAY_SECONDS. */
uint64_t loop_delay_worst_us(struct loop_delay *delay, uint64_t now_us);

#endif
