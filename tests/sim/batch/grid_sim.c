/* grid-sim: runs a workload in the simulated world, one seed after the other, and says what it found. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/base/standard_streams.h"
#include "raft/group.h"
#include "tests/sim/batch/batch.h"
#include "tests/sim/workloads/workloads.h"

/* Even the rarest class happens every few hundred virtual seconds: that it misses so many by chance is one in a billion. */
enum { EXIT_USAGE = 2, TWICE_EVERY_DEFAULT = 10, SECONDS_OF_EVERY_FAULT = 7500 };

static const char usage[] =
    "usage: grid-sim [--seeds N] [options]      runs seeds 1 .. N (default 100)\n"
    "       grid-sim --seed N [options]         runs one seed\n"
    "\n"
    "Runs the production code of a whole cluster on a simulated clock, network and disk. The same seed gives the same\n"
    "run. Exit status: 0 all seeds passed, 1 some failed, or a class of faults or a \"sometimes\" point that a batch of\n"
    "this size must reach never happened; 2 usage.\n"
    "\n"
    "  --workload NAME      what runs in the cluster (default counter); --list names them\n"
    "  --from N             first seed of the batch (default 1)\n"
    "  --seconds N          virtual seconds of faults in each run (default: the workload's)\n"
    "  --nodes N            nodes (default: the seed chooses 3 or 5)\n"
    "  --partitions N       groups (default: the seed chooses 4 to 8)\n"
    "  --disable-shim NAME  switches a shim of the consensus guard off, to see what it prevents (repeatable)\n"
    "  --only-fault NAME    allows only this class of faults (repeatable)\n"
    "  --with-fault NAME    allows this class as well (repeatable), after --only-fault\n"
    "  --no-fault NAME      forbids this class of faults (repeatable); --list-faults names the classes\n"
    "  --environment NAME   the environment of every run (default: the seed chooses, mostly \"plain\"); --list names them\n"
    "  --kill-step NAME:N   a node dies at the Nth step of this kind that a snapshot takes; N: of any kind; --list names them\n"
    "  --kill-fate NAME     what happens there: kill (default), power, error, full\n"
    "  --log-memory N       bytes that a node's log may hold in memory before it refuses writes\n"
    "  --twice N            every Nth seed is run twice and the traces compared (default 10; 0: none)\n"
    "  --jobs N             processes (default 2; 0: in this process, for a debugger)\n"
    "  --stop               takes no more seeds once one failed\n"
    "  -v, --verbose        narrates every run on standard error\n"
    "  --list               workloads and fault classes\n"
    "  --list-faults        fault classes, with the numbers of the faults that they stand for\n"
    "  -h, --help\n"
    "\n"
    "examples:\n"
    "  grid-sim --seeds 1000\n"
    "  grid-sim --seed 4711 -v\n"
    "  grid-sim --seeds 1000 --disable-shim S1 --disable-shim S23 --stop\n"
    "  grid-sim --seeds 3 --partitions 128 --only-fault crash --only-fault lost-pages\n";

struct settings {
    struct batch_options batch;
    uint64_t seed;
    bool one_seed, only_some;
};

static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool parse_fault(const char *text, uint64_t *ret_bit)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(text, fault_name((enum fault)i)) == 0) {
            *ret_bit = UINT64_C(1) << i;
            return true;
        }
    }
    return false;
}

/* Arguments that a repetition of one seed needs as well. */
static void keep_argument(struct settings *settings, const char *name, const char *value)
{
    size_t size = strlen(settings->batch.repeat);
    snprintf(settings->batch.repeat + size, sizeof settings->batch.repeat - size, " %s %s", name, value);
}

static bool set_fault(struct settings *settings, const char *name, const char *value)
{
    uint64_t bit;
    struct run_options *run = &settings->batch.run;
    if (!parse_fault(value, &bit)) {
        return false;
    }
    if (strcmp(name, "--no-fault") == 0) {
        run->faults_allowed &= ~bit;
    } else if (strcmp(name, "--with-fault") == 0) {
        run->faults_allowed |= bit;
    } else {
        run->faults_allowed = (settings->only_some ? run->faults_allowed : 0) | bit;
        settings->only_some = true;
    }
    return true;
}

static bool parse_step(const char *text, struct step_place *ret_place)
{
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    ret_place->step = colon ? STEP_SAVE_CREATE : SNAPSHOT_STEPS;
    while (colon && ret_place->step < SNAPSHOT_STEPS && (strlen(snapshot_step_name(ret_place->step)) != size ||
                                                         strncmp(snapshot_step_name(ret_place->step), text, size) != 0))
        ret_place->step = (enum snapshot_step)(ret_place->step + 1);
    bool known = !colon || ret_place->step < SNAPSHOT_STEPS;
    return known && parse_number(colon ? colon + 1 : text, UINT32_MAX, &ret_place->number) && ret_place->number > 0;
}

