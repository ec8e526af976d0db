#include "tests/nemesis/stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BEAT_MS = 20 };

static void on_beat(uv_timer_t *timer)
{
    (void)timer;
}

bool stage_open(struct stage *stage, char *endpoints, uint64_t seed)
{
    char *rest = NULL;
    *stage = (struct stage){0};
    for (char *part = strtok_r(endpoints, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        if (stage->endpoints_count == STAGE_NODES_MAX)
            return false;
        stage->endpoints[stage->endpoints_count++] = part;
    }
    prng_init(&stage->prng, seed);
    uv_loop_init(&stage->loop);
    stage->uv_io = uv_io_open(&stage->loop);
    stage->io = uv_io_io(stage->uv_io);
    uv_timer_init(&stage->loop, &stage->beat);
    uv_timer_start(&stage->beat, on_beat, BEAT_MS, BEAT_MS);
    return stage->endpoints_count > 0;
}

void stage_close(struct stage *stage)
{
    uv_close((uv_handle_t *)&stage->beat, NULL);
    uv_io_close(stage->uv_io);
    uv_run(&stage->loop, UV_RUN_DEFAULT);
    uv_io_free(stage->uv_io);
    uv_loop_close(&stage->loop);
    findings_close(&stage->findings);
}

uint64_t stage_now_us(const struct stage *stage)
{
    return clock_now_us(stage->io->clock);
}

uint64_t stage_draw(struct stage *stage, uint64_t low, uint64_t high)
{
    return prng_range(&stage->prng, low, high);
}

struct client *stage_client(struct stage *stage, const char *name, uint64_t deadline_ms, uint64_t attempt_ms)
{
    struct client_options options = {.endpoints = stage->endpoints, .endpoints_count = stage->endpoints_count, .name = name,
                                     .deadline_ms = deadline_ms, .attempt_ms = attempt_ms};
    return client_open(stage->io, &options);
}

bool stage_wait(struct stage *stage, bool (*until)(void *context), void *context, uint64_t seconds)
{
    uint64_t end_us = stage_now_us(stage) + seconds * 1000 * 1000;
    while (!until(context) && stage_now_us(stage) < end_us)
        uv_run(&stage->loop, UV_RUN_ONCE);
    return until(context);
}

void stage_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}
