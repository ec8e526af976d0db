/* What a cluster of whole nodes writes into its logs, at level info, on virtual time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/memory.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/world/world_internal.h"

enum { NODES = 3, PARTITIONS = 16, SECOND_US = 1000000 };

struct stage {
    struct run_options options;
    struct run run;
    struct world *world;
    struct cluster *cluster;
    struct logger *logger;
    struct buffer lines;
};

static struct stage *recording;

static void record(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    (void)logger;
    buffer_append_format(&recording->lines, "%s %s: %s\n", log_level_name(level), component, text);
}

static struct stage *stage_open(uint64_t seed)
{
    struct stage *stage = memory_zero(1, sizeof *stage);
    stage->options = (struct run_options){.seed = seed};
    stage->world = world_open(&(struct world_options){.seed = seed});
    stage->run = (struct run){.world = stage->world, .options = &stage->options, .environment = environment_get(0), .nodes = NODES, .partitions = PARTITIONS};
    recording = stage;
    world_logger(stage->world)->level = LOG_LEVEL_INFO;
    world_logger(stage->world)->write = record;
    stage->cluster = cluster_open(&stage->run);
    for (size_t i = 0; i < world_hosts(stage->world); i++)
        host_start(world_host(stage->world, i));
    return stage;
}

static void stage_run(struct stage *stage, uint64_t seconds)
{
    cr_assert(world_run(stage->world, world_now_us(stage->world) + seconds * SECOND_US), "%s", world_reason(stage->world));
}

static void stage_close(struct stage *stage)
{
    cr_expect_not(world_failed(stage->world), "%s", world_reason(stage->world));
    world_close(stage->world);
    cluster_close(stage->cluster);
    buffer_close(&stage->lines);
    memory_free(stage);
}

/* How often the text stands in lines since the last call of forget. */
static size_t count(struct stage *stage, const char *part)
{
    size_t found = 0;
    buffer_append_u8(&stage->lines, 0);
    for (const char *at = (const char *)stage->lines.data; (at = strstr(at, part)) != NULL; at++)
        found++;
    buffer_truncate(&stage->lines, stage->lines.size - 1);
    return found;
}

static void forget(struct stage *stage)
{
    buffer_clear(&stage->lines);
}

static const char *text_of(struct stage *stage)
{
    buffer_append_u8(&stage->lines, 0);
    stage->lines.size--;
    return (const char *)stage->lines.data;
}

Test(report, says_elections_and_lost_nodes_in_a_few_lines)
{
    struct stage *stage = stage_open(3);
    stage_run(stage, 10);
    cr_expect_eq(count(stage, " is linked\n"), NODES * (NODES - 1), "%s", text_of(stage));
    cr_expect_eq(count(stage, "info node: won "), NODES, "%s", text_of(stage));
    cr_expect_eq(count(stage, "no longer starting"), NODES);
    forget(stage);
    host_crash(world_host(stage->world, 0), CRASH_KILL);
    stage_run(stage, 5);
    cr_expect_eq(count(stage, "warn peers: node 1 is lost ("), NODES - 1, "%s", text_of(stage));
    cr_expect_geq(count(stage, "of node 1's partitions (it is lost); without a leader for up to "), 1, "%s", text_of(stage));
    cr_expect_leq(count(stage, "\n"), 16, "%s", text_of(stage));
    forget(stage);
    host_start(world_host(stage->world, 0));
    stage_run(stage, 20);
    cr_expect_eq(count(stage, ": node 1 (version "), NODES - 1, "%s", text_of(stage));
    cr_expect_eq(count(stage, ") is back after "), NODES - 1, "%s", text_of(stage));
    cr_expect_eq(count(stage, "replay: all "), 1, "%s", text_of(stage));
    cr_expect_geq(count(stage, " handed over): node 1 leads "), 1, "%s", text_of(stage));
    cr_expect_leq(count(stage, "\n"), 48, "%s", text_of(stage));
    stage_close(stage);
}

static int64_t skew_shown(struct stage *stage, size_t node, const char *peer)
{
    struct buffer text = {0};
    char name[64];
    node_metrics(cluster_node(stage->cluster, node), &text);
    buffer_append_u8(&text, 0);
    snprintf(name, sizeof name, "gridiron_clock_skew_seconds{peer=\"%s\"} ", peer);
    const char *at = strstr((const char *)text.data, name);
    cr_assert_not_null(at, "%s", name);
    int64_t seconds = strtoll(at + strlen(name), NULL, 10);
    buffer_close(&text);
    return seconds;
}

Test(report, says_a_wrong_clock_once_and_once_when_it_is_right)
{
    struct stage *stage = stage_open(4);
    stage_run(stage, 10);
    forget(stage);
    world_host(stage->world, 1)->clock.wall_skew_ms = 5500;
    stage_run(stage, 20);
    cr_expect_eq(count(stage, "warn node: clock skew: the clock of node 2 is 5."), 2, "%s", text_of(stage));
    cr_expect_eq(count(stage, " s behind this node's"), 2, "node 2 about the two others: %s", text_of(stage));
    cr_expect_eq(count(stage, "clock skew"), 4, "once each: %s", text_of(stage));
    cr_expect_eq(skew_shown(stage, 0, "2"), 5);
    cr_expect_eq(skew_shown(stage, 1, "1"), -5);
    cr_expect_eq(skew_shown(stage, 0, "3"), 0);
    forget(stage);
    world_host(stage->world, 1)->clock.wall_skew_ms = 0;
    stage_run(stage, 20);
    cr_expect_eq(count(stage, "clock skew"), 4, "%s", text_of(stage));
    cr_expect_eq(count(stage, "info node: clock skew: the clocks of node 2 and this node agree again"), 2, "%s", text_of(stage));
    stage_close(stage);
}
