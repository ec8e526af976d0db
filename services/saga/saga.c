#include "services/saga/saga.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/bounds.h"
#include "services/saga/meaning.h"

#define STARTED SAGA__V1__SAGA_STATUS__SAGA_STATUS_STARTED
#define IN_PROGRESS SAGA__V1__SAGA_STATUS__SAGA_STATUS_IN_PROGRESS
#define COMPLETED SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED
#define COMPENSATING SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATING
#define COMPENSATED SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED
#define FAILED SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED
#define TIMED_OUT SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT

#define STEP_PENDING SAGA__V1__STEP_STATUS__STEP_STATUS_PENDING
#define STEP_PENDING_RETRY SAGA__V1__STEP_STATUS__STEP_STATUS_PENDING_RETRY
#define STEP_COMPLETED SAGA__V1__STEP_STATUS__STEP_STATUS_COMPLETED
#define STEP_FAILED SAGA__V1__STEP_STATUS__STEP_STATUS_FAILED
#define STEP_COMPENSATED SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED

#define LINE_ASKED SAGA__V1__LINE_STATE__LINE_STATE_ASKED
#define LINE_RESERVED SAGA__V1__LINE_STATE__LINE_STATE_RESERVED
#define LINE_REFUSED SAGA__V1__LINE_STATE__LINE_STATE_REFUSED
#define LINE_RELEASING SAGA__V1__LINE_STATE__LINE_STATE_RELEASING
#define LINE_RELEASED SAGA__V1__LINE_STATE__LINE_STATE_RELEASED

#define CHECK_ASKED SAGA__V1__CHECK_STATE__CHECK_STATE_ASKED
#define CHECK_PASSED SAGA__V1__CHECK_STATE__CHECK_STATE_PASSED
#define CHECK_REFUSED SAGA__V1__CHECK_STATE__CHECK_STATE_REFUSED

#define CHARGE_NONE SAGA__V1__CHARGE_STATE__CHARGE_STATE_UNSPECIFIED
#define CHARGE_ASKED SAGA__V1__CHARGE_STATE__CHARGE_STATE_ASKED
#define CHARGE_CAPTURED SAGA__V1__CHARGE_STATE__CHARGE_STATE_CAPTURED
#define CHARGE_DECLINED SAGA__V1__CHARGE_STATE__CHARGE_STATE_DECLINED
#define CHARGE_REFUNDING SAGA__V1__CHARGE_STATE__CHARGE_STATE_REFUNDING
#define CHARGE_REFUNDED SAGA__V1__CHARGE_STATE__CHARGE_STATE_REFUNDED

#define CHANGED(what) SAGA__V1__CHANGE__CHANGE_##what
#define CAUSE(what) SAGA__V1__CAUSE__CAUSE_##what

_Static_assert(ORDER_LINES_MAX + 1 <= SERVICE_OUTPUTS_MAX, "a saga's releases fit one reaction");

static bool running(const Saga__V1__Saga *saga)
{
    return saga->status == STARTED || saga->status == IN_PROGRESS;
}

/* What a compensating saga waits for. Stages follow each other backwards and none begins before the other is answered. */
enum stage { STAGE_CHARGE, STAGE_REFUND, STAGE_RELEASE, STAGE_CANCEL };

static bool any_line(const Saga__V1__Saga *saga, Saga__V1__LineState state)
{
    for (size_t i = 0; i < saga->n_lines; i++)
        if (saga->lines[i]->state == state)
            return true;
    return false;
}

static enum stage stage_of(const Saga__V1__Saga *saga)
{
    REQUIRE(saga->status == COMPENSATING);
    if (saga->charge == CHARGE_ASKED)
        return STAGE_CHARGE;
    if (saga->charge == CHARGE_REFUNDING)
        return STAGE_REFUND;
    return any_line(saga, LINE_RELEASING) ? STAGE_RELEASE : STAGE_CANCEL;
}

/* ---- decide */

/* A saga's events name the saga, no matter what caused them: ticks and people do not know the saga. */
static void sign(const struct service_call *call, const Saga__V1__Saga *saga, struct service_decision *decision)
{
    decision->flow_id = call->key;
    if (saga != NULL)
        decision->correlation_id = bytes_of_text(saga->correlation_id);
}

static Saga__V1__SagaStepRecorded *record(const struct service_call *call, enum saga_step step, Saga__V1__Change change,
                                          struct service_decision *decision)
{
    Saga__V1__SagaStepRecorded *event = arena_alloc(call->arena, sizeof *event);
    saga__v1__saga_step_recorded__init(event);
    event->step = (uint32_t)step;
    event->change = change;
    service_emit(decision, SAGA_STEP_RECORDED, event);
    return event;
}

