#include "grid/base/metric.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

struct metric {
    struct metric *next;
    char *labels;                      /* "" for none */
    union {
        struct metric_counter counter;
        struct metric_gauge gauge;
        struct metric_histogram histogram;
    } value;
};

/* All metrics of one name: the text form wants them side by side. */
struct family {
    struct family *next;
    enum metric_kind kind;
    char *name, *help;
    struct metric *first, **last;
};

struct metric_registry { struct family *first, **last; };

struct bound { uint64_t us; const char *seconds; };

static const struct bound BOUNDS[METRIC_BUCKETS] = {
    {5, "0.000005"},     {10, "0.00001"},    {25, "0.000025"},
    {50, "0.00005"},     {100, "0.0001"},    {250, "0.00025"},  {500, "0.0005"},   {1000, "0.001"},
    {2500, "0.0025"},    {5000, "0.005"},    {10000, "0.01"},   {25000, "0.025"},  {50000, "0.05"},
    {100000, "0.1"},     {250000, "0.25"},   {500000, "0.5"},   {1000000, "1"},    {2500000, "2.5"},
    {5000000, "5"},      {10000000, "10"},   {20000000, "20"},  {30000000, "30"},  {60000000, "60"},
    {120000000, "120"},
};

static const struct bound FINE_BOUNDS[METRIC_BUCKETS] = {
    {50, "0.00005"},    {100, "0.0001"},    {200, "0.0002"},    {500, "0.0005"},    {1000, "0.001"},    {2000, "0.002"},
    {3000, "0.003"},    {4000, "0.004"},    {5000, "0.005"},    {7000, "0.007"},    {10000, "0.01"},    {15000, "0.015"},
    {20000, "0.02"},    {30000, "0.03"},    {50000, "0.05"},    {70000, "0.07"},    {100000, "0.1"},    {150000, "0.15"},
    {200000, "0.2"},    {300000, "0.3"},    {500000, "0.5"},    {1000000, "1"},     {2000000, "2"},     {5000000, "5"},
};

static const struct bound *bounds_of(const struct metric_histogram *histogram)
{
    return histogram->fine ? FINE_BOUNDS : BOUNDS;
}

struct metric_registry *metric_registry_open(void)
{
    struct metric_registry *registry = memory_zero(1, sizeof *registry);
    registry->last = &registry->first;
    return registry;
}

static void family_close(struct family *family)
{
    for (struct metric *metric = family->first, *next; metric != NULL; metric = next) {
        next = metric->next;
        memory_free(metric->labels);
        memory_free(metric);
    }
    memory_free(family->name);
    memory_free(family->help);
    memory_free(family);
}

void metric_registry_close(struct metric_registry *registry)
{
    REQUIRE(registry != NULL);
    for (struct family *family = registry->first, *next; family != NULL; family = next) {
        next = family->next;
        family_close(family);
    }
    memory_free(registry);
}

static char *text_copy(const char *text)
{
    return memory_copy(text, strlen(text) + 1);
}

static struct family *family_of(struct metric_registry *registry, enum metric_kind kind, const char *name,
                                const char *help)
{
    for (struct family *family = registry->first; family != NULL; family = family->next) {
        if (strcmp(family->name, name) == 0) {
            REQUIRE(family->kind == kind);
            return family;
        }
    }
    struct family *family = memory_zero(1, sizeof *family);
    family->kind = kind;
    family->name = text_copy(name);
    family->help = text_copy(help);
    family->last = &family->first;
    *registry->last = family;
    registry->last = &family->next;
    return family;
}

static struct metric *metric_of(struct family *family, const char *labels)
{
    for (struct metric *metric = family->first; metric != NULL; metric = metric->next)
        if (strcmp(metric->labels, labels) == 0)
            return metric;
    struct metric *metric = memory_zero(1, sizeof *metric);
    metric->labels = text_copy(labels);
    *family->last = metric;
    family->last = &metric->next;
    return metric;
}

static bool name_is_valid(const char *name)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    const char *rest = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";
    return strspn(name, letters) != 0 && name[strspn(name, rest)] == '\0';
}

static struct metric *metric_add(struct metric_registry *registry, enum metric_kind kind, const char *name,
                                 const char *help, const char *labels)
{
    REQUIRE(registry != NULL && help != NULL);
    REQUIRE(name_is_valid(name));
    return metric_of(family_of(registry, kind, name, help), labels == NULL ? "" : labels);
}

struct metric_counter *metric_counter_add(struct metric_registry *registry, const char *name, const char *help,
                                          const char *labels)
{
    return &metric_add(registry, METRIC_COUNTER, name, help, labels)->value.counter;
}

struct metric_gauge *metric_gauge_add(struct metric_registry *registry, const char *name, const char *help,
                                      const char *labels)
{
    return &metric_add(registry, METRIC_GAUGE, name, help, labels)->value.gauge;
}

struct metric_histogram *metric_histogram_add(struct metric_registry *registry, const char *name, const char *help,
                                              const char *labels)
{
    return &metric_add(registry, METRIC_HISTOGRAM, name, help, labels)->value.histogram;
}

