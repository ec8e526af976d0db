#include "services/order/order.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/money.h"
#include "services/validate.h"

#define ORDER_PENDING ORDER__V1__ORDER_STATUS__ORDER_STATUS_PENDING
#define ORDER_CONFIRMED ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED
#define ORDER_CANCELLED ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED
#define MODE_CHOREOGRAPHED ORDER__V1__SAGA_MODE__SAGA_MODE_CHOREOGRAPHED

_Static_assert(ORDER_LINES_MAX + 2 <= SERVICE_OUTPUTS_MAX, "an order's messages fit one reaction");

/* Ids that are derived from the order's: <order_id>.s1, <order_id>.p1. */
static struct bytes derived_id(const struct service_call *call, const char *suffix)
{
    return bytes_of_text(
        arena_format(call->arena, "%.*s%s", (int)call->key.size, (const char *)call->key.data, suffix));
}

/* ---- decide: create */

static Order__V1__SagaMode mode_of(const Order__V1__CreateOrder *command)
{
    return command->mode == ORDER__V1__SAGA_MODE__SAGA_MODE_UNSPECIFIED ? MODE_CHOREOGRAPHED : command->mode;
}

/* What was asked for, without the quote: prices and names may have been read anew for the same order. */
static bool same_content(const Order__V1__Order *order, const Order__V1__CreateOrder *command)
{
    if (strcmp(order->customer_id, command->customer_id) != 0 || order->n_lines != command->n_lines ||
        strcmp(order->shipping_address, command->shipping_address) != 0 ||
        order->payment_method != command->payment_method || order->mode != mode_of(command))
        return false;
    for (size_t i = 0; i < order->n_lines; i++)
        if (strcmp(order->lines[i]->product_id, command->lines[i]->product_id) != 0 ||
            order->lines[i]->quantity != command->lines[i]->quantity)
            return false;
    return true;
}

static void check_line(struct validation *validation, size_t index, const Order__V1__QuotedLine *line)
{
    uint32_t failures = validation->count;
    validation_id(validation, "lines.productId", line->product_id);
    validation_range(validation, "lines.quantity", line->quantity, BOUND_QUANTITY);
    validation_range(validation, "lines.unitPrice", line->unit_price_minor, BOUND_PRICE);
    validation_text(validation, "lines.name", line->name, BOUND_QUOTED_NAME);
    validation_text(validation, "lines.sku", line->sku, BOUND_QUOTED_SKU);
    if (validation->count != failures)
        validation_fail(validation, "lines", arena_format(validation->arena, "see line %zu", index + 1));
}

static bool check_order(const struct service_call *call, const Order__V1__CreateOrder *command,
                        struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_id(&validation, "customerId", command->customer_id);
    if (command->n_lines < 1 || command->n_lines > ORDER_LINES_MAX)
        validation_fail(&validation, "lines", "1 to 100 lines");
    for (size_t i = 0; i < command->n_lines && i < ORDER_LINES_MAX; i++)
        check_line(&validation, i, command->lines[i]);
    validation_text(&validation, "shippingAddress", command->shipping_address, BOUND_ADDRESS);
    if (command->payment_method < PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD ||
        command->payment_method > PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_DIGITAL_WALLET)
        validation_fail(&validation, "paymentMethod", "CREDIT_CARD, DEBIT_CARD, BANK_TRANSFER or DIGITAL_WALLET");
    if (mode_of(command) != MODE_CHOREOGRAPHED)
        validation_fail(&validation, "mode", "only choreographed is supported");
    validation_currency(&validation, "currency", command->currency);
    validation_text(&validation, "customerName", command->customer_name, BOUND_QUOTED_CUSTOMER);
    validation_text(&validation, "customerEmail", command->customer_email, BOUND_QUOTED_EMAIL);
    return validation_end(&validation, decision);
}

