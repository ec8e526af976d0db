#include "tests/sim/cluster/install_watch.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/groups/install.h"
#include "tests/sim/world/snapshot_steps.h"

enum { LOOK_US = 20000, PATIENCE_US = 400000, FROZEN_KEPT = 64 };

static const char *const taken_points[FROZEN_STATES] = {
    [FROZEN_OUTBOX] = "a snapshot is taken with messages in the outbox", [FROZEN_COMPENSATES] = "a snapshot is taken while a saga compensates",
    [FROZEN_ACTIVITY] = "a snapshot is taken with an activity open", [FROZEN_TIMER] = "a snapshot is taken with a timer set",
    [FROZEN_CLEARS] = "a snapshot is taken while a map is being cleared", [FROZEN_EXPIRES] = "a snapshot is taken while entries end",
    [FROZEN_RESIZES] = "a snapshot is taken while a table grows"};

static const char *const installed_points[FROZEN_STATES] = {
    [FROZEN_OUTBOX] = "a snapshot with messages in its outbox is installed", [FROZEN_COMPENSATES] = "a snapshot with a saga that compensates is installed",
    [FROZEN_ACTIVITY] = "a snapshot with an open activity is installed", [FROZEN_TIMER] = "a snapshot with a timer is installed",
    [FROZEN_CLEARS] = "a snapshot with a clear under way is installed", [FROZEN_EXPIRES] = "a snapshot with ended entries is installed",
    [FROZEN_RESIZES] = "a snapshot with a growing table is installed"};

/* Of the newest snapshots of a group. */
struct states { struct { uint64_t index; uint32_t frozen; } rows[FROZEN_KEPT]; size_t next; };

/* One group on one node. */
struct place {
    bool receiving, changed;
    uint64_t term;                         /* of the group when the transfer began */
    uint64_t index, index_term, index_us;  /* the last file that is complete here and not decided yet; 0: none */
};

struct install_watch {
    struct run *run;
    struct install_watch_hooks hooks;
    struct host *hosts[HOSTS_MAX];         /* by node */
    size_t hosts_count;
    struct states *states;                 /* by group */
    struct place *places;                  /* by node and group */
};

static struct place *place_of(const struct install_watch *watch, size_t node, uint32_t group)
{
    return &watch->places[node * watch->run->partitions + group];
}

static void say(const struct install_watch *watch, const char *const points[FROZEN_STATES], uint32_t frozen)
{
    for (unsigned i = 0; i < FROZEN_STATES; i++)
        if (frozen >> i & 1)
            SOMETIMES(watch->run->world, points[i]);
}

static size_t node_of(const struct install_watch *watch, const struct host *host)
{
    size_t node = 0;
    while (node < watch->hosts_count && watch->hosts[node] != host)
        node++;
    return node;
}

static void on_frozen(struct install_watch *watch, size_t node, const struct snapshot_moment *moment)
{
    uint32_t frozen = watch->hooks.frozen ? watch->hooks.frozen(watch->hooks.context, node, moment->group) : 0;
    struct states *states = &watch->states[moment->group];
    states->rows[states->next % FROZEN_KEPT].index = moment->index;
    states->rows[states->next % FROZEN_KEPT].frozen = frozen;
    states->next++;
    say(watch, taken_points, frozen);
}

static void on_step(void *context, const struct snapshot_moment *moment)
{
    struct install_watch *watch = context;
    size_t node = node_of(watch, moment->host);
    if (node >= watch->hosts_count || moment->group >= watch->run->partitions)
        return;
    struct group *group = watch->hooks.group(watch->hooks.context, node, moment->group);
    struct place *place = place_of(watch, node, moment->group);
    if (!group)
        return;
    uint64_t term = group_status(group).term;
    if (moment->step == STEP_SAVE_CREATE)
        on_frozen(watch, node, moment);
    if (moment->step == STEP_RECEIVE_OPEN)
        *place = (struct place){.receiving = true, .term = term, .index = place->index, .index_term = place->index_term, .index_us = place->index_us};
    if (moment->step == STEP_RECEIVE_DROP)
        place->receiving = false;
    if (moment->step == STEP_RECEIVE_RENAME)
        *place = (struct place){.index = moment->index, .index_term = term, .index_us = world_now_us(watch->run->world)};
}

static void on_installed(const struct install_watch *watch, size_t node, uint32_t group, uint64_t index)
{
    const struct states *states = &watch->states[group];
    if (!host_whole(watch->hosts[node]))
        SOMETIMES(watch->run->world, "a node that rejoins gets a snapshot");
    SOMETIMES(watch->run->world, "a snapshot of a leader is in use");
    for (size_t i = 0; i < FROZEN_KEPT; i++) {
        if (states->rows[i].index == index) {
            say(watch, installed_points, states->rows[i].frozen);
            return;
        }
    }
}

static void look_at(const struct install_watch *watch, size_t node, uint32_t number)
{
    struct world *world = watch->run->world;
    struct group *group = watch->hooks.group(watch->hooks.context, node, number);
    struct place *place = place_of(watch, node, number);
    if (!group)
        return;
    struct group_status status = group_status(group);
    if (place->receiving && !place->changed && status.term > place->term) {
        place->changed = true;
        SOMETIMES(world, "the leader changes during a transfer");
    }
    if (place->index == 0 || group_installs(group))
        return;
    if (status.snapshot_index == place->index) {
        on_installed(watch, node, number, place->index);
        place->index = 0;
    } else if (status.snapshot_index > place->index || world_now_us(world) > place->index_us + PATIENCE_US) {
        SOMETIMES(world, status.term > place->index_term ? "an install is overtaken by an election" : "an install is overtaken by entries");
        place->index = 0;
    }
}

static void look(struct world *world, void *context)
{
    const struct install_watch *watch = context;
    for (size_t node = 0; node < watch->hosts_count; node++)
        for (uint32_t group = 0; group < watch->run->partitions; group++)
            look_at(watch, node, group);
    world_at(world, LOOK_US, look, context);
}

void install_watch_end(struct install_watch *watch, const struct host *host)
{
    size_t node = node_of(watch, host);
    REQUIRE(node < watch->hosts_count);
    for (uint32_t number = 0; number < watch->run->partitions; number++) {
        struct group *group = watch->hooks.group(watch->hooks.context, node, number);
        *place_of(watch, node, number) = (struct place){0};
        if (!group || !group_installs(group))
            continue;
        SOMETIMES(watch->run->world, host_death(host) == CRASH_POWER ? "F18 power is cut during an install" : "F18 a node is killed during an install");
    }
}

struct install_watch *install_watch_open(struct run *run, const struct install_watch_hooks *hooks)
{
    struct install_watch *watch = memory_zero(1, sizeof *watch);
    watch->run = run;
    watch->hooks = *hooks;
    watch->states = memory_zero(run->partitions, sizeof *watch->states);
    watch->places = memory_zero((size_t)run->nodes * run->partitions, sizeof *watch->places);
    snapshot_steps_watch(run->world, on_step, watch);
    world_at(run->world, LOOK_US, look, watch);
    return watch;
}

void install_watch_add(struct install_watch *watch, struct host *host)
{
    REQUIRE(watch->hosts_count < watch->run->nodes);
    watch->hosts[watch->hosts_count++] = host;
}

void install_watch_close(struct install_watch *watch)
{
    memory_free(watch->states);
    memory_free(watch->places);
    memory_free(watch);
}
