#include <criterion/criterion.h>
#include <string.h>

#include "tests/sim/world/world.h"

/* A host whose process notes what happens to it. */
struct process {
    struct host *host;
    unsigned opened, crashed, stopped, fired, deferred;
    struct timer timer;
    struct deferred work;
    char order[64];
};

static void note(struct process *process, char what)
{
    size_t size = strlen(process->order);
    if (size + 1 < sizeof process->order) {
        process->order[size] = what;
    }
}

static void fire(void *context)
{
    struct process *process = context;
    process->fired++;
    note(process, 't');
}

static void work(void *context)
{
    struct process *process = context;
    process->deferred++;
    note(process, 'd');
}

static void on_open(void *context, struct host *host)
{
    struct process *process = context;
    (void)host;
    process->opened++;
    process->timer = (struct timer){.fire = fire, .context = process};
    process->work = (struct deferred){.run = work, .context = process};
}

static void on_crash(void *context, struct host *host)
{
    (void)host;
    ((struct process *)context)->crashed++;
}

static void on_stop(void *context, struct host *host)
{
    (void)host;
    struct process *process = context;
    process->stopped++;
    clock_timer_stop(host_io(host)->clock, &process->timer);
}

static struct world *world_with(struct process *process, uint64_t seed)
{
    struct world_options options = {.seed = seed};
    struct world *world = world_open(&options);
    struct host_owner owner = {on_open, on_stop, on_crash, process, NULL};
    process->host = world_add_host(world, "n1", HOST_NODE, &owner);
    return world;
}

static struct clock *clock_of(struct process *process) { return host_io(process->host)->clock; }

static void start_two(struct world *world, void *context)
{
    (void)world;
    struct process *process = context;
    note(process, 'e');
    clock_defer(clock_of(process), &process->work);
    clock_defer(clock_of(process), &process->work);
    clock_timer_start(clock_of(process), &process->timer, 0);
    note(process, 'f');
}

Test(world, runs_deferred_work_once_after_the_event_and_timers_in_a_later_one)
{
    struct process process = {0};
    struct world *world = world_with(&process, 1);
    host_start(process.host);
    host_at(process.host, 10, start_two, &process);
    cr_assert(world_run(world, 1000));
    cr_assert_str_eq(process.order, "efdt");
    world_close(world);
}

struct moments { uint64_t seen[8]; size_t count; };

static void see(struct world *world, void *context)
{
    struct moments *moments = context;
    moments->seen[moments->count++] = world_now_us(world);
}

Test(world, delivers_events_in_time_order_and_equal_times_in_order_of_asking)
{
    struct world_options options = {.seed = 1};
    struct world *world = world_open(&options);
    struct moments moments = {0};
    world_at(world, 300, see, &moments);
    world_at(world, 100, see, &moments);
    world_at(world, 200, see, &moments);
    world_at(world, 900, see, &moments);
    world_run(world, 500);
    cr_assert_eq(moments.count, 3);
    cr_assert_eq(moments.seen[0], 100);
    cr_assert_eq(moments.seen[1], 200);
    cr_assert_eq(moments.seen[2], 300);
    cr_assert_eq(world_now_us(world), 500);
    world_close(world);
}

static void start_timer(struct world *world, void *context)
{
    (void)world;
    struct process *process = context;
    clock_timer_start(clock_of(process), &process->timer, 50000);
}

Test(world, delivers_nothing_of_an_earlier_life)
{
    struct process process = {0};
    struct world *world = world_with(&process, 3);
    host_start(process.host);
    host_at(process.host, 0, start_timer, &process);
    host_at(process.host, 90000, start_two, &process);
    world_run(world, 1000);
    host_crash(process.host, CRASH_KILL);
    cr_assert_eq(process.crashed, 1);
    cr_assert_not(host_up(process.host));
    host_start(process.host);
    world_run(world, 1000000);
    cr_assert_eq(process.opened, 2);
    cr_assert_eq(process.fired, 0);
    cr_assert_str_eq(process.order, "");
    world_close(world);
}

Test(world, holds_back_the_events_of_a_paused_host_and_keeps_their_order)
{
    struct process process = {0};
    struct world *world = world_with(&process, 4);
    host_start(process.host);
    host_at(process.host, 0, start_timer, &process);
    world_run(world, 10);
    host_at(process.host, 80000, start_two, &process);
    host_pause(process.host, 500000);
    struct moments moments = {0};
    world_at(world, 100000, see, &moments);
    world_run(world, 400000);
    cr_assert_eq(moments.count, 1, "the world goes on");
    cr_assert_eq(process.fired, 0);
    world_run(world, 600000);
    cr_assert_str_eq(process.order, "tefdt");
    world_close(world);
}

static void give_up(struct world *world, void *context)
{
    (void)world;
    host_crash_soon(((struct process *)context)->host, 2000);
}

