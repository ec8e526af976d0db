/* The simulated world: hosts with a clock, a network, a disk and entropy each, one payment provider, one seed.
 *
 * Shape: one event heap in virtual microseconds. An event belongs to a host or to the world. A host's event is one loop
 * iteration of that host: the callback, then its deferred work, then everything it wrote leaves in one piece per
 * connection, all at the same virtual time. Every random choice comes from the seed, one generator per concern, so
 * that the same seed gives the same run and a changed concern does not move the others.
 *
 * Hosts: nodes and clients alike. The owner of a host gives three callbacks; `crash` must free everything that the
 * owner built on host_io() and nothing of the world reacts to what it does meanwhile. Requests lent to the storage are
 * given back at once by their `done` (CLOSED); after that no timer, write or connection of that life reports again.
 *
 * Failing: world_fail() keeps the first reason and ends the run. Threads: one. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdarg.h>

#include "grid/base/log.h"
#include "grid/base/prng.h"
#include "grid/io/io.h"

struct world;
struct host;

enum { HOSTS_MAX = 24, SOMETIMES_MAX = 64, WORLD_REASON_BYTES = 4096 };

/* Classes of faults (the numbers F.. of the fault list). A seed switches each allowed class on or off, then draws rates. */
#define FAULT_LIST(X)                                                                                          \
    X(DROP, "drop")                     /* F01 whole frames of peer links are lost */                           \
    X(DUPLICATE, "duplicate")           /* F02 whole frames come again, up to 3 s later */                      \
    X(DELAY, "delay")                   /* F04 latency spikes on everything */                                  \
    X(CHUNKS, "chunks")                 /* deliveries are cut in the middle of frames */                        \
    X(ONE_WAY, "one-way")               /* F05 one direction between two hosts is cut */                        \
    X(SPLIT, "split")                   /* F06 two sides that do not hear each other */                         \
    X(ISOLATE, "isolate")               /* one node hears and reaches nobody */                                 \
    X(SLOW_RECEIVER, "slow-receiver")   /* F09 a host reads slowly */                                           \
    X(RESET, "reset")                   /* F10 a connection breaks, also in mid-frame */                        \
    X(FLIP, "bit-flip")                 /* F11 a bit of what arrives on a peer link is wrong */                   \
    X(CRASH, "crash")                   /* F15 one node dies and comes back */                                  \
    X(CRASH_ALL, "crash-all")           /* F21 all nodes die at once */                                         \
    X(STORM, "restart-storm")           /* F22 one node dies again and again */                                 \
    X(STOP, "stop")                     /* F16 one node is stopped orderly and started again */                 \
    X(PAUSE, "pause")                   /* F17 a process stands still while the world goes on */                \
    X(LOST_PAGES, "lost-pages")         /* F31 a crash loses a random subset of unsynced pages */               \
    X(TORN_SECTOR, "torn-sector")       /* F30 pages tear into sectors */                                       \
    X(SLOW_DISK, "slow-disk")           /* F35 writes take up to 400 ms */                                      \
    X(DISK_ERROR, "disk-error")         /* F26, F28 a write or a sync fails once */                             \
    X(DISK_FULL, "disk-full")           /* F29 no room for a while */                                           \
    X(SKEW, "clock-skew")               /* F57 wall clocks differ */                                            \
    X(DRIFT, "clock-drift")             /* F58 clocks run at different rates */                                 \
    X(JUMP, "clock-jump")               /* F56 a wall clock jumps by up to an hour */                           \
    X(PROVIDER_SLOW, "provider-slow")                                                                          \
    X(PROVIDER_TIMEOUT, "provider-timeout")       /* before or after the effect */                              \
    X(PROVIDER_DOWN, "provider-down")                                                                          \
    X(CLIENT_CRASH, "client-crash")     /* F72 a client host dies and comes back */

enum fault {
#define X(name, text) FAULT_##name,
    FAULT_LIST(X)
#undef X
    FAULT_COUNT
};

#define FAULTS_ALL ((1u << FAULT_COUNT) - 1)
/* Without those after which a node gives up or refuses by design: a workload must be ready for them. */
#define FAULTS_DEFAULT (FAULTS_ALL & ~(1u << FAULT_DISK_ERROR | 1u << FAULT_DISK_FULL | 1u << FAULT_FLIP))
const char *fault_name(enum fault fault);

struct world_options {
    uint64_t seed;
    uint32_t faults_allowed;      /* bit n = enum fault n; the seed chooses among them */
    bool faults_forced;           /* all allowed classes are on instead of being drawn */
    bool verbose;                 /* narrate on standard error */
};

/* What happened, for the summary. */
#define TOTAL_LIST(X)                                                                                              \
    X(events) X(iterations) X(frames) X(frames_dropped) X(frames_duplicated) X(bits_flipped) X(connections) X(connects_refused)        \
    X(resets) X(cuts) X(crashes) X(crashes_of_all) X(stops) X(pauses) X(disk_writes) X(disk_bytes) X(pages_lost)       \
    X(pages_torn) X(disk_errors) X(clock_jumps) X(payments)
struct world_totals {
#define X(name) uint64_t name;
    TOTAL_LIST(X)
#undef X
};

