/* Effects outside the grid (R5, R9): a destination that runs the activities of one service.
 *
 * A call is made at least once with a key fixed in the log beforehand; the destination answers a repeated key with its
 * first outcome. Only the service and its sink know the meaning of kinds and bytes; the log and the node do not read them.
 * `done` runs on the loop, exactly once, unless the call was cancelled. Requests are borrowed until done. */
#ifndef GRID_IO_SINK_H
#define GRID_IO_SINK_H

#include "grid/base/activity.h"
#include "grid/base/bytes.h"
#include "grid/base/err.h"

struct sink_request {
    uint32_t service, kind;            /* number of the service, and its number for the kind of activity */
    struct bytes key;                  /* idempotency key */
    struct bytes request;              /* what to do, encoded by the service */
    /* err is OK with the outcome DONE or REFUSED, or UNAVAILABLE/TIMEOUT without a definite answer: the caller repeats the
     * same key. `body` is for the service, `note` a text for people: UTF-8, why it was refused. An answer of more than
     * ACTIVITY_ANSWER_BYTES_MAX counts as no answer. */
    void (*done)(void *context, enum grid_err err, enum activity_outcome outcome, struct bytes body, struct bytes note);
    void *context;
    void *internal;                    /* belongs to the implementation */
};

struct sink {
    const char *name;                  /* of the destination, for people: a label of metrics */
    uint32_t service;                  /* the service whose activities it runs */
    void (*run)(struct sink *sink, struct sink_request *request);
    void (*cancel)(struct sink *sink, struct sink_request *request);   /* done will not run; the effect may still happen */
};

#endif
