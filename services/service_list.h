/* The services that are built in. Append only: a number is stored in every event and never reused.
 * X(number, name) with a `const struct service <name>_service` behind it. Numbers from 1000 on belong to users. */
#ifndef SERVICES_SERVICE_LIST_H
#define SERVICES_SERVICE_LIST_H

#define SERVICE_LIST(X) \
    X(1, account)       \
    X(2, inventory)     \
    X(3, order)         \
    X(4, payment)       \
    X(5, saga)

enum service_number {
    SERVICE_NONE = 0,
#define X(number, name) SERVICE_NUMBER_##name = (number),
    SERVICE_LIST(X)
#undef X
};

#endif
