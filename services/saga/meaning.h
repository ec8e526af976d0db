/* The meaning of a saga's state and events outside the saga: why it compensates, what it may still cause, what is counted.
 * Pure; shared by the files of this folder only. */
#ifndef SERVICES_SAGA_MEANING_H
#define SERVICES_SAGA_MEANING_H

#include "service/saga/v1/saga.pb-c.h"
#include "services/service.h"

/* Why a change makes a running saga compensate; UNSPECIFIED: it does not. */
Saga__V1__Cause saga_cause_of(Saga__V1__Change change);
/* service.still_needs: deadline, charge and refund, and per line either a commit or a release. */
uint32_t saga_still_needs(const void *view);
enum saga_metric {
    SAGA_METRIC_STARTED,
    SAGA_METRIC_COMPLETED,
    SAGA_METRIC_COMPENSATED,
    SAGA_METRIC_TIMED_OUT,
    SAGA_METRIC_FAILED,
    SAGA_METRIC_STEPS_COMPLETED,
    SAGA_METRIC_STEPS_FAILED,
    SAGA_METRIC_ACTIVE,
    SAGA_METRIC_COMPENSATING,
    SAGA_METRIC_DURATION,
    SAGA_METRIC_COMPENSATION_DURATION,
    SAGA_METRIC_STEP_DURATION,
    SAGA_METRICS,
};
extern const struct service_metric saga_metrics[SAGA_METRICS];
/* service.notice. */
void saga_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                 struct service_notice *notice);

#endif
