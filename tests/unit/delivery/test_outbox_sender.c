#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "tests/unit/delivery/outbox_pair.h"

static void run(struct outbox_pair *pair, uint64_t now_us)
{
    outbox_sender_run(&pair->sender, now_us);
    outbox_sender_holds(&pair->sender);
}

static void answer(struct outbox_pair *pair, uint32_t destination, uint64_t applied, bool gap, uint64_t now_us)
{
    outbox_sender_answer(&pair->sender, destination, applied, gap, now_us);
    outbox_sender_holds(&pair->sender);
}

/* The first packet reaches its destination and the answer comes back. */
static void deliver(struct outbox_pair *pair, uint64_t now_us)
{
    uint64_t applied;
    bool gap;
    struct outbox_packet packet = outbox_pair_take(pair, 0);
    outbox_pair_receive(pair, packet, &applied, &gap);
    answer(pair, packet.destination, applied, gap, now_us);
}

Test(outbox_sender, sends_what_is_new_and_not_again)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 3;
    run(&pair, 1);
    cr_assert_eq(pair.packets_count, 1);
    cr_assert_eq(pair.packets[0].first, 1);
    cr_assert_eq(pair.packets[0].last, 3);
    run(&pair, 2);
    cr_assert_eq(pair.packets_count, 1);
    pair.written[0] = 5;
    run(&pair, 3);
    cr_assert_eq(pair.packets_count, 2);
    cr_assert_eq(pair.packets[1].first, 4);
    cr_assert_eq(pair.packets[1].last, 5);
    outbox_pair_close(&pair);
}

Test(outbox_sender, begins_where_the_outbox_begins)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[1] = 50;
    pair.trimmed[1] = pair.applied[1] = 40;
    run(&pair, 1);
    cr_assert_eq(pair.packets_count, 1);
    cr_assert_eq(pair.packets[0].destination, 4);
    cr_assert_eq(pair.packets[0].first, 41);
    outbox_pair_close(&pair);
}

Test(outbox_sender, keeps_destinations_apart)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[2] = 1;
    run(&pair, 1);
    pair.written[0] = 2;
    pair.written[1] = 3;
    run(&pair, 2);
    cr_assert_eq(pair.packets_count, 3);
    answer(&pair, 4, 3, false, 3);
    cr_assert_eq(pair.sender.links[0].applied, 0);
    cr_assert_eq(pair.sender.links[1].applied, 3);
    cr_assert_eq(pair.sender.links[2].applied, 0);
    outbox_pair_close(&pair);
}

Test(outbox_sender, stops_at_the_window_and_goes_on_with_the_answers)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 5000;
    run(&pair, 1);
    size_t at_first = pair.sent_messages;
    cr_assert_geq(at_first, OUTBOX_WINDOW_MESSAGES);
    cr_assert_lt(at_first, OUTBOX_WINDOW_MESSAGES + 128);
    run(&pair, 2);
    cr_assert_eq(pair.sent_messages, at_first);
    deliver(&pair, 3);
    run(&pair, 4);
    cr_assert_gt(pair.sent_messages, at_first);
    while (pair.packets_count > 0) {
        deliver(&pair, 5);
        run(&pair, 6);
    }
    cr_assert_eq(pair.applied[0], 5000);
    cr_assert_eq(pair.sent_messages, 5000, "nothing twice without a reason");
    outbox_pair_close(&pair);
}

Test(outbox_sender, a_refused_send_counts_as_nothing)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 3;
    pair.down = true;
    run(&pair, 1);
    cr_assert_eq(pair.sends, 0);
    cr_assert(outbox_sender_waiting(&pair.sender));
    pair.down = false;
    run(&pair, 2);
    cr_assert_eq(pair.packets_count, 1);
    cr_assert_eq(pair.packets[0].first, 1);
    outbox_pair_close(&pair);
}

Test(outbox_sender, goes_back_when_the_destination_saw_a_gap)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 2;
    run(&pair, 1);
    pair.written[0] = 4;
    run(&pair, 2);
    outbox_pair_take(&pair, 0); /* lost */
    deliver(&pair, 3);
    run(&pair, 4);
    cr_assert_eq(pair.packets_count, 1);
    cr_assert_eq(pair.packets[0].first, 1);
    cr_assert_eq(pair.packets[0].last, 4);
    outbox_pair_close(&pair);
}

/* The answer of a destination that lost what it had acknowledged, twice a second. */
static void answer_with_gap(struct outbox_pair *pair, uint32_t destination, uint64_t applied, uint64_t from_us, uint64_t until_us)
{
    for (uint64_t now_us = from_us; now_us <= until_us; now_us += OUTBOX_RESEND_US) {
        outbox_sender_run(&pair->sender, now_us);
        outbox_sender_answer(&pair->sender, destination, applied, true, now_us);
    }
}

