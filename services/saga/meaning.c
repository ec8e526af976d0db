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

/* Sent messages and started activities are not counted here: the outbox and the activities count them. */
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

/* ---- metrics */

static const char mode_choreographed[] = "choreographed", mode_orchestrated[] = "orchestrated";

static const struct service_labels ends_expected[] = {
    {{SERVICE_SAGA_TYPE, mode_choreographed, "completed"}},
    {{SERVICE_SAGA_TYPE, mode_choreographed, "compensated"}},
    {{SERVICE_SAGA_TYPE, mode_choreographed, "timed_out"}},
    {{SERVICE_SAGA_TYPE, mode_choreographed, "failed"}},
};

/* A rate of what does not exist yet is nothing, not 0: what every shop has is there from the beginning. */
const struct service_metric saga_metrics[SAGA_METRICS] = {
    [SAGA_METRIC_STARTED] = {.kind = SERVICE_COUNTER, .name = "saga_started_total", .help = "Sagas started."},
    [SAGA_METRIC_COMPLETED] = {.kind = SERVICE_COUNTER, .name = "saga_completed_total", .help = "Sagas completed."},
    [SAGA_METRIC_COMPENSATED] = {.kind = SERVICE_COUNTER, .name = "saga_compensated_total", .help = "Sagas undone."},
    [SAGA_METRIC_TIMED_OUT] = {.kind = SERVICE_COUNTER, .name = "saga_timedout_total",
                               .help = "Sagas undone because their deadline passed."},
    [SAGA_METRIC_FAILED] = {.kind = SERVICE_COUNTER, .name = "saga_failed_total",
                            .help = "Sagas whose undoing was refused: each waits for a person."},
    [SAGA_METRIC_STEPS_COMPLETED] = {.kind = SERVICE_COUNTER, .name = "saga_steps_completed_total",
                                     .help = "Steps of sagas that were done."},
    [SAGA_METRIC_STEPS_FAILED] = {.kind = SERVICE_COUNTER, .name = "saga_steps_failed_total", .help = "Steps of sagas that failed."},
    [SAGA_METRIC_ACTIVE] = {.kind = SERVICE_GAUGE, .name = "sagas_active",
                            .help = "Sagas that have not ended, of partitions that this node leads."},
    [SAGA_METRIC_COMPENSATING] = {.kind = SERVICE_GAUGE, .name = "sagas_compensating", .help = "Sagas that are being undone, likewise."},
    [SAGA_METRIC_DURATION] = {.kind = SERVICE_HISTOGRAM, .name = "saga_duration_seconds",
                              .help = "Log time from the start of a saga to its end.", .labels = {"type", "mode", "outcome"},
                              .expected = ends_expected, .expected_count = sizeof ends_expected / sizeof ends_expected[0]},
    [SAGA_METRIC_COMPENSATION_DURATION] = {.kind = SERVICE_HISTOGRAM, .name = "saga_compensation_duration_seconds",
                                           .help = "Log time from the beginning of a saga's undoing to its end.",
                                           .labels = {"type", "mode"}, .expected = ends_expected, .expected_count = 1},
    [SAGA_METRIC_STEP_DURATION] = {.kind = SERVICE_HISTOGRAM, .name = "saga_step_duration_seconds",
                                   .help = "Log time from the beginning of a saga's step to its end.", .labels = {"type", "step"}},
};

static void sample(struct service_notice *notice, enum saga_metric metric, int64_t value)
{
    service_sample(notice, &(struct service_sample){.metric = metric, .value = value});
}

static void notice_step(const struct service_call *call, const Saga__V1__Saga *saga, const Saga__V1__SagaStep *step,
                        struct service_notice *notice)
{
    bool ended = step->status == STEP(COMPLETED) || step->status == STEP(FAILED);
    if (!ended || !bytes_equal(bytes_of_text(step->event_id), call->event_id))
        return;
    HOLDS(call->log_time_ms >= saga->started_log_ms + step->begun_after_ms);
    sample(notice, step->status == STEP(FAILED) ? SAGA_METRIC_STEPS_FAILED : SAGA_METRIC_STEPS_COMPLETED, 1);
    service_sample(notice, &(struct service_sample){
        .metric = SAGA_METRIC_STEP_DURATION, .labels = {{SERVICE_SAGA_TYPE, step->name}},
        .value = (int64_t)(call->log_time_ms - saga->started_log_ms - step->begun_after_ms)});
}

/* How a saga ended: its counter, and what the label of its duration says. */
struct ending { enum saga_metric metric; const char *outcome; };

static bool ending_of(enum saga_event type, struct ending *ret_ending)
{
    switch (type) {
    case SAGA_SAGA_STARTED:
    case SAGA_STEP_RECORDED: return false;
    case SAGA_SAGA_COMPLETED: *ret_ending = (struct ending){SAGA_METRIC_COMPLETED, "completed"}; return true;
    case SAGA_SAGA_COMPENSATED: *ret_ending = (struct ending){SAGA_METRIC_COMPENSATED, "compensated"}; return true;
    case SAGA_SAGA_TIMED_OUT: *ret_ending = (struct ending){SAGA_METRIC_TIMED_OUT, "timed_out"}; return true;
    case SAGA_SAGA_FAILED: *ret_ending = (struct ending){SAGA_METRIC_FAILED, "failed"}; return true;
    }
    UNREACHABLE("the pipeline gives events of this service only");
}

static void notice_end(const Saga__V1__Saga *saga, const struct ending *ending, struct service_notice *notice)
{
    bool orchestrated = saga->mode == ORDER__V1__SAGA_MODE__SAGA_MODE_ORCHESTRATED;
    const char *mode = orchestrated ? mode_orchestrated : mode_choreographed;
    notice->flows_ended = 1;
    sample(notice, ending->metric, 1);
    sample(notice, SAGA_METRIC_ACTIVE, -1);
    service_sample(notice, &(struct service_sample){
        .metric = SAGA_METRIC_DURATION, .labels = {{SERVICE_SAGA_TYPE, mode, ending->outcome}},
        .value = (int64_t)(saga->ended_log_ms - saga->started_log_ms)});
    if (ending->metric == SAGA_METRIC_COMPLETED)
        return;
    sample(notice, SAGA_METRIC_COMPENSATING, -1);
    service_sample(notice, &(struct service_sample){
        .metric = SAGA_METRIC_COMPENSATION_DURATION, .labels = {{SERVICE_SAGA_TYPE, mode}},
        .value = saga->undoing_log_ms != 0 ? (int64_t)(saga->ended_log_ms - saga->undoing_log_ms) : 0});
}

void saga_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                 struct service_notice *notice)
{
    const Saga__V1__Saga *saga = state->view;
    struct ending ending;
    if (type == SAGA_SAGA_STARTED) {
        notice->flows_started = 1;
        sample(notice, SAGA_METRIC_STARTED, 1);
        sample(notice, SAGA_METRIC_ACTIVE, 1);
    }
    for (size_t i = 0; i < saga->n_steps; i++)
        notice_step(call, saga, saga->steps[i], notice);
    if (type == SAGA_STEP_RECORDED && saga_cause_of(((const Saga__V1__SagaStepRecorded *)event)->change) != CAUSE(UNSPECIFIED))
        sample(notice, SAGA_METRIC_COMPENSATING, 1);
    if (ending_of((enum saga_event)type, &ending))
        notice_end(saga, &ending, notice);
}
