/* The client's core: everything between a call of an application and the frames of the wire. Written on grid/io like
 * the node, so that the simulator runs it; grid_client.h puts the application's faces on top.
 *
 * Shape: requests wait in a queue per partition. At the end of the loop iteration each queue is sent, in order, to the
 * node that leads the partition as far as the pushed table tells; answers come back in any order. A write carries
 * (session, sequence, acknowledged_below) (R3); the session of a partition is opened with its first write. Per partition
 * at most CLIENT_WINDOW writes lie between the oldest unanswered one and the newest; more wait.
 *
 * Outcomes (R2): a write is repeated with the same session and sequence until it is answered or its deadline passes.
 * Then it is UNKNOWN when any of its attempts may have reached the log, and UNAVAILABLE (or the error that the node gave
 * last, LOG_FULL or BUSY) when none did. A session that is gone after such an attempt ends the write as UNKNOWN: it is
 * never executed again under another session. RESULT_NOT_KEPT means applied, but the answer was lost. Reads are repeated
 * freely; past their deadline they are UNAVAILABLE.
 *
 * Order: requests that are outstanding together are concurrent; wait for the first to order the second behind it.
 *
 * Ownership: copies what it is given; what a callback receives is borrowed for the call. Every request's callback runs
 * exactly once, from the loop, never from inside the call that made the request; client_close runs those that are left.
 * New requests may be made inside callbacks, except those that client_close runs. Threads: one loop. */
#ifndef CLIENT_CORE_CORE_H
#define CLIENT_CORE_CORE_H

#include "grid/base/limits.h"
#include "grid/base/uuid.h"
#include "grid/io/io.h"
#include "grid/wire/messages/message.h"

/* Half of what a session keeps, so that results of repeated writes are still there whatever is in flight. */
enum { CLIENT_WINDOW = SESSION_RESULTS_MAX / 2 };

struct client;

struct client_options {
    const char *const *endpoints;          /* "host:port" of any nodes; the others are learned; copied */
    size_t endpoints_count;
    const char *name;                      /* for people, in the nodes' logs; NULL: "client" */
    uint64_t deadline_ms;                  /* of requests that give none; 0: 10 s */
    uint64_t attempt_ms;                   /* an attempt unanswered for so long is repeated; 0: 2 s. The next one gets twice
                                            * the time, and every first one what the node's answers usually take */
    uint64_t session_idle_ms;              /* 0: the cluster's default */
    size_t pending_max;                    /* requests past it are BUSY; 0: 65536 */
    const struct uuid *cluster_uuid;       /* nodes of other clusters will not do; NULL: the first node's cluster; copied */
};

/* Of all partitions: sums, the newest limits, how many have those, and what the fullest one keeps. */
struct client_retention { struct retention_status sum; uint64_t count_highest, bytes_highest; uint32_t partitions; };

struct client_result {
    enum grid_err err;
    const char *note;                      /* for people; never NULL */
    const struct response *response;       /* never NULL; all zero where no node answered */
    const struct admin_response *admin;    /* client_admin with OK only, else NULL */
    uint32_t partition;                    /* a journal's page: of which partition */
    const enum grid_err *outcomes; size_t outcomes_count; /* calls on many entries: of each, in their order */
    const struct client_retention *retention;  /* RETENTION_LAST of them, by kind; NULL: it was not asked for */
};
typedef void (*client_done_fn)(void *context, const struct client_result *result);

struct client_call {
    client_done_fn done;
    void *context;
    uint64_t deadline_ms;                  /* from now; 0: the client's */
};

/* An entry's identity; an empty affinity equals the key. */
struct client_key { struct bytes key, affinity; };

/* Connects in the background; requests may be made at once and wait for the first node. Borrows io. */
struct client *client_open(struct io *io, const struct client_options *options);
/* Outstanding writes that may have reached a log end as UNKNOWN, everything else as CLOSED, inside this call. */
void client_close(struct client *client);
/* This process is a child of the one that opened the client: sessions and their numbers are the parent's. Every request that
 * is made from now on ends as FORKED. */
