/* Each shim of replication against the bug that it stops (raft/README.md). */
#include <criterion/criterion.h>

#include "raft/guard/guard_log.h"
#include "tests/unit/raft/bench.h"

#define TERMS(...) ((const uint64_t[]){__VA_ARGS__})

/* ---- S1: a follower acknowledges what the leader has compared, not what it happens to hold */

static bool acknowledges_more_than_was_compared(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 3,
                                               .terms = TERMS(2, 2, 2), .commit = 1});
    bench_sync_all(bench);
    bench_forget(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 1, .prev_term = 1, .commit = 1});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    REQUIRE(answer != NULL && answer->append_entries_result.rejected == 0);
    bool bug = answer->append_entries_result.last_log_index > 1;
    bench_close(bench);
    return bug;
}

Test(guard_append, s1_acknowledges_only_what_was_compared_in_this_term)
{
    bench_protects("S1", acknowledges_more_than_was_compared);
}

/* ---- S1b: and never what is not on its disk. A stale leader's first append is answered as a success. */

static bool acknowledges_what_is_not_stored(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 5, .prev = 1, .prev_term = 1, .count = 3,
                                               .terms = TERMS(5, 5, 5), .commit = 1});
    bench_forget(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    REQUIRE(answer != NULL);
    bool bug = answer->append_entries_result.rejected == 0 && answer->append_entries_result.last_log_index > 1;
    bench_close(bench);
    return bug;
}

Test(guard_append, s1b_acknowledges_only_what_is_stored)
{
    bench_protects("S1b", acknowledges_what_is_not_stored);
}

/* ---- S4: a conflict is passed in one step and at once */

static bool steps_back_one_by_one(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 8,
                                               .terms = TERMS(2, 2, 2, 2, 2, 2, 2, 2), .commit = 1});
    bench_sync_all(bench);
    bench_forget(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 8, .prev_term = 3, .commit = 1});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    REQUIRE(answer != NULL && answer->append_entries_result.rejected == 8);
    bool bug = answer->append_entries_result.last_log_index != 1;
    bench_close(bench);
    return bug;
}

static bool probes_with_the_next_heartbeat_only(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 3,
                                               .terms = TERMS(2, 2, 2), .commit = 1});
    bench_sync_all(bench);
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    const struct raft_message *probe = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 3);
    REQUIRE(probe != NULL && probe->append_entries.prev_log_index == 4);
    bench_forget(bench);
    bench_rejected(bench, 3, term, 4, 1);
    probe = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 3);
    bool bug = probe == NULL || probe->append_entries.prev_log_index != 1;
    bench_close(bench);
    return bug;
}

Test(guard_append, s4_names_the_end_of_the_conflict)
{
    bench_protects("S4", steps_back_one_by_one);
}

Test(guard_append, s4_probes_again_at_once)
{
    bench_protects("S4", probes_with_the_next_heartbeat_only);
}

/* ---- S12: what is being written is not replaced by something of the same index and term */

static bool durable(const struct bench *bench)
{
    for (uint64_t i = 1; i <= bench->guard.raft.last_stored; i++)
        if (fake_disk_durable_term(bench->disk, i) != guard_log_term(&bench->guard.raft, i))
            return false;
    return true;
}

static bool counts_a_write_for_the_entry_that_replaced_it(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(3), .commit = 1});
    bench_append(bench, &(struct bench_append){.from = 3, .term = 4, .prev = 1, .prev_term = 1, .count = 2,
                                               .terms = TERMS(2, 4), .commit = 1});
    bool bug = false;
    while (fake_disk_pending(bench->disk) != 0) {
        bench_sync(bench, 1);
        bug = bug || !durable(bench);
    }
    /* The library has lost count of its references too: closing it would free entries twice. */
    if (!bug)
        bench_close(bench);
    return bug;
}

Test(guard_append, s12_does_not_replace_entries_that_are_being_written)
{
    bench_protects("S12", counts_a_write_for_the_entry_that_replaced_it);
}