static bool parse_fate(const char *text, enum step_fate *ret_fate)
{
    static const char *const names[STEP_FATES] = {[STEP_KILLED] = "kill", [STEP_POWER_CUT] = "power", [STEP_FAILS] = "error", [STEP_FULL] = "full"};
    for (unsigned i = 0; i < STEP_FATES; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_fate = (enum step_fate)i;
            return true;
        }
    return false;
}

/* Options that shape the run; a repetition needs them. */
static bool set_run_option(struct settings *settings, const char *name, const char *value, bool *ret_known)
{
    struct run_options *run = &settings->batch.run;
    uint64_t number = 0;
    bool good = false;
    *ret_known = true;
    if (strcmp(name, "--seconds") == 0) {
        good = parse_number(value, 100000, &run->seconds);
    } else if (strcmp(name, "--nodes") == 0) {
        good = parse_number(value, REPLICAS_MAX, &number) && number % 2 == 1; /* as nodes accept */
        run->nodes = (uint32_t)number;
    } else if (strcmp(name, "--partitions") == 0) {
        good = parse_number(value, 4096, &number) && number >= 1;
        run->partitions = (uint32_t)number;
    } else if (strcmp(name, "--log-memory") == 0) {
        good = parse_number(value, UINT32_MAX, &number);
        run->log_memory_bytes = (uint32_t)number;
    } else if (strcmp(name, "--disable-shim") == 0) {
        good = group_shim_parse(value, &number);
        run->shims_disabled |= number;
    } else if (strcmp(name, "--environment") == 0) {
        run->environment = environment_find(value);
        good = run->environment != NULL;
    } else if (strcmp(name, "--kill-step") == 0) {
        good = parse_step(value, &run->kill);
    } else if (strcmp(name, "--kill-fate") == 0) {
        good = parse_fate(value, &run->kill.fate);
    } else if (strcmp(name, "--workload") == 0) {
        settings->batch.workload = workload_find(value);
        good = settings->batch.workload != NULL;
    } else if (strcmp(name, "--no-fault") == 0 || strcmp(name, "--only-fault") == 0 || strcmp(name, "--with-fault") == 0) {
        good = set_fault(settings, name, value);
    } else {
        *ret_known = false;
    }
    if (good) {
        settings->batch.selective |= strcmp(name, "--workload") != 0;
        keep_argument(settings, name, value);
    }
    return good;
}

static bool set_batch_option(struct settings *settings, const char *name, const char *value)
{
    uint64_t number;
    bool good = parse_number(value, UINT64_MAX / 2, &number);
    if (!good) {
        return false;
    }
    if (strcmp(name, "--seed") == 0) {
        settings->seed = number;
        settings->one_seed = true;
    } else if (strcmp(name, "--seeds") == 0) {
        settings->batch.seeds = number;
    } else if (strcmp(name, "--from") == 0) {
        settings->batch.from = number;
    } else if (strcmp(name, "--twice") == 0) {
        settings->batch.twice_every = number;
    } else if (strcmp(name, "--jobs") == 0) {
        settings->batch.jobs = (unsigned)number;
        good = number <= JOBS_MAX;
    } else {
        good = false;
    }
    return good;
}

static void list_faults(void)
{
    printf("fault classes:\n");
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        const struct fault_about *about = fault_about((enum fault)i);
        printf("  %-20s %-12s %s\n", about->name, about->ids, about->what);
    }
}

static void list(void)
{
    printf("workloads:\n");
    for (size_t i = 0; workload_get(i); i++) {
        printf("  %-12s %s\n", workload_get(i)->name, workload_get(i)->summary);
    }
    printf("environments:\n");
    for (size_t i = 0; environment_get(i); i++) {
        printf("  %-20s %s\n", environment_get(i)->name, environment_get(i)->what);
    }
    printf("steps of snapshots:\n ");
    for (unsigned i = 0; i < SNAPSHOT_STEPS; i++) {
        printf(" %s", snapshot_step_name((enum snapshot_step)i));
    }
    printf("\n");
    list_faults();
}

/* Returns -1 to go on, else the exit status. */
static int parse(struct settings *settings, int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(name, "--list") == 0) {
            list();
            return 0;
        }
        if (strcmp(name, "--list-faults") == 0) {
            list_faults();
            return 0;
        }
        if (strcmp(name, "-v") == 0 || strcmp(name, "--verbose") == 0) {
            settings->batch.run.verbose = true;
            continue;
        }
        if (strcmp(name, "--stop") == 0) {
            settings->batch.stop_at_failure = true;
            continue;
        }
        bool known = false;
        bool good = i + 1 < count && (set_run_option(settings, name, arguments[i + 1], &known) ||
                                      (!known && set_batch_option(settings, name, arguments[i + 1])));
        if (!good) {
            fprintf(stderr, "grid-sim: %s %s is not understood; see grid-sim --help\n", name, i + 1 < count ? arguments[i + 1] : "");
            return EXIT_USAGE;
        }
        i++;
    }
    if (settings->one_seed) {
        settings->batch.from = settings->seed;
        settings->batch.seeds = 1;
        settings->batch.jobs = settings->batch.jobs ? 1 : 0;
    }
    return -1;
}