void client_disown(struct client *client);
/* True inside the callbacks that client_close runs: these may not make requests. */
bool client_closing(const struct client *client);

/* ---- requests */

/* Done with OK as soon as a node has answered the handshake. */
void client_ready(struct client *client, const struct client_call *call);
/* The same for a program that serves a person: while no node has ever answered, UNAVAILABLE as soon as waiting does not help,
 * with a note that says of every endpoint why; connections that are refused count after a second, in which a node may start.
 * An endpoint that hides what it is gets asked by HTTP. One that accepts and stays silent to a greeting of a second, to HTTP and to
 * TLS is given up after less than 2 s: a node that serves anybody greets without disk or other nodes, and one that is late by an
 * election timeout is no leader. A node that is slow for up to 1.3 s is greeted again. OK once every endpoint that is no member's address has said who it is,
 * or 300 ms after the first node; INVALID when one belongs to another cluster. */
void client_reach(struct client *client, const struct client_call *call);
void client_map_set(struct client *client, struct bytes map, const struct client_key *key, struct bytes value,
                    const struct client_call *call);                /* response: version */
void client_map_remove(struct client *client, struct bytes map, const struct client_key *key,
                       const struct client_call *call);             /* response: found */
/* Any map command, for example COMPARE_AND_SET by version (VERSION_CONFLICT with the present version in the response). */
void client_map_command(struct client *client, const struct map_command *command, const struct client_call *call);
/* Any operation, batch or service command, routed by its affinity; session and sequence are the core's to fill in. An
 * idempotency key without a hash gets one of the rest of the command. */
void client_command(struct client *client, const struct command *command, const struct client_call *call);
/* A CLEAR, DROP, CONFIGURE or RAISE_LEVEL of one partition. */
void client_command_at(struct client *client, struct partition_id partition, const struct command *command,
                       const struct client_call *call);
void client_map_get(struct client *client, struct bytes map, const struct client_key *key, const struct client_call *call);
void client_map_contains(struct client *client, struct bytes map, const struct client_key *key,
                         const struct client_call *call);           /* response: found, version */
/* Any query of one partition: a size or a page of a scan, with the cursor of the page before. */
void client_query(struct client *client, struct partition_id partition, const struct query *query,
                  const struct client_call *call);
/* Entries of a map over all partitions; each is counted at a moment of its own. response: count. */
void client_map_size(struct client *client, struct bytes map, const struct client_call *call);
/* Removes the entries of a map, partition by partition; each partition's at once. response: count. */
void client_map_clear(struct client *client, struct bytes map, const struct client_call *call);
/* Removes a map with its settings and journal, partition by partition. response: found in any of them, count of entries. */
void client_map_drop(struct client *client, struct bytes map, const struct client_call *call);
/* The maps of all partitions. response: maps, by name, with sums and the newest settings' version. */
void client_map_list(struct client *client, const struct client_call *call);
/* Settings and statistics over all partitions. response: info (sums; the newest settings), count: partitions that have
 * these settings. */
void client_map_describe(struct client *client, struct bytes map, const struct client_call *call);
/* Changes the settings: in the partition of the map's name, which decides by expected_version, then in all others.
 * response: version. After anything but OK the others may have old settings: asking again with the same ones, and the
 * version that the answer tells, brings them up to date. */
void client_map_configure(struct client *client, struct bytes map, const struct map_settings *settings,
                          uint64_t expected_version, const struct client_call *call);
/* What partitions keep for a limited time, over all of them, by kind. result: retention. */
void client_retention(struct client *client, const struct client_call *call);
/* Changes the limits of one kind: in partition 0, which decides by expected_version, then in all others, like client_map_configure. */
void client_retain(struct client *client, enum retention_kind kind, const struct retention_limits *limits, uint64_t expected_version,
                   const struct client_call *call);
