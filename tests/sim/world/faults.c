#include "grid/base/check.h"
#include "tests/sim/world/world_internal.h"

/* Drawing: each allowed class is on or off for the whole run, then its rates are drawn. Acting: at random moments one
 * of the classes that act does something. Rates of faults on single frames and writes are applied by net and disk. */

/* The longest row of faults without calm. */
enum { FAULTS_AT_ONE_GO_US = 6000000, LEAVE_US_MAX = 500000 };
/* From its beginning TCP tries again after 3.0 s, then after 6.2 s. */
enum { LAST_CUT_LOW_US = 3100000, LAST_CUT_HIGH_US = 4400000 };

const struct fault_about *fault_about(enum fault fault)
{
    static const struct fault_about about[] = {
#define X(name, text, ids, what) {text, ids, what},
        FAULT_LIST(X)
#undef X
    };
    REQUIRE(fault < FAULT_COUNT);
    return &about[fault];
}

const char *fault_name(enum fault fault) { return fault_about(fault)->name; }

void fault_happened(struct world *world, enum fault fault)
{
    REQUIRE(fault < FAULT_COUNT);
    world->happened[fault]++;
}

const uint64_t *faults_happened(const struct world *world) { return world->happened; }

bool fault_on(const struct world *world, enum fault fault)
{
    return world->faults_active && world->plan.on[fault];
}

bool fault_chosen(const struct world *world, enum fault fault) { return world->plan.on[fault]; }

static uint64_t draw(struct world *world, uint64_t low, uint64_t high)
{
    return world_draw(world, CONCERN_SWARM, low, high);
}

void plan_draw(struct world *world)
{
    struct plan *plan = &world->plan;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        /* The last ones are not drawn: other seeds keep their meaning. */
        bool half = i >= FAULT_MIXED_SERVICES ? world->options.seed / (UINT64_C(2) << (i - FAULT_MIXED_SERVICES)) % 2 == 0
                                              : world_draw_percent(world, CONCERN_SWARM, 50);
        bool on = half || world->options.faults_forced;
        plan->on[i] = on && (world->options.faults_allowed >> i & 1);
    }
    bool harsh = draw(world, 0, 4) == 0;
    plan->drop_ppm = (uint32_t)draw(world, 1000, harsh ? 100000 : 30000);
    plan->duplicate_ppm = (uint32_t)draw(world, 1000, harsh ? 150000 : 30000);
    plan->chunk_ppm = (uint32_t)draw(world, 10000, 300000);
    plan->flip_ppm = (uint32_t)draw(world, 10, harsh ? 2000 : 500);
    plan->delay_ppm = (uint32_t)draw(world, 1000, 100000);
    plan->delay_us = draw(world, 5000, harsh ? 400000 : 150000);
    plan->latency_low_us = draw(world, 20, 2000);
    plan->latency_high_us = plan->latency_low_us + draw(world, 20, 10000);
    plan->write_low_us = draw(world, 20, 1000);
    plan->write_high_us = plan->write_low_us + draw(world, 100, 8000);
    plan->slow_write_ppm = (uint32_t)draw(world, 1000, 100000);
    plan->gap_low_us = draw(world, 20000, 200000);
    plan->gap_high_us = plan->gap_low_us + draw(world, 100000, harsh ? 600000 : 2000000);
    plan->down_us = draw(world, 10000, 4000000);
    plan->cut_us = draw(world, 200000, 6000000);
    plan->pause_us = draw(world, 1000000, 8000000);
    plan->power_percent = (uint32_t)draw(world, 0, 100);
    plan->actions_in_a_row = draw(world, 2, harsh ? 20 : 8);
    plan->calm_us = draw(world, 4000000, 6000000);
    if (plan->on[FAULT_LOST_PAGES] || plan->on[FAULT_TORN_SECTOR]) {
        plan->power_percent = 50 + plan->power_percent / 2;
    }
    plan->garbage_ppm = (uint32_t)draw(world, 10, 1000);
    plan->old_ppm = (uint32_t)draw(world, 100, 5000);
}

/* ---- actions ---- */

static uint64_t chance(struct world *world, uint64_t low, uint64_t high)
{
    return world_draw(world, CONCERN_FAULTS, low, high);
}

static struct host *any_host(struct world *world, enum host_kind kind)
{
    struct host *found[HOSTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->kind == kind) {
            found[count++] = world->hosts[i];
        }
    }
    return count ? found[chance(world, 0, count - 1)] : NULL;
}

