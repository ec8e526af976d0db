#include <criterion/criterion.h>

#include "grid/node/replica/log_time.h"

#define SECOND_US 1000000ull
#define HOUR_MS 3600000ull
#define WALL_MS 1700000000000ull

/* One of three members, position 0, with clocks that the test moves. */
struct bench { struct member_clocks clocks; struct log_time time; struct log_time_now now; };

static void begin(struct bench *bench)
{
    *bench = (struct bench){.now = {&bench->clocks, 5 * SECOND_US, WALL_MS}};
    member_clocks_init(&bench->clocks, 3, 0);
}

static void pass(struct bench *bench, uint64_t ms)
{
    bench->now.now_us += ms * 1000;
    bench->now.wall_ms += ms;
}

static uint64_t read_ms(struct bench *bench)
{
    return log_time_read(&bench->time, &bench->now);
}

static bool lead(struct bench *bench, uint64_t entry_ms, uint64_t entry_wall_ms)
{
    log_time_elect(&bench->time, &bench->now);
    return log_time_lead(&bench->time, entry_ms, entry_wall_ms, &bench->now);
}

Test(log_time, begins_with_wall_time_in_a_new_partition)
{
    struct bench bench;
    begin(&bench);
    cr_assert(lead(&bench, 0, 0));
    cr_assert_eq(read_ms(&bench), WALL_MS);
    cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
}

/* I30: the log time of a leader that committed nothing is continued by nobody. Its wall clock may be wrong, and a note that is too high stays. */
Test(log_time, without_an_entry_in_the_log_nothing_is_a_note)
{
    struct bench bench;
    begin(&bench);
    bench.now.wall_ms = WALL_MS + HOUR_MS;
    cr_assert(lead(&bench, 0, 0));
    cr_assert_eq(log_time_grade(&bench.time), LOG_TIME_NONE, "it tells others nothing");
    log_time_follow(&bench.time, &bench.now);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    cr_assert_eq(read_ms(&bench), WALL_MS);
    cr_assert_eq(log_time_grade(&bench.time), LOG_TIME_NOTED);
}

Test(log_time, the_first_entry_makes_a_note_of_what_its_leader_stamps)
{
    struct bench bench;
    begin(&bench);
    cr_assert(lead(&bench, 0, 0));
    log_time_apply(&bench.time, 0, bench.now.now_us);
    cr_assert_eq(log_time_grade(&bench.time), LOG_TIME_NONE, "an entry without a stamp");
    log_time_apply(&bench.time, WALL_MS, bench.now.now_us);
    cr_assert_eq(log_time_grade(&bench.time), LOG_TIME_NOTED);
    log_time_follow(&bench.time, &bench.now);
    pass(&bench, 5000);
    cr_assert(lead(&bench, WALL_MS, WALL_MS));
    cr_assert_eq(read_ms(&bench), WALL_MS + 5000);
}

/* R14, I30: time that passed before the change of leader still counts. */
Test(log_time, goes_on_from_its_note_when_it_leads)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    log_time_apply(&bench.time, WALL_MS, bench.now.now_us);
    pass(&bench, 45000);
    cr_assert(lead(&bench, WALL_MS, WALL_MS));
    cr_assert_eq(read_ms(&bench), WALL_MS + 45000);
    log_time_follow(&bench.time, &bench.now);
    pass(&bench, 5000);
    cr_assert(lead(&bench, WALL_MS, WALL_MS), "what it stamped itself is a note");
    cr_assert_eq(read_ms(&bench), WALL_MS + 50000);
}

Test(log_time, is_never_before_the_last_entry)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    cr_assert(lead(&bench, WALL_MS + 70, WALL_MS));
    cr_assert_eq(read_ms(&bench), WALL_MS + 70);
}

