#include "services/payment/payment.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/validate.h"

#define PENDING PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_PENDING
#define CAPTURED PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED
#define FAILED PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_FAILED
#define REFUNDED PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED

/* Bytes kept of a text of the provider. The rest is cut off. */
enum { PROVIDER_TEXT_BYTES_MAX = 400 };

/* ---- decide: charge */

/* <order_id>.p1 belongs to the order's saga: a person cannot use it, but pays as .p2 and so on. */
static bool is_sagas_payment(const struct service_call *call)
{
    struct bytes suffix = {call->key.data + call->affinity.size, call->key.size - call->affinity.size};
    return bytes_equal(suffix, bytes_of_text(".p1"));
}

static bool check_charge(const struct service_call *call, const Payment__V1__ChargePayment *command,
                         struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    if (!bytes_equal(bytes_of_text(command->order_id), call->affinity))
        validation_fail(&validation, "orderId", "the order that the payment's id begins with");
    if (call->by_hand && is_sagas_payment(call))
        validation_fail(&validation, "paymentId", "p1 is the saga's; by hand p2 and on");
    validation_id(&validation, "customerId", command->customer_id);
    validation_range(&validation, "amount", command->amount_minor, BOUND_CHARGE);
    validation_currency(&validation, "currency", command->currency);
    if (command->method < PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD ||
        command->method > PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_DIGITAL_WALLET)
        validation_fail(&validation, "method", "CREDIT_CARD, DEBIT_CARD, BANK_TRANSFER or DIGITAL_WALLET");
    return validation_end(&validation, decision);
}

static uint64_t digest_charge(const struct service_call *call, const Payment__V1__ChargePayment *command)
{
    uint64_t digest = digest_number(0, call->by_hand);
    digest = digest_text(digest, command->customer_id);
    digest = digest_number(digest, command->amount_minor);
    digest = digest_text(digest, command->currency);
    return digest_number(digest, (int64_t)command->method);
}

/* Fixed for ever by the saga and its step, or by the payment when a person asks. */
static char *charge_key(const struct service_call *call)
{
    if (call->by_hand || call->trace.flow_id.size == 0)
        return arena_format(call->arena, "%.*s.charge", (int)call->key.size, (const char *)call->key.data);
    return arena_format(call->arena, "%.*s.%d", (int)call->trace.flow_id.size, (const char *)call->trace.flow_id.data,
                        SAGA_STEP_PAY);
}

static void decide_charge(const struct service_call *call, const Payment__V1__Payment *payment,
                          const Payment__V1__ChargePayment *command, struct service_decision *decision)
{
    uint64_t digest = digest_charge(call, command);
    if (payment != NULL && payment->request_digest == digest) {
        service_same(decision, payment->created_event_id);
        return;
    }
    if (payment != NULL && payment->request_digest == 0) {
        service_refuse(decision, REFUSAL_PAYMENT_CANCELLED, "its refund came first");
        return;
    }
    if (payment != NULL) {
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "a payment with this id exists with other content");
        return;
    }
    if (!check_charge(call, command, decision))
        return;
    if (call->by_hand && call->peek(call, SERVICE_NUMBER_order, call->affinity) == NULL) {
        service_refuse(decision, REFUSAL_ORDER_NOT_FOUND, "no such order");
        return;
    }
    Payment__V1__PaymentRequested *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__payment_requested__init(event);
    event->order_id = command->order_id;
    event->customer_id = command->customer_id;
    event->amount_minor = command->amount_minor;
    event->currency = command->currency;
    event->method = command->method;
    event->idempotency_key = charge_key(call);
    event->request_digest = digest;
    service_emit(decision, PAYMENT_PAYMENT_REQUESTED, event);
}

/* ---- decide: refund */