/* ---- summary ---- */

static void print_totals(const struct batch_sums *sums)
{
    for (size_t i = 0; i < sums->tallies_count; i++) {
        printf("  %-28s %" PRIu64 "\n", sums->tallies[i].name, sums->tallies[i].count);
    }
#define X(name) printf("  %-28s %" PRIu64 "\n", #name, sums->totals.name);
    TOTAL_LIST(X)
#undef X
}

static uint64_t sometimes_count(const struct batch_sums *sums, const char *name)
{
    for (size_t i = 0; i < sums->sometimes_count; i++) {
        if (strcmp(sums->sometimes[i].name, name) == 0) {
            return sums->sometimes[i].count;
        }
    }
    return 0;
}

static void print_steps(const struct batch_sums *sums)
{
    printf("steps of snapshots:\n");
    for (unsigned i = 0; i < SNAPSHOT_STEPS; i++)
        printf("  %-28s %" PRIu64 "\n", snapshot_step_name((enum snapshot_step)i), sums->steps[i]);
}

/* Returns how many points are missing that a batch of this size must have reached. */
static unsigned print_sometimes(const struct batch_options *options, const struct batch_sums *sums)
{
    const struct sometimes_point *points = options->workload->sometimes;
    unsigned missing = 0;
    printf("sometimes:\n");
    for (size_t i = 0; i < sums->sometimes_count; i++) {
        printf("  %-56s %" PRIu64 "\n", sums->sometimes[i].name, sums->sometimes[i].count);
    }
    for (size_t i = 0; points[i].name; i++) {
        if (sometimes_count(sums, points[i].name) == 0) {
            bool late = sums->runs >= points[i].runs && !options->selective;
            printf("  %-56s NEVER%s\n", points[i].name, late ? ", in runs enough" : "");
            missing += late;
        }
    }
    return missing;
}

/* A class that the seeds switch on and that never has an effect is not tested. */
static unsigned print_faults(const struct batch_options *options, const struct batch_sums *sums)
{
    unsigned missing = 0;
    printf("faults that happened:\n");
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        const struct fault_about *about = fault_about((enum fault)i);
        bool wanted = options->run.faults_allowed >> i & 1 && !(options->workload->faults_absent >> i & 1);
        bool late = wanted && sums->happened[i] == 0 && sums->virtual_us >= SECONDS_OF_EVERY_FAULT * UINT64_C(1000000) && !options->selective;
        if (wanted || sums->happened[i] > 0) {
            printf("  %-20s %-12s %10" PRIu64 " in %" PRIu64 " runs%s\n", about->name, about->ids, sums->happened[i],
                   sums->happened_runs[i], late ? ": NEVER, in runs enough" : "");
        }
        missing += late;
    }
    return missing;
}

/* Returns how much is missing. */
static unsigned print_summary(const struct batch_options *options, const struct batch_sums *sums, double real_s)
{
    double virtual_s = (double)sums->virtual_us / 1e6;
    printf("workload %s, seeds %" PRIu64 " .. %" PRIu64 "\ntotals:\n", options->workload->name, options->from,
           options->from + options->seeds - 1);
    print_totals(sums);
    print_steps(sums);
    unsigned missing = print_faults(options, sums) + print_sometimes(options, sums);
    printf("%" PRIu64 " seeds, %" PRIu64 " of them twice, %" PRIu64 " failed; %.0f virtual seconds in %.1f s: %.0f times real time\n",
           sums->runs, sums->twice, sums->failed, virtual_s, real_s, virtual_s / (real_s > 0.001 ? real_s : 0.001));
    if (missing > 0) {
        printf("%u classes of faults or sometimes points never happened\n", missing);
    }
    return missing;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **arguments)
{
    if (!standard_streams_open())
        return EXIT_FAILURE;
    struct settings settings = {.batch = {.workload = &workload_counter, .from = 1, .seeds = 100, .jobs = 2,
                                          .twice_every = TWICE_EVERY_DEFAULT, .run = {.faults_allowed = FAULTS_ALL}}};
    int status = parse(&settings, count, arguments);
    if (status >= 0) {
        return status;
    }
    struct batch_sums *sums = memory_zero(1, sizeof *sums);
    double start_s = seconds_now();
    bool good = batch_run(&settings.batch, sums);
    unsigned missing = print_summary(&settings.batch, sums, seconds_now() - start_s);
    good = good && sums->failed == 0 && missing == 0;
    memory_free(sums);
    return good ? 0 : 1;
}
