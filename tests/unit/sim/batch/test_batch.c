#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/memory.h"
#include "tests/sim/batch/batch.h"

/* A workload that does as the seed tells it. */
enum { SEED_ABORTS = 3, SEED_FAILS = 5, SEED_NEVER_SETTLES = 7, SEED_DIFFERS = 8, SEED_DOES_NOTHING = 9 };

struct obedient { struct run *run; unsigned drained; };

static unsigned runs_of_this_process;

static void on_life(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static void *open_obedient(struct run *run)
{
    struct obedient *state = memory_zero(1, sizeof *state);
    struct host_owner owner = {on_life, NULL, on_life, NULL, NULL};
    state->run = run;
    world_add_host(run->world, "n1", HOST_NODE, &owner);
    run_count(run, "works", 2);
    SOMETIMES(run->world, "it works");
    runs_of_this_process++;
    if (run->options->seed == SEED_ABORTS) {
        abort();
    }
    if (run->options->seed == SEED_DIFFERS) {
        world_trace_fold(run->world, runs_of_this_process);
    }
    return state;
}

static void drain(void *context)
{
    ((struct obedient *)context)->drained++;
}

static bool settled(void *context)
{
    const struct obedient *state = context;
    if (state->run->options->seed == SEED_FAILS) {
        world_fail(state->run->world, "as told");
    }
    return state->run->options->seed != SEED_NEVER_SETTLES;
}

static void describe(void *context, struct buffer *out)
{
    (void)context;
    buffer_append_text(out, "it never does");
}

static void check(void *context)
{
    cr_assert_eq(((struct obedient *)context)->drained, 2, "after the healing and after the power cut");
}

static void enough(void *context)
{
    const struct obedient *state = context;
    if (state->run->options->seed == SEED_DOES_NOTHING) {
        world_fail(state->run->world, "too little");
    }
}

static void close_obedient(void *context) { memory_free(context); }

static const struct sometimes_point sometimes[] = {{"it works", 1}, {0}};
static const struct workload workload = {
    .name = "obedient", .summary = "", .seconds = 1, .settle_seconds = 2, .sometimes = sometimes, .open = open_obedient,
    .drain = drain, .settled = settled, .describe = describe, .check = check, .enough = enough, .close = close_obedient};

static bool run(uint64_t from, uint64_t seeds, unsigned jobs, struct batch_sums *ret_sums)
{
    struct batch_options options = {.workload = &workload, .from = from, .seeds = seeds, .jobs = jobs, .twice_every = 2};
    return batch_run(&options, ret_sums);
}

static const struct batch_failure *failure_of(const struct batch_sums *sums, uint64_t seed)
{
    for (size_t i = 0; i < sums->failures_count; i++) {
        if (sums->failures[i].seed == seed) {
            return &sums->failures[i];
        }
    }
    return NULL;
}

Test(batch, sums_up_runs_that_pass)
{
    struct batch_sums sums;
    cr_assert(run(10, 10, 2, &sums));
    cr_assert_eq(sums.runs, 10);
    cr_assert_eq(sums.twice, 5);
    cr_assert_eq(sums.failed, 0);
    cr_assert_geq(sums.virtual_us, 10 * 1000000);
    cr_assert_str_eq(sums.tallies[0].name, "works");
    cr_assert_eq(sums.tallies[0].count, 20);
    cr_assert_str_eq(sums.sometimes[0].name, "it works");
    cr_assert_eq(sums.sometimes[0].count, 10);
}

Test(batch, reports_a_crash_with_seed_and_signal_and_goes_on)
{
    struct batch_sums sums;
    cr_assert(run(SEED_ABORTS - 1, 3, 2, &sums));
    cr_assert_eq(sums.failed, 1);
    cr_assert_eq(sums.runs, 2);
    cr_assert_not_null(failure_of(&sums, SEED_ABORTS));
    cr_assert_eq(failure_of(&sums, SEED_ABORTS)->signal, SIGABRT);
}

Test(batch, reports_what_an_oracle_saw)
{
    struct batch_sums sums;
    cr_assert(run(SEED_FAILS, 1, 1, &sums));
    cr_assert_eq(sums.failed, 1);
    cr_assert_str_eq(failure_of(&sums, SEED_FAILS)->reason, "as told");
}

Test(batch, reports_a_run_that_never_settles)
{
    struct batch_sums sums;
    cr_assert(run(SEED_NEVER_SETTLES, 1, 1, &sums));
    const char *reason = failure_of(&sums, SEED_NEVER_SETTLES)->reason;
    cr_assert_not_null(strstr(reason, "not settled 2 s after the faults ended: it never does"), "%s", reason);
}

Test(batch, reports_a_run_that_differs_the_second_time)
{
    struct batch_sums sums;
    cr_assert(run(SEED_DIFFERS, 1, 1, &sums));
    cr_assert_eq(sums.failed, 1);
    cr_assert_not_null(strstr(failure_of(&sums, SEED_DIFFERS)->reason, "trace hashes differ"));
}

Test(batch, reports_a_run_that_did_too_little)
{
    struct batch_sums sums;
    cr_assert(run(SEED_DOES_NOTHING, 1, 1, &sums));
    cr_assert_eq(sums.failed, 1);
}

Test(batch, stops_taking_seeds_after_a_failure_when_asked_to)
{
    struct batch_options options = {.workload = &workload, .from = SEED_FAILS, .seeds = 1000, .jobs = 1, .stop_at_failure = true};
    struct batch_sums sums;
    cr_assert(batch_run(&options, &sums));
    cr_assert_eq(sums.failed, 1);
    cr_assert_eq(sums.runs, 1);
}
