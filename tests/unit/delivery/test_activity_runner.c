#include <criterion/criterion.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/delivery/activity_runner.h"
#include "tests/support/fake_clock.h"

enum { CALLS_MAX = 512 };

/* A provider that answers when the test says so. */
struct fake_provider {
    struct sink sink;
    struct sink_request *waiting[CALLS_MAX];
    size_t waiting_count, calls, cancels;
    char last_key[64];
};

struct scene {
    struct fake_clock clock;
    struct fake_provider provider;
    struct prng prng;
    struct destination destination;
    struct activity_runner *runner;
    uint64_t answered_id;
    size_t answered_count;
    uint64_t postponed_id;
    size_t postponed_count;
    enum activity_outcome outcome;
    char body[32], note[32];
};

static void run(struct sink *sink, struct sink_request *request)
{
    struct fake_provider *provider = (struct fake_provider *)sink;
    provider->waiting[provider->waiting_count++] = request;
    provider->calls++;
    cr_assert_lt(request->key.size, sizeof provider->last_key);
    memcpy(provider->last_key, request->key.data, request->key.size);
    provider->last_key[request->key.size] = 0;
}

static void cancel(struct sink *sink, struct sink_request *request)
{
    struct fake_provider *provider = (struct fake_provider *)sink;
    provider->cancels++;
    for (size_t i = 0; i < provider->waiting_count; i++)
        if (provider->waiting[i] == request) {
            provider->waiting[i] = provider->waiting[--provider->waiting_count];
            return;
        }
    cr_assert_fail("only a request under way is cancelled");
}

static void on_postponed(void *context, uint64_t id)
{
    ((struct scene *)context)->postponed_id = id;
    ((struct scene *)context)->postponed_count++;
}

static void on_answered(void *context, uint64_t id, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct scene *scene = context;
    scene->answered_id = id;
    scene->answered_count++;
    scene->outcome = outcome;
    memcpy(scene->body, body.data, body.size);
    scene->body[body.size] = 0;
    memcpy(scene->note, note.data, note.size);
    scene->note[note.size] = 0;
}

static void scene_open_with(struct scene *scene, bool breaker)
{
    *scene = (struct scene){.provider = {.sink = {.name = "shop", .service = 4, .run = run, .cancel = cancel}}};
    scene->destination = (struct destination){.sink = &scene->provider.sink, .unguarded = !breaker};
    fake_clock_init(&scene->clock);
    prng_init(&scene->prng, 1);
    scene->runner = activity_runner_open(&(struct activity_runner_options){
        .clock = &scene->clock.clock, .destinations = &scene->destination, .destinations_count = 1, .jitter = &scene->prng,
        .answered = on_answered, .postponed = on_postponed, .context = scene});
}

static void scene_open(struct scene *scene)
{
    scene_open_with(scene, false);
}

static void scene_close(struct scene *scene)
{
    if (scene->runner)
        activity_runner_close(scene->runner);
    fake_clock_close(&scene->clock);
}

static bool start_of(struct scene *scene, uint64_t id, uint32_t service, const char *key)
{
    /* Gone right after the call: the runner keeps copies. */
    char *shortlived = memory_copy(key, strlen(key) + 1);
    bool started = activity_runner_start(scene->runner, &(struct activity){
        .id = id, .service = service, .kind = 2, .key = bytes_of_text(shortlived), .request = bytes_of_text("what to do")});
    memset(shortlived, '#', strlen(key));
    memory_free(shortlived);
    return started;
}

static bool start(struct scene *scene, uint64_t id, const char *key)
{
    return start_of(scene, id, 4, key);
}

static void reply(struct scene *scene, enum grid_err err, enum activity_outcome outcome)
{
    cr_assert_gt(scene->provider.waiting_count, 0);
    struct sink_request *request = scene->provider.waiting[0];
    scene->provider.waiting[0] = scene->provider.waiting[--scene->provider.waiting_count];
    request->done(request->context, err, outcome, bytes_of_text("tx-1"), bytes_of_text("because"));
}

Test(activity_runner, asks_at_once_with_everything_that_the_log_says)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert(start(&scene, 7, "s1.charge"));
    cr_assert_eq(scene.provider.calls, 1);
    const struct sink_request *request = scene.provider.waiting[0];
    cr_assert(request->service == 4 && request->kind == 2);
    cr_assert(bytes_equal(request->key, bytes_of_text("s1.charge")));
    cr_assert(bytes_equal(request->request, bytes_of_text("what to do")));
    scene_close(&scene);
}

