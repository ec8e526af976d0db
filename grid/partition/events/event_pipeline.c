#include "grid/partition/events/event_pipeline.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/events/events_internal.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/events/retention.h"
#include "grid/partition/deferred/timers.h"
#include "grid/wire/level.h"
#include "grid/wire/messages/message_check.h"

/* ---- life cycle */

struct event_pipeline *event_pipeline_open(const struct service_registry *services)
{
    struct event_pipeline *pipeline = memory_zero(1, sizeof *pipeline);
    pipeline->services = services;
    if (services != NULL) {
        pipeline->map_ids = memory_zero(services->count, sizeof *pipeline->map_ids);
        pipeline->registered = memory_zero(services->count, sizeof *pipeline->registered);
        pipeline->sums = memory_zero(services->count, sizeof *pipeline->sums);
    }
    pipeline->completions = retention_open(false);
    pipeline->parts = retention_open(true);
    pipeline->flows = retention_open(false);
    return pipeline;
}

void event_pipeline_close(struct event_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    retention_close(pipeline->completions);
    retention_close(pipeline->parts);
    retention_close(pipeline->flows);
    memory_free(pipeline->map_ids);
    memory_free(pipeline->sums);
    memory_free(pipeline->registered);
    event_load_close(pipeline);
    buffer_close(&pipeline->frozen_services);
    buffer_close(&pipeline->frozen_head);
    memory_free(pipeline);
}

/* The map ids are left out: they only remember what the maps know. The order of services is that of their numbers. */
uint64_t event_pipeline_digest(const struct event_pipeline *pipeline)
{
    return ((retention_digest(pipeline->completions) * 31 + retention_digest(pipeline->parts)) * 31 + retention_digest(pipeline->flows)) * 31 +
           pipeline->registered_digest;
}

int64_t *event_pipeline_sums(const struct event_pipeline *pipeline, const struct service *service)
{
    return pipeline->sums[registry_place(pipeline->services, service)];
}

void event_pipeline_holds(const struct event_pipeline *pipeline)
{
    retention_holds(pipeline->completions);
    retention_holds(pipeline->parts);
    retention_holds(pipeline->flows);
}

/* ---- retention */

static const struct retention_limits parts_limits = {0};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void event_pipeline_trim(struct partition *partition, size_t budget)
{
    struct event_pipeline *pipeline = partition->pipeline;
    uint64_t now_ms = partition->log_time_ms;
    const struct retention_limits *limits = settings_retention(&partition->settings, RETENTION_COMPLETIONS);
    size_t *left = &partition->removals_left;
    size_t completions = retention_trim(pipeline->completions, limits, partition->maps, now_ms, least(budget, *left));
    *left -= completions;
    partition->trimmed[RETENTION_COMPLETIONS] += completions;
    *left -= retention_trim(pipeline->parts, &parts_limits, partition->maps, now_ms, least(budget, *left));
    *left -= event_ended_trim(partition, budget);
}

static const struct retention *kept_of(const struct event_pipeline *pipeline, enum retention_kind kind)
{
    REQUIRE(kind == RETENTION_COMPLETIONS || kind == RETENTION_FLOWS);
    return kind == RETENTION_FLOWS ? pipeline->flows : pipeline->completions;
}

void event_pipeline_kept(const struct event_pipeline *pipeline, enum retention_kind kind, uint64_t *ret_count, uint64_t *ret_bytes,
                         uint64_t *ret_oldest_ms)
{
    struct retained oldest = {.time_ms = 0};
    uint64_t due_ms;
    const struct retention *kept = kept_of(pipeline, kind);
    (void)retention_oldest(kept, &parts_limits, &oldest, &due_ms);
    *ret_count = retention_count(kept);
    *ret_bytes = retention_bytes(kept);
    *ret_oldest_ms = oldest.time_ms;
}

