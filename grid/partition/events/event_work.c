#include "grid/partition/events/events_internal.h"

#include "grid/base/check.h"
#include "grid/partition/events/retention.h"
#include "services/message.h"

struct work event_work_begin(struct partition *partition)
{
    REQUIRE(partition->born && partition->pipeline != NULL);
    return (struct work){.partition = partition, .pipeline = partition->pipeline, .arena = &partition->scratch->arena};
}

/* partition-commit-ordinal; printf would take more time than all else about an id. */
char *event_work_id(struct work *work)
{
    char *id = arena_alloc(work->arena, 3 * DECIMAL_BYTES_MAX + 3), *end = id;
    end += event_store_decimal(work->partition->id.value, end);
    *end++ = '-';
    end += event_store_decimal(work->partition->commits, end);
    *end++ = '-';
    end += event_store_decimal(work->ordinal++, end);
    *end = 0;
    return id;
}

/* ---- what may be handled at all */

static bool key_clean(struct bytes key, size_t bytes_max)
{
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] < 0x20 || key.data[i] == 0x7F)
            return false;
    return key.size >= 1 && key.size <= bytes_max;
}

/* A derived aggregate must have the affinity of the original one, or requests that name it would not find it. */
static bool key_belongs(const struct service *service, struct bytes key, struct bytes affinity)
{
    if (!key_clean(key, SERVICE_KEY_BYTES_MAX) || !key_clean(affinity, SERVICE_ID_BYTES_MAX))
        return false;
    if (service->affinity == SERVICE_AFFINITY_KEY)
        return bytes_equal(key, affinity);
    return key.size > affinity.size + 2 && key.data[affinity.size] == '.' &&
           bytes_equal(bytes_of(key.data, affinity.size), affinity);
}

static enum grid_err check(const struct work_item *item, const char **ret_note)
{
    if (item->service == NULL) {
        *ret_note = "service: no such service";
        return GRID_ERR_INVALID;
    }
    if (!key_belongs(item->service, item->key, item->affinity)) {
        *ret_note = "key: not a key of this service under this affinity";
        return GRID_ERR_INVALID;
    }
    if (item->kind != ITEM_COMMAND)
        return GRID_ERR_OK;
    const struct service_command_kind *command = registry_command(item->service, item->type);
    if (command == NULL) {
        *ret_note = "type: no such command";
        return GRID_ERR_INVALID;
    }
    if (command->internal && item->by_hand) {
        *ret_note = "type: only other services may send it";
        return GRID_ERR_DENIED;
    }
    return GRID_ERR_OK;
}

/* ---- one item */

static void ended(const struct work *work, enum partition_stage stage)
{
    const struct partition_observer *observer = work->partition->observer;
    if (observer != NULL && observer->stage != NULL)
        observer->stage(observer->context, stage);
}

static uint32_t still_needs(const struct service *service, const void *view)
{
    return service->still_needs != NULL && view != NULL ? service->still_needs(view) : 0;
}

static enum grid_err decide(struct work *work, struct handling *handling)
{
    const struct work_item *item = handling->item;
    const struct service *service = item->service;
    struct service_decision *decision = &handling->decision;
    if (item->kind == ITEM_COMMAND) {
        const struct ProtobufCMessageDescriptor *descriptor = registry_command(service, item->type)->descriptor;
        handling->command = item->by_hand ? message_unpack_strict(descriptor, item->body, work->arena)
                                          : message_unpack(descriptor, item->body, work->arena);
        if (handling->command == NULL)
            return GRID_ERR_MALFORMED;
        if (service->part_key != NULL)
            handling->part_key = service->part_key(&handling->call, item->type, handling->command);
        /* An id that is too long for a key names nothing; decide refuses it. */
        if (handling->part_key.size > 2 * SERVICE_KEY_BYTES_MAX + 16)
            handling->part_key = BYTES_NONE;
    }
    event_store_load(work, item, handling->part_key, &handling->state);
    handling->call.sequence = event_store_sequence(service, handling->state.view);
    event_store_fetch_event(work, handling);
    handling->needed = still_needs(service, handling->state.view);
    ended(work, PARTITION_STAGE_SOURCE);
    switch (item->kind) {
    case ITEM_COMMAND:
        service->decide(&handling->call, &handling->state, item->type, handling->command, decision);
        break;
    case ITEM_ANSWER:
        if (service->decide_answer != NULL)
            service->decide_answer(&handling->call, &handling->state, &item->answer, decision);
        break;
    case ITEM_TIMER:
        if (service->decide_timer != NULL)
            service->decide_timer(&handling->call, &handling->state, item->timer_number, decision);
        break;
    case ITEM_RESULT:
        if (service->decide_result != NULL)
            service->decide_result(&handling->call, &handling->state, &item->result, decision);
        break;
    }
    return GRID_ERR_OK;
}

