/* Circuit breaker of one destination: stops calls to a destination that keeps failing, and tries it again carefully.
 *
 * Closed: everything may pass; the last BREAKER_WINDOW outcomes are kept, and at least BREAKER_CALLS_MIN of them with
 * BREAKER_OPEN_PERCENT failures open it. Open: nothing passes for BREAKER_OPEN_US. Half open: BREAKER_TRIALS calls may
 * pass; all good closes it, one failure opens it again. A definite "no" of the destination is a good outcome.
 * Pure: time is an argument. */
#ifndef GRID_DELIVERY_BREAKER_H
#define GRID_DELIVERY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_WINDOW = 10,
    BREAKER_CALLS_MIN = 5,
    BREAKER_OPEN_PERCENT = 50,
    BREAKER_OPEN_US = 10 * 1000 * 1000,
    BREAKER_TRIALS = 3,
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {                       /* all zero is a closed one */
    enum breaker_state state;
    bool failures[BREAKER_WINDOW];     /* ring of the last outcomes, while closed */
    uint32_t count, next;
    uint64_t opened_us;
    uint32_t trials, successes;        /* while half open: begun and good */
};

/* Whether a call may begin now. True counts as begun: report its outcome. */
bool breaker_allow(struct breaker *breaker, uint64_t now_us);
void breaker_report(struct breaker *breaker, bool good, uint64_t now_us);
/* A call that has begun was cancelled and will not report an outcome. */
void breaker_forget(struct breaker *breaker);
/* When to call breaker_allow again after it returned false. */
uint64_t breaker_retry_us(const struct breaker *breaker, uint64_t now_us);
void breaker_holds(const struct breaker *breaker);

#endif