/* Fills lines and sums; false: the sum does not fit. */
static bool add_up(const struct service_call *call, const Order__V1__CreateOrder *command,
                   Order__V1__OrderCreated *event)
{
    struct money subtotal = {.minor = 0, .currency = command->currency}, tax, total;
    event->n_lines = command->n_lines;
    event->lines = arena_alloc(call->arena, command->n_lines * sizeof *event->lines);
    for (size_t i = 0; i < command->n_lines; i++) {
        const Order__V1__QuotedLine *quoted = command->lines[i];
        Order__V1__OrderLine *line = event->lines[i] = arena_alloc(call->arena, sizeof *line);
        order__v1__order_line__init(line);
        line->product_id = quoted->product_id;
        line->name = quoted->name;
        line->sku = quoted->sku;
        line->quantity = quoted->quantity;
        line->unit_price_minor = quoted->unit_price_minor;
        struct money price = {.minor = quoted->unit_price_minor, .currency = command->currency}, line_total;
        if (money_times(price, quoted->quantity, &line_total) != MONEY_OK ||
            money_add(subtotal, line_total, &subtotal) != MONEY_OK)
            return false;
        line->line_total_minor = line_total.minor;
    }
    if (money_percent(subtotal, ORDER_TAX_PERCENT, &tax) != MONEY_OK || money_add(subtotal, tax, &total) != MONEY_OK)
        return false;
    event->subtotal_minor = subtotal.minor;
    event->tax_minor = tax.minor;
    event->total_minor = total.minor;
    return true;
}

static void decide_create(const struct service_call *call, const Order__V1__Order *order,
                          const Order__V1__CreateOrder *command, struct service_decision *decision)
{
    if (order != NULL && same_content(order, command)) {
        service_same(decision, order->created_event_id);
        return;
    }
    if (order != NULL) {
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "an order with this id exists with other content");
        return;
    }
    if (!check_order(call, command, decision))
        return;
    Order__V1__OrderCreated *event = arena_alloc(call->arena, sizeof *event);
    order__v1__order_created__init(event);
    if (!add_up(call, command, event)) {
        service_refuse(decision, REFUSAL_VALIDATION_ERROR, "total: too large");
        return;
    }
    event->customer_id = command->customer_id;
    event->customer_name = command->customer_name;
    event->customer_email = command->customer_email;
    event->currency = command->currency;
    event->shipping_address = command->shipping_address;
    event->payment_method = command->payment_method;
    event->mode = mode_of(command);
    decision->flow_id = derived_id(call, ".s1");
    service_emit(decision, ORDER_ORDER_CREATED, event);
}

/* ---- decide: confirm and cancel */

static void refuse_state(const struct service_call *call, const Order__V1__Order *order,
                         struct service_decision *decision)
{
    const ProtobufCEnumValue *status =
        protobuf_c_enum_descriptor_get_value(&order__v1__order_status__descriptor, (int)order->status);
    const char *name = status == NULL ? "unknown" : status->name + strlen("ORDER_STATUS_");
    service_refuse(decision, REFUSAL_INVALID_ORDER_STATE,
                   arena_format(call->arena, "the order is %s%s", name,
                                order->cancellation_requested ? " and to be cancelled" : ""));
}

/* A person may confirm what a parked saga left behind with everything reserved; else the saga confirms. */
static bool saga_allows_confirm(const struct service_call *call)
{
    const Saga__V1__Saga *saga = call->peek(call, SERVICE_NUMBER_saga, derived_id(call, ".s1"));
    if (saga == NULL)
        return call->by_hand;
    if (!call->by_hand)
        return saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_IN_PROGRESS;
    if (saga->status != SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED)
        return false;
    for (size_t i = 0; i < saga->n_lines; i++)
        if (saga->lines[i]->state != SAGA__V1__LINE_STATE__LINE_STATE_RESERVED)
            return false;
    return true;
}

static void decide_confirm(const struct service_call *call, const Order__V1__Order *order,
                           struct service_decision *decision)
{
    if (order->status != ORDER_PENDING || order->cancellation_requested) {
        refuse_state(call, order, decision);
        return;
    }
    const Payment__V1__Payment *payment = call->peek(call, SERVICE_NUMBER_payment, derived_id(call, ".p1"));
    if (payment == NULL || payment->status != PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED ||
        payment->refund_pending_minor != 0 || payment->refunded_minor != 0) {
        service_refuse(decision, REFUSAL_PAYMENT_NOT_CAPTURED, "an order is confirmed only with a captured payment");
        return;
    }
    if (!saga_allows_confirm(call)) {
        service_refuse(decision, REFUSAL_INVALID_ORDER_STATE, "the order's saga has not left it to be confirmed");
        return;
    }
    Order__V1__OrderConfirmed *event = arena_alloc(call->arena, sizeof *event);
    order__v1__order_confirmed__init(event);
    event->confirmation_number =
        arena_format(call->arena, "CNF-%.*s", (int)call->event_id.size, (const char *)call->event_id.data);
    service_emit(decision, ORDER_ORDER_CONFIRMED, event);
}

