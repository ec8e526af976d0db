/* Room on the disks of the members, and what follows from it (I38, ADR 0020).
 *
 * A disk counts as full when the log cannot take another ENTRY_BYTES_MAX (or what the options say), and as free again when it can take twice as much: leaders
 * stop while followers still take what is under way. Members tell each other (FRAME_ROOM): at every change, on a new link, and once a second.
 *
 * While the own disk is full
 * - it is said once in the log of the node, and once when it is over;
 * - led groups are handed to linked members with room, provided that those are a majority: elsewhere a new leader could not
 *   commit either, and each change of leader costs some of the reserve;
 * - this node stands for election late (guard_tick), so that others come first, and somebody leads even when all are full;
 * - entries from leaders are turned away before the library has them; barriers of new leaders are taken from the reserve, and
 *   what precedes one in a leader's log as well when no majority has room: otherwise nobody could serve reads.
 *
 * For the files behind raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_ROOM_H
#define RAFT_GROUPS_ROOM_H

#include <stddef.h>

#include "grid/base/ids.h"
#include "grid/base/limits.h"

struct group_set;
struct group_set_options;
struct metric_gauge;
struct raft_message;

struct room {
    bool full;
    uint64_t least_bytes;                     /* the disk is full below it */
    bool member_full[REPLICAS_MAX];           /* as the linked members say */
    uint64_t full_since_ms, told_ms, hand_ms;    /* `hand_ms`: when groups are handed over next */
    size_t turn;                              /* the member that the next group is handed to */
    struct metric_gauge *gauge;               /* NULL without metrics */
};

void room_open(struct group_set *set, const struct group_set_options *options);
/* At every tick: looks at the disk, tells, hands over. */
void room_tick(struct group_set *set);
void room_link(struct group_set *set, struct node_id member, bool up);
/* Whether an AppendEntries may be given to the library; false: without its entries only. */
bool room_takes(struct group_set *set, const struct raft_message *message);

#endif
