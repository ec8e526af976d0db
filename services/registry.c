#include "services/registry.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"

#define X(number, name) extern const struct service name##_service;
SERVICE_LIST(X)
#undef X

static const struct service *const builtin_services[] = {
#define X(number, name) &name##_service,
    SERVICE_LIST(X)
#undef X
};

static const struct service_registry builtin_registry = {.services = builtin_services,
                                                         .count = sizeof builtin_services / sizeof builtin_services[0]};

const struct service_registry *registry_builtin(void)
{
    return &builtin_registry;
}

const struct service *registry_find(const struct service_registry *registry, uint32_t number)
{
    for (size_t i = 0; registry != NULL && i < registry->count; i++)
        if (registry->services[i]->number == number)
            return registry->services[i];
    return NULL;
}

size_t registry_place(const struct service_registry *registry, const struct service *service)
{
    size_t place = 0;
    while (place < registry->count && registry->services[place] != service)
        place++;
    REQUIRE(place < registry->count);
    return place;
}

const struct service *registry_find_name(const struct service_registry *registry, struct bytes name)
{
    for (size_t i = 0; registry != NULL && i < registry->count; i++)
        if (bytes_equal(bytes_of_text(registry->services[i]->name), name))
            return registry->services[i];
    return NULL;
}

/* Clients cannot write to maps whose names end so: such a map is new when a service is registered. */
static bool is_name_of_parts(const char *name)
{
    const char *end = strrchr(name, '.');
    return end != NULL && strlen(name) <= MAP_NAME_BYTES_MAX && (strcmp(end, ".view") == 0 || strcmp(end, ".pending") == 0);
}

/* All maps of events, views and completions differ, as the names do; a map of parts has a name of its own choice. */
static const char *flaw_of_parts(const struct service_registry *registry, const struct service *service)
{
    static const char end[] = ".view";
    size_t stem = strlen(service->part_map) < strlen(end) ? 0 : strlen(service->part_map) - strlen(end);
    if (!is_name_of_parts(service->part_map))
        return "services: the name of a map of parts does not end in .view or .pending";
    for (size_t i = 0; i < registry->count; i++) {
        const struct service *other = registry->services[i];
        if (strlen(other->name) == stem && strncmp(other->name, service->part_map, stem) == 0 && strcmp(service->part_map + stem, end) == 0)
            return "services: a map of parts has the name of a service's own map of views";
        if (other != service && other->part_map != NULL && strcmp(other->part_map, service->part_map) == 0)
            return "services: two have the same map of parts";
    }
    return NULL;
}

const char *registry_flaw(const struct service_registry *registry)
{
    if (registry != NULL && registry->count > SERVICES_MAX)
        return "services: more than 256";
    for (size_t i = 0; registry != NULL && i < registry->count; i++) {
        const struct service *service = registry->services[i];
        if (service->number == SERVICE_NONE)
            return "services: one has the number 0";
        if (service->name[0] == 0 || strlen(service->name) > SERVICE_NAME_BYTES_MAX)
            return "services: a name is empty or longer than 64 bytes";
        if (registry_find(registry, service->number) != service)
            return "services: two have the same number";
        if (registry_find_name(registry, bytes_of_text(service->name)) != service)
            return "services: two have the same name";
        const char *flaw = service->part_map != NULL ? flaw_of_parts(registry, service) : NULL;
        if (flaw != NULL)
            return flaw;
    }
    return NULL;
}

const struct service_command_kind *registry_command(const struct service *service, uint32_t type)
{
    REQUIRE(service != NULL);
    for (size_t i = 0; i < service->commands_count; i++)
        if (service->commands[i].type == type)
            return &service->commands[i];
    return NULL;
}

const struct service_event_kind *registry_event(const struct service *service, uint32_t type)
{
    REQUIRE(service != NULL);
    for (size_t i = 0; i < service->events_count; i++)
        if (service->events[i].type == type)
            return &service->events[i];
    return NULL;
}
