#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/events/events_internal.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/deferred/timers.h"
#include "grid/wire/messages/message_check.h"

/* ---- messages */

/* The rest of a worklist that grew past its bound goes through the outbox, so that one entry stays bounded. */
static bool stays_here(const struct work *work, const struct work_item *item, struct bytes affinity)
{
    return bytes_equal(affinity, item->affinity) && work->items < WORKLIST_MAX;
}

static void enqueue(struct work *work, const struct link_message *message)
{
    struct work_item *item = arena_zero(work->arena, sizeof *item);
    const struct service_command *command = &message->command;
    item->kind = message->is_answer ? ITEM_ANSWER : ITEM_COMMAND;
    item->service = event_services_find(work->pipeline, command->service);
    item->type = command->type;
    item->key = command->key;
    item->affinity = message_affinity(command->key, command->affinity);
    item->body = command->body;
    item->trace = command->trace;
    item->principal = message->principal;
    item->reply_to = message->reply_to;
    item->answer = (struct service_answer){.reference = message->answer_reference, .code = message->answer_code};
    if (work->last == NULL)
        work->first = item;
    else
        work->last->next = item;
    work->last = item;
    work->items++;
}

static void route(struct work *work, const struct work_item *item, struct link_message *message)
{
    struct partition *partition = work->partition;
    struct bytes affinity = message_affinity(message->command.key, message->command.affinity);
    if (stays_here(work, item, affinity)) {
        enqueue(work, message);
        return;
    }
    struct buffer *scratch = &work->partition->scratch->bytes;
    uint32_t destination = hash_partition(affinity, partition->genesis_command.partitions).value;
    message->sequence = outbox_next_sequence(partition->outbox, destination);
    buffer_clear(scratch);
    link_message_encode(message, scratch);
    outbox_add(partition->outbox, destination, buffer_bytes(scratch));
    partition->counts.outbox_written++;
    partition_fold(partition, buffer_bytes(scratch));
}

static struct bytes affinity_or_none(struct bytes key, struct bytes affinity)
{
    return bytes_equal(key, affinity) ? BYTES_NONE : affinity;
}

static void send(struct work *work, const struct work_item *item, const struct service_call *call,
                 const struct service_message *sent, struct bytes body)
{
    struct link_message message = {.command = {.service = sent->service,
                                               .type = sent->type,
                                               .key = sent->key,
                                               .affinity = affinity_or_none(sent->key, sent->affinity),
                                               .body = body,
                                               .trace = call->trace},
                                   .principal = item->principal};
    message.command.trace.causation_id = call->event_id;
    if (sent->reference != 0) {
        bool neighbour = sent->reply_service != SERVICE_NONE;
        struct bytes key = neighbour ? sent->reply_key : item->key;
        message.reply_to = (struct reply_to){.service = neighbour ? sent->reply_service : item->service->number,
                                             .key = key,
                                             .affinity = affinity_or_none(key, item->affinity),
                                             .reference = sent->reference};
    }
    route(work, item, &message);
}

void event_effects_reply(struct work *work, const struct work_item *item, const struct work_outcome *outcome)
{
    if (item->reply_to.service == SERVICE_NONE || item->reply_to.key.size == 0)
        return;
    uint32_t code = outcome->refusal;
    if (code == 0 && outcome->err != GRID_ERR_OK)
        code = REFUSAL_UNPROCESSABLE;
    struct link_message message = {.command = {.service = item->reply_to.service,
                                               .key = item->reply_to.key,
                                               .affinity = item->reply_to.affinity,
                                               .trace = item->trace},
                                   .principal = item->principal,
                                   .is_answer = true,
                                   .answer_code = code,
                                   .answer_reference = item->reply_to.reference};
    if (outcome->event_id.size != 0)
        message.command.trace.causation_id = outcome->event_id;
    route(work, item, &message);
}

/* ---- timers and activities */

static void set_timer(struct work *work, const struct work_item *item, const struct service_timer *timer)
{
    struct timer_owner owner = {
        .service = item->service->number, .number = timer->number, .key = item->key, .affinity = item->affinity};
    if (timer->due_ms == 0)
        (void)timers_disarm(work->partition->timers, &owner);
    else
        timers_arm(work->partition->timers, &owner, timer->due_ms, work->partition->table_seed);
}

static void start_activity(struct work *work, const struct work_item *item, const struct service_call *call,
                           const struct service_activity *activity, struct bytes request)
{
    struct activity_record record = {.service = item->service->number,
                                     .kind = activity->kind,
                                     .key = item->key,
                                     .affinity = item->affinity,
                                     .token = activity->key,
                                     .request = request,
                                     .trace = call->trace,
                                     .principal = item->principal};
    record.trace.causation_id = call->event_id;
    (void)activities_start(work->partition->activities, &record);
    partition_fold(work->partition, activity->key);
}

void event_effects_react(struct work *work, const struct work_item *item, const struct staged_event *event)
{
    REQUIRE(item->service != NULL && event->call.event_id.size != 0);
    for (size_t i = 0; i < event->messages_count; i++)
        send(work, item, &event->call, &event->messages[i], event->bodies[i]);
    for (size_t i = 0; i < event->timers_count; i++)
        set_timer(work, item, &event->timers[i]);
    for (size_t i = 0; i < event->activities_count; i++)
        start_activity(work, item, &event->call, &event->activities[i], event->requests[i]);
}
