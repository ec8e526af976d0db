#include "tests/sim/workloads/workloads.h"

#include <string.h>

static const struct workload *const workloads[] = {&workload_counter, &workload_map, &workload_orders};

const struct workload *workload_get(size_t number)
{
    return number < sizeof workloads / sizeof workloads[0] ? workloads[number] : NULL;
}

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; workload_get(i); i++) {
        if (strcmp(workload_get(i)->name, name) == 0) {
            return workload_get(i);
        }
    }
    return NULL;
}
