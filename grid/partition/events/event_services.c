/* Services that the partition has, as its log says, and the numbers of their maps (ADR 0022). */
#include "grid/base/check.h"
#include "grid/partition/events/events_internal.h"
#include "grid/wire/level.h"

static struct map_id number_map(struct partition *partition, const char *name)
{
    struct map_id id;
    enum grid_err err = maps_ensure(partition->maps, bytes_of_text(name), &id);
    HOLDS(err == GRID_ERR_OK);
    return id;
}

static void number_maps(struct partition *partition, size_t place)
{
    static const char *const suffixes[] = {
        [MAP_EVENTS] = ".events", [MAP_VIEW] = ".view", [MAP_COMPLETIONS] = ".completions"};
    const struct service *service = partition->pipeline->services->services[place];
    struct map_id *ids = partition->pipeline->map_ids[place];
    for (uint32_t which = 0; which < MAP_PARTS; which++)
        ids[which] = number_map(partition, arena_format(&partition->scratch->arena, "%s%s", service->name, suffixes[which]));
    if (service->part_map != NULL)
        ids[MAP_PARTS] = number_map(partition, service->part_map);
}

/* NULL: the program lacks it. A node stops before such an entry (grid/node/services.c). */
static void enroll(struct partition *partition, const struct service *service)
{
    if (service == NULL)
        return;
    size_t place = registry_place(partition->pipeline->services, service);
    if (!partition->pipeline->registered[place])
        number_maps(partition, place);
    partition->pipeline->registered[place] = true;
}

void event_services_born(struct partition *partition)
{
    REQUIRE(partition->maps != NULL && maps_count(partition->maps) == 0);
    const struct service_registry *services = partition->pipeline->services;
    const struct genesis_command *genesis = &partition->genesis_command;
    for (uint32_t number = 1; genesis->services_count == 0 && number <= SERVICES_IMPLIED; number++)
        enroll(partition, registry_find(services, number));
    for (size_t i = 0; i < genesis->services_count; i++)
        enroll(partition, registry_find(services, genesis->services[i]));
}

const struct service *event_services_find(const struct event_pipeline *pipeline, uint32_t number)
{
    const struct service *service = registry_find(pipeline->services, number);
    return service != NULL && pipeline->registered[registry_place(pipeline->services, service)] ? service : NULL;
}
