/* The grid's messages as plain structs, and their codec.
 *
 * The schema is proto/grid/v1/grid.proto; the encoding is standard protobuf. The codec here is written by hand so that
 * decoding borrows from the input and neither allocates nor copies per message (arrays come from the caller's arena);
 * a differential test holds it against the generated code. Decoding is strict: unknown fields, wrong wire types, values
 * out of range, invalid UTF-8 in text fields, needlessly long varints, a missing or second body and repeated singular
 * fields are MALFORMED; what ret_* points to is then undefined. Limits (key, value, name sizes)
 * are checked by message_check, not here. All text fields are struct bytes without a closing zero.
 *
 * Threads: none. Time: none. */
#ifndef GRID_WIRE_MESSAGES_MESSAGE_H
#define GRID_WIRE_MESSAGES_MESSAGE_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/base/limits.h"
#include "grid/journal/record.h"
#include "grid/wire/negotiate.h"

/* ---- handshake and table */

/* In both, fields of later versions are skipped. An end from before there were ranges says `protocol` alone. */
struct message_names { struct bytes names[FEATURES_SAID_MAX]; size_t count; };
struct message_hello {
    uint32_t protocol;                                         /* for nodes that know no ranges */
    struct bytes client_name;
    struct version_range protocols;                            /* 0 to 0: not said */
    struct message_names features;
};
struct message_member { struct node_id node; struct bytes client_address, peer_address; };
struct message_table {
    uint64_t version;
    uint32_t partitions;
    const struct message_member *members; size_t members_count;
    const uint32_t *leaders; size_t leaders_count;             /* node id per partition; 0 unknown */
};
struct message_welcome {
    uint32_t protocol;                                         /* in use from here on */
    struct bytes cluster;                                      /* its name */
    struct node_id node;
    struct message_table table;
    struct bytes cluster_uuid;                                 /* 16 bytes, or none: an earlier node */
    struct version_range protocols;
    struct message_names features;
};

/* Of a node to a node. Fields of later versions are skipped. */
struct message_peer_hello {
    struct version_range protocols;
    struct node_id node;
    struct bytes cluster_uuid;                                 /* 16 bytes */
    uint64_t incarnation;                                      /* of the sender's data directory */
    const struct bytes *features; size_t features_count;
    uint32_t partitions;
    struct bytes version;                                      /* of the program, for people */
    struct bytes known;                                        /* what the sender remembers of the logs of all: rows of 28 bytes */
    uint32_t lost;                                             /* state that the sender has lost; see docs/formats/peer.md */
    const uint32_t *members; size_t members_count;             /* node ids, ascending */
    const uint32_t *services; size_t services_count;           /* that its program has; said with the feature `services` */
};

/* ---- commands */

enum command_kind {                    /* field numbers of Command.body */
    COMMAND_OPEN_SESSION = 10,
    COMMAND_CLOSE_SESSION = 11,
    COMMAND_MAP = 12,
    COMMAND_SERVICE = 13,
    COMMAND_BATCH = 14,
    COMMAND_CLEAR = 15,
    COMMAND_CONFIGURE = 16,
    COMMAND_DROP = 17,
    COMMAND_RETAIN = 18,
    COMMAND_RAISE_LEVEL = 20,
    COMMAND_GENESIS = 32,
    COMMAND_DELIVER = 33,
    COMMAND_ACKNOWLEDGE = 34,
    COMMAND_ACTIVITY_RESULT = 35,
    COMMAND_TICK = 36,
    COMMAND_REGISTER = 37,
    COMMAND_RESTORE = 38,
};

enum map_operation {
    MAP_SET = 1,
    MAP_REMOVE = 2,
    MAP_COMPARE_AND_SET = 3,
    MAP_PUT = 4,
    MAP_PUT_IF_ABSENT = 5,
    MAP_REPLACE = 6,
    MAP_REPLACE_IF_SAME = 7,
    MAP_REMOVE_IF_SAME = 8,
    MAP_REMOVE_IF_VERSION = 9,
    MAP_TAKE = 10,
    MAP_SET_TTL = 11,
    MAP_CHECK_VERSION = 12,            /* in batches only */
    MAP_OPERATION_LAST = MAP_CHECK_VERSION,
};

#define MAP_TTL_NONE UINT64_MAX        /* map_command.ttl_ms: does not expire, whatever the map's ttl */