struct sometimes { char name[56]; uint64_t count; };

/* ---- the world ---- */
struct world *world_open(const struct world_options *options);
/* Every host that is up is crashed first, so that its owner frees what it built. */
void world_close(struct world *world);
/* Runs events until the virtual time `until_us` or a failure. Returns false after a failure. */
bool world_run(struct world *world, uint64_t until_us);
uint64_t world_now_us(const struct world *world);
uint64_t world_seed(const struct world *world);
uint64_t world_trace(const struct world *world);             /* hash over everything that happened so far */
struct world_totals *world_totals(struct world *world);
/* Generator of the workload's own choices. */
struct prng *world_prng(struct world *world);
/* Runs once at now + delay, outside any host. `context` must stay valid until then or until world_close. */
void world_at(struct world *world, uint64_t delay_us, void (*run)(struct world *world, void *context), void *context);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_failed(const struct world *world);
const char *world_reason(const struct world *world);         /* "" while nothing failed */
/* Folds a number of the workload into the trace hash, for example an applied digest. */
void world_trace_fold(struct world *world, uint64_t value);
/* A line of the narration, with time in front; nothing unless verbose. */
void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Logger for the code under test: its lines join the narration. */
struct logger *world_logger(struct world *world);

/* "Sometimes" points: rare states that a batch of seeds must have reached. */
void world_sometimes(struct world *world, const char *name);
const struct sometimes *world_sometimes_table(const struct world *world, size_t *ret_count);
#define SOMETIMES(world, name) world_sometimes((world), (name))

/* ---- hosts ---- */
enum host_kind { HOST_NODE, HOST_CLIENT };

struct host_owner {
    void (*open)(void *context, struct host *host);    /* the process starts; runs as an iteration of the host */
    void (*stop)(void *context, struct host *host);    /* orderly end: close, then free; NULL: as crash */
    void (*crash)(void *context, struct host *host);   /* free everything; no effect reaches the world */
    void *context;
    void (*leave)(void *context, struct host *host);   /* an orderly end will come soon; once in a life; NULL: is not told */
};

/* `name` becomes the host part of addresses ("name:port"). The host is down until host_start. */
struct host *world_add_host(struct world *world, const char *name, enum host_kind kind, const struct host_owner *owner);
size_t world_hosts(const struct world *world);
struct host *world_host(struct world *world, size_t number);
struct io *host_io(struct host *host);                 /* fixed for the life of the world */
struct world *host_world(struct host *host);
const char *host_name(const struct host *host);
size_t host_number(const struct host *host);           /* 0 .. in order of world_add_host */
enum host_kind host_kind(const struct host *host);
bool host_up(const struct host *host);
bool host_paused(const struct host *host);
uint64_t host_incarnation(const struct host *host);    /* grows with every start */

void host_start(struct host *host);                    /* not from inside a host's callback; no-op when up */
enum crash_kind {
    CRASH_KILL,                                        /* the process dies: written pages stay, peers are told */
    CRASH_POWER,                                       /* unsynced pages are lost at random, peers are not told */
};
void host_crash(struct host *host, enum crash_kind kind); /* likewise; no-op when down */
void host_leave(struct host *host);                    /* tells it that it will be stopped; no-op when down or told before */
void host_stop(struct host *host);                     /* orderly; likewise */
void host_pause(struct host *host, uint64_t duration_us);
/* Runs once as an iteration of the host, unless the present life of the host ends before. */
void host_at(struct host *host, uint64_t delay_us, void (*run)(struct world *world, void *context), void *context);
/* The process gives up by itself (fatal): crashes right after the present iteration and starts again after `down_us`. */
void host_crash_soon(struct host *host, uint64_t down_us);

/* ---- faults (tests/sim/faults.c) ---- */
bool fault_on(const struct world *world, enum fault fault);
void faults_begin(struct world *world);                /* faults come by themselves from now on */
void faults_forbid_power_cuts(struct world *world);    /* every death is a kill: what was written stays */
void faults_heal(struct world *world);                 /* no more faults; cuts mend, pauses end, hosts start again */
/* By hand, for unit tests and scripted scenarios. */
void net_cut(struct world *world, struct host *from, struct host *to, uint64_t duration_us, bool lose);
void net_mend(struct world *world);
void net_reset_all(struct world *world, struct host *host);
enum disk_error { DISK_WRITE_ONCE, DISK_WRITE_ALWAYS, DISK_SYNC_ONCE, DISK_FULL, DISK_SOUND };
void disk_break(struct host *host, enum disk_error error);     /* F26 .. F29; DISK_SOUND ends all of them */
bool disk_failed(const struct host *host);             /* an error was reported in this life: the process may give up */

/* ---- payment provider (tests/sim/provider.c) ---- */
struct payment_record {
    enum payment_operation operation;
    struct bytes key, order, currency;                 /* borrowed from the world */
    int64_t amount_minor;
    enum payment_outcome outcome;
    uint64_t asked;                                    /* calls that carried this key */
};
#define PAYMENT_AMOUNT_MAX 1000000                     /* above it the provider declines */
size_t provider_count(const struct world *world);
const struct payment_record *provider_get(const struct world *world, size_t number); /* in order of effect */

#endif
