/* Every partition has a member that leads it when it can: the members in turn, so that work is spread evenly (ADR 0009). Elections
 * prefer it, but whoever was away finds others leading; those give its partitions back, one at a time. */
#include "grid/base/check.h"
#include "grid/node/inside.h"

enum {
    /* All members are linked for so long before anything is moved: whoever has just come back has enough to do. */
    CALM_TICKS = 40,
    /* Between one partition and the next. */
    STEP_TICKS = 4,
    /* After a member did not take over: it may be linked and yet not alive. */
    REST_TICKS = 200,
};

static bool all_linked(const struct node *node)
{
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id id = node->settings->members[i].id;
        if (!node_id_equal(id, node->settings->self) && !peers_up(node->peers, id))
            return false;
    }
    return true;
}

static struct node_id owner(const struct node *node, uint32_t partition)
{
    return node->settings->members[partition % node->settings->members_count].id;
}

/* Whether the partition is under way to its owner; one that stays is not asked for again for a while. */
static bool under_way(struct node *node, struct balance *balance)
{
    if (!balance->moving)
        return false;
    struct group_status status = group_status(pipeline_group(node->pipelines[balance->partition]));
    bool ours = status.role == GROUP_LEADER || status.role == GROUP_READY;
    if (ours && group_transferring(pipeline_group(node->pipelines[balance->partition])))
        return true;
    balance->moving = false;
    balance->wait_ticks = ours ? REST_TICKS : STEP_TICKS;
    return false;
}

static void give_back_one(struct node *node, struct balance *balance)
{
    for (uint32_t i = 0; i < node->partitions; i++) {
        balance->partition = (balance->partition + 1) % node->partitions;
        struct group *group = pipeline_group(node->pipelines[balance->partition]);
        struct node_id to = owner(node, balance->partition);
        if (group_status(group).role != GROUP_READY || node_id_equal(to, node->settings->self))
            continue;
        /* A full disk would make it hand the partition on at once. */
        if (!group_set_has_room(node->groups, to))
            continue;
        balance->moving = group_transfer(group, to) == GRID_ERR_OK;
        return;
    }
}

void balance_tick(struct node *node)
{
    struct balance *balance = &node->balance;
    balance->calm_ticks = all_linked(node) && node->hand_over.given == NULL ? balance->calm_ticks + 1 : 0;
    if (under_way(node, balance) || balance->calm_ticks < CALM_TICKS)
        return;
    if (balance->wait_ticks != 0)
        balance->wait_ticks--;
    else
        give_back_one(node, balance);
}