static Saga__V1__SagaStepRecorded *record_refusal(const struct service_call *call, enum saga_step step,
                                                  Saga__V1__Change change, uint32_t code,
                                                  struct service_decision *decision)
{
    Saga__V1__SagaStepRecorded *event = record(call, step, change, decision);
    event->refusal_code = code;
    event->reason = arena_text(call->arena, bytes_of_text(refusal_name(code)));
    return event;
}

static void fail(const struct service_call *call, const char *what, const char *reason,
                 struct service_decision *decision)
{
    Saga__V1__SagaFailed *event = arena_alloc(call->arena, sizeof *event);
    saga__v1__saga_failed__init(event);
    event->reason = arena_format(call->arena, "%s was refused: %s", what, reason);
    service_emit(decision, SAGA_SAGA_FAILED, event);
}

static void decide_start(const struct service_call *call, const Saga__V1__Saga *saga,
                         const Saga__V1__StartSaga *command, struct service_decision *decision)
{
    if (saga != NULL || command->n_product_ids == 0 || command->n_product_ids > ORDER_LINES_MAX) {
        service_refuse(decision, saga != NULL ? REFUSAL_ALREADY_EXISTS : REFUSAL_VALIDATION_ERROR, "cannot start");
        return;
    }
    Saga__V1__SagaStarted *event = arena_alloc(call->arena, sizeof *event);
    saga__v1__saga_started__init(event);
    event->order_id = command->order_id;
    event->customer_id = command->customer_id;
    event->n_product_ids = command->n_product_ids;
    event->product_ids = command->product_ids;
    event->currency = command->currency;
    event->total_minor = command->total_minor;
    event->payment_method = command->payment_method;
    event->mode = command->mode;
    event->saga_type = arena_text(call->arena, bytes_of_text(SERVICE_SAGA_TYPE));
    event->initiating_service = arena_text(call->arena, bytes_of_text("order"));
    event->initiating_event_id = command->initiating_event_id;
    event->deadline_ms = call->log_time_ms + SAGA_DEADLINE_MS;
    service_emit(decision, SAGA_SAGA_STARTED, event);
}

static void decide_settled(const struct service_call *call, const Saga__V1__Saga *saga,
                           const Saga__V1__PaymentSettled *command, struct service_decision *decision)
{
    Saga__V1__SagaStepRecorded *event = NULL;
    bool asked = saga->charge == CHARGE_ASKED, refunding = saga->charge == CHARGE_REFUNDING;
    if (!running(saga) && saga->status != COMPENSATING)
        return;
    switch (command->settlement) {
    case SAGA__V1__SETTLEMENT__SETTLEMENT_CAPTURED:
        if (asked)
            event = record(call, SAGA_STEP_PAY, CHANGED(CHARGE_CAPTURED), decision);
        break;
    case SAGA__V1__SETTLEMENT__SETTLEMENT_DECLINED:
        if (asked)
            event = record(call, SAGA_STEP_PAY, CHANGED(CHARGE_DECLINED), decision);
        break;
    case SAGA__V1__SETTLEMENT__SETTLEMENT_REFUNDED:
        if (refunding)
            event = record(call, SAGA_STEP_PAY, CHANGED(CHARGE_REFUNDED), decision);
        break;
    case SAGA__V1__SETTLEMENT__SETTLEMENT_POSTPONED:
        if (asked && running(saga))
            (void)record(call, SAGA_STEP_PAY, CHANGED(CHARGE_POSTPONED), decision);
        break;
    case SAGA__V1__SETTLEMENT__SETTLEMENT_REFUND_FAILED:
        if (refunding)
            fail(call, "the refund", command->reason, decision);
        break;
    case SAGA__V1__SETTLEMENT__SETTLEMENT_UNSPECIFIED:
    case _SAGA__V1__SETTLEMENT_IS_INT_SIZE:
    default: service_refuse(decision, REFUSAL_UNPROCESSABLE, "an unknown settlement"); break;
    }
    if (event != NULL) {
        event->transaction_id = command->transaction_id;
        event->reason = command->reason;
    }
}

