/* What the parts of the simulated world know of each other. Only sources of this folder, and tests, include this. */
#ifndef TESTS_SIM_WORLD_WORLD_INTERNAL_H
#define TESTS_SIM_WORLD_WORLD_INTERNAL_H

#include "tests/sim/world/snapshot_steps.h"
#include "tests/sim/world/world.h"

/* Generators, one per concern. */
enum concern { CONCERN_SWARM, CONCERN_NET, CONCERN_DISK, CONCERN_FAULTS, CONCERN_CLOCK, CONCERN_PROVIDER, CONCERN_LOAD,
               CONCERN_STEPS, CONCERN_COUNT };

/* Tags of events in the trace hash. */
enum trace_tag { TRACE_EVENT = 1, TRACE_DATA, TRACE_OPEN, TRACE_ACCEPT, TRACE_CLOSE, TRACE_WRITE, TRACE_CRASH, TRACE_START,
                 TRACE_PAUSE, TRACE_PAYMENT, TRACE_USER };

struct event {
    uint64_t time_us, order;
    struct host *host;                     /* NULL: the world's own */
    uint64_t incarnation;                  /* of the host; an older life's events are discarded */
    void (*run)(struct world *world, void *context);
    void (*discard)(void *context);        /* instead of run; may be NULL */
    void *context;
};

struct sim_clock {
    struct clock clock;
    struct host *host;
    struct timer_queue timers;
    struct deferred *deferred_first, *deferred_last;
    uint64_t wake_us;                      /* world time of the earliest wake-up that is scheduled; UINT64_MAX: none */
    uint64_t origin_us;                    /* what the monotonic clock showed at world time 0 */
    int64_t drift_ppm;
    int64_t wall_skew_ms;
};

struct sim_entropy { struct entropy entropy; struct prng prng; };

struct disk_file;
struct disk_write;
struct disk_work;
struct sim_disk {
    struct storage storage;
    struct host *host;
    struct disk_file **files;              /* in name order */
    size_t files_count;
    struct disk_file *removed;             /* while somebody has them open */
    struct disk_write *orphans;            /* under way when the process ended */
    struct disk_work *works, *works_ended; /* in flight; and those in flight when the process ended */
    struct disk_file *damaged;             /* as they were before; repaired together */
    uint64_t capacity_bytes;
    bool working;                          /* a piece of work is performed now, which was counted when it began */
    bool fail_write_once, fail_write_always, fail_sync_once, full, failed;
    uint64_t slow_until_us, failed_us;
};

struct sim_sink { struct sink sink; struct sink *list; struct host *host; };

struct listener {
    struct host *host;
    char address[128];
    transport_accept_fn accept;
    void *context;
    struct listener *next;
};

struct sim_net {
    struct transport transport;
    struct host *host;
    struct listener *listeners;
    struct conn *written;                  /* connections with output of this iteration, in order of first use */
    struct conn **written_end;
    uint64_t slow_until_us;                /* F09 */
    bool dark;                             /* while down: the machine has no power, nothing answers for it */
};

/* A death that waits for the next write to be under way. */
struct doom { bool armed; enum crash_kind kind; uint64_t down_us; enum fault fault; };

struct trap_state { enum trap trap; uint64_t cut_us; };

/* What waits for the left-th step of a kind. */
struct step_doom { bool armed; enum snapshot_step step; enum step_fate fate; uint64_t left; };

/* What a node is at: files being written and received; renamed: no write of the log that began later is complete, noting: one is under
 * way; continues: what is received was begun before; install_notes: so many of the next writes may note an install. */
enum { RECEIVED_KEPT = 16 };
struct received { uint32_t group; uint64_t index; };
struct host_steps {
    uint32_t saving, receiving, install_notes;
    bool renamed, noting, continues;
    struct received received[RECEIVED_KEPT];
    size_t received_next;
};

struct world_steps {
    void (*seen)(void *context, const struct snapshot_moment *moment);
    void *context;
    struct step_place place;               /* number: so many until the fate; 0: none */
    bool came;
    uint64_t counts[SNAPSHOT_STEPS];
};

struct host {
    struct world *world;
    char name[64];
    size_t number;
    enum host_kind kind;
    struct host_owner owner;
    bool up, leaving;
    bool whole, rejoins;                   /* see world.h */
    uint64_t disks_lost;
    bool closing;                          /* the owner frees; no effect reaches the world */
    uint64_t incarnation, paused_until_us;
    struct doom doom;
    struct trap_state trap;
    struct step_doom steps_doom;
    struct host_steps steps;
    bool dying;                            /* at a step of a snapshot: `death` comes soon */
    uint64_t dying_life;
    enum crash_kind death;
    enum crash_kind death_now;             /* of the last life */
    struct event *waiting;                 /* what came during a pause, in order */
    size_t waiting_count, waiting_capacity;
    struct io io;
    struct sim_clock clock;
    struct sim_net net;
    struct sim_disk disk;
    struct sim_entropy entropy;
    struct sim_sink sink;
};

struct cut { uint64_t until_us; enum cut_kind kind; };

/* Rates that the seed drew. */
struct plan {
    bool on[FAULT_COUNT];
    uint32_t drop_ppm, duplicate_ppm, chunk_ppm, flip_ppm, delay_ppm, slow_write_ppm, garbage_ppm, old_ppm;
    uint64_t latency_low_us, latency_high_us, delay_us;
    uint64_t write_low_us, write_high_us;
    uint64_t gap_low_us, gap_high_us;      /* between fault actions */
    uint64_t down_us, cut_us, pause_us;    /* upper bounds of durations */
    uint32_t power_percent;                /* of crashes that are power cuts */
    uint64_t actions_in_a_row, calm_us;
};

