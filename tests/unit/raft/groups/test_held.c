/* Frames that wait for the log: what is kept, what is displaced, when it leaves. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/check.h"
#include "raft/groups/held.h"

enum { GROUPS = 8, SENT_MAX = 256 };

struct sent { size_t member; char text[16]; };

static struct held held;
static struct sent sent[SENT_MAX];
static size_t sent_count;

static void set_up(void)
{
    held_init(&held, GROUPS);
    sent_count = 0;
}

static void tear_down(void)
{
    cr_assert(held_holds(&held));
    held_close(&held);
}

TestSuite(held, .init = set_up, .fini = tear_down);

static void put(uint32_t group, size_t member, enum held_kind kind, uint64_t term, uint64_t lsn, const char *text)
{
    buffer_append_text(held_put(&held, (struct held_key){group, member, kind}, term, lsn), text);
    cr_assert(held_holds(&held));
}

static void on_send(void *context, size_t member, struct bytes frame)
{
    (void)context;
    cr_assert_lt(sent_count, (size_t)SENT_MAX);
    cr_assert_lt(frame.size, sizeof sent->text);
    struct sent *one = &sent[sent_count++];
    one->member = member;
    memset(one->text, 0, sizeof one->text);
    memcpy(one->text, frame.data, frame.size);
}

static void release(uint64_t durable)
{
    held_release(&held, durable, on_send, NULL);
    cr_assert(held_holds(&held));
}

Test(held, keeps_a_frame_until_its_position_is_durable)
{
    put(3, 1, HELD_VOTE, 5, 100, "vote");
    release(99);
    cr_assert_eq(sent_count, 0u);
    release(100);
    cr_assert_eq(sent_count, 1u);
    cr_assert_eq(sent[0].member, 1u);
    cr_assert_str_eq(sent[0].text, "vote");
    release(1000);
    cr_assert_eq(sent_count, 1u, "once");
}

Test(held, does_not_grow_however_often_terms_change)
{
    /* A disk that takes nothing while ten thousand terms pass, in each of them a vote and a heartbeat's answer. */
    uint64_t lsn = 0, put_count = 0;
    for (uint64_t term = 1; term <= 10000; term++)
        for (uint32_t group = 0; group < GROUPS; group++) {
            size_t leader = (size_t)(term % 2);
            put(group, leader, HELD_VOTE, term, ++lsn, "vote");
            put(group, leader, HELD_RESULT, term, lsn, "result");
            put_count += 2;
        }
    cr_assert_eq(put_count, UINT64_C(160000));
    cr_assert_leq(held_frames(&held), (size_t)GROUPS * 2 * HELD_KINDS);
    release(lsn);
    cr_assert_eq(held_frames(&held), 0u);
    cr_assert_leq(sent_count, (size_t)GROUPS * 2 * HELD_KINDS);
}

Test(held, the_latest_of_a_kind_takes_the_place_of_the_one_before)
{
    put(0, 1, HELD_RESULT, 5, 10, "has 7");
    put(0, 1, HELD_RESULT, 5, 10, "has 9");
    release(10);
    cr_assert_eq(sent_count, 1u);
    cr_assert_str_eq(sent[0].text, "has 9");
}

Test(held, kinds_of_one_term_stand_beside_each_other)
{
    put(0, 1, HELD_VOTE, 5, 10, "vote");
    put(0, 1, HELD_RESULT, 5, 10, "result");
    put(0, 1, HELD_CONFIRM, 5, 10, "confirm");
    put(0, 1, HELD_REQUEST, 5, 10, "request");
    release(10);
    cr_assert_eq(sent_count, 4u, "a vote, a result and a confirmation answer different questions");
}

Test(held, a_newer_term_displaces_what_was_said_to_the_same_member_and_to_no_other)
{
    put(0, 1, HELD_VOTE, 5, 10, "old vote");
    put(0, 2, HELD_VOTE, 5, 10, "other");
    put(0, 1, HELD_RESULT, 6, 20, "new");
    put(1, 1, HELD_VOTE, 3, 15, "group 1");
    release(20);
    cr_assert_eq(sent_count, 3u);
    cr_assert_str_eq(sent[0].text, "group 1");
    cr_assert_str_eq(sent[1].text, "new");
    cr_assert_str_eq(sent[2].text, "other");
}

Test(held, frames_of_a_group_wait_for_its_newest_position)
{
    put(0, 1, HELD_VOTE, 5, 10, "a");
    put(0, 2, HELD_VOTE, 5, 30, "b");
    put(1, 1, HELD_VOTE, 5, 20, "c");
    release(20);
    cr_assert_eq(sent_count, 1u);
    cr_assert_str_eq(sent[0].text, "c");
    release(30);
    cr_assert_eq(sent_count, 3u);
}

Test(held, positions_may_come_in_any_order_of_groups)
{
    for (uint32_t group = 0; group < GROUPS; group++)
        put(group, 0, HELD_VOTE, 2, 100 - 10 * group, "x");
    release(59);
    cr_assert_eq(sent_count, 3u, "those at 30, 40 and 50");
    release(100);
    cr_assert_eq(sent_count, (size_t)GROUPS);
}

Test(held, drops_what_was_meant_for_a_member_whose_link_ended)
{
    put(0, 1, HELD_VOTE, 5, 10, "gone");
    put(0, 2, HELD_VOTE, 5, 10, "stays");
    put(1, 1, HELD_RESULT, 5, 12, "gone");
    held_drop(&held, 1);
    cr_assert_eq(held_frames(&held), 1u);
    release(12);
    cr_assert_eq(sent_count, 1u);
    cr_assert_str_eq(sent[0].text, "stays");
}

Test(held, rows_are_used_again)
{
    for (uint64_t round = 1; round <= 100; round++) {
        for (uint32_t group = 0; group < GROUPS; group++)
            put(group, 0, HELD_VOTE, round, round, "x");
        release(round);
        cr_assert_eq(held.idle_count, (uint32_t)GROUPS);
        sent_count = 0;
    }
}