static void decide_cancel(const struct service_call *call, const Saga__V1__Saga *saga,
                          const Saga__V1__CancelSaga *command, struct service_decision *decision)
{
    if (!running(saga))
        return;
    Saga__V1__SagaStepRecorded *event =
        record(call, (enum saga_step)saga->current_step, CHANGED(CANCEL_REQUESTED), decision);
    event->reason = command->reason;
    event->actor = command->cancelled_by;
}

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type,
                   const void *command, struct service_decision *decision)
{
    if (type != SAGA_START_SAGA && state->view == NULL) {
        service_refuse(decision, REFUSAL_SAGA_NOT_FOUND, "no such saga");
        return;
    }
    sign(call, state->view, decision);
    switch ((enum saga_command)type) {
    case SAGA_START_SAGA: decide_start(call, state->view, command, decision); break;
    case SAGA_PAYMENT_SETTLED: decide_settled(call, state->view, command, decision); break;
    case SAGA_CANCEL_SAGA: decide_cancel(call, state->view, command, decision); break;
    }
}

/* ---- decide: answers and the deadline */

static void line_answered(const struct service_call *call, const Saga__V1__Saga *saga, uint32_t line, uint32_t code,
                          struct service_decision *decision)
{
    if (!running(saga) || saga->lines[line - 1]->state != LINE_ASKED)
        return; /* its release is on the way behind this answer */
    if (code == 0)
        record(call, SAGA_STEP_RESERVE, CHANGED(LINE_RESERVED), decision)->line = line;
    else
        record_refusal(call, SAGA_STEP_RESERVE, CHANGED(LINE_REFUSED), code, decision)->line = line;
}

static void release_answered(const struct service_call *call, const Saga__V1__Saga *saga, uint32_t line, uint32_t code,
                             struct service_decision *decision)
{
    if (saga->status != COMPENSATING || saga->lines[line - 1]->state != LINE_RELEASING)
        return;
    if (code == 0)
        record(call, SAGA_STEP_RESERVE, CHANGED(LINE_RELEASED), decision)->line = line;
    else
        fail(call, arena_format(call->arena, "the release of line %u", (unsigned)line), refusal_name(code), decision);
}

static void check_answered(const struct service_call *call, const Saga__V1__Saga *saga, uint32_t code,
                           struct service_decision *decision)
{
    if (!running(saga) || saga->check != CHECK_ASKED)
        return;
    if (code == 0)
        (void)record(call, SAGA_STEP_RESERVE, CHANGED(CUSTOMER_PASSED), decision);
    else
        (void)record_refusal(call, SAGA_STEP_RESERVE, CHANGED(CUSTOMER_REFUSED), code, decision);
}

static void confirm_answered(const struct service_call *call, const Saga__V1__Saga *saga, uint32_t code,
                             struct service_decision *decision)
{
    if (!running(saga) || saga->charge != CHARGE_CAPTURED)
        return;
    if (code != 0) {
        (void)record_refusal(call, SAGA_STEP_CONFIRM, CHANGED(ORDER_REFUSED), code, decision);
        return;
    }
    Saga__V1__SagaCompleted *event = arena_alloc(call->arena, sizeof *event);
    saga__v1__saga_completed__init(event);
    service_emit(decision, SAGA_SAGA_COMPLETED, event);
}

static void cancel_answered(const struct service_call *call, const Saga__V1__Saga *saga, uint32_t code,
                            struct service_decision *decision)
{
    if (saga->status != COMPENSATING || stage_of(saga) != STAGE_CANCEL)
        return;
    if (code != 0) {
        fail(call, "the order's cancellation", refusal_name(code), decision);
    } else if (saga->cause == CAUSE(DEADLINE)) {
        Saga__V1__SagaTimedOut *event = arena_alloc(call->arena, sizeof *event);
        saga__v1__saga_timed_out__init(event);
        event->reason = saga->failure_reason;
        service_emit(decision, SAGA_SAGA_TIMED_OUT, event);
    } else {
        Saga__V1__SagaCompensated *event = arena_alloc(call->arena, sizeof *event);
        saga__v1__saga_compensated__init(event);
        event->reason = saga->failure_reason;
        service_emit(decision, SAGA_SAGA_COMPENSATED, event);
    }
}