struct map_command {
    enum map_operation operation;
    struct bytes map, key, affinity, value;                    /* affinity empty: equals the key */
    uint64_t expected_version;
    struct bytes expected_value;
    uint64_t ttl_ms;                                           /* 0: the map's */
};

struct map_batch { const struct map_command *operations; size_t operations_count; };

struct journal_settings { bool enabled, old_values; uint64_t entries_max, bytes_max, age_max_ms; };
struct map_settings { uint64_t ttl_ms, entries_max, bytes_max; struct journal_settings journal; };
struct map_configure { struct bytes map; struct map_settings settings; uint64_t expected_version, version; };

/* What a partition keeps for a limited time. Numbers are in the log. */
enum retention_kind {
    RETENTION_COMPLETIONS = 1,         /* records of handled service commands */
    RETENTION_FLOWS = 2,               /* ended aggregates of services (services/service.h: ended), with their events */
    RETENTION_KEYS = 3,                /* idempotency keys, with their answers */
    RETENTION_SESSIONS = 4,
    RETENTION_JOURNALS = 5,            /* journals of maps whose own settings say 0 */
    RETENTION_LAST = RETENTION_JOURNALS,
};

struct retention_limits { uint64_t age_ms, count, bytes; };    /* of one partition, age in log time; 0: no bound */
struct retain_command { enum retention_kind kind; struct retention_limits limits; uint64_t expected_version, version; };
struct retention_status { enum retention_kind kind; struct retention_limits limits; uint64_t version, count, bytes, oldest_ms; };

/* Empty key: none. */
struct idempotency { struct bytes tenant, route, key, request_hash; };

struct trace_context { struct bytes correlation_id, causation_id, flow_id, traceparent; };

struct service_command {
    uint32_t service, type;
    struct bytes key, affinity, body;                          /* affinity empty: equals the key */
    struct trace_context trace;
};

struct reply_to { uint32_t service; struct bytes key, affinity; uint64_t reference; };  /* service 0: nobody waits */

struct link_message {
    uint64_t sequence;
    struct service_command command;
    struct reply_to reply_to;
    bool is_answer;
    uint32_t answer_code;
    uint64_t answer_reference;
    struct bytes principal;                                    /* of the event that caused it */
};

struct deliver_command { uint32_t source, incarnation, destination; const struct link_message *messages; size_t messages_count; };
struct acknowledge_command { uint32_t destination, incarnation; uint64_t sequence; };
struct activity_result_command { uint64_t activity; uint32_t outcome; struct bytes body, note; };   /* enum activity_outcome */
struct genesis_command {
    struct bytes cluster;
    uint32_t partitions;
    const struct message_member *members; size_t members_count;
    uint64_t table_seed;
    uint64_t settings_digest;                                  /* of clusters from before there were UUIDs */
    struct bytes cluster_uuid;                                 /* 16 bytes, or none */
    uint32_t level;                                            /* 0: LEVEL_FIRST (grid/wire/level.h) */
    const uint32_t *services; size_t services_count;           /* numbers; none: 1 to SERVICES_IMPLIED (grid/wire/level.h) */
};


enum restore_step { RESTORE_BEGIN = 1, RESTORE_PART = 2, RESTORE_END = 3, RESTORE_OPEN = 4, RESTORE_CANCEL = 5, RESTORE_CHECK = 6 };
/* How far a partition is, in the answers. On the wire and in snapshots; never renumbered. */
enum restore_phase { RESTORE_NONE = 0, RESTORE_LOADING = 1, RESTORE_LOADED = 2, RESTORE_OPENED = 3 };
struct restore_command { enum restore_step step; uint64_t backup, offset; struct bytes piece; uint32_t epoch; };

struct command {
    uint64_t session, sequence, acknowledged_below;
    struct idempotency idempotency;
    struct bytes act_as;                                       /* empty until there are identities */
    enum command_kind kind;
    union {
        struct { uint64_t idle_ms; } open_session;
        struct map_command map;
        struct map_batch batch;
        struct { struct bytes map; } clear, drop;
        struct map_configure configure;
        struct { uint32_t level; } raise_level;
        struct retain_command retain;
        struct service_command service;
        struct genesis_command genesis;
        struct { const uint32_t *services; size_t count; } registers;  /* numbers of services */
        struct deliver_command deliver;
        struct acknowledge_command acknowledge;
        struct activity_result_command activity_result;
        struct restore_command restore;
    };
};

