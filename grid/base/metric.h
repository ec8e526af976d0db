/* Counters, gauges and histograms, and their Prometheus text form.
 *
 * A registry owns its metrics; pointers stay valid until registry_close. Names and labels follow the Prometheus data
 * model; `labels` is the inner text (`reason="crc"`) or NULL. Registering the same (name, labels) again returns the
 * existing metric. Single threaded: one registry per loop. Metrics are write-only for replicated code. */
#ifndef GRID_BASE_METRIC_H
#define GRID_BASE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grid/base/bytes.h"

/* `decimals` digits of the value stand behind the point when it is exposed: a value of 1500 with 3 of them is 1.500. */
struct metric_counter { uint64_t value; uint32_t decimals; };
struct metric_gauge { int64_t value; uint32_t decimals; };

/* Durations in microseconds; exposed in seconds with fixed buckets from 5 us to 2 minutes. */
enum { METRIC_BUCKETS = 24 };
struct metric_histogram { uint64_t counts[METRIC_BUCKETS + 1], count, sum_us; bool fine; };

struct metric_registry;

struct metric_registry *metric_registry_open(void);
void metric_registry_close(struct metric_registry *registry);
struct metric_counter *metric_counter_add(struct metric_registry *registry, const char *name, const char *help,
                                          const char *labels);
struct metric_gauge *metric_gauge_add(struct metric_registry *registry, const char *name, const char *help,
                                      const char *labels);
struct metric_histogram *metric_histogram_add(struct metric_registry *registry, const char *name, const char *help,
                                              const char *labels);
/* For pauses: buckets from 50 us to 5 s, the most of them between 1 and 100 ms. */
struct metric_histogram *metric_histogram_add_fine(struct metric_registry *registry, const char *name, const char *help, const char *labels);
void metric_observe_us(struct metric_histogram *histogram, uint64_t value_us);
/* The same value `times` times over: what happened to all commands of one entry. */
void metric_observe_many_us(struct metric_histogram *histogram, uint64_t value_us, uint64_t times);
/* Appends the exposition text (version 0.0.4): HELP and TYPE once a name, metrics in order of registration. */
void metric_expose(const struct metric_registry *registry, struct buffer *out);

/* ---- families whose series come and go: written by hand behind metric_expose, under names that the registry does not have */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
void metric_write_head(struct buffer *out, enum metric_kind kind, const char *name, const char *help);
/* Appends `name="value"` to the inner text of labels, escaped, behind a comma if something is there. The value is UTF-8 (the caller's duty). */
void metric_write_label(struct buffer *labels, const char *name, struct bytes value);
void metric_write_sample(struct buffer *out, const char *name, struct bytes labels, int64_t value, uint32_t decimals);

#endif
