/* Map entries that are kept for a while only: completions and tombstones. Bounded by log time and count, both decided by
 * what is applied, so that every replica forgets the same entry at the same moment.
 *
 * Shape: a first-in first-out queue of (map, key, version, end). An entry that was overwritten since is left alone.
 * Entries leave in the order in which they came, so a shorter time behind a longer one waits for it.
 * Copies keys; borrows the maps for the call. Single threaded; time is log time. */
#ifndef GRID_PARTITION_EVENTS_RETENTION_H
#define GRID_PARTITION_EVENTS_RETENTION_H

#include "grid/partition/maps/maps.h"

struct retention;

/* Version of an entry that nobody overwrites, because its key is used once: it is forgotten without a look. */
enum { RETENTION_ANY_VERSION = 0 };

struct retained { struct map_id map; struct bytes key, affinity; uint64_t version, end_ms; };

struct retention *retention_open(uint64_t count_max);          /* 0: no bound by count */
void retention_close(struct retention *retention);
void retention_add(struct retention *retention, const struct retained *entry);
/* Forgets what is past its end or past the count, at most `budget` entries; returns how many. */
size_t retention_trim(struct retention *retention, struct maps *maps, uint64_t now_ms, size_t budget);
/* Asks for the memory of the entry that would be forgotten first; a look ahead, changes nothing. */
struct map_ahead retention_fetch(const struct retention *retention, const struct maps *maps);
uint64_t retention_count(const struct retention *retention);
uint64_t retention_digest(const struct retention *retention);
void retention_holds(const struct retention *retention);

#endif
