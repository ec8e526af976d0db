/* One instance of the consensus library and the shims that make it safe: the only module that knows the library's internals (D2).
 *
 * All calls of the library are in this module. After each call `settle` runs: sends complete, progress is
 * corrected, a new leader writes its barrier, held answers continue, listeners are told about a change. raft/README.md lists the shims,
 * their purpose and their tests. The build refuses any other version of the library.
 *
 * Snapshots: guard_snapshot.h. Not needed before membership changes exist: S8', S15, S16, S20.
 *
 * Threads: one loop. Do not call these functions from the events. Only for the files that implement raft/group.h. */
#ifndef RAFT_GUARD_GUARD_H
#define RAFT_GUARD_GUARD_H

#include <raft.h>

#include "grid/base/limits.h"
#include "raft/guard/group_io.h"
#include "raft/guard/guard_shims.h"

struct guard_events {
    void *context;
    /* Whether the entry may be applied; false: neither it nor a later entry is applied, and the instance stops. */
    bool (*admit)(void *context, uint64_t index, struct bytes command);
    /* Entry `index` is committed; `command` is borrowed. */
    void (*apply)(void *context, uint64_t index, uint64_t term, struct bytes command);
    /* Role, term or readiness have changed since the last call. */
    void (*changed)(void *context);
    /* The library gave up on this instance: fatal for the node. Once. */
    void (*broken)(void *context, const char *what);
};

struct guard_options {
    struct node_id self;
    uint64_t disabled;                         /* shims switched off */
    uint32_t election_timeout_ms, heartbeat_ms;
    uint32_t append_entries_max;               /* 0: APPEND_ENTRIES_MAX */
    struct guard_events events;
};

/* An answer that waits for the leader's own disk (S2). */
struct guard_held { struct node_id from; struct raft_append_entries_result result; };
enum { GUARD_HELD_MAX = 256 };

struct guard {
    struct raft raft;
    struct raft_fsm fsm;
    struct group_io io;
    struct guard_options options;
    bool started, broken;
    bool refused;                              /* an entry was not admitted: the instance stops, but it is not an error */
    /* S1: entries up to here passed the log matching test in this term. */
    uint64_t verified_term, verified_index;
    /* By position in the configuration. S21: the first index of the AppendEntries that was cut; 0: none. */
    uint64_t cut_first[REPLICAS_MAX];
    /* An AppendEntries found no link. */
    bool lost[REPLICAS_MAX];
    struct guard_held *held;
    size_t held_count;
    /* The barrier that proves leadership of this term: written, committed and applied. */
    uint64_t barrier_term, ready_term;
    struct raft_barrier barrier;
    /* Target of a requested transfer of leadership (S9); 0: none. */
    struct node_id transfer_target;
    uint64_t transfer_started_ms;
    struct raft_transfer transfer;
    /* This node has lost state of the group: it does not vote, starts no election, and acknowledges only entries that are committed without it. */
    bool apart;
    /* A snapshot is being installed: nothing goes into the library. */
    bool frozen;
    /* The entries up to here may be released. */
    uint64_t release_to;
    /* The commit index that the leader of a term sent over its present link, not clamped. */
    uint64_t heard_term, heard_commit;
    struct node_id heard_from;
    /* Time of the last tick; and by position in the configuration, that at which this leader last had an answer, plus 1 (0: never). */
    uint64_t tick_ms, answered_ms[REPLICAS_MAX];
    /* There seems to be no leader: how many early elections remain, and the time of the next one, unless this node has
     * voted in `early_term` meanwhile. */
    unsigned early_elections;
    uint64_t early_at_ms, early_term;
    /* The arguments of the last call of `changed`. */
    unsigned short state_told;
    uint64_t term_told;
    bool ready_told;
};

/* Takes `state`. The memory must not move from here on. */
void guard_init(struct guard *guard, const struct guard_options *options, struct group_io_host *host, uint32_t group,
                struct wal_group_state *state);
/* Writes the configuration of a new group: all members are voters. */
void guard_bootstrap(struct guard *guard, const struct node_id *members, size_t members_count);
/* Whether the recovered group has exactly these voters. Only before start. */
bool guard_members_match(const struct guard *guard, const struct node_id *members, size_t members_count);
void guard_start(struct guard *guard);
/* Ends every proposal with RAFT_LEADERSHIPLOST and frees everything. */
void guard_close(struct guard *guard);

/* Takes the entries of the message. */
void guard_receive(struct guard *guard, struct raft_message *message);
void guard_tick(struct guard *guard);
/* Copies `command`. `request` and `done` as in raft_apply. Only when guard_ready and not guard_handing_over. */
void guard_propose(struct guard *guard, struct raft_apply *request, struct bytes command, raft_apply_cb done);
/* Only when guard_ready; `target` is another voter. */
void guard_transfer(struct guard *guard, struct node_id target);

/* Whether this node takes full part in the group again (raft/groups/rejoin.h). */
void guard_set_apart(struct guard *guard, bool apart);
/* Whether a leader of the present term has sent a commit index over its present link, the entry at that index is of its own term, and this
 * node durably holds everything up to it: everything that was committed before the link came up. */
bool guard_caught_up(const struct guard *guard);
/* Gives this node's vote in the present term to the elected leader, so that no other candidate can get it. */
void guard_vote_for_leader(struct guard *guard);

/* The link to `node` ended, for example because its process died. If this node followed `node`, it now follows no leader, may vote for others, and starts
 * an election after a few heartbeats instead of the election timeout, unless it hears from a leader before. Only liveness depends on
 * this: a link can end for many reasons. Returns whether this node followed `node`. */
bool guard_link_ended(struct guard *guard, struct node_id node);
/* There is a new link to `node`. The process at its other end may have less log than the previous one: a leader forgets
 * the earlier acknowledgements of `node` and probes it at the next tick (S24). */
void guard_link_began(struct guard *guard, struct node_id node);
/* Links to all members are up. If this node follows no leader, it hears from one within a few heartbeats; otherwise, for example after a common
 * start, it starts an election early, too. */
void guard_links_complete(struct guard *guard);
/* Another link came up, and now a majority is connected. If this node started elections without success, as every node does during a cut, it
 * tries again within a few heartbeats instead of an election timeout. */
void guard_links_suffice(struct guard *guard);
enum guard_role { GUARD_FOLLOWER, GUARD_CANDIDATE, GUARD_LEADER };
enum guard_role guard_role(const struct guard *guard);
/* True: this node is leader, and its barrier is committed and applied. */
bool guard_ready(const struct guard *guard);
bool guard_transferring(const struct guard *guard);
/* For a moment no proposals are accepted: the target of a transfer has the whole log or will have it soon. */
bool guard_handing_over(struct guard *guard);
/* Whether the voter answered this leader within the last heartbeats. */
bool guard_peer_recent(struct guard *guard, struct node_id node);
/* Number of this leader's entries that the voter has not acknowledged. Only on the leader. */
uint64_t guard_peer_lag(const struct guard *guard, struct node_id node);
uint64_t guard_term(const struct guard *guard);
uint64_t guard_commit_index(const struct guard *guard);
/* What the leader said last of its commit index, or the own one on the leader; 0: nothing since the link to it came up. */
uint64_t guard_leader_commit(const struct guard *guard);
uint64_t guard_applied_index(const struct guard *guard);
uint64_t guard_last_index(const struct guard *guard);
struct node_id guard_leader(const struct guard *guard);
uint32_t guard_voters(const struct guard *guard);
bool guard_holds(const struct guard *guard);

#endif