/* ---- stored records of services */

struct event_record {
    struct bytes event_id;
    uint32_t service, type, version;
    struct bytes event_type, aggregate_type, key;
    uint64_t sequence, log_time_ms, wall_time_ms;
    struct trace_context trace;
    struct bytes flow_type;
    uint32_t flow_step;
    bool is_compensating;
    struct bytes body, principal;                              /* principal: on whose behalf; empty: nobody's */
};

struct completion_record {
    struct bytes event_id;
    uint32_t status, refusal_code;
    struct bytes refusal_reason;
    uint64_t log_time_ms, sequence;
};

/* ---- reads and answers */

enum query_kind {
    QUERY_GET = 1,
    QUERY_SIZE = 2,
    QUERY_SCAN = 3,
    QUERY_CONTAINS = 4,
    QUERY_DESCRIBE = 5,
    QUERY_JOURNAL = 6,
    QUERY_MAPS = 7,                    /* names no map, like those that follow */
    QUERY_BACKUP = 8,
    QUERY_RESTORE = 9,
    QUERY_RETENTION = 10,
};

enum journal_from { JOURNAL_OLDEST = 1, JOURNAL_NEWEST = 2, JOURNAL_SEQUENCE = 3, JOURNAL_TIME = 4 };

enum backup_step { BACKUP_RESERVE = 1, BACKUP_HOLD = 2, BACKUP_FREEZE = 3, BACKUP_RELEASE = 4, BACKUP_READ = 5, BACKUP_END = 6 };
struct backup_query { enum backup_step step; uint64_t backup, offset; };

struct query {
    enum query_kind kind;
    struct bytes map, key, affinity;                           /* get, contains */
    uint64_t cursor_hash; struct bytes cursor_key;             /* scan */
    uint32_t limit;                                            /* scan, journal */
    struct bytes key_prefix; bool with_ttl;
    enum journal_from from; uint64_t position, wait_ms;        /* journal */
    struct backup_query backup;
    struct restore_command restore;
};

struct operation_result { bool found; uint64_t version; };

struct journal_page {
    const struct journal_record *records; size_t records_count;
    uint64_t next_sequence, dropped_from, dropped_to, oldest_sequence;
};

struct map_info {
    bool exists;
    struct map_settings settings;
    uint64_t settings_version, entries, bytes, expiring, sets, removes, expirations;
    uint64_t journal_oldest, journal_next, journal_bytes;      /* oldest 0: off */
};

struct map_summary { struct bytes name; uint64_t entries, bytes, settings_version; bool journal; };

struct map_entry { struct bytes key, affinity, value; uint64_t version, ttl_ms; };  /* ttl_ms: what is left; 0: none, or not asked for */

struct response {
    enum grid_err err;
    struct bytes note;
    bool found;
    struct bytes value;
    uint64_t version, count;
    const struct map_entry *entries; size_t entries_count;
    bool more;
    uint64_t cursor_hash; struct bytes cursor_key;
    uint64_t session, index;
    uint32_t leader, refusal_code;
    struct bytes refusal, event_id;
    uint64_t sequence;
    const struct operation_result *results; size_t results_count;
    const struct journal_page *journal;                        /* NULL: none */
    const struct map_info *info;                               /* NULL: none */
    uint64_t ttl_ms;
    uint64_t retry_after_ms;                                   /* with BUSY: no sooner than this; 0: as usual */
    const struct map_summary *maps; size_t maps_count;         /* list of maps, by name */
    uint64_t no_leader_ms;                                     /* for how long the node has known no leader; 0: it knows one */
    const struct retention_status *retention; size_t retention_count;  /* by kind; at most RETENTION_LAST */
};

/* ---- administration */

/* SNAPSHOT: of the partition in the frame, or of all; answered at once like PARTITIONS. Only to nodes with FEATURE_UPKEEP. */
enum admin_kind { ADMIN_STATUS = 1, ADMIN_PARTITIONS = 2, ADMIN_SNAPSHOT = 3 };

