/* The journal of one map in one partition: its last changes, in order, numbered densely.
 *
 * Shape: a first-in first-out queue of records, each in one block, behind an array that grows to the number of records.
 * Bounded by count, bytes and age in log time; records beyond the bounds are dropped from the front, and a reader that
 * requests them is told so. Copies records; returned views are borrowed until the next change. Single threaded.
 * Time is log time, given by the caller, and never decreases. */
#ifndef GRID_JOURNAL_JOURNAL_H
#define GRID_JOURNAL_JOURNAL_H

#include "grid/journal/record.h"

struct journal;

struct journal_capacity {
    uint64_t entries, bytes;           /* at least 1; the newest record is always kept, even if it is larger */
    uint64_t age_ms;                   /* 0: no bound */
};

/* An empty journal whose next record gets number `next`, from 1. */
struct journal *journal_open(uint64_t next, const struct journal_capacity *capacity);
void journal_close(struct journal *journal);                       /* NULL is allowed */
/* Smaller bounds drop records in small steps: with each append, and by journal_trim. */
void journal_resize(struct journal *journal, const struct journal_capacity *capacity);
/* Numbers and appends a record; its field `sequence` is ignored. Returns its number. */
uint64_t journal_append(struct journal *journal, const struct journal_record *record);
/* Drops records that are too old or too many, at most `count_max`; returns how many. */
size_t journal_trim(struct journal *journal, uint64_t now_ms, size_t count_max);
/* Frees up to `count_max` records of a journal that is not used any more; true when none is left. */
bool journal_discard(struct journal *journal, size_t count_max);

uint64_t journal_oldest(const struct journal *journal);            /* number of the oldest kept; journal_next when empty */
uint64_t journal_next(const struct journal *journal);              /* number of the next record */
uint64_t journal_bytes(const struct journal *journal);
/* False: dropped, or not written yet. */
bool journal_find(const struct journal *journal, uint64_t sequence, struct journal_record *ret_record);
/* Number of the first record that was written at this log time or later; journal_next: none. */
uint64_t journal_since(const struct journal *journal, uint64_t log_time_ms);
/* Log time of the newest record that was dropped; 0: none was. */
uint64_t journal_dropped_ms(const struct journal *journal);
/* When the oldest record will be too old, 0 when there are too many; false: never. */
bool journal_due_ms(const struct journal *journal, uint64_t *ret_due_ms);
uint64_t journal_trail(const struct journal *journal);             /* running hash of all records ever appended */
/* ---- snapshots. What the journal contains now can be read record by record while it goes on; a record that is dropped
 * meanwhile is kept until it was read. */
struct journal_numbers { uint64_t next, trail, dropped_ms, records; };
struct journal_numbers journal_numbers(const struct journal *journal);
void journal_freeze(struct journal *journal);
/* The next frozen record, borrowed until journal_frozen_pass; its sequence is not given. False: no more. */
bool journal_frozen(const struct journal *journal, struct journal_record *ret_record);
void journal_frozen_pass(struct journal *journal);
void journal_thaw(struct journal *journal);                        /* at any time, also when nothing is frozen */
/* An empty journal that will get the records of a saved one, oldest first: it has their numbers and loses none of them, even beyond
 * its bounds. */
struct journal *journal_restore(const struct journal_numbers *numbers, const struct journal_capacity *capacity);
void journal_restore_record(struct journal *journal, const struct journal_record *record);

/* Also of the records that are kept; O(n). */
uint64_t journal_digest(const struct journal *journal);
void journal_holds(const struct journal *journal);                 /* O(n) */

#endif
