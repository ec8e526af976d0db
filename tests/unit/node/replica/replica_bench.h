/* One replica between a fake group and callbacks that write down what they are told. Node 1 of three, partition 0 of two. */
#ifndef TESTS_UNIT_NODE_REPLICA_REPLICA_BENCH_H
#define TESTS_UNIT_NODE_REPLICA_REPLICA_BENCH_H

#include <criterion/criterion.h>

#include "grid/base/arena.h"
#include "grid/base/limits.h"
#include "grid/node/fullness.h"
#include "grid/node/replica/observer.h"
#include "grid/node/replica/admission.h"
#include "grid/node/replica/replica.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_group.h"

enum { BENCH_ANSWERS_MAX = ENTRY_COMMANDS_MAX + 64, BENCH_LETTERS_MAX = 64, BENCH_PARTITIONS = 2, BENCH_OTHER = 1, BENCH_SELF = 1 };

struct bench_answer { struct waiter waiter; struct response response; };
struct bench_letter { struct letter letter; size_t count; uint32_t to_node; };

struct replica_bench {
    struct fake_clock clock;
    struct entropy entropy;
    struct io io;
    struct prng prng;
    struct metric_registry *metrics;
    struct observer observer;
    struct member_clocks clocks;
    struct memory_fullness memory;
    struct partition_reads reads;
    struct partition_scratch *scratch;
    struct replica_counters counters;
    struct group_set set;
    struct replica_shared shared;
    struct replica *replica;
    struct arena arena;                    /* of the answers */
    struct bench_answer answers[BENCH_ANSWERS_MAX];
    size_t answers_count;
    struct bench_letter letters[BENCH_LETTERS_MAX];    /* sent, and answers to messages */
    size_t letters_count;
    uint32_t genesis_partitions;           /* what the first entry says */
    struct uuid genesis_uuid;
    bool send_fails, forbids;
    uint64_t session, sequence;            /* of the clients' writes */
    size_t epochs_refused, roles, fatals;
    uint32_t epoch_known;
    enum grid_err fatal;
};

extern struct replica_bench bench;

void bench_open(void);
void bench_close(void);
/* It leads and has applied its first entry; nothing is answered or sent yet. */
void bench_open_leading(void);
/* The same on a node with a destination for activities, and room for many. */
void bench_open_leading_to(struct destination *destination);
void bench_lead(uint64_t term);            /* and the end of the iteration */
void bench_run(void);                      /* end of an iteration */
void bench_commit(void);                   /* ends the iteration, commits everything, ends that */
void bench_tick_after(uint64_t ms);
void bench_command(uint64_t request, struct command command);  /* in the session */
void bench_set(uint64_t request, const char *key, const char *value);
void bench_get(uint64_t request, const char *key);
/* Messages `first` to `last` of partition 1's outbox; each asks for an answer to be sent to partition 1. */
void bench_deliver(uint64_t first, uint64_t last, uint32_t incarnation);
void bench_answer_outbox(uint64_t applied, bool gap);
/* The entry that waits at this place: its commands of a kind. */
size_t bench_commands(size_t proposal, enum command_kind kind);
const struct bench_answer *bench_answered(uint64_t request);   /* NULL: not yet */
enum grid_err bench_err(uint64_t request);                     /* fails the test when it was not answered exactly once */

#endif
