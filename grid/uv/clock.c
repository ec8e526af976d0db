#include <time.h>

#include "grid/base/check.h"
#include "grid/uv/uv_internal.h"

static struct uv_clock *clock_of(struct clock *clock)
{
    return (struct uv_clock *)clock;
}

static uint64_t now_us(struct clock *clock)
{
    (void)clock;
    return uv_hrtime() / 1000;
}

static uint64_t wall_ms(struct clock *clock)
{
    struct timespec now;
    (void)clock;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void alarm_set(struct uv_clock *clock);

static void alarm_fire(uv_timer_t *handle)
{
    struct uv_clock *clock = handle->data;
    struct timer *timer;
    clock->armed_us = 0;
    /* Timers armed while these fire are not due before the next reading of the clock. */
    uint64_t now = now_us(&clock->base);
    while ((timer = timer_queue_pop(&clock->timers, now)))
        timer->fire(timer->context);
    alarm_set(clock);
}

static void alarm_set(struct uv_clock *clock)
{
    uint64_t due;
    if (!timer_queue_next(&clock->timers, &due)) {
        uv_timer_stop(&clock->alarm);
        clock->armed_us = 0;
        return;
    }
    if (clock->armed_us == due)
        return;
    uint64_t now = now_us(&clock->base);
    uint64_t wait_ms = due > now ? (due - now + 999) / 1000 : 0;
    uv_update_time(clock->loop);
    uv_timer_start(&clock->alarm, alarm_fire, wait_ms, 0);
    clock->armed_us = due;
}

static void timer_start_(struct clock *base, struct timer *timer, uint64_t delay_us)
{
    struct uv_clock *clock = clock_of(base);
    timer_queue_add(&clock->timers, timer, now_us(base) + delay_us);
    if (clock->armed_us == 0 || timer->due_us < clock->armed_us)
        alarm_set(clock);
}

static void timer_stop_(struct clock *base, struct timer *timer)
{
    timer_queue_remove(&clock_of(base)->timers, timer);
}

static void defer(struct clock *base, struct deferred *deferred)
{
    struct uv_clock *clock = clock_of(base);
    if (deferred->queued)
        return;
    deferred->queued = true;
    deferred->next = NULL;
    *clock->last = deferred;
    clock->last = &deferred->next;
}

static void undefer(struct clock *base, struct deferred *deferred)
{
    struct uv_clock *clock = clock_of(base);
    if (!deferred->queued)
        return;
    for (struct deferred **at = &clock->first; *at; at = &(*at)->next) {
        if (*at != deferred)
            continue;
        *at = deferred->next;
        if (clock->last == &deferred->next)
            clock->last = at;
        deferred->queued = false;
        return;
    }
    UNREACHABLE("a queued deferred stands in the queue");
}

static void run_deferred(struct uv_clock *clock)
{
    while (clock->first) {
        struct deferred *deferred = clock->first;
        clock->first = deferred->next;
        if (!clock->first)
            clock->last = &clock->first;
        deferred->queued = false;
        deferred->run(deferred->context);
    }
}

/* From here on the loop waits for events: all other time since the last turn it was busy, or had no processor. */
static void end_turn(struct uv_clock *clock)
{
    uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(clock->loop);
    uint64_t passed_ns = now_ns - clock->turned_ns, waited_ns = idle_ns - clock->idle_ns;
    clock->turned_ns = now_ns;
    clock->idle_ns = idle_ns;
    clock->turn(clock->turn_context, passed_ns > waited_ns ? (passed_ns - waited_ns) / 1000 : 0);
}

static void end_of_iteration(uv_prepare_t *handle)
{
    struct uv_clock *clock = handle->data;
    /* Sending tells of connections that came up or drained, and their callbacks may defer more. */
    do {
        run_deferred(clock);
        uv_transport_flush(clock->transport);
    } while (clock->first);
    if (clock->turn != NULL)
        end_turn(clock);
}

void uv_clock_on_turn(struct uv_clock *clock, void (*turn)(void *context, uint64_t busy_us), void *context)
{
    REQUIRE(clock->turn == NULL && turn != NULL);
    HOLDS(uv_loop_configure(clock->loop, UV_METRICS_IDLE_TIME) == 0);
    clock->turn = turn;
    clock->turn_context = context;
    clock->turned_ns = uv_hrtime();
    clock->idle_ns = uv_metrics_idle_time(clock->loop);
}

void uv_clock_init(struct uv_clock *clock, uv_loop_t *loop, struct uv_transport *transport)
{
    *clock = (struct uv_clock){
        .base = {.now_us = now_us, .wall_ms = wall_ms, .timer_start = timer_start_, .timer_stop = timer_stop_,
                 .defer = defer, .undefer = undefer},
        .loop = loop, .transport = transport};
    clock->last = &clock->first;
    uv_timer_init(loop, &clock->alarm);
    clock->alarm.data = clock;
    uv_prepare_init(loop, &clock->prepare);
    clock->prepare.data = clock;
    uv_prepare_start(&clock->prepare, end_of_iteration);
    uv_unref((uv_handle_t *)&clock->prepare); /* it alone does not keep the loop alive */
}

void uv_clock_close(struct uv_clock *clock)
{
    uv_close((uv_handle_t *)&clock->alarm, NULL);
    uv_close((uv_handle_t *)&clock->prepare, NULL);
}

void uv_clock_free(struct uv_clock *clock)
{
    timer_queue_close(&clock->timers);
}
