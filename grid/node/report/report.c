/* What a node says to its operators, as it happens: lines of the log, and families of /metrics whose series come and go. */
#include "grid/node/node_internal.h"

enum {
    /* So many maps, over all partitions, are read at every scrape; more of them only so often. */
    MAPS_CHEAP = 32 * 1024,
    MAPS_DEAR_EVERY_MS = 30 * 1000,
};

void report_open(struct node *node)
{
    map_series_init(&node->report.maps);
    bounds_register(node);
}

void report_close(struct node *node)
{
    map_series_close(&node->report.maps);
}

static void on_map(void *context, const struct map_count *count)
{
    map_series_add(context, count);
}

static void read_maps(struct node *node)
{
    struct report *report = &node->report;
    uint64_t now_ms = clock_now_ms(node->io->clock);
    if (report->maps.added > MAPS_CHEAP && now_ms - report->maps_read_ms < MAPS_DEAR_EVERY_MS)
        return;
    report->maps_read_ms = now_ms;
    map_series_begin(&report->maps);
    for (uint32_t i = 0; i < node->partitions; i++)
        partition_maps_each(replica_partition(node->replicas[i]), on_map, &report->maps);
}

void report_write(struct node *node, const struct partition_stats *hosted, struct buffer *out)
{
    read_maps(node);
    map_series_write(&node->report.maps, hosted->entries, hosted->bytes, out);
}
