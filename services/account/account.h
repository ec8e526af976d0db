/* Customers: key customer_id. Commands, events and view: proto/service/account/v1/account.proto. */
#ifndef SERVICES_ACCOUNT_ACCOUNT_H
#define SERVICES_ACCOUNT_ACCOUNT_H

#include "services/service.h"

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

extern const struct service account_service;

#endif
