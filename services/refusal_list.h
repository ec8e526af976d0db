/* Every business "no" of the built-in services: one list, so that a service understands the answers of every other service.
 * Append only; the numbers are in answers between partitions and in completions. From 10000 on they belong to users. */
#ifndef SERVICES_REFUSAL_LIST_H
#define SERVICES_REFUSAL_LIST_H

#include <stdint.h>

#define REFUSAL_LIST(X)                                                                                   \
    X(1, VALIDATION_ERROR)          /* a field is wrong; the reason names field and bound */              \
    X(2, ALREADY_EXISTS)            /* same id, other content */                                          \
    X(3, UNPROCESSABLE)             /* a message that this version cannot read or serve */                \
    X(10, CUSTOMER_NOT_FOUND)                                                                             \
    X(11, CUSTOMER_NOT_ACTIVE)                                                                            \
    X(12, INVALID_CUSTOMER_STATE)                                                                         \
    X(20, PRODUCT_NOT_FOUND)        /* a command by hand */                                               \
    X(21, UNKNOWN_PRODUCT)          /* an order's line */                                                 \
    X(22, DISCONTINUED)                                                                                   \
    X(23, PRICE_CHANGED)                                                                                  \
    X(24, INSUFFICIENT_STOCK)                                                                             \
    X(25, RESERVATION_NOT_FOUND)                                                                          \
    X(26, RESERVATION_EXISTS)       /* same reservation id, other content or another asker */             \
    X(27, RESERVATION_RELEASED)     /* its release came first */                                          \
    X(30, ORDER_NOT_FOUND)                                                                                \
    X(31, INVALID_ORDER_STATE)                                                                            \
    X(32, PAYMENT_NOT_CAPTURED)                                                                           \
    X(40, PAYMENT_NOT_FOUND)                                                                              \
    X(41, INVALID_PAYMENT_STATE)                                                                          \
    X(42, PAYMENT_CANCELLED)        /* its refund came first */                                           \
    X(43, REFUND_TOO_LARGE)                                                                               \
    X(50, SAGA_NOT_FOUND)                                                                                 \
    X(51, INVALID_SAGA_STATE)

enum refusal {
    REFUSAL_NONE = 0,
#define X(number, name) REFUSAL_##name = (number),
    REFUSAL_LIST(X)
#undef X
};

/* "INSUFFICIENT_STOCK"; "REFUSED" for a code that is not in the list. */
const char *refusal_name(uint32_t code);

#endif
