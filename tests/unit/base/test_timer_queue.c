#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "grid/base/timer_queue.h"

Test(timer_queue, is_empty_when_all_zero)
{
    struct timer_queue queue = {0};
    uint64_t due = 7;
    cr_assert_not(timer_queue_next(&queue, &due));
    cr_assert_eq(due, 7);
    cr_assert_null(timer_queue_pop(&queue, UINT64_MAX));
    timer_queue_close(&queue);
}

Test(timer_queue, pops_by_due_time_and_only_what_is_due)
{
    struct timer_queue queue = {0};
    struct timer late = {0}, early = {0};
    uint64_t due;
    timer_queue_add(&queue, &late, 200);
    timer_queue_add(&queue, &early, 100);
    cr_assert(timer_queue_next(&queue, &due));
    cr_assert_eq(due, 100);
    cr_assert_null(timer_queue_pop(&queue, 99));
    cr_assert_eq(timer_queue_pop(&queue, 100), &early);
    cr_assert_not(timer_active(&early));
    cr_assert_null(timer_queue_pop(&queue, 199));
    cr_assert_eq(timer_queue_pop(&queue, 1000), &late);
    timer_queue_close(&queue);
}

Test(timer_queue, pops_equal_times_in_the_order_of_arming)
{
    enum { COUNT = 100 };
    struct timer_queue queue = {0};
    struct timer timers[COUNT] = {0};
    for (int i = 0; i < COUNT; i++)
        timer_queue_add(&queue, &timers[i], 5);
    /* Arming again sends a timer to the end of its time. */
    timer_queue_add(&queue, &timers[0], 5);
    for (int i = 1; i < COUNT; i++)
        cr_assert_eq(timer_queue_pop(&queue, 5), &timers[i]);
    cr_assert_eq(timer_queue_pop(&queue, 5), &timers[0]);
    timer_queue_close(&queue);
}

Test(timer_queue, re_arms_both_ways)
{
    struct timer_queue queue = {0};
    struct timer first = {0}, second = {0}, third = {0};
    timer_queue_add(&queue, &first, 10);
    timer_queue_add(&queue, &second, 20);
    timer_queue_add(&queue, &third, 30);
    timer_queue_add(&queue, &third, 5);
    timer_queue_add(&queue, &first, 40);
    cr_assert_eq(queue.count, 3);
    cr_assert(timer_queue_holds(&queue));
    cr_assert_eq(timer_queue_pop(&queue, 100), &third);
    cr_assert_eq(timer_queue_pop(&queue, 100), &second);
    cr_assert_eq(timer_queue_pop(&queue, 100), &first);
    timer_queue_close(&queue);
}

Test(timer_queue, forgets_removed_timers)
{
    struct timer_queue queue = {0};
    struct timer timer = {0};
    timer_queue_remove(&queue, &timer);
    timer_queue_add(&queue, &timer, 10);
    timer_queue_remove(&queue, &timer);
    timer_queue_remove(&queue, &timer);
    cr_assert_not(timer_active(&timer));
    cr_assert_null(timer_queue_pop(&queue, 100));
    timer_queue_close(&queue);
}

Test(timer_queue, stops_its_timers_when_it_closes)
{
    struct timer_queue queue = {0};
    struct timer timers[3] = {0};
    for (int i = 0; i < 3; i++)
        timer_queue_add(&queue, &timers[i], 10);
    timer_queue_close(&queue);
    for (int i = 0; i < 3; i++)
        cr_assert_not(timer_active(&timers[i]));
}

/* The model: a plain array that is searched for the smallest (due, arming order). */
enum { MODEL_TIMERS = 64 };

struct model { bool active[MODEL_TIMERS]; uint64_t due[MODEL_TIMERS], order[MODEL_TIMERS], orders; };

static int model_first(const struct model *model)
{
    int first = -1;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        if (!model->active[i])
            continue;
        if (first < 0 || model->due[i] < model->due[first] ||
            (model->due[i] == model->due[first] && model->order[i] < model->order[first]))
            first = i;
    }
    return first;
}

static void step(struct timer_queue *queue, struct timer *timers, struct model *model, struct prng *prng, uint64_t now)
{
    int picked = (int)prng_range(prng, 0, MODEL_TIMERS - 1);
    uint64_t choice = prng_range(prng, 0, 9);
    if (choice < 5) {
        uint64_t due = now + prng_range(prng, 0, 30);
        timer_queue_add(queue, &timers[picked], due);
        model->active[picked] = true;
        model->due[picked] = due;
        model->order[picked] = ++model->orders;
    } else if (choice < 7) {
        timer_queue_remove(queue, &timers[picked]);
        model->active[picked] = false;
    } else {
        int expected = model_first(model);
        if (expected >= 0 && model->due[expected] > now)
            expected = -1;
        cr_assert_eq(timer_queue_pop(queue, now), expected < 0 ? NULL : &timers[expected]);
        if (expected >= 0)
            model->active[expected] = false;
    }
}

Test(timer_queue, behaves_like_a_searched_array)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct timer_queue queue = {0};
        struct timer timers[MODEL_TIMERS] = {0};
        struct model model = {0};
        struct prng prng;
        prng_init(&prng, seed);
        for (uint64_t i = 0; i < 5000; i++) {
            step(&queue, timers, &model, &prng, i / 10);
            cr_assert(timer_queue_holds(&queue), "seed %lu step %lu", seed, i);
            uint64_t due = 0;
            int first = model_first(&model);
            cr_assert_eq(timer_queue_next(&queue, &due), first >= 0);
            cr_assert(first < 0 || due == model.due[first]);
        }
        for (int i = 0; i < MODEL_TIMERS; i++)
            cr_assert_eq(timer_active(&timers[i]), model.active[i]);
        timer_queue_close(&queue);
    }
}