Test(log_time, entries_that_are_replayed_make_no_note)
{
    struct bench bench;
    begin(&bench);
    log_time_apply(&bench.time, WALL_MS - HOUR_MS, bench.now.now_us);
    cr_assert_eq(bench.time.grade, LOG_TIME_NONE);
    cr_assert_not(lead(&bench, WALL_MS - HOUR_MS, WALL_MS - HOUR_MS), "it asks first");
}

Test(log_time, what_may_be_old_makes_no_note)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS - HOUR_MS, LOG_TIME_NOTED, false, bench.now.now_us);
    cr_assert_eq(bench.time.grade, LOG_TIME_NONE);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    log_time_hear(&bench.time, WALL_MS - HOUR_MS, LOG_TIME_NOTED, false, bench.now.now_us);
    cr_assert_eq(read_ms(&bench), WALL_MS);
}

Test(log_time, what_a_stalled_link_delivers_late_lowers_no_note)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    pass(&bench, 10000);
    log_time_hear(&bench.time, WALL_MS + 500, LOG_TIME_NOTED, false, bench.now.now_us);
    log_time_apply(&bench.time, WALL_MS + 700, bench.now.now_us);
    cr_assert_eq(read_ms(&bench), WALL_MS + 10000);
}

Test(log_time, a_note_of_another_member_beats_wall_clocks)
{
    struct bench bench;
    begin(&bench);
    cr_assert_not(lead(&bench, WALL_MS - 8000, WALL_MS - HOUR_MS));
    cr_assert(log_time_asking(&bench.time, &bench.clocks));
    member_clocks_hear(&bench.clocks, 1, WALL_MS, bench.now.now_us);
    log_time_answer(&bench.time, 1, WALL_MS, LOG_TIME_NOTED, &bench.now);
    cr_assert(log_time_lead(&bench.time, WALL_MS - 8000, WALL_MS - HOUR_MS, &bench.now));
    cr_assert_eq(read_ms(&bench), WALL_MS);
    cr_assert_not(log_time_asking(&bench.time, &bench.clocks));
}

/* After an outage of all nodes: two right clocks say 15 s; the third one is ignored. */
Test(log_time, a_majority_of_wall_clocks_tells_how_long_an_outage_was)
{
    static const int64_t wrong_ms[] = {-(int64_t)HOUR_MS, 0, (int64_t)HOUR_MS};
    for (int i = 0; i < 3; i++) {
        struct bench bench;
        begin(&bench);
        cr_assert_not(lead(&bench, WALL_MS - 15000, WALL_MS - 15000));
        member_clocks_hear(&bench.clocks, 1, (uint64_t)((int64_t)WALL_MS + wrong_ms[i]), bench.now.now_us);
        log_time_answer(&bench.time, 1, 0, LOG_TIME_NONE, &bench.now);
        cr_assert(log_time_lead(&bench.time, WALL_MS - 15000, WALL_MS - 15000, &bench.now));
        cr_assert_eq(read_ms(&bench), wrong_ms[i] < 0 ? WALL_MS - 15000 : WALL_MS, "the smaller difference of two, never negative");
        cr_assert_eq(bench.time.grade, LOG_TIME_ESTIMATED);
        cr_assert(log_time_asking(&bench.time, &bench.clocks));
        member_clocks_hear(&bench.clocks, 2, WALL_MS, bench.now.now_us);
        log_time_answer(&bench.time, 2, 0, LOG_TIME_NONE, &bench.now);
        cr_assert_eq(read_ms(&bench), WALL_MS, "all have answered: the median");
        cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
    }
}

Test(log_time, the_own_wall_clock_alone_decides_nothing)
{
    struct bench bench;
    begin(&bench);
    bench.now.wall_ms += HOUR_MS;
    cr_assert_not(lead(&bench, WALL_MS - 15000, WALL_MS - 15000));
    member_clocks_hear(&bench.clocks, 1, WALL_MS, bench.now.now_us);
    cr_assert_not(log_time_lead(&bench.time, WALL_MS - 15000, WALL_MS - 15000, &bench.now), "it may have a note");
    log_time_answer(&bench.time, 1, 0, LOG_TIME_NONE, &bench.now);
    cr_assert_eq(read_ms(&bench), WALL_MS);
}

