/* The bounds of this node as gauges, beside what they bound, so that alarms need no numbers of their own. */
#include <stdio.h>

#include "grid/base/version.h"
#include "grid/node/node_internal.h"
#include "grid/wire/level.h"
#include "raft/peers/peers.h"

static void bound(struct node *node, const char *name, const char *help, uint64_t value)
{
    metric_gauge_add(node->metrics, name, help, NULL)->value = (int64_t)value;
}

static uint64_t or_usual(uint64_t value, uint64_t usual)
{
    return value != 0 ? value : usual;
}

uint64_t bounds_log_disk_bytes(const struct node *node)
{
    return or_usual(node->settings->log_disk_bytes_max, LOG_DISK_BYTES_DEFAULT);
}

uint64_t bounds_log_memory_bytes(const struct node *node)
{
    return or_usual(node->settings->log_memory_bytes_max, LOG_MEMORY_BYTES_DEFAULT);
}

static void register_build(struct node *node)
{
    char labels[128];
    snprintf(labels, sizeof labels, "version=\"%s\",compiler=\"%.48s\",level=\"%u\"", GRIDIRON_VERSION, __VERSION__, LEVEL_LAST);
    metric_gauge_add(node->metrics, "gridiron_build_info", "1; the labels say what is running.", labels)->value = 1;
}

/* They are settings in the log, which change while the node runs. */
static void retention_bounds(struct node *node, uint64_t sessions, uint64_t keys)
{
    bound(node, "gridiron_partition_sessions_max", "Sessions of one partition; past it the longest idle one ends.", sessions);
    bound(node, "gridiron_partition_idempotency_keys_max", "Idempotency keys of one partition; past it the oldest is forgotten.", keys);
}

void bounds_register(struct node *node)
{
    const struct node_settings *settings = node->settings;
    register_build(node);
    bound(node, "gridiron_members", "Members of the cluster.", settings->members_count);
    bound(node, "gridiron_partitions", "Partitions of the cluster.", node->partitions);
    bound(node, "gridiron_log_disk_bytes_max", "log.disk_bytes: at this bound of gridiron_log_disk_bytes writes are refused.",
          bounds_log_disk_bytes(node));
    bound(node, "gridiron_log_memory_bytes_max", "log.memory_bytes: at this bound of gridiron_log_memory_bytes writes are refused.",
          bounds_log_memory_bytes(node));
    bound(node, "gridiron_memory_bytes_max", "memory.max: at this bound of gridiron_memory_used_bytes writes that add data are refused; 0: no bound.",
          settings->memory_max);
    bound(node, "gridiron_key_bytes_max", "Largest key.", KEY_BYTES_MAX);
    bound(node, "gridiron_value_bytes_max", "Largest value.", VALUE_BYTES_MAX);
    bound(node, "gridiron_command_bytes_max", "Largest command.", COMMAND_BYTES_MAX);
    bound(node, "gridiron_batch_operations_max", "Operations of an atomic batch.", BATCH_OPERATIONS_MAX);
    bound(node, "gridiron_batch_bytes_max", "Keys and values of an atomic batch.", BATCH_BYTES_MAX);
    bound(node, "gridiron_partition_maps_max", "Maps of one partition.", MAPS_PER_PARTITION_MAX);
    retention_bounds(node, SESSIONS_USUAL, IDEMPOTENCY_KEYS_USUAL);
    bound(node, "gridiron_peer_unsent_bytes_max", "Bytes that may wait for one node; past it the link begins anew.", PEER_UNSENT_BYTES_MAX);
}

void bounds_refresh(struct node *node, const struct partition_stats *highest)
{
    char label[32];
    retention_bounds(node, highest->sessions_max, highest->idempotency_keys_max);
    bound(node, "gridiron_partition_maps_highest", "Maps of the partition that has the most.", highest->maps);
    bound(node, "gridiron_partition_sessions_highest", "Sessions of the partition that has the most.", highest->sessions);
    bound(node, "gridiron_partition_idempotency_keys_highest", "Idempotency keys of the partition that has the most.", highest->idempotency_keys);
    bound(node, "gridiron_log_disk_free_bytes", "Free bytes of the disk of the data directory.", node->io->storage->free_bytes(node->io->storage));
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id peer = node->settings->members[i].id;
        if (node_id_equal(peer, node->settings->self))
            continue;
        snprintf(label, sizeof label, "peer=\"%u\"", peer.value);
        metric_gauge_add(node->metrics, "gridiron_peer_connected", "1 while this node has a link to the other one.", label)->value =
            peers_up(node->peers, peer);
        metric_gauge_add(node->metrics, "gridiron_peer_unsent_bytes", "Bytes that wait to be sent to the other node.", label)->value =
            (int64_t)peers_pending(node->peers, peer);
    }
}
