#include "grid/node/replica/log_clock.h"

enum { SLEW_DIVISOR = 10 };

void log_clock_start(struct log_clock *clock, uint64_t time_ms, uint64_t now_us)
{
    clock->time_us = clock->bound_us = time_ms * 1000;
    clock->seen_us = clock->bound_seen_us = now_us;
}

void log_clock_hear(struct log_clock *clock, uint64_t time_ms, uint64_t now_us)
{
    if (now_us > clock->bound_seen_us) {
        uint64_t elapsed = now_us - clock->bound_seen_us;
        clock->bound_us += elapsed - elapsed / SLEW_DIVISOR;
        clock->bound_seen_us = now_us;
    }
    if (clock->bound_us < time_ms * 1000)
        clock->bound_us = time_ms * 1000;
    clock->time_us = clock->bound_us;
    clock->seen_us = clock->bound_seen_us;
}

void log_clock_learn(struct log_clock *clock, uint64_t time_ms, uint64_t now_us)
{
    uint64_t elapsed = now_us > clock->seen_us ? now_us - clock->seen_us : 0;
    if (time_ms * 1000 <= clock->time_us + elapsed + elapsed / SLEW_DIVISOR)
        return;
    clock->time_us = time_ms * 1000;
    clock->seen_us = now_us;
}

void log_clock_raise(struct log_clock *clock, uint64_t time_ms)
{
    if (clock->time_us < time_ms * 1000)
        clock->time_us = time_ms * 1000;
}

/* Wall time is read in whole ms: less than one ms of difference is no reason to slew. */
static uint64_t slewed_us(uint64_t time_us, uint64_t elapsed_us, uint64_t wall_ms)
{
    uint64_t wall_us = wall_ms * 1000, bound = elapsed_us / SLEW_DIVISOR, next = time_us + elapsed_us;
    if (wall_us > next + 1000)
        return next + (wall_us - next < bound ? wall_us - next : bound);
    if (next > wall_us + 1000)
        return next - (next - wall_us < bound ? next - wall_us : bound);
    return next;
}

uint64_t log_clock_read(struct log_clock *clock, uint64_t now_us, uint64_t wall_ms)
{
    if (now_us > clock->seen_us) {
        clock->time_us = slewed_us(clock->time_us, now_us - clock->seen_us, wall_ms);
        clock->seen_us = now_us;
    }
    return clock->time_us / 1000;
}

uint64_t log_clock_after(uint64_t time_ms, uint64_t then_ms, uint64_t wall_ms)
{
    if (wall_ms <= then_ms)
        return time_ms;
    return slewed_us(time_ms * 1000, (wall_ms - then_ms) * 1000, wall_ms) / 1000;
}