/* Raises the feature level of every partition; those that have it already stay as they are. response: version, the lowest
 * level of all partitions. NOT_SUPPORTED: a node is too old or not linked; some partitions may be raised nevertheless, and
 * asking again goes on with the others. */
void client_raise_level(struct client *client, uint32_t level, const struct client_call *call);
/* The same on many entries, each a call of its own that goes where its key lives: not atomic together. The outcome is
 * that of the first that failed; result: outcomes; response: count of those that were done (or found). */
enum client_many { CLIENT_PUT_ALL, CLIENT_GET_ALL, CLIENT_REMOVE_ALL };
void client_map_many(struct client *client, enum client_many what, struct bytes map, const struct map_entry *entries,
                     size_t count, const struct client_call *call);          /* GET_ALL: response: entries, of those found */
/* A command to a service. REFUSED carries refusal and refusal_code in the response; the note is the reason. */
void client_service_command(struct client *client, const struct service_command *command, const struct client_call *call);
/* Asks one node about itself. UNAVAILABLE as soon as it cannot be reached; NOT_FOUND for a node outside the table. */
/* The node takes a snapshot of the partition, or of all (FRAME_PARTITION_NONE), soon. The answer comes at once and is that of ADMIN_PARTITIONS. INVALID;
 * NOT_SUPPORTED: the node's version or the cluster's level has none. */
void client_take_snapshot(struct client *client, struct node_id node, uint32_t partition, const struct client_call *call);
void client_admin(struct client *client, struct node_id node, enum admin_kind kind, const struct client_call *call);

/* ---- journals: read page by page, over one partition or all
 *
 * Each partition's records come in its order, without gaps; what was dropped before it could be read is told in the
 * page (dropped_from, dropped_to). Pages of different partitions have no order among each other. At most one page per
 * partition is asked for ahead. */

struct client_journal;
struct client_journal_options {
    struct bytes map;                      /* copied */
    enum journal_from from;                /* where every partition begins */
    uint64_t position;
    uint32_t partition;                    /* PARTITION_ALL: all of them */
    uint32_t limit;                        /* records of a page; 0: SCAN_PAGE_MAX */
};
#define PARTITION_ALL UINT32_MAX

struct client_journal *client_journal_open(struct client *client, const struct client_journal_options *options);
/* Moves one partition, before the first call of client_journal_next: to go on where a reader ended. */
void client_journal_seek(struct client_journal *journal, uint32_t partition, uint64_t sequence);
/* The next page that has something in it, of whichever partition; an empty one (OK, without records) when nothing came
 * within wait_ms. An error is one partition's: the others go on with the next call, and so does it. One call at a time. */
void client_journal_next(struct client_journal *journal, uint64_t wait_ms, const struct client_call *call);
/* The first sequence that was not given yet; 0: not known before the partition's first page. */
uint64_t client_journal_position(const struct client_journal *journal, uint32_t partition);
/* A call that is out ends as CLOSED, inside this one. To be closed before the client. */
void client_journal_close(struct client_journal *journal);

/* ---- what is known */

uint32_t client_partitions(const struct client *client);       /* 0 before the first node has answered */
struct partition_id client_partition_of(const struct client *client, struct bytes affinity); /* needs partitions > 0 */
size_t client_pending(const struct client *client);            /* requests without an outcome */
/* Members of the cluster as last told; borrowed until the loop runs on. */
const struct message_member *client_members(const struct client *client, size_t *ret_count);
struct node_id client_leader(const struct client *client, struct partition_id partition); /* 0: not known */
struct uuid client_cluster_uuid(const struct client *client);   /* nil: not known, or not said */
const char *client_cluster(const struct client *client);       /* "" before the first node has answered */

struct client_totals {
    uint64_t requests, sent, repeated, redirected, postponed, unknown, connections, sessions;
    uint64_t malformed;                    /* connections given up for what the node sent, or left half sent */
};
struct client_totals client_totals(const struct client *client);
void client_holds(const struct client *client);                /* aborts when an invariant is broken; O(requests) */

#endif
