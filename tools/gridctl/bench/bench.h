/* A load and its results: shared by all benchmarks.
 *
 * Shape: `connections` clients, each with `outstanding` places; a place has one operation at a time.
 * Without a rate the loop is closed: a place starts its next operation when the last one has ended, and an operation's
 * latency counts from its start. With a rate the loop is open: operation n should start at n / rate, even if no place
 * is free, and its latency counts from that time, so that a stall shows in all operations that it delays (no
 * coordinated omission).
 *
 * Time: operations of the warm-up are not counted. A closed loop counts operations that end in the measured seconds. An open loop
 * counts those that should start in them; an operation without an answer within the patience is an error.
 *
 * Threads: the loop of the command. Ownership: borrows the plan. */
#ifndef TOOLS_GRIDCTL_BENCH_BENCH_H
#define TOOLS_GRIDCTL_BENCH_BENCH_H

#include "grid/base/prng.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/bench/latency.h"
#include "tools/gridctl/terminal/table.h"

struct bench;

/* One place. The starter finds its client here and passes the place to its call as context. */
struct bench_place {
    struct bench *bench;
    struct grid_client *client;
    struct bench_place *next;              /* among the free ones */
    uint64_t since_us;                     /* planned start (open) or start (closed) */
    bool counted;                          /* open: its planned start is in the measured time */
};

struct bench_plan {
    uint32_t connections, outstanding;
    uint32_t places;                       /* 0: connections * outstanding */
    uint64_t rate;                         /* operations a second; 0: closed loop */
    uint64_t seconds, warmup_seconds;
    uint64_t patience_seconds;             /* how long after the end answers are awaited; 0: the measured time again */
    uint64_t operations;                   /* not 0: the number of operations, instead of the seconds; closed loop */
    /* Starts operation `number` (from 0) on the place; it ends with bench_end, from the loop. */
    void (*start)(struct bench_place *place, uint64_t number);
    void *context;
};

struct bench_result { uint64_t operations, elapsed_us, errors; struct latency latency; };

struct bench {
    struct ctl *ctl;
    const struct bench_plan *plan;
    struct bench_place *places, *free_first, *free_last;
    struct grid_client **clients;
    uv_timer_t pace;
    uint64_t started_us, measured_us, end_us;  /* of the warm-up; of the measured time; its end */
    uint64_t issued, under_way;
    uint64_t now_us;                       /* of the last reading of the clock */
    struct prng prng;
    struct bench_result result;
    bool said;                             /* an error was shown */
    bool done;
};

/* Options that every benchmark has. */
#define BENCH_OPTIONS                                                                                                  \
    {"connections", 'c', "N", "clients, each with its own connections and sessions (default 50)"},                    \
    {"outstanding", 'p', "N", "operations under way per client (default 16)"},                                        \
    {"rate", 'r', "N", "operations a second, whether answered or not (open loop); 0: as fast as it goes (default 0)"}, \
    {"seconds", 's', "N", "measured time, or a duration like 2m (default 10)"},                                         \
    {"warmup", 'w', "N", "seconds before it that do not count (default 1)"}

/* Reads those options; an exit code. */
int bench_options(struct ctl *ctl, struct bench_plan *plan);
/* Opens the clients, on ctl->loop; ctl_connect came before. */
void bench_open(struct bench *bench, struct ctl *ctl);
void bench_run(struct bench *bench, const struct bench_plan *plan);    /* the result is in bench->result */
void bench_close(struct bench *bench);
void bench_end(struct bench_place *place, const struct grid_reply *reply, bool good);
/* Whether an operation of this place that ends at bench->now_us counts; for loads with measures of their own. */
bool bench_counts(const struct bench *bench, const struct bench_place *place);
uint64_t bench_now_us(void);
/* Prints the result; the exit code is 1 when every operation failed. */
int bench_show(struct bench *bench);
/* The parts of it, for loads that have more to say: fields of an open object; headers and cells of an open table. */
#define BENCH_HEADERS ">OPERATIONS", ">PER SECOND", ">ERRORS", ">P50 MS", ">P99 MS", ">P99.9 MS", ">MAX MS"
void bench_put(struct json *json, const struct bench_result *result);
void bench_put_latency(struct json *json, const char *name, const struct latency *latency);
void bench_cells(struct table_view *table, const struct bench_result *result);
void bench_cell_ms(struct table_view *table, uint64_t time_us);

#endif
