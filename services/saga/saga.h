/* The order fulfilment saga, choreographed: key <order_id>.s1, affinity order_id. proto/service/saga/v1/saga.proto.
 *
 * The saga joins the answers of the other services and asks the next one (spec/services.md section 5):
 *
 *     1 CreateOrder     order      OrderCreated starts the saga; the order has already asked products and customer
 *     2 ReserveStock    inventory  every line reserved and the customer checked
 *     3 ProcessPayment  payment    one charge for the total
 *     4 ConfirmOrder    order      confirmed; the order then tells every product to commit
 *
 * The first refusal, a declined charge, the deadline or a person begins the compensation. It runs in reverse order, and each
 * stage waits for all answers of the stage before: the saga waits for a charge without a result, refunds a capture, releases
 * the lines, and cancels the order. The saga ends COMPENSATED, or TIMED_OUT if the deadline was the cause, or FAILED
 * if a compensation was refused: then a person must look. An ended saga ignores later messages. */
#ifndef SERVICES_SAGA_SAGA_H
#define SERVICES_SAGA_SAGA_H

#include "services/commands.h"
#include "services/service.h"

enum { SAGA_TIMER_DEADLINE = 1 };
#define SAGA_DEADLINE_MS 60000u            /* log time from OrderCreated */

extern const struct service saga_service;

#endif
