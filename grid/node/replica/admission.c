#include "grid/node/replica/admission.h"

#include "grid/base/check.h"
#include "services/message.h"

static uint32_t worst_case(const struct service_command_kind *kind, const struct command *command, struct arena *arena)
{
    if (kind == NULL || kind->worst_case == NULL)
        return 0;
    const void *body = message_unpack(kind->descriptor, command->service.body, arena);
    return body != NULL ? kind->worst_case(body) : 0;
}

static bool adds_data(enum map_operation operation)
{
    switch (operation) {
    case MAP_REMOVE:
    case MAP_REMOVE_IF_SAME:
    case MAP_REMOVE_IF_VERSION:
    case MAP_TAKE:
    case MAP_SET_TTL:
    case MAP_CHECK_VERSION:
        return false;
    case MAP_SET:
    case MAP_COMPARE_AND_SET:
    case MAP_PUT:
    case MAP_PUT_IF_ABSENT:
    case MAP_REPLACE:
    case MAP_REPLACE_IF_SAME:
        return true;
    }
    UNREACHABLE("operations are checked before");
}

static bool batch_adds_data(const struct map_batch *batch)
{
    for (size_t i = 0; i < batch->operations_count; i++)
        if (adds_data(batch->operations[i].operation))
            return true;
    return false;
}

struct admission_needs admission_needs_of(const struct service_registry *services, const struct command *command, struct arena *arena)
{
    if (command->kind == COMMAND_MAP)
        return (struct admission_needs){.grows = adds_data(command->map.operation)};
    if (command->kind == COMMAND_BATCH)
        return (struct admission_needs){.grows = batch_adds_data(&command->batch)};
    if (command->kind != COMMAND_SERVICE)
        return (struct admission_needs){0};
    const struct service *service = registry_find(services, command->service.service);
    const struct service_command_kind *kind = service != NULL ? registry_command(service, command->service.type) : NULL;
    return (struct admission_needs){.work = worst_case(kind, command, arena), .grows = kind != NULL && !kind->compensates};
}

bool admission_take(struct admission *admission, uint64_t load, uint32_t worst_case)
{
    REQUIRE(admission->load_max > 0);
    uint64_t taken = load + admission->under_way;
    if (worst_case > 0 && taken > 0 && taken + worst_case > admission->load_max)
        return false;
    admission->under_way += worst_case;
    return true;
}

void admission_give(struct admission *admission, uint64_t taken)
{
    REQUIRE(admission->under_way >= taken);
    admission->under_way -= taken;
}
