#include "tests/sim/run/full_disks.h"

#include <stdio.h>

enum {
    POLL_US = 20000,
    HANDED_US = 10 * 1000000,
    FILLED_US = 300 * 1000000,           /* a slow load writes a page at a time */
    SERVED_US = 20 * 1000000,              /* a late election with an election timeout of a second, and another one */
};

struct scene {
    const struct full_disks_hooks *hooks;
    void *state;
    size_t node, nodes;
    unsigned full;                         /* bits of nodes whose disks are full */
};

/* Again and again: a disk that failed earlier may be replaced meanwhile. */
static void fill_disks(const struct scene *scene)
{
    for (size_t i = 0; i < scene->nodes; i++) {
        if ((scene->full >> i & 1) != 0) {
            disk_break(scene->hooks->host(scene->state, i), DISK_FULL);
        }
    }
}

static bool until(struct world *world, bool (*good)(void *context), struct scene *scene, uint64_t bound_us)
{
    uint64_t end_us = world_now_us(world) + bound_us;
    fill_disks(scene);
    while (!world_failed(world) && !good(scene) && world_now_us(world) < end_us) {
        world_run(world, world_now_us(world) + POLL_US);
        fill_disks(scene);
    }
    return good(scene);
}

static bool leads_nothing(void *context)
{
    const struct scene *scene = context;
    return !scene->hooks->leads(scene->state, scene->node);
}

/* Notes which. */
static bool somebody_is_full(void *context)
{
    struct scene *scene = context;
    for (size_t i = 0; i < scene->nodes; i++) {
        if (scene->hooks->full(scene->state, i)) {
            scene->node = i;
            return true;
        }
    }
    return false;
}

static bool is_served(void *context)
{
    const struct scene *scene = context;
    return scene->hooks->served(scene->state);
}

/* From node `first` on, one that leads. */
static size_t any_leader(const struct scene *scene, const struct run *run, uint64_t first)
{
    for (size_t i = 0; i < run->nodes; i++) {
        size_t node = (size_t)(first + i) % run->nodes;
        if (scene->hooks->leads(scene->state, node)) {
            return node;
        }
    }
    return 0;
}

static void expect_reads(struct scene *scene, struct world *world, const char *when)
{
    scene->hooks->read(scene->state);
    if (!until(world, is_served, scene, SERVED_US) && !world_failed(world)) {
        world_fail(world, "I38: %s not every group serves reads", when);
    }
}

static void one_full(struct scene *scene, const struct run *run)
{
    struct world *world = run->world;
    scene->node = any_leader(scene, run, run->options->seed / 4);
    struct host *host = scene->hooks->host(scene->state, scene->node);
    world_say(world, "the disk of %s is full, at rest", host_name(host));
    scene->full = 1u << scene->node;
    scene->hooks->fill(scene->state);      /* what is prepared is used up first */
    if (!until(world, somebody_is_full, scene, FILLED_US) && !world_failed(world)) {
        world_fail(world, "F29: no node says that its disk is full");
    }
    if (!until(world, leads_nothing, scene, HANDED_US) && !world_failed(world)) {
        world_fail(world, "F29: %s leads on although its disk is full and the others have room", host_name(host));
    }
    SOMETIMES(world, "F29 a leader with a full disk hands over");
    expect_reads(scene, world, "after a node with a full disk handed over,");
}

/* Leaders first, and never the full one: without it the rest is no majority. */
static void kill_minority(struct scene *scene, const struct run *run)
{
    size_t killed = 0, full = scene->node;
    for (int leaders = 1; leaders >= 0; leaders--) {
        for (size_t i = 0; i < run->nodes && killed < (run->nodes - 1) / 2; i++) {
            struct host *host = scene->hooks->host(scene->state, i);
            if (i == full || !host_up(host) || (leaders == 1 && !scene->hooks->leads(scene->state, i))) {
                continue;
            }
            host_crash(host, CRASH_KILL);
            killed++;
        }
    }
}

static void all_full(struct scene *scene, const struct run *run)
{
    struct world *world = run->world;
    world_say(world, "all disks are full, at rest");
    scene->full = (1u << run->nodes) - 1;
    scene->hooks->fill(scene->state);
    if (!until(world, somebody_is_full, scene, FILLED_US) && !world_failed(world)) {
        world_fail(world, "F29: no node says that its disk is full");
    }
    until(world, leads_nothing, scene, HANDED_US);
    kill_minority(scene, run);
    SOMETIMES(world, "F29 a leader dies while all disks are full");
    expect_reads(scene, world, "with full disks, after leaders died,");
}

bool full_disks_phase(const struct workload *workload, void *state, const struct run *run)
{
    struct scene scene = {.hooks = workload->full_disks, .state = state, .nodes = run->nodes};
    bool chosen = run->options->seed % 2 == 1 && (run->options->faults_allowed & FAULT_BIT(DISK_FULL)) != 0;
    /* The reserve of the log is for whole messages: in messages of a few entries each takes a page of its own. */
    chosen = chosen && run->environment->append_entries_max == 0;
    if (scene.hooks == NULL || !chosen || world_failed(run->world)) {
        return false;
    }
    if (run->options->seed % 4 == 1) {
        one_full(&scene, run);
    } else {
        all_full(&scene, run);
    }
    for (size_t i = 0; i < run->nodes; i++) {
        disk_break(scene.hooks->host(state, i), DISK_SOUND);
    }
    scene.hooks->rest(state);
    return true;
}
