/* Where a reader of a journal begins, and what it missed (I25).
 *
 * A position that was dropped is moved to the oldest record kept, and what lies between is told as (from, to): never
 * silently. One that lies ahead stays where it is. Pure; no state, no ownership. */
#ifndef GRID_JOURNAL_CURSOR_H
#define GRID_JOURNAL_CURSOR_H

#include "grid/journal/journal.h"

struct cursor {
    uint64_t next;                     /* the first record to read */
    uint64_t dropped_from, dropped_to; /* asked for, and gone; 0: nothing */
};

struct cursor cursor_at_oldest(const struct journal *journal);
struct cursor cursor_at_newest(const struct journal *journal);                         /* behind all that is there */
struct cursor cursor_at_sequence(const struct journal *journal, uint64_t sequence);    /* 0 counts as 1 */
/* At the first record at that time or after it. Of those that were dropped only the last is told: the times of the
 * others are not known any more. */
struct cursor cursor_at_time(const struct journal *journal, uint64_t log_time_ms);

#endif