struct link;
struct ledger;

struct world {
    struct world_options options;
    uint64_t now_us, orders, trace;
    struct event *heap;
    size_t heap_count, heap_capacity;
    uint64_t same_time_events;             /* to notice a loop in which time does not move */
    struct prng prngs[CONCERN_COUNT];
    struct host *hosts[HOSTS_MAX];
    size_t hosts_count;
    struct host *running;                  /* whose iteration it is */
    struct cut cuts[HOSTS_MAX][HOSTS_MAX];
    uint64_t cut_end_us[HOSTS_MAX][HOSTS_MAX];
    uint64_t patience_us;                  /* 0: not told; see world_set_patience */
    uint64_t late_until_us[HOSTS_MAX][HOSTS_MAX]; /* bytes between them are on their way for longer than that */
    uint64_t heard_us[HOSTS_MAX][HOSTS_MAX]; /* when bytes of the first last arrived at the second */
    struct link *links;
    struct plan plan;
    bool faults_active, power_is_safe;
    struct host *without_tail;             /* lost power with durability "os", and may not be whole yet */
    uint64_t calm_since_us;                /* when the last calm ended or will end */
    struct ledger *ledger;
    struct world_steps steps;
    struct world_totals totals;
    struct sometimes sometimes[SOMETIMES_MAX];
    size_t sometimes_count;
    uint64_t happened[FAULT_COUNT];
    struct logger logger;
    char reason[WORLD_REASON_BYTES];
};

/* world.c */
void world_push(struct world *world, const struct event *event, uint64_t delay_us);
void world_trace_event(struct world *world, enum trace_tag tag, uint64_t a, uint64_t b);
void world_trace_bytes(struct world *world, struct bytes bytes);
struct prng *world_concern(struct world *world, enum concern concern);
uint64_t world_draw(struct world *world, enum concern concern, uint64_t low, uint64_t high);
bool world_draw_percent(struct world *world, enum concern concern, uint32_t percent);
void host_resume(struct host *host);                   /* the pause ends, what waited comes at once */
/* Enters the host for one iteration: `run`, deferred work, output. Not nested. */
void host_iterate(struct host *host, void (*run)(struct world *world, void *context), void *context);

/* clock.c */
void sim_clock_init(struct sim_clock *clock, struct host *host);
void sim_clock_boot(struct sim_clock *clock);          /* a new life: new origin, no timers */
void sim_clock_forget(struct sim_clock *clock);        /* the life ended */
void sim_clock_close(struct sim_clock *clock);
void sim_clock_run_deferred(struct sim_clock *clock);
void sim_clock_schedule(struct sim_clock *clock);      /* after an iteration */

/* net.c, stream.c */
void sim_net_init(struct sim_net *net, struct host *host);
void sim_net_flush(struct sim_net *net);               /* end of an iteration */
void sim_net_crash(struct sim_net *net, enum crash_kind kind); /* after the owner freed what it had */
void sim_net_close_world(struct world *world);
struct host *net_host_of(struct world *world, const char *address);

/* disk.c */
/* Another node has lost the end of its log; this one must not end now. */
bool host_spared(const struct host *host);
void sim_disk_init(struct sim_disk *disk, struct host *host);
void sim_disk_crash(struct sim_disk *disk, enum crash_kind kind);
void sim_disk_return(struct sim_disk *disk);           /* after the owner freed what it had */
void sim_disk_close(struct sim_disk *disk);
uint64_t sim_disk_latency(struct sim_disk *disk, size_t size);
enum grid_err sim_disk_rename(struct sim_disk *disk, const char *name, const char *to);
void sim_disk_note_failure(struct sim_disk *disk);     /* an error is reported now */

/* snapshot_steps.c. An operation on a file begins: OK, or the error that it will end with; it is done without one. */
enum disk_operation { OPERATION_OPEN, OPERATION_LOAD, OPERATION_CREATE, OPERATION_READ, OPERATION_WRITE, OPERATION_RENAME, OPERATION_REMOVE };
enum grid_err snapshot_steps_begin(struct host *host, const char *name, enum disk_operation operation, uint64_t latency_us);
void snapshot_steps_done(struct host *host, const char *name, enum disk_operation operation, uint64_t size);
void snapshot_steps_crash(struct host *host, enum crash_kind kind);
void snapshot_steps_start(struct world *world);        /* faults come from now on */

/* disk_work.c */
void sim_disk_work(struct storage *storage, struct storage_work *work);
void sim_disk_work_crash(struct sim_disk *disk);
void sim_disk_work_return(struct sim_disk *disk);
void sim_disk_doom(struct sim_disk *disk, uint64_t latency_us); /* a death that waits for work comes within that time */

/* faults.c: an answer to a client is about to leave; true: it is lost */
bool trap_at_reply(struct host *host);

/* provider.c */
void sim_sink_init(struct sim_sink *sink, struct host *host);
struct ledger *ledger_open(void);
void ledger_close(struct ledger *ledger);

/* faults.c */
void plan_draw(struct world *world);
void fault_crash_for(struct world *world, struct host *host, enum crash_kind kind, uint64_t down_us); /* unless it is down or spared */
void fault_crash(struct world *world, void *context);  /* the host's doom comes true */

#endif
