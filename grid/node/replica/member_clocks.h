/* The wall clocks of a cluster's members, as received by this node, and their common time (R14).
 *
 * One member's wall clock may be wrong by any amount; the median of three is right as long as two of them are. Stored as
 * the difference to this node's monotonic clock, so that a member that has sent its clock once still counts while it is disconnected. Pure:
 * the caller gives both of its own clocks. Members are positions below `count`. */
#ifndef GRID_NODE_REPLICA_MEMBER_CLOCKS_H
#define GRID_NODE_REPLICA_MEMBER_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "grid/base/limits.h"

struct member_clocks {
    uint32_t count, self;
    uint32_t known;                    /* bits of the members whose clock was received; never this node's */
    int64_t ahead_us[REPLICAS_MAX];    /* a member's wall clock minus the own monotonic one */
};

void member_clocks_init(struct member_clocks *clocks, uint32_t count, uint32_t self);
/* The wall clock of another member shows `wall_ms` at the own monotonic time `now_us`. */
void member_clocks_hear(struct member_clocks *clocks, uint32_t position, uint64_t wall_ms, uint64_t now_us);
uint32_t member_clocks_count(const struct member_clocks *clocks);   /* that are known, the own one included */
/* The median of all clocks that are known, the own one included. Of two in the middle, the one nearer to `near_ms` counts: log time, which
 * has followed the right clocks until now; if that is 0 (unknown), the later one. */
uint64_t member_clocks_wall_ms(const struct member_clocks *clocks, uint64_t near_ms, uint64_t now_us, uint64_t wall_ms);
/* The latest time that a majority of all members confirms: each clock of a majority shows at least that. Uses the clocks of the members
 * in the set `asked` and of this one. With exactly a majority it is the smallest of theirs, with all members the median.
 * False: fewer than a majority are known. */
bool member_clocks_confirmed_ms(const struct member_clocks *clocks, uint32_t asked, uint64_t now_us, uint64_t wall_ms,
                                uint64_t *ret_wall_ms);

#endif
