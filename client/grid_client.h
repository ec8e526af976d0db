/* Gridiron's client library: the only header that an application includes.
 *
 * There are two interfaces. The asynchronous one runs on the caller's libuv loop; every call takes a callback. The
 * blocking one has its own loop, which runs inside each call. Both send each request to the leader of its partition,
 * pipeline requests, and repeat failed ones until they are answered or their deadline passes.
 *
 * Outcomes. GRID_OUTCOME_UNKNOWN is the third outcome of a write besides done and failed: it may or may not have been
 * applied; the client could not find out before its deadline. Every other failure means that the write was not applied
 * (except RESULT_NOT_KEPT: applied, but its answer was lost). A write is never applied twice, even if the client repeated
 * it. Reads are linearizable.
 *
 * Ownership: calls copy their arguments; the content of a reply is borrowed for the callback (asynchronous) or until
 * the result is closed (blocking). Callbacks run from the loop, exactly once, never inside the call.
 * Threads: a client belongs to one thread. No call raises SIGPIPE.
 * Forks: a client belongs to the process that opened it. In a child its calls end as FORKED; the child opens its own
 * client, and may close the parent's. With the asynchronous interface the child calls uv_loop_fork first, as libuv requires.
 * Limits: keys 4 KiB, values 1 MiB, names of maps 128 bytes of A-Za-z0-9._-
 *
 * Examples: client/examples/. */
#ifndef CLIENT_GRID_CLIENT_H
#define CLIENT_GRID_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header. A program that was compiled with an older 0.x header needs the library of that minor version. */
#define GRID_VERSION_MAJOR 0
#define GRID_VERSION_MINOR 1
#define GRID_VERSION_PATCH 0
#define GRID_VERSION_NUMBER (GRID_VERSION_MAJOR * 10000 + GRID_VERSION_MINOR * 100 + GRID_VERSION_PATCH)
const char *grid_version(void);                            /* of the library: "0.1.0" */

struct uv_loop_s;

/* ---- common to both interfaces */

enum grid_outcome {
    GRID_OUTCOME_OK = 0,
    GRID_OUTCOME_INVALID = 1,
    GRID_OUTCOME_NOT_FOUND = 2,            /* a condition: the entry does not exist */
    GRID_OUTCOME_ALREADY_EXISTS = 3,       /* a condition: the entry exists; the reply has its value */
    GRID_OUTCOME_VERSION_CONFLICT = 4,     /* a condition on version or value; the reply has the present version */
    GRID_OUTCOME_UNAVAILABLE = 6,          /* no node or no quorum; a write was not applied */
    GRID_OUTCOME_UNKNOWN = 7,
    GRID_OUTCOME_LOG_FULL = 8,
    GRID_OUTCOME_TOO_LARGE = 9,
    GRID_OUTCOME_RESULT_NOT_KEPT = 11,     /* applied; only the answer is lost */
    GRID_OUTCOME_NOT_SUPPORTED = 12,
    /* Too many requests in flight in this client, or no room for a new flow in the partition until the deadline: the client repeats
     * such a write after the time that the node names. Meanwhile later writes may overtake it. */
    GRID_OUTCOME_BUSY = 13,
    GRID_OUTCOME_MALFORMED = 17,
    GRID_OUTCOME_CLOSED = 18,              /* the client was closed first; a write was not sent */
    GRID_OUTCOME_REFUSED = 20,             /* a service's "no": refusal and refusal_code say which */
    GRID_OUTCOME_DENIED = 21,              /* only the pipeline writes maps of events, views and completions */
    GRID_OUTCOME_IDEMPOTENCY_MISMATCH = 24, /* the idempotency key belongs to another request; nothing was written */
    GRID_OUTCOME_FORKED = 26,              /* this process is a child of the one that opened the client; nothing was sent */
    GRID_OUTCOME_MAP_FULL = 25,            /* the map's limit in this partition; nothing was written */
    GRID_OUTCOME_MEMORY_FULL = 27,         /* a node has no memory for more data; nothing was written; removes are still taken */
};
const char *grid_outcome_name(enum grid_outcome outcome);  /* "VERSION_CONFLICT" */
const char *grid_outcome_text(enum grid_outcome outcome);  /* for people */

