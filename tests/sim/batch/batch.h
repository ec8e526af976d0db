/* A batch of seeds, spread over child processes: a crash in one costs one seed, which is reported with its signal. */
#ifndef TESTS_SIM_BATCH_BATCH_H
#define TESTS_SIM_BATCH_BATCH_H

#include "tests/sim/run/workload.h"

enum { JOBS_MAX = 64, FAILURES_KEPT_MAX = 32, REPEAT_TEXT_BYTES = 384 };

struct batch_options {
    const struct workload *workload;
    struct run_options run;        /* its seed is that of each run */
    uint64_t from, seeds;
    uint64_t twice_every;          /* every so many seeds are run twice and the traces compared; 0: none */
    bool selective;                /* somebody asked for other runs than the seeds choose: not everything need happen */
    bool stop_at_failure;          /* takes no more seeds once one failed */
    unsigned jobs;                 /* 0: in this process, for a debugger */
    char repeat[REPEAT_TEXT_BYTES]; /* arguments that repeat a run, without the seed */
};

struct batch_failure { uint64_t seed; int signal; char reason[WORLD_REASON_BYTES]; };

/* Sums of all runs. */
struct batch_sums {
    uint64_t runs, twice, failed, virtual_us;
    struct world_totals totals;
    struct tally tallies[TALLIES_MAX];
    size_t tallies_count;
    struct sometimes sometimes[SOMETIMES_MAX];
    size_t sometimes_count;
    uint64_t steps[SNAPSHOT_STEPS];
    uint64_t happened[FAULT_COUNT], happened_runs[FAULT_COUNT]; /* of a class: how often, in how many runs */
    struct batch_failure failures[FAILURES_KEPT_MAX];
    size_t failures_count;
};

/* Runs them all; *ret_sums is owned by the caller. Returns false when the system refused memory or processes. */
bool batch_run(const struct batch_options *options, struct batch_sums *ret_sums);

#endif
