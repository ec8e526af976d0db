/* Log time (R14): what a leader stamps on its entries.
 *
 * Starts from the log time of the last applied entry (or from wall time in a new partition), advances by the leader's
 * own monotonic time, and slews towards wall time by at most a tenth of what elapsed. Never turns back; a leader whose
 * clock is an hour off neither fires every timer nor freezes time. Pure: the caller gives both clocks. */
#ifndef GRID_ROUTER_LOG_CLOCK_H
#define GRID_ROUTER_LOG_CLOCK_H

#include <stdint.h>

struct log_clock {
    uint64_t time_us;                  /* log time at `seen_us`, in microseconds so that slewing does not round away */
    uint64_t seen_us;                  /* monotonic time of the last reading */
};

/* `last_ms` 0: the partition has no entry yet and wall time is taken. */
void log_clock_start(struct log_clock *clock, uint64_t last_ms, uint64_t now_us, uint64_t wall_ms);
/* Log time now, in ms. */
uint64_t log_clock_read(struct log_clock *clock, uint64_t now_us, uint64_t wall_ms);

#endif
