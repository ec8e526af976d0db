/* Runs a partition's activities while this node leads it (D8, R5, R9).
 *
 * Every unfinished activity is asked at the sink of its service with its key from the log, at least once, until a definite
 * answer comes; the answer is handed back to be proposed as a command. No answer, a timeout or an unavailable destination is
 * never a refusal: it is asked again with the same key, after 500 ms doubling to 8 s, with jitter; while the breaker of the
 * destination is open it waits for that, and is never lost. Leadership lost: calls are cancelled; the next leader asks again.
 * Single threaded. */
#ifndef GRID_DELIVERY_ACTIVITY_RUNNER_H
#define GRID_DELIVERY_ACTIVITY_RUNNER_H

#include "grid/base/bytes.h"
#include "grid/base/prng.h"
#include "grid/delivery/breaker.h"
#include "grid/io/clock.h"
#include "grid/io/sink.h"

enum { ACTIVITIES_RUNNING_MAX = 256, ACTIVITY_RETRY_FIRST_US = 500 * 1000, ACTIVITY_RETRY_LAST_US = 8 * 1000 * 1000 };

struct activity {                      /* borrowed by activity_runner_start, copied inside */
    uint64_t id;
    uint32_t service, kind;
    struct bytes key, request;
};

struct activity_runner;

/* Attempts that were not the first of their activity. */
struct activity_retries { uint64_t answered, unanswered; };

/* Where the activities of one service are run: its sink, and what all runners of a node know of it. */
struct destination {
    struct sink *sink;                 /* borrowed */
    struct breaker breaker;
    bool unguarded;                    /* the breaker is not asked */
    struct activity_retries retries;
};

struct activity_runner_options {
    struct clock *clock;
    struct destination *destinations;  /* shared by the node's runners; borrowed */
    size_t destinations_count;
    struct prng *jitter;               /* borrowed */
    /* An answer; the activity stays known until activity_runner_finish. */
    void (*answered)(void *context, uint64_t id, enum activity_outcome outcome, struct bytes body, struct bytes note);
    /* The breaker holds this one back for the first time; NULL: nobody asks. May be called from activity_runner_start. */
    void (*postponed)(void *context, uint64_t id);
    void *context;
};

struct activity_runner *activity_runner_open(const struct activity_runner_options *options);
void activity_runner_close(struct activity_runner *runner);        /* cancels everything */
/* Starts an activity unless it is known already. One of a service without a destination here is passed over: it waits for a
 * leader that has one. False: ACTIVITIES_RUNNING_MAX run; offer it again later. */
bool activity_runner_start(struct activity_runner *runner, const struct activity *activity);
/* Its result is in the log: forget it. */
void activity_runner_finish(struct activity_runner *runner, uint64_t id);
/* Its result was refused and had no effect: ask again, later, with the same key. */
void activity_runner_repeat(struct activity_runner *runner, uint64_t id);
/* Its result was applied: finish or repeat, as the encoded response says. */
void activity_runner_applied(struct activity_runner *runner, uint64_t id, struct bytes response);
size_t activity_runner_count(const struct activity_runner *runner);
uint64_t activity_runner_retries(const struct activity_runner *runner); /* asked again, in total */

#endif
