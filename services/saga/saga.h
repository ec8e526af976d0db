/* The order fulfilment saga, choreographed: key <order_id>.s1, affinity order_id. proto/service/saga/v1/saga.proto.
 *
 * The saga joins what the others report and tells whoever is next (spec/services.md section 5):
 *
 *     1 CreateOrder     order      OrderCreated starts the saga; the order has already asked products and customer
 *     2 ReserveStock    inventory  every line reserved and the customer checked
 *     3 ProcessPayment  payment    one charge for the total
 *     4 ConfirmOrder    order      confirmed; the order then tells every product to commit
 *
 * The first refusal, a declined charge, the deadline or a person begins the compensation; it runs backwards and each
 * stage waits for all answers of the one before: a charge under way is waited for, a capture is refunded, lines are
 * released, the order is cancelled. The saga ends COMPENSATED, or TIMED_OUT when the deadline was the cause, or FAILED
 * when an undo was refused: then a person must look. Ends absorb whatever arrives later. */
#ifndef SERVICES_SAGA_SAGA_H
#define SERVICES_SAGA_SAGA_H

#include "services/service.h"

enum saga_command {                        /* all internal */
    SAGA_START_SAGA = 1,
    SAGA_PAYMENT_SETTLED = 2,
    SAGA_CANCEL_SAGA = 3,
};

enum saga_event {
    SAGA_SAGA_STARTED = 1,
    SAGA_STEP_RECORDED = 2,
    SAGA_SAGA_COMPLETED = 3,
    SAGA_SAGA_COMPENSATED = 4,
    SAGA_SAGA_FAILED = 5,
    SAGA_SAGA_TIMED_OUT = 6,
};

enum saga_step { SAGA_STEP_CREATE = 1, SAGA_STEP_RESERVE = 2, SAGA_STEP_PAY = 3, SAGA_STEP_CONFIRM = 4, SAGA_STEPS = 4 };

/* References of what is asked on the saga's behalf: the question in the upper half, the line in the lower. */
enum saga_question { SAGA_ASKED_RESERVE = 1, SAGA_ASKED_CHECK = 2, SAGA_ASKED_RELEASE = 3, SAGA_ASKED_CHARGE = 4,
                     SAGA_ASKED_CONFIRM = 5, SAGA_ASKED_CANCEL = 6, SAGA_ASKED_REFUND = 7 };
static inline uint64_t saga_reference(enum saga_question question, uint32_t line) { return ((uint64_t)question << 32) | line; }

enum { SAGA_TIMER_DEADLINE = 1 };
#define SAGA_DEADLINE_MS 60000u            /* log time from OrderCreated */

extern const struct service saga_service;

#endif
