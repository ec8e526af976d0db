/* A service: a constant table of pure functions over one kind of aggregate (D6). The only header that a service needs.
 *
 *     decide(view, command)  -> events or a refusal          what shall happen
 *     evolve(view, event)    -> view                          what happened; never fails
 *     react(view, event)     -> messages, timers, activities  what follows from it
 *
 * Shape: the pipeline (grid/partition/events/event_pipeline.c) unpacks view and command, calls decide, and for every event
 * evolve and react, all inside the application of one log entry. View, command and event bodies are the generated
 * types of proto/service/<name>/v1; `void` pointers here are messages of the descriptors that the table names (the core
 * knows none of them, ADR 0006).
 *
 * Ownership: everything passed in is borrowed for the call. Messages are built in call->arena and borrowed until the
 * pipeline has applied the command; strings may point into the command, the event or the view.
 * A service may change the view and the part inside evolve only.
 *
 * Rules: no time but call->*_time_ms, no I/O, no randomness, no floating point, no own state, no heap. The result
 * must depend on the arguments alone, because every replica calls the same functions (R17).
 * Input from outside is checked in decide and refused as a value; a service never aborts on it (R8). */
#ifndef SERVICES_SERVICE_H
#define SERVICES_SERVICE_H

#include "grid/base/activity.h"
#include "grid/base/arena.h"
#include "grid/base/bytes.h"
#include "grid/wire/messages/message.h"
#include "services/refusal_list.h"
#include "services/service_list.h"

struct ProtobufCMessageDescriptor;

enum {
    /* Bytes of an id that a caller chooses: customer, product, order. It is the affinity of what is derived from it. */
    SERVICE_ID_BYTES_MAX = 240,
    /* Bytes of an aggregate's key, derived ones too. Keys of events and reservations append to it; all stay far below
     * KEY_BYTES_MAX. */
    SERVICE_KEY_BYTES_MAX = 256,
    /* Events of one decision, messages of one reaction: an order's lines and a few more. */
    SERVICE_OUTPUTS_MAX = 128,
};

#define SERVICE_SAGA_TYPE "OrderFulfillment"

struct service_call;

/* Reads the view of another aggregate that shares call->affinity; NULL when it does not exist. Borrowed for the call.
 * Aggregates with this affinity are always in the same partition; no other data may be read. */
typedef const void *(*service_peek_fn)(const struct service_call *call, uint32_t service, struct bytes key);

struct service_call {
    struct arena *arena;
    struct bytes key, affinity;            /* of the aggregate; affinity is never empty */
    uint64_t log_time_ms, wall_time_ms;    /* deadlines by the first, stamps for people by the second (R14) */
    struct trace_context trace;
    bool by_hand;                          /* decide only: the command comes from a client, not from another aggregate */
    struct bytes event_id;                 /* decide: of its first event; evolve, react: of the event at hand */
    uint64_t sequence;                     /* evolve, react: its sequence; else of the last event, 0 for none */
    service_peek_fn peek;
    void *peek_context;
};

/* An aggregate: its view, and the part of it that the command or event names (inventory: one reservation). */
struct service_state {
    void *view;                            /* NULL: does not exist */
    void *part;                            /* NULL: does not exist, or none is named; evolve may set it to NULL */
    uint64_t part_keep_ms;                 /* set by evolve: forget the part after this log time; 0: keep */
};

/* ---- what a decision and a reaction may contain */

struct service_event { uint32_t type; const void *body; };

struct service_decision {
    struct arena *arena;
    struct service_event events[SERVICE_OUTPUTS_MAX]; size_t events_count;
    uint32_t refusal;                      /* enum refusal; 0: accepted. With events: the events record the refusal */
    struct bytes reason;                   /* for people */
    bool same;                             /* a repetition with the same content: accepted, nothing new happens */
    struct bytes same_event_id;            /* the event that it caused then */
    struct bytes flow_id, correlation_id;  /* not empty: the events contain them instead of those of the call. A flow is work
                                            * over several aggregates, for example a saga */
};

struct service_message {
    uint32_t service, type;
    struct bytes key, affinity;            /* affinity empty: equals the key */
    const void *body;
    uint64_t reference;                    /* not 0: the answer comes to this aggregate, or reply_*, with it */
    uint32_t reply_service; struct bytes reply_key; /* SERVICE_NONE: to the sender; else a neighbour under its affinity */
};

struct service_timer { uint32_t number; uint64_t due_ms; };        /* due 0: disarm */

/* An effect outside the grid, run by the sink of this service (grid/io/sink.h): at least once, until there is an answer. */
struct service_activity {
    uint32_t kind;                         /* chosen by the service, from 1; comes back with the result */
    struct bytes key;                      /* idempotency key, fixed for ever by this call */
    const void *request;                   /* a message that the sink understands */
};

struct service_reaction {
    struct arena *arena;
    struct service_message messages[SERVICE_OUTPUTS_MAX]; size_t messages_count;
    struct service_timer timers[4]; size_t timers_count;
    struct service_activity activities[4]; size_t activities_count;
};

/* An answer to an aggregate. */
struct service_answer { uint64_t reference; uint32_t code; };      /* code 0: done */
/* POSTPONED: there is no result yet. `body` is the sink's answer from outside and must be checked;
 * `note` says why it was refused, a text of at most OUTSIDE_TEXT_BYTES_MAX bytes. */
struct service_result { uint32_t kind; enum activity_outcome outcome; struct bytes body, note; };

