#include "grid/node/report/map_series.h"

#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/base/metric.h"
#include "grid/store/table.h"

static const char OTHER[] = "other";

void map_series_init(struct map_series *series)
{
    *series = (struct map_series){0};
}

void map_series_begin(struct map_series *series)
{
    for (size_t i = 0; i < series->count; i++)
        buffer_close(&series->rows[i].name);
    if (series->places != NULL)
        table_close(series->places);
    series->places = NULL;
    series->count = 0;
    series->added = 0;
}

void map_series_close(struct map_series *series)
{
    map_series_begin(series);
    memory_free(series->rows);
    *series = (struct map_series){0};
}

static struct map_series_row *row_of(struct map_series *series, struct bytes name)
{
    struct table_entry entry;
    uint8_t place[4];
    if (series->places == NULL)
        series->places = table_open(0);
    if (table_find(series->places, name, &entry))
        return &series->rows[get_u32(entry.value.data)];
    if (series->count == series->capacity) {
        series->capacity = series->capacity * 2 + 16;
        series->rows = memory_resize(series->rows, series->capacity * sizeof *series->rows);
    }
    put_u32(place, (uint32_t)series->count);
    table_set(series->places, name, bytes_of(place, sizeof place), 0);
    struct map_series_row *row = &series->rows[series->count++];
    *row = (struct map_series_row){0};
    buffer_append(&row->name, name);
    return row;
}

void map_series_add(struct map_series *series, const struct map_count *count)
{
    series->added++;
    if (bytes_equal(count->name, bytes_of_text(OTHER)))
        return;
    struct map_count *sum = &row_of(series, count->name)->sum;
    sum->entries += count->entries;
    sum->bytes += count->bytes;
    sum->sets += count->sets;
    sum->removes += count->removes;
    sum->expirations += count->expirations;
}

/* The largest first; by name where they are equal, so that the choice does not change without need. */
static int compare(const void *a, const void *b)
{
    const struct map_series_row *one = *(const struct map_series_row *const *)a, *other = *(const struct map_series_row *const *)b;
    if (one->sum.bytes != other->sum.bytes)
        return one->sum.bytes < other->sum.bytes ? 1 : -1;
    return bytes_compare(buffer_bytes(&one->name), buffer_bytes(&other->name));
}

enum value { ENTRIES, BYTES, SETS, REMOVES, EXPIRATIONS };

static uint64_t value_of(const struct map_series_row *row, enum value value)
{
    switch (value) {
    case ENTRIES:
        return row->sum.entries;
    case BYTES:
        return row->sum.bytes;
    case SETS:
        return row->sum.sets;
    case REMOVES:
        return row->sum.removes;
    case EXPIRATIONS:
        return row->sum.expirations;
    }
    UNREACHABLE("every value is handled");
}

static void write_sample(struct buffer *out, const char *family, struct bytes map, const char *operation, uint64_t value)
{
    struct buffer labels = {0};
    metric_write_label(&labels, "map", map);
    if (operation != NULL)
        metric_write_label(&labels, "operation", bytes_of_text(operation));
    metric_write_sample(out, family, buffer_bytes(&labels), (int64_t)value, 0);
    buffer_close(&labels);
}

static void write_gauges(struct map_series_row *const *rows, size_t shown, const char *family, enum value value, uint64_t total,
                         struct buffer *out)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < shown; i++) {
        write_sample(out, family, buffer_bytes(&rows[i]->name), NULL, value_of(rows[i], value));
        sum += value_of(rows[i], value);
    }
    /* What was added may be older than the total. */
    write_sample(out, family, bytes_of_text(OTHER), NULL, total > sum ? total - sum : 0);
}

void map_series_write(struct map_series *series, uint64_t entries, uint64_t bytes, struct buffer *out)
{
    static const char *const operations[] = {[SETS] = "set", [REMOVES] = "remove", [EXPIRATIONS] = "expire"};
    struct map_series_row **rows = memory_zero(series->count + 1, sizeof *rows);
    for (size_t i = 0; i < series->count; i++)
        rows[i] = &series->rows[i];
    qsort(rows, series->count, sizeof *rows, compare);
    size_t shown = series->count < MAPS_SHOWN_MAX ? series->count : MAPS_SHOWN_MAX;
    metric_write_head(out, METRIC_GAUGE, "gridiron_map_entries", "Entries of a map on this node, of all replicas.");
    write_gauges(rows, shown, "gridiron_map_entries", ENTRIES, entries, out);
    metric_write_head(out, METRIC_GAUGE, "gridiron_map_bytes", "Memory of a map on this node, journal included, likewise.");
    write_gauges(rows, shown, "gridiron_map_bytes", BYTES, bytes, out);
    /* Without `other`: a map that comes into view would take its counts out of it, and a counter never falls. */
    metric_write_head(out, METRIC_COUNTER, "gridiron_map_operations_total", "Changes of a map's entries, applied by replicas on this node.");
    for (size_t i = 0; i < shown; i++)
        for (int value = SETS; value <= EXPIRATIONS; value++)
            write_sample(out, "gridiron_map_operations_total", buffer_bytes(&rows[i]->name), operations[value],
                         value_of(rows[i], (enum value)value));
    memory_free(rows);
}