struct grid_bytes { const void *data; size_t size; };
struct grid_bytes grid_text(const char *text);             /* borrows, without the closing zero */

/* An entry's identity. An empty affinity equals the key; keys that must change together share one. */
struct grid_key { struct grid_bytes key, affinity; };
struct grid_key grid_key_text(const char *key);

/* ttl_ms: what is left of it, from a scan that asked; 0: none. */
struct grid_entry { struct grid_bytes key, affinity, value; uint64_t version, ttl_ms; };

/* One operation on one entry. Each either does what it says (OK) or names the condition that failed and writes nothing. */
enum grid_operation_kind {
    GRID_SET = 1,                          /* write; cheaper than put: does not answer the old value */
    GRID_REMOVE = 2,
    GRID_COMPARE_AND_SET = 3,              /* if it has expected_version (0: is absent), else VERSION_CONFLICT */
    GRID_PUT = 4,                          /* write; the reply has the old value */
    GRID_PUT_IF_ABSENT = 5,                /* else ALREADY_EXISTS, with the present value */
    GRID_REPLACE = 6,                      /* write if present, else NOT_FOUND; the reply has the old value */
    GRID_REPLACE_IF_SAME = 7,              /* if it has expected_value, else NOT_FOUND or VERSION_CONFLICT */
    GRID_REMOVE_IF_SAME = 8,               /* likewise */
    GRID_REMOVE_IF_VERSION = 9,            /* if it has expected_version, likewise */
    GRID_TAKE = 10,                        /* remove; the reply has the old value */
    GRID_SET_TTL = 11,                     /* same value, other ttl_ms; NOT_FOUND */
    GRID_CHECK_VERSION = 12,               /* in batches only: a condition, writes nothing */
};
#define GRID_TTL_NONE UINT64_MAX

struct grid_operation {
    enum grid_operation_kind kind;
    struct grid_key key;
    struct grid_bytes value, expected_value;
    uint64_t expected_version;
    uint64_t ttl_ms;                       /* counted from this write; 0: the map's default; GRID_TTL_NONE: none */
    const char *map;                       /* in batches: NULL: the batch's */
};

/* Makes a write that any process may repeat, with any client: the first is executed, the others get its answer.
 * Kept for a day, bounded by count and bytes; scoped to the partition of the entry's affinity. */
struct grid_idempotency {
    const char *tenant, *route, *key;      /* tenant and route may be NULL; at most 256 bytes each */
    struct grid_bytes request_hash;        /* at most 32 bytes; empty: of the operation as it stands */
};
/* An id that follows from the key, for requests that bring none: 32 characters and a zero. */
void grid_derived_id(const struct grid_idempotency *idempotency, char ret_id[33]);

struct grid_map_settings {
    uint64_t ttl_ms;                       /* default for writes without ttl_ms; 0: none */
    uint64_t entries_max, bytes_max;       /* per partition; 0: no bound. Past it MAP_FULL */
    bool journal, journal_old_values;
    uint64_t journal_entries_max, journal_bytes_max;   /* per partition; 0: those of retention, 10,000 and 8 MiB by default */
    uint64_t journal_age_max_ms;           /* 0: no bound */
};

/* Over all partitions. */
struct grid_map_info {
    bool exists;
    struct grid_map_settings settings;
    uint64_t settings_version;             /* 0: never configured */
    uint32_t partitions_configured;        /* that have these settings; fewer than all: configure again */
    uint64_t entries, bytes, expiring, sets, removes, expirations, journal_records, journal_bytes;
};

/* Over all partitions. */
struct grid_map_summary {
    const char *name;
    uint64_t entries, bytes;
    uint64_t settings_version;             /* 0: never configured */
    bool journal;                          /* it is on */
};