static void decide_answer(const struct service_call *call, const struct service_state *state,
                          const struct service_answer *answer, struct service_decision *decision)
{
    const Saga__V1__Saga *saga = state->view;
    uint32_t line = (uint32_t)answer->reference, code = answer->code;
    enum saga_question question = (enum saga_question)(answer->reference >> 32);
    bool of_line = question == SAGA_ASKED_RESERVE || question == SAGA_ASKED_RELEASE;
    if (saga == NULL || (of_line && (line == 0 || line > saga->n_lines)))
        return;
    sign(call, saga, decision);
    switch (question) {
    case SAGA_ASKED_RESERVE: line_answered(call, saga, line, code, decision); break;
    case SAGA_ASKED_RELEASE: release_answered(call, saga, line, code, decision); break;
    case SAGA_ASKED_CHECK: check_answered(call, saga, code, decision); break;
    case SAGA_ASKED_CONFIRM: confirm_answered(call, saga, code, decision); break;
    case SAGA_ASKED_CANCEL: cancel_answered(call, saga, code, decision); break;
    case SAGA_ASKED_CHARGE: /* done: the request is logged; how it ends the payment tells */
        if (code != 0 && saga->charge == CHARGE_ASKED)
            (void)record_refusal(call, SAGA_STEP_PAY, CHANGED(CHARGE_DECLINED), code, decision);
        break;
    case SAGA_ASKED_REFUND:
        if (code != 0 && saga->status == COMPENSATING && saga->charge == CHARGE_REFUNDING)
            fail(call, "the refund", refusal_name(code), decision);
        break;
    }
}

static void decide_timer(const struct service_call *call, const struct service_state *state, uint32_t number,
                         struct service_decision *decision)
{
    const Saga__V1__Saga *saga = state->view;
    sign(call, saga, decision);
    if (number == SAGA_TIMER_DEADLINE && saga != NULL && running(saga))
        (void)record(call, (enum saga_step)saga->current_step, CHANGED(DEADLINE_PASSED), decision);
}

/* ---- evolve */

struct step_text {
    const char *name, *service, *event_type;
};

static const struct step_text step_texts[SAGA_STEPS] = {
    {"CreateOrder", "order", "OrderCreated"},
    {"ReserveStock", "inventory", "StockReserved"},
    {"ProcessPayment", "payment", "PaymentProcessed"},
    {"ConfirmOrder", "order", "OrderConfirmed"},
};

static char *text(const struct service_call *call, const char *constant)
{
    return arena_text(call->arena, bytes_of_text(constant));
}

static void mark_step(const struct service_call *call, Saga__V1__Saga *saga, enum saga_step number,
                      Saga__V1__StepStatus status)
{
    Saga__V1__SagaStep *step = saga->steps[number - 1];
    step->status = status;
    step->timestamp_ms = call->wall_time_ms;
    step->event_id = arena_text(call->arena, call->event_id);
}

static void begin_step(const struct service_call *call, Saga__V1__Saga *saga, enum saga_step number)
{
    saga->current_step = (uint32_t)number;
    saga->steps[number - 1]->attempts++;
    saga->steps[number - 1]->begun_after_ms = (uint32_t)(call->log_time_ms - saga->started_log_ms);
    mark_step(call, saga, number, STEP_PENDING);
}

static void add_steps_and_lines(const struct service_call *call, Saga__V1__Saga *saga,
                                const Saga__V1__SagaStarted *event)
{
    saga->n_steps = SAGA_STEPS;
    saga->steps = arena_alloc(call->arena, SAGA_STEPS * sizeof *saga->steps);
    for (uint32_t i = 0; i < SAGA_STEPS; i++) {
        Saga__V1__SagaStep *step = saga->steps[i] = arena_alloc(call->arena, sizeof *step);
        saga__v1__saga_step__init(step);
        step->number = i + 1;
        step->name = text(call, step_texts[i].name);
        step->service = text(call, step_texts[i].service);
        step->event_type = text(call, step_texts[i].event_type);
        step->status = STEP_PENDING;
    }
    saga->n_lines = event->n_product_ids;
    saga->lines = arena_alloc(call->arena, event->n_product_ids * sizeof *saga->lines);
    for (size_t i = 0; i < event->n_product_ids; i++) {
        Saga__V1__SagaLine *line = saga->lines[i] = arena_alloc(call->arena, sizeof *line);
        saga__v1__saga_line__init(line);
        line->product_id = event->product_ids[i];
        line->state = LINE_ASKED;
    }
}

