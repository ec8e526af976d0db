/* What a node says to its operators, as it happens: lines of the log, and families of /metrics whose series come and go. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/node/node_internal.h"
#include "raft/peers/peers.h"

enum {
    LOOK_EVERY_TICKS = 20,
    /* So many maps, over all partitions, are read at every scrape; more of them only so often. */
    MAPS_CHEAP = 32 * 1024,
    MAPS_DEAR_EVERY_MS = 30 * 1000,
};

void report_open(struct node *node)
{
    map_series_init(&node->report.maps);
    elections_init(&node->report.elections, node->partitions, node->settings->self);
    bounds_register(node);
}

void report_close(struct node *node)
{
    map_series_close(&node->report.maps);
    elections_close(&node->report.elections);
}

/* ---- elections */

void report_leaders(struct node *node)
{
    uint64_t now_ms = clock_now_ms(node->io->clock);
    for (uint32_t i = 0; i < node->partitions; i++)
        elections_leader(&node->report.elections, i, (struct node_id){node->map.leaders[i]}, now_ms);
}

static bool is_linked(void *context, uint32_t other)
{
    const struct node *node = context;
    return peers_up(node->peers, (struct node_id){other});
}

static void say_elections(void *context, const char *text)
{
    const struct node *node = context;
    LOG_INFO(node->logger, "node", "%s", text);
}

/* ---- clocks */

static void look_at_clock(struct node *node, uint32_t position)
{
    struct clock_skew *skew = &node->report.skews[position];
    uint32_t peer = node->settings->members[position].id.value;
    int64_t ahead_ms;
    if (!time_exchange_ahead(node, position, &ahead_ms)) {
        clock_skew_unknown(skew);
        return;
    }
    enum clock_skew_news news = clock_skew_look(skew, ahead_ms);
    uint64_t distance_ms = ahead_ms < 0 ? 0 - (uint64_t)ahead_ms : (uint64_t)ahead_ms;
    if (news == CLOCK_SKEW_BEGINS)
        LOG_WARN(node->logger, "node", "clock skew: the clock of node %" PRIu32 " is %" PRIu64 ".%03" PRIu64 " s %s this node's: set the wrong one "
                 "right, with NTP for example; timers and ttl follow the median of all members", peer, distance_ms / 1000, distance_ms % 1000,
                 ahead_ms < 0 ? "behind" : "ahead of");
    else if (news == CLOCK_SKEW_ENDS)
        LOG_INFO(node->logger, "node", "clock skew: the clocks of node %" PRIu32 " and this node agree again", peer);
}

/* ---- room in the log */

static void look_at_log(struct node *node, const char *setting, struct log_use *use, uint64_t used, uint64_t bound)
{
    unsigned percent = log_use_look(use, used, bound);
    if (percent == LOG_USE_FULL_PERCENT)
        LOG_WARN(node->logger, "node", "log full: %s of %" PRIu64 " bytes is reached: writes of clients are refused with LOG_FULL, reads go on; "
                 "restart the nodes, one at a time, with a higher %s", setting, bound, setting);
    else if (percent != 0)
        LOG_WARN(node->logger, "node", "log: %" PRIu64 " bytes, %u %% of %s, are used; at 100 %% writes of clients are refused with LOG_FULL; "
                 "restart the nodes, one at a time, with a higher %s", used, percent, setting, setting);
}

void report_tick(struct node *node)
{
    struct report *report = &node->report;
    struct elections_teller teller = {.context = node, .linked = is_linked, .line = say_elections};
    if (elections_due(&report->elections, clock_now_ms(node->io->clock)))
        elections_tell(&report->elections, &teller);
    if (node->ticks % LOOK_EVERY_TICKS != 0)
        return;
    for (uint32_t i = 0; i < node->settings->members_count; i++)
        look_at_clock(node, i);
    look_at_log(node, "log.disk_bytes", &report->disk, group_set_log_disk_bytes(node->groups), bounds_log_disk_bytes(node));
    look_at_log(node, "log.memory_bytes", &report->memory, group_set_log_memory_bytes(node->groups), bounds_log_memory_bytes(node));
}

/* ---- metrics */

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

/* A member that was not heard lately has no series. */
static void write_clocks(const struct node *node, struct buffer *out)
{
    char label[32];
    metric_write_head(out, METRIC_GAUGE, "gridiron_clock_skew_seconds", "The wall clock of the other node minus that of this one.");
    for (uint32_t i = 0; i < node->settings->members_count; i++) {
        if (!node->report.skews[i].known)
            continue;
        snprintf(label, sizeof label, "peer=\"%" PRIu32 "\"", node->settings->members[i].id.value);
        metric_write_sample(out, "gridiron_clock_skew_seconds", bytes_of_text(label), node->report.skews[i].ahead_ms, 3);
    }
}

/* ---- what is kept for a limited time */

struct kept_sums { uint64_t count[RETENTION_LAST + 1], bytes[RETENTION_LAST + 1], removed[RETENTION_LAST + 1]; };

static void write_kept_family(struct buffer *out, enum metric_kind kind, const char *name, const char *help, const uint64_t *values)
{
    static const char *const labels[RETENTION_LAST + 1] = {NULL, "kind=\"completions\"", "kind=\"flows\"", "kind=\"keys\"", "kind=\"sessions\"",
                                                           "kind=\"journals\""};
    metric_write_head(out, kind, name, help);
    for (int of = RETENTION_COMPLETIONS; of <= RETENTION_LAST; of++)
        metric_write_sample(out, name, bytes_of_text(labels[of]), (int64_t)values[of], 0);
}

static void write_kept(const struct node *node, struct buffer *out)
{
    struct kept_sums sums = {{0}, {0}, {0}};
    struct retention_status status[RETENTION_LAST];
    for (uint32_t i = 0; i < node->partitions; i++) {
        const struct partition *partition = replica_partition(node->replicas[i]);
        partition_kept(partition, status);
        for (int k = 0; k < RETENTION_LAST; k++) {
            sums.count[status[k].kind] += status[k].count;
            sums.bytes[status[k].kind] += status[k].bytes;
            sums.removed[status[k].kind] += partition_trimmed(partition, status[k].kind);
        }
    }
    write_kept_family(out, METRIC_GAUGE, "gridiron_retention_entries", "What is kept for a limited time, by kind.", sums.count);
    write_kept_family(out, METRIC_GAUGE, "gridiron_retention_bytes", "Bytes of what is kept for a limited time, by kind.", sums.bytes);
    write_kept_family(out, METRIC_COUNTER, "gridiron_retention_removed_total", "Removed because of its age, count or bytes, by kind.", sums.removed);
}

void report_write(struct node *node, const struct partition_stats *hosted, struct buffer *out)
{
    read_maps(node);
    map_series_write(&node->report.maps, hosted->entries, hosted->bytes, out);
    write_clocks(node, out);
    write_kept(node, out);
}