/* The refund of a payment that never was: it stays FAILED, so that a charge that comes later is refused (I09). */
static void leave_tombstone(const struct service_call *call, struct service_decision *decision)
{
    Payment__V1__PaymentFailed *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__payment_failed__init(event);
    event->order_id = arena_text(call->arena, call->affinity);
    event->failure_reason = arena_text(call->arena, bytes_of_text("cancelled before it was asked for"));
    service_emit(decision, PAYMENT_PAYMENT_FAILED, event);
}

static char *refund_key(const struct service_call *call, const Payment__V1__Payment *payment)
{
    if (call->by_hand || payment->saga_id[0] == '\0')
        return arena_format(call->arena, "%s.refund.%u", payment->payment_id, (unsigned)payment->refunds + 1);
    return arena_format(call->arena, "%s.%d.undo", payment->saga_id, SAGA_STEP_PAY);
}

static void decide_refund(const struct service_call *call, const Payment__V1__Payment *payment,
                          const Payment__V1__RefundPayment *command, struct service_decision *decision)
{
    if (payment == NULL && !call->by_hand) {
        leave_tombstone(call, decision);
        return;
    }
    if (payment == NULL) {
        service_refuse(decision, REFUSAL_PAYMENT_NOT_FOUND, "no such payment");
        return;
    }
    struct validation validation = validation_begin(call);
    validation_range(&validation, "amount", command->amount_minor, BOUND_REFUND);
    validation_text(&validation, "reason", command->reason, BOUND_PASSED_REASON);
    if (!validation_end(&validation, decision))
        return;
    if (payment->status != CAPTURED || payment->refund_pending_minor != 0) {
        service_refuse(decision, REFUSAL_INVALID_PAYMENT_STATE,
                       "only a captured payment without a refund under way is refunded");
        return;
    }
    int64_t rest = payment->amount_minor - payment->refunded_minor;
    int64_t amount = command->amount_minor == 0 ? rest : command->amount_minor;
    if (amount > rest) {
        service_refuse(decision, REFUSAL_REFUND_TOO_LARGE, "more than what is captured and not refunded");
        return;
    }
    Payment__V1__RefundRequested *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__refund_requested__init(event);
    event->order_id = payment->order_id;
    event->amount_minor = amount;
    event->currency = payment->currency;
    event->reason = command->reason;
    event->idempotency_key = refund_key(call, payment);
    service_emit(decision, PAYMENT_REFUND_REQUESTED, event);
}

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type,
                   const void *command, struct service_decision *decision)
{
    switch ((enum payment_command)type) {
    case PAYMENT_CHARGE_PAYMENT: decide_charge(call, state->view, command, decision); break;
    case PAYMENT_REFUND_PAYMENT: decide_refund(call, state->view, command, decision); break;
    }
}

/* ---- decide: what the provider answered */

/* Said once for each charge: every leader finds its provider away anew. */
static void postpone(const struct service_call *call, const Payment__V1__Payment *payment,
                     struct service_decision *decision)
{
    if (payment->postponed)
        return;
    Payment__V1__PaymentPostponed *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__payment_postponed__init(event);
    event->order_id = payment->order_id;
    service_emit(decision, PAYMENT_PAYMENT_POSTPONED, event);
}

/* The provider's name for what it did. It comes from outside: what is no text is not kept. */
static char *transaction_of(const struct service_call *call, const struct service_result *result)
{
    struct bytes body = bytes_cut_text(result->body, PROVIDER_TEXT_BYTES_MAX);
    return arena_text(call->arena, wire_text_valid(body) ? body : BYTES_NONE);
}

