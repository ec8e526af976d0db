/* Snapshots of the event pipeline. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/events/events_internal.h"
#include "grid/partition/events/retention.h"
#include "services/message.h"

enum { RECORD_SERVICE = 2, RECORD_COMPLETION = 2, RECORD_PART = 3, RECORD_FLOW = 4, MAP_NUMBERS = 2 * MAPS_PER_PARTITION_MAX + 1 };

struct event_load {
    uint64_t services;                 /* that are still to come; likewise below */
    uint64_t completions, parts, flows;
    uint32_t last;                     /* number of the last service */
    char note[112];                    /* of an error */
    uint64_t reserved;                 /* sum of still_needs */
    struct arena arena;
    struct { const struct service *service; bool view; } *by_map;    /* by number of the map; service NULL: of no view, no parts */
};

void event_load_close(struct event_pipeline *pipeline)
{
    if (pipeline->load == NULL)
        return;
    arena_close(&pipeline->load->arena);
    memory_free(pipeline->load->by_map);
    memory_free(pipeline->load);
    pipeline->load = NULL;
}

/* ---- services */

/* Metrics up to the last that is not 0, so that programs that know more of them write the same. */
static size_t sums_count(const int64_t *sums)
{
    size_t count = SERVICE_METRICS_MAX;
    while (count > 0 && sums[count - 1] == 0)
        count--;
    return count;
}

static void write_service(const struct event_pipeline *pipeline, size_t place, struct buffer *out)
{
    const int64_t *sums = pipeline->sums[place];
    size_t start = record_begin(out, SECTION_SERVICES, RECORD_SERVICE), count = sums_count(sums);
    buffer_append_u32(out, pipeline->services->services[place]->number);
    for (size_t i = 0; i < MAPS_PER_SERVICE; i++)
        buffer_append_u32(out, pipeline->map_ids[place][i].value);
    buffer_append_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        buffer_append_u64(out, (uint64_t)sums[i]);
    record_end(out, start);
}

/* Place of the registered service with the lowest number above; the number of services: there is no more. */
static size_t next_service(const struct event_pipeline *pipeline, uint32_t above)
{
    size_t count = pipeline->services != NULL ? pipeline->services->count : 0, next = count;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = pipeline->services->services[i]->number;
        if (pipeline->registered[i] && number > above && (next == count || number < pipeline->services->services[next]->number))
            next = i;
    }
    return next;
}

static void freeze_services(void *component)
{
    struct event_pipeline *pipeline = component;
    struct buffer *out = &pipeline->frozen_services;
    size_t start = record_begin(out, SECTION_SERVICES, RECORD_FIRST);
    buffer_append_u64(out, pipeline->registered_count);
    buffer_append_u64(out, pipeline->registered_digest);
    record_end(out, start);
    uint32_t number = 0;
    for (size_t i = 0; i < pipeline->registered_count; i++) {
        size_t place = next_service(pipeline, number);
        write_service(pipeline, place, out);
        number = pipeline->services->services[place]->number;
    }
}

static bool save_services(void *component, size_t size_max, struct buffer *out)
{
    struct event_pipeline *pipeline = component;
    (void)size_max;
    buffer_append(out, buffer_bytes(&pipeline->frozen_services));
    buffer_clear(&pipeline->frozen_services);
    return true;
}

static void thaw_services(void *component)
{
    struct event_pipeline *pipeline = component;
    buffer_close(&pipeline->frozen_services);
}

static enum grid_err load_first(struct event_pipeline *pipeline, struct reader *body, const char **ret_note)
{
    struct event_load *load = pipeline->load = memory_zero(1, sizeof *load);
    arena_init(&load->arena, 4096);
    load->by_map = memory_zero(MAP_NUMBERS, sizeof *load->by_map);
    load->services = reader_u64(body);
    pipeline->registered_digest = reader_u64(body);
    return load->services <= SERVICES_MAX ? GRID_ERR_OK : record_corrupt("more services than the limit", ret_note);
}

