#include "services/registry.h"

#include "grid/base/check.h"

#define X(number, name) extern const struct service name##_service;
SERVICE_LIST(X)
#undef X

static const struct service *const builtin_services[] = {
#define X(number, name) &name##_service,
    SERVICE_LIST(X)
#undef X
};

static const struct service_registry builtin_registry = {.services = builtin_services,
                                                         .count = sizeof builtin_services / sizeof builtin_services[0],
                                                         .implied = sizeof builtin_services / sizeof builtin_services[0]};

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
