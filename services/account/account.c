#include "services/account/account.h"

#include "grid/base/check.h"
#include "service/account/v1/account.pb-c.h"
#include "services/validate.h"

/* ---- decide */

static void decide_create(const struct service_call *call, const Account__V1__Customer *customer,
                          const Account__V1__CreateCustomer *command, struct service_decision *decision)
{
    uint64_t digest = digest_text(0, command->email);
    digest = digest_text(digest, command->name);
    digest = digest_text(digest, command->address);
    digest = digest_text(digest, command->phone);
    if (customer != NULL && customer->request_digest == digest) {
        service_same(decision, customer->created_event_id);
        return;
    }
    if (customer != NULL) {
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "a customer with this id exists with other content");
        return;
    }
    struct validation validation = validation_begin(call);
    validation_email(&validation, "email", command->email);
    validation_text(&validation, "name", command->name, BOUND_CUSTOMER_NAME);
    validation_text(&validation, "address", command->address, BOUND_ADDRESS);
    validation_text(&validation, "phone", command->phone, BOUND_CUSTOMER_PHONE);
    if (!validation_end(&validation, decision))
        return;
    Account__V1__CustomerCreated *event = arena_alloc(call->arena, sizeof *event);
    account__v1__customer_created__init(event);
    event->email = command->email;
    event->name = command->name;
    event->address = command->address;
    event->phone = command->phone;
    event->request_digest = digest;
    service_emit(decision, ACCOUNT_CUSTOMER_CREATED, event);
}

static void decide_update(const struct service_call *call, const Account__V1__Customer *customer,
                          const Account__V1__UpdateCustomer *command, struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_text(&validation, "name", command->name, BOUND_CUSTOMER_NAME);
    validation_text(&validation, "address", command->address, BOUND_ADDRESS);
    validation_text(&validation, "phone", command->phone, BOUND_CUSTOMER_PHONE);
    if (!validation_end(&validation, decision))
        return;
    if (customer->status == ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_CLOSED) {
        service_refuse(decision, REFUSAL_INVALID_CUSTOMER_STATE, "the customer is CLOSED");
        return;
    }
    Account__V1__CustomerUpdated *event = arena_alloc(call->arena, sizeof *event);
    account__v1__customer_updated__init(event);
    event->name = command->name;
    event->address = command->address;
    event->phone = command->phone;
    service_emit(decision, ACCOUNT_CUSTOMER_UPDATED, event);
}

static void decide_status(const struct service_call *call, const Account__V1__Customer *customer,
                          const Account__V1__ChangeCustomerStatus *command, struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    if (command->status < ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE ||
        command->status > ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_CLOSED)
        validation_fail(&validation, "status", "ACTIVE, SUSPENDED or CLOSED");
    validation_text(&validation, "reason", command->reason, BOUND_REASON);
    if (!validation_end(&validation, decision))
        return;
    if (customer->status == ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_CLOSED) {
        service_refuse(decision, REFUSAL_INVALID_CUSTOMER_STATE, "the customer is CLOSED");
        return;
    }
    Account__V1__CustomerStatusChanged *event = arena_alloc(call->arena, sizeof *event);
    account__v1__customer_status_changed__init(event);
    event->status = command->status;
    event->reason = command->reason;
    service_emit(decision, ACCOUNT_CUSTOMER_STATUS_CHANGED, event);
}

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type,
                   const void *command, struct service_decision *decision)
{
    const Account__V1__Customer *customer = state->view;
    if (type == ACCOUNT_CREATE_CUSTOMER) {
        decide_create(call, customer, command, decision);
        return;
    }
    if (customer == NULL) {
        service_refuse(decision, REFUSAL_CUSTOMER_NOT_FOUND, "no such customer");
        return;
    }
    switch ((enum account_command)type) {
    case ACCOUNT_CREATE_CUSTOMER: break;
    case ACCOUNT_UPDATE_CUSTOMER: decide_update(call, customer, command, decision); break;
    case ACCOUNT_CHANGE_CUSTOMER_STATUS: decide_status(call, customer, command, decision); break;
    case ACCOUNT_CHECK_CUSTOMER:
        if (customer->status != ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE)
            service_refuse(decision, REFUSAL_CUSTOMER_NOT_ACTIVE, "the customer is not ACTIVE");
        break;
    }
}

/* ---- evolve */

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    Account__V1__Customer *customer = state->view;
    if (customer == NULL) {
        REQUIRE(type == ACCOUNT_CUSTOMER_CREATED);
        customer = state->view = arena_alloc(call->arena, sizeof *customer);
        account__v1__customer__init(customer);
        customer->customer_id = arena_text(call->arena, call->key);
        customer->status = ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
        customer->created_at_ms = call->wall_time_ms;
        customer->created_event_id = arena_text(call->arena, call->event_id);
    }
    customer->updated_at_ms = call->wall_time_ms;
    switch ((enum account_event)type) {
    case ACCOUNT_CUSTOMER_CREATED: {
        const Account__V1__CustomerCreated *event = body;
        customer->email = event->email;
        customer->name = event->name;
        customer->address = event->address;
        customer->phone = event->phone;
        customer->request_digest = event->request_digest;
        break;
    }
    case ACCOUNT_CUSTOMER_UPDATED: {
        const Account__V1__CustomerUpdated *event = body;
        customer->name = event->name;
        customer->address = event->address;
        customer->phone = event->phone;
        break;
    }
    case ACCOUNT_CUSTOMER_STATUS_CHANGED:
        customer->status = ((const Account__V1__CustomerStatusChanged *)body)->status;
        break;
    }
}

static void holds(const struct service_state *state)
{
    const Account__V1__Customer *customer = state->view;
    HOLDS(customer->sequence >= 1);
    HOLDS(customer->status >= ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE);
}

static const struct service_command_kind commands[] = {
    {ACCOUNT_CREATE_CUSTOMER, "CreateCustomer", &account__v1__create_customer__descriptor, false, NULL, false},
    {ACCOUNT_UPDATE_CUSTOMER, "UpdateCustomer", &account__v1__update_customer__descriptor, false, NULL, false},
    {ACCOUNT_CHANGE_CUSTOMER_STATUS, "ChangeCustomerStatus", &account__v1__change_customer_status__descriptor, false, NULL, false},
    {ACCOUNT_CHECK_CUSTOMER, "CheckCustomer", &account__v1__check_customer__descriptor, true, NULL, false},
};

static const struct service_event_kind events[] = {
    {.type = ACCOUNT_CUSTOMER_CREATED,
     .version = 1,
     .name = "CustomerCreated",
     .descriptor = &account__v1__customer_created__descriptor},
    {.type = ACCOUNT_CUSTOMER_UPDATED,
     .version = 1,
     .name = "CustomerUpdated",
     .descriptor = &account__v1__customer_updated__descriptor},
    {.type = ACCOUNT_CUSTOMER_STATUS_CHANGED,
     .version = 1,
     .name = "CustomerStatusChanged",
     .descriptor = &account__v1__customer_status_changed__descriptor},
};

const struct service account_service = {
    .number = SERVICE_NUMBER_account,
    .name = "account",
    .aggregate = "customer",
    .flow_type = SERVICE_SAGA_TYPE,
    .affinity = SERVICE_AFFINITY_KEY,
    .commands = commands,
    .commands_count = sizeof commands / sizeof commands[0],
    .events = events,
    .events_count = sizeof events / sizeof events[0],
    .view = &account__v1__customer__descriptor,
    .view_sequence_offset = offsetof(Account__V1__Customer, sequence),
    .decide = decide,
    .evolve = evolve,
    .holds = holds,
};
