/* Effects outside the grid (R5, R9): a destination that runs the activities of one service.
 *
 * A call is made at least once with a key fixed in the log beforehand; the destination answers a repeated key with its
 * first outcome. What the kinds and bytes mean is between the service and its sink: neither the log nor a node looks inside.
 * `done` runs on the loop, exactly once, unless the call was cancelled. Requests are borrowed until done. */
#ifndef GRID_IO_SINK_H
#define GRID_IO_SINK_H

#include "grid/base/activity.h"
#include "grid/base/bytes.h"
#include "grid/base/err.h"

struct sink_request {
    uint32_t service, kind;            /* number of the service that asks, and its number of the activity */
    struct bytes key;                  /* idempotency key */
    struct bytes request;              /* what to do, in the service's own form */
    /* err is OK with the outcome DONE or REFUSED, or UNAVAILABLE/TIMEOUT when no definite answer came: the same key comes
     * again. `body` is for the service, `note` a text for people: UTF-8, why it was refused. An answer of more than
     * ACTIVITY_ANSWER_BYTES_MAX counts as none. */
    void (*done)(void *context, enum grid_err err, enum activity_outcome outcome, struct bytes body, struct bytes note);
    void *context;
    void *internal;                    /* belongs to the implementation */
};

struct sink {
    const char *name;                  /* of the destination, for people: a label of metrics */
    uint32_t service;                  /* whose activities it runs */
    void (*run)(struct sink *sink, struct sink_request *request);
    void (*cancel)(struct sink *sink, struct sink_request *request);   /* done will not run; the effect may still happen */
};

#endif
