/* Ended flows: aggregates that nothing changes any more, removed with their events once they are too old, too many or too large. */
#include "grid/base/check.h"
#include "grid/partition/events/events_internal.h"
#include "grid/partition/events/retention.h"

static struct map_id map_of(const struct event_pipeline *pipeline, const struct service *service, uint32_t which)
{
    return pipeline->map_ids[registry_place(pipeline->services, service)][which];
}

/* key/sequence, in `room`. */
static struct bytes event_key(struct bytes key, uint64_t sequence, uint8_t room[SERVICE_KEY_BYTES_MAX + 1 + DECIMAL_BYTES_MAX])
{
    REQUIRE(key.size <= SERVICE_KEY_BYTES_MAX);
    memcpy(room, key.data, key.size);
    room[key.size] = '/';
    return bytes_of(room, key.size + 1 + event_store_decimal(sequence, (char *)room + key.size + 1));
}

static uint64_t entry_bytes(const struct maps *maps, struct map_id map, struct bytes key, struct bytes affinity)
{
    struct table_entry entry;
    if (!maps_get(maps, map, key, affinity, &entry))
        return 0;
    return table_record_size(key.size + affinity.size, entry.value.size);
}

static bool is_ended(const struct service *service, const void *view)
{
    return service->ended != NULL && service->ended(view) && (service->still_needs == NULL || service->still_needs(view) == 0);
}

void event_ended_note(struct work *work, const struct handling *handling)
{
    const struct work_item *item = handling->item;
    const struct service *service = item->service;
    const struct maps *maps = work->partition->maps;
    uint64_t events = handling->call.sequence;
    uint8_t room[SERVICE_KEY_BYTES_MAX + 1 + DECIMAL_BYTES_MAX];
    if (!is_ended(service, handling->state.view) || events > FLOW_EVENTS_MAX)
        return;
    struct map_id events_map = map_of(work->pipeline, service, MAP_EVENTS);
    struct retained retained = {.map = map_of(work->pipeline, service, MAP_VIEW), .key = item->key, .affinity = item->affinity,
                                .version = work->partition->commits, .time_ms = work->partition->log_time_ms, .events = (uint32_t)events};
    uint64_t bytes = entry_bytes(maps, retained.map, item->key, item->affinity);
    for (uint64_t sequence = 1; sequence <= events; sequence++)
        bytes += entry_bytes(maps, events_map, event_key(item->key, sequence, room), item->affinity);
    retained.bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    retention_add(work->pipeline->flows, &retained);
}

/* The service whose views stand in this map. */
static size_t place_of(const struct event_pipeline *pipeline, struct map_id view)
{
    for (size_t place = 0; place < pipeline->services->count; place++)
        if (pipeline->map_ids[place][MAP_VIEW].value == view.value)
            return place;
    UNREACHABLE("flows are of services that the partition has");
}

/* Of a flow that is as it was when it ended. Folded into the digest, because no answer shows it. */
static void remove_flow(struct partition *partition, const struct retained *flow)
{
    struct event_pipeline *pipeline = partition->pipeline;
    struct map_id events = pipeline->map_ids[place_of(pipeline, flow->map)][MAP_EVENTS];
    uint8_t room[SERVICE_KEY_BYTES_MAX + 1 + DECIMAL_BYTES_MAX], content[8];
    for (uint64_t sequence = 1; sequence <= flow->events; sequence++)
        (void)maps_remove(partition->maps, events, event_key(flow->key, sequence, room), flow->affinity);
    (void)maps_remove(partition->maps, flow->map, flow->key, flow->affinity);
    put_u64(content, flow->version);
    partition_fold(partition, bytes_of(content, sizeof content));
    partition->trimmed[RETENTION_FLOWS]++;
}

size_t event_ended_trim(struct partition *partition, size_t budget)
{
    struct retention *flows = partition->pipeline->flows;
    const struct retention_limits *limits = settings_retention(&partition->settings, RETENTION_FLOWS);
    struct retained flow;
    struct table_entry view;
    uint64_t due_ms;
    size_t removed = 0;
    while (removed < budget && retention_oldest(flows, limits, &flow, &due_ms) && due_ms <= partition->log_time_ms &&
           removed + flow.events < partition->removals_left) {
        if (maps_get(partition->maps, flow.map, flow.key, flow.affinity, &view) && view.version == flow.version)
            remove_flow(partition, &flow);
        removed += 1 + flow.events;
        retention_pass(flows);
    }
    return removed;
}
