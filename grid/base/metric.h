/* Counters, gauges and histograms, and their Prometheus text form.
 *
 * A registry owns its metrics; pointers stay valid until registry_close. Names and labels follow the Prometheus data
 * model; `labels` is the inner text (`reason="crc"`) or NULL. Registering the same (name, labels) again returns the
 * existing metric. Single threaded: one registry per loop. Metrics are write-only for replicated code. */
#ifndef GRID_BASE_METRIC_H
#define GRID_BASE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "grid/base/bytes.h"

struct metric_counter { uint64_t value; };
struct metric_gauge { int64_t value; };

/* Durations in microseconds; exposed in seconds with fixed buckets from 50 us to 60 s. */
enum { METRIC_BUCKETS = 20 };
struct metric_histogram { uint64_t counts[METRIC_BUCKETS + 1], count, sum_us; };

struct metric_registry;

struct metric_registry *metric_registry_open(void);
void metric_registry_close(struct metric_registry *registry);
struct metric_counter *metric_counter_add(struct metric_registry *registry, const char *name, const char *help,
                                          const char *labels);
struct metric_gauge *metric_gauge_add(struct metric_registry *registry, const char *name, const char *help,
                                      const char *labels);
struct metric_histogram *metric_histogram_add(struct metric_registry *registry, const char *name, const char *help,
                                              const char *labels);
void metric_observe_us(struct metric_histogram *histogram, uint64_t value_us);
/* Appends the exposition text (version 0.0.4): HELP and TYPE once a name, metrics in order of registration. */
void metric_expose(const struct metric_registry *registry, struct buffer *out);

#endif
