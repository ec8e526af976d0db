/* Unfinished effects outside the grid (D8), with their token fixed in the log.
 *
 * Shape: records in the order of their ids, which are given from 1 in the order of starting. An activity is finished by
 * its first result; later results find nothing. Owns the records. Single threaded, no time. */
#ifndef GRID_PARTITION_DEFERRED_ACTIVITIES_H
#define GRID_PARTITION_DEFERRED_ACTIVITIES_H

#include "grid/base/arena.h"
#include "grid/partition/partition.h"

/* Outcome of an ActivityResult beside those of enum payment_outcome: the destination is not asked for a while, the
 * activity goes on. */
enum { ACTIVITY_POSTPONED = 3 };

struct activities;

/* Who asked, and for what. */
struct activity_record {
    uint32_t service, number, operation;   /* operation: enum payment_operation */
    struct bytes key, affinity;            /* of the aggregate */
    struct bytes token, order, currency;   /* token: idempotency key */
    int64_t amount_minor;
    struct trace_context trace;
    struct bytes principal;                /* on whose behalf; empty: nobody's */
};

struct activities *activities_open(void);
void activities_close(struct activities *activities);
/* Copies; returns the id. */
uint64_t activities_start(struct activities *activities, const struct activity_record *record);
/* An unfinished activity, copied into the arena. False: unknown or finished. */
bool activities_find(const struct activities *activities, uint64_t id, struct arena *arena,
                     struct activity_record *ret_record);
/* Takes an unfinished activity out; the record is copied into the arena. False: unknown or finished before. */
bool activities_finish(struct activities *activities, uint64_t id, struct arena *arena,
                       struct activity_record *ret_record);
uint64_t activities_count(const struct activities *activities);
bool activities_next(const struct activities *activities, uint64_t after, struct partition_activity *ret_activity);
uint64_t activities_digest(const struct activities *activities);
void activities_holds(const struct activities *activities);

#endif