Test(activity_runner, hands_a_definite_answer_back_once_and_waits_for_the_log)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 7, "s1.charge");
    reply(&scene, GRID_ERR_OK, ACTIVITY_REFUSED);
    cr_assert_eq(scene.answered_count, 1);
    cr_assert_eq(scene.answered_id, 7);
    cr_assert_eq(scene.outcome, ACTIVITY_REFUSED);
    cr_assert_str_eq(scene.body, "tx-1");
    cr_assert_str_eq(scene.note, "because");
    fake_clock_advance(&scene.clock, 60ull * 1000 * 1000);
    cr_assert_eq(scene.provider.calls, 1, "answered is answered");
    cr_assert_eq(activity_runner_count(scene.runner), 1);
    /* The log still lists it until its result is applied. */
    cr_assert(start(&scene, 7, "s1.charge"));
    cr_assert_eq(scene.provider.calls, 1);
    activity_runner_finish(scene.runner, 7);
    cr_assert_eq(activity_runner_count(scene.runner), 0);
    scene_close(&scene);
}

/* No definite answer is never a decline (R9). */
Test(activity_runner, asks_again_with_the_same_key_until_there_is_an_answer)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 7, "s1.charge");
    uint64_t delay_us = ACTIVITY_RETRY_FIRST_US;
    for (size_t attempt = 1; attempt <= 8; attempt++) {
        reply(&scene, attempt % 2 ? GRID_ERR_UNAVAILABLE : GRID_ERR_TIMEOUT, ACTIVITY_REFUSED);
        cr_assert_eq(scene.answered_count, 0);
        fake_clock_advance(&scene.clock, delay_us - 1);
        cr_assert_eq(scene.provider.calls, attempt, "not before its time");
        fake_clock_advance(&scene.clock, delay_us / 4 + 1);
        cr_assert_eq(scene.provider.calls, attempt + 1, "at most a quarter later");
        cr_assert_str_eq(scene.provider.last_key, "s1.charge");
        delay_us = delay_us * 2 < ACTIVITY_RETRY_LAST_US ? delay_us * 2 : ACTIVITY_RETRY_LAST_US;
    }
    cr_assert_eq(delay_us, ACTIVITY_RETRY_LAST_US);
    cr_assert_eq(activity_runner_retries(scene.runner), 8);
    cr_assert(scene.destination.retries.unanswered == 7 && scene.destination.retries.answered == 0, "the first attempt repeats nothing");
    reply(&scene, GRID_ERR_OK, ACTIVITY_DONE);
    cr_assert(scene.destination.retries.unanswered == 7 && scene.destination.retries.answered == 1);
    cr_assert_eq(scene.answered_count, 1);
    cr_assert_eq(scene.outcome, ACTIVITY_DONE);
    scene_close(&scene);
}

/* Its result did not become part of the log: R9 still wants one. */
Test(activity_runner, asks_again_with_the_same_key_when_its_result_was_refused)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 7, "s1.charge");
    uint64_t delay_us = ACTIVITY_RETRY_FIRST_US;
    for (size_t attempt = 1; attempt <= 3; attempt++) {
        reply(&scene, GRID_ERR_OK, (enum activity_outcome)9);
        cr_assert_eq(scene.answered_count, attempt);
        activity_runner_repeat(scene.runner, 7);
        cr_assert_eq(scene.provider.calls, attempt, "not at once");
        fake_clock_advance(&scene.clock, delay_us + delay_us / 4);
        cr_assert_eq(scene.provider.calls, attempt + 1);
        cr_assert_str_eq(scene.provider.last_key, "s1.charge");
        delay_us *= 2;
    }
    activity_runner_repeat(scene.runner, 7);
    cr_assert_eq(scene.provider.calls, 4, "it is asked already");
    activity_runner_repeat(scene.runner, 8);
    reply(&scene, GRID_ERR_OK, ACTIVITY_DONE);
    activity_runner_finish(scene.runner, 7);
    cr_assert_eq(activity_runner_count(scene.runner), 0);
    activity_runner_repeat(scene.runner, 7);
    scene_close(&scene);
}

Test(activity_runner, spreads_the_retries_of_many)
{
    enum { MANY = 64 };
    struct scene scene;
    scene_open(&scene);
    for (uint64_t id = 1; id <= MANY; id++)
        start(&scene, id, "key");
    while (scene.provider.waiting_count > 0)
        reply(&scene, GRID_ERR_UNAVAILABLE, ACTIVITY_REFUSED);
    fake_clock_advance(&scene.clock, ACTIVITY_RETRY_FIRST_US + ACTIVITY_RETRY_FIRST_US / 8);
    cr_assert_gt(scene.provider.calls, MANY + 5);
    cr_assert_lt(scene.provider.calls, 2 * MANY - 5);
    scene_close(&scene);
}

