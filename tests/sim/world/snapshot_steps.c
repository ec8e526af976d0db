#include "tests/sim/world/snapshot_steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "tests/sim/world/world_internal.h"

enum { AFTER_US_MAX = 6000, COUNT_MAX = 3, GAP_LOW_US = 50000, GAP_HIGH_US = 800000, KEPT_OF_TEN = 7, NOTES_OF_INSTALL = 2 };

const char *snapshot_step_name(enum snapshot_step step)
{
    static const char *const names[] = {
#define X(name, text) text,
        SNAPSHOT_STEP_LIST(X)
#undef X
    };
    REQUIRE(step < SNAPSHOT_STEPS);
    return names[step];
}

void snapshot_steps_watch(struct world *world, void (*seen)(void *context, const struct snapshot_moment *moment), void *context)
{
    world->steps.seen = seen;
    world->steps.context = context;
}

void snapshot_steps_place(struct world *world, const struct step_place *place)
{
    REQUIRE(place->number > 0 && place->step <= SNAPSHOT_STEPS && place->fate < STEP_FATES);
    world->steps.place = *place;
}

bool snapshot_steps_came(const struct world *world) { return world->steps.came; }
uint64_t snapshot_steps_count(const struct world *world, enum snapshot_step step) { return world->steps.counts[step]; }

/* ---- what an operation is */

enum kind { OTHER, PART, RECEIVED, WHOLE, SEGMENT };

static enum kind parse(const char *name, uint32_t *ret_group, uint64_t *ret_index)
{
    static const char snap[] = "snap-";
    char *dash, *end;
    if (strncmp(name, "wal-", 4) == 0)
        return SEGMENT;
    if (strncmp(name, snap, sizeof snap - 1) != 0)
        return OTHER;
    errno = 0;
    unsigned long group = strtoul(name + sizeof snap - 1, &dash, 16);
    unsigned long long index = strtoull(*dash == '-' ? dash + 1 : dash, &end, 16);
    if (errno != 0 || *dash != '-')
        return OTHER;
    *ret_group = (uint32_t)group;
    *ret_index = index;
    return strcmp(end, ".part") == 0 ? PART : strcmp(end, ".recv") == 0 ? RECEIVED : *end == 0 ? WHOLE : OTHER;
}

static enum snapshot_step step_of_part(enum disk_operation operation)
{
    switch (operation) {
    case OPERATION_CREATE: return STEP_SAVE_CREATE;
    case OPERATION_WRITE: return STEP_SAVE_WRITE;
    case OPERATION_RENAME: return STEP_SAVE_RENAME;
    case OPERATION_REMOVE: return STEP_SAVE_DROP;
    case OPERATION_OPEN: case OPERATION_LOAD: case OPERATION_READ: break;
    }
    return SNAPSHOT_STEPS;
}

static enum snapshot_step step_of_received(enum disk_operation operation)
{
    switch (operation) {
    case OPERATION_OPEN: return STEP_RECEIVE_OPEN;
    case OPERATION_CREATE: return STEP_RECEIVE_CREATE;
    case OPERATION_READ: return STEP_RECEIVE_READ;
    case OPERATION_WRITE: return STEP_RECEIVE_WRITE;
    case OPERATION_RENAME: return STEP_RECEIVE_RENAME;
    case OPERATION_REMOVE: return STEP_RECEIVE_DROP;
    case OPERATION_LOAD: break;
    }
    return SNAPSHOT_STEPS;
}

static enum snapshot_step step_of_whole(enum disk_operation operation)
{
    switch (operation) {
    case OPERATION_OPEN: return STEP_SEND_OPEN;
    case OPERATION_READ: return STEP_SEND_READ;
    case OPERATION_REMOVE: return STEP_OLD_REMOVE;
    case OPERATION_LOAD: return STEP_INSTALL_LOAD;
    case OPERATION_CREATE: return STEP_RECEIVE_RENAME; /* put in one go, by the courier of groups alone */
    case OPERATION_WRITE: case OPERATION_RENAME: break;
    }
    return SNAPSHOT_STEPS;
}

static enum snapshot_step step_of_segment(struct host *host, enum disk_operation operation)
{
    struct host_steps *here = &host->steps;
    if (operation == OPERATION_REMOVE)
        return STEP_SEGMENT_REMOVE;
    if (operation != OPERATION_WRITE)
        return SNAPSHOT_STEPS;
    if (here->renamed) {
        here->noting = true;
        return STEP_SAVE_NOTE;
    }
    if (here->install_notes == 0)
        return SNAPSHOT_STEPS;
    here->install_notes--;
    return STEP_INSTALL_NOTE;
}