/* What partitions keep for a limited time (docs/guides/retention.md), over all of them. */
enum grid_retention_kind {
    GRID_RETENTION_COMPLETIONS = 1,        /* records of handled service commands */
    GRID_RETENTION_FLOWS = 2,              /* ended aggregates of services, with their events */
    GRID_RETENTION_KEYS = 3,               /* idempotency keys */
    GRID_RETENTION_SESSIONS = 4,
    GRID_RETENTION_JOURNALS = 5,           /* of maps whose own settings say 0 */
};
struct grid_retention_limits { uint64_t age_ms, count, bytes; };       /* log time; count and bytes of one partition; 0: no bound */
struct grid_retention {
    enum grid_retention_kind kind;
    struct grid_retention_limits limits;
    uint64_t version;                      /* of the limits; 0: the defaults */
    uint32_t partitions_set;               /* that have these limits; fewer than all: set them again */
    uint64_t count, bytes;                 /* kept now, in all partitions */
    uint64_t count_highest, bytes_highest; /* of the partition that has the most */
    uint64_t oldest_ms;                    /* age of the oldest in log time; of sessions: how long the longest unused one is unused */
};

enum grid_journal_kind { GRID_ADDED = 1, GRID_UPDATED = 2, GRID_REMOVED = 3, GRID_EXPIRED = 4, GRID_CLEARED = 5 };
struct grid_journal_record {
    uint64_t sequence;                     /* dense from 1 per map and partition */
    enum grid_journal_kind kind;           /* CLEARED: every entry of the partition; no key */
    struct grid_bytes key, affinity, value, old_value;
    bool has_old_value;
    uint64_t version, log_time_ms, ttl_ms;
};

struct grid_result_of_one { bool found; uint64_t version; };

struct grid_member { uint32_t node; const char *address; };

/* A service of a node's program. */
struct grid_service_status {
    uint32_t number;
    const char *name;
    uint32_t partitions;                                   /* replicas of the node that have it registered */
    const char *waits;                                     /* why a partition that the node leads does not have it yet; "": it has */
};

struct grid_node_status {
    uint32_t node;
    const char *address, *state, *version;                 /* state: starting, ready, stopping */
    uint32_t leaders, replicas;
    uint64_t uptime_ms, log_disk_bytes, log_memory_bytes;
    uint64_t reads;                                        /* received since its start */
    uint32_t level, level_max;                             /* feature level of its replicas, the lowest; the highest that it supports */
    const struct grid_service_status *services; size_t services_count;     /* none: the node is of an older version */
    uint64_t memory_bytes, memory_max_bytes;               /* resident memory; its bound, 0: none. 0: the node is of an older version */
    uint64_t memory_used_bytes;                            /* without what the heap keeps for the next data: what the bound is for */
    uint64_t data_bytes, disk_bytes;                       /* of maps, in memory; of the files of log and snapshots */
    uint32_t catching_up;                                  /* replicas that are behind their leaders */
};

/* A member that is behind the leader of a partition. */
struct grid_member_lag {
    uint32_t node;
    uint64_t entries;                                      /* that it has not acknowledged */
    bool lacks, sending;                                   /* it needs a snapshot; that is on its way: */
    uint64_t sent_bytes, transfer_bytes;                   /* written by it, of so many; 0 of 0: only offered yet */
};

struct grid_partition_status {
    uint32_t partition;
    const char *role;
    uint32_t leader;                                       /* 0: this replica knows none */
    uint64_t term, commit_index, applied_index, last_index, entries, sessions, outbox_pending, log_time_ms, digest,
        timers, activities;
    uint64_t commands, flows_started, flows_ended;         /* applied since the replica was opened */
    uint32_t level;                                        /* feature level */
    uint64_t snapshot_index, snapshot_bytes, snapshot_age_ms; /* newest snapshot; 0: none, or the node is of an older version */
    uint64_t log_bytes;                                    /* of entries behind it, which a start reads */
    const struct grid_member_lag *lagging; size_t lagging_count; /* from the leader */
};

