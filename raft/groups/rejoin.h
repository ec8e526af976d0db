/* Restrictions of a node that has lost state, and how it becomes whole again (docs/adr/0013-lost-state-is-rejoined.md).
 *
 * There are two kinds. LOST_TAIL: durability "os" and a start in another boot of the system, for example after a power cut: terms and votes are present, the
 * end of the log may be missing. LOST_ALL: a new data directory for a known id, started with --rejoin: all promises of the earlier life
 * are unknown. In both cases a group takes no part in elections, confirms no reads and acknowledges only entries that are committed
 * without it (guard.apart), until it is whole again:
 *
 * - it durably holds everything up to a commit index which a leader has named over its present link and which covers an entry of
 *   that leader's own term (guard_caught_up);
 * - LOST_ALL only: every other member that is whole in the group has said that its own term is still that one, and they are a
 *   majority of all members; this node's vote of that term is durably the leader's.
 *
 * Each node also keeps in its manifest what it knows about the other nodes. A link comes up only after the incarnation of its other end
 * is stored durably; another incarnation of a known id is accepted only while it has promised nothing; a node stops if a peer remembers
 * a longer log than the node has.
 *
 * One of the files that implement raft/group.h. */
#ifndef RAFT_GROUPS_REJOIN_H
#define RAFT_GROUPS_REJOIN_H

#include "grid/base/metric.h"
#include "raft/wal/manifest.h"
#include "raft/peers/peers.h"
#include "raft/guard/raft_message.h"

struct group;
struct group_set;
struct group_set_options;

enum rejoin_step { REJOIN_WHOLE, REJOIN_BEHIND, REJOIN_VOTED, REJOIN_SAVING };

/* State of one group. */
struct rejoin_group {
    enum rejoin_step step;
    uint64_t confirmed_term;
    uint32_t confirmed;                    /* bit n: member n said that its term is that one */
    uint64_t save;                         /* number of the manifest save that stores this */
};

/* What this node knows about another member. */
struct rejoin_peer {
    enum lost_state lost;
    uint64_t welcome;                      /* number of the manifest save that its link waits for; 0: none */
    uint64_t position_told;
    bool told;                             /* this process has sent it a position */
};

/* State of a set. */
struct rejoin {
    struct manifest *manifest;             /* NULL: nothing is remembered */
    enum lost_state lost;
    uint32_t left;                         /* groups that are not whole */
    uint64_t recovered;                    /* where the log ended when it was opened */
    uint64_t segment_saved, saved_ms, said_ms;
    uint64_t segment_save, segment_end;    /* manifest save that the log waits for, 0: none; and the end of the segment that requested it */
    bool dirty;                            /* the manifest has unsaved changes */
    bool sync;                             /* durability fsync */
    uint64_t first_save;                   /* number of the first manifest save of this start; 0: not yet requested */
    struct rejoin_peer peers[REPLICAS_MAX];
    struct metric_gauge *gauge;
};

/* Once the log is open and before the groups are made. */
void rejoin_open(struct group_set *set, const struct group_set_options *options);
void rejoin_register(struct group_set *set);
/* As a group is made. */
void rejoin_group_init(struct group *group);
void rejoin_tick(struct group_set *set);
/* wal_options.segment_begun; only with a manifest. */
void rejoin_segment_begun(struct group_set *set, uint64_t segment_end);
void rejoin_link(struct group_set *set, struct node_id peer, bool up);

#endif