static void charge_answered(const struct service_call *call, const Payment__V1__Payment *payment,
                            const struct service_result *result, struct service_decision *decision)
{
    if (payment->status != PENDING)
        return;
    if (result->outcome == ACTIVITY_POSTPONED) {
        postpone(call, payment, decision);
        return;
    }
    if (result->outcome == ACTIVITY_DONE) {
        Payment__V1__PaymentProcessed *event = arena_alloc(call->arena, sizeof *event);
        payment__v1__payment_processed__init(event);
        event->order_id = payment->order_id;
        event->customer_id = payment->customer_id;
        event->amount_minor = payment->amount_minor;
        event->currency = payment->currency;
        event->transaction_id = transaction_of(call, result);
        event->method = payment->method;
        service_emit(decision, PAYMENT_PAYMENT_PROCESSED, event);
        return;
    }
    Payment__V1__PaymentFailed *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__payment_failed__init(event);
    event->order_id = payment->order_id;
    event->customer_id = payment->customer_id;
    event->amount_minor = payment->amount_minor;
    event->currency = payment->currency;
    event->method = payment->method;
    event->failure_reason = arena_text(call->arena, result->note);
    service_emit(decision, PAYMENT_PAYMENT_FAILED, event);
}

static void refund_answered(const struct service_call *call, const Payment__V1__Payment *payment,
                            const struct service_result *result, struct service_decision *decision)
{
    if (payment->refund_pending_minor == 0 || result->outcome == ACTIVITY_POSTPONED)
        return;
    if (result->outcome == ACTIVITY_DONE) {
        Payment__V1__PaymentRefunded *event = arena_alloc(call->arena, sizeof *event);
        payment__v1__payment_refunded__init(event);
        event->order_id = payment->order_id;
        event->amount_minor = payment->refund_pending_minor;
        event->currency = payment->currency;
        event->reason = payment->refund_reason;
        event->refund_transaction_id = transaction_of(call, result);
        service_emit(decision, PAYMENT_PAYMENT_REFUNDED, event);
        return;
    }
    Payment__V1__RefundFailed *event = arena_alloc(call->arena, sizeof *event);
    payment__v1__refund_failed__init(event);
    event->order_id = payment->order_id;
    event->amount_minor = payment->refund_pending_minor;
    event->currency = payment->currency;
    event->failure_reason = arena_text(call->arena, result->note);
    service_emit(decision, PAYMENT_REFUND_FAILED, event);
}

static void decide_result(const struct service_call *call, const struct service_state *state,
                          const struct service_result *result, struct service_decision *decision)
{
    if (state->view == NULL)
        return;
    if (result->kind == PAYMENT_ACTIVITY_CHARGE)
        charge_answered(call, state->view, result, decision);
    else if (result->kind == PAYMENT_ACTIVITY_REFUND)
        refund_answered(call, state->view, result, decision);
}

/* ---- evolve */

static Payment__V1__Payment *new_payment(const struct service_call *call)
{
    Payment__V1__Payment *payment = arena_alloc(call->arena, sizeof *payment);
    payment__v1__payment__init(payment);
    payment->payment_id = arena_text(call->arena, call->key);
    payment->order_id = arena_text(call->arena, call->affinity);
    payment->saga_id = arena_text(call->arena, call->trace.flow_id);
    payment->created_at_ms = call->wall_time_ms;
    payment->created_event_id = arena_text(call->arena, call->event_id);
    payment->status = PENDING;
    return payment;
}

