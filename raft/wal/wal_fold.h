/* Computes the state of each group from the records of the shared log.
 *
 * A log whose oldest segments were removed begins with a state record for each group: their entries before that are not there. By its end
 * a snapshot must cover all of them (wal_fold_missing).
 *
 * Recovery passes every good record in order. The log also passes each record that it appends, so that it never writes a record
 * that recovery would refuse: a contradicting record is a bug there (the caller's REQUIRE) and damage here.
 *
 * Owns all entries until they are taken. Single threaded. Memory grows with the entries recovered. */
#ifndef RAFT_WAL_WAL_FOLD_H
#define RAFT_WAL_WAL_FOLD_H

#include "raft/wal/wal.h"
#include "raft/wal/wal_live.h"
#include "raft/wal/wal_record.h"

enum { WAL_FAULT_BYTES = 160 };

/* The end of a group's log. `next_index` is the index that the next entry must have. */
struct wal_cursor { uint64_t term, vote, first_index, next_index; };

/* Whether a record may follow. Each returns NULL, or a constant text that says why not. */
const char *wal_cursor_meta(struct wal_cursor *cursor, uint64_t term, uint64_t vote);
const char *wal_cursor_entries(struct wal_cursor *cursor, uint64_t first_index, size_t count);
const char *wal_cursor_truncate(struct wal_cursor *cursor, uint64_t index);
const char *wal_cursor_snapshot(struct wal_cursor *cursor, uint64_t index);
const char *wal_cursor_install(struct wal_cursor *cursor, uint64_t index);

struct wal_fold_group {
    struct wal_cursor cursor;
    struct wal_snapshot snapshot;             /* owns its configuration */
    uint64_t held;                            /* index of the first of `entries`; those from cursor.first_index to it were not in the log */
    struct wal_entry *entries;
    size_t count, capacity;
    bool stated;                              /* the log began with a state of this group */
};

struct wal_fold {
    struct wal_fold_group *groups;
    uint32_t groups_count;
    uint64_t records;
    bool begun;                               /* false: state records are the first that is known of their groups */
    struct wal_live live;
};

void wal_fold_init(struct wal_fold *fold, uint32_t groups);
void wal_fold_close(struct wal_fold *fold);
/* False if the record contradicts earlier ones or cannot be read; ret_fault then says why. */
bool wal_fold_apply(struct wal_fold *fold, const struct wal_record *record, char ret_fault[WAL_FAULT_BYTES]);
/* The records that follow are in the segment at `base`. For the first one of a log: whether it is the log's very first. */
void wal_fold_segment(struct wal_fold *fold, uint64_t base);
/* Whether the log may begin with what was applied so far: with its first bytes, or with the state of every group. */
bool wal_fold_begin(struct wal_fold *fold);
/* The first group whose entries are not all there; false: none. */
bool wal_fold_missing(const struct wal_fold *fold, uint32_t *ret_group, uint64_t *ret_first, uint64_t *ret_last);
/* The state records of a new segment, and the snapshot that the group noted. */
void wal_fold_state(const struct wal_fold *fold, uint32_t group, struct wal_state_view *ret_state);
void wal_fold_note(struct wal_fold *fold, uint32_t group, const struct wal_snapshot *snapshot);
/* Moves a group's entries out; its cursor stays. */
void wal_fold_take(struct wal_fold *fold, uint32_t group, struct wal_group_state *ret_state);
bool wal_fold_holds(const struct wal_fold *fold);

#endif
