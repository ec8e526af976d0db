/* The replay after a start: entries that are in the log at the start are applied again once leaders say that they are committed.
 * Logs the progress and the total time.
 *
 * For the files that implement raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_REPLAY_H
#define RAFT_GROUPS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct group;
struct group_set;

enum { REPLAY_SAY_EVERY_MS = 5000 };

struct replay {
    uint64_t entries, applied;                /* of all groups: in the log at the start, behind the snapshots; of these, applied */
    uint64_t since_ms, said_ms, said_applied;
    uint32_t calls;
    bool going_on;
};

/* Part of a group. */
struct replay_group { uint64_t last, at; };   /* index of the last entry at the start, and of the last applied one; equal: done */

/* All groups are open, and none has started. */
void replay_begin(struct group_set *set);
/* The entry is applied. Only while group->replay.at < group->replay.last. */
void replay_applied(struct group *group, uint64_t index);
/* At every tick. */
void replay_tick(struct group_set *set);

#endif
