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
#ifndef TESTS_SIM_WORLD_WORLD_H
#define TESTS_SIM_WORLD_WORLD_H

#include <stdarg.h>

#include "grid/base/log.h"
#include "grid/base/prng.h"
#include "grid/io/io.h"
#include "services/commands.h"

struct world;
struct host;

enum { HOSTS_MAX = 24, SOMETIMES_MAX = 112, WORLD_REASON_BYTES = 4096 };

/* Classes of faults: name, what the command line calls it, ids of the list of faults, what it does. A seed switches each
 * allowed class on or off, then draws rates. */
#define FAULT_LIST(X)                                                                                          \
    X(DROP, "drop", "F01", "whole frames of peer links are lost")                                              \
    X(DUPLICATE, "duplicate", "F02 F03", "whole frames of peer links come again, up to 3 s later")             \
    X(DELAY, "delay", "F04", "latency spikes on everything")                                                   \
    X(CHUNKS, "chunks", "F10", "deliveries are cut in the middle of frames")                                   \
    X(ONE_WAY, "one-way", "F05", "one direction between two nodes is cut, or a node is heard by nobody")       \
    X(SPLIT, "split", "F06", "two sides that do not hear each other")                                          \
    X(ISOLATE, "isolate", "F06", "one node hears and reaches nobody")                                          \
    X(RING, "ring", "F07", "each node hears its neighbours in a ring only: majorities that overlap")           \
    X(CLOG, "clog", "F08", "links stall one by one and come back in another order")                            \
    X(SLOW_RECEIVER, "slow-receiver", "F09", "a host reads slowly")                                            \
    X(RESET, "reset", "F10", "all connections of a node break, also in mid-frame")                             \
    X(FLIP, "bit-flip", "F11", "a bit of what arrives is wrong")                                               \
    X(GARBAGE, "garbage", "F12", "garbage, half a frame or an absurd size between frames")                     \
    X(OLD_FRAME, "old-frame", "F13", "a frame of a peer link comes again up to five minutes later")            \
    X(QUORUM_LOST, "quorum-lost", "F75 F14 F20", "a leader loses its quorum, or dies, between commit and reply") \
    X(CRASH, "crash", "F15 F19", "one node dies, most often in the middle of a write, and comes back")         \
    X(CRASH_ALL, "crash-all", "F21", "all nodes die at once")                                                  \
    X(STORM, "restart-storm", "F22", "one node dies again and again")                                          \
    X(STOP, "stop", "F16", "one node is stopped orderly and started again")                                    \
    X(PAUSE, "pause", "F17 F25", "a process stands still while the world goes on")                             \
    X(WRITE_ERROR, "write-error", "F26", "a write to the disk fails once")                                     \
    X(WRITE_ERROR_LASTING, "write-error-lasting", "F27", "all writes of a node fail until its disk is replaced") \
    X(SYNC_ERROR, "sync-error", "F28", "a sync fails once, and pages it was for are lost")                     \
    X(DISK_FULL, "disk-full", "F29", "no room for a while")                                                    \
    X(TORN_SECTOR, "torn-sector", "F30", "pages tear into sectors")                                            \
    X(LOST_PAGES, "lost-pages", "F31", "a power cut loses a random subset of unsynced pages")                  \
    X(BIT_ROT, "bit-rot", "F32", "a bit of a closed segment turns")                                            \
    X(MISDIRECTED, "misdirected-write", "F33", "a flush of the log lands in the place of an older one")        \
    X(CUT_FILE, "cut-file", "F34", "a closed segment loses its end")                                           \
    X(LOST_FILE, "lost-file", "F36", "a closed segment is gone")                                               \
    X(SLOW_DISK, "slow-disk", "F35", "writes take up to 400 ms")                                               \
    X(JUMP, "clock-jump", "F56", "a wall clock jumps by up to an hour")                                        \
    X(SKEW, "clock-skew", "F57", "wall clocks differ")                                                         \
    X(DRIFT, "clock-drift", "F58", "clocks run at different rates")                                            \
    X(PROVIDER_SLOW, "provider-slow", "F62", "the payment provider answers late")                              \
    X(PROVIDER_TIMEOUT, "provider-timeout", "F63", "no answer of the provider, before or after the effect")    \
    X(PROVIDER_DOWN, "provider-down", "F61", "the provider is away for a while")                               \
    X(IMPATIENT_CLIENT, "impatient-client", "F69", "a client repeats what is still under way")                 \
    X(SAME_KEY, "same-key", "F71 F70", "one idempotency key is used by several at once, also with other content") \
    X(CLIENT_CRASH, "client-crash", "F72", "a client host dies and comes back")                                \
    X(WRONG_NODE, "wrong-node", "F74", "requests go to followers and to old leaders on purpose")               \
    X(MIXED_LEVELS, "mixed-levels", "F54", "nodes of an older version beside newer ones; the level is raised")  \
    X(TOO_OLD, "too-old", "F54", "a node comes back in a version that is too old for the log")  \
    X(DISK_LOST, "disk-lost", "F38", "a node loses its disk while all others are whole, and comes back with --rejoin") \
    X(MIXED_SERVICES, "mixed-services", "F54", "nodes whose program has one service more than that of the others") \
    X(SNAPSHOT_KILL, "snapshot-kill", "F18", "a node dies at a step of a snapshot: write, rename, note, transfer, install, compaction") \
    X(SNAPSHOT_ERROR, "snapshot-error", "F26 F29", "the disk fails or is full at such a step")