bool event_pipeline_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms)
{
    struct retained oldest;
    uint64_t completion_ms = UINT64_MAX, part_ms = UINT64_MAX, flow_ms = UINT64_MAX;
    const struct event_pipeline *pipeline = partition->pipeline;
    (void)retention_oldest(pipeline->completions, settings_retention(&partition->settings, RETENTION_COMPLETIONS), &oldest, &completion_ms);
    (void)retention_oldest(pipeline->parts, &parts_limits, &oldest, &part_ms);
    (void)retention_oldest(pipeline->flows, settings_retention(&partition->settings, RETENTION_FLOWS), &oldest, &flow_ms);
    *ret_due_ms = completion_ms < part_ms ? completion_ms : part_ms;
    *ret_due_ms = *ret_due_ms < flow_ms ? *ret_due_ms : flow_ms;
    return *ret_due_ms != UINT64_MAX;
}

/* ---- a client's command */

static bool trace_fits(const struct trace_context *trace)
{
    return trace->correlation_id.size <= TRACE_BYTES_MAX && trace->causation_id.size <= TRACE_BYTES_MAX &&
           trace->traceparent.size <= TRACE_BYTES_MAX;
}

static struct work_item item_of(const struct partition *partition, const struct service_command *command)
{
    return (struct work_item){.kind = ITEM_COMMAND,
                              .service = event_services_find(partition->pipeline, command->service),
                              .type = command->type,
                              .key = command->key,
                              .affinity = message_affinity(command->key, command->affinity),
                              .body = command->body,
                              .trace = command->trace};
}

static void answer(const struct work_outcome *outcome, struct response *response)
{
    response->err = outcome->err;
    response->note = outcome->reason;
    response->event_id = outcome->event_id;
    response->sequence = outcome->sequence;
    response->found = outcome->same;
    if (outcome->refusal == 0)
        return;
    response->err = outcome->refusal == REFUSAL_ALREADY_EXISTS ? GRID_ERR_ALREADY_EXISTS : GRID_ERR_REFUSED;
    response->refusal_code = outcome->refusal;
    response->refusal = bytes_of_text(refusal_name(outcome->refusal));
}

void event_pipeline_command(struct partition *partition, const struct service_command *command, struct bytes principal,
                            struct response *response)
{
    REQUIRE(partition != NULL && command != NULL);
    if (partition->services == NULL) {
        response->err = GRID_ERR_NOT_SUPPORTED;
        return;
    }
    if (!trace_fits(&command->trace)) {
        response->err = GRID_ERR_INVALID;
        response->note = bytes_of_text("trace: a text of more than 256 bytes");
        return;
    }
    struct work work = event_work_begin(partition);
    struct work_item item = item_of(partition, command);
    struct work_outcome outcome;
    item.by_hand = true;
    item.principal = principal;
    item.trace.flow_id = BYTES_NONE; /* a client's command belongs to no flow, whatever it says */
    event_work_run(&work, &item, &outcome);
    answer(&outcome, response);
    partition->counts.submitted++;
    partition->counts.submitted_failed += response->err != GRID_ERR_OK;
    event_pipeline_trim(partition, RETENTION_BUDGET);
}

/* ---- messages of other partitions */

static void run_message(struct work *work, const struct link_message *message)
{
    struct work_outcome outcome;
    struct work_item item = item_of(work->partition, &message->command);
    if (message->is_answer) {
        item.kind = ITEM_ANSWER;
        item.answer = (struct service_answer){.reference = message->answer_reference, .code = message->answer_code};
    }
    item.principal = message->principal;
    item.reply_to = message->reply_to;
    event_work_run(work, &item, &outcome);
    work->partition->counts.outbox_failed += outcome.err != GRID_ERR_OK || outcome.refusal == REFUSAL_UNPROCESSABLE;
}

static enum grid_err check_delivery(const struct partition *partition, const struct deliver_command *deliver)
{
    if (deliver->destination != partition->id.value || deliver->source >= partition->genesis_command.partitions)
        return GRID_ERR_INVALID;
    return GRID_ERR_OK;
}