/* What came of a call. Fields that a kind of call does not mention are zero. */
struct grid_reply {
    enum grid_outcome outcome;
    const char *note;                                      /* for people; never NULL */
    bool found;                                            /* get; writes: there was an entry before; drop: the map; command: done before */
    struct grid_bytes value;                               /* get; the old value of put, replace and take */
    uint64_t version;                                      /* of the entry, after the call: set, get, compare-and-set */
    uint64_t ttl_ms;                                       /* get: what is left of it; 0: it does not end */
    uint64_t count;                                        /* size, clear, drop; calls on many: done, or found */
    const struct grid_entry *entries; size_t entries_count; /* scan, get_all */
    const enum grid_outcome *outcomes; size_t outcomes_count; /* calls on many: of each, in their order */
    const struct grid_result_of_one *results; size_t results_count; /* batch: of each, in their order */
    size_t failed;                                         /* batch that failed a condition: which operation, from 0 */
    const struct grid_map_info *info;                      /* map info */
    const struct grid_map_summary *maps; size_t maps_count; /* list of maps, by name */
    const struct grid_journal_record *records; size_t records_count; /* journal */
    const struct grid_retention *retention; size_t retention_count; /* retention, by kind */
    uint32_t partition;                                    /* journal: of which the records are */
    uint64_t dropped_from, dropped_to;                     /* journal: lost before they could be read; 0: nothing */
    bool more;                                             /* scan: ask for another page */
    uint32_t refusal_code; const char *refusal;            /* REFUSED */
    const char *event_id; uint64_t sequence;               /* service command */
    const struct grid_node_status *status;                 /* node status */
    const struct grid_partition_status *partitions; size_t partitions_count; /* partitions of a node */
};

struct grid_options {
    const char *const *endpoints; size_t endpoints_count;  /* "host:port" of some nodes; the others are learned */
    const char *name;                                      /* shown in the nodes' logs; NULL: "client" */
    uint64_t timeout_ms;                                   /* deadline of calls that give none; 0: 10 s */
    uint64_t attempt_ms;                                   /* unanswered for so long: repeated, with twice the time; 0: 2 s */
    size_t pending_max;                                    /* calls past it are BUSY; 0: 65536 */
    const char *cluster_uuid;                              /* nodes of other clusters will not do; NULL: the first node's cluster */
    bool wait;                                             /* blocking: opening waits to the deadline for nodes that are not there yet */
    char *note; size_t note_bytes;                         /* blocking: gets a text for people when opening fails; NULL: none */
};

/* A command to a service: numbers and message of its schema (proto/service/). */
struct grid_command {
    uint32_t service, type;
    const char *key, *affinity;                            /* affinity NULL: equals the key */
    struct grid_bytes body;
    const char *correlation_id, *traceparent;              /* NULL: none */
};

/* Which entries a scan shows. Every entry that is there from its beginning to its end is shown exactly once. */
struct grid_scan_options {
    const char *map;
    struct grid_bytes affinity;                            /* not empty: only entries of this affinity */
    struct grid_bytes key_prefix;                          /* not empty: only keys that begin so */
    uint32_t page;                                         /* entries a page; 0: 1000, at most 1000 */
    bool ttl;                                              /* entries say how long they last; nodes before 0.1.0 cannot */
    struct grid_bytes cursor;                              /* not empty: go on where grid_scan_cursor said */
};

/* ---- asynchronous: on the caller's loop */

struct grid_client;
struct grid_scan;
typedef void (*grid_reply_fn)(void *context, const struct grid_reply *reply);
struct grid_call {
    grid_reply_fn done;
    void *context;
    uint64_t timeout_ms;                                   /* 0: the client's */
    const struct grid_idempotency *idempotency;            /* writes of one entry, batches, commands; NULL: none; copied */
};

/* Connects in the background; calls may be made at once. The loop must outlive the client. */
struct grid_client *grid_client_open(struct uv_loop_s *loop, const struct grid_options *options);
/* Ends what is outstanding (CLOSED; UNKNOWN for writes that were sent) inside this call, or in the loop's next turn when
 * it is made from inside a callback; nobody may make calls from then on, callbacks included. Handles are closed by the
 * loop: run it on, until `closed` is called; then the client is gone. */
void grid_client_close(struct grid_client *client, void (*closed)(void *context), void *context);

void grid_client_ready(struct grid_client *client, const struct grid_call *call);      /* OK once a node has answered */
void grid_client_set(struct grid_client *client, const char *map, const struct grid_key *key, struct grid_bytes value,
                     const struct grid_call *call);
void grid_client_get(struct grid_client *client, const char *map, const struct grid_key *key,
                     const struct grid_call *call);
void grid_client_remove(struct grid_client *client, const char *map, const struct grid_key *key,
                        const struct grid_call *call);
/* Writes only if the entry's version is entry->version (0: only if it does not exist). */
void grid_client_compare_and_set(struct grid_client *client, const char *map, const struct grid_entry *entry,
                                 const struct grid_call *call);
