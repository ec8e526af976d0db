#include "grid/node/replica/log_time.h"

#include "grid/base/check.h"

uint64_t log_time_wall_ms(const struct log_time_now *now, uint64_t near_ms)
{
    return member_clocks_wall_ms(now->members, near_ms, now->now_us, now->wall_ms);
}

/* What the clock would show without a look at the walls; 0: it does not run yet. */
static uint64_t run_on_ms(const struct log_clock *clock, uint64_t now_us)
{
    uint64_t passed_us = now_us > clock->seen_us ? now_us - clock->seen_us : 0;
    return clock->time_us == 0 ? 0 : (clock->time_us + passed_us) / 1000;
}

uint64_t log_time_read(struct log_time *time, const struct log_time_now *now)
{
    return log_clock_read(&time->clock, now->now_us, log_time_wall_ms(now, run_on_ms(&time->clock, now->now_us)));
}

uint64_t log_time_peek(const struct log_time *time, const struct log_time_now *now)
{
    struct log_clock copy = time->clock;
    return log_clock_read(&copy, now->now_us, log_time_wall_ms(now, run_on_ms(&copy, now->now_us)));
}

/* ---- how much of wall time is counted */

static void count(struct log_time *time, uint64_t wall_ms, uint64_t now_us)
{
    time->counted_ms = wall_ms;
    time->counted_us = now_us;
}

static uint64_t counted_ms(const struct log_time *time, uint64_t now_us)
{
    return time->counted_ms + (now_us > time->counted_us ? now_us - time->counted_us : 0) / 1000;
}

uint64_t log_time_stamp_wall_ms(const struct log_time *time, uint64_t time_ms, const struct log_time_now *now)
{
    if (time->asks && time->grade != LOG_TIME_NOTED && time_ms >= time->entry_ms)
        return counted_ms(time, now->now_us);
    return log_time_wall_ms(now, time_ms);
}

/* ---- terms */

enum log_time_grade log_time_grade(const struct log_time *time)
{
    return time->leads && !time->founded ? LOG_TIME_NONE : time->grade;
}

void log_time_follow(struct log_time *time, const struct log_time_now *now)
{
    if (time->leads && time->founded) {
        /* What this replica stamped is a note, as good as what it knew when it began. */
        log_clock_start(&time->clock, log_time_read(time, now), now->now_us);
    } else if (time->leads) {
        time->clock = (struct log_clock){0};
        time->grade = LOG_TIME_NONE;
    }
    time->elected = time->leads = time->asks = false;
}

void log_time_elect(struct log_time *time, const struct log_time_now *now)
{
    log_time_follow(time, now);
    time->elected = true;
    time->asks = time->grade != LOG_TIME_NOTED;
    time->elected_us = now->now_us;
    time->answered = 0;
}

static void settle_when_all_answered(struct log_time *time, const struct member_clocks *members)
{
    uint32_t answered = time->answered | UINT32_C(1) << members->self;
    if (time->grade == LOG_TIME_ESTIMATED && answered == (UINT32_C(1) << members->count) - 1 && member_clocks_count(members) == members->count)
        time->grade = LOG_TIME_NOTED;
}

/* After an outage of all replicas: what the wall clocks of a majority confirm. Repeated with every further answer, which
 * can only add to it. */
static void estimate(struct log_time *time, const struct log_time_now *now)
{
    uint64_t wall_ms;
    if (!time->asks || !time->leads || time->grade == LOG_TIME_NOTED ||
        !member_clocks_confirmed_ms(now->members, time->answered, now->now_us, now->wall_ms, &wall_ms))
        return;
    uint64_t after_ms = log_clock_after(time->entry_ms, time->entry_wall_ms, wall_ms);
    if (log_time_read(time, now) < after_ms)
        count(time, wall_ms, now->now_us);
    log_clock_raise(&time->clock, after_ms);
    time->grade = LOG_TIME_ESTIMATED;
    settle_when_all_answered(time, now->members);
}

/* Begins to stamp where the note, or without one the last entry, says. */
static void begin(struct log_time *time, uint64_t entry_ms, uint64_t entry_wall_ms, const struct log_time_now *now)
{
    time->entry_ms = entry_ms;
    time->entry_wall_ms = entry_wall_ms;
    time->leads = true;
    time->founded = entry_ms != 0;
    if (entry_ms == 0 && time->grade == LOG_TIME_NONE) {
        log_clock_start(&time->clock, log_time_wall_ms(now, 0), now->now_us);
        time->grade = LOG_TIME_NOTED;  /* there is nothing to continue */
    } else if (time->grade == LOG_TIME_NONE) {
        log_clock_start(&time->clock, entry_ms, now->now_us);
    } else {
        (void)log_time_read(time, now);
        log_clock_raise(&time->clock, entry_ms);
    }
    count(time, entry_wall_ms + (log_time_read(time, now) - entry_ms), now->now_us);
}

bool log_time_lead(struct log_time *time, uint64_t entry_ms, uint64_t entry_wall_ms, const struct log_time_now *now)
{
    REQUIRE(time->elected);
    if (!time->leads)
        begin(time, entry_ms, entry_wall_ms, now);
    estimate(time, now);
    return time->grade != LOG_TIME_NONE || now->now_us - time->elected_us >= LOG_TIME_ASK_MS * 1000;
}

/* ---- what is heard */

void log_time_apply(struct log_time *time, uint64_t entry_ms, uint64_t now_us)
{
    time->founded = time->founded || entry_ms != 0;
    if (time->grade != LOG_TIME_NONE && !time->leads)
        log_clock_learn(&time->clock, entry_ms, now_us);
}

void log_time_hear(struct log_time *time, uint64_t time_ms, enum log_time_grade grade, bool timely, uint64_t now_us)
{
    REQUIRE(!time->elected);
    if (time->grade == LOG_TIME_NONE && (!timely || grade == LOG_TIME_NONE))
        return;
    if (time->grade == LOG_TIME_NONE)
        log_clock_start(&time->clock, time_ms, now_us);
    else if (timely && grade >= time->grade)
        log_clock_hear(&time->clock, time_ms, now_us);
    else
        log_clock_learn(&time->clock, time_ms, now_us);
    if (timely && grade > time->grade)
        time->grade = grade;
}

bool log_time_asking(const struct log_time *time, const struct member_clocks *members)
{
    return time->elected && time->asks && time->grade != LOG_TIME_NOTED && members->count > 1;
}

void log_time_answer(struct log_time *time, uint32_t position, uint64_t time_ms, enum log_time_grade grade,
                     const struct log_time_now *now)
{
    REQUIRE(time->elected && position < now->members->count);
    if (!log_time_asking(time, now->members))
        return;
    time->answered |= UINT32_C(1) << position;
    if (grade != LOG_TIME_NONE) {
        if (time->grade == LOG_TIME_NONE && !time->leads)
            log_clock_start(&time->clock, time_ms, now->now_us);
        uint64_t before_ms = log_time_read(time, now);
        if (before_ms < time_ms)
            count(time, counted_ms(time, now->now_us) + (time_ms - before_ms), now->now_us);
        log_clock_raise(&time->clock, time_ms);
        time->grade = grade > time->grade ? grade : time->grade;
    }
    estimate(time, now); /* before it leads: later, by log_time_lead */
}