static void evolve_started(const struct service_call *call, struct service_state *state,
                           const Saga__V1__SagaStarted *event)
{
    Saga__V1__Saga *saga = state->view = arena_alloc(call->arena, sizeof *saga);
    saga__v1__saga__init(saga);
    saga->saga_id = arena_text(call->arena, call->key);
    saga->saga_type = event->saga_type;
    saga->mode = event->mode;
    saga->status = STARTED;
    saga->correlation_id = arena_text(call->arena, call->trace.correlation_id);
    saga->started_at_ms = call->wall_time_ms;
    saga->started_log_ms = call->log_time_ms;
    saga->deadline_ms = event->deadline_ms;
    saga->total_steps = SAGA_STEPS;
    saga->initiating_service = event->initiating_service;
    saga->initiating_event_id = event->initiating_event_id;
    saga->order_id = event->order_id;
    saga->customer_id = event->customer_id;
    saga->currency = event->currency;
    saga->total_minor = event->total_minor;
    saga->payment_method = event->payment_method;
    saga->check = CHECK_ASKED;
    add_steps_and_lines(call, saga, event);
    saga->steps[0]->attempts = 1;
    mark_step(call, saga, SAGA_STEP_CREATE, STEP_COMPLETED);
    begin_step(call, saga, SAGA_STEP_RESERVE);
}

/* Enters the compensation; the step at hand failed. */
static void begin_compensation(const struct service_call *call, Saga__V1__Saga *saga, Saga__V1__Cause cause,
                               char *reason)
{
    enum saga_step step = (enum saga_step)saga->current_step;
    saga->status = COMPENSATING;
    saga->undoing_log_ms = call->log_time_ms;
    saga->cause = cause;
    saga->failure_reason = reason;
    if (saga->steps[step - 1]->status == STEP_PENDING && saga->charge != CHARGE_ASKED)
        mark_step(call, saga, step, STEP_FAILED);
    saga->steps[step - 1]->failure_reason = reason;
}

/* Chooses what a running saga begins next. */
static void advance(const struct service_call *call, Saga__V1__Saga *saga)
{
    saga->status = IN_PROGRESS;
    bool reserved = true;
    for (size_t i = 0; i < saga->n_lines; i++)
        reserved = reserved && saga->lines[i]->state == LINE_RESERVED;
    if (saga->current_step == SAGA_STEP_RESERVE && reserved && saga->check == CHECK_PASSED) {
        mark_step(call, saga, SAGA_STEP_RESERVE, STEP_COMPLETED);
        begin_step(call, saga, SAGA_STEP_PAY);
        saga->charge = CHARGE_ASKED;
        saga->payment_id = arena_format(call->arena, "%s.p1", saga->order_id);
    } else if (saga->current_step == SAGA_STEP_PAY && saga->charge == CHARGE_CAPTURED) {
        begin_step(call, saga, SAGA_STEP_CONFIRM);
    }
}

/* Chooses what a compensating saga undoes next: first the money, then the stock, then the order. */
static void undo(const struct service_call *call, Saga__V1__Saga *saga)
{
    if (saga->charge == CHARGE_CAPTURED)
        saga->charge = CHARGE_REFUNDING;
    if (saga->charge == CHARGE_ASKED || saga->charge == CHARGE_REFUNDING)
        return;
    for (size_t i = 0; i < saga->n_lines; i++)
        if (saga->lines[i]->state == LINE_ASKED || saga->lines[i]->state == LINE_RESERVED)
            saga->lines[i]->state = LINE_RELEASING;
    if (!any_line(saga, LINE_RELEASING) && saga->steps[SAGA_STEP_RESERVE - 1]->status == STEP_COMPLETED)
        mark_step(call, saga, SAGA_STEP_RESERVE, STEP_COMPENSATED);
}

static char *reason_of(const struct service_call *call, const Saga__V1__SagaStepRecorded *event)
{
    switch (event->change) {
    case CHANGED(LINE_REFUSED): return arena_format(call->arena, "line %u: %s", (unsigned)event->line, event->reason);
    case CHANGED(CUSTOMER_REFUSED): return arena_format(call->arena, "customer: %s", event->reason);
    case CHANGED(CHARGE_DECLINED): return arena_format(call->arena, "payment: %s", event->reason);
    case CHANGED(ORDER_REFUSED): return arena_format(call->arena, "order: %s", event->reason);
    case CHANGED(DEADLINE_PASSED): return text(call, "deadline passed");
    case CHANGED(CANCEL_REQUESTED):
        return event->reason[0] == '\0' ? text(call, "cancelled")
                                        : arena_format(call->arena, "cancelled: %s", event->reason);
    case CHANGED(LINE_RESERVED):
    case CHANGED(CUSTOMER_PASSED):
    case CHANGED(CHARGE_CAPTURED):
    case CHANGED(CHARGE_REFUNDED):
    case CHANGED(CHARGE_POSTPONED):
    case CHANGED(LINE_RELEASED):
    case CHANGED(UNSPECIFIED):
    case _SAGA__V1__CHANGE_IS_INT_SIZE:
    default: return text(call, "");
    }
}

