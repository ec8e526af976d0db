/* Everything that configures a node. Filled in by config.c from file, environment and flags; by the simulator directly.
 * Plain data, copied by node_open; text is borrowed until node_close. */
#ifndef GRID_NODE_PROCESS_SETTINGS_H
#define GRID_NODE_PROCESS_SETTINGS_H

#include "grid/base/bytes.h"
#include "grid/base/ids.h"
#include "grid/base/limits.h"
#include "grid/base/uuid.h"

struct node_member {
    struct node_id id;
    char client_address[128];          /* "host:port" that clients connect to; nodes send it to clients */
    char peer_address[128];            /* "host:port" that the other nodes connect to */
};

struct node_settings {
    char cluster[64];                  /* name of the cluster, for people */
    char cluster_uuid[UUID_TEXT_BYTES + 1];    /* empty: follows from the name */
    struct node_id self;
    struct node_member members[NODES_MAX];
    size_t members_count;
    char client_listen[128], peer_listen[128];  /* "host:port" where this node listens; empty: at its member's addresses */
    uint32_t partitions;               /* default 128 */
    bool sync;                         /* durability fsync (true) or os */
    char compression[8];               /* of sent frames: "off", "on"; otherwise, as "auto", only to other machines */
    uint32_t election_timeout_ms, heartbeat_ms;             /* 0: defaults */
    uint64_t log_disk_bytes_max, log_memory_bytes_max;      /* 0: defaults */
    uint64_t snapshot_bytes, snapshot_entries;              /* of a partition's log since its last snapshot; bytes 0: none are taken; entries 0: default */
    uint32_t snapshot_slice_bytes, snapshot_rest_us;        /* of a snapshot in one go, and the time between two; 0: defaults. For tests */
    uint32_t append_entries_max;                            /* in one message of replication; 0: the usual bound. For tests */
    uint64_t snapshot_transfer_rate;                        /* bytes a second of snapshots to one member; 0: no bound */
    uint64_t snapshot_trailing_bytes;                       /* of entries that a partition keeps in memory behind it; 0: default */
    uint64_t memory_max;                                    /* bytes; 0: no bound. The program puts its default here */
    uint64_t admission_load_max;                            /* of one partition; 0: default */
    uint64_t segment_bytes;                                 /* 0: default */
    uint32_t client_connections_max, client_patience_ms;    /* 0: defaults */
    uint32_t client_per_address_max;   /* 0: half of client_connections_max, and none for this machine's own addresses */
    uint32_t packed_bytes_min;                              /* simulator only; 0: the usual bound */
    uint64_t shims_disabled;                                /* simulator only */
    uint32_t level_max;                                     /* tests only: as an older version would; 0: LEVEL_LAST */
};

/* The UUID of the cluster: from its setting, otherwise computed from the name. */
struct uuid node_settings_cluster_uuid(const struct node_settings *settings);
/* Where this node, a member, listens. */
const char *node_settings_client_listen(const struct node_settings *settings);
const char *node_settings_peer_listen(const struct node_settings *settings);
const struct node_member *node_settings_member(const struct node_settings *settings, struct node_id id); /* NULL: unknown */

#endif
