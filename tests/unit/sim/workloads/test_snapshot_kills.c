/* A death of the node, a cut of its power, an error of its disk or a full disk, at one step of a snapshot after the other (F18): the write of
 * a file, its rename, the note in the log, the removal of what is old, a transfer, an install. Whatever comes, the oracles of the counter
 * hold, the node is started again, and all replicas meet. The seed is one in which a member falls behind and gets its snapshots in several pieces. */
#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "tests/sim/workloads/workloads.h"

/* Under sanitizers a run takes some ten times as long. */
#if defined(__SANITIZE_ADDRESS__)
enum { NUMBERS = 1 };
#else
enum { NUMBERS = 2 };
#endif

static struct run_options options(void)
{
    return (struct run_options){.seed = 54, .seconds = 5, .nodes = 3, .partitions = 2, .faults_allowed = FAULT_BIT(ISOLATE),
                                .environment = environment_find("small-trailing")};
}

/* Returns whether the step came. */
static bool run_with(enum snapshot_step step, uint64_t number, enum step_fate fate)
{
    struct run_options with = options();
    struct run_result *result = memory_zero(1, sizeof *result);
    with.kill = (struct step_place){step, number, fate};
    run_seed(&workload_counter, &with, result);
    cr_expect_not(result->failed, "fate %d at %s number %u: %s", (int)fate, snapshot_step_name(step), (unsigned)number, result->reason);
    bool reached = result->step_reached;
    memory_free(result);
    return reached;
}

static void sweep(enum step_fate fate)
{
    for (unsigned step = 0; step < SNAPSHOT_STEPS; step++)
        for (uint64_t number = 1; number <= NUMBERS && run_with((enum snapshot_step)step, number, fate); number++)
            ;
}

Test(snapshot_kills, meet_every_step_but_those_that_only_a_death_brings)
{
    struct run_options plain = options();
    struct run_result *result = memory_zero(1, sizeof *result);
    run_seed(&workload_counter, &plain, result);
    cr_assert_not(result->failed, "%s", result->reason);
    for (unsigned step = 0; step < SNAPSHOT_STEPS; step++) {
        bool follows = step == STEP_SAVE_DROP || step == STEP_RECEIVE_READ || step == STEP_RECEIVE_DROP;
        cr_expect(follows || result->steps[step] >= NUMBERS, "%s: %u times", snapshot_step_name((enum snapshot_step)step), (unsigned)result->steps[step]);
    }
    memory_free(result);
}

Test(snapshot_kills, a_process_dies_at_each_step) { sweep(STEP_KILLED); }
Test(snapshot_kills, power_is_cut_at_each_step) { sweep(STEP_POWER_CUT); }
Test(snapshot_kills, the_disk_fails_at_each_step) { sweep(STEP_FAILS); }
Test(snapshot_kills, the_disk_is_full_at_each_step) { sweep(STEP_FULL); }