/* What the event says about lines, customer and charge, before anything follows from it. */
static void note_change(const struct service_call *call, Saga__V1__Saga *saga, const Saga__V1__SagaStepRecorded *event)
{
    Saga__V1__SagaLine *line = event->line == 0 ? NULL : saga->lines[event->line - 1];
    switch (event->change) {
    case CHANGED(LINE_RESERVED): line->state = LINE_RESERVED; break;
    case CHANGED(LINE_REFUSED): line->state = LINE_REFUSED; break;
    case CHANGED(LINE_RELEASED): line->state = LINE_RELEASED; break;
    case CHANGED(CUSTOMER_PASSED): saga->check = CHECK_PASSED; break;
    case CHANGED(CUSTOMER_REFUSED): saga->check = CHECK_REFUSED; break;
    case CHANGED(CHARGE_CAPTURED):
        saga->charge = CHARGE_CAPTURED;
        mark_step(call, saga, SAGA_STEP_PAY, STEP_COMPLETED);
        break;
    case CHANGED(CHARGE_DECLINED):
        saga->charge = CHARGE_DECLINED;
        mark_step(call, saga, SAGA_STEP_PAY, STEP_FAILED);
        break;
    case CHANGED(CHARGE_POSTPONED): mark_step(call, saga, SAGA_STEP_PAY, STEP_PENDING_RETRY); break;
    case CHANGED(CHARGE_REFUNDED):
        saga->charge = CHARGE_REFUNDED;
        mark_step(call, saga, SAGA_STEP_PAY, STEP_COMPENSATED);
        break;
    case CHANGED(ORDER_REFUSED):
    case CHANGED(DEADLINE_PASSED):
    case CHANGED(CANCEL_REQUESTED):
    case CHANGED(UNSPECIFIED):
    case _SAGA__V1__CHANGE_IS_INT_SIZE:
    default: break;
    }
}

static void evolve_step(const struct service_call *call, Saga__V1__Saga *saga, const Saga__V1__SagaStepRecorded *event)
{
    Saga__V1__Cause cause = saga_cause_of(event->change);
    note_change(call, saga, event);
    if (running(saga) && cause != CAUSE(UNSPECIFIED)) {
        begin_compensation(call, saga, cause, reason_of(call, event));
        saga->cancelled_by = cause == CAUSE(CANCELLED) ? event->actor : saga->cancelled_by;
    }
    if (running(saga))
        advance(call, saga);
    else if (saga->status == COMPENSATING)
        undo(call, saga);
}

static void end(const struct service_call *call, Saga__V1__Saga *saga, Saga__V1__SagaStatus status)
{
    saga->status = status;
    saga->completed_at_ms = call->wall_time_ms;
    saga->ended_log_ms = call->log_time_ms;
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    Saga__V1__Saga *saga = state->view;
    switch ((enum saga_event)type) {
    case SAGA_SAGA_STARTED: evolve_started(call, state, body); break;
    case SAGA_STEP_RECORDED: evolve_step(call, saga, body); break;
    case SAGA_SAGA_COMPLETED:
        mark_step(call, saga, SAGA_STEP_CONFIRM, STEP_COMPLETED);
        end(call, saga, COMPLETED);
        break;
    case SAGA_SAGA_COMPENSATED:
        mark_step(call, saga, SAGA_STEP_CREATE, STEP_COMPENSATED);
        end(call, saga, COMPENSATED);
        break;
    case SAGA_SAGA_TIMED_OUT:
        mark_step(call, saga, SAGA_STEP_CREATE, STEP_COMPENSATED);
        end(call, saga, TIMED_OUT);
        break;
    case SAGA_SAGA_FAILED:
        saga->failure_reason =
            arena_format(call->arena, "%s; %s", saga->failure_reason, ((const Saga__V1__SagaFailed *)body)->reason);
        end(call, saga, FAILED);
        break;
    }
}

/* ---- react */

/* Sends a command to the order or the payment, which have the saga's affinity, and expects an answer. */
static void ask_neighbour(const struct service_call *call, const struct service_message *what,
                          enum saga_question question, struct service_reaction *reaction)
{
    struct service_message message = *what;
    message.affinity = call->affinity;
    message.reference = saga_reference(question, 0);
    service_send(reaction, &message);
}

