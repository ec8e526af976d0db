/* The counter workload, shared by its files. */
#ifndef TESTS_SIM_WORKLOADS_COUNTER_INTERNAL_H
#define TESTS_SIM_WORKLOADS_COUNTER_INTERNAL_H

#include "raft/group.h"
#include "tests/sim/run/workload.h"

enum { NODES_HERE_MAX = 9 };

/* ---- what is known of the truth ---- */

struct entry_truth { uint64_t term, hash, digest, previous; bool known; };
struct term_truth { uint64_t term, incarnation; size_t host; };

struct group_truth {
    struct entry_truth *entries;           /* by index */
    size_t entries_count;
    uint64_t newest;                       /* greatest index that any replica applied */
    uint64_t seen;                         /* greatest index that was acknowledged or read */
    struct term_truth *terms;
    size_t terms_count;
    bool closing_done;                     /* an addition that began after the last call of drain was acknowledged */
    bool read;                             /* since the last call of counter_read */
};

struct counter;

/* ---- one replica, one node ---- */

struct replica {
    struct counter_node *node;
    uint32_t group;
    enum group_role role;
    uint64_t term, applied, value, digest;
};

struct proposal {
    struct counter_node *node;
    uint32_t group;
    uint64_t id;
    bool closing;
    struct proposal *before, *next;
};

struct query {
    struct group_read read;
    struct counter_node *node;
    uint32_t group;
    uint64_t floor, incarnation;
    struct query *before, *next;
};

struct counter_node {
    struct counter *counter;
    struct host *host;
    struct group_set *set;
    struct manifest *manifest;
    bool running;
    struct replica *replicas;
    struct proposal *proposals;            /* not yet ended */
    struct query *queries;
    enum grid_err refusal;                 /* the last one */
    char address[64];
};

struct counter {
    struct run *run;
    struct world *world;
    struct counter_node nodes[NODES_HERE_MAX];
    struct peer_address members[NODES_HERE_MAX];
    struct group_truth *truths;
    uint64_t ids;
    uint64_t bytes;                        /* of all proposals */
    uint64_t log_memory_bytes;             /* bound of a node; 0: the default */
    uint64_t gap_us;                       /* mean between two steps of a node's load */
    uint64_t burst_max, command_bytes_max;
    uint32_t election_ms, read_percent;
    bool transfers, draining;
    enum { DISKS_REST, DISKS_FILL, DISKS_READ } disks; /* full_disks.h */
    bool sync;                             /* durability: fsync, or os */
    uint64_t snapshot_entries, trailing_bytes;
    bool transfers_files;                  /* nodes send each other their snapshots; no courier does */
    size_t filling_max;                    /* bytes of a snapshot */
    struct courier *courier;
    struct install_watch *installs;
};

/* counter_oracles.c: compares what a replica applies, and the leaders, with what is known. */
struct entry_truth *counter_truth_at(struct group_truth *truth, uint64_t index);
void counter_judge_entry(struct replica *replica, uint64_t index, const struct entry_truth *here);
void counter_judge_leader(struct replica *replica, uint64_t term);

#endif
