#include "tests/support/guest_service.h"

#include <stddef.h>

#include "grid/base/check.h"
#include "service/account/v1/account.pb-c.h"
#include "services/message.h"

enum { INVITED = 1, ANSWERED = 2 };

#define X(number, name) extern const struct service name##_service;
SERVICE_LIST(X)
#undef X

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type, const void *command,
                   struct service_decision *decision)
{
    (void)call;
    (void)type;
    Account__V1__CustomerCreated *event = arena_alloc(call->arena, sizeof *event);
    account__v1__customer_created__init(event);
    event->name = ((const Account__V1__CreateCustomer *)command)->name;
    event->email = ((const Account__V1__CreateCustomer *)command)->email;
    event->address = ((const Account__V1__CreateCustomer *)command)->address;
    if (state->view != NULL)
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "invited before");
    else
        service_emit(decision, INVITED, event);
}

static void decide_result(const struct service_call *call, const struct service_state *state, const struct service_result *result,
                          struct service_decision *decision)
{
    Account__V1__CustomerUpdated *event = arena_alloc(call->arena, sizeof *event);
    HOLDS(state->view != NULL && result->kind == GUEST_LETTER && result->outcome == ACTIVITY_REFUSED);
    account__v1__customer_updated__init(event);
    event->name = arena_text(call->arena, result->note);
    event->phone = arena_format(call->arena, "%zu bytes", result->body.size);
    service_emit(decision, ANSWERED, event);
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    if (type == INVITED) {
        Account__V1__Customer *guest = arena_alloc(call->arena, sizeof *guest);
        account__v1__customer__init(guest);
        guest->name = ((const Account__V1__CustomerCreated *)body)->name;
        state->view = guest;
        return;
    }
    ((Account__V1__Customer *)state->view)->name = ((const Account__V1__CustomerUpdated *)body)->name;
    ((Account__V1__Customer *)state->view)->phone = ((const Account__V1__CustomerUpdated *)body)->phone;
}

/* The message has no address, so that the customer that it creates does not create another one. */
static void bring_along(const struct service_call *call, const Account__V1__CustomerCreated *event, struct service_reaction *reaction)
{
    Account__V1__CreateCustomer *invite = arena_alloc(call->arena, sizeof *invite);
    account__v1__create_customer__init(invite);
    invite->name = event->name;
    service_send(reaction, &(struct service_message){.service = GUEST, .type = GUEST_INVITE, .key = bytes_of_text(event->address), .body = invite});
}

static void react(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                  struct service_reaction *reaction)
{
    const Account__V1__CustomerCreated *invited = event;
    (void)state;
    if (type == INVITED && invited->email[0] != 0)
        service_start(reaction, &(struct service_activity){.kind = GUEST_LETTER, .key = call->event_id, .request = event});
    if (type == INVITED && invited->address[0] != 0)
        bring_along(call, invited, reaction);
}

static void take_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                        struct service_notice *notice)
{
    (void)call;
    (void)state;
    (void)event;
    if (type == INVITED)
        service_sample(notice, &(struct service_sample){.metric = GUEST_METRIC_INVITED, .value = 1});
}

static void holds(const struct service_state *state)
{
    HOLDS(state->view != NULL);
}

static const struct service_command_kind commands[] = {{GUEST_INVITE, "Invite", &account__v1__create_customer__descriptor, false, NULL, false}};
static const struct service_event_kind events[] = {
    {.type = INVITED, .version = 1, .name = "Invited", .descriptor = &account__v1__customer_created__descriptor},
    {.type = ANSWERED, .version = 1, .name = "Answered", .descriptor = &account__v1__customer_updated__descriptor},
};
static const struct service_metric metrics[] = {{.kind = SERVICE_COUNTER, .name = "guests_invited_total", .help = "Guests invited."}};
const struct service guest_service = {
    .number = GUEST, .name = "guest", .aggregate = "guest", .affinity = SERVICE_AFFINITY_KEY,
    .commands = commands, .commands_count = 1, .events = events, .events_count = 2,
    .view = &account__v1__customer__descriptor, .view_sequence_offset = offsetof(Account__V1__Customer, sequence),
    .decide = decide, .decide_result = decide_result, .evolve = evolve, .react = react,
    .metrics = metrics, .metrics_count = 1, .notice = take_notice, .holds = holds,
};

const struct service_registry *registry_with_guests(void)
{
    static const struct service *const services[] = {
        &guest_service,
#define X(number, name) &name##_service,
        SERVICE_LIST(X)
#undef X
    };
    static const struct service_registry registry = {.services = services, .count = sizeof services / sizeof services[0]};
    return &registry;
}