enum fault {
#define X(name, text, ids, what) FAULT_##name,
    FAULT_LIST(X)
#undef X
    FAULT_COUNT
};

/* A set of classes: bit n = enum fault n. */
#define FAULT_BIT(name) (UINT64_C(1) << FAULT_##name)
#define FAULTS_ALL ((UINT64_C(1) << FAULT_COUNT) - 1)
_Static_assert(FAULT_COUNT < 64, "a set of classes is one number");
struct fault_about { const char *name, *ids, *what; };
const char *fault_name(enum fault fault);
const struct fault_about *fault_about(enum fault fault);

struct world_options {
    uint64_t seed;
    uint64_t faults_allowed;      /* a set; the seed chooses among them */
    bool faults_forced;           /* all allowed classes are on instead of being drawn */
    bool verbose;                 /* narrate on standard error */
};

/* What happened, for the summary. */
#define TOTAL_LIST(X)                                                                                              \
    X(events) X(iterations) X(frames) X(frames_dropped) X(frames_duplicated) X(bits_flipped) X(connections) X(connects_refused)        \
    X(resets) X(cuts) X(crashes) X(crashes_of_all) X(stops) X(pauses) X(disk_writes) X(disk_bytes) X(pages_lost)       \
    X(pages_torn) X(pages_lost_by_sync) X(disk_errors) X(files_damaged) X(garbage) X(clock_jumps) X(payments)
struct world_totals {
#define X(name) uint64_t name;
    TOTAL_LIST(X)
#undef X
};

struct sometimes { char name[64]; uint64_t count; };

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
/* When bytes of `from` last arrived at `to`; and when the last cut of this direction ended or will end. 0: never. */
uint64_t world_heard_us(const struct world *world, const struct host *from, const struct host *to);
uint64_t world_cut_end_us(const struct world *world, const struct host *from, const struct host *to);
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
/* What the workload says of a node that is up: it has everything and takes full part. False again with every end of a life. */
void host_set_whole(struct host *host, bool whole);
bool host_whole(const struct host *host);
/* For how long nodes wait for each other's signs of life: on links that take longer no majority can work. */
void world_set_patience(struct world *world, uint64_t us);
/* Somebody starts it with --rejoin, since its disk was replaced; once, when the start succeeded. */
bool host_rejoins(const struct host *host);
void host_rejoined(struct host *host);
uint64_t host_disks(const struct host *host);          /* how many disks it has lost */
bool host_paused(const struct host *host);
uint64_t host_incarnation(const struct host *host);    /* grows with every start */

void host_start(struct host *host);                    /* not from inside a host's callback; no-op when up */
enum crash_kind {
    CRASH_KILL,                                        /* the process dies: written pages stay, peers are told */
    CRASH_POWER,                                       /* unsynced pages are lost at random, peers are not told */
};
enum crash_kind host_death(const struct host *host);   /* of its last life, or the one that ends now */
void host_crash(struct host *host, enum crash_kind kind); /* likewise; no-op when down */
void host_leave(struct host *host);                    /* tells it that it will be stopped; no-op when down or told before */
void host_stop(struct host *host);                     /* orderly; likewise */
void host_pause(struct host *host, uint64_t duration_us);
/* Runs once as an iteration of the host, unless the present life of the host ends before. */
void host_at(struct host *host, uint64_t delay_us, void (*run)(struct world *world, void *context), void *context);
/* The process gives up by itself (fatal): crashes right after the present iteration and starts again after `down_us`. */
void host_crash_soon(struct host *host, uint64_t down_us);

