#include "tests/support/fake_clock.h"

#include "grid/base/check.h"

static struct fake_clock *fake_of(struct clock *clock)
{
    return (struct fake_clock *)clock;
}

static uint64_t now_us(struct clock *clock)
{
    return fake_of(clock)->now_us;
}

static uint64_t wall_ms(struct clock *clock)
{
    return fake_of(clock)->now_us / 1000;
}

static void timer_start(struct clock *clock, struct timer *timer, uint64_t delay_us)
{
    struct fake_clock *fake = fake_of(clock);
    timer_queue_add(&fake->timers, timer, fake->now_us + delay_us);
}

static void timer_stop(struct clock *clock, struct timer *timer)
{
    timer_queue_remove(&fake_of(clock)->timers, timer);
}

static void defer(struct clock *clock, struct deferred *deferred)
{
    struct fake_clock *fake = fake_of(clock);
    if (deferred->queued)
        return;
    deferred->queued = true;
    deferred->next = NULL;
    if (fake->last == NULL)
        fake->first = deferred;
    else
        fake->last->next = deferred;
    fake->last = deferred;
}

static void undefer(struct clock *clock, struct deferred *deferred)
{
    struct fake_clock *fake = fake_of(clock);
    if (!deferred->queued)
        return;
    struct deferred *before = NULL;
    for (struct deferred *at = fake->first; at != deferred; at = at->next)
        before = at;
    if (before == NULL)
        fake->first = deferred->next;
    else
        before->next = deferred->next;
    if (fake->last == deferred)
        fake->last = before;
    deferred->queued = false;
    deferred->next = NULL;
}

void fake_clock_init(struct fake_clock *fake)
{
    *fake = (struct fake_clock){
        .clock = {.now_us = now_us, .wall_ms = wall_ms, .timer_start = timer_start, .timer_stop = timer_stop,
                  .defer = defer, .undefer = undefer},
    };
}

void fake_clock_close(struct fake_clock *fake)
{
    while (fake->first != NULL)
        undefer(&fake->clock, fake->first);
    timer_queue_close(&fake->timers);
}

void fake_clock_run(struct fake_clock *fake)
{
    while (fake->first != NULL) {
        struct deferred *deferred = fake->first;
        undefer(&fake->clock, deferred);
        deferred->run(deferred->context);
    }
}

void fake_clock_advance(struct fake_clock *fake, uint64_t us)
{
    uint64_t until = fake->now_us + us, due;
    while (timer_queue_next(&fake->timers, &due) && due <= until) {
        if (due > fake->now_us)
            fake->now_us = due;
        struct timer *timer = timer_queue_pop(&fake->timers, fake->now_us);
        HOLDS(timer != NULL);
        timer->fire(timer->context);
        fake_clock_run(fake);
    }
    fake->now_us = until;
}
