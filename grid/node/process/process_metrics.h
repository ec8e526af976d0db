/* What the process uses of the machine, under the names that Prometheus' own libraries give it. */
#ifndef GRID_NODE_PROCESS_PROCESS_METRICS_H
#define GRID_NODE_PROCESS_PROCESS_METRICS_H

#include "grid/base/metric.h"

/* What the system does not say is 0. */
void process_metrics_refresh(struct metric_registry *registry);

#endif
