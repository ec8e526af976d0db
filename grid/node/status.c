/* What a node says of itself: partition table, administration, gauges. */
#include <stdio.h>

#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "grid/node/node_internal.h"
#include "services/registry.h"

static const char *const role_names[] = {[GROUP_FOLLOWER] = "follower", [GROUP_CANDIDATE] = "candidate",
                                         [GROUP_LEADER] = "leader", [GROUP_READY] = "leader"};

static struct message_member *members(const struct node *node, struct arena *arena)
{
    size_t count = node->settings->members_count;
    struct message_member *list = arena_zero(arena, count * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct message_member){.node = node->settings->members[i].id,
                                          .client_address = bytes_of_text(node->settings->members[i].client_address),
                                          .peer_address = bytes_of_text(node->settings->members[i].peer_address)};
    return list;
}

void status_table(struct node *node, struct arena *arena, struct message_table *ret_table)
{
    *ret_table = (struct message_table){.version = node->map.version, .partitions = node->partitions,
                                        .members = members(node, arena), .members_count = node->settings->members_count,
                                        .leaders = node->map.leaders, .leaders_count = node->partitions};
}

static struct node_status node_status(const struct node *node)
{
    return (struct node_status){
        .node = node->settings->self,
        .client_address = bytes_of_text(node_settings_member(node->settings, node->settings->self)->client_address),
        .state = bytes_of_text(health_name(node->health.state)),
        .version = bytes_of_text(GRIDIRON_VERSION),
        .leaders = partition_map_led_by(&node->map, node->settings->self),
        .replicas = node->partitions,
        .uptime_ms = (clock_now_us(node->io->clock) - node->opened_us) / 1000,
        .log_disk_bytes = group_set_log_disk_bytes(node->groups),
        .log_memory_bytes = group_set_log_memory_bytes(node->groups),
        .reads = node->counters.reads->value, .level = levels_lowest(node), .level_max = node->levels.most};
}

static void add_memory(const struct node *node, struct node_status *status)
{
    status->memory_bytes = memory_watch_resident(node);
    status->memory_max_bytes = node->settings->memory_max;
    status->memory_used_bytes = memory_use_used(&node->memory.use);
    status->data_bytes = node->memory.bytes[MEMORY_MAPS];
    status->disk_bytes = group_set_log_disk_bytes(node->groups) + group_set_snapshot_disk_bytes(node->groups);
}

static void add_upkeep(const struct node *node, uint32_t i, struct partition_status *status, struct arena *arena)
{
    struct group_status group = group_status(replica_group(node->replicas[i]));
    struct group_lag lags[REPLICAS_MAX];
    status->snapshot_index = group.snapshot_index;
    status->snapshot_bytes = group.snapshot_bytes;
    status->snapshot_age_ms = replica_snapshot_age_ms(node->replicas[i]);
    status->log_bytes = group.log_bytes;
    status->lagging_count = group_lagging(replica_group(node->replicas[i]), lags);
    struct member_lag *lagging = arena_zero(arena, (status->lagging_count + 1) * sizeof *lagging);
    for (size_t n = 0; n < status->lagging_count; n++)
        lagging[n] = (struct member_lag){lags[n].node, lags[n].entries, lags[n].lacks, lags[n].sending, lags[n].sent_bytes, lags[n].transfer_bytes};
    status->lagging = lagging;
}

static struct partition_status partition_status(const struct node *node, uint32_t i)
{
    const struct partition *partition = replica_partition(node->replicas[i]);
    struct group_status group = group_status(replica_group(node->replicas[i]));
    struct partition_stats stats = partition_stats(partition);
    return (struct partition_status){
        .partition = i, .role = bytes_of_text(role_names[group.role]), .term = group.term,
        .commit_index = group.commit_index, .applied_index = group.applied_index, .last_index = group.last_index,
        .leader = group.leader.value, .entries = stats.entries, .sessions = stats.sessions,
        .outbox_pending = stats.outbox_pending, .log_time_ms = partition_log_time_ms(partition),
        .digest = partition_digest(partition), .timers = stats.timers, .activities = stats.activities,
        .level = partition_level(partition), .commands = stats.commands, .flows_started = stats.flows_started,
        .flows_ended = stats.flows_ended};
}

