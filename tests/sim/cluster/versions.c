#include "tests/sim/cluster/versions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/wire/level.h"
#include "raft/group.h"

/* How long what was asked for may wait somewhere, in a paused node or behind a cut, before it is refused or done. */
enum { MEMBERS_MAX = 7, STEP_LOW_US = 300000, STEP_HIGH_US = 1500000, ASK_DEADLINE_MS = 4000, UNDER_WAY_US = 40000000,
       PATIENCE_US = 4000000 };

struct versions {
    struct run *run;
    struct world *world;
    struct cluster *cluster;
    struct prng prng;                  /* its own, so that other choices keep their meaning */
    struct { struct host *host; struct node_settings *settings; bool stopped; } members[MEMBERS_MAX];
    size_t members_count;
    const char *endpoints[MEMBERS_MAX];
    struct host *admin;                /* asks for the level */
    struct client *client;
    bool asking;
    uint64_t asked_us;                 /* last time; 0: never */
    uint64_t patience_us;              /* until then the level is not asked for, and nodes go back more often */
    bool may_be_raised;                /* a raise was under way while all nodes were new, or the cluster began so */
    size_t too_old;                    /* the node that is, or members_count */
};

static uint64_t draw(struct versions *versions, uint64_t low, uint64_t high)
{
    return prng_range(&versions->prng, low, high);
}

static bool is_old(const struct versions *versions, size_t node)
{
    return versions->members[node].settings->level_max == VERSION_OLD_LEVEL;
}

static bool all_new(const struct versions *versions)
{
    for (size_t i = 0; i < versions->members_count; i++) {
        if (is_old(versions, i)) {
            return false;
        }
    }
    return true;
}

static bool under_way(const struct versions *versions)
{
    return versions->asked_us != 0 && world_now_us(versions->world) - versions->asked_us < UNDER_WAY_US;
}

static bool is_founded(const struct versions *versions)
{
    struct genesis_command genesis;
    for (uint32_t number = 0; number < versions->run->partitions; number++) {
        const struct partition *partition = cluster_partition(versions->cluster, number);
        if (!partition || !partition_genesis(partition, &genesis)) {
            return false;
        }
    }
    return true;
}

static uint32_t highest_level(const struct versions *versions)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < versions->members_count; i++) {
        const struct node *node = cluster_node(versions->cluster, i);
        for (uint32_t number = 0; node && number < versions->run->partitions; number++) {
            uint32_t level = partition_level(node_partition(node, (struct partition_id){number}));
            highest = level > highest ? level : highest;
        }
    }
    return highest;
}

/* ---- upgrades */

static void run_start(struct world *world, void *context)
{
    (void)world;
    host_start(context);
}

/* Orderly or not; comes back in the other version. */
static void change_version(struct versions *versions, size_t node, uint32_t level_max)
{
    struct host *host = versions->members[node].host;
    if (!host_up(host) || host_paused(host)) {
        return;
    }
    if (draw(versions, 0, 2) == 0) {
        host_crash(host, CRASH_KILL);
    } else {
        host_stop(host);
    }
    versions->members[node].settings->level_max = level_max;
    versions->may_be_raised = versions->may_be_raised || (under_way(versions) && all_new(versions));
    world_say(versions->world, "%s comes back in the %s version", host_name(host), level_max == 0 ? "newer" : "older");
    world_at(versions->world, draw(versions, 1000, 1000000), run_start, host);
}

/* A node that missed a raise is left as it is, to meet what it does not support; unless nothing was raised after all:
 * no raise could come again while it is old. */
static bool stays_old(const struct versions *versions, size_t node)
{
    return node == versions->too_old && (versions->asking || highest_level(versions) >= LEVEL_LAST);
}

static void upgrade(struct versions *versions)
{
    for (size_t i = 0; i < versions->members_count; i++) {
        if (is_old(versions, i) && !stays_old(versions, i)) {
            change_version(versions, i, 0);
            if (i == versions->too_old && !is_old(versions, i)) {
                versions->too_old = versions->members_count;
                SOMETIMES(versions->world, "F54 a raise that one node was to miss fails");
            }
            return;
        }
    }
}

static void go_back(struct versions *versions)
{
    size_t node = draw(versions, 0, versions->members_count - 1);
    if (under_way(versions) || versions->may_be_raised || is_old(versions, node) || !host_up(versions->members[node].host)) {
        return;
    }
    change_version(versions, node, VERSION_OLD_LEVEL);
    SOMETIMES(versions->world, "F54 a node goes back before the raise");
}