static void ask_charge(const struct service_call *call, const Saga__V1__Saga *saga, struct service_reaction *reaction)
{
    Payment__V1__ChargePayment *charge = arena_alloc(call->arena, sizeof *charge);
    payment__v1__charge_payment__init(charge);
    charge->order_id = saga->order_id;
    charge->customer_id = saga->customer_id;
    charge->amount_minor = saga->total_minor;
    charge->currency = saga->currency;
    charge->method = saga->payment_method;
    ask_neighbour(call,
                  &(struct service_message){.service = SERVICE_NUMBER_payment,
                                            .type = PAYMENT_CHARGE_PAYMENT,
                                            .key = bytes_of_text(saga->payment_id),
                                            .body = charge},
                  SAGA_ASKED_CHARGE, reaction);
}

static void ask_confirm(const struct service_call *call, const Saga__V1__Saga *saga, struct service_reaction *reaction)
{
    Order__V1__ConfirmOrder *confirm = arena_alloc(call->arena, sizeof *confirm);
    order__v1__confirm_order__init(confirm);
    ask_neighbour(call,
                  &(struct service_message){.service = SERVICE_NUMBER_order,
                                            .type = ORDER_CONFIRM_ORDER,
                                            .key = bytes_of_text(saga->order_id),
                                            .body = confirm},
                  SAGA_ASKED_CONFIRM, reaction);
}

static void ask_refund(const struct service_call *call, const Saga__V1__Saga *saga, struct service_reaction *reaction)
{
    Payment__V1__RefundPayment *refund = arena_alloc(call->arena, sizeof *refund);
    payment__v1__refund_payment__init(refund);
    refund->reason = saga->failure_reason;
    ask_neighbour(call,
                  &(struct service_message){.service = SERVICE_NUMBER_payment,
                                            .type = PAYMENT_REFUND_PAYMENT,
                                            .key = bytes_of_text(saga->payment_id),
                                            .body = refund},
                  SAGA_ASKED_REFUND, reaction);
}

static void ask_releases(const struct service_call *call, const Saga__V1__Saga *saga, struct service_reaction *reaction)
{
    /* The last line first: undone in reverse order (I08). */
    for (size_t i = saga->n_lines; i-- != 0;) {
        if (saga->lines[i]->state != LINE_RELEASING)
            continue;
        Inventory__V1__ReleaseStock *release = arena_alloc(call->arena, sizeof *release);
        inventory__v1__release_stock__init(release);
        release->order_id = saga->order_id;
        release->line = (uint32_t)i + 1;
        release->reason = saga->failure_reason;
        service_send(reaction,
                     &(struct service_message){.service = SERVICE_NUMBER_inventory,
                                               .type = INVENTORY_RELEASE_STOCK,
                                               .key = bytes_of_text(saga->lines[i]->product_id),
                                               .body = release,
                                               .reference = saga_reference(SAGA_ASKED_RELEASE, release->line)});
    }
}

static void ask_cancel(const struct service_call *call, const Saga__V1__Saga *saga, struct service_reaction *reaction)
{
    Order__V1__FinishCancellation *finish = arena_alloc(call->arena, sizeof *finish);
    order__v1__finish_cancellation__init(finish);
    finish->reason = saga->failure_reason;
    finish->cancelled_by = saga->cancelled_by[0] != '\0' ? saga->cancelled_by : text(call, "saga");
    ask_neighbour(call,
                  &(struct service_message){.service = SERVICE_NUMBER_order,
                                            .type = ORDER_FINISH_CANCELLATION,
                                            .key = bytes_of_text(saga->order_id),
                                            .body = finish},
                  SAGA_ASKED_CANCEL, reaction);
}

static void react_undo(const struct service_call *call, const Saga__V1__Saga *saga,
                       const Saga__V1__SagaStepRecorded *event, struct service_reaction *reaction)
{
    if (saga_cause_of(event->change) != CAUSE(UNSPECIFIED))
        service_disarm(reaction, SAGA_TIMER_DEADLINE);
    switch (stage_of(saga)) {
    case STAGE_CHARGE: break;
    case STAGE_REFUND: ask_refund(call, saga, reaction); break;
    case STAGE_RELEASE:
        /* While lines are released only their answers are recorded, and they ask for nothing more. */
        if (event->change != CHANGED(LINE_RELEASED))
            ask_releases(call, saga, reaction);
        break;
    case STAGE_CANCEL: ask_cancel(call, saga, reaction); break;
    }
}

static void react_step(const struct service_call *call, const Saga__V1__Saga *saga,
                       const Saga__V1__SagaStepRecorded *event, struct service_reaction *reaction)
{
    if (saga->status == COMPENSATING)
        react_undo(call, saga, event, reaction);
    else if (running(saga) && event->change == CHANGED(CHARGE_CAPTURED))
        ask_confirm(call, saga, reaction);
    else if (running(saga) && saga->charge == CHARGE_ASKED && event->change != CHANGED(CHARGE_POSTPONED))
        ask_charge(call, saga, reaction);
}

