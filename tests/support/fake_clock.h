/* A clock that stands still until a test moves it (grid/io/clock.h).
 *
 * An iteration of the loop is what happens between two calls of fake_clock_run. Ownership: the caller's memory; timers
 * and deferred work are borrowed. Single threaded. */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include "grid/io/clock.h"

struct fake_clock {
    struct clock clock;                       /* first: hand out &fake.clock */
    uint64_t now_us;
    struct timer_queue timers;
    struct deferred *first, *last;
};

void fake_clock_init(struct fake_clock *fake);
void fake_clock_close(struct fake_clock *fake);
/* Ends an iteration: runs what was deferred, and what that defers, until nothing is left. */
void fake_clock_run(struct fake_clock *fake);
/* Moves time, firing what becomes due in order; each firing is an iteration of its own. */
void fake_clock_advance(struct fake_clock *fake, uint64_t us);

#endif
