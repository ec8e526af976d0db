/* Hostile environments: settings of replication and of the network under which its rare paths are walked all the time. A fifth of the seeds
 * runs in one of them; `grid-sim --environment NAME` runs every seed in it. */
#ifndef TESTS_SIM_RUN_ENVIRONMENT_H
#define TESTS_SIM_RUN_ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

struct environment {
    const char *name, *what;
    /* 0: as the workload chooses. */
    uint32_t snapshot_entries_low, snapshot_entries_high;      /* a group takes a snapshot after so many, drawn for a run */
    uint64_t trailing_bytes;                                   /* kept behind it */
    uint32_t append_entries_max;                               /* in one message */
    uint32_t drop_ppm, duplicate_ppm;                          /* of frames between nodes */
};

/* In order; NULL behind the last one. The first is "plain", in which nothing is set. */
const struct environment *environment_get(size_t number);
const struct environment *environment_find(const char *name);  /* NULL: no environment has that name */
const struct environment *environment_of_seed(uint64_t seed);
uint32_t environment_snapshot_entries(const struct environment *environment, uint64_t seed);   /* 0: as the workload chooses */

#endif
