/* Services that the partition has, as its log says, and the numbers of their maps (ADR 0022). */
#include "grid/base/check.h"
#include "grid/partition/events/events_internal.h"
#include "grid/wire/level.h"

/* ---- maps */

const char *event_services_map(struct arena *arena, const struct service *service, uint32_t which)
{
    static const char *const suffixes[] = {
        [MAP_EVENTS] = ".events", [MAP_VIEW] = ".view", [MAP_COMPLETIONS] = ".completions"};
    return which == MAP_PARTS ? service->part_map : arena_format(arena, "%s%s", service->name, suffixes[which]);
}

static void number_maps(struct partition *partition, size_t place)
{
    const struct service *service = partition->pipeline->services->services[place];
    struct map_id *ids = partition->pipeline->map_ids[place];
    for (uint32_t which = 0; which < MAPS_PER_SERVICE; which++) {
        const char *name = event_services_map(&partition->scratch->arena, service, which);
        if (name != NULL)
            HOLDS(maps_ensure(partition->maps, bytes_of_text(name), &ids[which]) == GRID_ERR_OK);
    }
}

/* OK, TOO_LARGE: no room for its maps, or ALREADY_EXISTS: a map has the name of one. */
static enum grid_err fits(const struct partition *partition, const struct service *service)
{
    uint32_t needed = 0;
    for (uint32_t which = 0; which < MAPS_PER_SERVICE; which++) {
        const char *name = event_services_map(&partition->scratch->arena, service, which);
        needed += name != NULL;
        if (name != NULL && maps_find(partition->maps, bytes_of_text(name)).value != 0)
            return GRID_ERR_ALREADY_EXISTS;
    }
    return needed <= maps_room(partition->maps) ? GRID_ERR_OK : GRID_ERR_TOO_LARGE;
}

/* ---- registering */

static void enroll(struct partition *partition, const struct service *service)
{
    struct event_pipeline *pipeline = partition->pipeline;
    size_t place = registry_place(pipeline->services, service);
    number_maps(partition, place);
    pipeline->registered[place] = true;
    pipeline->registered_count++;
    pipeline->registered_digest = pipeline->registered_digest * 31 + service->number;
}

/* A program that lacks the service: a node stops before such an entry (grid/node/services.c). */
static void enroll_number(struct partition *partition, uint32_t number, struct response *response)
{
    const struct service *service = registry_find(partition->services, number);
    if (service == NULL || event_services_has(partition->pipeline, service))
        return;
    enum grid_err err = fits(partition, service);
    if (err == GRID_ERR_OK) {
        enroll(partition, service);
        response->count++;
    } else {
        response->err = err;
        response->note = bytes_of_text(err == GRID_ERR_TOO_LARGE ? maps_full_note(partition->maps)
                                                                 : "services: a map has the name of one of the new service's maps");
    }
}

void event_services_born(struct partition *partition)
{
    REQUIRE(partition->maps != NULL && maps_count(partition->maps) == 0);
    const struct genesis_command *genesis = &partition->genesis_command;
    struct response none = {0};
    for (uint32_t number = 1; genesis->services_count == 0 && number <= SERVICES_IMPLIED; number++)
        enroll_number(partition, number, &none);
    for (size_t i = 0; i < genesis->services_count; i++)
        enroll_number(partition, genesis->services[i], &none);
}

void event_services_register(struct partition *partition, const uint32_t *numbers, size_t count, struct response *response)
{
    REQUIRE(partition != NULL && response != NULL);
    if (partition->level < LEVEL_OF_SERVICES) {
        response->err = GRID_ERR_INVALID;
        response->note = bytes_of_text("services: registered at a level that has no such command");
        return;
    }
    for (size_t i = 0; i < count; i++)
        enroll_number(partition, numbers[i], response);
}

enum grid_err event_services_fits(const struct partition *partition, const struct service *service)
{
    REQUIRE(partition->maps != NULL);
    return event_services_has(partition->pipeline, service) ? GRID_ERR_OK : fits(partition, service);
}

/* ---- which there are */

const struct service *event_services_find(const struct event_pipeline *pipeline, uint32_t number)
{
    const struct service *service = registry_find(pipeline->services, number);
    return service != NULL && event_services_has(pipeline, service) ? service : NULL;
}

bool event_services_has(const struct event_pipeline *pipeline, const struct service *service)
{
    return pipeline->registered[registry_place(pipeline->services, service)];
}

size_t event_services_count(const struct event_pipeline *pipeline)
{
    return pipeline->registered_count;
}
