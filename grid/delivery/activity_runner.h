/* Runs a partition's activities while this node leads it (D8, R5, R9).
 *
 * Each unfinished activity is requested from the sink of its service with its key from the log, at least once, until there is a definite
 * answer; the caller proposes the answer as a command. A missing answer, a timeout or an unavailable destination is
 * never taken for a refusal: the request is repeated with the same key, after 500 ms doubling to 8 s, with jitter. While the breaker of the
 * destination is open the activity waits; it is never lost. When leadership is lost, calls are cancelled; the next leader repeats them.
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

/* Repeated attempts. */
struct activity_retries { uint64_t answered, unanswered; };

/* Where the activities of one service run: its sink, and the state that all runners of a node share. */
struct destination {
    struct sink *sink;                 /* borrowed */
    struct breaker breaker;
    bool unguarded;                    /* the breaker is not used */
    struct activity_retries retries;
};

struct activity_runner_options {
    struct clock *clock;
    struct destination *destinations;  /* shared by the node's runners; borrowed */
    size_t destinations_count;
    struct prng *jitter;               /* borrowed */
    /* An answer; the activity stays known until activity_runner_finish. */
    void (*answered)(void *context, uint64_t id, enum activity_outcome outcome, struct bytes body, struct bytes note);
    /* The breaker delays this activity for the first time; may be NULL. May be called inside activity_runner_start. */
    void (*postponed)(void *context, uint64_t id);
    void *context;
};

struct activity_runner *activity_runner_open(const struct activity_runner_options *options);
void activity_runner_close(struct activity_runner *runner);        /* cancels everything */
/* Starts an activity unless it is known already. An activity of a service without a destination on this node is skipped: it waits for a
 * leader that has one. False: ACTIVITIES_RUNNING_MAX are running; offer it again later. */
bool activity_runner_start(struct activity_runner *runner, const struct activity *activity);
/* The activity's result is in the log: forget it. */
void activity_runner_finish(struct activity_runner *runner, uint64_t id);
/* The result command was refused and had no effect: request the activity again, later, with the same key. */
void activity_runner_repeat(struct activity_runner *runner, uint64_t id);
/* The result command was applied: finish or repeat the activity, as the encoded response says. */
void activity_runner_applied(struct activity_runner *runner, uint64_t id, struct bytes response);
size_t activity_runner_count(const struct activity_runner *runner);
uint64_t activity_runner_retries(const struct activity_runner *runner); /* repeated attempts, in total */

#endif
