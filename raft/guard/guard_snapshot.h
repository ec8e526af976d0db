/* Snapshots of one instance: those that this node takes, and those that a leader sent. Part of the guard; raft/groups calls it.
 *
 * The library takes no snapshot and never sees InstallSnapshot. Its own log is shortened here, once the note of a snapshot is durable:
 * the library would take one only right after it has applied an entry, so that an idle group would never get one.
 *
 * S11': an installed snapshot replaces the log by re-creating the instance from what is then on the disk, which is the same as a start:
 * until the one record that says so is durable, the old instance works; after it, a new one. A crash in between leaves the one or the other.
 *
 * Voters are static, so that the configuration of every snapshot is that of entry 1. With membership changes this needs a table of
 * configurations (S8').
 *
 * Threads: one loop. Do not call from the events of the guard. */
#ifndef RAFT_GUARD_GUARD_SNAPSHOT_H
#define RAFT_GUARD_GUARD_SNAPSHOT_H

#include "raft/guard/guard.h"

/* What a snapshot of the machine's present state is of. Index 0: nothing was applied since the newest snapshot. The configuration is
 * borrowed until the next call. */
struct wal_snapshot guard_snapshot_head(const struct guard *guard);
/* Index of the newest snapshot that is noted in the log; 0: none. */
uint64_t guard_snapshot_index(const struct guard *guard);
/* The file of the snapshot is durable: notes it in the log. Returns the lsn at which that is durable. */
uint64_t guard_snapshot_note(struct guard *guard, const struct wal_snapshot *snapshot);
/* The note is durable. Entries before it may be released, except for the newest ones: `trailing_bytes` for members that are a little behind; the leader
 * keeps TRAILING_SLOW times as much for one that answers but is further behind. */
void guard_snapshot_noted(struct guard *guard, uint64_t trailing_bytes);
/* Releases up to `max` entries. True: there are more. */
bool guard_release(struct guard *guard, size_t max);

enum { TRAILING_SLOW = 16 };

/* Whether the leader does not keep what the member lacks: it needs the snapshot. */
bool guard_peer_lacks(const struct guard *guard, struct node_id node);

/* ---- a complete, verified snapshot of the leader `from` of `term` */

struct guard_install { struct node_id from; uint64_t term, index, last_term; };

/* Whether this follower of the leader has all of it already; then the leader is told so. The file need not be complete: an offer is enough. */
bool guard_install_needless(struct guard *guard, const struct guard_install *install);
/* Whether it brings news. If not, and the term is still that one, the leader is told what is here. */
bool guard_install_wanted(struct guard *guard, const struct guard_install *install);
/* Stops the instance until guard_install_end: the machine has loaded the snapshot and is ready to take it. */
void guard_install_freeze(struct guard *guard);
/* The instance goes on with what it has. */
void guard_install_thaw(struct guard *guard);
enum guard_install_step { GUARD_INSTALL_WAITS, GUARD_INSTALL_OVERTAKEN, GUARD_INSTALL_READY };
/* After every write that completes. OVERTAKEN: entries that were under way have brought the same; the instance goes on. */
enum guard_install_step guard_install_step(struct guard *guard, const struct guard_install *install);
/* The instance is frozen and READY, and the file is durable: notes that it replaces the log. Returns the lsn of that. */
uint64_t guard_install_note(struct guard *guard, const struct wal_snapshot *snapshot);
/* The note is durable and the machine has the state: starts the instance anew from it, and answers the leader. */
void guard_install_end(struct guard *guard, const struct guard_install *install);

#endif