/* Counted on every replica, told to who watches this one. */
static void tell(struct partition *partition, const struct service *service, const struct service_notice *notice)
{
    partition->counts.flows_started += notice->flows_started;
    partition->counts.flows_ended += notice->flows_ended;
    if (notice->samples_count == 0)
        return;
    int64_t *sums = partition->pipeline->sums[registry_place(partition->pipeline->services, service)];
    for (size_t i = 0; i < notice->samples_count; i++) {
        const struct service_sample *sample = &notice->samples[i];
        HOLDS(sample->metric < service->metrics_count);
        sums[sample->metric] += service->metrics[sample->metric].kind == SERVICE_HISTOGRAM ? 1 : sample->value;
    }
    if (partition->observer != NULL)
        partition->observer->notice(partition->observer->context, service, notice);
}

static struct bytes encode_event(struct work *work, const struct handling *handling,
                                 const struct service_event_kind *kind, const void *body)
{
    const struct service_call *call = &handling->call;
    const struct service *service = handling->item->service;
    bool of_flow = call->trace.flow_id.size != 0;
    struct event_record record = {.event_id = call->event_id,
                                  .service = service->number,
                                  .type = kind->type,
                                  .version = kind->version,
                                  .event_type = bytes_of_text(kind->name),
                                  .aggregate_type = bytes_of_text(service->aggregate),
                                  .key = call->key,
                                  .sequence = call->sequence,
                                  .log_time_ms = call->log_time_ms,
                                  .wall_time_ms = call->wall_time_ms,
                                  .trace = call->trace,
                                  .flow_type = of_flow && service->flow_type != NULL ? bytes_of_text(service->flow_type) : BYTES_NONE,
                                  .flow_step = of_flow ? kind->flow_step : 0,
                                  .is_compensating = of_flow && kind->is_compensating,
                                  .body = message_pack_arena(body, work->arena),
                                  .principal = handling->item->principal};
    struct buffer *scratch = &work->partition->scratch->bytes;
    buffer_clear(scratch);
    event_record_encode(&record, scratch);
    return arena_copy(work->arena, buffer_bytes(scratch));
}

static const void *kept(struct work *work, const void *items, size_t size_bytes)
{
    return arena_copy(work->arena, bytes_of(items, size_bytes)).data;
}

static void stage_reaction(struct work *work, const struct service_reaction *reaction, struct staged_event *staged)
{
    struct bytes *bodies = arena_alloc(work->arena, reaction->messages_count * sizeof *bodies);
    for (size_t i = 0; i < reaction->messages_count; i++)
        bodies[i] = message_pack_arena(reaction->messages[i].body, work->arena);
    struct bytes *requests = arena_alloc(work->arena, reaction->activities_count * sizeof *requests);
    for (size_t i = 0; i < reaction->activities_count; i++)
        requests[i] = message_pack_arena(reaction->activities[i].request, work->arena);
    staged->bodies = bodies;
    staged->requests = requests;
    staged->messages_count = reaction->messages_count;
    staged->messages = kept(work, reaction->messages, reaction->messages_count * sizeof reaction->messages[0]);
    staged->timers_count = reaction->timers_count;
    staged->timers = kept(work, reaction->timers, reaction->timers_count * sizeof reaction->timers[0]);
    staged->activities_count = reaction->activities_count;
    staged->activities = kept(work, reaction->activities, reaction->activities_count * sizeof reaction->activities[0]);
}

