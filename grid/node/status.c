/* What a node says of itself: partition table, administration, gauges. */
#include <stdio.h>

#include "grid/base/memory.h"
#include "grid/node/inside.h"

#define NODE_VERSION "0.1.0"

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
        .state = bytes_of_text(node_ready(node) ? "ready" : "starting"),
        .version = bytes_of_text(NODE_VERSION),
        .leaders = partition_map_led_by(&node->map, node->settings->self),
        .replicas = node->partitions,
        .uptime_ms = (clock_now_us(node->io->clock) - node->opened_us) / 1000,
        .log_disk_bytes = group_set_log_disk_bytes(node->groups),
        .log_memory_bytes = group_set_log_memory_bytes(node->groups),
        .reads = node->counters.reads->value};
}

static struct partition_status partition_status(const struct node *node, uint32_t i)
{
    const struct partition *partition = pipeline_partition(node->pipelines[i]);
    struct group_status group = group_status(pipeline_group(node->pipelines[i]));
    struct partition_stats stats = partition_stats(partition);
    return (struct partition_status){
        .partition = i, .role = bytes_of_text(role_names[group.role]), .term = group.term,
        .commit_index = group.commit_index, .applied_index = group.applied_index, .last_index = group.last_index,
        .leader = group.leader.value, .entries = stats.entries, .sessions = stats.sessions,
        .outbox_pending = stats.outbox_pending, .log_time_ms = partition_log_time_ms(partition),
        .digest = partition_digest(partition), .timers = stats.timers, .activities = stats.activities,
        .commands = stats.commands, .sagas_started = stats.sagas_started,
        .sagas_ended = stats.sagas_completed + stats.sagas_compensated + stats.sagas_timed_out + stats.sagas_failed};
}

void status_answer(struct node *node, enum admin_kind kind, struct buffer *out)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    struct admin_response response = {.members = members(node, &arena), .members_count = node->settings->members_count};
    if (kind == ADMIN_STATUS) {
        response.has_status = true;
        response.status = node_status(node);
    } else {
        struct partition_status *rows = arena_zero(&arena, node->partitions * sizeof *rows);
        for (uint32_t i = 0; i < node->partitions; i++)
            rows[i] = partition_status(node, i);
        response.partitions = rows;
        response.partitions_count = node->partitions;
    }
    admin_response_encode(&response, out);
    arena_close(&arena);
}

void status_register(struct node *node)
{
    struct metric_registry *metrics = node->metrics;
    node->counters = (struct pipeline_counters){
        .commands = metric_counter_add(metrics, "gridiron_commands_total", "Commands received from clients.", NULL),
        .entries = metric_counter_add(metrics, "gridiron_entries_proposed_total", "Packed log entries proposed.", NULL),
        .reads = metric_counter_add(metrics, "gridiron_reads_total", "Linearizable reads received.", NULL),
        .log_full = metric_counter_add(metrics, "gridiron_log_full_total", "Commands refused because the log is full.", NULL),
        .not_leader = metric_counter_add(metrics, "gridiron_not_leader_total", "Requests for partitions led elsewhere.", NULL),
        .dropped = metric_counter_add(metrics, "gridiron_outcome_unknown_total",
                                      "Commands whose outcome was unknown after a change of leader.", NULL),
        .ticks = metric_counter_add(metrics, "gridiron_ticks_total", "Tick entries proposed for due timers.", NULL),
        .messages_sent = metric_counter_add(metrics, "outbox_messages_sent_total", "Outbox messages sent, repeats included.", NULL),
        .messages_received = metric_counter_add(metrics, "inbox_messages_received_total", "Messages received from other partitions.", NULL),
        .messages_duplicate = metric_counter_add(metrics, "inbox_messages_duplicate_total", "Messages received again.", NULL),
        .messages_gap = metric_counter_add(metrics, "inbox_message_gaps_total", "Batches refused because of a gap.", NULL),
        .acks = metric_counter_add(metrics, "outbox_acknowledgements_total", "Acknowledgements proposed.", NULL),
        .activities_answered = metric_counter_add(metrics, "activities_answered_total", "Definite answers of activities.", NULL),
        .commit_us = metric_histogram_add(metrics, "gridiron_commit_seconds", "From the first command of an entry to its application.", NULL),
        .read_us = metric_histogram_add(metrics, "gridiron_read_seconds", "From the first read of a batch to its answers.", NULL),
    };
}

static void gauge(struct node *node, const char *name, const char *help, uint64_t value)
{
    metric_gauge_add(node->metrics, name, help, NULL)->value = (int64_t)value;
}

/* One series per state, 1 for the present one, so that a panel can show it without a legend of numbers. */
static void expose_breaker(struct node *node)
{
    static const char *const labels[] = {"name=\"payment\",state=\"closed\"", "name=\"payment\",state=\"open\"",
                                         "name=\"payment\",state=\"half_open\""};
    for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++)
        metric_gauge_add(node->metrics, "circuit_breaker_state", "1 for the present state of a destination's breaker.",
                         labels[state])->value = (int)node->breaker.state == state;
}

