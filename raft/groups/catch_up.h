/* Members that lack entries which their leader no longer keeps get its snapshot.
 *
 * At every tick a node looks which member of a group that it leads lacks the group's snapshot (install.h), and sends the file: one at a time to each
 * member (raft/snapshot/transfers.h), the groups in turn, the next one as soon as one has ended. The member installs a complete file. A transfer ends early when this node no longer
 * leads the group in that term. After a transfer the group waits CATCH_UP_PAUSE_MS for this member, so that it can install the file; after a failure, too.
 *
 * For the files that implement raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_CATCH_UP_H
#define RAFT_GROUPS_CATCH_UP_H

#include "grid/base/ids.h"
#include "grid/base/limits.h"

struct group_set;
struct group_set_options;
struct transfers;

enum { CATCH_UP_PAUSE_MS = 1000, CATCH_UP_SAY_MS = 60000 };

/* What goes to one member. */
struct catch_up_member {
    bool sending;
    uint32_t group;
    uint64_t term, index;
    uint32_t turn;                            /* the group that is looked at first */
    uint64_t *not_before_ms;                  /* by group: 0, or when it may be sent again */
};

struct catch_up {
    struct transfers *transfers;
    struct catch_up_member members[REPLICAS_MAX];    /* by position */
};

/* After snapshots_open and peers_open, before peers_start. */
void catch_up_open(struct group_set *set, const struct group_set_options *options);
void catch_up_tick(struct group_set *set);
void catch_up_close(struct group_set *set);

#endif
