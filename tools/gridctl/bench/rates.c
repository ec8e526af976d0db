#include "tools/gridctl/bench/rates.h"

#include <string.h>

#include "grid/base/check.h"

enum { SECOND_US = 1000 * 1000 };

static uint64_t per_second(uint64_t count, uint64_t elapsed_us)
{
    return elapsed_us == 0 ? 0 : (count * SECOND_US + elapsed_us / 2) / elapsed_us;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static const struct node_view *find_node(const struct survey *survey, uint32_t node)
{
    for (size_t i = 0; survey != NULL && i < survey->count; i++)
        if (survey->nodes[i].node == node && survey->nodes[i].answered)
            return &survey->nodes[i];
    return NULL;
}

static const struct grid_partition_status *find_row(const struct survey *survey, uint32_t node, uint32_t partition)
{
    const struct node_view *view = find_node(survey, node);
    for (size_t i = 0; view != NULL && i < view->partitions_count; i++)
        if (view->partitions[i].partition == partition)
            return &view->partitions[i];
    return NULL;
}

/* A node that was started again counts from 0. */
static bool began_anew(const struct node_view *now, const struct node_view *before)
{
    return now->uptime_ms < before->uptime_ms;
}

static uint64_t node_reads(const struct node_view *now, const struct survey *before)
{
    const struct node_view *then = find_node(before, now->node);
    return !now->answered || then == NULL || began_anew(now, then) ? 0 : grown(now->reads, then->reads);
}

uint64_t rates_node_reads(const struct node_view *now, const struct survey *before, uint64_t elapsed_us)
{
    return per_second(node_reads(now, before), elapsed_us);
}

static void add_partition(struct rates *rates, const struct survey *now, const struct survey *before, uint32_t partition)
{
    const struct grid_partition_status *row = survey_row(now, partition);
    uint32_t leader = now->leaders[partition];
    if (row == NULL)
        return;
    rates->outbox_pending += row->outbox_pending;
    rates->sagas_active += grown(row->flows_started, row->flows_ended);
    const struct node_view *node = find_node(now, leader), *node_then = find_node(before, leader);
    const struct grid_partition_status *then = find_row(before, leader, partition);
    if (node == NULL || then == NULL || began_anew(node, node_then))
        return;
    rates->commands += grown(row->commands, then->commands);
    rates->sagas_ended += grown(row->flows_ended, then->flows_ended);
}

struct rates rates_of(const struct survey *now, const struct survey *before, uint64_t elapsed_us)
{
    struct rates rates = {.nodes = (uint32_t)now->count, .elapsed_us = before != NULL ? elapsed_us : 0};
    REQUIRE(now->left == 0);
    for (size_t i = 0; i < now->count; i++) {
        const struct node_view *node = &now->nodes[i];
        rates.ready += strcmp(node->state, "ready") == 0;
        rates.log_bytes += node->log_disk_bytes;
        rates.reads += node_reads(node, before);
    }
    for (uint32_t i = 0; i < now->partitions; i++)
        add_partition(&rates, now, before, i);
    rates.commands = per_second(rates.commands, rates.elapsed_us);
    rates.reads = per_second(rates.reads, rates.elapsed_us);
    rates.sagas_ended = per_second(rates.sagas_ended, rates.elapsed_us);
    return rates;
}