Test(guard_append, s12_takes_the_same_append_once_the_write_is_done)
{
    struct bench *bench = bench_open(3, 0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    struct bench_append replacement = {.from = 1, .term = 3, .prev = 1, .prev_term = 1, .count = 1,
                                       .terms = TERMS(3), .commit = 1};
    bench_append(bench, &replacement);
    cr_assert_eq(guard_log_term(&bench->guard.raft, 2), 2u);
    bench_sync_all(bench);
    bench_append(bench, &replacement);
    bench_sync_all(bench);
    cr_assert_eq(guard_log_term(&bench->guard.raft, 2), 3u);
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->append_entries_result.last_log_index, 2u);
    bench_close(bench);
}

/* ---- S13: a commit index counts only up to what the same message has compared */

static bool commits_what_was_not_compared(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 3,
                                               .terms = TERMS(2, 2, 2), .commit = 1});
    bench_sync_all(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 1, .prev_term = 1, .commit = 3});
    bool bug = guard_commit_index(&bench->guard) > 1;
    bench_close(bench);
    return bug;
}

Test(guard_append, s13_commits_only_what_was_compared)
{
    bench_protects("S13", commits_what_was_not_compared);
}

/* ---- S21: one append stays within its bounds, and the rest follows */

enum { MANY = APPEND_ENTRIES_MAX + 500 };

static uint64_t leader_with_many_entries(struct bench *bench)
{
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 2);
    /* Node 1 has not answered: it is probed, so it gets everything at once when it does. */
    for (unsigned i = 0; i < MANY; i++) {
        bench_propose(bench, 1);
        bench_forget(bench);
    }
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 2 + MANY);
    bench_forget(bench);
    return term;
}

static bool sends_everything_at_once(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = leader_with_many_entries(bench);
    bench_stored(bench, 1, term, 1);
    const struct raft_message *append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    REQUIRE(append != NULL && append->append_entries.prev_log_index == 1);
    bool bug = append->append_entries.n_entries > APPEND_ENTRIES_MAX ||
               append->append_entries.leader_commit > 1 + append->append_entries.n_entries;
    bench_close(bench);
    return bug;
}

Test(guard_append, s21_cuts_an_append_that_is_too_long)
{
    bench_protects("S21", sends_everything_at_once);
}

Test(guard_append, s21_sends_the_rest_without_a_gap)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = leader_with_many_entries(bench);
    bench_stored(bench, 1, term, 1);
    const struct raft_message *append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    cr_assert_not_null(append);
    cr_assert_eq(append->append_entries.n_entries, (unsigned)APPEND_ENTRIES_MAX);
    bench_stored(bench, 1, term, 1 + APPEND_ENTRIES_MAX);
    append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    cr_assert_eq(append->append_entries.prev_log_index, 1u + APPEND_ENTRIES_MAX);
    cr_assert_eq(append->append_entries.n_entries, 1u + MANY - APPEND_ENTRIES_MAX);
    bench_close(bench);
}

Test(guard_append, s21_gathers_no_more_for_a_probed_peer_until_it_answers)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = leader_with_many_entries(bench);
    bench_stored(bench, 1, term, 1);
    bench_forget(bench);
    bench_propose(bench, 3);
    cr_assert_eq(bench_count(bench, RAFT_IO_APPEND_ENTRIES, 1), 0u);
    bench_tick(bench, 100);
    cr_assert_eq(bench_count(bench, RAFT_IO_APPEND_ENTRIES, 1), 1u);
    cr_assert_eq(bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1)->append_entries.prev_log_index, 1u);
    bench_close(bench);
}

/* ---- S23: a follower that lost log is caught up, also when nothing new is written */

static uint64_t leader_with_five_entries_everywhere(struct bench *bench)
{
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 2);
    bench_propose(bench, 3);
    bench_sync_all(bench);
    bench_stored(bench, 1, term, 5);
    bench_stored(bench, 3, term, 5);
    bench_tick(bench, 100);
    bench_forget(bench);
    return term;
}

static bool leaves_a_follower_behind_that_lost_log(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = leader_with_five_entries_everywhere(bench);
    bench_rejected(bench, 1, term, 5, 2);
    const struct raft_message *append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    bool bug = append == NULL || append->append_entries.prev_log_index != 2 || append->append_entries.n_entries != 3;
    bench_close(bench);
    return bug;
}

