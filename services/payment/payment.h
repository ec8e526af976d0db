/* Payments: key <order_id>.p<n>, affinity order_id. Commands, events and view: proto/service/payment/v1/payment.proto.
 *
 * The intent to charge or refund is an event with its idempotency key, logged before the provider is called (R9); the
 * provider's answer comes back as the activity's result. A refund that finds no payment leaves it FAILED, so that a
 * charge that comes later is refused (I09). */
#ifndef SERVICES_PAYMENT_PAYMENT_H
#define SERVICES_PAYMENT_PAYMENT_H

#include "services/commands.h"
#include "services/service.h"

extern const struct service payment_service;

#endif
