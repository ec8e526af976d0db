/* Private to the client's core: shared only by the sources of this folder. Calls go down: core, answers, late,
 * routing, search, connection, patience, session, request, queues, faults; a connection calls back through connection_upcalls. */
#ifndef CLIENT_CORE_CORE_INTERNAL_H
#define CLIENT_CORE_CORE_INTERNAL_H

#include "client/core/core.h"
#include "client/core/retry.h"
#include "grid/base/uuid.h"
#include "grid/wire/compress.h"
#include "grid/wire/frame.h"
#include "grid/wire/negotiate.h"

enum request_kind {
    REQUEST_COMMAND,                       /* a write of the caller */
    REQUEST_QUERY,
    REQUEST_SESSION,                       /* the core's own: opens a partition's session */
    REQUEST_ADMIN,
    REQUEST_READY,
    REQUEST_REACH,                         /* like READY, for a caller that wants to know why not (search.c) */
};

struct request_list { struct request *first, *last; size_t count; };

/* One request. It is in exactly one list from its creation to its end. */
struct request {
    struct client *client;
    enum request_kind kind;
    struct request_list *list;
    struct request *before, *next;
    uint64_t turn;                         /* of submission, within the client */
    uint32_t slot;                         /* in client->slots */
    uint32_t partition;                    /* valid once it is in a partition's queue or is sent */
    bool has_partition;                    /* the caller named it; otherwise it is computed from the affinity */
    uint32_t node, admin_partition;        /* REQUEST_ADMIN */
    uint64_t needs;                        /* features that the node must have; REQUEST_ADMIN */
    struct buffer body, affinity;          /* body: without session and sequence; affinity only while it waits for a table */
    struct retry retry;
    enum grid_err failed;                  /* decided before it was sent; waits for the end of the iteration */
    const char *failed_note;
    /* Window: 0 until the request got its place. */
    uint64_t session, sequence, acknowledged_below;
    struct request *window_before, *window_next;
    /* The present attempt. */
    struct connection *connection;
    uint64_t sent_us, route;
    uint32_t attempts, lates;              /* lates: attempts that took too long */
    bool waits;                            /* a query that the node may answer late (a journal's wait) */
    struct timer deadline, pause;          /* pause: a node asked to come back later */
    struct client_call call;
};

/* ---- connection: one per node, and one per endpoint that is not known to be a node's yet */

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_OPENING,                    /* connecting; no welcome yet */
    CONNECTION_READY,
    CONNECTION_CLOSING,                    /* closed by the client; on_close has not come yet */
    CONNECTION_PAUSED,                     /* failed; backoff runs */
};

/* Why an address leads to no node, as far as the last attempts tell (faults.c). */
enum fault {
    FAULT_NONE,
    FAULT_PASSING,                         /* a starting node causes it, too */
    FAULT_SILENT,                          /* no answer in time: gone, slow, or another program */
    FAULT_LASTING,                         /* waiting does not help */
};

/* An attempt that asks what stands there. */
enum probe { PROBE_NONE, PROBE_WANTED, PROBE_RUNS, PROBE_DONE };

struct connection {
    struct client *client;
    struct connection *next;
    char *address;
    uint32_t node;                         /* 0: not known */
    bool learned;                          /* from a table; the others are the caller's endpoints */
    enum connection_state state;
    struct conn *conn;
    struct packer packer;
    uint64_t features;                     /* READY: in use */
    struct frame_stream stream;
    struct request_list sent;              /* by time of sending */
    struct request_list waiting;           /* REQUEST_ADMIN for this node */
    struct timer timer;                    /* OPENING: patience; READY: what is late next; PAUSED: backoff */
    uint64_t watch_us;                     /* READY: when the timer fires */
    uint64_t mean_us, deviation_us;        /* of the time that answers take; 0: nothing measured */
    uint64_t heard_us, rest_since_us;      /* rest_since_us: since when an incomplete frame waits for its remaining bytes; 0: none */
    uint64_t unanswered_us;                /* since when no sent request was answered; 0: the last ones were */
    uint32_t failures;
    uint32_t deaths;                       /* connections closed for lack of answers, since the last answer */
    uint32_t *leaders;                     /* as this node last told; partitions of them, or NULL */
    bool bad;                              /* sent something that cannot be trusted */
    bool parting;                          /* ends for a good reason: the node has no room, or another connection leads to it */
    bool let_go;                           /* the node closes it because it was idle */
    bool opened, slow, kept;               /* OPENING: the transport is up; no greeting for a while; waits longer for it */
    bool blocked;                          /* too much unsent; wait for on_drain */
    enum fault fault;
    char *fault_text;                      /* for people; NULL: none */
    uint32_t silences;                     /* attempts in a row that nothing answered */
    bool mute;                             /* since then: the transport is up, and no byte and no end has come, whatever was said */
    struct buffer said;                    /* OPENING: its first bytes */
    enum probe probe;
    uint32_t probes;                       /* made; each speaks another protocol */
    bool blamed;                           /* OPENING: the fault of this attempt is set */
    bool foreign;                          /* the fault: it belongs to another cluster */
};