static const struct partition_status *partition_rows(const struct node *node, uint64_t features, struct arena *arena)
{
    struct partition_status *rows = arena_zero(arena, node->partitions * sizeof *rows);
    for (uint32_t i = 0; i < node->partitions; i++) {
        rows[i] = partition_status(node, i);
        if (feature_in(features, FEATURE_UPKEEP))
            add_upkeep(node, i, &rows[i], arena);
    }
    return rows;
}

/* All that were asked for, or none. */
static void ask_snapshots(struct node *node, uint32_t partition, struct admin_response *response)
{
    bool all = partition == FRAME_PARTITION_NONE;
    if (!all && partition >= node->partitions) {
        response->err = GRID_ERR_INVALID;
        response->note = bytes_of_text("partition: outside the cluster's partitions");
        return;
    }
    for (uint32_t i = all ? 0 : partition; i < (all ? node->partitions : partition + 1); i++) {
        if (replica_ask_snapshot(node->replicas[i]))
            continue;
        response->err = GRID_ERR_NOT_SUPPORTED;
        response->note = bytes_of_text("the feature level of the cluster has no snapshots: upgrade all nodes, then run `gridctl level raise`");
        return;
    }
}

void status_answer(struct node *node, enum admin_kind kind, uint32_t partition, uint64_t features, struct buffer *out)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    struct admin_response response = {.members = members(node, &arena), .members_count = node->settings->members_count};
    if (kind == ADMIN_STATUS) {
        status_look(node);
        response.has_status = true;
        response.status = node_status(node);
        if (feature_in(features, FEATURE_MEMORY))
            add_memory(node, &response.status);
        if (feature_in(features, FEATURE_UPKEEP))
            response.status.catching_up = node->health.behind;
        if (feature_in(features, FEATURE_SERVICES))
            response.status.services = services_status(node, &arena, &response.status.services_count);
    } else {
        if (kind == ADMIN_SNAPSHOT)
            ask_snapshots(node, partition, &response);
        response.partitions = partition_rows(node, features, &arena);
        response.partitions_count = node->partitions;
    }
    admin_response_encode(&response, out);
    arena_close(&arena);
}

void status_register(struct node *node)
{
    static const char log_full_help[] = "Commands refused because a disk is full, or a bound of the log is reached.";
    static const char memory_full_help[] = "Commands refused because they add data and the memory of this node, or of a member, is full.";
    struct metric_registry *metrics = node->metrics;
    node->counters = (struct replica_counters){
        .commands = metric_counter_add(metrics, "gridiron_commands_total", "Commands received from clients.", NULL),
        .entries = metric_counter_add(metrics, "gridiron_entries_proposed_total", "Packed log entries proposed.", NULL),
        .reads = metric_counter_add(metrics, "gridiron_reads_total", "Linearizable reads received.", NULL),
        .log_full = metric_counter_add(metrics, "gridiron_log_full_total", log_full_help, "reason=\"bound\""),
        .disk_full = metric_counter_add(metrics, "gridiron_log_full_total", log_full_help, "reason=\"disk\""),
        .memory_full = metric_counter_add(metrics, "gridiron_memory_refused_total", memory_full_help, "reason=\"own\""),
        .member_memory_full = metric_counter_add(metrics, "gridiron_memory_refused_total", memory_full_help, "reason=\"member\""),
        .in_flight_full = metric_counter_add(metrics, "gridiron_in_flight_refused_total",
                                             "Commands refused because too many bytes of writes to their partition are under way.", NULL),
        .not_admitted = metric_counter_add(metrics, "gridiron_admission_refused_total",
                                           "Commands refused because their partition has as much work under way as it may.", NULL),
        .not_leader = metric_counter_add(metrics, "gridiron_not_leader_total", "Requests for partitions led elsewhere.", NULL),
        .dropped = metric_counter_add(metrics, "gridiron_outcome_unknown_total",
                                      "Commands whose outcome was unknown after a change of leader.", NULL),
        .ticks = metric_counter_add(metrics, "gridiron_ticks_total", "Tick entries proposed for due timers.", NULL),
        .messages_sent = metric_counter_add(metrics, "gridiron_outbox_messages_sent_total", "Outbox messages sent, repeats included.", NULL),
        .messages_received = metric_counter_add(metrics, "gridiron_inbox_messages_received_total", "Messages received from other partitions.", NULL),
        .messages_duplicate = metric_counter_add(metrics, "gridiron_inbox_messages_duplicate_total", "Messages received again.", NULL),
        .messages_gap = metric_counter_add(metrics, "gridiron_inbox_message_gaps_total", "Batches refused because of a gap.", NULL),
        .messages_refused = metric_counter_add(metrics, "gridiron_inbox_messages_refused_total",
                                               "Messages of an older restore epoch, dropped.", NULL),
        .links_stopped = metric_counter_add(metrics, "gridiron_outbox_links_stopped_total",
                                            "Links to partitions that stopped because of a gap that cannot be filled.", NULL),
        .letters_lost = metric_counter_add(metrics, "gridiron_mailbox_lost_total",
                                           "Messages and answers between partitions that found no room in this node's mailbox; they are said again.", NULL),
        .acks = metric_counter_add(metrics, "gridiron_outbox_acknowledgements_total", "Acknowledgements proposed.", NULL),
        .activities_answered = metric_counter_add(metrics, "gridiron_activities_answered_total", "Definite answers of activities.", NULL),
        .activities_postponed = metric_counter_add(metrics, "gridiron_activities_postponed_total",
                                                   "Activities that an open circuit breaker held back.", NULL),
        .commit_us = metric_histogram_add(metrics, "gridiron_commit_seconds", "From the first command of an entry to its application.", NULL),
        .read_us = metric_histogram_add(metrics, "gridiron_read_seconds", "From the first read of a batch to its answers.", NULL),
    };
}