struct alarm { size_t count; uint32_t destination; uint64_t applied, oldest; };
static struct alarm alarm_of_test;

static void on_stopped(void *context, const struct outbox_link *link, uint64_t applied)
{
    (void)context;
    alarm_of_test = (struct alarm){alarm_of_test.count + 1, link->destination, applied, link->oldest};
}

/* Ten messages to the first destination and three to the second, of which the first has acknowledged five. */
static void half_acknowledged(struct outbox_pair *pair)
{
    outbox_pair_open(pair);
    alarm_of_test = (struct alarm){0};
    pair->host.stopped = on_stopped;
    pair->written[0] = 10;
    pair->written[1] = 3;
    outbox_sender_run(&pair->sender, 1000);
    pair->applied[0] = 5;
    outbox_sender_answer(&pair->sender, 1, 5, false, 2000);
    cr_assert_eq(outbox_pair_acknowledge(pair), 1);
    cr_assert_eq(pair->trimmed[0], 5);
}

/* R4: it stops with an alarm, and the others go on. */
Test(outbox_sender, a_gap_that_cannot_be_filled_stops_its_link_and_tells_once)
{
    struct outbox_pair pair;
    half_acknowledged(&pair);
    answer_with_gap(&pair, 1, 2, 1000000, 1000000 + OUTBOX_STUCK_US - OUTBOX_RESEND_US);
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 0, "not yet");
    answer_with_gap(&pair, 1, 2, 1000000 + OUTBOX_STUCK_US, 60000000);
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 1);
    cr_assert(alarm_of_test.count == 1 && alarm_of_test.destination == 1 && alarm_of_test.applied == 2 && alarm_of_test.oldest == 6);
    pair.packets_count = 0;
    pair.written[0]++;
    pair.written[1]++;
    outbox_sender_run(&pair.sender, 70000000);
    for (size_t i = 0; i < pair.packets_count; i++)
        cr_assert_eq(pair.packets[i].destination, 4, "nothing goes to the one that stopped");
    cr_assert_gt(pair.packets_count, 0, "the others go on");
    pair.applied[1] = 4;
    outbox_sender_answer(&pair.sender, 4, 4, false, 70000001);
    cr_assert_eq(outbox_pair_acknowledge(&pair), 1);
    cr_assert_not(outbox_sender_waiting(&pair.sender));
    outbox_sender_holds(&pair.sender);
    outbox_pair_close(&pair);
}

/* It would take what is new for what it had: both sides must be looked at. */
Test(outbox_sender, a_destination_that_is_ahead_stops_its_link)
{
    struct outbox_pair pair;
    half_acknowledged(&pair);
    for (uint64_t now_us = 1000000; now_us <= 1000000 + OUTBOX_STUCK_US; now_us += OUTBOX_RESEND_US) {
        outbox_sender_run(&pair.sender, now_us);
        outbox_sender_answer(&pair.sender, 1, 11, false, now_us);
    }
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 1);
    cr_assert(alarm_of_test.count == 1 && alarm_of_test.applied == 11);
    outbox_pair_close(&pair);
}

/* Frames of a minute ago, and of leaders before. */
Test(outbox_sender, old_answers_stop_nothing)
{
    struct outbox_pair pair;
    half_acknowledged(&pair);
    for (uint64_t now_us = 1000000; now_us < 100000000; now_us += OUTBOX_RESEND_US) {
        outbox_sender_run(&pair.sender, now_us);
        outbox_sender_answer(&pair.sender, 1, 2, true, now_us);
        if (now_us % (8 * (uint64_t)OUTBOX_RESEND_US) == 0)
            outbox_sender_answer(&pair.sender, 1, 5, false, now_us);
    }
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 0, "right answers in between");
    for (uint64_t i = 1; i < 20; i++)
        outbox_sender_answer(&pair.sender, 1, 2, true, 100000000 + i * 5000000);
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 0, "one now and then");
    outbox_pair_close(&pair);
}

/* A leader that lagged behind answers, or the right files were brought back. */
Test(outbox_sender, a_right_answer_starts_a_link_again)
{
    struct outbox_pair pair;
    half_acknowledged(&pair);
    answer_with_gap(&pair, 1, 2, 1000000, 1000000 + OUTBOX_STUCK_US);
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 1);
    outbox_sender_answer(&pair.sender, 1, 7, false, 20000000);
    cr_assert_eq(outbox_sender_stopped(&pair.sender), 0);
    pair.packets_count = 0;
    outbox_sender_run(&pair.sender, 21000000);
    cr_assert_gt(pair.packets_count, 0);
    cr_assert_eq(pair.packets[0].first, 8);
    outbox_pair_close(&pair);
}

