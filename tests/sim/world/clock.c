#include "grid/base/check.h"
#include "tests/sim/world/world_internal.h"

/* 2026-01-01T00:00:00Z */
#define WALL_EPOCH_MS 1767225600000u
/* Rounds of deferred work in one iteration before it counts as a loop without end. */
enum { DEFERRED_RUNS_MAX = 100000 };

bool world_most_clocks_right(const struct world *world)
{
    return !world->plan.on[FAULT_JUMP] && (!world->plan.on[FAULT_SKEW] || world->options.seed % 2 == 0);
}

uint64_t world_wall_ms(const struct world *world)
{
    return WALL_EPOCH_MS + world->now_us / 1000;
}

static uint64_t host_time(const struct sim_clock *clock, uint64_t world_us)
{
    return clock->origin_us + (uint64_t)((int64_t)world_us + (int64_t)world_us * clock->drift_ppm / 1000000);
}

/* First world time at which the host's clock shows at least `host_us`. */
static uint64_t world_time(const struct sim_clock *clock, uint64_t host_us)
{
    if (host_us <= clock->origin_us) {
        return 0;
    }
    uint64_t rate = (uint64_t)(1000000 + clock->drift_ppm);
    uint64_t world_us = (host_us - clock->origin_us) * 1000000 / rate;
    while (host_time(clock, world_us) < host_us) {
        world_us++;
    }
    return world_us;
}

static uint64_t now_us(struct clock *clock)
{
    struct sim_clock *sim = (struct sim_clock *)clock;
    return host_time(sim, sim->host->world->now_us);
}

static uint64_t wall_ms(struct clock *clock)
{
    struct sim_clock *sim = (struct sim_clock *)clock;
    uint64_t passed_ms = (host_time(sim, sim->host->world->now_us) - sim->origin_us) / 1000;
    return (uint64_t)((int64_t)(WALL_EPOCH_MS + passed_ms) + sim->wall_skew_ms);
}

static void timer_start(struct clock *clock, struct timer *timer, uint64_t delay_us)
{
    struct sim_clock *sim = (struct sim_clock *)clock;
    REQUIRE(sim->host->up);
    if (!sim->host->closing) {
        timer_queue_add(&sim->timers, timer, now_us(clock) + delay_us);
    }
}

static void timer_stop(struct clock *clock, struct timer *timer)
{
    timer_queue_remove(&((struct sim_clock *)clock)->timers, timer);
}

static void defer(struct clock *clock, struct deferred *deferred)
{
    struct sim_clock *sim = (struct sim_clock *)clock;
    if (deferred->queued || sim->host->closing) {
        return;
    }
    deferred->queued = true;
    deferred->next = NULL;
    if (sim->deferred_last) {
        sim->deferred_last->next = deferred;
    } else {
        sim->deferred_first = deferred;
    }
    sim->deferred_last = deferred;
}

static void undefer(struct clock *clock, struct deferred *deferred)
{
    struct sim_clock *sim = (struct sim_clock *)clock;
    struct deferred *before = NULL;
    for (struct deferred *at = sim->deferred_first; at; before = at, at = at->next) {
        if (at != deferred) {
            continue;
        }
        if (before) {
            before->next = at->next;
        } else {
            sim->deferred_first = at->next;
        }
        if (sim->deferred_last == at) {
            sim->deferred_last = before;
        }
        break;
    }
    deferred->queued = false;
}

void sim_clock_run_deferred(struct sim_clock *clock)
{
    unsigned runs = 0;
    while (clock->deferred_first) {
        struct deferred *deferred = clock->deferred_first;
        clock->deferred_first = deferred->next;
        if (!clock->deferred_first) {
            clock->deferred_last = NULL;
        }
        deferred->queued = false;
        deferred->run(deferred->context);
        if (++runs > DEFERRED_RUNS_MAX) {
            world_fail(clock->host->world, "%s: deferred work defers itself without end", clock->host->name);
            return;
        }
    }
}

/* Fires what was due when the iteration began: a timer that is armed again for now waits for the next one. */
static void fire_timers(struct world *world, void *context)
{
    struct sim_clock *clock = context;
    if (world->now_us < clock->wake_us) {
        return; /* a wake-up that an earlier one replaced */
    }
    clock->wake_us = UINT64_MAX;
    uint64_t now = now_us(&clock->clock), orders = clock->timers.turns;
    while (clock->timers.count > 0 && clock->timers.heap[0]->due_us <= now && clock->timers.heap[0]->turn <= orders) {
        struct timer *timer = timer_queue_pop(&clock->timers, now);
        timer->fire(timer->context);
    }
}

void sim_clock_schedule(struct sim_clock *clock)
{
    uint64_t due_us;
    if (!timer_queue_next(&clock->timers, &due_us)) {
        return;
    }
    struct world *world = clock->host->world;
    uint64_t at_us = world_time(clock, due_us);
    if (at_us < world->now_us) {
        at_us = world->now_us;
    }
    if (at_us >= clock->wake_us) {
        return;
    }
    clock->wake_us = at_us;
    struct event event = {.host = clock->host, .run = fire_timers, .context = clock};
    world_push(world, &event, at_us - world->now_us);
}

void sim_clock_init(struct sim_clock *clock, struct host *host)
{
    clock->clock = (struct clock){now_us, wall_ms, timer_start, timer_stop, defer, undefer};
    clock->host = host;
    clock->wake_us = UINT64_MAX;
    struct world *world = host->world;
    if (world->plan.on[FAULT_DRIFT]) {
        fault_happened(world, FAULT_DRIFT);
        clock->drift_ppm = (int64_t)world_draw(world, CONCERN_CLOCK, 0, 1000) - 500;
    }
    if (world->plan.on[FAULT_SKEW]) {
        fault_happened(world, FAULT_SKEW);
        int64_t skew_ms = (int64_t)world_draw(world, CONCERN_CLOCK, 0, 7200000) - 3600000;
        clock->wall_skew_ms = world_most_clocks_right(world) && host->number != 0 ? 0 : skew_ms;
    }
}

void sim_clock_boot(struct sim_clock *clock)
{
    /* A monotonic clock says nothing across restarts; anything that keeps its values must show. */
    clock->origin_us = world_draw(clock->host->world, CONCERN_CLOCK, 1, 1000000000);
    clock->wake_us = UINT64_MAX;
}

void sim_clock_forget(struct sim_clock *clock)
{
    timer_queue_close(&clock->timers);
    while (clock->deferred_first) {
        struct deferred *deferred = clock->deferred_first;
        clock->deferred_first = deferred->next;
        deferred->queued = false;
    }
    clock->deferred_last = NULL;
    clock->wake_us = UINT64_MAX;
}

void sim_clock_close(struct sim_clock *clock) { timer_queue_close(&clock->timers); }