static enum crash_kind any_crash(struct world *world)
{
    return world_draw_percent(world, CONCERN_FAULTS, world->plan.power_percent) ? CRASH_POWER : CRASH_KILL;
}

static void run_start(struct world *world, void *context)
{
    (void)world;
    host_start(context);
}

void fault_crash_for(struct world *world, struct host *host, enum crash_kind kind, uint64_t down_us)
{
    if (host_up(host) && !host_spared(host)) {
        host_crash(host, kind);
        world_at(world, down_us, run_start, host);
    }
}

void fault_crash(struct world *world, void *context)
{
    struct host *host = context;
    if (world->faults_active) {
        fault_happened(world, host->doom.fault);
        fault_crash_for(world, host, host->doom.kind, host->doom.down_us);
    }
}

/* The dangerous moments are those at which a write is under way (F19): most deaths wait for one. */
static void crash_at_write_or_now(struct world *world, struct host *host, const struct doom *doom)
{
    if (host_up(host) && host->kind == HOST_NODE && world_draw_percent(world, CONCERN_FAULTS, 70)) {
        host->doom = *doom;
    } else {
        fault_happened(world, doom->fault);
        fault_crash_for(world, host, doom->kind, doom->down_us);
    }
}

static void act_crash(struct world *world, enum host_kind kind)
{
    struct host *host = any_host(world, kind);
    enum crash_kind crash = any_crash(world);
    if (host) {
        crash_at_write_or_now(world, host, &(struct doom){true, crash, chance(world, 1000, world->plan.down_us),
                                                          kind == HOST_NODE ? FAULT_CRASH : FAULT_CLIENT_CRASH});
    }
}

static void act_crash_all(struct world *world)
{
    world->totals.crashes_of_all++;
    enum crash_kind kind = any_crash(world);
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->kind == HOST_NODE) {
            crash_at_write_or_now(world, world->hosts[i],
                                  &(struct doom){true, kind, chance(world, 1000, 500000), FAULT_CRASH_ALL});
        }
    }
}

static void run_storm_crash(struct world *world, void *context)
{
    if (world->faults_active) {
        fault_happened(world, FAULT_STORM);
        fault_crash_for(world, context, any_crash(world), chance(world, 1000, 100000));
    }
}

static void act_storm(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    uint64_t at_us = 0;
    for (uint64_t i = chance(world, 3, 6); i > 0; i--) {
        world_at(world, at_us, run_storm_crash, host);
        at_us += chance(world, 50000, 600000);
    }
}

static void run_stop(struct world *world, void *context)
{
    struct host *host = context;
    if (world->faults_active && host_up(host) && !host_paused(host)) {
        host_stop(host);
        world_at(world, chance(world, 1000, world->plan.down_us), run_start, host);
    }
}

/* It gets some time to leave, enough or not. */
static void act_stop(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    if (host_up(host) && !host_paused(host) && !host_spared(host)) {
        fault_happened(world, FAULT_STOP);
        host_leave(host);
        world_at(world, chance(world, 0, LEAVE_US_MAX), run_stop, host);
    }
}

static void cut_both(struct world *world, struct host *a, struct host *b, uint64_t for_us, enum cut_kind kind)
{
    net_cut_as(world, a, b, for_us, kind);
    net_cut_as(world, b, a, for_us, kind);
}

static bool even(struct world *world) { return world_draw_percent(world, CONCERN_FAULTS, 50); }

static enum cut_kind any_cut(struct world *world)
{
    uint64_t drawn = chance(world, 0, 9);
    return drawn < 4 ? CUT_LOSE : drawn < 8 ? CUT_SILENT : CUT_CLOG;
}

/* It hears all nodes and none hears it: a leader goes on accepting writes that only it will ever have, and its late
 * answers come when others lead. */
static void act_mute(struct world *world)
{
    fault_happened(world, FAULT_ONE_WAY);
    struct host *host = any_host(world, HOST_NODE);
    uint64_t for_us = chance(world, 50000, world->plan.cut_us);
    enum cut_kind kind = any_cut(world);
    world_say(world, "%s is heard by nobody for %.3f s", host->name, (double)for_us / 1e6);
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i] != host && world->hosts[i]->kind == HOST_NODE) {
            net_cut_as(world, host, world->hosts[i], for_us, kind);
        }
    }
}