static enum snapshot_step step_of(struct host *host, enum kind kind, enum disk_operation operation)
{
    switch (kind) {
    case PART: return step_of_part(operation);
    case RECEIVED: return step_of_received(operation);
    case WHOLE: return step_of_whole(operation);
    case SEGMENT: return step_of_segment(host, operation);
    case OTHER: break;
    }
    return SNAPSHOT_STEPS;
}

/* ---- rare states */

static void look(struct host *host, enum snapshot_step step)
{
    const struct host_steps *here = &host->steps;
    if (step == STEP_SAVE_CREATE && here->saving > 0)
        SOMETIMES(host->world, "F40 two snapshots are written at once");
    if (step == STEP_SAVE_CREATE && here->receiving > 0)
        SOMETIMES(host->world, "a snapshot is written while one is received");
    if (step == STEP_SEGMENT_REMOVE && here->saving > 0)
        SOMETIMES(host->world, "a segment is removed while a snapshot is written");
    if (step == STEP_SEGMENT_REMOVE && here->receiving > 0)
        SOMETIMES(host->world, "a segment is removed while a snapshot is received");
    if (step == STEP_RECEIVE_WRITE && here->continues)
        SOMETIMES(host->world, "a transfer goes on where it broke off");
}

static void count(struct host *host, enum snapshot_step step)
{
    struct host_steps *here = &host->steps;
    here->saving += step == STEP_SAVE_CREATE;
    if ((step == STEP_SAVE_RENAME || step == STEP_SAVE_DROP) && here->saving > 0)
        here->saving--;
    here->receiving += step == STEP_RECEIVE_OPEN;
    if (step == STEP_RECEIVE_RENAME && here->receiving > 0)
        here->receiving--;
    if (step == STEP_RECEIVE_WRITE || step == STEP_RECEIVE_CREATE)
        here->continues = false;
    if (step == STEP_INSTALL_LOAD)
        here->install_notes = NOTES_OF_INSTALL;
}

static void note_received(struct host_steps *here, uint32_t group, uint64_t index)
{
    here->received[here->received_next++ % RECEIVED_KEPT] = (struct received){group, index};
}

/* A start reads files too; an install reads one that has just come. */
static bool has_come(const struct host_steps *here, uint32_t group, uint64_t index)
{
    for (size_t i = 0; i < RECEIVED_KEPT; i++)
        if (here->received[i].group == group && here->received[i].index == index)
            return true;
    return false;
}

void snapshot_steps_done(struct host *host, const char *name, enum disk_operation operation, uint64_t size)
{
    uint32_t group = 0;
    uint64_t index = 0;
    enum kind kind = parse(name, &group, &index);
    struct host_steps *here = &host->steps;
    here->continues = here->continues || (kind == RECEIVED && operation == OPERATION_OPEN && size > 0);
    here->renamed = here->renamed || (kind == PART && operation == OPERATION_RENAME);
    if ((kind == RECEIVED && operation == OPERATION_RENAME) || (kind == WHOLE && operation == OPERATION_CREATE))
        note_received(here, group, index);
    if (kind == SEGMENT && operation == OPERATION_WRITE && here->noting)
        here->renamed = here->noting = false;
}

void snapshot_steps_crash(struct host *host, enum crash_kind kind)
{
    struct world *world = host->world;
    const struct host_steps *here = &host->steps;
    if (here->renamed)
        SOMETIMES(world, "F18 a node dies between rename and note");
    if (here->saving > 0 && kind == CRASH_KILL)
        SOMETIMES(world, "F18 a node is killed while it writes a snapshot");
    if (here->saving > 0 && kind == CRASH_POWER)
        SOMETIMES(world, "F18 power is cut while a snapshot is written");
    if (here->receiving > 0)
        SOMETIMES(world, "F18 a node dies while it receives a snapshot");
    host->steps = (struct host_steps){0};
}

/* ---- fates */

static uint64_t draw(struct world *world, uint64_t low, uint64_t high) { return world_draw(world, CONCERN_STEPS, low, high); }

static void run_death(struct world *world, void *context)
{
    struct host *host = context;
    if (!host->dying || host->incarnation != host->dying_life)
        return;
    host->dying = false;
    fault_happened(world, FAULT_SNAPSHOT_KILL);
    fault_crash_for(world, host, host->death, draw(world, 1000, 1000000));
}

static void die(struct host *host, enum crash_kind kind, uint64_t latency_us)
{
    struct world *world = host->world;
    bool within = draw(world, 0, 1) == 0;
    uint64_t delay_us = within ? draw(world, 0, latency_us) : latency_us + draw(world, 0, AFTER_US_MAX);
    if (host->dying && host->dying_life == host->incarnation)
        return;
    host->dying = true;
    host->dying_life = host->incarnation;
    host->death = kind;
    world_at(world, delay_us, run_death, host);
}

static bool may_fail(enum snapshot_step step) { return step != STEP_INSTALL_LOAD; }