/* ---- the state */

static void say_state(struct node *node, enum health_state before)
{
    struct buffer reason = {0};
    health_reason(&node->health, &reason);
    if (node->health.state == HEALTH_NO_QUORUM)
        LOG_WARN(node->logger, "node", "%s, no longer %s: %.*s", health_name(node->health.state), health_name(before), (int)reason.size,
                 (const char *)reason.data);
    else
        LOG_INFO(node->logger, "node", "%s, no longer %s%s%.*s", health_name(node->health.state), health_name(before),
                 reason.size > 0 ? ": " : "", (int)reason.size, reason.size > 0 ? (const char *)reason.data : "");
    buffer_close(&reason);
}

static void look_at_replica(struct node *node, uint32_t partition, uint64_t now_ms)
{
    struct group_status group = group_status(replica_group(node->replicas[partition]));
    health_leader(&node->health, partition, node->map.leaders[partition] != 0, now_ms);
    health_applied(&node->health, partition, group.applied_index, group.leader_commit_index, now_ms);
}

void status_look(struct node *node)
{
    uint64_t now_ms = clock_now_ms(node->io->clock);
    enum health_state before = node->health.state;
    for (uint32_t i = 0; i < node->partitions; i++)
        look_at_replica(node, i, now_ms);
    uint64_t late_us = loop_delay_look(&node->report.loop, clock_now_us(node->io->clock));
    struct health_signs signs = {.loop_late_ms = late_us / 1000, .draining = node->hand_over.given != NULL, .rejoining = group_set_rejoining(node->groups) != 0,
                                 .disk_full = group_set_room(node->groups) == GROUP_ROOM_OWN_FULL,
                                 .memory_full = node->memory.use.full};
    if (health_look(&node->health, signs, now_ms))
        say_state(node, before);
}

bool node_health(struct node *node, struct buffer *out)
{
    status_look(node);
    bool ready = node->health.state == HEALTH_READY;
    buffer_append_format(out, "{\"status\":\"%s\",\"state\":\"%s\"", ready ? "UP" : "OUT_OF_SERVICE", health_name(node->health.state));
    if (!ready) {
        buffer_append_text(out, ",\"reason\":\"");
        health_reason(&node->health, out);
        buffer_append_u8(out, '"');
    }
    buffer_append_text(out, "}\n");
    return ready;
}

/* ---- gauges */

static void gauge(struct node *node, const char *name, const char *help, uint64_t value)
{
    metric_gauge_add(node->metrics, name, help, NULL)->value = (int64_t)value;
}

/* One series per state, 1 for the present one, so that a panel can show it without a legend of numbers. */
static void expose_breaker(struct node *node, const struct destination *destination)
{
    static const char *const states[] = {"closed", "open", "half_open"};
    char labels[96];
    for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++) {
        snprintf(labels, sizeof labels, "name=\"%.48s\",state=\"%s\"", destination->sink->name, states[state]);
        metric_gauge_add(node->metrics, "circuit_breaker_state", "1 for the present state of a destination's breaker.", labels)->value =
            (int)destination->breaker.state == state;
    }
}

