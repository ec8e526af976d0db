/* Effects outside the grid (R5, R9): the payment provider for now.
 *
 * A call is made at least once with a key fixed in the log beforehand; the provider answers a repeated key with its
 * first outcome. `done` runs on the loop, exactly once, unless the call was cancelled. Requests are borrowed until done. */
#ifndef GRID_IO_SINK_H
#define GRID_IO_SINK_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

enum payment_operation { PAYMENT_CHARGE = 1, PAYMENT_REFUND = 2 };

enum payment_outcome {
    PAYMENT_CAPTURED = 1,              /* charged (or refunded, for a refund); `transaction` names it */
    PAYMENT_DECLINED = 2,              /* a definite business "no"; `reason` says why */
                                       /* any other is no definite answer: asked again */
};

struct payment_request {
    enum payment_operation operation;
    struct bytes key;                  /* idempotency key */
    struct bytes order;                /* order id, for the ledger */
    int64_t amount_minor;
    struct bytes currency;             /* ISO 4217 */
    /* err is OK with an outcome, or UNAVAILABLE/TIMEOUT when no definite answer came: ask again with the same key. */
    void (*done)(void *context, enum grid_err err, enum payment_outcome outcome, struct bytes transaction, struct bytes reason);
    void *context;
    void *internal;                    /* belongs to the implementation */
};

struct sink {
    void (*payment)(struct sink *sink, struct payment_request *request);
    void (*payment_cancel)(struct sink *sink, struct payment_request *request); /* done will not run; the effect may still happen */
};

#endif