/* Enrich and evolve one event, and ask who must hear of it. Nothing is written yet. */
static void stage_event(struct work *work, struct handling *handling, const struct service_event *event,
                        struct staged_event *ret_staged)
{
    const struct service *service = handling->item->service;
    const struct service_event_kind *kind = registry_event(service, event->type);
    REQUIRE(kind != NULL);
    handling->call.sequence++;
    ret_staged->record = encode_event(work, handling, kind, event->body);
    ret_staged->call = handling->call;
    ended(work, PARTITION_STAGE_ENRICH);
    service->evolve(&handling->call, &handling->state, event->type, event->body);
    event_store_set_sequence(service, handling->state.view, handling->call.sequence);
    ret_staged->notice.samples_count = ret_staged->notice.flows_started = ret_staged->notice.flows_ended = 0;
    if (service->notice != NULL)
        service->notice(&handling->call, &handling->state, event->type, event->body, &ret_staged->notice);
    ended(work, PARTITION_STAGE_VIEW);
    struct service_reaction *reaction = &work->pipeline->reaction;
    reaction->arena = work->arena;
    reaction->messages_count = reaction->timers_count = reaction->activities_count = 0;
    if (service->react != NULL)
        service->react(&handling->call, &handling->state, event->type, event->body, reaction);
    stage_reaction(work, reaction, ret_staged);
    ended(work, PARTITION_STAGE_PUBLISH);
}

static bool fits(const struct staged_event *staged)
{
    for (size_t i = 0; i < staged->messages_count; i++)
        if (staged->bodies[i].size > STORED_BYTES_MAX)
            return false;
    for (size_t i = 0; i < staged->activities_count; i++)
        if (staged->requests[i].size > STORED_BYTES_MAX)
            return false;
    return staged->record.size <= STORED_BYTES_MAX;
}

/* All events of a decision; false: something is too large to be stored. */
static bool stage(struct work *work, struct handling *handling, struct staged_event *ret_staged)
{
    const struct service_decision *decision = &handling->decision;
    bool fit = true;
    for (size_t i = 0; i < decision->events_count; i++) {
        if (i != 0)
            handling->call.event_id = bytes_of_text(event_work_id(work));
        stage_event(work, handling, &decision->events[i], &ret_staged[i]);
        fit = fit && fits(&ret_staged[i]);
    }
    handling->item->service->holds(&handling->state);
    handling->view = message_pack_arena(handling->state.view, work->arena);
    if (handling->state.part != NULL && handling->part_key.size != 0)
        handling->part = message_pack_arena(handling->state.part, work->arena);
    return fit && handling->view.size <= STORED_BYTES_MAX && handling->part.size <= STORED_BYTES_MAX;
}

static struct service_call call_of(struct work *work, const struct work_item *item, struct bytes event_id)
{
    struct service_call call = {.arena = work->arena,
                                .key = item->key,
                                .affinity = item->affinity,
                                .log_time_ms = work->partition->log_time_ms,
                                .wall_time_ms = work->partition->wall_time_ms,
                                .trace = item->trace,
                                .by_hand = item->by_hand,
                                .event_id = event_id,
                                .peek = event_store_peek,
                                .peek_context = work};
    if (call.trace.correlation_id.size == 0)
        call.trace.correlation_id = event_id;
    return call;
}

/* What was kept free for this aggregate is what it may still cause, and no more. */
static void reserve(struct partition *partition, const struct handling *handling)
{
    HOLDS(partition->reserved >= handling->needed);
    partition->reserved += still_needs(handling->item->service, handling->state.view);
    partition->reserved -= handling->needed;
}

