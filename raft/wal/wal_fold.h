/* Computes the state of each group from the records of the shared log.
 *
 * Recovery passes every good record in order. The log also passes each record that it appends, so that it never writes a record
 * that recovery would refuse: a contradicting record is a bug there (the caller's REQUIRE) and damage here.
 *
 * Owns all entries until they are taken. Single threaded. Memory grows with the entries recovered. */
#ifndef RAFT_WAL_WAL_FOLD_H
#define RAFT_WAL_WAL_FOLD_H

#include "raft/wal/wal.h"
#include "raft/wal/wal_record.h"

enum { WAL_FAULT_BYTES = 160 };

/* The end of a group's log. `next_index` is the index that the next entry must have. */
struct wal_cursor { uint64_t term, vote, first_index, next_index; };

/* Whether a record may follow. Each returns NULL, or a constant text that says why not. */
const char *wal_cursor_meta(struct wal_cursor *cursor, uint64_t term, uint64_t vote);
const char *wal_cursor_entries(struct wal_cursor *cursor, uint64_t first_index, size_t count);
const char *wal_cursor_truncate(struct wal_cursor *cursor, uint64_t index);

struct wal_fold_group {
    struct wal_cursor cursor;
    struct wal_entry *entries;
    size_t count, capacity;
};

struct wal_fold {
    struct wal_fold_group *groups;
    uint32_t groups_count;
    uint64_t records;
};

void wal_fold_init(struct wal_fold *fold, uint32_t groups);
void wal_fold_close(struct wal_fold *fold);
/* False if the record contradicts earlier ones or cannot be read; ret_fault then says why. */
bool wal_fold_apply(struct wal_fold *fold, const struct wal_record *record, char ret_fault[WAL_FAULT_BYTES]);
/* Moves a group's entries out; its cursor stays. */
void wal_fold_take(struct wal_fold *fold, uint32_t group, struct wal_group_state *ret_state);
bool wal_fold_holds(const struct wal_fold *fold);

#endif