static void act_one_way(struct world *world)
{
    if (world_draw_percent(world, CONCERN_FAULTS, 50)) {
        act_mute(world);
        return;
    }
    struct host *from = any_host(world, HOST_NODE), *to = any_host(world, HOST_NODE);
    if (from != to) {
        uint64_t for_us = chance(world, 50000, world->plan.cut_us);
        fault_happened(world, FAULT_ONE_WAY);
        world_say(world, "%s is not heard by %s for %.3f s", from->name, to->name, (double)for_us / 1e6);
        net_cut_as(world, from, to, for_us, any_cut(world));
    }
}

static void act_isolate(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    uint64_t for_us = chance(world, 50000, world->plan.cut_us);
    enum cut_kind kind = any_cut(world);
    fault_happened(world, FAULT_ISOLATE);
    world_say(world, "%s is alone for %.3f s", host->name, (double)for_us / 1e6);
    for (size_t i = 0; i < world->hosts_count; i++) {
        struct host *other = world->hosts[i];
        if (other != host && (other->kind == HOST_NODE || even(world))) {
            cut_both(world, host, other, for_us, kind);
        }
    }
}

static void act_split(struct world *world)
{
    uint64_t sides = chance(world, 1, (1u << world->hosts_count) - 2);
    uint64_t for_us = chance(world, 50000, world->plan.cut_us);
    enum cut_kind kind = any_cut(world);
    fault_happened(world, FAULT_SPLIT);
    world_say(world, "split %llx for %.3f s", (unsigned long long)sides, (double)for_us / 1e6);
    for (size_t i = 0; i < world->hosts_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if ((sides >> i & 1) != (sides >> j & 1)) {
                cut_both(world, world->hosts[i], world->hosts[j], for_us, kind);
            }
        }
    }
}

/* Every node but the neighbours in a ring is cut off: with five, each sees a majority, and no two the same. */
static void act_ring(struct world *world)
{
    size_t nodes[HOSTS_MAX], count = 0;
    uint64_t for_us = chance(world, 50000, world->plan.cut_us);
    enum cut_kind kind = any_cut(world);
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->kind == HOST_NODE) {
            nodes[count++] = i;
        }
    }
    uint64_t turn = chance(world, 0, count - 1);
    fault_happened(world, FAULT_RING);
    world_say(world, "a ring of majorities for %.3f s", (double)for_us / 1e6);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            /* Three in a ring would all be neighbours: one pair is cut, and both see the third. */
            bool neighbours = count > 3 ? j - i == 1 || j - i == count - 1 : (i + turn) % 3 != 0 || j - i != 1;
            if (!neighbours) {
                cut_both(world, world->hosts[nodes[(i + turn) % count]], world->hosts[nodes[(j + turn) % count]], for_us, kind);
            }
        }
    }
}

/* Links stall one by one; each for a time of its own, so that they come back in another order. */
static void run_clog(struct world *world, void *context)
{
    struct host *from = context, *to = any_host(world, HOST_NODE);
    if (world->faults_active && from != to) {
        fault_happened(world, FAULT_CLOG);
        net_cut_as(world, from, to, chance(world, 50000, world->plan.cut_us), CUT_CLOG);
    }
}

static void act_clog(struct world *world)
{
    uint64_t at_us = 0;
    for (uint64_t i = chance(world, 2, 8); i > 0; i--) {
        world_at(world, at_us, run_clog, any_host(world, HOST_NODE));
        at_us += chance(world, 1000, 300000);
    }
}

/* ---- between commit and reply */

void trap_set(struct host *host, enum trap trap, uint64_t cut_us) { host->trap = (struct trap_state){trap, cut_us}; }

/* Returns whether what the host said in this iteration is lost with it. */
static bool spring(struct host *host)
{
    struct world *world = host->world;
    struct trap_state trap = host->trap;
    host->trap.trap = TRAP_NONE;
    if (trap.trap == TRAP_NONE) {
        return false;
    }
    fault_happened(world, FAULT_QUORUM_LOST);
    if (trap.trap == TRAP_DIES) {
        SOMETIMES(world, "F20 a leader dies between commit and reply");
        world_say(world, "%s dies between commit and reply", host->name);
        host_crash_soon(host, world->plan.down_us);
        return true;
    }
    bool lost = trap.trap == TRAP_CUT_REPLY_LOST;
    world_say(world, "%s loses its quorum between commit and reply, which %s", host->name, lost ? "is lost" : "leaves");
    if (lost) {
        SOMETIMES(world, "F75 the quorum is lost after commit, and the reply");
    } else {
        SOMETIMES(world, "F75 the quorum is lost after commit, not the reply");
    }
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i] != host && world->hosts[i]->kind == HOST_NODE) {
            cut_both(world, host, world->hosts[i], trap.cut_us, CUT_LOSE);
        }
    }
    return lost;
}

