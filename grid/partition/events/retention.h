/* Map entries that are kept for a limited time: completions, tombstones and ended flows. Bounded by log time, count and bytes, all of which
 * follow from applied entries, so that every replica removes the same entry at the same log position.
 *
 * Shape: a first-in first-out queue of (map, key, version, time). An entry that was overwritten since is not removed.
 * Entries are removed in the order in which they were added, so an entry with a shorter time waits for an earlier one with a longer time.
 * Copies keys; borrows the maps for the call. Single threaded; time is log time. */
#ifndef GRID_PARTITION_EVENTS_RETENTION_H
#define GRID_PARTITION_EVENTS_RETENTION_H

#include "grid/partition/component.h"
#include "grid/partition/maps/maps.h"

struct retention;

/* Version of an entry that is never overwritten, because its key is used once: it is removed without a check. */
enum { RETENTION_ANY_VERSION = 0 };

/* `time_ms`: when it ended, or with `ends` of retention_open when it may go. `bytes`: what its removal frees; `events`: of a flow. */
struct retained { struct map_id map; struct bytes key, affinity; uint64_t version, time_ms; uint32_t bytes, events; };

/* `ends`: entries say when they may go, and limits on age do not apply. */
struct retention *retention_open(bool ends);
void retention_close(struct retention *retention);
void retention_add(struct retention *retention, const struct retained *entry);
/* Removes entries that are too old, or too many in count or bytes; at most `budget`. Returns how many. */
size_t retention_trim(struct retention *retention, const struct retention_limits *limits, struct maps *maps, uint64_t now_ms, size_t budget);
/* The oldest entry, borrowed until the next change. False: no entry is kept. `ret_due_ms`: the log time from which it may be removed; 0: now, because
 * of count or bytes; UINT64_MAX: never. */
bool retention_oldest(const struct retention *retention, const struct retention_limits *limits, struct retained *ret_oldest, uint64_t *ret_due_ms);
/* Forgets the oldest entry and leaves the maps as they are. */
void retention_pass(struct retention *retention);
/* Prefetches the memory of the entry that will be removed next; changes nothing. */
struct map_ahead retention_fetch(const struct retention *retention, const struct retention_limits *limits, const struct maps *maps);
uint64_t retention_count(const struct retention *retention);
uint64_t retention_bytes(const struct retention *retention);
uint64_t retention_digest(const struct retention *retention);
void retention_holds(const struct retention *retention);

/* ---- snapshots (component.h): the queue's part of a section, in records of one kind. Frozen in constant time. */
void retention_freeze(struct retention *retention);
uint64_t retention_frozen_count(const struct retention *retention);    /* records that are not written yet */
bool retention_save(struct retention *retention, uint8_t kind, size_t size_max, struct buffer *out);
void retention_thaw(struct retention *retention);
enum grid_err retention_load(struct retention *retention, const struct load_context *context, struct reader *body, const char **ret_note);

#endif
