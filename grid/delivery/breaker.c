#include "grid/delivery/breaker.h"

#include "grid/base/check.h"

enum { TRIAL_POLL_US = 500 * 1000 };

static void open_(struct breaker *breaker, uint64_t now_us)
{
    *breaker = (struct breaker){.state = BREAKER_OPEN, .opened_us = now_us};
}

bool breaker_allow(struct breaker *breaker, uint64_t now_us)
{
    if (breaker->state == BREAKER_OPEN && now_us - breaker->opened_us >= BREAKER_OPEN_US)
        *breaker = (struct breaker){.state = BREAKER_HALF_OPEN};
    if (breaker->state == BREAKER_HALF_OPEN && breaker->trials < BREAKER_TRIALS) {
        breaker->trials++;
        return true;
    }
    return breaker->state == BREAKER_CLOSED;
}

static uint32_t failures(const struct breaker *breaker)
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < breaker->count; i++)
        failed += breaker->failures[i];
    return failed;
}

void breaker_report(struct breaker *breaker, bool good, uint64_t now_us)
{
    if (breaker->state == BREAKER_OPEN)
        return; /* begun before it opened: says nothing about now */
    if (breaker->state == BREAKER_HALF_OPEN) {
        if (!good)
            open_(breaker, now_us);
        else if (++breaker->successes == BREAKER_TRIALS)
            *breaker = (struct breaker){0};
        return;
    }
    breaker->failures[breaker->next] = !good;
    breaker->next = (breaker->next + 1) % BREAKER_WINDOW;
    if (breaker->count < BREAKER_WINDOW)
        breaker->count++;
    if (breaker->count >= BREAKER_CALLS_MIN && failures(breaker) * 100 >= breaker->count * BREAKER_OPEN_PERCENT)
        open_(breaker, now_us);
}

void breaker_forget(struct breaker *breaker)
{
    if (breaker->state == BREAKER_HALF_OPEN && breaker->trials > breaker->successes)
        breaker->trials--;
}

uint64_t breaker_retry_us(const struct breaker *breaker, uint64_t now_us)
{
    if (breaker->state == BREAKER_OPEN && now_us - breaker->opened_us < BREAKER_OPEN_US)
        return BREAKER_OPEN_US - (now_us - breaker->opened_us);
    return TRIAL_POLL_US;
}

void breaker_holds(const struct breaker *breaker)
{
    HOLDS(breaker->count <= BREAKER_WINDOW && breaker->next < BREAKER_WINDOW);
    HOLDS(breaker->successes <= breaker->trials && breaker->trials <= BREAKER_TRIALS);
    HOLDS(breaker->state == BREAKER_HALF_OPEN || breaker->trials == 0);
}
