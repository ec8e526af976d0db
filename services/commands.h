/* Numbers of the built-in services' commands (ServiceCommand.type), events (Event.type) and questions. Services do not
 * know each other: this file and proto/service contain all that one may ask of another. Append only, never reused. */
#ifndef SERVICES_COMMANDS_H
#define SERVICES_COMMANDS_H

#include <stdint.h>

enum account_command {                     /* ServiceCommand.type */
    ACCOUNT_CREATE_CUSTOMER = 1,
    ACCOUNT_UPDATE_CUSTOMER = 2,
    ACCOUNT_CHANGE_CUSTOMER_STATUS = 3,
    ACCOUNT_CHECK_CUSTOMER = 4,            /* internal */
};

enum account_event {
    ACCOUNT_CUSTOMER_CREATED = 1,
    ACCOUNT_CUSTOMER_UPDATED = 2,
    ACCOUNT_CUSTOMER_STATUS_CHANGED = 3,
};

enum inventory_command {
    INVENTORY_CREATE_PRODUCT = 1,
    INVENTORY_REPLENISH_STOCK = 2,
    INVENTORY_RESERVE_STOCK = 3,
    INVENTORY_RELEASE_STOCK = 4,
    INVENTORY_COMMIT_STOCK = 5,
};

enum inventory_event {
    INVENTORY_PRODUCT_CREATED = 1,
    INVENTORY_STOCK_REPLENISHED = 2,
    INVENTORY_STOCK_RESERVED = 3,
    INVENTORY_STOCK_RESERVATION_FAILED = 4,
    INVENTORY_STOCK_RELEASED = 5,
    INVENTORY_STOCK_COMMITTED = 6,
};

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
    PAYMENT_PAYMENT_POSTPONED = 7,
};

/* Requests to the payment provider (service_activity.kind), with a ProviderRequest. Done: the body is the
 * transaction, a text. Refused: the note says why. */
enum payment_activity { PAYMENT_ACTIVITY_CHARGE = 1, PAYMENT_ACTIVITY_REFUND = 2 };

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

/* References of questions on the saga's behalf: the question in the upper half, the line in the lower. */
enum saga_question { SAGA_ASKED_RESERVE = 1, SAGA_ASKED_CHECK = 2, SAGA_ASKED_RELEASE = 3, SAGA_ASKED_CHARGE = 4,
                     SAGA_ASKED_CONFIRM = 5, SAGA_ASKED_CANCEL = 6, SAGA_ASKED_REFUND = 7 };

static inline uint64_t saga_reference(enum saga_question question, uint32_t line)
{
    return ((uint64_t)question << 32) | line;
}

enum saga_step {
    SAGA_STEP_CREATE = 1,
    SAGA_STEP_RESERVE = 2,
    SAGA_STEP_PAY = 3,
    SAGA_STEP_CONFIRM = 4,
    SAGA_STEPS = 4,
};

#endif
