/* Orders: key order_id. Commands, events and view: proto/service/order/v1/order.proto.
 *
 * OrderCreated starts the saga <order_id>.s1 and asks every product and the customer; their answers go to the saga. An
 * order is confirmed only with a capture, and cancelled only before it is confirmed (I05). */
#ifndef SERVICES_ORDER_ORDER_H
#define SERVICES_ORDER_ORDER_H

#include "services/commands.h"
#include "services/service.h"

enum { ORDER_TAX_PERCENT = 10 };

extern const struct service order_service;

#endif