/* ---- faults (tests/sim/world/faults.c) ---- */
bool fault_on(const struct world *world, enum fault fault);
bool fault_chosen(const struct world *world, enum fault fault); /* the seed has it, whether or not faults come now */
/* From the beginning of the faults on such shares of the frames between nodes are lost, and come again, if these classes are allowed; 0: as drawn. */
void faults_set_loss(struct world *world, uint32_t drop_ppm, uint32_t duplicate_ppm);
/* No wall clock jumps, and that of at most one host is wrong: what log time can be relied on for after an outage (R14). */
bool world_most_clocks_right(const struct world *world);
/* What a wall clock without skew, jumps and drift shows. */
uint64_t world_wall_ms(const struct world *world);
/* It really occurred: what a batch counts, and misses when it never does. */
void fault_happened(struct world *world, enum fault fault);
const uint64_t *faults_happened(const struct world *world);    /* by class */
void faults_begin(struct world *world);                /* faults come by themselves from now on */
void faults_forbid_power_cuts(struct world *world);    /* every death is a kill, every sync works: what was written stays */
/* All nodes are cut off from each other, silently, if the seed has splits: for so long that TCP alone would then need a good while until
 * they hear of each other again. Returns how long. */
uint64_t faults_last_cut(struct world *world);
void faults_heal(struct world *world);                 /* no more faults; cuts mend, pauses end, hosts start again */
/* By hand, for unit tests and scripted scenarios. */
enum cut_kind {
    CUT_SILENT,                                        /* as TCP shows a cut: silence, backlog, late delivery, no error */
    CUT_LOSE,                                          /* whole frames of peers are lost, the connection stays */
    CUT_CLOG,                                          /* this direction stalls, the other works; afterwards it goes on at once */
};
void net_cut_as(struct world *world, struct host *from, struct host *to, uint64_t duration_us, enum cut_kind kind);
/* CUT_LOSE or CUT_SILENT. */
void net_cut(struct world *world, struct host *from, struct host *to, uint64_t duration_us, bool lose);
void net_mend(struct world *world);
void net_reset_all(struct world *world, struct host *host);
enum disk_error { DISK_WRITE_ONCE, DISK_WRITE_ALWAYS, DISK_SYNC_ONCE, DISK_FULL, DISK_SOUND };
void disk_break(struct host *host, enum disk_error error);     /* F26 .. F29; DISK_SOUND ends all of them */
bool disk_failed(const struct host *host);             /* an error was reported in this life: the process may give up */
bool disk_ignored(const struct host *host);            /* it was, some time ago, and the process goes on (I37) */
/* Damages a file of the log that is closed and synced, so that recovery must refuse it. False: no file is closed yet. */
enum disk_damage { DAMAGE_BIT, DAMAGE_MISDIRECTED, DAMAGE_CUT, DAMAGE_GONE };
bool disk_damage(struct host *host, enum disk_damage damage);
bool disk_damaged(const struct host *host);            /* and not yet repaired */
void disk_wipe(struct host *host);                     /* F38: an empty one in its place; only while the host is down */
void disk_repair(struct host *host);                   /* every file is again as it was before its damage */
/* What a leader does at the next moment at which it has committed and applied a client's write and has not yet said so:
 * it loses all other nodes for cut_us, before they hear of the commit; or it dies. */
enum trap { TRAP_NONE, TRAP_CUT_REPLY_LOST, TRAP_CUT_REPLY_SENT, TRAP_DIES };
void trap_set(struct host *host, enum trap trap, uint64_t cut_us);
/* Such a moment, at a workload without client hosts; the world sees answers to clients by itself. */
void trap_spring(struct host *host);

/* ---- payment provider (tests/sim/world/provider.c) ---- */
struct payment_record {
    enum payment_activity kind;
    struct bytes key, order, currency;                 /* borrowed from the world */
    int64_t amount_minor;
    enum activity_outcome outcome;
    uint64_t asked;                                    /* calls that carried this key */
};
#define PAYMENT_AMOUNT_MAX 1000000                     /* above it the provider declines */
size_t provider_count(const struct world *world);
const struct payment_record *provider_get(const struct world *world, size_t number); /* in order of effect */

#endif