static bool needs_room(enum snapshot_step step)
{
    return step == STEP_SAVE_CREATE || step == STEP_SAVE_WRITE || step == STEP_SAVE_RENAME || step == STEP_RECEIVE_CREATE ||
           step == STEP_RECEIVE_WRITE || step == STEP_RECEIVE_RENAME;
}

static enum grid_err spoil(struct host *host, bool may, enum grid_err err)
{
    if (may)
        fault_happened(host->world, FAULT_SNAPSHOT_ERROR);
    return may ? err : GRID_ERR_OK;
}

static enum grid_err meet(struct host *host, enum snapshot_step step, enum step_fate fate, uint64_t latency_us)
{
    world_say(host->world, "%s: %s at step %s", host->name, fate == STEP_KILLED ? "killed" : fate == STEP_POWER_CUT ? "power cut" :
              fate == STEP_FAILS ? "disk error" : "no room", snapshot_step_name(step));
    switch (fate) {
    case STEP_KILLED: die(host, CRASH_KILL, latency_us); return GRID_ERR_OK;
    case STEP_POWER_CUT: die(host, CRASH_POWER, latency_us); return GRID_ERR_OK;
    case STEP_FAILS: return spoil(host, may_fail(step), GRID_ERR_IO);
    case STEP_FULL: return spoil(host, needs_room(step), GRID_ERR_NO_SPACE);
    case STEP_FATES: break;
    }
    UNREACHABLE("a fate");
}

static bool is_armed_for(struct host *host, enum snapshot_step step, enum step_fate *ret_fate)
{
    struct step_doom *doom = &host->steps_doom;
    if (!doom->armed || doom->step != step || --doom->left > 0)
        return false;
    doom->armed = false;
    *ret_fate = doom->fate;
    return true;
}

static bool is_placed_at(struct step_place *place, enum snapshot_step step)
{
    return place->number > 0 && (place->step == step || place->step == SNAPSHOT_STEPS) && --place->number == 0;
}

enum grid_err snapshot_steps_begin(struct host *host, const char *name, enum disk_operation operation, uint64_t latency_us)
{
    struct world *world = host->world;
    struct snapshot_moment moment = {.host = host};
    enum kind kind = host->kind == HOST_NODE ? parse(name, &moment.group, &moment.index) : OTHER;
    moment.step = step_of(host, kind, operation);
    if (moment.step == SNAPSHOT_STEPS || (moment.step == STEP_INSTALL_LOAD && !has_come(&host->steps, moment.group, moment.index)))
        return GRID_ERR_OK;
    look(host, moment.step);
    count(host, moment.step);
    world->steps.counts[moment.step]++;
    if (world->steps.seen != NULL)
        world->steps.seen(world->steps.context, &moment);
    enum step_fate fate;
    bool placed = is_placed_at(&world->steps.place, moment.step);
    world->steps.came = world->steps.came || placed;
    if (placed)
        return meet(host, moment.step, world->steps.place.fate, latency_us);
    return world->faults_active && is_armed_for(host, moment.step, &fate) ? meet(host, moment.step, fate, latency_us) : GRID_ERR_OK;
}

/* ---- at random */

static void arm(struct world *world)
{
    struct host *nodes[HOSTS_MAX];
    size_t nodes_count = 0;
    for (size_t i = 0; i < world->hosts_count; i++)
        if (world->hosts[i]->kind == HOST_NODE)
            nodes[nodes_count++] = world->hosts[i];
    struct host *host = nodes[draw(world, 0, nodes_count - 1)];
    if (host->steps_doom.armed && draw(world, 0, 9) < KEPT_OF_TEN)
        return; /* it waits for a rare step */
    bool kills = world->plan.on[FAULT_SNAPSHOT_KILL], spoils = world->plan.on[FAULT_SNAPSHOT_ERROR];
    bool kill = kills && (!spoils || draw(world, 0, 2) > 0);
    enum step_fate fate = kill ? (draw(world, 0, 99) < world->plan.power_percent ? STEP_POWER_CUT : STEP_KILLED)
                               : (draw(world, 0, 1) == 0 ? STEP_FAILS : STEP_FULL);
    host->steps_doom = (struct step_doom){true, (enum snapshot_step)draw(world, 0, SNAPSHOT_STEPS - 1), fate, draw(world, 1, COUNT_MAX)};
}

static void run_arm(struct world *world, void *context)
{
    (void)context;
    if (!world->faults_active)
        return;
    if (world->now_us >= world->calm_since_us)
        arm(world);
    world_at(world, draw(world, GAP_LOW_US, GAP_HIGH_US), run_arm, NULL);
}

void snapshot_steps_start(struct world *world)
{
    if (world->plan.on[FAULT_SNAPSHOT_KILL] || world->plan.on[FAULT_SNAPSHOT_ERROR])
        world_at(world, draw(world, GAP_LOW_US, GAP_HIGH_US), run_arm, NULL);
}
