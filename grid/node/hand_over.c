/* Leaving in order: a node that stops first tells others to lead, so that they need not notice its absence. */
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/node/node_internal.h"

enum {
    LOOK_EVERY_US = 5 * 1000,
    /* What has not been taken over by then waits for an election. All nodes may be stopping. */
    PATIENCE_US = 300 * 1000,
};

static bool leads(const struct node *node, uint32_t partition)
{
    enum group_role role = group_status(replica_group(node->replicas[partition])).role;
    return role == GROUP_LEADER || role == GROUP_READY;
}

/* The members take turns among those that answer, and of these among those whose disk has room, if any has; 0: none answers. */
static struct node_id successor(const struct node *node, struct group *group, uint32_t turn)
{
    struct node_id answering[REPLICAS_MAX], roomy[REPLICAS_MAX];
    uint32_t answering_count = 0, roomy_count = 0;
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id id = node->settings->members[i].id;
        if (!group_peer_recent(group, id))
            continue;
        answering[answering_count++] = id;
        if (group_set_has_room(node->groups, id))
            roomy[roomy_count++] = id;
    }
    if (roomy_count != 0)
        return roomy[turn % roomy_count];
    return answering_count == 0 ? (struct node_id){0} : answering[turn % answering_count];
}

static uint32_t still_led(const struct node *node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->partitions; i++)
        count += node->hand_over.given[i] && leads(node, i);
    return count;
}

static void finish(void *context)
{
    struct node *node = context;
    struct hand_over *hand_over = &node->hand_over;
    LOG_INFO(node->logger, "node", "handed over %u of %u partitions", hand_over->given_count - still_led(node), hand_over->led_count);
    hand_over->done(hand_over->context);
}

static void look(void *context)
{
    struct node *node = context;
    struct hand_over *hand_over = &node->hand_over;
    bool late = clock_now_us(node->io->clock) >= hand_over->until_us;
    if (!late && still_led(node) != 0) {
        clock_timer_start(node->io->clock, &hand_over->timer, LOOK_EVERY_US);
        return;
    }
    /* Clients are pushed the table with the new leaders at the next tick. */
    hand_over->timer.fire = finish;
    clock_timer_start(node->io->clock, &hand_over->timer, late || hand_over->given_count == 0 ? 0 : NODE_TICK_US + LOOK_EVERY_US);
}

void node_hand_over(struct node *node, void (*done)(void *context), void *context)
{
    struct hand_over *hand_over = &node->hand_over;
    REQUIRE(done != NULL);
    if (hand_over->given != NULL) {
        hand_over->done = done;
        hand_over->context = context;
        return;
    }
    *hand_over = (struct hand_over){.timer = {.fire = look, .context = node}, .done = done, .context = context,
                                    .until_us = clock_now_us(node->io->clock) + PATIENCE_US,
                                    .given = memory_zero(node->partitions, sizeof *hand_over->given)};
    for (uint32_t i = 0; i < node->partitions; i++) {
        if (!leads(node, i))
            continue;
        struct group *group = replica_group(node->replicas[i]);
        struct node_id to = successor(node, group, hand_over->led_count++);
        hand_over->given[i] = to.value != 0 && group_transfer(group, to) == GRID_ERR_OK;
        hand_over->given_count += hand_over->given[i];
    }
    clock_timer_start(node->io->clock, &hand_over->timer, 0);
}

void hand_over_close(struct node *node)
{
    clock_timer_stop(node->io->clock, &node->hand_over.timer);
    memory_free(node->hand_over.given);
}
