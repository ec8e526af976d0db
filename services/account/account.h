/* Customers: key customer_id. Commands, events and view: proto/service/account/v1/account.proto. */
#ifndef SERVICES_ACCOUNT_ACCOUNT_H
#define SERVICES_ACCOUNT_ACCOUNT_H

#include "services/commands.h"
#include "services/service.h"

extern const struct service account_service;

#endif
