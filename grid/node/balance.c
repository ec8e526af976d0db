/* Every partition has a member that leads it when it can: the members in turn, so that work is spread evenly (ADR 0009). Elections
 * prefer it, but a member that was away finds others leading; they give its partitions back, one at a time. Only to a member that answers: a
 * partition that is offered to one that does not is held up for nothing. */
#include "grid/base/check.h"
#include "grid/node/node_internal.h"

enum {
    /* A member is linked for so long before it is given anything: one that has just come back has enough to do. */
    CALM_TICKS = 40,
    /* Between one partition and the next. */
    STEP_TICKS = 4,
    /* After a member did not take over. */
    REST_TICKS = 200,
    /* Entries that a member may lack and still be offered a partition: those on their way to it. */
    LAG_MAX = 1000,
};

static size_t owner(const struct node *node, uint32_t partition)
{
    return partition % node->settings->members_count;
}

static void look_at_members(const struct node *node, struct balance *balance)
{
    for (size_t i = 0; i < node->settings->members_count; i++)
        balance->calm_ticks[i] = peers_up(node->peers, node->settings->members[i].id) ? balance->calm_ticks[i] + 1 : 0;
}

/* Whether the partition is being handed to its owner; after a failed attempt there is a pause. */
static bool under_way(struct node *node, struct balance *balance)
{
    if (!balance->moving)
        return false;
    struct group_status status = group_status(replica_group(node->replicas[balance->partition]));
    bool ours = status.role == GROUP_LEADER || status.role == GROUP_READY;
    if (ours && group_transferring(replica_group(node->replicas[balance->partition])))
        return true;
    balance->moving = false;
    balance->wait_ticks = ours ? REST_TICKS : STEP_TICKS;
    return false;
}

static bool may_take(struct group *group, struct node_id member)
{
    return group_peer_recent(group, member) && group_peer_lag(group, member) <= LAG_MAX;
}

static void give_back_one(struct node *node, struct balance *balance)
{
    for (uint32_t i = 0; i < node->partitions; i++) {
        balance->partition = (balance->partition + 1) % node->partitions;
        struct group *group = replica_group(node->replicas[balance->partition]);
        size_t to = owner(node, balance->partition);
        struct node_id member = node->settings->members[to].id;
        if (balance->calm_ticks[to] < CALM_TICKS || group_status(group).role != GROUP_READY || !may_take(group, member))
            continue;
        /* A full disk would make it hand the partition on at once. */
        if (!group_set_has_room(node->groups, member))
            continue;
        balance->moving = group_transfer(group, member) == GRID_ERR_OK;
        if (balance->moving)
            elections_handed(&node->report.elections, balance->partition);
        return;
    }
}

void balance_tick(struct node *node)
{
    struct balance *balance = &node->balance;
    look_at_members(node, balance);
    if (under_way(node, balance) || node->hand_over.given != NULL)
        return;
    if (balance->wait_ticks != 0)
        balance->wait_ticks--;
    else
        give_back_one(node, balance);
}