static enum grid_err load_maps(struct event_pipeline *pipeline, size_t place, struct reader *body, const char **ret_note)
{
    const struct service *service = pipeline->services->services[place];
    for (uint32_t which = 0; which < MAPS_PER_SERVICE; which++) {
        uint32_t map = reader_u32(body);
        bool has = which != MAP_PARTS || service->part_map != NULL;
        if (map >= MAP_NUMBERS || has != (map != 0) || (has && pipeline->load->by_map[map].service != NULL))
            return record_corrupt("not the maps of a service", ret_note);
        pipeline->map_ids[place][which].value = map;
        if (has && (which == MAP_VIEW || which == MAP_PARTS)) {
            pipeline->load->by_map[map].service = service;
            pipeline->load->by_map[map].view = which == MAP_VIEW;
        }
    }
    return GRID_ERR_OK;
}

static enum grid_err load_service(struct event_pipeline *pipeline, struct reader *body, const char **ret_note)
{
    struct event_load *load = pipeline->load;
    uint32_t number = reader_u32(body);
    const struct service *service = registry_find(pipeline->services, number);
    if (number <= load->last)
        return record_corrupt("the numbers of services do not ascend", ret_note);
    if (service == NULL) {
        snprintf(load->note, sizeof load->note, "this snapshot needs service %" PRIu32 ", which this program does not have: upgrade this node", number);
        *ret_note = load->note;
        return GRID_ERR_NOT_SUPPORTED;
    }
    size_t place = registry_place(pipeline->services, service);
    enum grid_err err = load_maps(pipeline, place, body, ret_note);
    uint32_t sums = reader_u32(body);
    if (err != GRID_ERR_OK || body->failed)
        return err != GRID_ERR_OK ? err : record_corrupt("the record ends too soon", ret_note);
    if (sums > service->metrics_count) {
        *ret_note = "this program does not have all metrics of the service";
        return sums <= SERVICE_METRICS_MAX ? GRID_ERR_NOT_SUPPORTED : record_corrupt("more metrics than the limit", ret_note);
    }
    for (uint32_t i = 0; i < sums; i++)
        pipeline->sums[place][i] = (int64_t)reader_u64(body);
    if (!body->failed && sums_count(pipeline->sums[place]) != sums)
        return record_corrupt("the last metric of a service is 0", ret_note);
    pipeline->registered[place] = true;
    pipeline->registered_count++;
    load->last = number;
    load->services--;
    return GRID_ERR_OK;
}

static enum grid_err load_services(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct event_pipeline *pipeline = component;
    (void)context;
    if (kind == RECORD_FIRST)
        return load_first(pipeline, body, ret_note);
    if (kind == RECORD_SERVICE && pipeline->load->services > 0)
        return load_service(pipeline, body, ret_note);
    return record_corrupt("not a record of services, or one too many", ret_note);
}

static enum grid_err services_loaded(void *component, const struct load_context *context, const char **ret_note)
{
    const struct event_pipeline *pipeline = component;
    (void)context;
    return pipeline->load->services == 0 ? GRID_ERR_OK : record_corrupt("services are missing", ret_note);
}

const struct component event_services_component = {"services", freeze_services, save_services, thaw_services, load_services, services_loaded};

/* ---- entries of views and parts */

bool event_load_entry(void *component, uint32_t map, struct bytes value)
{
    struct event_pipeline *pipeline = component;
    struct event_load *load = pipeline->load;
    const struct service *service = load->by_map[map].service;
    if (service == NULL)
        return true;
    bool view = load->by_map[map].view;
    arena_reset(&load->arena);
    const void *message = message_unpack(view ? service->view : service->part, value, &load->arena);
    if (message != NULL && view && service->still_needs != NULL)
        load->reserved += service->still_needs(message);
    return message != NULL;
}

uint64_t event_load_end(struct event_pipeline *pipeline)
{
    REQUIRE(pipeline->load != NULL);
    uint64_t reserved = pipeline->load->reserved;
    event_load_close(pipeline);
    return reserved;
}

/* ---- retention */

