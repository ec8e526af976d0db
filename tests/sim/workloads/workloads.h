/* The workloads that grid-sim knows (run/workload.h says what one is). */
#ifndef TESTS_SIM_WORKLOADS_WORKLOADS_H
#define TESTS_SIM_WORKLOADS_WORKLOADS_H

#include "tests/sim/run/workload.h"

const struct workload *workload_find(const char *name);
const struct workload *workload_get(size_t number);     /* NULL past the last */
extern const struct workload workload_counter, workload_map, workload_orders;

#endif