static void decide_cancel(const struct service_call *call, const Order__V1__Order *order,
                          const Order__V1__CancelOrder *command, struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_text(&validation, "reason", command->reason, BOUND_REASON);
    validation_text(&validation, "cancelledBy", command->cancelled_by, BOUND_CANCELLED_BY);
    if (!validation_end(&validation, decision))
        return;
    if (order->status != ORDER_PENDING) {
        refuse_state(call, order, decision);
        return;
    }
    if (order->cancellation_requested) {
        service_same(decision, "");
        return;
    }
    const Saga__V1__Saga *saga = call->peek(call, SERVICE_NUMBER_saga, derived_id(call, ".s1"));
    if (saga == NULL || saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED) {
        service_refuse(decision, REFUSAL_INVALID_ORDER_STATE, "the order's saga is parked for a person");
        return;
    }
    Order__V1__OrderCancellationRequested *event = arena_alloc(call->arena, sizeof *event);
    order__v1__order_cancellation_requested__init(event);
    event->reason = command->reason;
    event->cancelled_by = command->cancelled_by;
    service_emit(decision, ORDER_CANCELLATION_REQUESTED, event);
}

static void decide_finish(const struct service_call *call, const Order__V1__Order *order,
                          const Order__V1__FinishCancellation *command, struct service_decision *decision)
{
    if (order->status == ORDER_CANCELLED) {
        service_same(decision, "");
        return;
    }
    if (order->status != ORDER_PENDING) {
        refuse_state(call, order, decision);
        return;
    }
    Order__V1__OrderCancelled *event = arena_alloc(call->arena, sizeof *event);
    order__v1__order_cancelled__init(event);
    event->reason = command->reason;
    event->cancelled_by = command->cancelled_by;
    service_emit(decision, ORDER_ORDER_CANCELLED, event);
}

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type,
                   const void *command, struct service_decision *decision)
{
    const Order__V1__Order *order = state->view;
    if (type != ORDER_CREATE_ORDER && order == NULL) {
        service_refuse(decision, REFUSAL_ORDER_NOT_FOUND, "no such order");
        return;
    }
    switch ((enum order_command)type) {
    case ORDER_CREATE_ORDER: decide_create(call, order, command, decision); break;
    case ORDER_CONFIRM_ORDER: decide_confirm(call, order, decision); break;
    case ORDER_CANCEL_ORDER: decide_cancel(call, order, command, decision); break;
    case ORDER_FINISH_CANCELLATION: decide_finish(call, order, command, decision); break;
    }
}

/* ---- evolve */

static void evolve_created(const struct service_call *call, struct service_state *state,
                           const Order__V1__OrderCreated *event)
{
    Order__V1__Order *order = state->view = arena_alloc(call->arena, sizeof *order);
    order__v1__order__init(order);
    order->order_id = arena_text(call->arena, call->key);
    order->created_at_ms = call->wall_time_ms;
    order->created_event_id = arena_text(call->arena, call->event_id);
    order->status = ORDER_PENDING;
    order->customer_id = event->customer_id;
    order->customer_name = event->customer_name;
    order->customer_email = event->customer_email;
    order->currency = event->currency;
    order->n_lines = event->n_lines;
    order->lines = event->lines;
    order->subtotal_minor = event->subtotal_minor;
    order->tax_minor = event->tax_minor;
    order->total_minor = event->total_minor;
    order->shipping_address = event->shipping_address;
    order->payment_method = event->payment_method;
    order->mode = event->mode;
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    if (type == ORDER_ORDER_CREATED)
        evolve_created(call, state, body);
    Order__V1__Order *order = state->view;
    order->updated_at_ms = call->wall_time_ms;
    switch ((enum order_event)type) {
    case ORDER_ORDER_CREATED: break;
    case ORDER_ORDER_CONFIRMED:
        order->status = ORDER_CONFIRMED;
        order->confirmation_number = ((const Order__V1__OrderConfirmed *)body)->confirmation_number;
        break;
    case ORDER_CANCELLATION_REQUESTED: order->cancellation_requested = true; break;
    case ORDER_ORDER_CANCELLED:
        order->status = ORDER_CANCELLED;
        order->cancel_reason = ((const Order__V1__OrderCancelled *)body)->reason;
        order->cancelled_by = ((const Order__V1__OrderCancelled *)body)->cancelled_by;
        break;
    }
}