void service_emit(struct service_decision *decision, uint32_t type, const void *body);
/* Refuses; the reason is borrowed text (arena or constant). */
void service_refuse(struct service_decision *decision, enum refusal refusal, const char *reason);
void service_same(struct service_decision *decision, const char *event_id);
void service_send(struct service_reaction *reaction, const struct service_message *message);
void service_arm(struct service_reaction *reaction, uint32_t number, uint64_t due_ms);
void service_disarm(struct service_reaction *reaction, uint32_t number);
void service_start(struct service_reaction *reaction, const struct service_activity *activity);

/* ---- the table */

enum service_affinity {
    SERVICE_AFFINITY_KEY,                  /* an aggregate lives where its key places it */
    SERVICE_AFFINITY_PREFIX,               /* its key is <affinity>.<letter><number>, for example <order_id>.p1 */
};

/* ---- metrics of a service. No replicated state depends on them, but every replica computes the same values. */

enum { METRIC_LABELS_MAX = 4, SERVICE_METRICS_MAX = 16, NOTICE_SAMPLES_MAX = 24 };

enum service_metric_kind {
    SERVICE_COUNTER,                       /* grows */
    SERVICE_GAUGE,                         /* events raise and lower it; without labels */
    SERVICE_HISTOGRAM,                     /* of durations in ms of log time */
};

/* Values of the labels, in the order of their names. Constants of the service, or texts of the view that no client can choose
 * freely; more than 32 sets of values in one metric are shown as "other". */
struct service_labels { const char *values[METRIC_LABELS_MAX]; };

struct service_metric {
    enum service_metric_kind kind;
    bool alone;                            /* values of different labels cannot be added: beyond 32 sets nothing is shown */
    const char *name, *help;               /* names follow Prometheus and are unique over all services */
    const char *labels[METRIC_LABELS_MAX]; /* names; unused ones are NULL */
    const struct service_labels *expected; size_t expected_count;  /* shown from the beginning, with zeros */
};

/* One value of the service's metric number `metric`; `decimals` digits of it stand behind the point (counters). */
struct service_sample { uint32_t metric, decimals; int64_t value; struct service_labels labels; };

/* The meaning of an event for metrics. */
struct service_notice {
    uint32_t flows_started, flows_ended;
    size_t samples_count;
    struct service_sample samples[NOTICE_SAMPLES_MAX];
};

void service_sample(struct service_notice *notice, const struct service_sample *sample);

struct service_command_kind {
    uint32_t type;                         /* from 1, never reused */
    const char *name;
    const struct ProtobufCMessageDescriptor *descriptor;
    bool internal;                         /* only other aggregates may send it */
    /* Admission (R6): messages to other partitions, activities and timers that a client's command causes at most,
     * until all its work has ended. NULL: none, or too few to count. */
    uint32_t (*worst_case)(const void *command);
    bool compensates;                      /* it undoes work or lets it end: nodes without memory for more data take it, too (R6) */
};

struct service_event_kind {
    uint32_t type, version;                /* version of the body's meaning, from 1 */
    const char *name;
    const struct ProtobufCMessageDescriptor *descriptor;
    uint32_t flow_step;                    /* of the flow that it belongs to; 0: none */
    bool is_compensating;
};

typedef void (*service_decide_fn)(const struct service_call *call, const struct service_state *state, uint32_t type,
                                  const void *command, struct service_decision *decision);

struct service {
    uint32_t number;
    const char *name;                      /* also the domain: maps <name>.events, <name>.view, <name>.completions */
    const char *aggregate;                 /* for people: customer */
    const char *flow_type;                 /* for people, in its events that belong to a flow; NULL: it takes part in none */
    enum service_affinity affinity;
    const struct service_command_kind *commands; size_t commands_count;
    const struct service_event_kind *events; size_t events_count;
    const struct ProtobufCMessageDescriptor *view;
    size_t view_sequence_offset;           /* of the view's uint64 sequence, kept by the pipeline */
    const char *part_map;                  /* map of the parts; NULL: this service has none */
    const struct ProtobufCMessageDescriptor *part;

    service_decide_fn decide;
    /* Decisions on answers, timers and results. NULL: this service never asks, arms or starts anything. */
    void (*decide_answer)(const struct service_call *call, const struct service_state *state,
                          const struct service_answer *answer, struct service_decision *decision);
    void (*decide_timer)(const struct service_call *call, const struct service_state *state, uint32_t number,
                         struct service_decision *decision);
    void (*decide_result)(const struct service_call *call, const struct service_state *state,
                          const struct service_result *result, struct service_decision *decision);
    /* Changes state->view in place; makes it (call->arena) when it is NULL. Must depend on the event alone: key, affinity,
     * times, trace, id and sequence are those of the event, also when a view is rebuilt (I29). */
    void (*evolve)(const struct service_call *call, struct service_state *state, uint32_t type, const void *event);
    void (*react)(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                  struct service_reaction *reaction);
    /* Key of the part that a command names; empty: none. NULL without parts. */
    struct bytes (*part_key)(const struct service_call *call, uint32_t type, const void *command);
    /* How much of worst_case an aggregate in this state may still cause, without messages that are already sent, because
     * these are counted elsewhere. NULL: nothing. */
    uint32_t (*still_needs)(const void *view);
    /* Nothing changes the aggregate any more, and no service asks for it: it has no events after this one. Retention may remove it with its
     * events (docs/guides/retention.md). NULL: never. */
    bool (*ended)(const void *view);
    const struct service_metric *metrics; size_t metrics_count;
    /* Tells observers the meaning of an event; the state is that after evolve. NULL: nothing. */
    void (*notice)(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                   struct service_notice *notice);
    void (*holds)(const struct service_state *state);      /* aborts when the aggregate contradicts itself */
};

#endif