static void expose_retries(struct node *node, const struct destination *destination)
{
    static const char name[] = "retry_attempts_total", help[] = "Calls of a destination that repeated an earlier one.";
    char labels[96];
    snprintf(labels, sizeof labels, "name=\"%.48s\",outcome=\"answered\"", destination->sink->name);
    metric_counter_add(node->metrics, name, help, labels)->value = destination->retries.answered;
    snprintf(labels, sizeof labels, "name=\"%.48s\",outcome=\"unanswered\"", destination->sink->name);
    metric_counter_add(node->metrics, name, help, labels)->value = destination->retries.unanswered;
}

static void expose_state(struct node *node)
{
    status_look(node);
    *metric_gauge_add(node->metrics, "gridiron_loop_delay_seconds", "By how much the loop was late at most in the last 16 s.", NULL) =
        (struct metric_gauge){(int64_t)loop_delay_worst_us(&node->report.loop, clock_now_us(node->io->clock)), 6};
    gauge(node, "gridiron_catching_up_partitions", "Replicas on this node that are behind their leaders.", node->health.behind);
    gauge(node, "gridiron_ready", "1 while the state of this node is ready.", node->health.state == HEALTH_READY);
    for (int state = 0; state < HEALTH_STATES; state++) {
        char label[32];
        snprintf(label, sizeof label, "state=\"%s\"", health_name((enum health_state)state));
        metric_gauge_add(node->metrics, "gridiron_node_state", "1 for the present state of this node.", label)->value =
            (int)node->health.state == state;
    }
}

static void total(struct node *node, const char *name, const char *help, uint64_t value)
{
    metric_counter_add(node->metrics, name, help, NULL)->value = value;
}

static void expose_packed(struct node *node, const char *labels, struct packer_counts packed)
{
    metric_counter_add(node->metrics, "gridiron_packed_frames_total", "Frames that were sent packed with LZ4.", labels)->value = packed.frames;
    metric_counter_add(node->metrics, "gridiron_packed_plain_bytes_total", "Bytes of their bodies before packing.", labels)->value = packed.plain;
    metric_counter_add(node->metrics, "gridiron_packed_sent_bytes_total", "Bytes of their bodies as sent.", labels)->value = packed.sent;
}

/* What this node's memory holds of all replicas, and of what it leads: the sum over all nodes is then the cluster's. */
struct sums { struct partition_stats hosted, led, highest; uint64_t links_stopped; };

static void raise(uint64_t *highest, uint64_t value)
{
    *highest = value > *highest ? value : *highest;
}

static void add(struct partition_stats *sum, const struct partition_stats *stats)
{
    sum->entries += stats->entries;
    sum->bytes += stats->bytes;
    sum->sessions += stats->sessions;
    sum->outbox_pending += stats->outbox_pending;
    sum->timers += stats->timers;
    sum->activities += stats->activities;
    sum->reserved += stats->reserved;
    sum->expirations += stats->expirations;
    sum->journal_bytes += stats->journal_bytes;
    sum->idempotency_keys += stats->idempotency_keys;
    sum->malformed_entries += stats->malformed_entries;
}

static struct sums sum_up(const struct node *node)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < node->partitions; i++) {
        struct partition_stats stats = partition_stats(replica_partition(node->replicas[i]));
        add(&sums.hosted, &stats);
        raise(&sums.highest.maps, stats.maps);
        raise(&sums.highest.sessions, stats.sessions);
        raise(&sums.highest.idempotency_keys, stats.idempotency_keys);
        raise(&sums.highest.sessions_max, stats.sessions_max);
        raise(&sums.highest.idempotency_keys_max, stats.idempotency_keys_max);
        if (replica_leads(node->replicas[i]))
            add(&sums.led, &stats);
        sums.links_stopped += replica_links_stopped(node->replicas[i]);
    }
    return sums;
}

static void expose_led(struct node *node, const struct partition_stats *led)
{
    gauge(node, "outbox_pending", "Messages not yet acknowledged by their destination, of partitions that this node leads.",
          led->outbox_pending);
    gauge(node, "gridiron_timers", "Timers in the log, likewise.", led->timers);
    gauge(node, "gridiron_activities", "Unfinished activities, likewise.", led->activities);
    gauge(node, "gridiron_admission_reserved", "Messages and activities that admitted flows may still cause, likewise.", led->reserved);
    gauge(node, "gridiron_admission_load", "Messages and activities that wait, and those reserved, likewise.",
          led->reserved + led->outbox_pending + led->activities);
}