void trap_spring(struct host *host) { (void)spring(host); }
bool trap_at_reply(struct host *host) { return spring(host); }

static void act_quorum_lost(struct world *world)
{
    enum trap trap = (enum trap)chance(world, TRAP_CUT_REPLY_LOST, TRAP_DIES);
    uint64_t cut_us = chance(world, 200000, world->plan.cut_us);
    /* The leader answers first; the traps of the others stay set until they lead. */
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->kind == HOST_NODE && world_draw_percent(world, CONCERN_FAULTS, 50)) {
            trap_set(world->hosts[i], trap, cut_us);
        }
    }
}

static void act_reset(struct world *world)
{
    fault_happened(world, FAULT_RESET);
    struct host *host = any_host(world, HOST_NODE);
    world->totals.resets++;
    world_say(world, "connections of %s break", host->name);
    net_reset_all(world, host);
}

static void act_slow_receiver(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    fault_happened(world, FAULT_SLOW_RECEIVER);
    host->net.slow_until_us = world->now_us + chance(world, 100000, world->plan.cut_us);
}

static void act_slow_disk(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    host->disk.slow_until_us = world->now_us + chance(world, 100000, 2000000);
}

static void act_jump(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    int64_t jump_ms = (int64_t)chance(world, 0, 7200000) - 3600000;
    world_say(world, "wall clock of %s jumps by %lld ms", host->name, (long long)jump_ms);
    world->totals.clock_jumps++;
    fault_happened(world, FAULT_JUMP);
    host->clock.wall_skew_ms += jump_ms;
}

static void act_disk_error(struct world *world, enum disk_error error)
{
    struct host *host = any_host(world, HOST_NODE);
    world_say(world, "the next %s of %s fails", error == DISK_SYNC_ONCE ? "sync" : "write", host->name);
    disk_break(host, error);
}

static bool any_disk_fails(const struct world *world)
{
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->disk.fail_write_always || disk_damaged(world->hosts[i])) {
            return true;
        }
    }
    return false;
}

static void run_replaced(struct world *world, void *context)
{
    struct host *host = context;
    world_say(world, "the disk of %s is sound again", host->name);
    disk_break(host, DISK_SOUND);
    disk_repair(host);
}

/* One disk at a time: the world is about what a cluster survives. */
static void act_disk_dies(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    uint64_t for_us = chance(world, 500000, 8000000);
    if (any_disk_fails(world)) {
        return;
    }
    world_say(world, "every write of %s fails for %.3f s", host->name, (double)for_us / 1e6);
    disk_break(host, DISK_WRITE_ALWAYS);
    world_at(world, for_us, run_replaced, host);
}

/* Only a process that starts reads a closed segment. */
static void act_damage(struct world *world, enum fault fault, enum disk_damage damage)
{
    struct host *host = any_host(world, HOST_NODE);
    if (any_disk_fails(world) || !disk_damage(host, damage)) {
        return;
    }
    fault_happened(world, fault);
    fault_crash_for(world, host, CRASH_KILL, chance(world, 1000, 500000));
    world_at(world, chance(world, 1000000, 5000000), run_replaced, host);
}

/* Whether one may lose its disk: a lone node has nobody to take the data from. */
static bool all_whole(const struct world *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i]->kind == HOST_NODE && !world->hosts[i]->whole) {
            return false;
        }
        count += world->hosts[i]->kind == HOST_NODE;
    }
    return count > 1;
}

/* As docs/guides/replace-a-disk.md says: one at a time, and only while all others are whole. */
static void act_disk_lost(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    if (!all_whole(world) || any_disk_fails(world)) {
        return;
    }
    fault_happened(world, FAULT_DISK_LOST);
    host_crash(host, CRASH_KILL);
    world_say(world, "%s has lost its disk", host->name);
    disk_wipe(host);
    world_at(world, chance(world, 1000, 2000000), run_start, host);
}

