#include "services/service.h"

#include "grid/base/check.h"

void service_emit(struct service_decision *decision, uint32_t type, const void *body)
{
    REQUIRE(decision != NULL && type != 0 && body != NULL);
    REQUIRE(decision->events_count < SERVICE_OUTPUTS_MAX);
    decision->events[decision->events_count++] = (struct service_event){.type = type, .body = body};
}

void service_refuse(struct service_decision *decision, enum refusal refusal, const char *reason)
{
    REQUIRE(decision != NULL && refusal != REFUSAL_NONE && reason != NULL);
    decision->refusal = (uint32_t)refusal;
    decision->reason = bytes_of_text(reason);
}

void service_same(struct service_decision *decision, const char *event_id)
{
    REQUIRE(decision != NULL && event_id != NULL);
    decision->same = true;
    decision->same_event_id = bytes_of_text(event_id);
}

void service_send(struct service_reaction *reaction, const struct service_message *message)
{
    REQUIRE(reaction != NULL && message->service != SERVICE_NONE && message->body != NULL);
    REQUIRE(reaction->messages_count < SERVICE_OUTPUTS_MAX);
    reaction->messages[reaction->messages_count++] = *message;
}

static void add_timer(struct service_reaction *reaction, struct service_timer timer)
{
    REQUIRE(reaction->timers_count < sizeof reaction->timers / sizeof reaction->timers[0]);
    reaction->timers[reaction->timers_count++] = timer;
}

void service_arm(struct service_reaction *reaction, uint32_t number, uint64_t due_ms)
{
    REQUIRE(due_ms != 0);
    add_timer(reaction, (struct service_timer){.number = number, .due_ms = due_ms});
}

void service_disarm(struct service_reaction *reaction, uint32_t number)
{
    add_timer(reaction, (struct service_timer){.number = number, .due_ms = 0});
}

void service_start(struct service_reaction *reaction, const struct service_activity *activity)
{
    REQUIRE(activity->kind != 0 && activity->key.size != 0 && activity->request != NULL);
    REQUIRE(reaction->activities_count < sizeof reaction->activities / sizeof reaction->activities[0]);
    reaction->activities[reaction->activities_count++] = *activity;
}

void service_sample(struct service_notice *notice, const struct service_sample *sample)
{
    REQUIRE(notice != NULL && notice->samples_count < NOTICE_SAMPLES_MAX && sample->metric < SERVICE_METRICS_MAX);
    notice->samples[notice->samples_count++] = *sample;
}

const char *refusal_name(uint32_t code)
{
    switch (code) {
#define X(number, name) \
    case number: return #name;
        REFUSAL_LIST(X)
#undef X
    default: return "REFUSED";
    }
}
