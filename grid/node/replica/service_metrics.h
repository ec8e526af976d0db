/* The metrics of services' tables, as labelled metrics of a node.
 *
 * Events add to counters and histograms; gauges are sums of partitions, which status.c reads.
 * Bounded: a metric has at most SERVICE_METRIC_LABELS_MAX sets of label values; later sets are counted with "other"
 * for every label or, if the metric is `alone`, not shown. Memory is allocated only for a new set.
 * Borrows the registries. Single threaded. */
#ifndef GRID_NODE_REPLICA_SERVICE_METRICS_H
#define GRID_NODE_REPLICA_SERVICE_METRICS_H

#include "grid/base/metric.h"

struct service;
struct service_notice;
struct service_registry;
struct service_metrics;

enum { SERVICE_METRIC_LABELS_MAX = 32 };

/* `services` may be NULL: none. */
struct service_metrics *service_metrics_open(const struct service_registry *services, struct metric_registry *metrics);
void service_metrics_close(struct service_metrics *metrics);
void service_metrics_observe(struct service_metrics *metrics, const struct service *service, const struct service_notice *notice);

#endif
