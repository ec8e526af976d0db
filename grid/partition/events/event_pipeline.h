/* The stages of every service command (spec: source, enrich, persist, update view, publish, complete), inside the
 * application of one log entry. partition_internal.h has the entry points; this header has the state of the pipeline between commands.
 *
 * Maps of a domain, which only the pipeline writes; their affinity is that of the aggregate:
 *     <domain>.events        key <aggregate key>/<sequence in decimal>   Event; read 1..view.sequence for the history
 *     <domain>.view          key <aggregate key>                         the service's view message
 *     <domain>.completions   key <event id>                              Completion; bounded by log time, count and bytes
 * and the map of the parts that a service names.
 *
 * Event ids are <partition>-<commit counter>-<ordinal>: derived from the log, never used twice. */
#ifndef GRID_PARTITION_EVENTS_EVENT_PIPELINE_H
#define GRID_PARTITION_EVENTS_EVENT_PIPELINE_H

#include "grid/partition/partition_internal.h"
#include "services/registry.h"

struct event_pipeline;

enum {
    /* Entries that retention removes in one command, in addition to as many as the command adds; and ended flows' entries. */
    RETENTION_BUDGET = 64,
    /* Bytes of one text of a client's trace context; it is copied into every event that follows. Past it: INVALID. */
    TRACE_BYTES_MAX = 256,
    /* Bytes kept of a text from outside the grid, for example why a destination refused. The rest is cut off. */
    OUTSIDE_TEXT_BYTES_MAX = 400,
};

struct event_pipeline *event_pipeline_open(const struct service_registry *services);
/* Registers the services that the partition's first entry names, and numbers their maps, in that order,
 * before clients could use up the numbers. */
void event_services_born(struct partition *partition);
/* Registers more of them, and numbers their maps (ADR 0022). The answer counts the new ones; TOO_LARGE: no room for their maps;
 * ALREADY_EXISTS: a map has the name of one; INVALID: the partition is of a level before there was such a command. */
void event_services_register(struct partition *partition, const uint32_t *numbers, size_t count, struct response *response);
/* Whether the service could be registered: OK, also for a registered one; otherwise as above. */
enum grid_err event_services_fits(const struct partition *partition, const struct service *service);
/* Whether the partition has this service of its program, and how many it has. */
bool event_services_has(const struct event_pipeline *pipeline, const struct service *service);
size_t event_services_count(const struct event_pipeline *pipeline);
void event_pipeline_close(struct event_pipeline *pipeline);
uint64_t event_pipeline_digest(const struct event_pipeline *pipeline);
/* How many records of RETENTION_COMPLETIONS or RETENTION_FLOWS are kept, their bytes, and the log time of the oldest (0 without records). */
void event_pipeline_kept(const struct event_pipeline *pipeline, enum retention_kind kind, uint64_t *ret_count, uint64_t *ret_bytes,
                         uint64_t *ret_oldest_ms);
/* The log time from which the first of them may be removed; 0: now. False: no record will ever be removed. */
bool event_pipeline_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms);
/* Removes what is beyond the limits, within the budget of the entry at hand. */
void event_pipeline_trim(struct partition *partition, size_t budget);
/* Sums of what a service counted, by number of its metric. */
int64_t *event_pipeline_sums(const struct event_pipeline *pipeline, const struct service *service);
void event_pipeline_holds(const struct event_pipeline *pipeline);

/* Two sections of one pipeline, frozen in time by the number of services: which services there are, before the maps, and what
 * retention will remove, after them. */
extern const struct component event_services_component, event_retention_component;
/* For load_context: whether a service could read this entry of its view or its parts. Adds up what views still need. */
bool event_load_entry(void *pipeline, uint32_t map, struct bytes value);
uint64_t event_load_end(struct event_pipeline *pipeline);     /* their sum, once all sections are loaded */

#endif
