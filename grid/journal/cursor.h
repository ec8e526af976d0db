/* Where a reader of a journal begins, and which records it missed (I25).
 *
 * If the record at a position was dropped, the cursor moves to the oldest record, and (dropped_from, dropped_to) names the missed
 * records. A position after the newest record stays. Pure; no state, no ownership. */
#ifndef GRID_JOURNAL_CURSOR_H
#define GRID_JOURNAL_CURSOR_H

#include "grid/journal/journal.h"

struct cursor {
    uint64_t next;                     /* the first record to read */
    uint64_t dropped_from, dropped_to; /* requested records that were dropped; 0: none */
};

struct cursor cursor_at_oldest(const struct journal *journal);
struct cursor cursor_at_newest(const struct journal *journal);                         /* after the newest record */
struct cursor cursor_at_sequence(const struct journal *journal, uint64_t sequence);    /* 0 counts as 1 */
/* At the first record with that time or a later one. If records were dropped, only the last of them is named, because the times of the
 * others are unknown. */
struct cursor cursor_at_time(const struct journal *journal, uint64_t log_time_ms);

#endif