Test(activity_runner, runs_a_bounded_number_at_a_time)
{
    struct scene scene;
    scene_open(&scene);
    for (uint64_t id = 1; id <= ACTIVITIES_RUNNING_MAX; id++)
        cr_assert(start(&scene, id, "key"));
    cr_assert_not(start(&scene, 1000, "key"));
    cr_assert(start(&scene, 5, "key"), "a known one is no further one");
    cr_assert_eq(scene.provider.calls, ACTIVITIES_RUNNING_MAX);
    activity_runner_finish(scene.runner, 9);
    cr_assert(start(&scene, 1000, "key"));
    scene_close(&scene);
}

Test(activity_runner, finishing_one_under_way_cancels_its_call)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 1, "a");
    start(&scene, 2, "b");
    activity_runner_finish(scene.runner, 1);
    cr_assert_eq(scene.provider.cancels, 1);
    cr_assert_eq(scene.provider.waiting_count, 1);
    activity_runner_finish(scene.runner, 77);
    cr_assert_eq(activity_runner_count(scene.runner), 1);
    scene_close(&scene);
}

Test(activity_runner, the_end_of_leadership_cancels_calls_and_retries)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 1, "a");
    reply(&scene, GRID_ERR_UNAVAILABLE, ACTIVITY_REFUSED);
    start(&scene, 2, "b");
    activity_runner_close(scene.runner);
    scene.runner = NULL;
    cr_assert_eq(scene.provider.cancels, 1, "the one that waits for its retry has no call");
    fake_clock_advance(&scene.clock, 60ull * 1000 * 1000);
    cr_assert_eq(scene.provider.calls, 2);
    scene_close(&scene);
}

Test(activity_runner, waits_while_the_breaker_is_open_and_loses_nothing)
{
    struct scene scene;
    scene_open_with(&scene, true);
    for (uint64_t id = 1; id <= BREAKER_CALLS_MIN; id++)
        start(&scene, id, "key");
    for (int i = 0; i < BREAKER_CALLS_MIN; i++)
        reply(&scene, GRID_ERR_UNAVAILABLE, 0);
    size_t calls = scene.provider.calls;
    cr_assert_eq(scene.postponed_count, 0, "all were asked");
    start(&scene, 99, "late");
    cr_assert(scene.postponed_count == 1 && scene.postponed_id == 99);
    fake_clock_advance(&scene.clock, 9ull * 1000 * 1000);
    cr_assert_eq(scene.postponed_count, BREAKER_CALLS_MIN + 1, "each of them is held back, and told of once");
    cr_assert_eq(scene.provider.calls, calls, "nothing is asked while it is open");
    fake_clock_advance(&scene.clock, 3ull * 1000 * 1000);
    cr_assert_eq(scene.provider.calls, calls + BREAKER_TRIALS, "then as many as there are trials");
    while (scene.answered_count < BREAKER_CALLS_MIN + 1) {
        while (scene.provider.waiting_count > 0)
            reply(&scene, GRID_ERR_OK, ACTIVITY_DONE);
        fake_clock_advance(&scene.clock, 1000 * 1000);
        cr_assert_lt(scene.provider.calls, 100);
    }
    cr_assert_eq(scene.destination.breaker.state, BREAKER_CLOSED);
    scene_close(&scene);
}

Test(activity_runner, passes_over_what_has_no_destination_here)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert(start_of(&scene, 1, 5, "key"));
    cr_assert(scene.provider.calls == 0 && activity_runner_count(scene.runner) == 0);
    cr_assert(start(&scene, 2, "key"));
    cr_assert_eq(scene.provider.calls, 1);
    scene_close(&scene);
}

/* It would not fit the log; what an effect does is asked for again. */
Test(activity_runner, takes_an_answer_that_is_too_large_for_none)
{
    struct scene scene;
    scene_open(&scene);
    start(&scene, 1, "key");
    struct sink_request *request = scene.provider.waiting[0];
    scene.provider.waiting_count = 0;
    void *large = memory_zero(1, ACTIVITY_ANSWER_BYTES_MAX + 1);
    request->done(request->context, GRID_ERR_OK, ACTIVITY_DONE, bytes_of(large, ACTIVITY_ANSWER_BYTES_MAX + 1), BYTES_NONE);
    memory_free(large);
    cr_assert_eq(scene.answered_count, 0);
    fake_clock_advance(&scene.clock, 2 * ACTIVITY_RETRY_FIRST_US);
    cr_assert_eq(scene.provider.calls, 2);
    reply(&scene, GRID_ERR_OK, ACTIVITY_DONE);
    cr_assert_eq(scene.answered_count, 1);
    scene_close(&scene);
}