/* Any operation; the calls above are some of them. */
void grid_client_operate(struct grid_client *client, const char *map, const struct grid_operation *operation,
                         const struct grid_call *call);
/* All or nothing: on different entries of one affinity, of one map or several. Conditions are judged on the state before
 * the batch; if one fails nothing is written, the outcome is its and `failed` says which. At most 128, and 2 MiB. */
void grid_client_batch(struct grid_client *client, const char *map, const struct grid_operation *operations, size_t count,
                       const struct grid_call *call);
void grid_client_contains(struct grid_client *client, const char *map, const struct grid_key *key,
                          const struct grid_call *call);   /* found, version */
/* Many entries, one call each under the hood: not atomic together. The outcome is of the first that failed. */
void grid_client_put_all(struct grid_client *client, const char *map, const struct grid_entry *entries, size_t count,
                         const struct grid_call *call);
void grid_client_get_all(struct grid_client *client, const char *map, const struct grid_key *keys, size_t count,
                         const struct grid_call *call);
void grid_client_remove_all(struct grid_client *client, const char *map, const struct grid_key *keys, size_t count,
                            const struct grid_call *call);
/* Partition by partition; each partition's entries go at once. */
void grid_client_clear(struct grid_client *client, const char *map, const struct grid_call *call);
/* Removes a map with its entries, settings and journal, partition by partition; a write after that makes it anew, without
 * settings. Not at the same time as other writes to it: a partition may then keep what came after its part. */
void grid_client_drop(struct grid_client *client, const char *map, const struct grid_call *call);
void grid_client_map_list(struct grid_client *client, const struct grid_call *call);
void grid_client_map_info(struct grid_client *client, const char *map, const struct grid_call *call);
/* Changes a map's settings everywhere, if they have expected_version (0: never configured), else VERSION_CONFLICT. Same
 * settings again: OK, and whatever partition missed them gets them. What is there keeps the ttl it has. */
void grid_client_configure(struct grid_client *client, const char *map, const struct grid_map_settings *settings,
                           uint64_t expected_version, const struct grid_call *call);
void grid_client_size(struct grid_client *client, const char *map, const struct grid_call *call);
void grid_client_command(struct grid_client *client, const struct grid_command *command, const struct grid_call *call);
/* What is kept for a limited time, and its limits. */
void grid_client_retention(struct grid_client *client, const struct grid_call *call);
/* Changes the limits of one kind everywhere, if they have expected_version (0: the defaults), else VERSION_CONFLICT. Same limits again: OK, and
 * whatever partition missed them gets them. INVALID: less than a lower bound, which the note names. */
void grid_client_retain(struct grid_client *client, enum grid_retention_kind kind, const struct grid_retention_limits *limits,
                        uint64_t expected_version, const struct grid_call *call);
/* Raises the feature level of every partition; there is no way back. reply: version, the lowest level of all partitions.
 * NOT_SUPPORTED: a node is too old or not linked (the note names it); asking again goes on where this ended. */
void grid_client_raise_level(struct grid_client *client, uint32_t level, const struct grid_call *call);
/* Steps of a backup and of a restore of one partition, as gridctl makes them (docs/adr/0026); the numbers are those of the schema. Backup: `backup` is chosen
 * by the caller; NOT_FOUND: the partition's leader has changed, begin again. reply: count, version, sequence (FREEZE); value, more (READ). */
enum grid_backup_step { GRID_BACKUP_RESERVE = 1, GRID_BACKUP_HOLD = 2, GRID_BACKUP_FREEZE = 3, GRID_BACKUP_RELEASE = 4, GRID_BACKUP_READ = 5, GRID_BACKUP_END = 6 };
struct grid_backup { enum grid_backup_step step; uint64_t backup, offset; };
void grid_client_backup(struct grid_client *client, uint32_t partition, const struct grid_backup *step, const struct grid_call *call);
/* A step may be repeated. reply: count (how far the partition is), sequence (bytes that it has), version (its feature level). */
enum grid_restore_step { GRID_RESTORE_BEGIN = 1, GRID_RESTORE_PART = 2, GRID_RESTORE_END = 3, GRID_RESTORE_OPEN = 4, GRID_RESTORE_CANCEL = 5, GRID_RESTORE_CHECK = 6 };
enum grid_restore_phase { GRID_RESTORE_NONE = 0, GRID_RESTORE_LOADING = 1, GRID_RESTORE_LOADED = 2, GRID_RESTORE_OPENED = 3 };
struct grid_restore { enum grid_restore_step step; uint64_t backup, offset; struct grid_bytes piece; uint32_t epoch; };
void grid_client_restore(struct grid_client *client, uint32_t partition, const struct grid_restore *step, const struct grid_call *call);
void grid_client_node_status(struct grid_client *client, uint32_t node, const struct grid_call *call);
void grid_client_partitions(struct grid_client *client, uint32_t node, const struct grid_call *call);
/* The node takes a snapshot of its replica of the partition, or of all (GRID_PARTITION_ALL). The reply comes at once and is that of grid_client_partitions:
 * a snapshot is there once snapshot_index has reached the applied_index in it. NOT_SUPPORTED: its version, or the cluster's level, has none. */