static void evolve_requested(Payment__V1__Payment *payment, const Payment__V1__PaymentRequested *event)
{
    payment->customer_id = event->customer_id;
    payment->amount_minor = event->amount_minor;
    payment->currency = event->currency;
    payment->method = event->method;
    payment->request_digest = event->request_digest;
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    if (state->view == NULL)
        state->view = new_payment(call);
    Payment__V1__Payment *payment = state->view;
    payment->updated_at_ms = call->wall_time_ms;
    switch ((enum payment_event)type) {
    case PAYMENT_PAYMENT_REQUESTED: evolve_requested(payment, body); break;
    case PAYMENT_PAYMENT_PROCESSED:
        payment->status = CAPTURED;
        payment->transaction_id = ((const Payment__V1__PaymentProcessed *)body)->transaction_id;
        payment->processed_at_ms = call->wall_time_ms;
        break;
    case PAYMENT_PAYMENT_FAILED:
        payment->status = FAILED;
        payment->failure_reason = ((const Payment__V1__PaymentFailed *)body)->failure_reason;
        payment->processed_at_ms = call->wall_time_ms;
        break;
    case PAYMENT_REFUND_REQUESTED:
        payment->refund_pending_minor = ((const Payment__V1__RefundRequested *)body)->amount_minor;
        payment->refund_reason = ((const Payment__V1__RefundRequested *)body)->reason;
        payment->refunds++;
        break;
    case PAYMENT_PAYMENT_REFUNDED:
        payment->refunded_minor += ((const Payment__V1__PaymentRefunded *)body)->amount_minor;
        payment->refund_pending_minor = 0;
        payment->refund_transaction_id = ((const Payment__V1__PaymentRefunded *)body)->refund_transaction_id;
        payment->status = payment->refunded_minor == payment->amount_minor ? REFUNDED : CAPTURED;
        break;
    case PAYMENT_PAYMENT_POSTPONED: payment->postponed = true; break;
    case PAYMENT_REFUND_FAILED:
        payment->refund_pending_minor = 0;
        payment->failure_reason = ((const Payment__V1__RefundFailed *)body)->failure_reason;
        break;
    }
}

/* ---- react */

static void tell_saga(const struct service_call *call, const Payment__V1__Payment *payment,
                      Saga__V1__Settlement settlement, struct service_reaction *reaction)
{
    if (payment->saga_id[0] == '\0')
        return;
    Saga__V1__PaymentSettled *settled = arena_alloc(call->arena, sizeof *settled);
    saga__v1__payment_settled__init(settled);
    settled->payment_id = payment->payment_id;
    settled->settlement = settlement;
    settled->transaction_id = payment->transaction_id;
    settled->reason = payment->failure_reason;
    service_send(reaction, &(struct service_message){.service = SERVICE_NUMBER_saga,
                                                     .type = SAGA_PAYMENT_SETTLED,
                                                     .key = bytes_of_text(payment->saga_id),
                                                     .affinity = call->affinity,
                                                     .body = settled});
}

static void ask_provider(const struct service_call *call, const Payment__V1__Payment *payment, enum payment_activity kind,
                         int64_t amount_minor, const char *key, struct service_reaction *reaction)
{
    Payment__V1__ProviderRequest *request = arena_alloc(call->arena, sizeof *request);
    payment__v1__provider_request__init(request);
    request->order_id = payment->order_id;
    request->amount_minor = amount_minor;
    request->currency = payment->currency;
    service_start(reaction, &(struct service_activity){.kind = kind, .key = bytes_of_text(key), .request = request});
}

static void react(const struct service_call *call, const struct service_state *state, uint32_t type, const void *body,
                  struct service_reaction *reaction)
{
    const Payment__V1__Payment *payment = state->view;
    switch ((enum payment_event)type) {
    case PAYMENT_PAYMENT_REQUESTED:
        ask_provider(call, payment, PAYMENT_ACTIVITY_CHARGE, payment->amount_minor,
                     ((const Payment__V1__PaymentRequested *)body)->idempotency_key, reaction);
        break;
    case PAYMENT_REFUND_REQUESTED:
        ask_provider(call, payment, PAYMENT_ACTIVITY_REFUND, payment->refund_pending_minor,
                     ((const Payment__V1__RefundRequested *)body)->idempotency_key, reaction);
        break;
    case PAYMENT_PAYMENT_PROCESSED:
        tell_saga(call, payment, SAGA__V1__SETTLEMENT__SETTLEMENT_CAPTURED, reaction);
        break;
    case PAYMENT_PAYMENT_FAILED: tell_saga(call, payment, SAGA__V1__SETTLEMENT__SETTLEMENT_DECLINED, reaction); break;
    case PAYMENT_PAYMENT_POSTPONED: tell_saga(call, payment, SAGA__V1__SETTLEMENT__SETTLEMENT_POSTPONED, reaction); break;
    case PAYMENT_PAYMENT_REFUNDED: tell_saga(call, payment, SAGA__V1__SETTLEMENT__SETTLEMENT_REFUNDED, reaction); break;
    case PAYMENT_REFUND_FAILED:
        tell_saga(call, payment, SAGA__V1__SETTLEMENT__SETTLEMENT_REFUND_FAILED, reaction);
        break;
    }
}

