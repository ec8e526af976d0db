#include "grid/delivery/activity_runner.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/messages/message.h"

struct running {
    struct activity_runner *runner;
    struct running *next;
    uint64_t id;
    struct destination *destination;
    struct sink_request request;
    struct timer retry;
    uint64_t delay_us;
    bool again;                        /* it was asked before */
    bool postponed;                    /* the breaker held it back before */
    bool asking;                       /* the sink has the request */
};

struct activity_runner {
    struct activity_runner_options options;
    struct running *first;
    size_t count;
    uint64_t retries;
};

struct activity_runner *activity_runner_open(const struct activity_runner_options *options)
{
    REQUIRE(options->clock && options->answered);
    struct activity_runner *runner = memory_zero(1, sizeof *runner);
    runner->options = *options;
    return runner;
}

static void running_free(struct running *running)
{
    struct activity_runner_options *options = &running->runner->options;
    if (running->asking) {
        struct destination *destination = running->destination;
        destination->sink->cancel(destination->sink, &running->request);
        breaker_forget(&destination->breaker);
    }
    clock_timer_stop(options->clock, &running->retry);
    struct bytes owned[] = {running->request.key, running->request.request};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        memory_free((void *)(uintptr_t)owned[i].data);
    memory_free(running);
}

void activity_runner_close(struct activity_runner *runner)
{
    while (runner->first) {
        struct running *running = runner->first;
        runner->first = running->next;
        running_free(running);
    }
    memory_free(runner);
}

static void ask(void *context)
{
    struct running *running = context;
    struct activity_runner_options *options = &running->runner->options;
    struct destination *destination = running->destination;
    REQUIRE(!running->asking);
    uint64_t now_us = clock_now_us(options->clock);
    if (!destination->unguarded && !breaker_allow(&destination->breaker, now_us)) {
        uint64_t wait_us = breaker_retry_us(&destination->breaker, now_us);
        clock_timer_start(options->clock, &running->retry, wait_us + prng_range(options->jitter, 0, ACTIVITY_RETRY_FIRST_US));
        if (!running->postponed && options->postponed)
            options->postponed(options->context, running->id);
        running->postponed = true;
        return;
    }
    running->asking = true;
    destination->sink->run(destination->sink, &running->request);
}

static void count_attempt(struct running *running, bool answered)
{
    struct activity_retries *retries = &running->destination->retries;
    if (running->again && answered)
        retries->answered++;
    else if (running->again)
        retries->unanswered++;
    running->again = true;
}

static void ask_later(struct running *running)
{
    struct activity_runner *runner = running->runner;
    uint64_t jitter_us = prng_range(runner->options.jitter, 0, running->delay_us / 4);
    clock_timer_start(runner->options.clock, &running->retry, running->delay_us + jitter_us);
    running->delay_us = running->delay_us * 2 < ACTIVITY_RETRY_LAST_US ? running->delay_us * 2 : ACTIVITY_RETRY_LAST_US;
    runner->retries++;
}

static void answered(void *context, enum grid_err err, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct running *running = context;
    struct activity_runner *runner = running->runner;
    REQUIRE(running->asking);
    running->asking = false;
    bool good = err == GRID_ERR_OK && body.size <= ACTIVITY_ANSWER_BYTES_MAX && note.size <= ACTIVITY_ANSWER_BYTES_MAX - body.size;
    count_attempt(running, good);
    breaker_report(&running->destination->breaker, good, clock_now_us(runner->options.clock));
    if (good) {
        runner->options.answered(runner->options.context, running->id, outcome, body, note);
        return;
    }
    ask_later(running);
}

static struct bytes copy(struct bytes bytes)
{
    return bytes_of(memory_copy(bytes.data, bytes.size), bytes.size);
}

static struct destination *destination_of(const struct activity_runner_options *options, uint32_t service)
{
    for (size_t i = 0; i < options->destinations_count; i++)
        if (options->destinations[i].sink->service == service)
            return &options->destinations[i];
    return NULL;
}

bool activity_runner_start(struct activity_runner *runner, const struct activity *activity)
{
    for (struct running *known = runner->first; known; known = known->next)
        if (known->id == activity->id)
            return true;
    struct destination *destination = destination_of(&runner->options, activity->service);
    if (destination == NULL)
        return true;
    if (runner->count == ACTIVITIES_RUNNING_MAX)
        return false;
    struct running *running = memory_zero(1, sizeof *running);
    *running = (struct running){
        .runner = runner, .next = runner->first, .destination = destination, .id = activity->id,
        .delay_us = ACTIVITY_RETRY_FIRST_US,
        .request = {.service = activity->service, .kind = activity->kind, .key = copy(activity->key),
                    .request = copy(activity->request), .done = answered},
        .retry = {.fire = ask}};
    running->request.context = running;
    running->retry.context = running;
    runner->first = running;
    runner->count++;
    ask(running);
    return true;
}

void activity_runner_finish(struct activity_runner *runner, uint64_t id)
{
    for (struct running **at = &runner->first; *at; at = &(*at)->next) {
        if ((*at)->id != id)
            continue;
        struct running *running = *at;
        *at = running->next;
        running_free(running);
        runner->count--;
        return;
    }
}

void activity_runner_repeat(struct activity_runner *runner, uint64_t id)
{
    struct running *running = runner->first;
    while (running && running->id != id)
        running = running->next;
    if (running && !running->asking)
        ask_later(running);
}

void activity_runner_applied(struct activity_runner *runner, uint64_t id, struct bytes response)
{
    struct arena arena;
    struct response decoded;
    arena_init(&arena, 256);
    if (response_decode(response, &arena, &decoded) == GRID_ERR_OK && decoded.err == GRID_ERR_OK)
        activity_runner_finish(runner, id);
    else
        activity_runner_repeat(runner, id);
    arena_close(&arena);
}

size_t activity_runner_count(const struct activity_runner *runner)
{
    return runner->count;
}

uint64_t activity_runner_retries(const struct activity_runner *runner)
{
    return runner->retries;
}