static void run_room(struct world *world, void *context)
{
    struct host *host = context;
    world_say(world, "the disk of %s has room again", host->name);
    disk_break(host, DISK_SOUND);
}

static void act_disk_full(struct world *world)
{
    struct host *host = any_host(world, HOST_NODE);
    world_say(world, "the disk of %s is full", host->name);
    disk_break(host, DISK_FULL);
    world_at(world, chance(world, 100000, 4000000), run_room, host);
}

static void act_pause(struct world *world)
{
    fault_happened(world, FAULT_PAUSE);
    host_pause(any_host(world, HOST_NODE), chance(world, 50000, world->plan.pause_us));
}

static void act(struct world *world, enum fault fault)
{
    switch (fault) {
    case FAULT_CRASH: act_crash(world, HOST_NODE); break;
    case FAULT_CLIENT_CRASH: act_crash(world, HOST_CLIENT); break;
    case FAULT_CRASH_ALL: act_crash_all(world); break;
    case FAULT_STORM: act_storm(world); break;
    case FAULT_STOP: act_stop(world); break;
    case FAULT_PAUSE: act_pause(world); break;
    case FAULT_ONE_WAY: act_one_way(world); break;
    case FAULT_SPLIT: act_split(world); break;
    case FAULT_ISOLATE: act_isolate(world); break;
    case FAULT_RESET: act_reset(world); break;
    case FAULT_SLOW_RECEIVER: act_slow_receiver(world); break;
    case FAULT_SLOW_DISK: act_slow_disk(world); break;
    case FAULT_JUMP: act_jump(world); break;
    case FAULT_WRITE_ERROR: act_disk_error(world, DISK_WRITE_ONCE); break;
    case FAULT_SYNC_ERROR: act_disk_error(world, DISK_SYNC_ONCE); break;
    case FAULT_WRITE_ERROR_LASTING: act_disk_dies(world); break;
    case FAULT_BIT_ROT: act_damage(world, fault, DAMAGE_BIT); break;
    case FAULT_MISDIRECTED: act_damage(world, fault, DAMAGE_MISDIRECTED); break;
    case FAULT_CUT_FILE: act_damage(world, fault, DAMAGE_CUT); break;
    case FAULT_LOST_FILE: act_damage(world, fault, DAMAGE_GONE); break;
    case FAULT_DISK_FULL: act_disk_full(world); break;
    case FAULT_DISK_LOST: act_disk_lost(world); break;
    case FAULT_RING: act_ring(world); break;
    case FAULT_CLOG: act_clog(world); break;
    case FAULT_QUORUM_LOST: act_quorum_lost(world); break;
    case FAULT_DROP: case FAULT_FLIP: case FAULT_DUPLICATE: case FAULT_DELAY: case FAULT_CHUNKS: case FAULT_LOST_PAGES:
    case FAULT_TORN_SECTOR: case FAULT_SKEW: case FAULT_DRIFT: case FAULT_PROVIDER_SLOW: case FAULT_PROVIDER_TIMEOUT:
    case FAULT_PROVIDER_DOWN: case FAULT_GARBAGE: case FAULT_OLD_FRAME: case FAULT_IMPATIENT_CLIENT: case FAULT_SAME_KEY:
    case FAULT_WRONG_NODE: case FAULT_MIXED_LEVELS: case FAULT_TOO_OLD: case FAULT_MIXED_SERVICES:
    case FAULT_SNAPSHOT_KILL: case FAULT_SNAPSHOT_ERROR: case FAULT_COUNT:
        break; /* rates, not actions */
    }
}

static const enum fault actions[] = {FAULT_CRASH, FAULT_CLIENT_CRASH, FAULT_CRASH_ALL, FAULT_STORM, FAULT_STOP, FAULT_PAUSE,
                                     FAULT_ONE_WAY, FAULT_SPLIT, FAULT_ISOLATE, FAULT_RESET, FAULT_SLOW_RECEIVER,
                                     FAULT_SLOW_DISK, FAULT_JUMP, FAULT_WRITE_ERROR, FAULT_SYNC_ERROR,
                                     FAULT_WRITE_ERROR_LASTING, FAULT_DISK_FULL, FAULT_BIT_ROT, FAULT_MISDIRECTED,
                                     FAULT_CUT_FILE, FAULT_LOST_FILE, FAULT_RING, FAULT_CLOG, FAULT_QUORUM_LOST,
                                     FAULT_DISK_LOST};