/* Persist, update view, publish. Either all of a decision is written or nothing (R8). */
static void apply_events(struct work *work, struct handling *handling)
{
    struct service_decision *decision = &handling->decision;
    uint64_t sequence = handling->call.sequence;
    if (decision->events_count == 0)
        return;
    if (decision->flow_id.size != 0)
        handling->call.trace.flow_id = decision->flow_id;
    if (decision->correlation_id.size != 0)
        handling->call.trace.correlation_id = decision->correlation_id;
    struct staged_event *staged = arena_alloc(work->arena, decision->events_count * sizeof *staged);
    if (!stage(work, handling, staged)) {
        decision->events_count = 0;
        service_refuse(decision, REFUSAL_UNPROCESSABLE, "too large to be stored");
        handling->call.sequence = sequence;
        return;
    }
    ended(work, PARTITION_STAGE_VIEW);
    for (size_t i = 0; i < decision->events_count; i++) {
        event_store_append(work, handling->item, &staged[i]);
        ended(work, PARTITION_STAGE_PERSIST);
        event_effects_react(work, handling->item, &staged[i]);
        tell(work->partition, handling->item->service, &staged[i].notice);
        ended(work, PARTITION_STAGE_PUBLISH);
    }
    work->partition->counts.published += decision->events_count;
    event_store_save(work, handling);
    event_ended_note(work, handling);
    reserve(work->partition, handling);
    ended(work, PARTITION_STAGE_VIEW);
}

static void handle_item(struct work *work, const struct work_item *item, struct work_outcome *ret_outcome)
{
    struct handling handling = {.item = item};
    const char *note = NULL;
    ended(work, PARTITION_STAGE_BEGIN);
    *ret_outcome = (struct work_outcome){.err = check(item, &note)};
    if (ret_outcome->err != GRID_ERR_OK) {
        ret_outcome->reason = bytes_of_text(note);
        return;
    }
    ret_outcome->event_id = bytes_of_text(event_work_id(work));
    handling.call = call_of(work, item, ret_outcome->event_id);
    handling.decision.arena = work->arena;
    struct map_ahead oldest = event_store_fetch_completion(work, item, ret_outcome->event_id);
    ret_outcome->err = decide(work, &handling);
    maps_fetch_record(oldest);
    if (ret_outcome->err != GRID_ERR_OK) {
        ret_outcome->reason = bytes_of_text("body: not a message of this command");
        return;
    }
    ended(work, PARTITION_STAGE_DECIDE);
    apply_events(work, &handling);
    ret_outcome->refusal = handling.decision.refusal;
    ret_outcome->reason = handling.decision.reason;
    ret_outcome->same = handling.decision.same;
    ret_outcome->sequence = handling.call.sequence;
    bool silent = handling.decision.events_count == 0 && handling.decision.refusal == 0;
    if (handling.decision.same)
        ret_outcome->event_id = handling.decision.same_event_id;
    else if (silent)
        ret_outcome->event_id = BYTES_NONE;
    else
        event_store_complete(work, item, ret_outcome);
    ended(work, PARTITION_STAGE_COMPLETE);
}

/* Handles one item and answers the sender that waits for it. */
static void handle(struct work *work, const struct work_item *item, struct work_outcome *ret_outcome)
{
    struct partition_counts *counts = &work->partition->counts;
    handle_item(work, item, ret_outcome);
    event_effects_reply(work, item, ret_outcome);
    ended(work, PARTITION_STAGE_PUBLISH);
    bool refused = ret_outcome->refusal != 0, unprocessable = !refused && ret_outcome->err != GRID_ERR_OK;
    counts->received++;
    counts->refused += refused;
    counts->unprocessable += unprocessable;
    counts->refusals += refused || unprocessable;
}

void event_work_run(struct work *work, const struct work_item *item, struct work_outcome *ret_outcome)
{
    struct work_outcome outcome;
    REQUIRE(work->first == NULL && work->last == NULL);
    work->items = 1;
    handle(work, item, ret_outcome);
    while (work->first != NULL) {
        const struct work_item *next = work->first;
        work->first = next->next;
        if (work->first == NULL)
            work->last = NULL;
        handle(work, next, &outcome);
    }
}