/* ---- react */

static void start_saga(const struct service_call *call, const Order__V1__Order *order,
                       struct service_reaction *reaction)
{
    Saga__V1__StartSaga *start = arena_alloc(call->arena, sizeof *start);
    saga__v1__start_saga__init(start);
    start->order_id = order->order_id;
    start->customer_id = order->customer_id;
    start->n_product_ids = order->n_lines;
    start->product_ids = arena_alloc(call->arena, order->n_lines * sizeof *start->product_ids);
    for (size_t i = 0; i < order->n_lines; i++)
        start->product_ids[i] = order->lines[i]->product_id;
    start->currency = order->currency;
    start->total_minor = order->total_minor;
    start->payment_method = order->payment_method;
    start->mode = order->mode;
    start->initiating_event_id = order->created_event_id;
    service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_saga,
                                                     .type = SAGA_START_SAGA,
                                                     .key = derived_id(call, ".s1"),
                                                     .affinity = call->affinity,
                                                     .body = start});
}

static void ask_product(const struct service_call *call, const Order__V1__Order *order, size_t index,
                        struct service_reaction *reaction)
{
    const Order__V1__OrderLine *line = order->lines[index];
    Inventory__V1__ReserveStock *reserve = arena_alloc(call->arena, sizeof *reserve);
    inventory__v1__reserve_stock__init(reserve);
    reserve->order_id = order->order_id;
    reserve->line = (uint32_t)index + 1;
    reserve->quantity = line->quantity;
    reserve->currency = order->currency;
    reserve->price_minor = line->unit_price_minor;
    service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_inventory,
                                                     .type = INVENTORY_RESERVE_STOCK,
                                                     .key = bytes_of_text(line->product_id),
                                                     .body = reserve,
                                                     .reference = saga_reference(SAGA_ASKED_RESERVE, reserve->line),
                                                     .reply_service = SERVICE_NUMBER_saga,
                                                     .reply_key = derived_id(call, ".s1")});
}

static void ask_customer(const struct service_call *call, const Order__V1__Order *order,
                         struct service_reaction *reaction)
{
    Account__V1__CheckCustomer *check = arena_alloc(call->arena, sizeof *check);
    account__v1__check_customer__init(check);
    check->order_id = order->order_id;
    service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_account,
                                                     .type = ACCOUNT_CHECK_CUSTOMER,
                                                     .key = bytes_of_text(order->customer_id),
                                                     .body = check,
                                                     .reference = saga_reference(SAGA_ASKED_CHECK, 0),
                                                     .reply_service = SERVICE_NUMBER_saga,
                                                     .reply_key = derived_id(call, ".s1")});
}

static void commit_lines(const struct service_call *call, const Order__V1__Order *order,
                         struct service_reaction *reaction)
{
    for (size_t i = 0; i < order->n_lines; i++) {
        Inventory__V1__CommitStock *commit = arena_alloc(call->arena, sizeof *commit);
        inventory__v1__commit_stock__init(commit);
        commit->order_id = order->order_id;
        commit->line = (uint32_t)i + 1;
        service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_inventory,
                                                         .type = INVENTORY_COMMIT_STOCK,
                                                         .key = bytes_of_text(order->lines[i]->product_id),
                                                         .body = commit});
    }
}

static void cancel_saga(const struct service_call *call, const Order__V1__OrderCancellationRequested *event,
                        struct service_reaction *reaction)
{
    Saga__V1__CancelSaga *cancel = arena_alloc(call->arena, sizeof *cancel);
    saga__v1__cancel_saga__init(cancel);
    cancel->reason = event->reason;
    cancel->cancelled_by = event->cancelled_by;
    service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_saga,
                                                     .type = SAGA_CANCEL_SAGA,
                                                     .key = derived_id(call, ".s1"),
                                                     .affinity = call->affinity,
                                                     .body = cancel});
}

static void react(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                  struct service_reaction *reaction)
{
    const Order__V1__Order *order = state->view;
    switch ((enum order_event)type) {
    case ORDER_ORDER_CREATED:
        start_saga(call, order, reaction);
        for (size_t i = 0; i < order->n_lines; i++)
            ask_product(call, order, i, reaction);
        ask_customer(call, order, reaction);
        break;
    case ORDER_ORDER_CONFIRMED: commit_lines(call, order, reaction); break;
    case ORDER_CANCELLATION_REQUESTED: cancel_saga(call, event, reaction); break;
    case ORDER_ORDER_CANCELLED: break;
    }
}