static void holds(const struct service_state *state)
{
    const Payment__V1__Payment *payment = state->view;
    HOLDS(payment->refunded_minor >= 0 && payment->refund_pending_minor >= 0);
    HOLDS(payment->refunded_minor + payment->refund_pending_minor <= payment->amount_minor);
    HOLDS(payment->status == CAPTURED || payment->refund_pending_minor == 0);
}

/* The activity. A refund is a compensation: it needs no room. */
static uint32_t charge_worst_case(const void *command)
{
    (void)command;
    return 1;
}

static const struct service_command_kind commands[] = {
    {PAYMENT_CHARGE_PAYMENT, "ChargePayment", &payment__v1__charge_payment__descriptor, false, charge_worst_case, false},
    {PAYMENT_REFUND_PAYMENT, "RefundPayment", &payment__v1__refund_payment__descriptor, false, NULL, true},
};

static const struct service_event_kind events[] = {
    {.type = PAYMENT_PAYMENT_REQUESTED,
     .version = 1,
     .name = "PaymentRequested",
     .descriptor = &payment__v1__payment_requested__descriptor,
     .flow_step = SAGA_STEP_PAY},
    {.type = PAYMENT_REFUND_REQUESTED,
     .version = 1,
     .name = "RefundRequested",
     .descriptor = &payment__v1__refund_requested__descriptor,
     .flow_step = SAGA_STEP_PAY,
     .is_compensating = true},
    {.type = PAYMENT_PAYMENT_PROCESSED,
     .version = 1,
     .name = "PaymentProcessed",
     .descriptor = &payment__v1__payment_processed__descriptor,
     .flow_step = SAGA_STEP_PAY},
    {.type = PAYMENT_PAYMENT_FAILED,
     .version = 1,
     .name = "PaymentFailed",
     .descriptor = &payment__v1__payment_failed__descriptor,
     .flow_step = SAGA_STEP_PAY},
    {.type = PAYMENT_PAYMENT_POSTPONED,
     .version = 1,
     .name = "PaymentPostponed",
     .descriptor = &payment__v1__payment_postponed__descriptor,
     .flow_step = SAGA_STEP_PAY},
    {.type = PAYMENT_PAYMENT_REFUNDED,
     .version = 1,
     .name = "PaymentRefunded",
     .descriptor = &payment__v1__payment_refunded__descriptor,
     .flow_step = SAGA_STEP_PAY,
     .is_compensating = true},
    {.type = PAYMENT_REFUND_FAILED,
     .version = 1,
     .name = "RefundFailed",
     .descriptor = &payment__v1__refund_failed__descriptor,
     .flow_step = SAGA_STEP_PAY,
     .is_compensating = true},
};

const struct service payment_service = {
    .number = SERVICE_NUMBER_payment,
    .name = "payment",
    .aggregate = "payment",
    .flow_type = SERVICE_SAGA_TYPE,
    .affinity = SERVICE_AFFINITY_PREFIX,
    .commands = commands,
    .commands_count = sizeof commands / sizeof commands[0],
    .events = events,
    .events_count = sizeof events / sizeof events[0],
    .view = &payment__v1__payment__descriptor,
    .view_sequence_offset = offsetof(Payment__V1__Payment, sequence),
    .decide = decide,
    .decide_result = decide_result,
    .evolve = evolve,
    .react = react,
    .holds = holds,
};
