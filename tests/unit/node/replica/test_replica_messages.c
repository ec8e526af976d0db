/* What replica.h and replica_messages.c promise of messages between partitions. Partition 0 is the replica, partition 1 the other end. */
#include "grid/base/hash.h"
#include "tests/unit/node/replica/replica_bench.h"

TestSuite(replica_messages, .init = bench_open_leading, .fini = bench_close);

static const struct bench_letter *last_of(enum letter_kind kind)
{
    size_t at = bench.letters_count;
    while (at > 0 && bench.letters[at - 1].letter.kind != kind)
        at--;
    cr_assert_gt(at, 0u, "no such letter");
    return &bench.letters[at - 1];
}

static void expect_answer(uint64_t applied, bool gap)
{
    const struct letter *letter = &last_of(LETTER_ANSWER)->letter;
    cr_expect(letter->to == BENCH_OTHER && letter->from == 0);
    cr_expect_eq(last_of(LETTER_ANSWER)->to_node, 3u, "to the node that sent");
    cr_expect(letter->applied == applied && letter->gap == gap, "%llu%s", (unsigned long long)letter->applied, letter->gap ? ", a gap" : "");
}

/* Answers to messages that came, not the outbox. */
static size_t answers(void)
{
    size_t count = 0;
    for (size_t i = 0; i < bench.letters_count; i++)
        count += bench.letters[i].letter.kind == LETTER_ANSWER;
    return count;
}

static size_t sends(void)
{
    return bench.letters_count - answers();
}

/* ---- the inbox */

Test(replica_messages, are_answered_once_they_are_applied)
{
    bench_deliver(1, 3, 1);
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_DELIVER), 1u);
    cr_expect_eq(bench.letters_count, 0u);
    fake_group_commit(&bench.set);
    expect_answer(3, false);
    cr_expect_eq(bench.counters.messages_received->value, 3u);
}

Test(replica_messages, that_are_proposed_already_are_not_proposed_again)
{
    bench_deliver(1, 3, 1);
    bench_run();
    bench_deliver(1, 3, 1);
    bench_deliver(2, 3, 1);
    bench_run();
    cr_expect_eq(bench.set.group.proposed, 1u);
    cr_expect_eq(bench.letters_count, 0u, "not applied yet: no answer");
    cr_expect_eq(bench.counters.messages_duplicate->value, 5u);
    bench_deliver(4, 4, 1);                /* what follows the proposed ones goes on */
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 2u);
    fake_group_commit_all(&bench.set);
    expect_answer(4, false);
}

Test(replica_messages, that_are_applied_already_are_answered_at_once)
{
    bench_deliver(1, 3, 1);
    bench_commit();
    size_t before = answers();
    bench_deliver(2, 3, 1);
    cr_expect_eq(answers(), before + 1);
    expect_answer(3, false);
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
}

Test(replica_messages, behind_a_gap_are_refused_and_said)
{
    bench_deliver(1, 1, 1);
    bench_commit();
    bench_deliver(3, 4, 1);
    expect_answer(1, true);
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    cr_expect_eq(bench.counters.messages_gap->value, 1u);
}

Test(replica_messages, are_left_to_the_leader)
{
    fake_group_follow(&bench.set, 2, 2);
    bench_deliver(1, 3, 1);
    bench_answer_outbox(1, false);
    replica_letter(bench.replica, &(struct letter){.kind = LETTER_REWIND});
    bench_run();
    cr_expect_eq(bench.letters_count, 0u);
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    cr_expect_eq(bench.counters.messages_received->value, 0u);
    bench_lead(3);
    bench_deliver(1, 3, 1);
    bench_commit();
    expect_answer(3, false);
}

Test(replica_messages, above_the_level_of_the_partition_wait)
{
    bench.forbids = true;
    bench_deliver(1, 3, 1);
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    cr_expect_eq(bench.letters_count, 0u, "no answer: the sender repeats");
    bench.forbids = false;
    bench_deliver(1, 3, 1);
    bench_commit();
    expect_answer(3, false);
}

Test(replica_messages, of_an_older_restore_epoch_are_refused_and_counted)
{
    bench_deliver(1, 1, 2);
    bench_commit();
    expect_answer(1, false);
    size_t before = bench.letters_count;
    bench_deliver(2, 4, 1);
    bench_run();
    cr_expect_eq(bench.epochs_refused, 1u);
    cr_expect_eq(bench.epoch_known, 2u);
    cr_expect_eq(bench.counters.messages_refused->value, 3u);
    cr_expect_eq(bench.letters_count, before);
    cr_expect_eq(bench.set.group.proposals_count, 0u);
}

