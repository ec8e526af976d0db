/* Reading the library's log and its configuration from outside. Part of the guard. */
#ifndef RAFT_GUARD_GUARD_LOG_H
#define RAFT_GUARD_GUARD_LOG_H

#include <raft.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t guard_log_last(const struct raft *raft);
/* NULL when the log does not hold the entry. */
const struct raft_entry *guard_log_entry(const struct raft *raft, uint64_t index);
/* 0 when it is not known. */
uint64_t guard_log_term(const struct raft *raft, uint64_t index);

uint32_t guard_log_voters(const struct raft *raft);
bool guard_log_only_voter(const struct raft *raft);
/* Position in the configuration, or its size. */
unsigned guard_log_position(const struct raft *raft, uint64_t id);

/* The library's logSnapshot: what lies up to `index` is in a snapshot. Releases nothing. */
void guard_log_snapshot(struct raft *raft, uint64_t index);
/* Removes the entries up to `index`, at most that of the snapshot; `each` is told the size of each one. */
void guard_log_release(struct raft *raft, uint64_t index, void (*each)(void *context, size_t size), void *context);

/* Highest index of which a majority of voters hold everything, if `id` holds at least everything up to `has`. */
uint64_t guard_log_majority(const struct raft *raft, uint64_t id, uint64_t has);

#endif