Test(log_time, serves_without_answers_after_a_while_and_jumps_when_they_come)
{
    struct bench bench;
    begin(&bench);
    cr_assert_not(lead(&bench, WALL_MS - HOUR_MS, WALL_MS - HOUR_MS));
    pass(&bench, LOG_TIME_ASK_MS);
    cr_assert(log_time_lead(&bench.time, WALL_MS - HOUR_MS, WALL_MS - HOUR_MS, &bench.now));
    cr_assert_leq(read_ms(&bench), WALL_MS - HOUR_MS + LOG_TIME_ASK_MS * 11 / 10);
    log_time_answer(&bench.time, 2, WALL_MS + LOG_TIME_ASK_MS, LOG_TIME_NOTED, &bench.now);
    cr_assert_eq(read_ms(&bench), WALL_MS + LOG_TIME_ASK_MS);
}

Test(log_time, an_estimate_that_was_handed_on_is_no_note)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_ESTIMATED, true, bench.now.now_us);
    cr_assert_eq(bench.time.grade, LOG_TIME_ESTIMATED);
    log_time_hear(&bench.time, WALL_MS + 9000, LOG_TIME_NOTED, true, bench.now.now_us);
    cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
    cr_assert_eq(read_ms(&bench), WALL_MS + 9000);
}

/* It serves unsure and dies: the next leader finds stamps from which the outage still follows. */
Test(log_time, stamps_of_a_leader_that_is_not_sure_keep_the_outage)
{
    struct bench bench;
    begin(&bench);
    cr_assert_not(lead(&bench, WALL_MS - HOUR_MS, WALL_MS - HOUR_MS));
    pass(&bench, LOG_TIME_ASK_MS);
    cr_assert(log_time_lead(&bench.time, WALL_MS - HOUR_MS, WALL_MS - HOUR_MS, &bench.now));
    uint64_t entry_ms = read_ms(&bench), stamp_ms = log_time_stamp_wall_ms(&bench.time, entry_ms, &bench.now);
    cr_assert_eq(stamp_ms, WALL_MS - HOUR_MS + LOG_TIME_ASK_MS, "as much as has passed");
    uint64_t wall_ms = bench.now.wall_ms;
    begin(&bench);
    bench.now.wall_ms = wall_ms;
    cr_assert_not(lead(&bench, entry_ms, stamp_ms));
    member_clocks_hear(&bench.clocks, 1, wall_ms, bench.now.now_us);
    log_time_answer(&bench.time, 1, 0, LOG_TIME_NONE, &bench.now);
    cr_assert_eq(read_ms(&bench), wall_ms);
    cr_assert_eq(log_time_stamp_wall_ms(&bench.time, wall_ms, &bench.now), wall_ms);
}

/* Log time is far behind the clocks and makes up a tenth of the outage. That tenth is no time that has passed: after a second
 * outage it would be missing. */
Test(log_time, stamps_of_a_leader_that_is_not_sure_count_an_outage_once)
{
    struct bench bench;
    uint64_t entry_ms = WALL_MS - HOUR_MS;
    begin(&bench);
    log_time_elect(&bench.time, &bench.now);
    member_clocks_hear(&bench.clocks, 1, WALL_MS, bench.now.now_us);
    log_time_answer(&bench.time, 1, 0, LOG_TIME_NONE, &bench.now);
    cr_assert(log_time_lead(&bench.time, entry_ms, WALL_MS - 60000, &bench.now));
    cr_assert_eq(bench.time.grade, LOG_TIME_ESTIMATED, "a third member may have a note");
    cr_assert_eq(read_ms(&bench), entry_ms + 66000);
    pass(&bench, 5000);
    uint64_t second_ms = read_ms(&bench);
    cr_assert_eq(second_ms, entry_ms + 66000 + 5500);
    cr_assert_eq(log_time_stamp_wall_ms(&bench.time, second_ms, &bench.now), WALL_MS + 5000);
}

