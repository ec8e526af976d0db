#include "grid/node/report/loop_delay.h"

enum { SECOND_US = 1000 * 1000 };

/* Seconds in which nothing was seen have no delay. */
static void go_on_to(struct loop_delay *delay, uint64_t second)
{
    uint64_t passed = second > delay->second ? second - delay->second : 0;
    for (uint64_t i = 1; i <= passed && i <= LOOP_DELAY_SECONDS; i++)
        delay->worst_us[(delay->second + i) % LOOP_DELAY_SECONDS] = 0;
    delay->second += passed;
}

void loop_delay_arm(struct loop_delay *delay, uint64_t due_us)
{
    delay->due_us = due_us;
}

uint64_t loop_delay_look(struct loop_delay *delay, uint64_t now_us)
{
    uint64_t late_us = delay->due_us != 0 && now_us > delay->due_us ? now_us - delay->due_us : 0;
    go_on_to(delay, now_us / SECOND_US);
    uint64_t *worst_us = &delay->worst_us[delay->second % LOOP_DELAY_SECONDS];
    if (late_us > *worst_us)
        *worst_us = late_us;
    return late_us;
}

uint64_t loop_delay_worst_us(struct loop_delay *delay, uint64_t now_us)
{
    uint64_t worst_us = 0;
    go_on_to(delay, now_us / SECOND_US);
    for (int i = 0; i < LOOP_DELAY_SECONDS; i++)
        if (delay->worst_us[i] > worst_us)
            worst_us = delay->worst_us[i];
    return worst_us;
}