Test(world, lets_a_process_end_itself_and_come_back)
{
    struct process process = {0};
    struct world *world = world_with(&process, 5);
    host_start(process.host);
    host_at(process.host, 100, give_up, &process);
    world_run(world, 200);
    cr_assert_eq(process.crashed, 1);
    world_run(world, 3000);
    cr_assert_eq(process.opened, 2);
    world_close(world);
}

Test(world, stops_a_host_in_good_order)
{
    struct process process = {0};
    struct world *world = world_with(&process, 6);
    host_start(process.host);
    host_at(process.host, 0, start_timer, &process);
    world_run(world, 10);
    host_stop(process.host);
    world_run(world, 1000000);
    cr_assert_eq(process.stopped, 1);
    cr_assert_eq(process.crashed, 0);
    cr_assert_eq(process.fired, 0);
    world_close(world);
}

Test(world, keeps_the_first_reason_of_a_failure)
{
    struct world_options options = {.seed = 1};
    struct world *world = world_open(&options);
    world_fail(world, "first %d", 1);
    world_fail(world, "second");
    cr_assert(world_failed(world));
    cr_assert_str_eq(world_reason(world), "first 1");
    cr_assert_not(world_run(world, 10));
    world_close(world);
}

static void defer_again(void *context)
{
    struct process *process = context;
    if (++process->deferred < 3) {
        clock_defer(clock_of(process), &process->work);
    }
}

static void start_defer(struct world *world, void *context)
{
    (void)world;
    struct process *process = context;
    process->work.run = defer_again;
    clock_defer(clock_of(process), &process->work);
}

Test(world, gives_a_further_round_to_work_that_defers_again)
{
    struct process process = {0};
    struct world *world = world_with(&process, 7);
    host_start(process.host);
    host_at(process.host, 5, start_defer, &process);
    world_run(world, 5);
    cr_assert_eq(process.deferred, 3);
    world_close(world);
}

static void start_undefer(struct world *world, void *context)
{
    (void)world;
    struct process *process = context;
    clock_defer(clock_of(process), &process->work);
    clock_undefer(clock_of(process), &process->work);
}

Test(world, forgets_work_that_is_undeferred)
{
    struct process process = {0};
    struct world *world = world_with(&process, 7);
    host_start(process.host);
    host_at(process.host, 5, start_undefer, &process);
    world_run(world, 5);
    cr_assert_eq(process.deferred, 0);
    cr_assert_not(process.work.queued);
    world_close(world);
}

/* A busy world: timers that start each other under every class of faults. */
static void busy(void *context)
{
    struct process *process = context;
    process->fired++;
    clock_timer_start(clock_of(process), &process->timer, entropy_u64(host_io(process->host)->entropy) % 20000);
}

static void busy_open(void *context, struct host *host)
{
    struct process *process = context;
    process->timer = (struct timer){.fire = busy, .context = process};
    clock_timer_start(host_io(host)->clock, &process->timer, 1000);
}

static uint64_t busy_trace(uint64_t seed)
{
    struct world_options options = {.seed = seed, .faults_allowed = FAULTS_ALL};
    struct world *world = world_open(&options);
    struct process processes[3] = {0};
    static const char *const names[] = {"n1", "n2", "n3"};
    for (size_t i = 0; i < 3; i++) {
        struct host_owner owner = {busy_open, NULL, on_crash, &processes[i], NULL};
        processes[i].host = world_add_host(world, names[i], HOST_NODE, &owner);
        host_start(processes[i].host);
    }
    faults_begin(world);
    cr_assert(world_run(world, 20000000));
    faults_heal(world);
    cr_assert(world_run(world, 21000000));
    uint64_t trace = world_trace(world);
    world_close(world);
    return trace;
}

Test(world, repeats_a_run_from_its_seed)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cr_assert_eq(busy_trace(seed), busy_trace(seed), "seed %llu", (unsigned long long)seed);
        cr_assert_neq(busy_trace(seed), busy_trace(seed + 1));
    }
}

Test(world, shows_a_monotonic_clock_that_never_turns_back_and_a_wall_clock_of_this_decade)
{
    struct process process = {0};
    struct world_options options = {.seed = 11, .faults_allowed = FAULTS_ALL, .faults_forced = true};
    struct world *world = world_open(&options);
    struct host_owner owner = {on_open, NULL, on_crash, &process, NULL};
    process.host = world_add_host(world, "n1", HOST_NODE, &owner);
    host_start(process.host);
    uint64_t before = clock_now_us(clock_of(&process));
    world_run(world, 10000000);
    uint64_t after = clock_now_us(clock_of(&process));
    cr_assert(after - before >= 9990000 && after - before <= 10010000, "drift is bounded");
    uint64_t wall_s = clock_wall_ms(clock_of(&process)) / 1000;
    cr_assert(wall_s > 1767000000 && wall_s < 1768000000);
    world_close(world);
}
