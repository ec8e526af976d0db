/* Time, timers and the end of a loop iteration: the core's interface.
 *
 * The only source of time outside apply. Production: grid/uv. Simulation: tests/sim. Single threaded: all callbacks
 * run on the loop that owns the clock, never inside a call of these functions. */
#ifndef GRID_IO_CLOCK_H
#define GRID_IO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "grid/base/timer_queue.h"

/* Work for the end of the current loop iteration (packing, batching). Set run and context; the rest is zero. It runs
 * once per clock_defer; a clock_defer inside run() causes another round in the same iteration. */
struct deferred {
    void (*run)(void *context);
    void *context;
    struct deferred *next;             /* belongs to the clock */
    bool queued;                       /* belongs to the clock */
};

struct clock {
    uint64_t (*now_us)(struct clock *clock);                  /* monotonic; never decreases */
    uint64_t (*wall_ms)(struct clock *clock);                 /* UTC since 1970; may jump; for people and log time (R14) */
    void (*timer_start)(struct clock *clock, struct timer *timer, uint64_t delay_us); /* re-arms */
    void (*timer_stop)(struct clock *clock, struct timer *timer);
    void (*defer)(struct clock *clock, struct deferred *deferred);                    /* no-op when queued */
    void (*undefer)(struct clock *clock, struct deferred *deferred);                  /* no-op when not queued */
};

static inline uint64_t clock_now_us(struct clock *clock) { return clock->now_us(clock); }
static inline uint64_t clock_now_ms(struct clock *clock) { return clock->now_us(clock) / 1000; }
static inline uint64_t clock_wall_ms(struct clock *clock) { return clock->wall_ms(clock); }
static inline void clock_timer_start(struct clock *clock, struct timer *timer, uint64_t delay_us) { clock->timer_start(clock, timer, delay_us); }
static inline void clock_timer_stop(struct clock *clock, struct timer *timer) { clock->timer_stop(clock, timer); }
static inline void clock_defer(struct clock *clock, struct deferred *deferred) { clock->defer(clock, deferred); }
static inline void clock_undefer(struct clock *clock, struct deferred *deferred) { clock->undefer(clock, deferred); }

#endif
