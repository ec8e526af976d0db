#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/node/report/map_series.h"

static void add(struct map_series *series, const char *name, uint64_t entries, uint64_t bytes)
{
    map_series_add(series, &(struct map_count){.name = bytes_of_text(name), .entries = entries, .bytes = bytes, .sets = entries + 1});
}

/* The text with a 0 behind it; buffer_close. */
static struct buffer written(struct map_series *series, uint64_t entries, uint64_t bytes)
{
    struct buffer out = {0};
    map_series_write(series, entries, bytes, &out);
    buffer_append_u8(&out, 0);
    return out;
}

static bool has(const struct buffer *out, const char *line)
{
    return strstr((const char *)out->data, line) != NULL;
}

Test(map_series, sums_the_partitions_of_a_map)
{
    struct map_series series;
    map_series_init(&series);
    map_series_begin(&series);
    add(&series, "a", 1, 10);
    add(&series, "b", 5, 20);
    add(&series, "a", 2, 30);
    struct buffer out = written(&series, 8, 100);
    cr_expect(has(&out, "\ngridiron_map_entries{map=\"a\"} 3\ngridiron_map_entries{map=\"b\"} 5\ngridiron_map_entries{map=\"other\"} 0\n"));
    cr_expect(has(&out, "\ngridiron_map_bytes{map=\"a\"} 40\ngridiron_map_bytes{map=\"b\"} 20\ngridiron_map_bytes{map=\"other\"} 40\n"));
    cr_expect(has(&out, "\ngridiron_map_operations_total{map=\"a\",operation=\"set\"} 5\n"));
    cr_expect_not(has(&out, "gridiron_map_operations_total{map=\"other\""));
    buffer_close(&out);
    map_series_close(&series);
}

Test(map_series, shows_the_largest_and_counts_the_rest_together)
{
    struct map_series series;
    char name[16], line[64];
    map_series_init(&series);
    map_series_begin(&series);
    uint64_t entries = 0;
    for (int i = 0; i < MAPS_SHOWN_MAX + 50; i++) {
        snprintf(name, sizeof name, "m%d", i);
        add(&series, name, 2, 1000 + (uint64_t)i);
        entries += 2;
    }
    struct buffer out = written(&series, entries, 1000000);
    size_t rows = 0;
    for (const char *at = (const char *)out.data; (at = strstr(at, "\ngridiron_map_entries{")) != NULL; at++)
        rows++;
    cr_expect_eq(rows, MAPS_SHOWN_MAX + 1);
    snprintf(line, sizeof line, "gridiron_map_entries{map=\"m%d\"} 2\n", MAPS_SHOWN_MAX + 49);
    cr_expect(has(&out, line), "the largest");
    cr_expect_not(has(&out, "{map=\"m49\"}"), "the smallest");
    cr_expect(has(&out, "gridiron_map_entries{map=\"other\"} 100\n"));
    buffer_close(&out);
    map_series_close(&series);
}

Test(map_series, takes_a_map_called_other_for_one_of_the_others)
{
    struct map_series series;
    map_series_init(&series);
    map_series_begin(&series);
    add(&series, "other", 7, 70);
    add(&series, "a", 1, 10);
    struct buffer out = written(&series, 8, 80);
    cr_expect(has(&out, "\ngridiron_map_entries{map=\"a\"} 1\ngridiron_map_entries{map=\"other\"} 7\n#"));
    buffer_close(&out);
    map_series_close(&series);
}

Test(map_series, forgets_what_is_gone)
{
    struct map_series series;
    map_series_init(&series);
    map_series_begin(&series);
    add(&series, "a", 7, 70);
    map_series_begin(&series);
    add(&series, "b", 1, 10);
    struct buffer out = written(&series, 1, 10);
    cr_expect_not(has(&out, "\"a\""));
    cr_expect(has(&out, "gridiron_map_entries{map=\"b\"} 1\n"));
    cr_expect_eq(series.added, 1);
    buffer_close(&out);
    map_series_close(&series);
}
