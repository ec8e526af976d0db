/* Gridiron's client library: the only header that an application includes.
 *
 * Two faces of one client. The asynchronous one lives on the caller's libuv loop; every call takes a callback. The
 * blocking one brings its own loop, which runs inside each call. Both route each key to the leader of its partition,
 * pipeline, and repeat what fails until it is answered or its deadline passes.
 *
 * Outcomes. GRID_OUTCOME_UNKNOWN is the third outcome of a write besides done and failed: it may or may not have been
 * applied, and nobody can say within its deadline. Every other failure says that the write has not been applied
 * (RESULT_NOT_KEPT excepted: applied, its answer was lost). A write is never applied twice, however often it was
 * repeated on the way. Reads are linearizable.
 *
 * Ownership: calls copy what they are given; what a reply points to is borrowed for the callback (asynchronous) or until
 * the result is closed (blocking). Callbacks run from the loop, exactly once, never inside the call that asked.
 * Threads: a client belongs to one thread. Limits: keys 4 KiB, values 1 MiB, names of maps 128 bytes of A-Za-z0-9._-
 *
 * Examples: client/examples/. */
#ifndef CLIENT_GRID_CLIENT_H
#define CLIENT_GRID_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;

/* ---- common to both faces */

enum grid_outcome {
    GRID_OUTCOME_OK = 0,
    GRID_OUTCOME_INVALID = 1,
    GRID_OUTCOME_NOT_FOUND = 2,
    GRID_OUTCOME_ALREADY_EXISTS = 3,
    GRID_OUTCOME_VERSION_CONFLICT = 4,     /* compare-and-set: the reply has the present version */
    GRID_OUTCOME_UNAVAILABLE = 6,          /* no node or no quorum; a write was not applied */
    GRID_OUTCOME_UNKNOWN = 7,
    GRID_OUTCOME_LOG_FULL = 8,
    GRID_OUTCOME_TOO_LARGE = 9,
    GRID_OUTCOME_RESULT_NOT_KEPT = 11,     /* applied; only the answer is gone */
    GRID_OUTCOME_NOT_SUPPORTED = 12,
    GRID_OUTCOME_BUSY = 13,                /* too much in flight */
    GRID_OUTCOME_MALFORMED = 17,
    GRID_OUTCOME_CLOSED = 18,              /* the client was closed first; a write was not sent */
    GRID_OUTCOME_REFUSED = 20,             /* a service's "no": refusal and refusal_code say which */
    GRID_OUTCOME_DENIED = 21,              /* only the pipeline writes maps of events, views and completions */
};
const char *grid_outcome_name(enum grid_outcome outcome);  /* "VERSION_CONFLICT" */
const char *grid_outcome_text(enum grid_outcome outcome);  /* for people */

struct grid_bytes { const void *data; size_t size; };
struct grid_bytes grid_text(const char *text);             /* borrows, without the closing zero */

/* An entry's identity. An empty affinity equals the key; keys that must change together share one. */
struct grid_key { struct grid_bytes key, affinity; };
struct grid_key grid_key_text(const char *key);

struct grid_entry { struct grid_bytes key, affinity, value; uint64_t version; };

struct grid_member { uint32_t node; const char *address; };

struct grid_node_status {
    uint32_t node;
    const char *address, *state, *version;                 /* state: starting, ready, stopping */
    uint32_t leaders, replicas;
    uint64_t uptime_ms, log_disk_bytes, log_memory_bytes;
};

struct grid_partition_status {
    uint32_t partition;
    const char *role;
    uint32_t leader;                                       /* 0: this replica knows none */
    uint64_t term, commit_index, applied_index, last_index, entries, sessions, outbox_pending, log_time_ms, digest,
        timers, activities;
};

/* What came of a call. Fields that a kind of call does not mention are zero. */
struct grid_reply {
    enum grid_outcome outcome;
    const char *note;                                      /* for people; never NULL */
    bool found;                                            /* get, remove */
    struct grid_bytes value;                               /* get */
    uint64_t version;                                      /* of the entry, after the call: set, get, compare-and-set */
    uint64_t count;                                        /* size */
    const struct grid_entry *entries; size_t entries_count; /* scan */
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
    uint64_t attempt_ms;                                   /* unanswered for so long: repeated; 0: 2 s */
    size_t pending_max;                                    /* calls past it are BUSY; 0: 65536 */
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
};

/* ---- asynchronous: on the caller's loop */

struct grid_client;
struct grid_scan;
typedef void (*grid_reply_fn)(void *context, const struct grid_reply *reply);
struct grid_call { grid_reply_fn done; void *context; uint64_t timeout_ms; };   /* timeout 0: the client's */

/* Connects in the background; calls may be made at once. The loop must outlive the client. The process must ignore
 * SIGPIPE. */
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
void grid_client_size(struct grid_client *client, const char *map, const struct grid_call *call);
void grid_client_command(struct grid_client *client, const struct grid_command *command, const struct grid_call *call);
void grid_client_node_status(struct grid_client *client, uint32_t node, const struct grid_call *call);
void grid_client_partitions(struct grid_client *client, uint32_t node, const struct grid_call *call);
size_t grid_client_pending(const struct grid_client *client);                          /* calls without a reply */
/* Members as last told by a node; borrowed until the loop runs on. */
size_t grid_client_members(struct grid_client *client, const struct grid_member **ret_members);
uint32_t grid_client_partition_count(const struct grid_client *client);                /* 0 before a node has answered */
const char *grid_client_cluster(const struct grid_client *client);

/* Page after page; one call at a time. The client must stay open as long as the scan. */
struct grid_scan *grid_scan_open(struct grid_client *client, const struct grid_scan_options *options);
void grid_scan_next(struct grid_scan *scan, const struct grid_call *call);
void grid_scan_close(struct grid_scan *scan);                                          /* not while a call is out */

/* ---- blocking: each call returns when its outcome is there */

struct grid_blocking;
struct grid_result;

/* Waits until a node has answered; UNAVAILABLE when none did within the timeout. *ret is set on OK only. */
enum grid_outcome grid_blocking_open(const struct grid_options *options, struct grid_blocking **ret);
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
enum grid_outcome grid_blocking_size(struct grid_blocking *client, const char *map, uint64_t *ret_size);
enum grid_outcome grid_blocking_command(struct grid_blocking *client, const struct grid_command *command,
                                        struct grid_result **ret);
/* Shows every entry, page by page; `each` returns false to stop. It must not use the client. */
typedef bool (*grid_entry_fn)(void *context, const struct grid_entry *entry);
enum grid_outcome grid_blocking_scan(struct grid_blocking *client, const struct grid_scan_options *options,
                                     grid_entry_fn each, void *context);
const struct grid_reply *grid_result_reply(const struct grid_result *result);
void grid_result_close(struct grid_result *result);                                    /* NULL is allowed */

#endif
