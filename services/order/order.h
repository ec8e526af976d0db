/* Orders: key order_id. Commands, events and view: proto/service/order/v1/order.proto.
 *
 * OrderCreated starts the saga <order_id>.s1 and asks every product and the customer; their answers go to the saga. An
 * order is confirmed only with a capture, and cancelled only before it is confirmed (I05). */
#ifndef SERVICES_ORDER_ORDER_H
#define SERVICES_ORDER_ORDER_H

#include "services/service.h"

enum order_command {
    ORDER_CREATE_ORDER = 1,
    ORDER_CONFIRM_ORDER = 2,
    ORDER_CANCEL_ORDER = 3,
    ORDER_FINISH_CANCELLATION = 4,         /* internal */
};

enum order_event {
    ORDER_ORDER_CREATED = 1,
    ORDER_ORDER_CONFIRMED = 2,
    ORDER_CANCELLATION_REQUESTED = 3,
    ORDER_ORDER_CANCELLED = 4,
};

enum { ORDER_TAX_PERCENT = 10 };

extern const struct service order_service;

#endif
