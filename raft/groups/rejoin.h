/* What a node that has lost state may not do, and how it becomes whole again (docs/adr/0013-lost-state-is-rejoined.md).
 *
 * Two kinds. LOST_TAIL: durability "os", after a start in another life of the system, as after a power cut: terms and votes are there, the end of
 * the log may not be. LOST_ALL: a new data directory under a known id, asked for with --rejoin: nothing that the earlier life
 * promised is known. In either case a group takes no part in elections, confirms no reads and acknowledges only what is committed
 * without it (guard.apart), until it is whole again:
 *
 * - it durably holds everything up to a commit index which a leader has named over its present link and which covers an entry of
 *   that leader's own term (guard_caught_up);
 * - LOST_ALL only: every other member that is whole in the group has said that its own term is still that one, and they are a
 *   majority of all members; this node's vote of that term is durably the leader's.
 *
 * Each node also keeps in its manifest what it remembers of the others: a link comes up only once the incarnation at its other end
 * is durably known, another incarnation under a known id is let in only while it has promised nothing, and a node that hears of
 * more log than it has stops.
 *
 * Part of the files behind raft/group.h. */
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

/* Of one group. */
struct rejoin_group {
    enum rejoin_step step;
    uint64_t confirmed_term;
    uint32_t confirmed;                    /* bit n: member n said that its term is that one */
    uint64_t save;                         /* number of the manifest that says so */
};

/* What is known of another member. */
struct rejoin_peer {
    enum lost_state lost;
    uint64_t welcome;                      /* number of the manifest that lets its link come up; 0: nothing waits */
    uint64_t position_told;
    bool told;                             /* in this life it was told a position */
};

/* Of a set. */
struct rejoin {
    struct manifest *manifest;             /* NULL: nothing is remembered */
    enum lost_state lost;
    uint32_t left;                         /* groups that are not whole */
    uint64_t recovered;                    /* where the log ended when it was opened */
    uint64_t segment_saved, saved_ms, said_ms;
    uint64_t segment_save, segment_end;    /* save of the manifest for which the log waits, 0: none; and the segment that it asked for */
    bool dirty;                            /* the manifest would say something new */
    bool sync;                             /* durability fsync */
    uint64_t first_save;                   /* number of the first manifest of this start; 0: not yet asked for */
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
