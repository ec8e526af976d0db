/* Private to the event pipeline: one run over a bounded first-in first-out worklist of one affinity (R4).
 *
 *     event_pipeline.c   entry points: commands, deliveries, acknowledgements, results, ticks
 *     event_services.c   services that the partition has, and the numbers of their maps
 *     event_work.c       one item: decide, then each event
 *     event_store.c      maps: views, parts, events, completions
 *     event_ended.c      ended flows, and their removal
 *     event_effects.c    what events cause: messages, answers, timers, activities
 *     event_save.c       snapshots: which services there are, what retention will remove
 *
 * All memory is the partition's arena of the command. */
#ifndef GRID_PARTITION_EVENTS_EVENTS_INTERNAL_H
#define GRID_PARTITION_EVENTS_EVENTS_INTERNAL_H

#include "grid/base/limits.h"
#include "grid/partition/events/event_pipeline.h"

struct retention;

enum { MAP_EVENTS, MAP_VIEW, MAP_COMPLETIONS, MAP_PARTS, MAPS_PER_SERVICE };

struct event_pipeline {
    const struct service_registry *services;
    bool *registered;                              /* by place in the registry: the log says that the partition has it */
    size_t registered_count;
    uint64_t registered_digest;                    /* of the numbers, in the order in which they were registered */
    struct map_id (*map_ids)[MAPS_PER_SERVICE];    /* by place in the registry */
    int64_t (*sums)[SERVICE_METRICS_MAX];          /* of what services counted, likewise */
    struct retention *completions, *parts, *flows;
    struct service_reaction reaction;              /* of the event at hand; only its used part is kept */
    struct buffer frozen_services, frozen_head;    /* records of the frozen state; empty: they are written */
    struct event_load *load;                       /* NULL: it is not being loaded */
};

enum item_kind { ITEM_COMMAND, ITEM_ANSWER, ITEM_TIMER, ITEM_RESULT };

struct work_item {
    enum item_kind kind;
    const struct service *service;         /* NULL: no such service here */
    uint32_t type;                         /* of a command */
    struct bytes key, affinity;            /* affinity never empty */
    struct bytes body;                     /* of a command */
    struct trace_context trace;
    struct bytes principal;                /* on whose behalf; empty: nobody's */
    struct reply_to reply_to;
    bool by_hand;
    struct service_answer answer;
    uint32_t timer_number;
    struct service_result result;
    struct work_item *next;
};

/* Result of an item. */
struct work_outcome {
    enum grid_err err;
    uint32_t refusal;
    struct bytes reason, event_id;
    uint64_t sequence;
    bool same;
};

struct work {
    struct partition *partition;
    struct event_pipeline *pipeline;
    struct arena *arena;
    struct work_item *first, *last;
    uint32_t items;                        /* queued so far; beyond WORKLIST_MAX messages go to the outbox */
    uint32_t ordinal;                      /* of the next event id */
};

/* One item while it is handled. */
struct handling {
    const struct work_item *item;
    struct service_call call;
    struct service_state state;
    struct service_decision decision;
    const void *command;
    struct bytes part_key;                 /* empty: no part is named */
    struct bytes view, part;               /* packed, as they will be; part empty: none */
    uint32_t needed;                       /* still_needs of the view before */
};

/* One event, before its decision is written. */
struct staged_event {
    struct service_call call;
    struct bytes record;                   /* encoded Event */
    const struct service_message *messages; size_t messages_count;
    const struct bytes *bodies;            /* packed, of the messages */
    const struct service_timer *timers; size_t timers_count;
    const struct service_activity *activities; size_t activities_count;
    const struct bytes *requests;          /* packed, of the activities */
    struct service_notice notice;
};

/* A record with its key must fit a map entry, and in a message an entry of the log. */
#define STORED_BYTES_MAX ((size_t)VALUE_BYTES_MAX)

struct work event_work_begin(struct partition *partition);
/* Handles one item and everything that it causes under the same affinity. */
void event_work_run(struct work *work, const struct work_item *item, struct work_outcome *ret_outcome);
char *event_work_id(struct work *work);    /* a fresh event id */

/* ---- event_services.c */
/* The service with this number; NULL: this partition does not have it. */
const struct service *event_services_find(const struct event_pipeline *pipeline, uint32_t number);

/* Its map's name, in the arena if it is made; NULL: the service has no such map. */
const char *event_services_map(struct arena *arena, const struct service *service, uint32_t which);

/* ---- event_save.c */
void event_load_close(struct event_pipeline *pipeline);

/* ---- event_store.c */
enum { DECIMAL_BYTES_MAX = 20 };
size_t event_store_decimal(uint64_t number, char *out);    /* digits, without a closing zero; returns how many */
void event_store_load(struct work *work, const struct work_item *item, struct bytes part_key,
                      struct service_state *ret_state);
/* Prefetches memory that the item will use at its end, while the item is decided. */
struct map_ahead event_store_fetch_completion(const struct work *work, const struct work_item *item, struct bytes event_id);
void event_store_fetch_event(const struct work *work, const struct handling *handling);
void event_store_save(struct work *work, const struct handling *handling);
void event_store_append(struct work *work, const struct work_item *item, const struct staged_event *event);
void event_store_complete(struct work *work, const struct work_item *item, const struct work_outcome *outcome);
const void *event_store_peek(const struct service_call *call, uint32_t service, struct bytes key);
uint64_t event_store_sequence(const struct service *service, const void *view);
void event_store_set_sequence(const struct service *service, void *view, uint64_t sequence);

/* ---- event_ended.c */
/* After the view was saved: a flow that has ended is kept for its time from here on. */
void event_ended_note(struct work *work, const struct handling *handling);
/* Removes ended flows that are beyond the limits, until so many map entries are removed; returns how many. A flow and its events go
 * together, in one entry. */
size_t event_ended_trim(struct partition *partition, size_t budget);

/* ---- event_effects.c */
void event_effects_react(struct work *work, const struct work_item *item, const struct staged_event *event);
/* Answers the sender that waits for the item. */
void event_effects_reply(struct work *work, const struct work_item *item, const struct work_outcome *outcome);

#endif
