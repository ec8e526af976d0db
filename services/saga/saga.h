/* The order fulfilment saga, choreographed: key <order_id>.s1, affinity order_id. proto/service/saga/v1/saga.proto.
 *
 * The saga joins what the others report and asks the next one (spec/services.md section 5):
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

#include "services/commands.h"
#include "services/service.h"

enum { SAGA_TIMER_DEADLINE = 1 };
#define SAGA_DEADLINE_MS 60000u            /* log time from OrderCreated */

extern const struct service saga_service;

#endif