static void come_too_old(struct versions *versions)
{
    size_t node = draw(versions, 0, versions->members_count - 1);
    if (versions->too_old != versions->members_count || !all_new(versions) || !host_up(versions->members[node].host) ||
        highest_level(versions) < LEVEL_LAST) {
        return;
    }
    fault_happened(versions->world, FAULT_TOO_OLD);
    versions->too_old = node;
    change_version(versions, node, VERSION_OLD_LEVEL);
}

/* It does not hear of the raise, and comes back in the older version: it meets what it does not support with its log
 * behind it, not in it. */
static void run_mistake(struct world *world, void *context)
{
    struct versions *versions = context;
    (void)world;
    if (versions->too_old == versions->members_count) {
        return;
    }
    struct host *host = versions->members[versions->too_old].host;
    if (host_up(host) && !host_paused(host)) {
        change_version(versions, versions->too_old, VERSION_OLD_LEVEL);
    } else if (!host_up(host)) {
        versions->members[versions->too_old].settings->level_max = VERSION_OLD_LEVEL;
    } else {
        versions->too_old = versions->members_count;
    }
}

static void miss_the_raise(struct versions *versions)
{
    struct world *world = versions->world;
    size_t node = draw(versions, 0, versions->members_count - 1);
    uint64_t cut_us = draw(versions, 500000, 1500000);
    if (versions->too_old != versions->members_count || draw(versions, 0, 4) == 0) {
        return;
    }
    fault_happened(world, FAULT_TOO_OLD);
    versions->too_old = node;
    for (size_t i = 0; i < versions->members_count; i++) {
        if (i != node) {
            net_cut(world, versions->members[node].host, versions->members[i].host, cut_us, false);
            net_cut(world, versions->members[i].host, versions->members[node].host, cut_us, false);
        }
    }
    /* What it leads must not be raised in its own log alone: with that it would not even start. */
    net_cut(world, versions->admin, versions->members[node].host, cut_us, false);
    world_at(world, draw(versions, 100000, 500000), run_mistake, versions);
}

/* ---- the level is raised */

static void on_raised(void *context, const struct client_result *result)
{
    struct versions *versions = context;
    versions->asking = false;
    if (result->err == GRID_ERR_NOT_SUPPORTED) {
        SOMETIMES(versions->world, "F54 a raise is refused");
    }
    if (result->err == GRID_ERR_OK && result->response->version != LEVEL_LAST) {
        world_fail(versions->world, "I34: raised, and the lowest level is %" PRIu64, result->response->version);
    }
    if (result->err == GRID_ERR_OK) {
        SOMETIMES(versions->world, "F54 the level is raised under load");
    }
}

static void ask(struct world *world, void *context)
{
    struct versions *versions = context;
    struct io *io = host_io(versions->admin);
    struct client_call call = {.done = on_raised, .context = versions,
                               .deadline_ms = clock_now_us(io->clock) / 1000 + ASK_DEADLINE_MS};
    (void)world;
    client_raise_level(versions->client, LEVEL_LAST, &call);
}

static void raise_level(struct versions *versions)
{
    if (versions->asking || !versions->client || !host_up(versions->admin)) {
        return;
    }
    versions->asking = true;
    versions->asked_us = world_now_us(versions->world);
    versions->may_be_raised = versions->may_be_raised || all_new(versions);
    host_at(versions->admin, 0, ask, versions);
    if (all_new(versions) && fault_on(versions->world, FAULT_TOO_OLD)) {
        miss_the_raise(versions);
    }
}

static void on_open(void *context, struct host *host)
{
    struct versions *versions = context;
    struct client_options options = {.endpoints = versions->endpoints, .endpoints_count = versions->members_count,
                                     .deadline_ms = 8000, .attempt_ms = 1500};
    versions->client = client_open(host_io(host), &options);
}

static void on_end(void *context, struct host *host)
{
    struct versions *versions = context;
    (void)host;
    client_close(versions->client);
    versions->client = NULL;
    versions->asking = false;
}

/* ---- the driver */

static void step(struct world *world, void *context)
{
    struct versions *versions = context;
    uint64_t choice = draw(versions, 0, 9);
    if (!is_founded(versions)) {
        choice = UINT64_MAX;
    } else if (fault_on(world, FAULT_MIXED_LEVELS)) {
        fault_happened(world, FAULT_MIXED_LEVELS);
        if (choice < 4) {
            upgrade(versions);
        } else if (choice < 5 || world_now_us(world) < versions->patience_us) {
            go_back(versions);
        } else if (choice < 9) {
            raise_level(versions);
        }
    }
    if (fault_on(world, FAULT_TOO_OLD) && (choice == 9 || (choice < 9 && !fault_chosen(world, FAULT_MIXED_LEVELS)))) {
        come_too_old(versions);
    }
    world_at(world, draw(versions, STEP_LOW_US, STEP_HIGH_US), step, versions);
}

