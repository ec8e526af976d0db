/* Why this node has no room for a client's write, and what to do about it. Reads and work inside the grid are not checked. */
#ifndef GRID_NODE_FULLNESS_H
#define GRID_NODE_FULLNESS_H

#include "grid/base/bytes.h"
#include "raft/group.h"

struct fullness {
    enum grid_err err;                 /* LOG_FULL; BUSY while leadership is handed to a member with room; MEMORY_FULL */
    uint64_t retry_after_ms;
    enum fullness_reason { FULLNESS_BOUND, FULLNESS_DISK, FULLNESS_MEMORY, FULLNESS_MEMBER_MEMORY } reason;  /* FULLNESS_BOUND: of the log */
    struct bytes note;                 /* for people; static */
};

/* Whether memory takes no more data: this node's, or that of a member that it is linked to. */
struct memory_fullness { bool own, member; };

/* False: there is room. */
bool fullness_look(const struct group_set *groups, struct fullness *ret_fullness);
/* An entry did not fit the free space of this node's disk. */
struct fullness fullness_of_disk(const struct group_set *groups);
/* For writes that add data. False: there is room. */
bool fullness_of_memory(const struct memory_fullness *memory, struct fullness *ret_fullness);

#endif
