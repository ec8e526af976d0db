#include "services/saga/meaning.h"

#include "grid/base/check.h"
#include "services/saga/saga.h"

#define STATUS(what) SAGA__V1__SAGA_STATUS__SAGA_STATUS_##what
#define STEP(what) SAGA__V1__STEP_STATUS__STEP_STATUS_##what
#define LINE(what) SAGA__V1__LINE_STATE__LINE_STATE_##what
#define CHARGE(what) SAGA__V1__CHARGE_STATE__CHARGE_STATE_##what
#define CHANGED(what) SAGA__V1__CHANGE__CHANGE_##what
#define CAUSE(what) SAGA__V1__CAUSE__CAUSE_##what

Saga__V1__Cause saga_cause_of(Saga__V1__Change change)
{
    switch (change) {
    case CHANGED(LINE_REFUSED):
    case CHANGED(CUSTOMER_REFUSED):
    case CHANGED(ORDER_REFUSED): return CAUSE(REFUSED);
    case CHANGED(CHARGE_DECLINED): return CAUSE(DECLINED);
    case CHANGED(DEADLINE_PASSED): return CAUSE(DEADLINE);
    case CHANGED(CANCEL_REQUESTED): return CAUSE(CANCELLED);
    case CHANGED(LINE_RESERVED):
    case CHANGED(CUSTOMER_PASSED):
    case CHANGED(CHARGE_CAPTURED):
    case CHANGED(CHARGE_REFUNDED):
    case CHANGED(CHARGE_POSTPONED):
    case CHANGED(LINE_RELEASED):
    case CHANGED(UNSPECIFIED):
    case _SAGA__V1__CHANGE_IS_INT_SIZE:
    default: return CAUSE(UNSPECIFIED);
    }
}

/* What is sent stands in the outbox or among the activities and counts there. */
uint32_t saga_still_needs(const void *view)
{
    enum { DEADLINE_TIMER = 1, ONE_CHARGE = 1, ONE_REFUND = 1 };
    const Saga__V1__Saga *saga = view;
    uint32_t lines = 0;
    if (saga->status == STATUS(STARTED) || saga->status == STATUS(IN_PROGRESS))
        return DEADLINE_TIMER + (uint32_t)saga->n_lines + ONE_REFUND +
               (saga->charge == CHARGE(UNSPECIFIED) ? ONE_CHARGE : 0);
    if (saga->status != STATUS(COMPENSATING))
        return 0;
    for (size_t i = 0; i < saga->n_lines; i++)
        lines += saga->lines[i]->state == LINE(ASKED) || saga->lines[i]->state == LINE(RESERVED);
    return lines + (saga->charge == CHARGE(ASKED) ? ONE_REFUND : 0);
}

static void notice_step(const struct service_call *call, const Saga__V1__Saga *saga, const Saga__V1__SagaStep *step,
                        struct service_notice *notice)
{
    bool ended = step->status == STEP(COMPLETED) || step->status == STEP(FAILED);
    if (!ended || !bytes_equal(bytes_of_text(step->event_id), call->event_id))
        return;
    size_t i = notice->steps_count++;
    HOLDS(i < NOTICE_STEPS_MAX && call->log_time_ms >= saga->started_log_ms + step->begun_after_ms);
    notice->steps[i].name = step->name;
    notice->steps[i].failed = step->status == STEP(FAILED);
    notice->steps[i].ms = call->log_time_ms - saga->started_log_ms - step->begun_after_ms;
}

static enum service_saga_end end_of(enum saga_event type)
{
    switch (type) {
    case SAGA_SAGA_STARTED:
    case SAGA_STEP_RECORDED: return SAGA_GOES_ON;
    case SAGA_SAGA_COMPLETED: return SAGA_ENDED_COMPLETED;
    case SAGA_SAGA_COMPENSATED: return SAGA_ENDED_COMPENSATED;
    case SAGA_SAGA_TIMED_OUT: return SAGA_ENDED_TIMED_OUT;
    case SAGA_SAGA_FAILED: return SAGA_ENDED_FAILED;
    }
    UNREACHABLE("the pipeline gives events of this service only");
}

void saga_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                 struct service_notice *notice)
{
    const Saga__V1__Saga *saga = state->view;
    notice->saga_type = SERVICE_SAGA_TYPE;
    notice->saga_mode = saga->mode == ORDER__V1__SAGA_MODE__SAGA_MODE_ORCHESTRATED ? "orchestrated" : "choreographed";
    notice->saga_started = type == SAGA_SAGA_STARTED;
    notice->saga_end = end_of((enum saga_event)type);
    for (size_t i = 0; i < saga->n_steps; i++)
        notice_step(call, saga, saga->steps[i], notice);
    if (type == SAGA_STEP_RECORDED)
        notice->undoing_began = saga_cause_of(((const Saga__V1__SagaStepRecorded *)event)->change) != CAUSE(UNSPECIFIED);
    if (notice->saga_end == SAGA_GOES_ON)
        return;
    notice->saga_ms = saga->ended_log_ms - saga->started_log_ms;
    notice->undoing_ms = saga->undoing_log_ms != 0 ? saga->ended_log_ms - saga->undoing_log_ms : 0;
}