void grid_client_take_snapshot(struct grid_client *client, uint32_t node, uint32_t partition, const struct grid_call *call);
size_t grid_client_pending(const struct grid_client *client);                          /* calls without a reply */
/* Like ready, for a program that serves a person: while no node has ever answered, UNAVAILABLE as soon as waiting does not help;
 * the note says why of each endpoint. Refused connections count after a second, in which a node may start. INVALID when an
 * endpoint belongs to another cluster than the first, or than cluster_uuid. */
void grid_client_reach(struct grid_client *client, const struct grid_call *call);
/* Members as last told by a node; borrowed until the loop runs on. */
size_t grid_client_members(struct grid_client *client, const struct grid_member **ret_members);
uint32_t grid_client_partition_count(const struct grid_client *client);                /* 0 before a node has answered */
const char *grid_client_cluster(const struct grid_client *client);
const char *grid_client_cluster_uuid(struct grid_client *client);                      /* "" before a node has said it; borrowed */

/* Page after page; one call at a time. The client must stay open as long as the scan. */
struct grid_scan *grid_scan_open(struct grid_client *client, const struct grid_scan_options *options);
void grid_scan_next(struct grid_scan *scan, const struct grid_call *call);
/* Where the next page begins, for a later scan of the same map, affinity and prefix; the scan of a cursor of other ones is
 * INVALID. Opaque bytes, borrowed until the next call on the scan; empty after the last page. */
struct grid_bytes grid_scan_cursor(struct grid_scan *scan);
void grid_scan_close(struct grid_scan *scan);                                          /* not while a call is out */

/* Changes of a map, in order per partition, each once; see grid_map_settings.journal. What was dropped before it could be
 * read is told as (dropped_from, dropped_to). A reader goes on through changes of leader. */
enum grid_journal_from { GRID_FROM_OLDEST = 1, GRID_FROM_NEWEST = 2, GRID_FROM_SEQUENCE = 3, GRID_FROM_TIME = 4 };
#define GRID_PARTITION_ALL UINT32_MAX
struct grid_journal;
struct grid_journal_options {
    const char *map;
    enum grid_journal_from from;
    uint64_t position;                                     /* SEQUENCE: first wanted; TIME: log time, ms */
    uint32_t partition;                                    /* or GRID_PARTITION_ALL */
    uint32_t page;                                         /* records a page; 0: 1000, at most 1000 */
};
struct grid_journal *grid_journal_open(struct grid_client *client, const struct grid_journal_options *options);
/* Lets one partition go on at a sequence, before the first grid_journal_next. */
void grid_journal_seek(struct grid_journal *journal, uint32_t partition, uint64_t sequence);
/* The next page of any partition; empty when nothing came within wait_ms. One call at a time. */
void grid_journal_next(struct grid_journal *journal, uint64_t wait_ms, const struct grid_call *call);
/* The first sequence of a partition that was not given yet, to seek to later; 0: not known yet. */
uint64_t grid_journal_position(const struct grid_journal *journal, uint32_t partition);
void grid_journal_close(struct grid_journal *journal);     /* a call that is out ends as CLOSED, now; before the client */

/* ---- blocking: each call returns when its outcome is there */

struct grid_blocking;
struct grid_result;

