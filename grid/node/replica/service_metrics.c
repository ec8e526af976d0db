#include "grid/node/replica/service_metrics.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "services/registry.h"

enum { TEXT_BYTES = 128, VALUE_SHOWN = 24 };

/* One set of label values. */
struct series { char text[TEXT_BYTES]; union { struct metric_counter *counter; struct metric_histogram *histogram; } metric; };

struct family {
    const struct service_metric *metric;
    struct series *series;             /* one for a metric without labels */
    size_t count, capacity;
};

struct service_metrics {
    const struct service_registry *services;
    struct metric_registry *registry;
    struct family (*families)[SERVICE_METRICS_MAX];    /* by place of the service and number of its metric */
};

/* The inner text of the labels; "" for none. */
static void labels_text(const struct service_metric *metric, const struct service_labels *labels, char text[TEXT_BYTES])
{
    size_t size = 0;
    text[0] = 0;
    for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i] != NULL; i++) {
        const char *value = labels->values[i] != NULL ? labels->values[i] : "";
        int more = snprintf(text + size, TEXT_BYTES - size, "%s%s=\"%.*s\"", i == 0 ? "" : ",", metric->labels[i], VALUE_SHOWN, value);
        HOLDS(more > 0 && (size_t)more < TEXT_BYTES - size);
        size += (size_t)more;
    }
}

static struct series *add(struct service_metrics *metrics, struct family *family, const char *text)
{
    const struct service_metric *metric = family->metric;
    if (family->count == family->capacity) {
        family->capacity = family->capacity == 0 ? 1 : 2 * family->capacity;
        family->series = memory_resize(family->series, family->capacity * sizeof *family->series);
    }
    struct series *series = &family->series[family->count++];
    const char *labels = text[0] != 0 ? text : NULL;
    memcpy(series->text, text, strlen(text) + 1);
    if (metric->kind == SERVICE_COUNTER)
        series->metric.counter = metric_counter_add(metrics->registry, metric->name, metric->help, labels);
    else
        series->metric.histogram = metric_histogram_add(metrics->registry, metric->name, metric->help, labels);
    return series;
}

static struct series *find(const struct family *family, const char *text)
{
    for (size_t i = 0; i < family->count; i++)
        if (strcmp(family->series[i].text, text) == 0)
            return &family->series[i];
    return NULL;
}

/* NULL: not to be shown. */
static struct series *series_of(struct service_metrics *metrics, struct family *family, const struct service_labels *labels)
{
    static const struct service_labels other = {{"other", "other", "other", "other"}};
    char text[TEXT_BYTES];
    labels_text(family->metric, labels, text);
    struct series *found = find(family, text);
    if (found != NULL || family->count < SERVICE_METRIC_LABELS_MAX)
        return found != NULL ? found : add(metrics, family, text);
    if (family->metric->alone)
        return NULL;
    labels_text(family->metric, &other, text);
    found = find(family, text);
    return found != NULL ? found : add(metrics, family, text);
}

static void expect(struct service_metrics *metrics, struct family *family)
{
    const struct service_metric *metric = family->metric;
    static const struct service_labels none;
    if (metric->kind != SERVICE_GAUGE && metric->labels[0] == NULL)
        (void)series_of(metrics, family, &none);
    for (size_t i = 0; metric->kind != SERVICE_GAUGE && i < metric->expected_count; i++)
        (void)series_of(metrics, family, &metric->expected[i]);
}

struct service_metrics *service_metrics_open(const struct service_registry *services, struct metric_registry *registry)
{
    REQUIRE(registry != NULL);
    struct service_metrics *metrics = memory_zero(1, sizeof *metrics);
    metrics->services = services;
    metrics->registry = registry;
    if (services == NULL)
        return metrics;
    metrics->families = memory_zero(services->count, sizeof *metrics->families);
    for (size_t i = 0; i < services->count; i++)
        for (size_t k = 0; k < services->services[i]->metrics_count; k++) {
            metrics->families[i][k].metric = &services->services[i]->metrics[k];
            expect(metrics, &metrics->families[i][k]);
        }
    return metrics;
}

void service_metrics_close(struct service_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; metrics->families != NULL && i < metrics->services->count; i++)
        for (size_t k = 0; k < SERVICE_METRICS_MAX; k++)
            memory_free(metrics->families[i][k].series);
    memory_free(metrics->families);
    memory_free(metrics);
}

static void observe(struct service_metrics *metrics, struct family *family, const struct service_sample *sample)
{
    struct series *series = family->metric->labels[0] == NULL ? &family->series[0] : series_of(metrics, family, &sample->labels);
    if (series == NULL)
        return;
    uint64_t value = sample->value > 0 ? (uint64_t)sample->value : 0;
    if (family->metric->kind == SERVICE_HISTOGRAM) {
        metric_observe_us(series->metric.histogram, value * 1000);
    } else {
        series->metric.counter->decimals = sample->decimals;
        series->metric.counter->value += value;
    }
}

void service_metrics_observe(struct service_metrics *metrics, const struct service *service, const struct service_notice *notice)
{
    struct family *families = metrics->families[registry_place(metrics->services, service)];
    for (size_t i = 0; i < notice->samples_count; i++) {
        const struct service_sample *sample = &notice->samples[i];
        REQUIRE(sample->metric < service->metrics_count);
        if (service->metrics[sample->metric].kind != SERVICE_GAUGE)
            observe(metrics, &families[sample->metric], sample);
    }
}