static void react(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                  struct service_reaction *reaction)
{
    const Saga__V1__Saga *saga = state->view;
    switch ((enum saga_event)type) {
    case SAGA_SAGA_STARTED: service_arm(reaction, SAGA_TIMER_DEADLINE, saga->deadline_ms); break;
    case SAGA_STEP_RECORDED: react_step(call, saga, event, reaction); break;
    case SAGA_SAGA_COMPLETED: service_disarm(reaction, SAGA_TIMER_DEADLINE); break;
    case SAGA_SAGA_COMPENSATED:
    case SAGA_SAGA_TIMED_OUT:
    case SAGA_SAGA_FAILED: break;
    }
}

/* A failed saga is kept: a person must look. */
static bool ended(const void *view)
{
    const Saga__V1__Saga *saga = view;
    return saga->status == COMPLETED || saga->status == COMPENSATED || saga->status == TIMED_OUT;
}

static void holds(const struct service_state *state)
{
    const Saga__V1__Saga *saga = state->view;
    HOLDS(saga->n_steps == SAGA_STEPS && saga->n_lines >= 1 && saga->n_lines <= ORDER_LINES_MAX);
    HOLDS(saga->status != COMPLETED || saga->charge == CHARGE_CAPTURED);
    HOLDS((saga->status != COMPENSATED && saga->status != TIMED_OUT) || saga->charge == CHARGE_NONE ||
          saga->charge == CHARGE_DECLINED || saga->charge == CHARGE_REFUNDED);
    HOLDS(saga->status == COMPENSATING || saga->status == FAILED || !any_line(saga, LINE_RELEASING));
    HOLDS((saga->cause != CAUSE(UNSPECIFIED)) == (saga->status >= COMPENSATING && saga->status <= TIMED_OUT));
}

static const struct service_command_kind commands[] = {
    {SAGA_START_SAGA, "StartSaga", &saga__v1__start_saga__descriptor, true, NULL, false},
    {SAGA_PAYMENT_SETTLED, "PaymentSettled", &saga__v1__payment_settled__descriptor, true, NULL, true},
    {SAGA_CANCEL_SAGA, "CancelSaga", &saga__v1__cancel_saga__descriptor, true, NULL, true},
};

static const struct service_event_kind events[] = {
    {.type = SAGA_SAGA_STARTED,
     .version = 1,
     .name = "SagaStarted",
     .descriptor = &saga__v1__saga_started__descriptor},
    {.type = SAGA_STEP_RECORDED,
     .version = 1,
     .name = "SagaStepRecorded",
     .descriptor = &saga__v1__saga_step_recorded__descriptor},
    {.type = SAGA_SAGA_COMPLETED,
     .version = 1,
     .name = "SagaCompleted",
     .descriptor = &saga__v1__saga_completed__descriptor},
    {.type = SAGA_SAGA_COMPENSATED,
     .version = 1,
     .name = "SagaCompensated",
     .descriptor = &saga__v1__saga_compensated__descriptor,
     .is_compensating = true},
    {.type = SAGA_SAGA_FAILED,
     .version = 1,
     .name = "SagaFailed",
     .descriptor = &saga__v1__saga_failed__descriptor,
     .is_compensating = true},
    {.type = SAGA_SAGA_TIMED_OUT,
     .version = 1,
     .name = "SagaTimedOut",
     .descriptor = &saga__v1__saga_timed_out__descriptor,
     .is_compensating = true},
};

const struct service saga_service = {
    .number = SERVICE_NUMBER_saga,
    .name = "saga",
    .aggregate = "saga",
    .flow_type = SERVICE_SAGA_TYPE,
    .affinity = SERVICE_AFFINITY_PREFIX,
    .commands = commands,
    .commands_count = sizeof commands / sizeof commands[0],
    .events = events,
    .events_count = sizeof events / sizeof events[0],
    .view = &saga__v1__saga__descriptor,
    .view_sequence_offset = offsetof(Saga__V1__Saga, sequence),
    .decide = decide,
    .decide_answer = decide_answer,
    .decide_timer = decide_timer,
    .evolve = evolve,
    .react = react,
    .still_needs = saga_still_needs,
    .ended = ended,
    .metrics = saga_metrics,
    .metrics_count = SAGA_METRICS,
    .notice = saga_notice,
    .holds = holds,
};
