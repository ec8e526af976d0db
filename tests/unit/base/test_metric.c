#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/metric.h"

static void assert_exposes(const struct metric_registry *registry, const char *expected)
{
    struct buffer out = {0};
    metric_expose(registry, &out);
    buffer_append_u8(&out, 0);
    cr_assert_str_eq((const char *)out.data, expected);
    buffer_close(&out);
}

Test(metric, exposes_nothing_when_empty)
{
    struct metric_registry *registry = metric_registry_open();
    assert_exposes(registry, "");
    metric_registry_close(registry);
}

Test(metric, exposes_counters_and_gauges)
{
    struct metric_registry *registry = metric_registry_open();
    metric_counter_add(registry, "grid_frames_total", "Frames read.", NULL)->value = UINT64_MAX;
    metric_gauge_add(registry, "grid_sessions", "Open sessions.", "partition=\"3\"")->value = -2;
    assert_exposes(registry,
                   "# HELP grid_frames_total Frames read.\n"
                   "# TYPE grid_frames_total counter\n"
                   "grid_frames_total 18446744073709551615\n"
                   "# HELP grid_sessions Open sessions.\n"
                   "# TYPE grid_sessions gauge\n"
                   "grid_sessions{partition=\"3\"} -2\n");
    metric_registry_close(registry);
}

Test(metric, groups_the_labels_of_one_name)
{
    struct metric_registry *registry = metric_registry_open();
    metric_counter_add(registry, "bad_total", "Bad frames.", "reason=\"crc\"")->value = 1;
    metric_counter_add(registry, "other_total", "Others.", NULL)->value = 2;
    metric_counter_add(registry, "bad_total", "Bad frames.", "reason=\"size\"")->value = 3;
    assert_exposes(registry,
                   "# HELP bad_total Bad frames.\n"
                   "# TYPE bad_total counter\n"
                   "bad_total{reason=\"crc\"} 1\n"
                   "bad_total{reason=\"size\"} 3\n"
                   "# HELP other_total Others.\n"
                   "# TYPE other_total counter\n"
                   "other_total 2\n");
    metric_registry_close(registry);
}

Test(metric, returns_the_same_metric_for_the_same_name_and_labels)
{
    struct metric_registry *registry = metric_registry_open();
    struct metric_counter *plain = metric_counter_add(registry, "a_total", "A.", NULL);
    struct metric_counter *labelled = metric_counter_add(registry, "a_total", "A.", "x=\"1\"");
    cr_assert_neq(plain, labelled);
    cr_assert_eq(metric_counter_add(registry, "a_total", "A.", NULL), plain);
    cr_assert_eq(metric_counter_add(registry, "a_total", "A.", "x=\"1\""), labelled);
    metric_registry_close(registry);
}

Test(metric, keeps_pointers_valid_while_others_are_added)
{
    struct metric_registry *registry = metric_registry_open();
    struct metric_counter *first = metric_counter_add(registry, "m_total", "M.", "i=\"0\"");
    for (int i = 1; i < 1000; i++) {
        char labels[32];
        snprintf(labels, sizeof labels, "i=\"%d\"", i);
        metric_counter_add(registry, "m_total", "M.", labels)->value = 1;
    }
    first->value = 77;
    struct buffer out = {0};
    metric_expose(registry, &out);
    buffer_append_u8(&out, 0);
    cr_assert_not_null(strstr((const char *)out.data, "m_total{i=\"0\"} 77\nm_total{i=\"1\"} 1\n"));
    buffer_close(&out);
    metric_registry_close(registry);
}

Test(metric, escapes_help)
{
    struct metric_registry *registry = metric_registry_open();
    metric_gauge_add(registry, "g", "one\\two\nthree", NULL);
    assert_exposes(registry, "# HELP g one\\\\two\\nthree\n# TYPE g gauge\ng 0\n");
    metric_registry_close(registry);
}

Test(metric, exposes_cumulative_buckets_in_seconds)
{
    struct metric_registry *registry = metric_registry_open();
    struct metric_histogram *histogram = metric_histogram_add(registry, "t_seconds", "Time.", "op=\"set\"");
    metric_observe_us(histogram, 0);
    metric_observe_us(histogram, 50);
    metric_observe_us(histogram, 51);
    metric_observe_us(histogram, 60000000);
    metric_observe_us(histogram, 60000001);
    assert_exposes(registry,
                   "# HELP t_seconds Time.\n"
                   "# TYPE t_seconds histogram\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.000005\"} 1\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.00001\"} 1\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.000025\"} 1\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.00005\"} 2\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.0001\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.00025\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.0005\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.001\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.0025\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.005\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.01\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.025\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.05\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.1\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.25\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"0.5\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"1\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"2.5\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"5\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"10\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"20\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"30\"} 3\n"
                   "t_seconds_bucket{op=\"set\",le=\"60\"} 4\n"
                   "t_seconds_bucket{op=\"set\",le=\"120\"} 5\n"
                   "t_seconds_bucket{op=\"set\",le=\"+Inf\"} 5\n"
                   "t_seconds_sum{op=\"set\"} 120.000102\n"
                   "t_seconds_count{op=\"set\"} 5\n");
    metric_registry_close(registry);
}

