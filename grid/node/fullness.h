/* Why this node has no room for a client's write, and what to do about it. Reads and work inside the grid are not checked. */
#ifndef GRID_NODE_FULLNESS_H
#define GRID_NODE_FULLNESS_H

#include "grid/base/bytes.h"
#include "raft/group.h"

struct fullness {
    enum grid_err err;                 /* LOG_FULL; BUSY while leadership is handed to a member with room */
    uint64_t retry_after_ms;
    bool disk;                         /* a disk is full; otherwise a bound of the log is reached */
    struct bytes note;                 /* for people; static */
};

/* False: there is room. */
bool fullness_look(const struct group_set *groups, struct fullness *ret_fullness);
/* An entry did not fit the free space of this node's disk. */
struct fullness fullness_of_disk(const struct group_set *groups);

#endif