struct metric_histogram *metric_histogram_add_fine(struct metric_registry *registry, const char *name, const char *help, const char *labels)
{
    struct metric_histogram *histogram = metric_histogram_add(registry, name, help, labels);
    histogram->fine = true;
    return histogram;
}

void metric_observe_many_us(struct metric_histogram *histogram, uint64_t value_us, uint64_t times)
{
    const struct bound *bounds = bounds_of(histogram);
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && value_us > bounds[bucket].us)
        bucket++;
    histogram->counts[bucket] += times;
    histogram->count += times;
    histogram->sum_us += value_us * times;
}

void metric_observe_us(struct metric_histogram *histogram, uint64_t value_us)
{
    metric_observe_many_us(histogram, value_us, 1);
}

static void write_value(uint64_t value, bool negative, uint32_t decimals, struct buffer *out)
{
    uint64_t scale = 1;
    for (uint32_t i = 0; i < decimals; i++)
        scale *= 10;
    buffer_append_format(out, "%s%" PRIu64, negative ? "-" : "", value / scale);
    if (decimals > 0)
        buffer_append_format(out, ".%0*" PRIu64, (int)decimals, value % scale);
    buffer_append_u8(out, '\n');
}

static void write_signed(int64_t value, uint32_t decimals, struct buffer *out)
{
    write_value(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, decimals, out);
}

static void write_escaped(struct bytes text, bool quotes, struct buffer *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '\\' || (quotes && byte == '"'))
            buffer_append_u8(out, '\\');
        buffer_append_u8(out, byte == '\n' ? '\\' : byte);
        if (byte == '\n')
            buffer_append_u8(out, 'n');
    }
}

void metric_write_head(struct buffer *out, enum metric_kind kind, const char *name, const char *help)
{
    static const char *const kinds[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    buffer_append_format(out, "# HELP %s ", name);
    write_escaped(bytes_of_text(help), false, out);
    buffer_append_format(out, "\n# TYPE %s %s\n", name, kinds[kind]);
}

void metric_write_label(struct buffer *labels, const char *name, struct bytes value)
{
    REQUIRE(name_is_valid(name));
    buffer_append_format(labels, "%s%s=\"", labels->size > 0 ? "," : "", name);
    write_escaped(value, true, labels);
    buffer_append_u8(labels, '"');
}

void metric_write_sample(struct buffer *out, const char *name, struct bytes labels, int64_t value, uint32_t decimals)
{
    buffer_append_text(out, name);
    if (labels.size > 0) {
        buffer_append_u8(out, '{');
        buffer_append(out, labels);
        buffer_append_u8(out, '}');
    }
    buffer_append_u8(out, ' ');
    write_signed(value, decimals, out);
}

/* Name, suffix and labels up to the blank before the value; `bound` adds the label le. */
static void expose_series(const struct family *family, const struct metric *metric, const char *suffix,
                          const char *bound, struct buffer *out)
{
    bool labelled = metric->labels[0] != '\0';
    buffer_append_format(out, "%s%s", family->name, suffix);
    if (labelled || bound != NULL) {
        buffer_append_format(out, "{%s", metric->labels);
        if (bound != NULL)
            buffer_append_format(out, "%sle=\"%s\"", labelled ? "," : "", bound);
        buffer_append_u8(out, '}');
    }
    buffer_append_u8(out, ' ');
}

static void expose_histogram(const struct family *family, const struct metric *metric, struct buffer *out)
{
    const struct metric_histogram *histogram = &metric->value.histogram;
    uint64_t below = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        below += histogram->counts[i];
        expose_series(family, metric, "_bucket", bounds_of(histogram)[i].seconds, out);
        buffer_append_format(out, "%" PRIu64 "\n", below);
    }
    HOLDS(below + histogram->counts[METRIC_BUCKETS] == histogram->count);
    expose_series(family, metric, "_bucket", "+Inf", out);
    buffer_append_format(out, "%" PRIu64 "\n", histogram->count);
    expose_series(family, metric, "_sum", NULL, out);
    buffer_append_format(out, "%" PRIu64 ".%06" PRIu64 "\n", histogram->sum_us / 1000000, histogram->sum_us % 1000000);
    expose_series(family, metric, "_count", NULL, out);
    buffer_append_format(out, "%" PRIu64 "\n", histogram->count);
}

static void expose_metric(const struct family *family, const struct metric *metric, struct buffer *out)
{
    switch (family->kind) {
    case METRIC_COUNTER:
        expose_series(family, metric, "", NULL, out);
        write_value(metric->value.counter.value, false, metric->value.counter.decimals, out);
        return;
    case METRIC_GAUGE:
        expose_series(family, metric, "", NULL, out);
        write_signed(metric->value.gauge.value, metric->value.gauge.decimals, out);
        return;
    case METRIC_HISTOGRAM:
        expose_histogram(family, metric, out);
        return;
    }
    UNREACHABLE("every kind is handled");
}

void metric_expose(const struct metric_registry *registry, struct buffer *out)
{
    REQUIRE(registry != NULL);
    for (const struct family *family = registry->first; family != NULL; family = family->next) {
        metric_write_head(out, family->kind, family->name, family->help);
        for (const struct metric *metric = family->first; metric != NULL; metric = metric->next)
            expose_metric(family, metric, out);
    }
}
