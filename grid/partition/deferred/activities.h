/* Unfinished effects outside the grid (D8), each with a token fixed in the log.
 *
 * Shape: records in the order of their ids, which are given from 1 in the order of starting. An activity is finished by
 * its first result; later results find nothing. Owns the records. Single threaded, no time. */
#ifndef GRID_PARTITION_DEFERRED_ACTIVITIES_H
#define GRID_PARTITION_DEFERRED_ACTIVITIES_H

#include "grid/base/arena.h"
#include "grid/partition/component.h"
#include "grid/partition/partition.h"

struct activities;

/* The aggregate that started it, and its request. */
struct activity_record {
    uint32_t service, kind;                /* kind: the service's own number for it */
    struct bytes key, affinity;            /* of the aggregate */
    struct bytes token, request;           /* token: idempotency key; request: what to do, opaque here */
    struct trace_context trace;
    struct bytes principal;                /* on whose behalf; empty: nobody */
};

struct activities *activities_open(void);
void activities_close(struct activities *activities);
/* Copies; returns the id. */
uint64_t activities_start(struct activities *activities, const struct activity_record *record);
/* An unfinished activity, copied into the arena. False: unknown or finished. */
bool activities_find(const struct activities *activities, uint64_t id, struct arena *arena,
                     struct activity_record *ret_record);
/* Removes an unfinished activity; the record is copied into the arena. False: unknown or finished before. */
bool activities_finish(struct activities *activities, uint64_t id, struct arena *arena,
                       struct activity_record *ret_record);
uint64_t activities_count(const struct activities *activities);
bool activities_next(const struct activities *activities, uint64_t after, struct partition_activity *ret_activity);
uint64_t activities_digest(const struct activities *activities);
void activities_holds(const struct activities *activities);

/* Frozen in constant time: an activity never changes, and one that is finished is kept until it is written. */
extern const struct component activities_component;

#endif
