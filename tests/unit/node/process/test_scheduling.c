/* Scheduling modes are checked by asking the system about the thread. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "grid/node/process/scheduling.h"

static bool look(struct scheduling *scheduling, uint64_t per_second)
{
    return scheduling_look(scheduling, scheduling->work + per_second / 4, scheduling->looked_ms + 250);
}

Test(scheduling, is_batch_while_there_is_much_to_do)
{
    struct scheduling scheduling;
    scheduling_begin(&scheduling, SCHEDULING_ADAPTIVE, 1000);
    cr_assert_eq(sched_getscheduler(0), SCHED_OTHER);
    cr_assert_not(look(&scheduling, SCHEDULING_MUCH - 4));
    cr_assert(look(&scheduling, SCHEDULING_MUCH));
    cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
    cr_assert_not(look(&scheduling, SCHEDULING_LITTLE), "somewhat less changes nothing");
    cr_assert(look(&scheduling, SCHEDULING_LITTLE - 4));
    cr_assert_eq(sched_getscheduler(0), SCHED_OTHER);
    cr_assert_not(scheduling_look(&scheduling, 1000000, scheduling.looked_ms), "no time has passed");
}

Test(scheduling, is_what_was_asked_for)
{
    struct scheduling scheduling;
    scheduling_begin(&scheduling, scheduling_parse("normal"), 0);
    cr_assert_not(look(&scheduling, 1000000));
    cr_assert_eq(sched_getscheduler(0), SCHED_OTHER);
    scheduling_begin(&scheduling, scheduling_parse("batch"), 0);
    cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
    cr_assert_not(look(&scheduling, 0));
    cr_assert_eq(scheduling_parse("adaptive"), SCHEDULING_ADAPTIVE);
}

struct other { pthread_barrier_t *barrier; int policy; };

static void *other_thread(void *context)
{
    struct other *other = context;
    pthread_barrier_wait(other->barrier);
    pthread_barrier_wait(other->barrier);
    other->policy = sched_getscheduler(0);
    return NULL;
}

Test(scheduling, holds_for_every_thread)
{
    struct scheduling scheduling;
    pthread_barrier_t barrier;
    pthread_t thread;
    struct other other = {.barrier = &barrier};
    pthread_barrier_init(&barrier, NULL, 2);
    scheduling_begin(&scheduling, SCHEDULING_ADAPTIVE, 0);
    pthread_create(&thread, NULL, other_thread, &other);
    pthread_barrier_wait(&barrier);
    cr_assert(look(&scheduling, SCHEDULING_MUCH));
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    cr_assert_eq(other.policy, SCHED_BATCH);
    pthread_barrier_destroy(&barrier);
}