static void freeze_retention(void *component)
{
    struct event_pipeline *pipeline = component;
    retention_freeze(pipeline->completions);
    retention_freeze(pipeline->parts);
    retention_freeze(pipeline->flows);
    size_t start = record_begin(&pipeline->frozen_head, SECTION_RETENTION, RECORD_FIRST);
    buffer_append_u64(&pipeline->frozen_head, retention_frozen_count(pipeline->completions));
    buffer_append_u64(&pipeline->frozen_head, retention_frozen_count(pipeline->parts));
    buffer_append_u64(&pipeline->frozen_head, retention_frozen_count(pipeline->flows));
    record_end(&pipeline->frozen_head, start);
}

static bool save_retention(void *component, size_t size_max, struct buffer *out)
{
    struct event_pipeline *pipeline = component;
    buffer_append(out, buffer_bytes(&pipeline->frozen_head));
    buffer_clear(&pipeline->frozen_head);
    return retention_save(pipeline->completions, RECORD_COMPLETION, size_max, out) &&
           retention_save(pipeline->parts, RECORD_PART, size_max, out) &&
           retention_save(pipeline->flows, RECORD_FLOW, size_max, out);
}

static void thaw_retention(void *component)
{
    struct event_pipeline *pipeline = component;
    retention_thaw(pipeline->completions);
    retention_thaw(pipeline->parts);
    retention_thaw(pipeline->flows);
    buffer_close(&pipeline->frozen_head);
}

/* Of a service's view: retention looks for the map of its events. */
static enum grid_err load_flow(struct event_pipeline *pipeline, const struct load_context *context, struct reader *body, const char **ret_note)
{
    struct reader map = *body;
    uint32_t number = reader_u32(&map);
    if (map.failed || number >= MAP_NUMBERS || !pipeline->load->by_map[number].view)
        return record_corrupt("not the view of an ended flow", ret_note);
    return retention_load(pipeline->flows, context, body, ret_note);
}

static enum grid_err load_retention(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct event_pipeline *pipeline = component;
    struct event_load *load = pipeline->load;
    if (kind == RECORD_COMPLETION && load->completions > 0) {
        load->completions--;
        return retention_load(pipeline->completions, context, body, ret_note);
    }
    if (kind == RECORD_PART && load->completions == 0 && load->parts > 0) {
        load->parts--;
        return retention_load(pipeline->parts, context, body, ret_note);
    }
    if (kind == RECORD_FLOW && load->completions + load->parts == 0 && load->flows > 0) {
        load->flows--;
        return load_flow(pipeline, context, body, ret_note);
    }
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of retention, or one too many", ret_note);
    load->completions = reader_u64(body);
    load->parts = reader_u64(body);
    load->flows = reader_u64(body);
    return GRID_ERR_OK;
}

/* The maps that the services named stand under these numbers. */
static bool maps_stand(const struct event_pipeline *pipeline, const struct load_context *context)
{
    bool stand = true;
    for (size_t i = 0; pipeline->services != NULL && i < pipeline->services->count; i++)
        for (uint32_t which = 0; pipeline->registered[i] && which < MAPS_PER_SERVICE; which++) {
            arena_reset(&pipeline->load->arena);
            const char *name = event_services_map(&pipeline->load->arena, pipeline->services->services[i], which);
            if (name != NULL)
                stand = stand && context->maps != NULL &&
                        maps_find(context->maps, bytes_of_text(name)).value == pipeline->map_ids[i][which].value;
        }
    return stand;
}

static enum grid_err retention_loaded(void *component, const struct load_context *context, const char **ret_note)
{
    struct event_pipeline *pipeline = component;
    if (pipeline->load->completions + pipeline->load->parts + pipeline->load->flows != 0)
        return record_corrupt("entries that retention will remove are missing", ret_note);
    return maps_stand(pipeline, context) ? GRID_ERR_OK : record_corrupt("the map of a service is missing", ret_note);
}

const struct component event_retention_component = {"retention", freeze_retention, save_retention, thaw_retention, load_retention, retention_loaded};