/* Waits until a node has answered. *ret is set on OK only; otherwise options->note, if given, says why of each endpoint, cut when it
 * is longer.
 * Fails as soon as waiting does not help (see grid_client_reach), within 2 s where the cause is known: connection refused, no such
 * name, the wrong port, another program, another cluster (INVALID), or a server that accepts and says nothing. A healthy node greets
 * within a round trip: it needs neither disk nor other nodes for it, and one that cannot do so within a second has missed an election
 * timeout and leads nothing. It may still be slow for up to 1.3 s; then it is greeted again.
 * With options->wait, for programs that are started together with their cluster: only the deadline ends the waiting, and the note
 * says why it passed. */
enum grid_outcome grid_blocking_open(const struct grid_options *options, struct grid_blocking **ret);
/* The same with a place for the text, whatever the options say about note and waiting. */
enum grid_outcome grid_blocking_reach(const struct grid_options *options, struct grid_blocking **ret, char *note, size_t note_bytes);
void grid_blocking_close(struct grid_blocking *client);
/* Each returns the reply's outcome. `ret` may be NULL where only the outcome matters; else close it with
 * grid_result_close, whatever the outcome. */
enum grid_outcome grid_blocking_set(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                    struct grid_bytes value, struct grid_result **ret);
enum grid_outcome grid_blocking_get(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                    struct grid_result **ret);
enum grid_outcome grid_blocking_remove(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                       struct grid_result **ret);
enum grid_outcome grid_blocking_compare_and_set(struct grid_blocking *client, const char *map,
                                                const struct grid_entry *entry, struct grid_result **ret);
enum grid_outcome grid_blocking_operate(struct grid_blocking *client, const char *map,
                                        const struct grid_operation *operation,
                                        const struct grid_idempotency *idempotency, struct grid_result **ret);
enum grid_outcome grid_blocking_batch(struct grid_blocking *client, const char *map,
                                      const struct grid_operation *operations, size_t count,
                                      const struct grid_idempotency *idempotency, struct grid_result **ret);
enum grid_outcome grid_blocking_contains(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                         bool *ret_found);
enum grid_outcome grid_blocking_put_all(struct grid_blocking *client, const char *map, const struct grid_entry *entries,
                                        size_t count, struct grid_result **ret);
enum grid_outcome grid_blocking_get_all(struct grid_blocking *client, const char *map, const struct grid_key *keys,
                                        size_t count, struct grid_result **ret);
enum grid_outcome grid_blocking_remove_all(struct grid_blocking *client, const char *map, const struct grid_key *keys,
                                           size_t count, struct grid_result **ret);
enum grid_outcome grid_blocking_clear(struct grid_blocking *client, const char *map);
enum grid_outcome grid_blocking_drop(struct grid_blocking *client, const char *map, struct grid_result **ret);
enum grid_outcome grid_blocking_map_list(struct grid_blocking *client, struct grid_result **ret);
enum grid_outcome grid_blocking_is_empty(struct grid_blocking *client, const char *map, bool *ret_empty);
enum grid_outcome grid_blocking_map_info(struct grid_blocking *client, const char *map, struct grid_result **ret);
enum grid_outcome grid_blocking_configure(struct grid_blocking *client, const char *map,
                                          const struct grid_map_settings *settings, uint64_t expected_version,
                                          struct grid_result **ret);
/* A reader; close it with grid_journal_close, before the client. Seek and position as above. */
struct grid_journal *grid_blocking_journal_open(struct grid_blocking *client, const struct grid_journal_options *options);
enum grid_outcome grid_blocking_journal_next(struct grid_blocking *client, struct grid_journal *journal, uint64_t wait_ms,
                                             struct grid_result **ret);
enum grid_outcome grid_blocking_size(struct grid_blocking *client, const char *map, uint64_t *ret_size);
enum grid_outcome grid_blocking_command(struct grid_blocking *client, const struct grid_command *command,
                                        struct grid_result **ret);
/* Shows every entry, page by page; `each` returns false to stop. It must not use the client. */
typedef bool (*grid_entry_fn)(void *context, const struct grid_entry *entry);
enum grid_outcome grid_blocking_scan(struct grid_blocking *client, const struct grid_scan_options *options,
                                     grid_entry_fn each, void *context);
const struct grid_reply *grid_result_reply(const struct grid_result *result);
void grid_result_close(struct grid_result *result);                                    /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