struct versions *versions_open(struct run *run, struct cluster *cluster)
{
    struct versions *versions = memory_zero(1, sizeof *versions);
    versions->run = run;
    versions->world = run->world;
    versions->cluster = cluster;
    versions->may_be_raised = !fault_chosen(run->world, FAULT_MIXED_LEVELS);
    versions->too_old = run->nodes;
    prng_init(&versions->prng, run->options->seed ^ 0x1e7e15);
    if (fault_chosen(run->world, FAULT_MIXED_LEVELS)) {
        versions->admin = world_add_host(run->world, "admin", HOST_CLIENT, &(struct host_owner){on_open, on_end, on_end, versions, NULL});
    }
    versions->patience_us = draw(versions, 0, PATIENCE_US);
    world_at(run->world, draw(versions, STEP_LOW_US, STEP_HIGH_US), step, versions);
    return versions;
}

void versions_close(struct versions *versions)
{
    memory_free(versions);
}

void versions_add(struct versions *versions, struct host *host, struct node_settings *settings)
{
    REQUIRE(versions->members_count < MEMBERS_MAX);
    size_t number = versions->members_count++;
    versions->members[number].host = host;
    versions->members[number].settings = settings;
    versions->endpoints[number] = settings->members[number].client_address;
    settings->level_max = fault_chosen(versions->world, FAULT_MIXED_LEVELS) ? VERSION_OLD_LEVEL : 0;
}

/* ---- oracles */

void versions_watch(struct versions *versions, size_t node, const struct partition *partition)
{
    uint32_t level = partition_level(partition);
    if (level > LEVEL_FIRST && !versions->may_be_raised) {
        world_fail(versions->world, "I34: %s has level %" PRIu32 " while a node is too old for it", host_name(versions->members[node].host), level);
    }
    if (is_old(versions, node) && level > VERSION_OLD_LEVEL) {
        world_fail(versions->world, "I34: %s supports level %d and applied an entry of level %" PRIu32,
                   host_name(versions->members[node].host), VERSION_OLD_LEVEL, level);
    }
}

static uint64_t number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    char *end = NULL;
    uint64_t number = at ? strtoull(at + strlen(word), &end, 10) : 0;
    REQUIRE(at && end > at + strlen(word));
    return number;
}

/* Looked at in the moment of its end: it may have lived on for no time at all. */
static void watch_stopped(struct versions *versions, size_t number, const char *what)
{
    struct node *node = cluster_node(versions->cluster, number);
    if (!node) {
        return;
    }
    uint32_t partition = (uint32_t)number_after(what, "partition ");
    bool snapshot = strstr(what, "this snapshot needs") != NULL;
    uint64_t index = number_after(what, snapshot ? "up to entry " : ", index ");
    uint64_t applied = group_status(node_group(node, (struct partition_id){partition})).applied_index;
    if (applied >= index) {
        world_fail(versions->world, "I34: %s is too old for entry %" PRIu64 " of partition %" PRIu32 " and counts %" PRIu64 " as applied",
                   host_name(versions->members[number].host), index, partition, applied);
    }
    for (uint32_t i = 0; i < versions->run->partitions; i++) {
        versions_watch(versions, number, node_partition(node, (struct partition_id){i}));
    }
}

bool versions_stopped(struct versions *versions, size_t node, enum grid_err err, const char *what, uint64_t *ret_down_us)
{
    if (err != GRID_ERR_NOT_SUPPORTED) {
        return false;
    }
    if (!is_old(versions, node) || !versions->may_be_raised) {
        world_fail(versions->world, "I34: %s stops as too old, and is not: %s", host_name(versions->members[node].host), what);
        return true;
    }
    if (!strstr(what, "needs level 2, this version supports up to 1: upgrade this node")) {
        world_fail(versions->world, "I34: %s is too old and says: %s", host_name(versions->members[node].host), what);
        return true;
    }
    watch_stopped(versions, node, what);
    /* Somebody starts it again as it is, perhaps, and then reads the message. */
    if (!fault_on(versions->world, FAULT_TOO_OLD) || draw(versions, 0, 1) == 0) {
        versions->members[node].settings->level_max = 0;
        versions->members[node].stopped = true;
        versions->too_old = node == versions->too_old ? versions->members_count : versions->too_old;
    }
    *ret_down_us = draw(versions, 1000, 1000000);
    return true;
}

void versions_started(struct versions *versions, size_t node)
{
    if (versions->members[node].stopped && !is_old(versions, node)) {
        SOMETIMES(versions->world, "F54 a node that was too old is upgraded");
        versions->members[node].stopped = false;
    }
}
