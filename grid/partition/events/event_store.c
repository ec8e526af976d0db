#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/partition/events/events_internal.h"
#include "grid/partition/events/retention.h"
#include "services/message.h"

_Static_assert(2 * SERVICE_KEY_BYTES_MAX + 64 < KEY_BYTES_MAX, "derived keys fit");

static struct map_id map_of(const struct work *work, const struct service *service, uint32_t which)
{
    struct map_id id = work->pipeline->map_ids[registry_place(work->pipeline->services, service)][which];
    REQUIRE(id.value != 0);
    return id;
}

/* ---- view and part */

uint64_t event_store_sequence(const struct service *service, const void *view)
{
    uint64_t sequence = 0;
    if (view != NULL)
        memcpy(&sequence, (const uint8_t *)view + service->view_sequence_offset, sizeof sequence);
    return sequence;
}

void event_store_set_sequence(const struct service *service, void *view, uint64_t sequence)
{
    REQUIRE(view != NULL);
    memcpy((uint8_t *)view + service->view_sequence_offset, &sequence, sizeof sequence);
}

static void *load(struct work *work, struct map_id map, const struct ProtobufCMessageDescriptor *descriptor,
                  struct bytes key, struct bytes affinity)
{
    struct table_entry entry;
    if (!maps_get(work->partition->maps, map, key, affinity, &entry))
        return NULL;
    void *message = message_unpack(descriptor, entry.value, work->arena);
    HOLDS(message != NULL);
    return message;
}

void event_store_load(struct work *work, const struct work_item *item, struct bytes part_key,
                      struct service_state *ret_state)
{
    const struct service *service = item->service;
    *ret_state = (struct service_state){0};
    ret_state->view = load(work, map_of(work, service, MAP_VIEW), service->view, item->key, item->affinity);
    if (part_key.size != 0)
        ret_state->part = load(work, map_of(work, service, MAP_PARTS), service->part, part_key, item->affinity);
}

static void store(struct work *work, const struct work_item *item, struct map_id map, struct bytes key,
                  struct bytes value)
{
    maps_set(work->partition->maps, map, key, item->affinity, value, work->partition->commits);
    partition_fold(work->partition, value);
}

void event_store_save(struct work *work, const struct handling *handling)
{
    const struct work_item *item = handling->item;
    struct partition *partition = work->partition;
    REQUIRE(handling->state.view != NULL && (handling->state.part != NULL) >= (handling->part.size != 0));
    store(work, item, map_of(work, item->service, MAP_VIEW), item->key, handling->view);
    partition->counts.views_updated++;
    if (handling->part_key.size == 0)
        return;
    struct map_id parts = map_of(work, item->service, MAP_PARTS);
    if (handling->state.part == NULL) {
        maps_remove(partition->maps, parts, handling->part_key, item->affinity);
        return;
    }
    store(work, item, parts, handling->part_key, handling->part);
    if (handling->state.part_keep_ms != 0)
        retention_add(work->pipeline->parts,
                      &(struct retained){.map = parts,
                                         .key = handling->part_key,
                                         .affinity = item->affinity,
                                         .version = partition->commits,
                                         .time_ms = partition->log_time_ms + handling->state.part_keep_ms});
}

const void *event_store_peek(const struct service_call *call, uint32_t service_number, struct bytes key)
{
    struct work *work = call->peek_context;
    const struct service *service = event_services_find(work->pipeline, service_number);
    if (service == NULL || key.size == 0 || key.size > SERVICE_KEY_BYTES_MAX)
        return NULL;
    return load(work, map_of(work, service, MAP_VIEW), service->view, key, call->affinity);
}

/* ---- events and completions */

size_t event_store_decimal(uint64_t number, char *out)
{
    char digits[DECIMAL_BYTES_MAX];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

/* key/sequence */
static struct bytes event_key(const struct work *work, const struct work_item *item, uint64_t sequence)
{
    uint8_t *key = arena_alloc(work->arena, item->key.size + 1 + DECIMAL_BYTES_MAX);
    memcpy(key, item->key.data, item->key.size);
    key[item->key.size] = '/';
    size_t digits = event_store_decimal(sequence, (char *)key + item->key.size + 1);
    return bytes_of(key, item->key.size + 1 + digits);
}

void event_store_append(struct work *work, const struct work_item *item, const struct staged_event *event)
{
    struct bytes key = event_key(work, item, event->call.sequence);
    store(work, item, map_of(work, item->service, MAP_EVENTS), key, event->record);
    work->partition->counts.events++;
}

/* ---- looks ahead */

struct map_ahead event_store_fetch_completion(const struct work *work, const struct work_item *item, struct bytes event_id)
{
    const struct maps *maps = work->partition->maps;
    (void)maps_fetch_entry(maps, map_of(work, item->service, MAP_COMPLETIONS), event_id, item->affinity);
    return retention_fetch(work->pipeline->completions, settings_retention(&work->partition->settings, RETENTION_COMPLETIONS), maps);
}

void event_store_fetch_event(const struct work *work, const struct handling *handling)
{
    const struct work_item *item = handling->item;
    (void)maps_fetch_entry(work->partition->maps, map_of(work, item->service, MAP_EVENTS),
                           event_key(work, item, handling->call.sequence + 1), item->affinity);
}

void event_store_complete(struct work *work, const struct work_item *item, const struct work_outcome *outcome)
{
    enum { STATUS_COMPLETED = 1, STATUS_REFUSED = 2 };
    struct partition *partition = work->partition;
    struct buffer *scratch = &work->partition->scratch->bytes;
    struct completion_record record = {.event_id = outcome->event_id,
                                       .status = outcome->refusal == 0 ? STATUS_COMPLETED : STATUS_REFUSED,
                                       .refusal_code = outcome->refusal,
                                       .refusal_reason = outcome->reason,
                                       .log_time_ms = partition->log_time_ms,
                                       .sequence = outcome->sequence};
    buffer_clear(scratch);
    completion_record_encode(&record, scratch);
    struct retained retained = {.map = map_of(work, item->service, MAP_COMPLETIONS),
                                .key = outcome->event_id,
                                .affinity = item->affinity,
                                .version = RETENTION_ANY_VERSION,
                                .time_ms = partition->log_time_ms,
                                .bytes = (uint32_t)table_record_size(outcome->event_id.size + item->affinity.size, scratch->size)};
    maps_set(partition->maps, retained.map, retained.key, retained.affinity, buffer_bytes(scratch), partition->commits);
    retention_add(work->pipeline->completions, &retained);
    partition->trimmed[RETENTION_COMPLETIONS] += retention_trim(
        work->pipeline->completions, settings_retention(&partition->settings, RETENTION_COMPLETIONS), partition->maps, partition->log_time_ms, 2);
}
