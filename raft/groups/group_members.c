/* The members of a set by position, and the frames that wait for the log on their way to one. */
#include "grid/base/check.h"
#include "raft/groups/groups_internal.h"

size_t group_set_position(const struct group_set *set, struct node_id node)
{
    size_t i = 0;
    while (i < set->members_count && !node_id_equal(set->members[i], node))
        i++;
    return i;
}

struct buffer *group_set_hold(struct group_set *set, uint32_t group, struct node_id to, enum held_kind kind, uint64_t lsn)
{
    struct held_key key = {group, group_set_position(set, to), kind};
    REQUIRE(key.member < set->members_count);
    return held_put(&set->held, key, guard_term(&set->groups[group].guard), lsn);
}