void event_pipeline_deliver(struct partition *partition, const struct deliver_command *deliver,
                            struct response *response)
{
    REQUIRE(partition != NULL && deliver != NULL);
    response->err = check_delivery(partition, deliver);
    if (response->err != GRID_ERR_OK)
        return;
    struct work work = event_work_begin(partition);
    for (size_t i = 0; i < deliver->messages_count && response->err == GRID_ERR_OK; i++) {
        const struct link_message *message = &deliver->messages[i];
        switch (inbox_check(partition->inbox, deliver->source, deliver->incarnation, message->sequence)) {
        case INBOX_NEXT:
            /* Noted first: a message advances the number whatever becomes of it, so it never blocks the others. */
            inbox_advance(partition->inbox, deliver->source, deliver->incarnation, message->sequence);
            run_message(&work, message);
            break;
        case INBOX_OLD: partition->counts.duplicates++; break;
        case INBOX_GAP: response->err = GRID_ERR_GAP; break;
        case INBOX_LOWER_INCARNATION: response->err = GRID_ERR_MISMATCH; break;
        }
    }
    response->sequence = inbox_last(partition->inbox, deliver->source);
    event_pipeline_trim(partition, RETENTION_BUDGET);
}

void event_pipeline_acknowledge(struct partition *partition, const struct acknowledge_command *acknowledge, uint32_t incarnation,
                                struct response *response)
{
    REQUIRE(partition != NULL && acknowledge != NULL);
    uint64_t pending = outbox_pending(partition->outbox);
    if (acknowledge->incarnation != incarnation)
        response->err = GRID_ERR_MISMATCH;
    else if (!outbox_acknowledge(partition->outbox, acknowledge->destination, acknowledge->sequence))
        response->err = GRID_ERR_INVALID;
    partition->counts.outbox_delivered += pending - outbox_pending(partition->outbox);
}

/* ---- activities and timers */

void event_pipeline_activity_result(struct partition *partition, const struct activity_result_command *result,
                                    struct response *response)
{
    REQUIRE(partition != NULL && result != NULL);
    struct activity_record record;
    if (result->outcome != ACTIVITY_DONE && result->outcome != ACTIVITY_REFUSED && result->outcome != ACTIVITY_POSTPONED) {
        response->err = GRID_ERR_INVALID; /* not a definite answer: the activity continues */
        return;
    }
    response->found = result->outcome == ACTIVITY_POSTPONED
                          ? activities_find(partition->activities, result->activity, &partition->scratch->arena, &record)
                          : activities_finish(partition->activities, result->activity, &partition->scratch->arena, &record);
    if (!response->found) {
        partition->counts.duplicates++;
        return;
    }
    struct work work = event_work_begin(partition);
    struct work_outcome outcome;
    struct work_item item = {.kind = ITEM_RESULT,
                             .service = event_services_find(partition->pipeline, record.service),
                             .key = record.key,
                             .affinity = record.affinity,
                             .trace = record.trace,
                             .principal = record.principal,
                             .result = {.kind = record.kind,
                                        .outcome = (enum activity_outcome)result->outcome,
                                        .body = result->body,
                                        .note = bytes_cut_text(result->note, OUTSIDE_TEXT_BYTES_MAX)}};
    event_work_run(&work, &item, &outcome);
    event_pipeline_trim(partition, RETENTION_BUDGET);
}

void event_pipeline_tick(struct partition *partition)
{
    REQUIRE(partition != NULL);
    struct work work = event_work_begin(partition);
    struct timer_owner owner;
    for (uint32_t fired = 0; fired < TICK_TIMERS_MAX; fired++) {
        if (!timers_pop(partition->timers, partition->log_time_ms, &partition->scratch->arena, &owner))
            break;
        struct work_outcome outcome;
        struct work_item item = {.kind = ITEM_TIMER,
                                 .service = event_services_find(partition->pipeline, owner.service),
                                 .timer_number = owner.number,
                                 .key = owner.key,
                                 .affinity = owner.affinity};
        event_work_run(&work, &item, &outcome);
    }
    event_pipeline_trim(partition, partition->level >= LEVEL_OF_RETENTION ? RETENTION_REMOVALS_MAX : RETENTION_BUDGET);
}