Test(guard_append, s23_catches_up_a_follower_that_lost_log)
{
    bench_protects("S23", leaves_a_follower_behind_that_lost_log);
}

Test(guard_append, s23_goes_on_with_a_follower_that_lost_everything)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = leader_with_five_entries_everywhere(bench);
    bench_rejected(bench, 1, term, 5, 1);
    bench_stored(bench, 1, term, 5);
    cr_assert_eq(bench->guard.raft.leader_state.progress[0].match_index, 5u);
    bench_forget(bench);
    bench_propose(bench, 1);
    cr_assert_eq(bench_count(bench, RAFT_IO_APPEND_ENTRIES, 1), 1u);
    bench_close(bench);
}

Test(guard_append, s23_an_old_refusal_costs_nothing_that_is_committed)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = leader_with_five_entries_everywhere(bench);
    uint64_t committed = guard_commit_index(&bench->guard);
    bench_rejected(bench, 1, term, 3, 2);
    bench_rejected(bench, 3, term, 3, 2);
    cr_assert_eq(guard_commit_index(&bench->guard), committed);
    bench_propose(bench, 1);
    bench_sync_all(bench);
    cr_assert_eq(guard_commit_index(&bench->guard), committed);
    bench_stored(bench, 3, term, 6);
    cr_assert_eq(guard_commit_index(&bench->guard), 6u);
    bench_close(bench);
}

/* ---- S24: what was acknowledged over an earlier link is not counted over the next one */

static bool counts_what_an_earlier_life_acknowledged(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = leader_with_five_entries_everywhere(bench);
    bench_propose(bench, 1);
    bench_stored(bench, 3, term, 6);
    guard_link_began(&bench->guard, (struct node_id){3});
    bench_sync_all(bench);
    bool bug = guard_commit_index(&bench->guard) == 6;
    bench_close(bench);
    return bug;
}

static bool counts_an_answer_that_waited(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = bench_elect(bench);
    /* The own barrier is not yet on the disk: answers wait (S2). */
    bench_stored(bench, 3, term, 2);
    guard_link_began(&bench->guard, (struct node_id){3});
    bench_sync_all(bench);
    bool bug = guard_commit_index(&bench->guard) == 2;
    bench_close(bench);
    return bug;
}

Test(guard_append, s24_counts_no_acknowledgement_of_an_earlier_link)
{
    bench_protects("S24", counts_what_an_earlier_life_acknowledged);
    bench_protects("S24", counts_an_answer_that_waited);
}

Test(guard_append, s24_probes_a_peer_anew_when_its_link_begins)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = leader_with_five_entries_everywhere(bench);
    guard_link_began(&bench->guard, (struct node_id){3});
    bench_tick(bench, 1);
    const struct raft_message *probe = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 3);
    cr_assert_not_null(probe);
    cr_assert_eq(probe->append_entries.prev_log_index, 5u);
    bench_stored(bench, 3, term, 5);
    cr_assert_eq(bench->guard.raft.leader_state.progress[2].match_index, 5u);
    bench_close(bench);
}

/* ---- a peer that is away */

Test(guard_append, gathers_nothing_for_a_peer_that_is_away_and_catches_it_up_later)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 2);
    bench_stored(bench, 1, term, 2);
    bench->down[1] = true;
    bench_propose(bench, 5);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 7);
    cr_assert_eq(bench->guard.raft.leader_state.progress[0].next_index, 8u);
    cr_assert_eq(bench->guard.raft.leader_state.progress[0].match_index, 2u);
    bench->down[1] = false;
    bench_forget(bench);
    bench_tick(bench, 100);
    const struct raft_message *heartbeat = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    cr_assert_not_null(heartbeat);
    cr_assert_eq(heartbeat->append_entries.prev_log_index, 7u);
    bench_forget(bench);
    bench_rejected(bench, 1, term, 7, 2);
    const struct raft_message *append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    cr_assert_not_null(append);
    cr_assert_eq(append->append_entries.prev_log_index, 2u);
    cr_assert_eq(append->append_entries.n_entries, 5u);
    bench_close(bench);
}
