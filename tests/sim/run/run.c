#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "tests/sim/run/full_disks.h"
#include "tests/sim/run/together.h"
#include "tests/sim/run/workload.h"

/* How often it is asked whether everything has settled. */
enum { SETTLE_POLL_US = 50000, QUORUM_LOOK_US = 20000, OUTAGE_SECONDS_MAX = 15, QUIET_US = 6000000, QUIET_PERIOD_US = 9000000 };

void run_count(struct run *run, const char *name, uint64_t amount)
{
    for (size_t i = 0; i < run->tallies_count; i++) {
        if (strcmp(run->tallies[i].name, name) == 0) {
            run->tallies[i].count += amount;
            return;
        }
    }
    REQUIRE(run->tallies_count < TALLIES_MAX && strlen(name) < sizeof run->tallies[0].name);
    struct tally *tally = &run->tallies[run->tallies_count++];
    snprintf(tally->name, sizeof tally->name, "%s", name);
    tally->count = amount;
}

uint64_t run_counted(const struct run *run, const char *name)
{
    for (size_t i = 0; i < run->tallies_count; i++) {
        if (strcmp(run->tallies[i].name, name) == 0) {
            return run->tallies[i].count;
        }
    }
    return 0;
}

/* Not drawn: other choices keep their meaning. */
uint64_t run_quiet_us(const struct run *run)
{
    uint64_t at_us = world_now_us(run->world) % QUIET_PERIOD_US;
    bool quiet = world_seed(run->world) % 4 == 1 && at_us >= QUIET_PERIOD_US - QUIET_US;
    return quiet ? QUIET_PERIOD_US - at_us : 0;
}

static void start_all(struct world *world)
{
    for (size_t i = 0; i < world_hosts(world) && !world_failed(world); i++) {
        host_start(world_host(world, i));
    }
}

static void settle(const struct workload *workload, void *state, struct world *world, const char *when)
{
    uint64_t end_us = world_now_us(world) + workload->settle_seconds * 1000000;
    while (!world_failed(world) && !workload->settled(state)) {
        if (world_now_us(world) >= end_us) {
            struct buffer text = {0};
            workload->describe(state, &text);
            buffer_append_u8(&text, 0);
            world_fail(world, "not settled %u s after %s: %s", (unsigned)workload->settle_seconds, when, (char *)text.data);
            buffer_close(&text);
            return;
        }
        world_run(world, world_now_us(world) + SETTLE_POLL_US);
    }
}

/* Half of the seeds get it back at once. Not drawn: other choices keep their meaning. */
static uint64_t outage_us(uint64_t seed)
{
    return seed % 2 == 0 ? 0 : (1 + seed / 2 % OUTAGE_SECONDS_MAX) * 1000000;
}

static void lose_all_power(struct world *world)
{
    world_say(world, "all nodes lose their power");
    for (size_t i = 0; i < world_hosts(world); i++) {
        if (host_kind(world_host(world, i)) == HOST_NODE) {
            host_crash(world_host(world, i), CRASH_POWER);
        }
    }
    world_run(world, world_now_us(world) + outage_us(world_seed(world)));
    start_all(world);
}

static void run_faults(struct run *run, uint64_t seconds)
{
    uint64_t end_us = seconds * 1000000, now_us;
    faults_begin(run->world);
    while ((now_us = world_now_us(run->world)) < end_us && !world_failed(run->world)) {
        uint64_t step_us = end_us - now_us < QUORUM_LOOK_US ? end_us - now_us : QUORUM_LOOK_US;
        world_run(run->world, now_us + step_us);
        quorum_look(&run->quorum, run->world, step_us);
    }
    run_count(run, "ms of faults", run->quorum.all_us / 1000);
    run_count(run, "ms with a quorum", run->quorum.working_us / 1000);
}

static void run_phases(const struct workload *workload, void *state, struct run *run, uint64_t seconds)
{
    struct world *world = run->world;
    start_all(world);
    if (world_failed(world)) {
        return;
    }
    if (run->options->kill.number > 0)
        snapshot_steps_place(world, &run->options->kill);
    run_faults(run, seconds);
    if (world_failed(world)) {
        return;
    }
    world_run(world, world_now_us(world) + faults_last_cut(world));
    faults_heal(world);
    workload->drain(state);
    come_together(world, "the faults ended");
    settle(workload, state, world, "the faults ended");
    if (full_disks_phase(workload, state, run)) {
        start_all(world);
        workload->drain(state);
        settle(workload, state, world, "full disks had room again");
    }
    if (!world_failed(world)) {
        lose_all_power(world);
        workload->drain(state);
        come_together(world, "the last power cut");
        settle(workload, state, world, "the last power cut");
    }
    if (!world_failed(world)) {
        workload->check(state);
        workload->enough(state);
    }
}

/* The owners free what they had, which may still show that something never ended. */
static void end_all(struct world *world)
{
    for (size_t i = 0; i < world_hosts(world); i++) {
        host_crash(world_host(world, i), CRASH_KILL);
    }
}

static void take_results(const struct run *run, struct run_result *result)
{
    struct world *world = run->world;
    result->failed = world_failed(world);
    memcpy(result->reason, world_reason(world), strlen(world_reason(world)) + 1);
    result->trace = world_trace(world);
    result->virtual_us = world_now_us(world);
    memcpy(result->tallies, run->tallies, sizeof result->tallies);
    result->tallies_count = run->tallies_count;
    const struct sometimes *table = world_sometimes_table(world, &result->sometimes_count);
    memcpy(result->sometimes, table, sizeof result->sometimes);
    for (unsigned i = 0; i < SNAPSHOT_STEPS; i++)
        result->steps[i] = snapshot_steps_count(world, (enum snapshot_step)i);
    result->step_reached = snapshot_steps_came(world);
    memcpy(result->happened, faults_happened(world), sizeof result->happened);
}

void run_seed(const struct workload *workload, const struct run_options *options, struct run_result *ret_result)
{
    memset(ret_result, 0, sizeof *ret_result);
    struct world_options world_options = {.seed = options->seed, .faults_allowed = options->faults_allowed,
                                          .verbose = options->verbose};
    struct run run = {.options = options, .world = world_open(&world_options)};
    run.environment = options->environment ? options->environment : environment_of_seed(options->seed);
    faults_set_loss(run.world, run.environment->drop_ppm, run.environment->duplicate_ppm);
    run.nodes = options->nodes ? options->nodes : prng_range(world_prng(run.world), 0, 9) < 7 ? 3 : 5;
    run.partitions = options->partitions ? options->partitions : (uint32_t)prng_range(world_prng(run.world), 4, 8);
    void *state = workload->open(&run);
    run_phases(workload, state, &run, options->seconds ? options->seconds : workload->seconds);
    ret_result->totals = *world_totals(run.world);
    end_all(run.world);
    take_results(&run, ret_result);
    world_close(run.world);
    workload->close(state);
}
