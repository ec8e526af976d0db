/* Anonymous shared memory is older than its place in POSIX. */
#define _DEFAULT_SOURCE 1

#include "tests/sim/batch/batch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

/* Seconds of processor time after which a run counts as hung: it never sleeps, and a busy machine makes it no slower. */
enum { RUN_SECONDS_MAX = 300 };

/* What a child shows its parent, and the seeds they all take from. */
struct slot { _Atomic uint64_t seed; _Atomic bool busy; struct batch_sums sums; };
struct shared { _Atomic uint64_t next; struct slot slots[JOBS_MAX]; };

static void sum_totals(struct world_totals *sum, const struct world_totals *one)
{
#define X(name) sum->name += one->name;
    TOTAL_LIST(X)
#undef X
}

static void sum_tallies(struct batch_sums *sums, const struct tally *tallies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < sums->tallies_count && strcmp(sums->tallies[at].name, tallies[i].name) != 0) {
            at++;
        }
        if (at == sums->tallies_count && at < TALLIES_MAX) {
            sums->tallies[sums->tallies_count++] = tallies[i];
        } else if (at < TALLIES_MAX) {
            sums->tallies[at].count += tallies[i].count;
        }
    }
}

static void sum_sometimes(struct batch_sums *sums, const struct sometimes *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < sums->sometimes_count && strcmp(sums->sometimes[at].name, rows[i].name) != 0) {
            at++;
        }
        if (at == sums->sometimes_count && at < SOMETIMES_MAX) {
            sums->sometimes[sums->sometimes_count++] = rows[i];
        } else if (at < SOMETIMES_MAX) {
            sums->sometimes[at].count += rows[i].count;
        }
    }
}

static void sum_happened(struct batch_sums *sums, const uint64_t *happened)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        sums->happened[i] += happened[i];
        sums->happened_runs[i] += happened[i] > 0;
    }
}

static void print_failure(const struct batch_options *options, uint64_t seed, int signal_number, const char *reason)
{
    if (signal_number) {
        printf("seed %" PRIu64 " FAILED: signal %d (%s)\n", seed, signal_number, strsignal(signal_number));
    } else {
        printf("seed %" PRIu64 " FAILED: %s\n", seed, reason);
    }
    printf("  repeat: grid-sim%s --seed %" PRIu64 " -v\n", options->repeat, seed);
    fflush(stdout);
}

static void add_failure(const struct batch_options *options, struct batch_sums *sums, uint64_t seed, int signal_number,
                        const char *reason)
{
    sums->failed++;
    print_failure(options, seed, signal_number, reason);
    if (sums->failures_count < FAILURES_KEPT_MAX) {
        struct batch_failure *failure = &sums->failures[sums->failures_count++];
        failure->seed = seed;
        failure->signal = signal_number;
        snprintf(failure->reason, sizeof failure->reason, "%s", reason);
    }
}

static void run_one(const struct batch_options *options, uint64_t seed, struct batch_sums *sums)
{
    struct run_options run = options->run;
    struct run_result *result = memory_zero(1, sizeof *result);
    run.seed = seed;
    run_seed(options->workload, &run, result);
    sums->runs++;
    sums->virtual_us += result->virtual_us;
    sum_totals(&sums->totals, &result->totals);
    sum_tallies(sums, result->tallies, result->tallies_count);
    sum_sometimes(sums, result->sometimes, result->sometimes_count);
    sum_happened(sums, result->happened);
    for (unsigned i = 0; i < SNAPSHOT_STEPS; i++)
        sums->steps[i] += result->steps[i];
    uint64_t trace = result->trace;
    if (result->failed) {
        add_failure(options, sums, seed, 0, result->reason);
    } else if (options->twice_every && seed % options->twice_every == 0) {
        run.verbose = false;
        run_seed(options->workload, &run, result);
        sums->twice++;
        if (result->trace != trace) {
            add_failure(options, sums, seed, 0, "the same seed gave another run: trace hashes differ");
        }
    }
    if (options->run.verbose) {
        fprintf(stderr, "seed %" PRIu64 " trace %016" PRIx64 "\n", seed, trace);
    }
    memory_free(result);
}

static bool any_failed(const struct shared *shared)
{
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        if (shared->slots[i].sums.failed > 0) {
            return true;
        }
    }
    return false;
}

static void take_seeds(const struct batch_options *options, struct shared *shared, struct slot *slot)
{
    for (;;) {
        uint64_t seed = atomic_fetch_add(&shared->next, 1);
        if (options->stop_at_failure && any_failed(shared)) {
            return;
        }
        if (seed >= options->from + options->seeds) {
            return;
        }
        atomic_store(&slot->seed, seed);
        atomic_store(&slot->busy, true);
        if (options->jobs > 0) {
            const struct itimerval limit = {.it_value.tv_sec = RUN_SECONDS_MAX};
            setitimer(ITIMER_PROF, &limit, NULL);
        }
        run_one(options, seed, &slot->sums);
        atomic_store(&slot->busy, false);
    }
}

static pid_t spawn(const struct batch_options *options, struct shared *shared, struct slot *slot)
{
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        take_seeds(options, shared, slot);
        exit(0); /* so that a leak checker has its say */
    }
    return child;
}

/* A child that ended badly is replaced; the seed it was at is the failure. */
static bool watch(const struct batch_options *options, struct shared *shared, pid_t *children)
{
    unsigned running = options->jobs;
    while (running > 0) {
        int status;
        pid_t child = wait(&status);
        unsigned job = 0;
        while (job < options->jobs && children[job] != child) {
            job++;
        }
        if (child < 0 || job == options->jobs) {
            return false;
        }
        struct slot *slot = &shared->slots[job];
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            running--;
            continue;
        }
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        add_failure(options, &slot->sums, atomic_load(&slot->seed), number, "the process ended with an error (see above)");
        children[job] = spawn(options, shared, slot);
        if (children[job] < 0) {
            return false;
        }
    }
    return true;
}

static void sum_slot(struct batch_sums *sums, const struct batch_sums *one)
{
    sums->runs += one->runs;
    sums->twice += one->twice;
    sums->failed += one->failed;
    sums->virtual_us += one->virtual_us;
    sum_totals(&sums->totals, &one->totals);
    sum_tallies(sums, one->tallies, one->tallies_count);
    sum_sometimes(sums, one->sometimes, one->sometimes_count);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        sums->happened[i] += one->happened[i];
        sums->happened_runs[i] += one->happened_runs[i];
    }
    for (unsigned i = 0; i < SNAPSHOT_STEPS; i++)
        sums->steps[i] += one->steps[i];
    for (size_t i = 0; i < one->failures_count && sums->failures_count < FAILURES_KEPT_MAX; i++) {
        sums->failures[sums->failures_count++] = one->failures[i];
    }
}

bool batch_run(const struct batch_options *options, struct batch_sums *ret_sums)
{
    REQUIRE(options->jobs <= JOBS_MAX);
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return false;
    }
    atomic_store(&shared->next, options->from);
    pid_t children[JOBS_MAX];
    bool good = true;
    for (unsigned i = 0; i < options->jobs && good; i++) {
        children[i] = spawn(options, shared, &shared->slots[i]);
        good = children[i] > 0;
    }
    if (options->jobs == 0) {
        take_seeds(options, shared, &shared->slots[0]);
    } else if (good) {
        good = watch(options, shared, children);
    }
    memset(ret_sums, 0, sizeof *ret_sums);
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        sum_slot(ret_sums, &shared->slots[i].sums);
    }
    munmap(shared, sizeof *shared);
    return good;
}