/* ---- what admission counts, and what others do */

/* Per line a reservation and then a commit or a release; the customer's check, the deadline, a charge, a refund. */
static uint32_t creation_worst_case(const void *command)
{
    enum { CHECK = 1, DEADLINE = 1, CHARGE = 1, REFUND = 1 };
    const Order__V1__CreateOrder *create = command;
    uint32_t lines = create->n_lines < ORDER_LINES_MAX ? (uint32_t)create->n_lines : ORDER_LINES_MAX;
    return 2 * lines + CHECK + DEADLINE + CHARGE + REFUND;
}

/* By hand: the command does not say how many lines are to be committed. */
static uint32_t confirmation_worst_case(const void *command)
{
    (void)command;
    return ORDER_LINES_MAX;
}

enum order_metric { METRIC_REVENUE };

static const struct service_metric metrics[] = {
    [METRIC_REVENUE] = {.kind = SERVICE_COUNTER, .alone = true, .name = "order_revenue_total",
                        .help = "Totals of confirmed orders, in units of their currency.", .labels = {"currency"}},
};

static void take_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                   struct service_notice *notice)
{
    const Order__V1__Order *order = state->view;
    (void)call;
    (void)event;
    if (type != ORDER_ORDER_CONFIRMED)
        return;
    service_sample(notice, &(struct service_sample){.metric = METRIC_REVENUE, .value = order->total_minor,
                                                    .decimals = money_digits(order->currency), .labels = {{order->currency}}});
}

static void holds(const struct service_state *state)
{
    const Order__V1__Order *order = state->view;
    HOLDS(order->n_lines >= 1 && order->n_lines <= ORDER_LINES_MAX);
    HOLDS(order->total_minor == order->subtotal_minor + order->tax_minor && order->total_minor > 0);
    HOLDS(order->status != ORDER_CANCELLED || order->confirmation_number[0] == '\0');
}

static const struct service_command_kind commands[] = {
    {ORDER_CREATE_ORDER, "CreateOrder", &order__v1__create_order__descriptor, false, creation_worst_case, false},
    {ORDER_CONFIRM_ORDER, "ConfirmOrder", &order__v1__confirm_order__descriptor, false, confirmation_worst_case, false},
    {ORDER_CANCEL_ORDER, "CancelOrder", &order__v1__cancel_order__descriptor, false, NULL, true},
    {ORDER_FINISH_CANCELLATION, "FinishCancellation", &order__v1__finish_cancellation__descriptor, true, NULL, true},
};

static const struct service_event_kind events[] = {
    {.type = ORDER_ORDER_CREATED,
     .version = 1,
     .name = "OrderCreated",
     .descriptor = &order__v1__order_created__descriptor,
     .flow_step = SAGA_STEP_CREATE},
    {.type = ORDER_ORDER_CONFIRMED,
     .version = 1,
     .name = "OrderConfirmed",
     .descriptor = &order__v1__order_confirmed__descriptor,
     .flow_step = SAGA_STEP_CONFIRM},
    {.type = ORDER_CANCELLATION_REQUESTED,
     .version = 1,
     .name = "OrderCancellationRequested",
     .descriptor = &order__v1__order_cancellation_requested__descriptor},
    {.type = ORDER_ORDER_CANCELLED,
     .version = 1,
     .name = "OrderCancelled",
     .descriptor = &order__v1__order_cancelled__descriptor,
     .flow_step = SAGA_STEP_CREATE,
     .is_compensating = true},
};

const struct service order_service = {
    .number = SERVICE_NUMBER_order,
    .name = "order",
    .aggregate = "order",
    .flow_type = SERVICE_SAGA_TYPE,
    .affinity = SERVICE_AFFINITY_KEY,
    .commands = commands,
    .commands_count = sizeof commands / sizeof commands[0],
    .events = events,
    .events_count = sizeof events / sizeof events[0],
    .view = &order__v1__order__descriptor,
    .view_sequence_offset = offsetof(Order__V1__Order, sequence),
    .decide = decide,
    .evolve = evolve,
    .react = react,
    .metrics = metrics,
    .metrics_count = sizeof metrics / sizeof metrics[0],
    .notice = take_notice,
    .holds = holds,
};
