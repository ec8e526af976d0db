/* Payments: key <order_id>.p<n>, affinity order_id. Commands, events and view: proto/service/payment/v1/payment.proto.
 *
 * The intent to charge or refund is an event with its idempotency key, logged before the provider is called (R9); the
 * provider's answer comes back as the activity's result. A refund that finds no payment leaves it FAILED, so that a
 * charge that comes later is refused (I09). */
#ifndef SERVICES_PAYMENT_PAYMENT_H
#define SERVICES_PAYMENT_PAYMENT_H

#include "services/service.h"

enum payment_command {
    PAYMENT_CHARGE_PAYMENT = 1,
    PAYMENT_REFUND_PAYMENT = 2,
};

enum payment_event {
    PAYMENT_PAYMENT_REQUESTED = 1,
    PAYMENT_REFUND_REQUESTED = 2,
    PAYMENT_PAYMENT_PROCESSED = 3,
    PAYMENT_PAYMENT_FAILED = 4,
    PAYMENT_PAYMENT_REFUNDED = 5,
    PAYMENT_REFUND_FAILED = 6,
};

extern const struct service payment_service;

#endif