/* Gauges of services: levels of the partitions that this node leads. */
static void expose_services(struct node *node)
{
    for (size_t i = 0; node->services != NULL && i < node->services->count; i++) {
        const struct service *service = node->services->services[i];
        for (size_t metric = 0; metric < service->metrics_count; metric++) {
            int64_t level = 0;
            for (uint32_t k = 0; service->metrics[metric].kind == SERVICE_GAUGE && k < node->partitions; k++)
                if (replica_leads(node->replicas[k]))
                    level += partition_metric(replica_partition(node->replicas[k]), service, metric);
            if (service->metrics[metric].kind == SERVICE_GAUGE)
                metric_gauge_add(node->metrics, service->metrics[metric].name, service->metrics[metric].help, NULL)->value = level;
        }
    }
}

static void expose_hosted(struct node *node, const struct partition_stats *hosted)
{
    gauge(node, "gridiron_sessions", "Open sessions on this node, of all replicas.", hosted->sessions);
    gauge(node, "gridiron_idempotency_keys", "Idempotency keys kept, likewise.", hosted->idempotency_keys);
    gauge(node, "gridiron_journal_bytes", "Bytes of records that journals of maps keep, likewise.", hosted->journal_bytes);
    total(node, "gridiron_map_expirations_total", "Entries whose time was over, removed by replicas on this node.", hosted->expirations);
    total(node, "gridiron_malformed_entries_total", "Committed entries that could not be read.", hosted->malformed_entries);
}

static void expose_transfers(struct node *node)
{
    struct group_set_transfers transfers = group_set_transfers(node->groups);
    gauge(node, "gridiron_snapshot_disk_bytes", "Bytes of files of snapshots on disk.", group_set_snapshot_disk_bytes(node->groups));
    total(node, "gridiron_snapshot_transfers_total", "Snapshots that this node began to send to a member.", transfers.begun);
    total(node, "gridiron_snapshot_transfers_resumed_total", "Of those: the member had a part of the file already.", transfers.resumed);
    total(node, "gridiron_snapshot_sent_bytes_total", "Bytes of snapshots sent to members.", transfers.sent_bytes);
    total(node, "gridiron_snapshot_received_bytes_total", "Bytes of snapshots received from leaders.", transfers.received_bytes);
}

void status_refresh(struct node *node, struct partition_stats *ret_hosted)
{
    struct sums sums = sum_up(node);
    expose_led(node, &sums.led);
    expose_services(node);
    gauge(node, "gridiron_outbox_links_stopped", "Links that stand still because of a gap that cannot be filled, likewise.", sums.links_stopped);
    gauge(node, "gridiron_inbox_partitions_waiting",
          "Partitions led here to which messages wait because the partition lacks a level or a service.", waits_partitions(node));
    expose_hosted(node, &sums.hosted);
    bounds_refresh(node, &sums.highest);
    memory_watch_refresh(node);
    gauge(node, "gridiron_partitions_led", "Partitions that this node leads.", partition_map_led_by(&node->map, node->settings->self));
    expose_state(node);
    gauge(node, "gridiron_level", "Feature level of the replicas on this node: the lowest.", levels_lowest(node));
    gauge(node, "gridiron_level_max", "Highest feature level that this node supports.", node->levels.most);
    gauge(node, "gridiron_log_disk_bytes", "Bytes of the log on disk.", group_set_log_disk_bytes(node->groups));
    gauge(node, "gridiron_log_memory_bytes", "Bytes of log entries in memory.", group_set_log_memory_bytes(node->groups));
    expose_transfers(node);
    total(node, "gridiron_map_gets_total", "Reads of one entry served by this node.", node->partition_reads.gets);
    total(node, "gridiron_map_hits_total", "Reads of one entry that found it.", node->partition_reads.hits);
    gauge(node, "gridiron_admission_load_max", "The most that one partition may have waiting, reserved and under way.", node->shared.load_max);
    expose_packed(node, "port=\"peer\"", peers_packed(node->peers));
    expose_packed(node, "port=\"client\"", clients_packed(node->clients));
    for (size_t i = 0; i < node->destinations_count; i++) {
        expose_breaker(node, &node->destinations[i]);
        expose_retries(node, &node->destinations[i]);
    }
    observer_refresh(&node->observer);
    clients_refresh(node->clients);
    *ret_hosted = sums.hosted;
}