/* ---- partition: its queues, its leader, its session */

struct route {
    struct client *client;
    uint32_t partition;
    struct request_list retries, writes, reads;    /* in order of submission each */
    uint32_t leader;                       /* 0: not known */
    uint64_t version;                      /* grows with every change of the known leader */
    uint32_t hops, attempts;               /* redirects followed, backoffs taken, since the last answer */
    uint32_t turn;                         /* where the search for any node begins */
    uint32_t leaderless_node;              /* the node that last reported how long it has known no leader; ms 0: none */
    uint64_t leaderless_ms;
    uint32_t avoid;                        /* the node that could not help last; used only if there is no other; 0: none */
    struct timer backoff;
    bool dirty;
    struct route *next_dirty;
    /* Session, and its window (queues.c). */
    uint64_t session, sequence_next;
    struct request *opening;
    struct request *window_first, *window_last;
};

/* Events of a connection, for the layers above it. */
struct connection_upcalls {
    bool (*frame)(struct connection *connection, const struct frame *frame);   /* false: it cannot be trusted */
    void (*lost)(struct connection *connection);
    void (*due)(struct connection *connection);    /* READY: the requested time is over */
    void (*idle)(struct client *client);           /* the backoff of a connection has ended */
};

struct slot { struct request *request; uint32_t generation, next_free; };

struct client {
    struct io *io;
    const struct connection_upcalls *events;
    struct prng prng;
    char *name;
    uint64_t deadline_us, attempt_us, session_idle_ms;
    size_t pending_max;
    struct connection *connections, *reaching;     /* all of them; where the search for a node goes on */
    struct connection *nodes[NODES_MAX + 1];
    struct timer reach;                    /* until the connection to the next address (search.c) */
    struct timer wake;                     /* does nothing; a loop that it is due in does not sleep */
    bool resting;                          /* disconnected because it was idle: connects again only for a request */
    const char *full;                      /* address of the node that last had no room for this client; NULL: none */
    bool searching;                        /* the connected nodes know no leader */
    struct route *routes;
    uint32_t partitions;
    struct buffer table;                   /* last one, encoded, and its decoded form in table_arena */
    struct arena table_arena, arena;
    struct message_table members;
    struct packer_counts packed;           /* commands and queries */
    struct buffer plain;                   /* a decompressed answer */
    char *cluster;
    struct uuid cluster_uuid;              /* nil: not known, or not said */
    char refusal[320];                     /* why a node was not used, for people; empty: none was refused */
    bool pinned;                           /* cluster_uuid was given: nodes of others will not do */
    struct timer verdict;                  /* until then faults may pass (search.c) */
    size_t reaches;                        /* REQUEST_REACH without an outcome */
    struct request_list early, failed;     /* before the first table; to be answered at the end of the iteration */
    struct request_list paused;            /* told to come back later */
    struct route *dirty;
    struct deferred flush;
    struct slot *slots;
    uint32_t slots_count, slots_capacity, slots_free;
    uint64_t turns;
    size_t pending, own;                   /* requests without an outcome; of them REQUEST_SESSION */
    struct request *spare;                 /* ended ones, with their buffers */
    size_t spare_count;
    bool closing, disowned;
    struct client_totals totals;
    char session_note[256];            /* why the last session was not opened */
};

/* request.c */
void request_list_append(struct request_list *list, struct request *request);
void request_list_insert(struct request_list *list, struct request *request);   /* by order of submission */
void request_list_remove(struct request *request);
struct request *request_new(struct client *client, enum request_kind kind, const struct client_call *call);
void request_finish(struct request *request, const struct client_result *result); /* calls back, frees */
void request_free_spare(struct client *client);
void request_fail(struct request *request, enum grid_err err, const char *note);
void request_fail_later(struct request *request, enum grid_err err, const char *note);
uint64_t request_wire_id(struct request *request);                               /* a new one for this attempt */
struct request *request_find(struct client *client, uint64_t wire_id);           /* NULL: no request waits for it */
void request_forget_attempt(struct request *request);                            /* so that a late answer finds no request */

