/* Free space on the disks of the members, and its consequences (I38, ADR 0020).
 *
 * A disk is full if the log has no room for another ENTRY_BYTES_MAX (or the number in the options), and no longer full once it has room for twice as much. Leaders
 * stop at this threshold; followers still accept entries that are under way. Members send each other this state (FRAME_ROOM): at every change, on a new link, and once a second.
 *
 * While the disk of this node is full
 * - the node logs the beginning and the end of the state, once each;
 * - groups that it leads are handed to connected members with room, if these are a majority: otherwise a new leader could not
 *   commit either, and each change of leader uses some of the reserve;
 * - this node starts elections late (guard_tick), so that other members come first, and there is a leader even if all are full;
 * - entries from leaders are refused before the library gets them. Barriers of new leaders may use the reserve; so may the
 *   entries before a barrier in a leader's log if no majority has room, because otherwise no node could serve reads.
 *
 * For the files that implement raft/group.h. Single threaded. */
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
    bool member_full[REPLICAS_MAX];           /* as the connected members have said */
    uint64_t full_since_ms, told_ms, hand_ms;    /* `hand_ms`: when groups are handed over next */
    size_t turn;                              /* the member that the next group is handed to */
    struct metric_gauge *gauge;               /* NULL without metrics */
};

void room_open(struct group_set *set, const struct group_set_options *options);
/* At every tick: checks the disk, informs members, hands groups over. */
void room_tick(struct group_set *set);
void room_link(struct group_set *set, struct node_id member, bool up);
/* Whether the library may get an AppendEntries; false: only without its entries. */
bool room_takes(struct group_set *set, const struct raft_message *message);

#endif