Test(outbox_sender, a_late_gap_does_not_undo_what_was_applied_since)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 10;
    run(&pair, 1);
    answer(&pair, 1, 10, false, 2);
    answer(&pair, 1, 4, true, 3);
    answer(&pair, 1, 6, false, 3);
    cr_assert_eq(pair.sender.links[0].applied, 10);
    run(&pair, 4);
    cr_assert_eq(pair.sends, 1);
    outbox_pair_close(&pair);
}

Test(outbox_sender, sends_again_when_nothing_moved_for_long)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 3;
    run(&pair, 1000);
    run(&pair, 1000 + OUTBOX_RESEND_US - 1);
    cr_assert_eq(pair.sends, 1);
    run(&pair, 1000 + OUTBOX_RESEND_US);
    cr_assert_eq(pair.sends, 2);
    cr_assert_eq(pair.packets[1].first, 1);
    run(&pair, 1000 + OUTBOX_RESEND_US + 1);
    cr_assert_eq(pair.sends, 2);
    outbox_pair_close(&pair);
}

Test(outbox_sender, an_answer_restarts_the_patience)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 3;
    run(&pair, 1);
    answer(&pair, 1, 1, false, OUTBOX_RESEND_US);
    run(&pair, OUTBOX_RESEND_US + 10);
    cr_assert_eq(pair.sends, 1);
    run(&pair, 2 * OUTBOX_RESEND_US);
    cr_assert_eq(pair.sends, 2);
    cr_assert_eq(pair.packets[1].first, 2);
    outbox_pair_close(&pair);
}

Test(outbox_sender, rewind_sends_everything_unapplied_again)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 6;
    pair.written[2] = 2;
    run(&pair, 1);
    answer(&pair, 1, 4, false, 2);
    outbox_sender_rewind(&pair.sender);
    outbox_sender_holds(&pair.sender);
    run(&pair, 3);
    cr_assert_eq(pair.packets_count, 4);
    cr_assert_eq(pair.packets[2].first, 5);
    cr_assert_eq(pair.packets[3].first, 1);
    outbox_pair_close(&pair);
}

Test(outbox_sender, ignores_answers_about_what_it_does_not_know)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    answer(&pair, 9, 3, false, 1);
    pair.written[0] = 3;
    run(&pair, 1);
    answer(&pair, 1, 4, false, 2); /* an outbox that this sender has not seen yet */
    cr_assert_eq(pair.sender.links[0].applied, 0);
    answer(&pair, 2, 1, true, 2);
    cr_assert_eq(outbox_pair_acknowledge(&pair), 0);
    outbox_pair_close(&pair);
}

Test(outbox_sender, hands_out_each_acknowledgement_once_and_in_time)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = pair.written[1] = 5;
    run(&pair, 1);
    cr_assert_not(outbox_sender_ack_due(&pair.sender, 1 + OUTBOX_ACK_DELAY_US));
    deliver(&pair, 1000);
    cr_assert_not(outbox_sender_ack_due(&pair.sender, 1000 + OUTBOX_ACK_DELAY_US - 1));
    cr_assert(outbox_sender_ack_due(&pair.sender, 1000 + OUTBOX_ACK_DELAY_US));
    cr_assert(outbox_sender_waiting(&pair.sender));
    cr_assert_eq(outbox_pair_acknowledge(&pair), 1);
    cr_assert_eq(pair.trimmed[0], 5);
    cr_assert_eq(pair.trimmed[1], 0);
    cr_assert_eq(outbox_pair_acknowledge(&pair), 0);
    cr_assert_not(outbox_sender_ack_due(&pair.sender, UINT64_MAX));
    deliver(&pair, 2000);
    cr_assert_eq(outbox_pair_acknowledge(&pair), 1);
    cr_assert_not(outbox_sender_waiting(&pair.sender));
    outbox_pair_close(&pair);
}

static void lose(void *context, uint32_t destination, uint64_t applied)
{
    size_t *lost = context;
    (void)destination;
    (void)applied;
    (*lost)++;
}

Test(outbox_sender, hands_out_again_what_did_not_reach_the_log)
{
    struct outbox_pair pair;
    size_t lost = 0;
    outbox_pair_open(&pair);
    pair.written[0] = 2;
    run(&pair, 1);
    deliver(&pair, 2);
    cr_assert_eq(outbox_sender_take_acks(&pair.sender, lose, &lost), 1, "proposed, and the entry is refused");
    cr_assert_eq(outbox_pair_acknowledge(&pair), 0);
    outbox_sender_repeat_acks(&pair.sender, 3);
    outbox_sender_holds(&pair.sender);
    cr_assert(outbox_sender_ack_due(&pair.sender, 3 + OUTBOX_ACK_DELAY_US));
    cr_assert_eq(outbox_pair_acknowledge(&pair), 1);
    cr_assert_eq(pair.trimmed[0], 2);
    outbox_pair_close(&pair);
}

