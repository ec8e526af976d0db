#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grid/node/replica/service_metrics.h"
#include "services/registry.h"

enum { ENDED, TIMES, SOLD, OPEN, METRICS };

static const struct service_labels expected[] = {{{"T", "good"}}, {{"T", "bad"}}};
static const struct service_metric table[METRICS] = {
    [ENDED] = {.kind = SERVICE_COUNTER, .name = "things_ended_total", .help = "h"},
    [TIMES] = {.kind = SERVICE_HISTOGRAM, .name = "thing_seconds", .help = "h", .labels = {"type", "outcome"}, .expected = expected,
               .expected_count = 2},
    [SOLD] = {.kind = SERVICE_COUNTER, .alone = true, .name = "sold_total", .help = "h", .labels = {"currency"}},
    [OPEN] = {.kind = SERVICE_GAUGE, .name = "things_open", .help = "h"},
};
static const struct service thing = {.number = 1000, .name = "thing", .metrics = table, .metrics_count = METRICS};
static const struct service other = {.number = 1001, .name = "other"};
static const struct service *const list[] = {&other, &thing};
static const struct service_registry services = {list, 2};

struct scene { struct metric_registry *registry; struct service_metrics *metrics; };

static void scene_open(struct scene *scene)
{
    scene->registry = metric_registry_open();
    scene->metrics = service_metrics_open(&services, scene->registry);
}

static void scene_close(struct scene *scene)
{
    service_metrics_close(scene->metrics);
    metric_registry_close(scene->registry);
}

static void tell(struct scene *scene, const struct service_sample *sample)
{
    struct service_notice notice;
    notice.samples_count = 0;
    service_sample(&notice, sample);
    service_metrics_observe(scene->metrics, &thing, &notice);
}

static bool shown(const struct scene *scene, const char *line)
{
    struct buffer out = {0};
    metric_expose(scene->registry, &out);
    buffer_append_u8(&out, 0);
    bool found = strstr((const char *)out.data, line) != NULL;
    buffer_close(&out);
    return found;
}

Test(service_metrics, are_there_from_the_beginning_with_zeros)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert(shown(&scene, "\nthings_ended_total 0\n"));
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"T\",outcome=\"good\"} 0\n"));
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"T\",outcome=\"bad\"} 0\n"));
    cr_assert_not(shown(&scene, "things_open"), "levels of partitions are not counted here");
    scene_close(&scene);
}

Test(service_metrics, keep_label_values_apart)
{
    struct scene scene;
    scene_open(&scene);
    tell(&scene, &(struct service_sample){.metric = TIMES, .value = 3, .labels = {{"T", "good"}}});
    tell(&scene, &(struct service_sample){.metric = TIMES, .value = 3, .labels = {{"T", "ugly"}}});
    tell(&scene, &(struct service_sample){.metric = TIMES, .value = 4, .labels = {{"T", "ugly"}}});
    tell(&scene, &(struct service_sample){.metric = ENDED, .value = 1});
    tell(&scene, &(struct service_sample){.metric = ENDED, .value = 2});
    tell(&scene, &(struct service_sample){.metric = OPEN, .value = -1});
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"T\",outcome=\"good\"} 1\n"));
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"T\",outcome=\"ugly\"} 2\n"));
    cr_assert(shown(&scene, "\nthing_seconds_sum{type=\"T\",outcome=\"ugly\"} 0.007000\n"));
    cr_assert(shown(&scene, "\nthings_ended_total 3\n"));
    scene_close(&scene);
}

Test(service_metrics, show_amounts_in_their_units)
{
    struct scene scene;
    scene_open(&scene);
    tell(&scene, &(struct service_sample){.metric = SOLD, .value = 12990, .decimals = 2, .labels = {{"EUR"}}});
    tell(&scene, &(struct service_sample){.metric = SOLD, .value = 500, .labels = {{"JPY"}}});
    tell(&scene, &(struct service_sample){.metric = SOLD, .value = 15, .decimals = 2, .labels = {{"EUR"}}});
    cr_assert(shown(&scene, "\nsold_total{currency=\"EUR\"} 130.05\n"));
    cr_assert(shown(&scene, "\nsold_total{currency=\"JPY\"} 500\n"));
    scene_close(&scene);
}

/* Some labels come from what clients write: memory must not grow with them. */
Test(service_metrics, know_a_bounded_number_of_label_values)
{
    struct scene scene;
    scene_open(&scene);
    for (int i = 0; i < 3 * SERVICE_METRIC_LABELS_MAX; i++) {
        char currency[8], type[8];
        snprintf(currency, sizeof currency, "C%d", i);
        snprintf(type, sizeof type, "T%d", i);
        tell(&scene, &(struct service_sample){.metric = SOLD, .value = 1, .labels = {{currency}}});
        tell(&scene, &(struct service_sample){.metric = TIMES, .value = 1, .labels = {{type, "good"}}});
    }
    cr_assert(shown(&scene, "{currency=\"C31\"} 1\n"));
    cr_assert_not(shown(&scene, "{currency=\"C32\"}"), "sums of what cannot be added would mean nothing");
    cr_assert_not(shown(&scene, "currency=\"other\""));
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"T29\",outcome=\"good\"} 1\n"));
    cr_assert(shown(&scene, "\nthing_seconds_count{type=\"other\",outcome=\"other\"} 66\n"));
    scene_close(&scene);
}

Test(service_metrics, a_long_value_is_cut)
{
    struct scene scene;
    scene_open(&scene);
    tell(&scene, &(struct service_sample){.metric = SOLD, .value = 1, .labels = {{"abcdefghijklmnopqrstuvwxyz0123456789"}}});
    cr_assert(shown(&scene, "{currency=\"abcdefghijklmnopqrstuvwx\"} 1\n"));
    scene_close(&scene);
}
