/* Map entries that are kept for a limited time: completions and tombstones. Bounded by log time and count, both of which follow from
 * applied entries, so that every replica removes the same entry at the same log position.
 *
 * Shape: a first-in first-out queue of (map, key, version, end). An entry that was overwritten since is not removed.
 * Entries are removed in the order in which they were added, so an entry with a shorter time waits for an earlier one with a longer time.
 * Copies keys; borrows the maps for the call. Single threaded; time is log time. */
#ifndef GRID_PARTITION_EVENTS_RETENTION_H
#define GRID_PARTITION_EVENTS_RETENTION_H

#include "grid/partition/component.h"
#include "grid/partition/maps/maps.h"

struct retention;

/* Version of an entry that is never overwritten, because its key is used once: it is removed without a check. */
enum { RETENTION_ANY_VERSION = 0 };

struct retained { struct map_id map; struct bytes key, affinity; uint64_t version, end_ms; };

struct retention *retention_open(uint64_t count_max);          /* 0: no bound by count */
void retention_close(struct retention *retention);
void retention_add(struct retention *retention, const struct retained *entry);
/* Removes entries past their end or beyond the count, at most `budget`; returns how many. */
size_t retention_trim(struct retention *retention, struct maps *maps, uint64_t now_ms, size_t budget);
/* Prefetches the memory of the entry that will be removed next; changes nothing. */
struct map_ahead retention_fetch(const struct retention *retention, const struct maps *maps);
uint64_t retention_count(const struct retention *retention);
uint64_t retention_digest(const struct retention *retention);
void retention_holds(const struct retention *retention);

/* ---- snapshots (component.h): the queue's part of a section, in records of one kind. Frozen in constant time. */
void retention_freeze(struct retention *retention);
uint64_t retention_frozen_count(const struct retention *retention);    /* records that are not written yet */
bool retention_save(struct retention *retention, uint8_t kind, size_t size_max, struct buffer *out);
void retention_thaw(struct retention *retention);
enum grid_err retention_load(struct retention *retention, const struct load_context *context, struct reader *body, const char **ret_note);

#endif