Test(replica_messages, that_were_proposed_in_a_refused_entry_are_taken_again)
{
    bench_deliver(1, 3, 1);
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    bench_run();
    bench.set.group.refuses = GRID_ERR_OK;
    bench_deliver(1, 3, 1);
    bench_commit();
    expect_answer(3, false);
}

Test(replica_messages, are_taken_with_a_full_log_too)
{
    bench.set.log_full = true;
    bench_deliver(1, 3, 1);
    bench_commit();
    expect_answer(3, false);
}

Test(replica_messages, of_a_deposed_leader_are_proposed_anew_by_the_next)
{
    bench_deliver(1, 3, 1);
    fake_group_follow(&bench.set, 2, 2);   /* before the entry left */
    bench_lead(3);
    bench_deliver(1, 3, 1);
    bench_commit();
    expect_answer(3, false);
}

/* ---- the outbox: each delivered message makes one back to partition 1 */

static void fill_outbox(void)
{
    cr_assert_eq(hash_partition(bytes_of_text("b"), BENCH_PARTITIONS).value, (uint32_t)BENCH_OTHER, "the key of the sender is over there");
    bench_deliver(1, 3, 1);
    bench_commit();
}

Test(replica_messages, go_to_other_partitions_in_one_batch)
{
    fill_outbox();
    cr_assert_eq(sends(), 1u);
    const struct bench_letter *sent = last_of(LETTER_MESSAGES);
    cr_expect(sent->letter.to == BENCH_OTHER && sent->letter.from == 0 && sent->letter.node.value == BENCH_SELF);
    cr_expect(sent->letter.first == 1 && sent->letter.last == 3 && sent->count == 3);
    cr_expect_eq(bench.counters.messages_sent->value, 3u);
    bench_tick_after(100);
    cr_expect_eq(sends(), 1u, "not again so soon");
}

Test(replica_messages, that_nobody_answers_are_sent_again)
{
    fill_outbox();
    bench_tick_after(OUTBOX_RESEND_US / 1000 + 10);
    cr_expect_eq(sends(), 2u);
    cr_expect_eq(last_of(LETTER_MESSAGES)->letter.first, 1u);
}

Test(replica_messages, are_sent_again_after_a_change_of_leaders)
{
    fill_outbox();
    replica_letter(bench.replica, &(struct letter){.kind = LETTER_REWIND});
    bench_run();
    cr_expect_eq(sends(), 2u);
}

Test(replica_messages, that_could_not_be_sent_are_sent_at_the_tick)
{
    bench.send_fails = true;
    fill_outbox();
    cr_expect_eq(bench.counters.messages_sent->value, 0u);
    bench.send_fails = false;
    bench_tick_after(50);
    cr_assert_eq(sends(), 1u);
    cr_expect_eq(last_of(LETTER_MESSAGES)->letter.first, 1u);
}

Test(replica_messages, that_are_applied_over_there_are_acknowledged_in_the_log)
{
    fill_outbox();
    bench_answer_outbox(2, false);
    bench_tick_after(OUTBOX_ACK_DELAY_US / 1000 + 10);
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_ACKNOWLEDGE), 1u);
    cr_expect_eq(bench.counters.acks->value, 1u);
    bench_commit();
    bench_answer_outbox(2, true);
    bench_run();
    cr_expect_eq(last_of(LETTER_MESSAGES)->letter.first, 3u, "the rest, since it saw a gap");
}

Test(replica_messages, acknowledgements_go_with_the_next_entry)
{
    fill_outbox();
    bench_answer_outbox(3, false);
    bench_set(1, "k", "v");
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_ACKNOWLEDGE), 1u);
    cr_expect_eq(bench_commands(0, COMMAND_MAP), 1u);
}

Test(replica_messages, an_acknowledgement_in_a_refused_entry_is_proposed_again)
{
    fill_outbox();
    bench_answer_outbox(3, false);
    bench_set(1, "k", "v");
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    bench_run();
    bench.set.group.refuses = GRID_ERR_OK;
    bench_tick_after(OUTBOX_ACK_DELAY_US / 1000 + 10);
    bench_tick_after(10);
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_ACKNOWLEDGE), 1u);
}

Test(replica_messages, a_new_leader_looks_at_the_whole_outbox)
{
    fill_outbox();
    fake_group_follow(&bench.set, 2, 2);
    bench_run();
    size_t before = sends();
    bench_lead(3);
    cr_expect_eq(sends(), before + 1);
    cr_expect_eq(last_of(LETTER_MESSAGES)->letter.first, 1u);
}