/* Faults come in rows with calm between: a cluster that is never left alone does nothing that could go wrong. */
static uint64_t calm_down(struct world *world)
{
    world_say(world, "calm");
    uint64_t calm_us = chance(world, world->plan.calm_us / 2, world->plan.calm_us);
    world->calm_since_us = world->now_us + calm_us;
    net_mend(world);
    for (size_t i = 0; i < world->hosts_count; i++) {
        world->hosts[i]->doom.armed = world->hosts[i]->steps_doom.armed = false;
        world->hosts[i]->trap.trap = TRAP_NONE;
        host_resume(world->hosts[i]);
    }
    return calm_us;
}

static void run_faults(struct world *world, void *context)
{
    (void)context;
    if (!world->faults_active) {
        return;
    }
    enum fault enabled[sizeof actions / sizeof actions[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (world->plan.on[actions[i]]) {
            enabled[count++] = actions[i];
        }
    }
    if (count == 0) {
        return;
    }
    act(world, enabled[chance(world, 0, count - 1)]);
    uint64_t gap_us = chance(world, world->plan.gap_low_us, world->plan.gap_high_us);
    bool late = world->now_us - world->calm_since_us > FAULTS_AT_ONE_GO_US;
    if (late || chance(world, 1, world->plan.actions_in_a_row) == 1) {
        gap_us += calm_down(world);
    }
    world_at(world, gap_us, run_faults, NULL);
}

void faults_forbid_power_cuts(struct world *world)
{
    world->power_is_safe = true;
    world->plan.on[FAULT_SYNC_ERROR] = false; /* takes from the cache what a power cut would take */
    /* Of two nodes that end one after the other, nobody would know which one has lost something. */
    world->plan.on[FAULT_WRITE_ERROR] = world->plan.on[FAULT_WRITE_ERROR_LASTING] = false;
    world->plan.on[FAULT_STOP] = world->plan.on[FAULT_DISK_LOST] = world->plan.on[FAULT_SNAPSHOT_ERROR] = false;
}

static void set_rate(struct world *world, enum fault fault, uint32_t *rate, uint32_t ppm)
{
    if (ppm == 0 || !(world->options.faults_allowed >> fault & 1))
        return;
    world->plan.on[fault] = true;
    *rate = ppm;
}

void faults_set_loss(struct world *world, uint32_t drop_ppm, uint32_t duplicate_ppm)
{
    set_rate(world, FAULT_DROP, &world->plan.drop_ppm, drop_ppm);
    set_rate(world, FAULT_DUPLICATE, &world->plan.duplicate_ppm, duplicate_ppm);
}

void faults_begin(struct world *world)
{
    world->faults_active = true;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (world->plan.on[i]) {
            world_say(world, "fault class %s", fault_name((enum fault)i));
        }
    }
    world_at(world, chance(world, world->plan.gap_low_us, world->plan.gap_high_us), run_faults, NULL);
    snapshot_steps_start(world);
}

uint64_t faults_last_cut(struct world *world)
{
    uint64_t for_us = chance(world, LAST_CUT_LOW_US, LAST_CUT_HIGH_US);
    if (!world->plan.on[FAULT_SPLIT]) {
        return 0;
    }
    world_say(world, "all nodes are apart until the end of the faults");
    for (size_t i = 0; i < world->hosts_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (world->hosts[i]->kind == HOST_NODE && world->hosts[j]->kind == HOST_NODE) {
                cut_both(world, world->hosts[i], world->hosts[j], LAST_CUT_HIGH_US, CUT_SILENT);
            }
        }
    }
    return for_us;
}

void faults_heal(struct world *world)
{
    world_say(world, "healed: no faults from here on");
    world->faults_active = false;
    world->steps.place.number = 0;
    net_mend(world);
    for (size_t i = 0; i < world->hosts_count; i++) {
        struct host *host = world->hosts[i];
        disk_break(host, DISK_SOUND);
        disk_repair(host);
        host->trap.trap = TRAP_NONE;
        host->disk.slow_until_us = host->net.slow_until_us = 0;
        host->doom.armed = host->steps_doom.armed = host->dying = false;
        host_resume(host);
        host_start(host);
    }
}