static void total(struct node *node, const char *name, const char *help, uint64_t value)
{
    metric_counter_add(node->metrics, name, help, NULL)->value = value;
}

static void expose_idempotency(struct node *node, const struct partition_stats *sum)
{
    const struct { const char *labels; uint64_t count; } results[] = {
        {"result=\"new\"", sum->keys_new}, {"result=\"repeated\"", sum->keys_repeated},
        {"result=\"not_kept\"", sum->keys_not_kept}, {"result=\"mismatch\"", sum->keys_mismatched}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        metric_counter_add(node->metrics, "idempotency_checks_total", "Commands with an idempotency key, applied by replicas on this node.",
                           results[i].labels)->value = results[i].count;
    gauge(node, "gridiron_idempotency_keys", "Idempotency keys kept on this node.", sum->idempotency_keys);
}

void status_refresh(struct node *node)
{
    struct partition_stats sum = {0};
    for (uint32_t i = 0; i < node->partitions; i++) {
        struct partition_stats stats = partition_stats(pipeline_partition(node->pipelines[i]));
        sum.entries += stats.entries;
        sum.bytes += stats.bytes;
        sum.sessions += stats.sessions;
        sum.outbox_pending += stats.outbox_pending;
        sum.timers += stats.timers;
        sum.activities += stats.activities;
        sum.events += stats.events;
        sum.refusals += stats.refusals;
        sum.duplicates += stats.duplicates;
        sum.expirations += stats.expirations;
        sum.journal_bytes += stats.journal_bytes;
        sum.idempotency_keys += stats.idempotency_keys;
        sum.keys_new += stats.keys_new;
        sum.keys_repeated += stats.keys_repeated;
        sum.keys_not_kept += stats.keys_not_kept;
        sum.keys_mismatched += stats.keys_mismatched;
        sum.malformed_entries += stats.malformed_entries;
        sum.sagas_started += stats.sagas_started;
        sum.sagas_completed += stats.sagas_completed;
        sum.sagas_compensated += stats.sagas_compensated;
        sum.sagas_timed_out += stats.sagas_timed_out;
        sum.sagas_failed += stats.sagas_failed;
    }
    gauge(node, "gridiron_partitions_led", "Partitions that this node leads.", partition_map_led_by(&node->map, node->settings->self));
    gauge(node, "gridiron_ready", "1 when every partition has a leader that this node knows.", node_ready(node));
    gauge(node, "gridiron_map_entries", "Entries of all maps on this node.", sum.entries);
    gauge(node, "gridiron_map_bytes", "Key and value bytes of all maps on this node.", sum.bytes);
    gauge(node, "gridiron_sessions", "Open sessions on this node.", sum.sessions);
    gauge(node, "gridiron_timers", "Timers in the log.", sum.timers);
    gauge(node, "gridiron_activities", "Unfinished activities.", sum.activities);
    gauge(node, "outbox_pending", "Messages not yet acknowledged by their destination.", sum.outbox_pending);
    gauge(node, "gridiron_log_disk_bytes", "Bytes of the log on disk.", group_set_log_disk_bytes(node->groups));
    gauge(node, "gridiron_log_memory_bytes", "Bytes of log entries in memory.", group_set_log_memory_bytes(node->groups));
    gauge(node, "sagas_active", "Sagas that have not ended, on this node's replicas.", sum.sagas_started - sum.sagas_completed -
          sum.sagas_compensated - sum.sagas_timed_out - sum.sagas_failed);
    total(node, "saga_started_total", "Sagas started, on this node's replicas.", sum.sagas_started);
    total(node, "saga_completed_total", "Sagas completed, likewise.", sum.sagas_completed);
    total(node, "saga_compensated_total", "Sagas undone, likewise.", sum.sagas_compensated);
    total(node, "saga_timedout_total", "Sagas undone because their deadline passed, likewise.", sum.sagas_timed_out);
    total(node, "saga_failed_total", "Sagas parked for a person, likewise.", sum.sagas_failed);
    total(node, "eventsourcing_events_submitted_total", "Events persisted by replicas on this node.", sum.events);
    total(node, "eventsourcing_events_failed_total", "Service commands refused by replicas on this node.", sum.refusals);
    total(node, "idempotency_duplicates_total", "Commands answered from a session's kept results.", sum.duplicates);
    gauge(node, "gridiron_journal_bytes", "Bytes of records that journals of maps keep on this node.", sum.journal_bytes);
    expose_idempotency(node, &sum);
    total(node, "gridiron_map_expirations_total", "Entries whose time was over, removed by replicas on this node.", sum.expirations);
    total(node, "gridiron_map_gets_total", "Reads of one entry served by this node.", node->partition_reads.gets);
    total(node, "gridiron_map_hits_total", "Reads of one entry that found it.", node->partition_reads.hits);
    total(node, "gridiron_malformed_entries_total", "Committed entries that could not be read.", sum.malformed_entries);
    expose_breaker(node);
    node->clients.connected->value = (int64_t)node->clients.open;
}
