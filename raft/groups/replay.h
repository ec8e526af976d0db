/* The replay after a start: the entries that were in the log then are applied again, as soon as leaders say that they are committed.
 * Says in the log of the node how far it is, and how long it took.
 *
 * For the files behind raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_REPLAY_H
#define RAFT_GROUPS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct group;
struct group_set;

enum { REPLAY_SAY_EVERY_MS = 5000 };

struct replay {
    uint64_t entries, applied;                /* of all groups: in the log at the start; of these, applied */
    uint64_t since_ms, said_ms, said_applied;
    uint32_t calls;
    bool going_on;
};

/* Part of a group. */
struct replay_group { uint64_t last, at; };   /* index of the last entry at the start; of the last one applied; equal: done */

/* All groups are open, and none has started. */
void replay_begin(struct group_set *set);
/* The entry is applied. Only while group->replay.at < group->replay.last. */
void replay_applied(struct group *group, uint64_t index);
/* At every tick. */
void replay_tick(struct group_set *set);

#endif