/* Of a service of the node's program. */
struct service_status {
    uint32_t number;
    struct bytes name;
    uint32_t partitions;                   /* replicas here that have it registered */
    struct bytes waits;                    /* why a partition that this node leads does not have it; empty: it has, or leads none */
};
struct node_status {
    struct node_id node;
    struct bytes client_address, state, version;
    uint32_t leaders, replicas;
    uint64_t uptime_ms, log_disk_bytes, log_memory_bytes;
    uint64_t reads;                        /* received since its start */
    uint32_t level, level_max;             /* lowest feature level of its replicas; highest that it supports */
    const struct service_status *services; size_t services_count;  /* to clients with FEATURE_SERVICES */
    uint64_t memory_bytes, memory_max_bytes, memory_used_bytes, data_bytes, disk_bytes;   /* to clients with FEATURE_MEMORY */
    uint32_t catching_up;                  /* replicas that are behind their leaders; to clients with FEATURE_UPKEEP */
};
/* A member that is behind its leader (raft/group.h). */
struct member_lag {
    struct node_id node;
    uint64_t entries;
    bool lacks, sending;                   /* the snapshot; it is on its way */
    uint64_t sent_bytes, transfer_bytes;
};
struct partition_status {
    uint32_t partition;
    struct bytes role;
    uint64_t term, commit_index, applied_index, last_index;
    uint32_t leader;
    uint64_t entries, sessions, outbox_pending, log_time_ms, digest, timers, activities;
    uint64_t commands, flows_started, flows_ended;     /* applied here since this replica was opened */
    uint32_t level;                                    /* feature level */
    /* To clients with FEATURE_UPKEEP: */
    uint64_t snapshot_index, snapshot_bytes, snapshot_age_ms, log_bytes;
    const struct member_lag *lagging; size_t lagging_count;    /* from the leader; at most REPLICAS_MAX */
};
struct admin_response {
    enum grid_err err;
    struct bytes note;
    bool has_status;
    struct node_status status;
    const struct partition_status *partitions; size_t partitions_count;
    const struct message_member *members; size_t members_count;
};

/* Bounds of arrays, past which a decoder answers MALFORMED so that few bytes never claim much memory: members
 * NODES_MAX, leaders and partitions PARTITIONS_MAX, entries and records of a page SCAN_PAGE_MAX, operations of a batch
 * BATCH_OPERATIONS_MAX, messages of one Deliver: */
enum { DELIVER_MESSAGES_MAX = 16384 };

/* ---- codec: encoders append to `out`; decoders borrow from `in`, take arrays from `arena`, return OK or MALFORMED */

void hello_encode(const struct message_hello *hello, struct buffer *out);
enum grid_err hello_decode(struct bytes in, struct message_hello *ret_hello);
void welcome_encode(const struct message_welcome *welcome, struct buffer *out);
enum grid_err welcome_decode(struct bytes in, struct arena *arena, struct message_welcome *ret_welcome);
void peer_hello_encode(const struct message_peer_hello *hello, struct buffer *out);
enum grid_err peer_hello_decode(struct bytes in, struct arena *arena, struct message_peer_hello *ret_hello);  /* skips unknown fields */
void table_encode(const struct message_table *table, struct buffer *out);
enum grid_err table_decode(struct bytes in, struct arena *arena, struct message_table *ret_table);
void command_encode(const struct command *command, struct buffer *out);
enum grid_err command_decode(struct bytes in, struct arena *arena, struct command *ret_command);
/* A whole Command that delivers messages which are encoded already. */
void command_encode_deliver(uint32_t source, uint32_t incarnation, uint32_t destination, const struct bytes *messages,
                            size_t count, struct buffer *out);
void link_message_encode(const struct link_message *message, struct buffer *out);
enum grid_err link_message_decode(struct bytes in, struct link_message *ret_message);
void event_record_encode(const struct event_record *event, struct buffer *out);
enum grid_err event_record_decode(struct bytes in, struct event_record *ret_event);
void completion_record_encode(const struct completion_record *completion, struct buffer *out);
enum grid_err completion_record_decode(struct bytes in, struct completion_record *ret_completion);
void query_encode(const struct query *query, struct buffer *out);
enum grid_err query_decode(struct bytes in, struct query *ret_query);
void response_encode(const struct response *response, struct buffer *out);
enum grid_err response_decode(struct bytes in, struct arena *arena, struct response *ret_response);
void admin_request_encode(enum admin_kind kind, struct buffer *out);
enum grid_err admin_request_decode(struct bytes in, enum admin_kind *ret_kind);
void admin_response_encode(const struct admin_response *response, struct buffer *out);
enum grid_err admin_response_decode(struct bytes in, struct arena *arena, struct admin_response *ret_response);

#endif