/* An estimate that was too low because of one slow clock is mended by the next leader too. */
Test(log_time, who_goes_on_from_an_estimate_asks_as_well)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS - 15000, LOG_TIME_ESTIMATED, true, bench.now.now_us);
    cr_assert(lead(&bench, WALL_MS - 15000, WALL_MS - 15000), "it need not wait");
    cr_assert(log_time_asking(&bench.time, &bench.clocks));
    for (uint32_t member = 1; member < 3; member++) {
        member_clocks_hear(&bench.clocks, member, WALL_MS, bench.now.now_us);
        log_time_answer(&bench.time, member, 0, LOG_TIME_NONE, &bench.now);
    }
    cr_assert_eq(read_ms(&bench), WALL_MS);
    cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
}

Test(log_time, a_member_alone_asks_nobody)
{
    struct bench bench;
    begin(&bench);
    member_clocks_init(&bench.clocks, 1, 0);
    cr_assert(lead(&bench, WALL_MS - 4000, WALL_MS - 4000));
    cr_assert_eq(read_ms(&bench), WALL_MS);
    cr_assert_not(log_time_asking(&bench.time, &bench.clocks));
}

Test(log_time, a_look_changes_nothing)
{
    struct bench bench;
    begin(&bench);
    cr_assert(lead(&bench, 0, 0));
    pass(&bench, 700);
    struct log_clock before = bench.time.clock;
    cr_assert_eq(log_time_peek(&bench.time, &bench.now), WALL_MS + 700);
    cr_assert_eq(bench.time.clock.time_us, before.time_us);
    cr_assert_eq(bench.time.clock.seen_us, before.seen_us);
}

/* All have answered before the leader has its last entry: their answers are no estimate yet. */
Test(log_time, answers_that_come_before_it_leads_do_not_make_an_estimate_a_note)
{
    struct bench bench;
    begin(&bench);
    member_clocks_hear(&bench.clocks, 1, WALL_MS + 60000, bench.now.now_us);
    member_clocks_hear(&bench.clocks, 2, WALL_MS + 60000, bench.now.now_us);
    log_time_hear(&bench.time, WALL_MS + 5, LOG_TIME_ESTIMATED, true, bench.now.now_us);
    bench.now.wall_ms += 60000;
    log_time_elect(&bench.time, &bench.now);
    log_time_answer(&bench.time, 1, WALL_MS + 5, LOG_TIME_ESTIMATED, &bench.now);
    log_time_answer(&bench.time, 2, 0, LOG_TIME_NONE, &bench.now);
    cr_assert_eq(bench.time.grade, LOG_TIME_ESTIMATED);
    cr_assert(log_time_lead(&bench.time, WALL_MS, WALL_MS, &bench.now));
    cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
    cr_assert_eq(read_ms(&bench), WALL_MS + 60000, "the outage counts");
}

Test(log_time, a_leader_that_is_not_sure_lowers_no_note)
{
    struct bench bench;
    begin(&bench);
    log_time_hear(&bench.time, WALL_MS, LOG_TIME_NOTED, true, bench.now.now_us);
    pass(&bench, 10000);
    log_time_hear(&bench.time, WALL_MS + 1, LOG_TIME_ESTIMATED, true, bench.now.now_us);
    cr_assert_eq(read_ms(&bench), WALL_MS + 10000);
    cr_assert_eq(bench.time.grade, LOG_TIME_NOTED);
    log_time_hear(&bench.time, WALL_MS + 9500, LOG_TIME_NOTED, true, bench.now.now_us);
    cr_assert_eq(read_ms(&bench), WALL_MS + 9500, "one that is sure does");
}
