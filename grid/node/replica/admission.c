#include "grid/node/replica/admission.h"

#include "grid/base/check.h"
#include "services/message.h"

uint32_t admission_worst_case(const struct service_registry *services, const struct command *command, struct arena *arena)
{
    if (command->kind != COMMAND_SERVICE)
        return 0;
    const struct service *service = registry_find(services, command->service.service);
    const struct service_command_kind *kind = service != NULL ? registry_command(service, command->service.type) : NULL;
    if (kind == NULL || kind->worst_case == NULL)
        return 0;
    const void *body = message_unpack(kind->descriptor, command->service.body, arena);
    return body != NULL ? kind->worst_case(body) : 0;
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
