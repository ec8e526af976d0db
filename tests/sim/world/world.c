#include "tests/sim/world/world.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "tests/sim/world/world_internal.h"

/* More events than this at one virtual time: something reacts to itself without end. */
#define SAME_TIME_EVENTS_MAX 2000000u

/* ---- event heap ---- */

static bool event_before(const struct event *a, const struct event *b)
{
    return a->time_us != b->time_us ? a->time_us < b->time_us : a->order < b->order;
}

static void heap_push(struct world *world, struct event event)
{
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity ? world->heap_capacity * 2 : 1024;
        world->heap = memory_resize(world->heap, world->heap_capacity * sizeof *world->heap);
    }
    size_t at = world->heap_count++;
    while (at > 0 && event_before(&event, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = event;
}

static struct event heap_pop(struct world *world)
{
    REQUIRE(world->heap_count > 0);
    struct event first = world->heap[0];
    struct event last = world->heap[--world->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->heap_count) {
            break;
        }
        if (child + 1 < world->heap_count && event_before(&world->heap[child + 1], &world->heap[child])) {
            child++;
        }
        if (event_before(&last, &world->heap[child])) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

void world_push(struct world *world, const struct event *event, uint64_t delay_us)
{
    struct event copy = *event;
    copy.time_us = world->now_us + delay_us;
    copy.order = world->orders++;
    copy.incarnation = copy.host ? copy.host->incarnation : 0;
    heap_push(world, copy);
}

/* ---- trace, choices, narration ---- */

void world_trace_event(struct world *world, enum trace_tag tag, uint64_t a, uint64_t b)
{
    uint64_t row[4] = {world->trace, (uint64_t)tag, a, b};
    world->trace = hash_xxh3(bytes_of(row, sizeof row), world->now_us);
}

void world_trace_bytes(struct world *world, struct bytes bytes)
{
    world->trace = hash_xxh3(bytes, world->trace);
}

void world_trace_fold(struct world *world, uint64_t value)
{
    world_trace_event(world, TRACE_USER, value, 0);
}

struct prng *world_concern(struct world *world, enum concern concern) { return &world->prngs[concern]; }

uint64_t world_draw(struct world *world, enum concern concern, uint64_t low, uint64_t high)
{
    return prng_range(&world->prngs[concern], low, high);
}

bool world_draw_percent(struct world *world, enum concern concern, uint32_t percent)
{
    return prng_chance(&world->prngs[concern], percent * 10000u);
}

struct prng *world_prng(struct world *world) { return world_concern(world, CONCERN_LOAD); }

static void say_line(struct world *world, const char *format, va_list arguments)
{
    fprintf(stderr, "%10.6f ", (double)world->now_us / 1e6);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void world_say(struct world *world, const char *format, ...)
{
    if (!world->options.verbose) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    say_line(world, format, arguments);
    va_end(arguments);
}

static void write_log(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    struct world *world = logger->context;
    world_say(world, "  %s %s %s: %s", world->running ? world->running->name : "-", log_level_name(level), component, text);
}

struct logger *world_logger(struct world *world) { return &world->logger; }

void world_fail(struct world *world, const char *format, ...)
{
    if (world->reason[0]) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->reason, sizeof world->reason, format, arguments);
    va_end(arguments);
    world_say(world, "FAILED: %s", world->reason);
}

uint64_t world_heard_us(const struct world *world, const struct host *from, const struct host *to)
{
    return world->heard_us[from->number][to->number];
}

uint64_t world_cut_end_us(const struct world *world, const struct host *from, const struct host *to)
{
    return world->cut_end_us[from->number][to->number];
}

bool world_failed(const struct world *world) { return world->reason[0] != 0; }
const char *world_reason(const struct world *world) { return world->reason; }

void world_sometimes(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->sometimes_count; i++) {
        if (strcmp(world->sometimes[i].name, name) == 0) {
            world->sometimes[i].count++;
            return;
        }
    }
    REQUIRE(world->sometimes_count < SOMETIMES_MAX && strlen(name) < sizeof world->sometimes[0].name);
    struct sometimes *row = &world->sometimes[world->sometimes_count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    row->count = 1;
}

const struct sometimes *world_sometimes_table(const struct world *world, size_t *ret_count)
{
    *ret_count = world->sometimes_count;
    return world->sometimes;
}

/* ---- life of the world ---- */

struct world *world_open(const struct world_options *options)
{
    struct world *world = memory_zero(1, sizeof *world);
    world->options = *options;
    for (uint64_t i = 0; i < CONCERN_COUNT; i++) {
        prng_init(&world->prngs[i], options->seed * 0x9e3779b97f4a7c15u + i * 0xd1b54a32d192ed03u);
    }
    world->logger = (struct logger){.level = options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, .write = write_log,
                                    .context = world};
    world->ledger = ledger_open();
    plan_draw(world);
    return world;
}

static void host_free(struct host *host)
{
    sim_clock_close(&host->clock);
    sim_disk_close(&host->disk);
    memory_free(host->waiting);
    memory_free(host);
}

void world_close(struct world *world)
{
    world->faults_active = false;
    for (size_t i = 0; i < world->hosts_count; i++) {
        host_crash(world->hosts[i], CRASH_KILL);
    }
    for (size_t i = 0; i < world->heap_count; i++) {
        if (world->heap[i].discard) {
            world->heap[i].discard(world->heap[i].context);
        }
    }
    sim_net_close_world(world);
    for (size_t i = 0; i < world->hosts_count; i++) {
        host_free(world->hosts[i]);
    }
    ledger_close(world->ledger);
    memory_free(world->heap);
    memory_free(world);
}

static void note_time(struct world *world, uint64_t time_us)
{
    HOLDS(time_us >= world->now_us);
    if (time_us > world->now_us) {
        world->same_time_events = 0;
        world->now_us = time_us;
    } else if (++world->same_time_events > SAME_TIME_EVENTS_MAX) {
        world_fail(world, "time stands still: more than %u events at one moment", SAME_TIME_EVENTS_MAX);
    }
}

static void host_wait(struct host *host, const struct event *event)
{
    if (host->waiting_count == host->waiting_capacity) {
        host->waiting_capacity = host->waiting_capacity ? host->waiting_capacity * 2 : 16;
        host->waiting = memory_resize(host->waiting, host->waiting_capacity * sizeof *host->waiting);
    }
    host->waiting[host->waiting_count++] = *event;
}

void host_resume(struct host *host)
{
    host->paused_until_us = 0;
    for (size_t i = 0; i < host->waiting_count; i++) {
        struct event event = host->waiting[i];
        event.time_us = host->world->now_us;
        event.order = host->world->orders++;
        heap_push(host->world, event); /* keeps the life it belongs to */
    }
    host->waiting_count = 0;
}

static void run_event(struct world *world, struct event *event)
{
    struct host *host = event->host;
    if (!host) {
        event->run(world, event->context);
        return;
    }
    if (event->incarnation != host->incarnation) {
        if (event->discard) {
            event->discard(event->context);
        }
        return;
    }
    if (host->paused_until_us > world->now_us) {
        host_wait(host, event);
        return;
    }
    world_trace_event(world, TRACE_EVENT, host->number, event->order);
    host_iterate(host, event->run, event->context);
}

bool world_run(struct world *world, uint64_t until_us)
{
    while (!world_failed(world) && world->heap_count > 0 && world->heap[0].time_us <= until_us) {
        struct event event = heap_pop(world);
        note_time(world, event.time_us);
        world->totals.events++;
        run_event(world, &event);
    }
    if (!world_failed(world) && world->now_us < until_us) {
        world->now_us = until_us;
    }
    return !world_failed(world);
}

uint64_t world_now_us(const struct world *world) { return world->now_us; }
uint64_t world_seed(const struct world *world) { return world->options.seed; }
uint64_t world_trace(const struct world *world) { return world->trace; }
struct world_totals *world_totals(struct world *world) { return &world->totals; }

void world_at(struct world *world, uint64_t delay_us, void (*run)(struct world *world, void *context), void *context)
{
    struct event event = {.run = run, .context = context};
    world_push(world, &event, delay_us);
}

/* ---- hosts ---- */

static uint64_t entropy_draw(struct entropy *entropy)
{
    return prng_u64(&((struct sim_entropy *)entropy)->prng);
}

struct host *world_add_host(struct world *world, const char *name, enum host_kind kind, const struct host_owner *owner)
{
    REQUIRE(world->hosts_count < HOSTS_MAX && strlen(name) < 64);
    struct host *host = memory_zero(1, sizeof *host);
    host->world = world;
    snprintf(host->name, sizeof host->name, "%s", name);
    host->number = world->hosts_count;
    host->kind = kind;
    host->owner = *owner;
    sim_clock_init(&host->clock, host);
    sim_net_init(&host->net, host);
    sim_disk_init(&host->disk, host);
    sim_sink_init(&host->sink, host);
    host->entropy.entropy.u64 = entropy_draw;
    prng_init(&host->entropy.prng, world->options.seed * 0x2545f4914f6cdd1du + host->number);
    host->io = (struct io){&host->clock.clock, &host->net.transport, &host->disk.storage, &host->entropy.entropy,
                           NULL, &host->sink.list, 1};
    world->hosts[world->hosts_count++] = host;
    return host;
}

size_t world_hosts(const struct world *world) { return world->hosts_count; }
struct host *world_host(struct world *world, size_t number)
{
    REQUIRE(number < world->hosts_count);
    return world->hosts[number];
}
struct io *host_io(struct host *host) { return &host->io; }
struct world *host_world(struct host *host) { return host->world; }
const char *host_name(const struct host *host) { return host->name; }
size_t host_number(const struct host *host) { return host->number; }
enum host_kind host_kind(const struct host *host) { return host->kind; }
bool host_up(const struct host *host) { return host->up; }
bool host_paused(const struct host *host) { return host->up && host->paused_until_us > host->world->now_us; }
uint64_t host_incarnation(const struct host *host) { return host->incarnation; }

void host_iterate(struct host *host, void (*run)(struct world *world, void *context), void *context)
{
    struct world *world = host->world;
    REQUIRE(!world->running);
    REQUIRE(host->up);
    world->running = host;
    world->totals.iterations++;
    run(world, context);
    sim_clock_run_deferred(&host->clock);
    sim_net_flush(&host->net);
    sim_clock_schedule(&host->clock);
    world->running = NULL;
}

static void run_open(struct world *world, void *context)
{
    (void)world;
    struct host *host = context;
    host->owner.open(host->owner.context, host);
}

void host_start(struct host *host)
{
    if (host->up) {
        return;
    }
    REQUIRE(!host->world->running);
    host->up = true;
    host->paused_until_us = 0;
    sim_clock_boot(&host->clock);
    world_trace_event(host->world, TRACE_START, host->number, host->incarnation);
    world_say(host->world, "%s starts (life %llu)", host->name, (unsigned long long)host->incarnation);
    host_iterate(host, run_open, host);
}

void world_set_patience(struct world *world, uint64_t us) { world->patience_us = us; }
void host_set_whole(struct host *host, bool whole) { host->whole = host->up && whole; }
bool host_whole(const struct host *host) { return host->whole; }
enum crash_kind host_death(const struct host *host) { return host->death_now; }
bool host_rejoins(const struct host *host) { return host->rejoins; }
void host_rejoined(struct host *host) { host->rejoins = false; }
uint64_t host_disks(const struct host *host) { return host->disks_lost; }

/* What ends with a life however it ends. From here on no event of it is delivered. */
static void end_life(struct host *host)
{
    host->incarnation++;
    host->leaving = host->whole = false;
    host_resume(host);
    sim_clock_forget(&host->clock);
}

/* The owner frees its part; nothing that it does or is told meanwhile has an effect. */
static void end_process(struct host *host, void (*owner)(void *context, struct host *host), enum crash_kind kind)
{
    host->closing = true;
    host->world->running = host;
    if (owner) {
        owner(host->owner.context, host);
    }
    sim_disk_return(&host->disk);
    host->world->running = NULL;
    host->closing = false;
    sim_net_crash(&host->net, kind);
    host->up = false;
}

/* With durability "os" one node at a time may lose what was not synced: until it is whole again the others live. */
static enum crash_kind os_crash(struct host *host, enum crash_kind kind)
{
    struct world *world = host->world;
    bool one = kind == CRASH_POWER && host->kind == HOST_NODE && world->faults_active;
    for (size_t i = 0; i < world->hosts_count; i++) {
        one = one && (world->hosts[i]->kind != HOST_NODE || world->hosts[i]->whole);
    }
    if (!one) {
        return CRASH_KILL;
    }
    SOMETIMES(world, "a node of durability os loses power");
    world->without_tail = host;
    return CRASH_POWER;
}

bool host_spared(const struct host *host)
{
    const struct host *other = host->world->without_tail;
    return host->world->faults_active && host->kind == HOST_NODE && other != NULL && other != host && !other->whole;
}

void host_crash(struct host *host, enum crash_kind kind)
{
    if (!host->up) {
        return;
    }
    REQUIRE(!host->world->running);
    kind = host->world->power_is_safe ? os_crash(host, kind) : kind;
    world_trace_event(host->world, TRACE_CRASH, host->number, (uint64_t)kind);
    world_say(host->world, "%s dies (%s)", host->name, kind == CRASH_KILL ? "killed" : "power cut");
    host->world->totals.crashes++;
    host->death_now = kind;
    sim_disk_crash(&host->disk, kind);
    end_life(host);
    end_process(host, host->owner.crash, kind);
}

static void run_stop(struct world *world, void *context)
{
    (void)world;
    struct host *host = context;
    host->owner.stop(host->owner.context, host);
}

static void run_leave(struct world *world, void *context)
{
    (void)world;
    struct host *host = context;
    host->owner.leave(host->owner.context, host);
}

void host_leave(struct host *host)
{
    if (!host->up || host->leaving || !host->owner.leave) {
        return;
    }
    host->leaving = true;
    world_say(host->world, "%s is told to leave", host->name);
    host_iterate(host, run_leave, host);
}

void host_stop(struct host *host)
{
    if (!host->up) {
        return;
    }
    if (!host->owner.stop) {
        host_crash(host, CRASH_KILL);
        return;
    }
    world_say(host->world, "%s is stopped", host->name);
    world_trace_event(host->world, TRACE_CRASH, host->number, 9);
    host->world->totals.stops++;
    host_iterate(host, run_stop, host);
    sim_disk_crash(&host->disk, CRASH_KILL);
    end_life(host);
    end_process(host, NULL, CRASH_KILL);
}

static void run_resume(struct world *world, void *context)
{
    struct host *host = context;
    if (host->paused_until_us <= world->now_us) {
        host_resume(host);
    }
}

void host_pause(struct host *host, uint64_t duration_us)
{
    if (!host->up) {
        return;
    }
    world_say(host->world, "%s stands still for %.3f s", host->name, (double)duration_us / 1e6);
    world_trace_event(host->world, TRACE_PAUSE, host->number, duration_us);
    host->world->totals.pauses++;
    host->paused_until_us = host->world->now_us + duration_us;
    world_at(host->world, duration_us, run_resume, host);
}

void host_at(struct host *host, uint64_t delay_us, void (*run)(struct world *world, void *context), void *context)
{
    struct event event = {.host = host, .run = run, .context = context};
    world_push(host->world, &event, delay_us);
}

static void run_start(struct world *world, void *context)
{
    (void)world;
    host_start(context);
}

/* A process that gave up may have been killed and started again meanwhile: only this life ends. */
struct ending { struct host *host; uint64_t incarnation, down_us; };

static void run_ending(struct world *world, void *context)
{
    struct ending *ending = context;
    if (ending->host->up && ending->host->incarnation == ending->incarnation) {
        host_crash(ending->host, CRASH_KILL);
        world_at(world, ending->down_us, run_start, ending->host);
    }
    memory_free(ending);
}

void host_crash_soon(struct host *host, uint64_t down_us)
{
    struct ending *ending = memory_zero(1, sizeof *ending);
    *ending = (struct ending){host, host->incarnation, down_us};
    struct event event = {.run = run_ending, .discard = memory_free, .context = ending};
    world_push(host->world, &event, 0);
}
