#include <criterion/criterion.h>

#include "tests/unit/uv/uv_fixture.h"

enum { TRACE_MAX = 64 };

struct scene {
    struct uv_fixture fixture;
    char trace[TRACE_MAX];
    size_t size;
    bool done;
};

struct step {
    struct scene *scene;
    char letter;
    struct timer timer;
    struct deferred deferred;
    struct step *next;                 /* started or deferred by this one */
    uint64_t ran_us;
};

static void mark(struct step *step)
{
    cr_assert_lt(step->scene->size, TRACE_MAX - 1);
    step->scene->trace[step->scene->size++] = step->letter;
    step->ran_us = clock_now_us(step->scene->fixture.io->clock);
}

static void fire(void *context)
{
    struct step *step = context;
    mark(step);
    if (step->next)
        clock_timer_start(step->scene->fixture.io->clock, &step->next->timer, 0);
    if (step->letter == 'z')
        step->scene->done = true;
}

static void run(void *context)
{
    struct step *step = context;
    mark(step);
    if (step->next)
        clock_defer(step->scene->fixture.io->clock, &step->next->deferred);
}

static struct step step_of(struct scene *scene, char letter)
{
    return (struct step){.scene = scene, .letter = letter};
}

static void step_ready(struct step *step)
{
    step->timer = (struct timer){.fire = fire, .context = step};
    step->deferred = (struct deferred){.run = run, .context = step};
}

Test(uv_clock, fires_timers_in_the_order_of_their_time_and_never_early)
{
    struct scene scene = {0};
    uv_fixture_open(&scene.fixture, NULL);
    struct clock *clock = scene.fixture.io->clock;
    struct step steps[] = {step_of(&scene, 'z'), step_of(&scene, 'a'), step_of(&scene, 'b'), step_of(&scene, 'c')};
    static const uint64_t delays_us[] = {20300, 0, 1500, 1500};
    uint64_t begin_us = clock_now_us(clock);
    for (size_t i = 0; i < 4; i++) {
        step_ready(&steps[i]);
        clock_timer_start(clock, &steps[i].timer, delays_us[i]);
    }
    uv_fixture_wait(&scene.fixture, &scene.done);
    cr_assert_str_eq(scene.trace, "abcz");
    for (size_t i = 0; i < 4; i++)
        cr_assert_geq(steps[i].ran_us, begin_us + delays_us[i]);
    uv_fixture_close(&scene.fixture);
}

Test(uv_clock, an_earlier_timer_overtakes_and_a_stopped_one_never_fires)
{
    struct scene scene = {0};
    uv_fixture_open(&scene.fixture, NULL);
    struct clock *clock = scene.fixture.io->clock;
    struct step hour = step_of(&scene, 'h'), stopped = step_of(&scene, 's'), soon = step_of(&scene, 'z');
    step_ready(&hour);
    step_ready(&stopped);
    step_ready(&soon);
    clock_timer_start(clock, &hour.timer, 3600ull * 1000 * 1000);
    clock_timer_start(clock, &stopped.timer, 1000);
    clock_timer_start(clock, &soon.timer, 3600ull * 1000 * 1000);
    clock_timer_start(clock, &soon.timer, 3000); /* armed again: the last word counts */
    clock_timer_stop(clock, &stopped.timer);
    uv_fixture_wait(&scene.fixture, &scene.done);
    cr_assert_str_eq(scene.trace, "z");
    clock_timer_stop(clock, &hour.timer);
    uv_fixture_close(&scene.fixture);
}

Test(uv_clock, a_timer_may_start_the_next)
{
    struct scene scene = {0};
    uv_fixture_open(&scene.fixture, NULL);
    struct step a = step_of(&scene, 'a'), b = step_of(&scene, 'b'), z = step_of(&scene, 'z');
    step_ready(&a);
    step_ready(&b);
    step_ready(&z);
    a.next = &b;
    b.next = &z;
    clock_timer_start(scene.fixture.io->clock, &a.timer, 100);
    uv_fixture_wait(&scene.fixture, &scene.done);
    cr_assert_str_eq(scene.trace, "abz");
    uv_fixture_close(&scene.fixture);
}

