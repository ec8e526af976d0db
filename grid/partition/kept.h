/* What a partition keeps for a limited time, over all kinds of retention (grid/partition/settings.h): how much there is, and removing what is
 * beyond the limits. Everything is decided by log time and state, so that all replicas remove the same at the same entry.
 *
 * Sizes are known in constant time; that of all journals is looked up map by map. Private to the partition. */
#ifndef GRID_PARTITION_KEPT_H
#define GRID_PARTITION_KEPT_H

#include "grid/partition/partition_internal.h"

/* At the beginning of an entry, whose commands remove no more than this in all. */
void kept_begin_entry(struct partition *partition);
void kept_tick(struct partition *partition);
/* Earliest log time at which a Tick removes something, 0: now; false: never. */
bool kept_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms);
/* By kind, RETENTION_LAST of them. */
void kept_status(const struct partition *partition, struct retention_status ret_status[RETENTION_LAST]);
/* After the settings, or the level, changed. */
void kept_adopt(struct partition *partition);

#endif
