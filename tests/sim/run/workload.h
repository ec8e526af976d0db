/* A workload: what runs on the hosts of the world, what is asked of it, and what must hold.
 *
 * Life of one run: open (adds hosts) -> every host starts -> faults begin -> `seconds` of virtual time -> heal -> drain
 * -> until settled, within a bound -> all nodes lose power and start again -> until settled -> check -> close.
 * Oracles call world_fail at the moment they see a violation. `state` is what open returned.
 *
 * Adding one: a file workload_<name>.c with a constant struct workload, and a line in workloads/workloads.c. */
#ifndef TESTS_SIM_RUN_WORKLOAD_H
#define TESTS_SIM_RUN_WORKLOAD_H

#include "tests/sim/run/environment.h"
#include "tests/sim/world/quorum.h"
#include "tests/sim/world/snapshot_steps.h"

struct run_options {
    uint64_t seed;
    uint64_t seconds;              /* of faults; 0: the workload's default */
    uint32_t nodes;                /* 0: the seed chooses 3 or 5 */
    uint32_t partitions;           /* 0: the seed chooses 4 to 8 */
    uint64_t shims_disabled;       /* bits of struct group_shims */
    uint64_t faults_allowed;
    uint32_t log_memory_bytes;     /* bound of a node's log in memory; 0: the workload's choice */
    uint64_t memory_max;           /* of the first node; 0: none. For directed tests */
    const struct environment *environment; /* NULL: the seed chooses */
    struct step_place kill;        /* number 0: none */
    bool verbose;
};

/* Named sums of a batch: commits, reads, ... */
enum { TALLIES_MAX = 32 };
struct tally { char name[32]; uint64_t count; };

struct run {
    struct world *world;
    const struct run_options *options;
    const struct environment *environment;
    uint32_t nodes, partitions;    /* as chosen */
    struct tally tallies[TALLIES_MAX];
    size_t tallies_count;
    struct quorum quorum;          /* while faults came */
};

void run_count(struct run *run, const char *name, uint64_t amount);
uint64_t run_counted(const struct run *run, const char *name);
/* How long load is to wait: in a quarter of the seeds it stops again and again for some seconds, so that faults meet
 * partitions in which nothing happens. 0: not at all. */
uint64_t run_quiet_us(const struct run *run);

/* A state that a batch of so many runs must have reached: some twenty times the runs that one is found in on average. */
struct sometimes_point { const char *name; uint64_t runs; };

/* What a workload offers to the phase of full disks (full_disks.h). `node` counts from 0. */
struct full_disks_hooks {
    struct host *(*host)(void *state, size_t node);
    bool (*leads)(void *state, size_t node);           /* it runs, and leads something */
    void (*fill)(void *state);                         /* begins to write what is never refused for a bound */
    bool (*full)(void *state, size_t node);            /* it runs, and says that its disk is full */
    void (*read)(void *state);                         /* stops that; begins to read everywhere */
    bool (*served)(void *state);                       /* since then a read of every group was answered */
    void (*rest)(void *state);
};

struct workload {
    const char *name, *summary;
    uint64_t seconds;              /* of faults, by default */
    uint64_t settle_seconds;       /* virtual bound on settling once all is healed */
    const struct sometimes_point *sometimes; /* NULL name at the end */
    uint64_t faults_absent;        /* classes that cannot happen here, as there is nothing that they act on */
    void *(*open)(struct run *run);
    void (*drain)(void *state);    /* healed (called again after the last power cut): no new load except what shows
                                    * that everything works again */
    bool (*settled)(void *state);
    void (*describe)(void *state, struct buffer *out);  /* what is not settled, for people */
    void (*check)(void *state);    /* at rest, after all nodes lost their power once more */
    void (*enough)(void *state);   /* fails the run when too little work was done for the time in which it could be done */
    void (*close)(void *state);    /* after the world is closed */
    const struct full_disks_hooks *full_disks;         /* NULL: without that phase */
};

/* One run of one seed (tests/sim/run/run.c). */
struct run_result {
    bool failed;
    char reason[WORLD_REASON_BYTES];
    uint64_t trace, virtual_us;
    struct world_totals totals;
    struct tally tallies[TALLIES_MAX];
    size_t tallies_count;
    struct sometimes sometimes[SOMETIMES_MAX];
    size_t sometimes_count;
    uint64_t happened[FAULT_COUNT];
    uint64_t steps[SNAPSHOT_STEPS];
    bool step_reached;                     /* run_options.kill came */
};
void run_seed(const struct workload *workload, const struct run_options *options, struct run_result *ret_result);

#endif
