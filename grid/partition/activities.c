#include "grid/partition/activities.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

struct activities { uint64_t count; };

struct activities *activities_open(void)
{
    return memory_zero(1, sizeof(struct activities));
}

void activities_close(struct activities *activities)
{
    memory_free(activities);
}

uint64_t activities_count(const struct activities *activities)
{
    return activities->count;
}

bool activities_next(const struct activities *activities, uint64_t after, struct partition_activity *ret_activity)
{
    REQUIRE(activities != NULL && ret_activity != NULL);
    (void)after;
    return false;
}

uint64_t activities_digest(const struct activities *activities)
{
    return activities->count;
}

void activities_holds(const struct activities *activities)
{
    HOLDS(activities != NULL);
}
