/* Log time (R14): the time that a leader stamps on its entries, and its followers' estimate of it.
 *
 * On a leader it advances with the leader's monotonic clock and slews towards wall time by at most a tenth of the
 * elapsed time. It never decreases; a wall clock that is an hour wrong neither fires every timer nor stops time. On a follower
 * the same clock continues from the log time that the leader sent last: each sent log time is a lower bound of the leader's present
 * log time, which grows by at least nine tenths of the elapsed time. Pure: the caller gives both clocks. */
#ifndef GRID_NODE_REPLICA_LOG_CLOCK_H
#define GRID_NODE_REPLICA_LOG_CLOCK_H

#include <stdint.h>

struct log_clock {
    uint64_t time_us;                  /* log time at `seen_us`, in microseconds so that slewing does not round away */
    uint64_t seen_us;                  /* monotonic time of the last reading */
    uint64_t bound_us, bound_seen_us;  /* log time was at least `bound_us` when the monotonic clock was `bound_seen_us` */
};

/* Starts at this log time, now. */
void log_clock_start(struct log_clock *clock, uint64_t time_ms, uint64_t now_us);
/* The leader's log time was `time_ms` a moment ago: corrects the clock, also downwards when the leader slews. */
void log_clock_hear(struct log_clock *clock, uint64_t time_ms, uint64_t now_us);
/* The leader's log time was `time_ms` at some time in the past. Corrects the clock upwards only. */
void log_clock_learn(struct log_clock *clock, uint64_t time_ms, uint64_t now_us);
/* It is at least `time_ms` now. */
void log_clock_raise(struct log_clock *clock, uint64_t time_ms);
/* Log time now, in ms. */
uint64_t log_clock_read(struct log_clock *clock, uint64_t now_us, uint64_t wall_ms);
/* Log time at the wall time `wall_ms`, when it was `time_ms` at the wall time `then_ms`: as the clock of a leader without
 * interruption would show it. A negative difference counts as 0. */
uint64_t log_clock_after(uint64_t time_ms, uint64_t then_ms, uint64_t wall_ms);

#endif