Test(metric, observes_one_value_many_times)
{
    struct metric_registry *registry = metric_registry_open();
    struct metric_histogram *many = metric_histogram_add(registry, "many_seconds", "Time.", NULL);
    struct metric_histogram *one = metric_histogram_add(registry, "one_seconds", "Time.", NULL);
    metric_observe_many_us(many, 300, 3);
    metric_observe_many_us(many, 200000000, 2);
    metric_observe_many_us(many, 7, 0);
    for (int i = 0; i < 5; i++)
        metric_observe_us(one, i < 3 ? 300 : 200000000);
    cr_assert_arr_eq(many, one, sizeof *one);
    cr_assert_eq(many->counts[METRIC_BUCKETS], 2);
    metric_registry_close(registry);
}

Test(metric, exposes_counters_with_decimals)
{
    struct metric_registry *registry = metric_registry_open();
    *metric_counter_add(registry, "revenue_total", "R.", "currency=\"EUR\"") = (struct metric_counter){12905, 2};
    *metric_counter_add(registry, "revenue_total", "R.", "currency=\"JPY\"") = (struct metric_counter){12905, 0};
    *metric_counter_add(registry, "revenue_total", "R.", "currency=\"KWD\"") = (struct metric_counter){5, 3};
    assert_exposes(registry, "# HELP revenue_total R.\n"
                             "# TYPE revenue_total counter\n"
                             "revenue_total{currency=\"EUR\"} 129.05\n"
                             "revenue_total{currency=\"JPY\"} 12905\n"
                             "revenue_total{currency=\"KWD\"} 0.005\n");
    metric_registry_close(registry);
}

Test(metric, exposes_gauges_with_decimals)
{
    struct metric_registry *registry = metric_registry_open();
    *metric_gauge_add(registry, "skew_seconds", "S.", "peer=\"2\"") = (struct metric_gauge){-1500, 3};
    *metric_gauge_add(registry, "skew_seconds", "S.", "peer=\"3\"") = (struct metric_gauge){-7, 3};
    *metric_gauge_add(registry, "skew_seconds", "S.", "peer=\"4\"") = (struct metric_gauge){INT64_MIN, 0};
    assert_exposes(registry, "# HELP skew_seconds S.\n"
                             "# TYPE skew_seconds gauge\n"
                             "skew_seconds{peer=\"2\"} -1.500\n"
                             "skew_seconds{peer=\"3\"} -0.007\n"
                             "skew_seconds{peer=\"4\"} -9223372036854775808\n");
    metric_registry_close(registry);
}

Test(metric, writes_a_family_by_hand_and_escapes_its_labels)
{
    struct buffer out = {0}, labels = {0};
    metric_write_head(&out, METRIC_GAUGE, "entries", "Lines\nand a \\ and a \".");
    metric_write_label(&labels, "map", bytes_of_text("a\"b\\c\nd"));
    metric_write_label(&labels, "kind", bytes_of_text("x"));
    metric_write_sample(&out, "entries", buffer_bytes(&labels), 12, 0);
    metric_write_sample(&out, "entries", BYTES_NONE, -15, 1);
    buffer_append_u8(&out, 0);
    cr_assert_str_eq((const char *)out.data, "# HELP entries Lines\\nand a \\\\ and a \".\n"
                                             "# TYPE entries gauge\n"
                                             "entries{map=\"a\\\"b\\\\c\\nd\",kind=\"x\"} 12\n"
                                             "entries -1.5\n");
    buffer_close(&out);
    buffer_close(&labels);
}

Test(metric, names_buckets_without_labels)
{
    struct metric_registry *registry = metric_registry_open();
    metric_histogram_add(registry, "t_seconds", "Time.", NULL);
    struct buffer out = {0};
    metric_expose(registry, &out);
    buffer_append_u8(&out, 0);
    cr_assert_not_null(strstr((const char *)out.data, "\nt_seconds_bucket{le=\"0.00005\"} 0\n"));
    cr_assert_not_null(strstr((const char *)out.data, "\nt_seconds_sum 0.000000\nt_seconds_count 0\n"));
    buffer_close(&out);
    metric_registry_close(registry);
}

Test(metric, refuses_one_name_for_two_kinds, .signal = SIGABRT)
{
    struct metric_registry *registry = metric_registry_open();
    metric_counter_add(registry, "a", "A.", NULL);
    metric_gauge_add(registry, "a", "A.", NULL);
}

Test(metric, refuses_names_outside_the_data_model, .signal = SIGABRT)
{
    metric_counter_add(metric_registry_open(), "9 lives", "A.", NULL);
}

Test(metric, a_fine_histogram_tells_pauses_of_some_milliseconds_apart)
{
    struct metric_registry *fine = metric_registry_open();
    struct metric_histogram *pauses = metric_histogram_add_fine(fine, "pauses_seconds", "p", NULL);
    struct buffer out = {0};
    for (uint64_t ms = 1; ms <= 5; ms++)
        metric_observe_us(pauses, ms * 1000);
    metric_expose(fine, &out);
    buffer_append_u8(&out, 0);
    cr_expect(strstr((const char *)out.data, "le=\"0.001\"} 1\n") != NULL && strstr((const char *)out.data, "le=\"0.002\"} 2\n") != NULL &&
              strstr((const char *)out.data, "le=\"0.004\"} 4\n") != NULL && strstr((const char *)out.data, "le=\"0.005\"} 5\n") != NULL, "%s", (const char *)out.data);
    buffer_close(&out);
    metric_registry_close(fine);
}