Test(outbox_sender, has_nothing_to_repeat_before_the_first_answer)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 2;
    run(&pair, 1);
    outbox_sender_repeat_acks(&pair.sender, 2);
    cr_assert_not(outbox_sender_ack_due(&pair.sender, 2 + OUTBOX_ACK_DELAY_US));
    cr_assert_eq(outbox_pair_acknowledge(&pair), 0);
    outbox_pair_close(&pair);
}

Test(outbox_sender, forgets_everything_when_leadership_ends)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 5;
    run(&pair, 1);
    outbox_sender_close(&pair.sender);
    run(&pair, 2);
    cr_assert_eq(pair.sends, 2);
    cr_assert_eq(pair.packets[1].first, 1);
    outbox_pair_close(&pair);
}

/* ---- a destination on the same node answers from inside the call */

static void applied_long_ago(struct outbox_pair *pair, uint32_t destination, uint64_t first, size_t count)
{
    (void)first;
    (void)count;
    outbox_sender_answer(&pair->sender, destination, 200, false, 1);
}

Test(outbox_sender, an_answer_from_inside_the_send_is_not_counted_on_top)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 300;
    pair.answer_inside = applied_long_ago;
    run(&pair, 1);
    cr_assert_eq(pair.sender.links[0].applied, 200);
    cr_assert_eq(pair.sender.links[0].sent, 300);
    cr_assert_eq(pair.packets[pair.packets_count - 1].last, 300, "what comes after the answer was sent too");
    outbox_pair_close(&pair);
}

static void expects_an_earlier_one(struct outbox_pair *pair, uint32_t destination, uint64_t first, size_t count)
{
    (void)count;
    cr_assert_lt(pair->sends, 100, "it never ends");
    if (first > 5)
        outbox_sender_answer(&pair->sender, destination, 4, true, 1);
}

Test(outbox_sender, a_gap_reported_from_inside_the_send_ends_the_round)
{
    struct outbox_pair pair;
    outbox_pair_open(&pair);
    pair.written[0] = 10;
    run(&pair, 1);
    answer(&pair, 1, 2, false, 2);
    pair.written[0] = 20;
    pair.answer_inside = expects_an_earlier_one;
    run(&pair, 3);
    run(&pair, 4);
    cr_assert_eq(pair.packets[pair.packets_count - 1].first, 5);
    cr_assert_eq(pair.packets[pair.packets_count - 1].last, 20);
    outbox_pair_close(&pair);
}

/* ---- networks that lose, repeat and reorder */

static void play(struct outbox_pair *pair, struct prng *prng, uint64_t now_us)
{
    uint64_t applied;
    bool gap;
    size_t at = (size_t)prng_range(prng, 0, pair->packets_count - 1);
    struct outbox_packet packet = pair->packets[at];
    if (!prng_chance(prng, 200000)) /* else it stays and comes once more */
        outbox_pair_take(pair, at);
    if (prng_chance(prng, 200000))
        return; /* lost */
    outbox_pair_receive(pair, packet, &applied, &gap);
    if (prng_chance(prng, 200000))
        return; /* the answer is lost */
    answer(pair, packet.destination, applied, gap, now_us);
}

static bool all_trimmed(const struct outbox_pair *pair, uint64_t total)
{
    for (int i = 0; i < PAIR_DESTINATIONS; i++)
        if (pair->trimmed[i] != total)
            return false;
    return true;
}

Test(outbox_sender, everything_arrives_once_and_in_order_whatever_is_lost_repeated_or_reordered)
{
    enum { SEEDS = 200, TOTAL = 400, STEPS_MAX = 200000 };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct outbox_pair pair;
        struct prng prng;
        uint64_t now_us = 1;
        int steps = 0;
        prng_init(&prng, seed);
        outbox_pair_open(&pair);
        while (!all_trimmed(&pair, TOTAL)) {
            cr_assert_lt(steps++, STEPS_MAX, "seed %lu does not come to an end", (unsigned long)seed);
            now_us += prng_range(&prng, 0, 20000);
            uint64_t *written = &pair.written[prng_range(&prng, 0, PAIR_DESTINATIONS - 1)];
            uint64_t more = prng_range(&prng, 0, 9);
            *written = *written + more < TOTAL ? *written + more : TOTAL;
            if (prng_chance(&prng, 500000) && pair.packets_count > 0)
                play(&pair, &prng, now_us);
            pair.down = prng_chance(&prng, 50000);
            if (prng_chance(&prng, 5000))
                outbox_sender_rewind(&pair.sender);
            if (prng_chance(&prng, 2000))
                outbox_sender_close(&pair.sender); /* another node leads from here */
            run(&pair, now_us);
            if (outbox_sender_ack_due(&pair.sender, now_us))
                outbox_pair_acknowledge(&pair);
        }
        outbox_pair_close(&pair);
    }
}
