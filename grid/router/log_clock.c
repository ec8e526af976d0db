#include "grid/router/log_clock.h"

enum { SLEW_DIVISOR = 10 };

void log_clock_start(struct log_clock *clock, uint64_t last_ms, uint64_t now_us, uint64_t wall_ms)
{
    clock->time_us = (last_ms ? last_ms : wall_ms) * 1000;
    clock->seen_us = now_us;
}

uint64_t log_clock_read(struct log_clock *clock, uint64_t now_us, uint64_t wall_ms)
{
    if (now_us > clock->seen_us) {
        uint64_t elapsed = now_us - clock->seen_us, wall_us = wall_ms * 1000;
        uint64_t bound = elapsed / SLEW_DIVISOR;
        uint64_t next = clock->time_us + elapsed;
        /* Wall time is read in whole ms: less than one ms of difference is no reason to slew. */
        if (wall_us > next + 1000)
            next += wall_us - next < bound ? wall_us - next : bound;
        else if (next > wall_us + 1000)
            next -= next - wall_us < bound ? next - wall_us : bound;
        clock->time_us = next;
        clock->seen_us = now_us;
    }
    return clock->time_us / 1000;
}