/* queues.c */
void client_schedule(struct client *client);       /* flushes at the end of the iteration */
void routing_mark(struct route *route);            /* to be pumped then */
void routing_mark_all(struct client *client);

/* connection.c */
struct connection *connection_new(struct client *client, const char *address, uint32_t node);
void connection_move(struct connection *connection, const char *address);   /* an idle one leads there from now on */
void connection_free(struct connection *connection);
void connection_want(struct connection *connection);                             /* connects if it is idle */
void connection_give_up(struct connection *connection);
bool connection_full(struct connection *connection);
void connection_send(struct connection *connection, struct request *request);
void connection_admin(struct connection *connection);                            /* sends the requests that wait for this node */

/* faults.c */
void fault_set(struct connection *connection, enum fault fault, const char *format, ...) __attribute__((format(printf, 3, 4)));
void fault_clear(struct connection *connection);
void fault_ended(struct connection *connection, enum grid_err reason);           /* the attempt, by the transport */
void fault_silent(struct connection *connection);
void fault_said(struct connection *connection, enum frame_result result);        /* `said` is not what a node says */
void fault_probed(struct connection *connection);                                /* `said` is the answer to a probe */
bool fault_probe_ended(const struct connection *connection);                     /* `said` is enough of an answer */
struct bytes fault_probe(struct connection *connection);                         /* what this probe says */
/* Every address has a fault that waiting does not mend; `passing_too`: those of nodes that start count. */
bool faults_settled(const struct client *client, bool passing_too);
/* "a:1 and b:1: connection refused; c:1: ...", for people. Nothing while no address has a fault. */
void faults_text(const struct client *client, struct buffer *out);

/* patience.c */
void patience_sent(struct connection *connection, const struct request *request);    /* an attempt began */
void patience_measure(struct connection *connection, const struct request *request); /* and was answered just now */
bool patience_is_silent(const struct connection *connection);                    /* no answer since the last request */
uint64_t patience_of_us(const struct connection *connection, const struct request *request);  /* how long an attempt may take */
uint64_t patience_dead_at_us(const struct connection *connection);               /* when it is given up without an answer */
bool patience_is_over(const struct connection *connection, uint64_t now_us);     /* with the connection */
void patience_watch(struct connection *connection, uint64_t due_us);             /* the timer fires then, or earlier */

/* late.c */
void late_look(struct connection *connection);     /* something may be late */
void late_lost(struct connection *connection);     /* its sent requests go back into the queues, with unknown outcome */

/* answers.c: false: it cannot be trusted */
bool answers_take(struct connection *connection, const struct frame *frame);

/* search.c */
void search_any(struct client *client);            /* connects if no node is connected */
void search_lost(struct client *client);           /* likewise, at once: one was connected until now */
void search_others(struct client *client);         /* one further node, and soon the next when this is called again */
void search_all(struct client *client);            /* every node and endpoint that is not connected */
void search_go_on(void *client);                   /* the timer client->reach */
void search_strangers(struct client *client);      /* every endpoint that is no member's address: who is it? */
void search_verdict(struct client *client);        /* ends REQUEST_REACH when it is known how */
void search_time_is_over(void *client);            /* the timer client->verdict */

/* routing.c */
/* How an attempt ended that brought no final answer. */
struct attempt_end {
    uint32_t leader;                               /* the leader that the node named; 0: none */
    bool answered;                                 /* by the node; else the connection was lost, or it took too long */
    uint64_t no_leader_ms;                         /* answered: for how long the node has known no leader */
};
void routing_init(struct client *client, uint32_t partitions);
void routing_close(struct client *client);
void routing_place(struct request *request);       /* into the queue of its partition or node */
void routing_pump(struct route *route);
void routing_table(struct connection *connection, const struct message_table *table);
void routing_other_address(struct connection *lost);  /* its node is asked at another one from now on, if there is one */
void routing_again(struct request *request, const struct attempt_end *end);
/* The leader had no room for this request and said when to repeat it; other requests of the partition continue. */
void routing_later(struct request *request, uint64_t after_ms);

bool window_join(struct route *route, struct request *request);  /* false: it is full */
void window_leave(struct request *request);

/* session.c */
bool session_admit(struct route *route, struct request *request); /* false: wait */
void session_lost(struct request *request);        /* its session has expired, and it was certainly not executed */
void session_close(struct route *route, struct connection *connection);

#endif