Test(uv_clock, deferred_work_runs_once_in_order_at_the_end_of_the_iteration)
{
    struct scene scene = {0};
    uv_fixture_open(&scene.fixture, NULL);
    struct clock *clock = scene.fixture.io->clock;
    struct step a = step_of(&scene, 'a'), b = step_of(&scene, 'b'), c = step_of(&scene, 'c'), d = step_of(&scene, 'd');
    struct step z = step_of(&scene, 'z');
    struct step *const steps[] = {&a, &b, &c, &d, &z};
    for (size_t i = 0; i < 5; i++)
        step_ready(steps[i]);
    b.next = &d;                       /* deferred from inside: a further round of the same iteration */
    clock_defer(clock, &a.deferred);
    clock_defer(clock, &b.deferred);
    clock_defer(clock, &a.deferred);   /* queued already */
    clock_defer(clock, &c.deferred);
    clock_undefer(clock, &c.deferred);
    clock_undefer(clock, &c.deferred); /* no-op */
    cr_assert_eq(scene.size, 0, "never from inside the call");
    clock_timer_start(clock, &z.timer, 1000);
    uv_fixture_turn(&scene.fixture);
    cr_assert_str_eq(scene.trace, "abd");
    clock_defer(clock, &c.deferred);   /* the queue's end is right again after undefer */
    uv_fixture_wait(&scene.fixture, &scene.done);
    cr_assert_eq(scene.trace[3], 'c');
    uv_fixture_close(&scene.fixture);
}

Test(uv_clock, reads_times_that_make_sense)
{
    struct uv_fixture fixture;
    uv_fixture_open(&fixture, NULL);
    uint64_t last = clock_now_us(fixture.io->clock);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_now_us(fixture.io->clock);
        cr_assert_geq(now, last);
        last = now;
    }
    cr_assert_gt(clock_wall_ms(fixture.io->clock), 1700000000000ull);
    cr_assert_neq(entropy_u64(fixture.io->entropy), entropy_u64(fixture.io->entropy));
    uv_fixture_close(&fixture);
}

/* ---- turns */

enum { SPIN_US = 20000, WAIT_US = 60000 };

struct turns { uint64_t longest_us, all_us; };

static void on_turn(void *context, uint64_t busy_us)
{
    struct turns *turns = context;
    turns->all_us += busy_us;
    turns->longest_us = busy_us > turns->longest_us ? busy_us : turns->longest_us;
}

static void spin(void *context)
{
    struct clock *clock = context;
    for (uint64_t since_us = clock_now_us(clock); clock_now_us(clock) - since_us < SPIN_US;)
        continue;
}

Test(uv_clock, a_turn_counts_what_the_loop_did_and_not_how_long_it_waited)
{
    struct scene scene = {0};
    struct turns turns = {0};
    uv_fixture_open(&scene.fixture, NULL);
    struct clock *clock = scene.fixture.io->clock;
    struct step z = step_of(&scene, 'z');
    struct timer spinner = {.fire = spin, .context = clock};
    uint64_t begin_us = clock_now_us(clock);
    uv_io_on_turn(scene.fixture.uv_io, on_turn, &turns);
    step_ready(&z);
    clock_timer_start(clock, &spinner, 1000);
    clock_timer_start(clock, &z.timer, SPIN_US + WAIT_US);
    uv_fixture_wait(&scene.fixture, &scene.done);
    uv_fixture_turn(&scene.fixture);
    cr_expect_geq(turns.longest_us, SPIN_US);
    cr_expect_leq(turns.all_us + WAIT_US / 2, clock_now_us(clock) - begin_us, "the wait of %d us was counted", WAIT_US);
    uv_fixture_close(&scene.fixture);
}
