/* Each shim of elections, leadership and the own disk against the bug that it stops (raft/README.md). */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "raft/group.h"
#include "raft/guard/guard_log.h"
#include "raft/guard/raft_message.h"
#include "tests/unit/raft/bench.h"

#define TERMS(...) ((const uint64_t[]){__VA_ARGS__})

/* ---- S2: an entry of an earlier term is not committed by counting (Raft, figure 8) */

static bool commits_an_old_entry_by_counting(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_sync_all(bench);
    uint64_t term = bench_elect(bench);
    bench_stored(bench, 3, term, 2);
    bool bug = guard_commit_index(&bench->guard) >= 2;
    bench_close(bench);
    return bug;
}

Test(guard, s2_waits_for_an_entry_of_its_own_term_before_it_commits_older_ones)
{
    bench_protects("S2", commits_an_old_entry_by_counting);
}

Test(guard, s2_goes_on_with_the_answers_that_waited_once_the_own_disk_is_ready)
{
    struct bench *bench = bench_open(3, 0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_sync_all(bench);
    uint64_t term = bench_elect(bench);
    bench_stored(bench, 3, term, 3);
    cr_assert_eq(bench->guard.held_count, 1u);
    cr_assert_not(guard_ready(&bench->guard));
    bench_sync_all(bench);
    cr_assert_eq(bench->guard.held_count, 0u);
    cr_assert_eq(guard_commit_index(&bench->guard), 3u);
    cr_assert(guard_ready(&bench->guard));
    bench_close(bench);
}

/* ---- S3: what a majority holds is committed, also when the leader itself holds more */

static uint64_t ready_leader(struct bench *bench)
{
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 2);
    REQUIRE(guard_ready(&bench->guard));
    return term;
}

static bool starves_under_steady_load(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = ready_leader(bench);
    bench_propose(bench, 3);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 4);
    bool bug = guard_commit_index(&bench->guard) < 4;
    bench_close(bench);
    return bug;
}

Test(guard, s3_commits_what_a_majority_holds_while_the_leader_is_ahead)
{
    bench_protects("S3", starves_under_steady_load);
}

static void many_done(struct raft_apply *request, int status, void *result)
{
    (void)request;
    (void)status;
    (void)result;
}

/* Only a write of several entries at once shows it, and nobody makes one today: the library itself is asked. */
static bool forgets_the_own_disk(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = ready_leader(bench);
    struct raft_apply request;
    struct raft_buffer buffers[3];
    for (size_t i = 0; i < 3; i++)
        buffers[i] = (struct raft_buffer){.base = raft_calloc(1, 8), .len = 8};
    REQUIRE(raft_apply(&bench->guard.raft, &request, buffers, 3, many_done) == 0);
    bench_stored(bench, 3, term, 4);
    bench_sync_all(bench);
    bool bug = guard_commit_index(&bench->guard) < 4;
    bench_close(bench);
    return bug;
}

Test(guard, s3b_applies_the_commit_rule_to_the_own_disk)
{
    bench_protects("S3b", forgets_the_own_disk);
}

/* ---- S5: no election while appends are on their way to the disk */

static bool stands_while_appends_are_in_flight(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_tick(bench, 2500);
    bool bug = guard_role(&bench->guard) != GUARD_FOLLOWER;
    bench_close(bench);
    return bug;
}

static bool obeys_timeout_now_while_appends_are_in_flight(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_timeout_now(bench, 3, 2, 2, 2);
    bool bug = guard_role(&bench->guard) != GUARD_FOLLOWER;
    bench_close(bench);
    return bug;
}

Test(guard, s5_does_not_stand_while_appends_are_in_flight)
{
    bench_protects("S5", stands_while_appends_are_in_flight);
    bench_protects("S5", obeys_timeout_now_while_appends_are_in_flight);
}

Test(guard, s5_stands_once_they_are_durable)
{
    struct bench *bench = bench_open(3, 0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_tick(bench, 2500);
    bench_sync_all(bench);
    bench_tick(bench, 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    bench_close(bench);
}

/* ---- S6: the library answers without knowing whom. Reached only without S5, behind which it stands. */

static bool looks_at_a_missing_address(uint64_t disabled)
{
    uint64_t s5;
    REQUIRE(group_shim_parse("S5", &s5));
    struct bench *bench = bench_open(3, disabled | s5);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(2), .commit = 1});
    bench_tick(bench, 2500);
    REQUIRE(guard_role(&bench->guard) == GUARD_CANDIDATE);
    struct raft_message refusal = {.type = RAFT_IO_REQUEST_VOTE_RESULT, .server_id = 3};
    refusal.request_vote_result = (struct raft_request_vote_result){.term = 9, .pre_vote = raft_tribool_true};
    guard_receive(&bench->guard, &refusal);
    REQUIRE(guard_role(&bench->guard) == GUARD_FOLLOWER && guard_leader(&bench->guard).value == 0);
    bench_sync_all(bench);
    bool bug = bench->broken != 0;
    bench_close(bench);
    return bug;
}

Test(guard, s6_routes_by_number_and_never_looks_at_the_address)
{
    bench_protects_from_crash("S6", looks_at_a_missing_address);
}

/* ---- S7: one vote a term, also for the target of the own transfer */

static bool votes_twice(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    uint64_t term = ready_leader(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    REQUIRE(bench_last(bench, RAFT_IO_TIMEOUT_NOW, 3) != NULL);
    bench_append(bench, &(struct bench_append){.from = 1, .term = term + 1});
    for (uint32_t from = 1; from <= 3; from += 2)
        bench_ask_vote(bench, from, &(struct raft_request_vote){.term = term + 2, .last_log_index = 99,
                                                                .last_log_term = term + 1, .disrupt_leader = true});
    size_t granted = 0;
    for (size_t i = 0; i < bench->sent_count; i++) {
        const struct raft_message *sent = &bench->sent[i].message;
        granted += sent->type == RAFT_IO_REQUEST_VOTE_RESULT && sent->request_vote_result.vote_granted &&
                   sent->request_vote_result.term == term + 2;
    }
    REQUIRE(granted >= 1);
    bench_close(bench);
    return granted > 1;
}

Test(guard, s7_votes_once_a_term)
{
    bench_protects("S7", votes_twice);
}

/* ---- S9: leadership goes to a voter that holds the whole log */

static bool transfers_too_early(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    ready_leader(bench);
    bench_propose(bench, 2);
    bench_sync_all(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    bool bug = bench_last(bench, RAFT_IO_TIMEOUT_NOW, 3) != NULL;
    bench_close(bench);
    return bug;
}

Test(guard, s9_asks_the_target_only_when_it_holds_everything)
{
    bench_protects("S9", transfers_too_early);
}

Test(guard, s9_goes_on_when_the_target_has_caught_up)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = ready_leader(bench);
    bench_propose(bench, 2);
    bench_sync_all(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    cr_assert(guard_transferring(&bench->guard));
    bench_stored(bench, 3, term, 4);
    cr_assert_eq(bench_count(bench, RAFT_IO_TIMEOUT_NOW, 3), 1u);
    cr_assert(guard_transferring(&bench->guard));
    bench_close(bench);
}

Test(guard, s9_gives_up_after_some_heartbeats)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = ready_leader(bench);
    bench_propose(bench, 2);
    bench_sync_all(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    bench_stored(bench, 1, term, 4);
    bench_tick(bench, 399);
    cr_assert(guard_transferring(&bench->guard));
    bench_tick(bench, 1);
    cr_assert_not(guard_transferring(&bench->guard));
    cr_assert_not(guard_handing_over(&bench->guard));
    bench_close(bench);
}

Test(guard, s9_takes_proposals_while_it_offers_and_holds_them_back_for_a_moment)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = ready_leader(bench);
    bench_propose(bench, 2);
    bench_sync_all(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    cr_assert_not(guard_handing_over(&bench->guard));
    bench_propose(bench, 1);
    bench_sync_all(bench);
    bench_stored(bench, 3, term, 4);
    cr_assert_eq(bench_count(bench, RAFT_IO_TIMEOUT_NOW, 3), 0u, "there is a newer entry");
    bench_tick(bench, 99);
    cr_assert_not(guard_handing_over(&bench->guard));
    bench_tick(bench, 1);
    cr_assert(guard_handing_over(&bench->guard));
    bench_stored(bench, 3, term, 5);
    cr_assert_eq(bench_count(bench, RAFT_IO_TIMEOUT_NOW, 3), 1u);
    bench_tick(bench, 399);
    cr_assert(guard_handing_over(&bench->guard), "it may yet stand for election");
    bench_tick(bench, 1);
    cr_assert_not(guard_handing_over(&bench->guard));
    cr_assert_not(guard_transferring(&bench->guard));
    bench_propose(bench, 1);
    bench_close(bench);
}

Test(guard, knows_who_answered_within_the_last_heartbeats)
{
    struct bench *bench = bench_open(3, 0);
    struct node_id other = {2}, third = {3};
    cr_assert_not(guard_peer_recent(&bench->guard, third), "it does not lead");
    uint64_t term = ready_leader(bench);
    for (unsigned i = 0; i < 10; i++) {
        bench_tick(bench, 50);
        bench_stored(bench, 3, term, 2);
    }
    cr_assert(guard_peer_recent(&bench->guard, third));
    cr_assert_not(guard_peer_recent(&bench->guard, other), "nothing came from there for half a second");
    cr_assert_not(guard_peer_recent(&bench->guard, (struct node_id){9}));
    bench_tick(bench, 300);
    cr_assert(guard_peer_recent(&bench->guard, third));
    bench_tick(bench, 1);
    cr_assert_not(guard_peer_recent(&bench->guard, third));
    bench_close(bench);
}

/* ---- S14: a lone voter never leads twice in a term */

static bool leads_twice_in_a_term(uint64_t disabled)
{
    struct bench *bench = bench_open(1, disabled);
    REQUIRE(guard_role(&bench->guard) == GUARD_LEADER);
    uint64_t term = guard_term(&bench->guard);
    bench_restart(bench);
    REQUIRE(guard_role(&bench->guard) == GUARD_LEADER);
    bool bug = guard_term(&bench->guard) == term || bench->guard.raft.voted_for != BENCH_SELF;
    bench_close(bench);
    return bug;
}

Test(guard, s14_gives_a_lone_voter_a_new_term_at_every_start)
{
    bench_protects("S14", leads_twice_in_a_term);
}

/* Deposed by a stray message of a higher term, then its timer runs out. */
static bool elects_itself_without_voting(uint64_t disabled)
{
    struct bench *bench = bench_open(1, disabled);
    bench_sync_all(bench);
    bench_stored(bench, 3, 40, 1);
    REQUIRE(guard_role(&bench->guard) == GUARD_FOLLOWER && guard_term(&bench->guard) == 40);
    bench_tick(bench, 2500);
    REQUIRE(guard_role(&bench->guard) == GUARD_LEADER);
    bool bug = guard_term(&bench->guard) == 40 || bench->guard.raft.voted_for != BENCH_SELF;
    bench_sync_all(bench);
    bench_close(bench);
    return bug;
}

Test(guard, s14_raises_the_term_and_votes_before_a_lone_voter_elects_itself)
{
    bench_protects("S14", elects_itself_without_voting);
}

/* ---- S17: refusals tell the real term, and every round starts with a pre-vote */

static bool hides_its_term(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_ask_vote(bench, 1, &(struct raft_request_vote){.term = 9, .last_log_index = 1, .last_log_term = 1});
    bench_sync_all(bench);
    bench_forget(bench);
    bench_ask_vote(bench, 3, &(struct raft_request_vote){.term = 3, .last_log_index = 5, .last_log_term = 2,
                                                         .pre_vote = true});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_REQUEST_VOTE_RESULT, 3);
    REQUIRE(answer != NULL && !answer->request_vote_result.vote_granted);
    bool bug = answer->request_vote_result.term < 9;
    bench_close(bench);
    return bug;
}

static bool inflates_terms(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_tick(bench, 2500);
    uint64_t term = guard_term(&bench->guard) + 1;
    bench_grant(bench, 3, term, true);
    REQUIRE(guard_term(&bench->guard) == term && guard_role(&bench->guard) == GUARD_CANDIDATE);
    for (int i = 0; i < 5; i++)
        bench_tick(bench, 2500);
    bool bug = guard_term(&bench->guard) != term;
    bench_close(bench);
    return bug;
}

Test(guard, s17_tells_its_term_when_it_refuses_a_pre_vote)
{
    bench_protects("S17", hides_its_term);
}

Test(guard, s17_starts_every_round_with_a_pre_vote)
{
    bench_protects("S17", inflates_terms);
}

/* ---- what has no number */

Test(guard, nothing_leaves_before_term_and_vote_are_durable)
{
    struct bench *bench = bench_open(3, 0);
    bench_ask_vote(bench, 1, &(struct raft_request_vote){.term = 5, .last_log_index = 1, .last_log_term = 1});
    const struct raft_message *vote = bench_last(bench, RAFT_IO_REQUEST_VOTE_RESULT, 1);
    cr_assert(vote != NULL && vote->request_vote_result.vote_granted);
    cr_assert(bench->sent[bench->sent_count - 1].held);
    cr_assert_not(group_io_may_leave(&bench->guard.io));
    bench_sync_all(bench);
    cr_assert(group_io_may_leave(&bench->guard.io));
    bench_restart(bench);
    cr_assert_eq(guard_term(&bench->guard), 5u);
    cr_assert_eq(bench->guard.raft.voted_for, 1u);
    bench_close(bench);
}

Test(guard, a_new_leader_is_not_held_up_by_a_transfer_of_an_earlier_leadership)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = ready_leader(bench);
    guard_transfer(&bench->guard, (struct node_id){3});
    bench_append(bench, &(struct bench_append){.from = 1, .term = term + 1});
    bench_sync_all(bench);
    cr_assert_not_null(bench->guard.raft.transfer);
    bench_timeout_now(bench, 1, term + 1, guard_last_index(&bench->guard), term);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    bench_grant(bench, 3, term + 2, false);
    bench_sync_all(bench);
    bench_stored(bench, 3, term + 2, guard_last_index(&bench->guard));
    cr_assert(guard_ready(&bench->guard));
    cr_assert_not(guard_transferring(&bench->guard));
    bench_close(bench);
}

Test(guard, drops_a_second_leader_of_its_own_term)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = ready_leader(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = term, .prev = 1, .prev_term = 1, .count = 1,
                                               .terms = TERMS(term)});
    cr_assert(guard_ready(&bench->guard));
    cr_assert_eq(guard_last_index(&bench->guard), 2u);
    bench_close(bench);
}

Test(guard, closes_with_several_appends_in_flight)
{
    struct bench *bench = bench_open(3, 0);
    ready_leader(bench);
    bench_propose(bench, 5);
    cr_assert_eq(bench->guard.io.appends_count, 5u);
    bench_close(bench);
}

Test(guard, counts_the_bytes_of_entries_in_memory)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t before = bench->host.entries_bytes;
    cr_assert_gt(before, (uint64_t)GROUP_IO_ENTRY_BYTES);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 3,
                                               .terms = TERMS(2, 2, 2), .commit = 1});
    cr_assert_eq(bench->host.entries_bytes, before + 3 * (8 + GROUP_IO_ENTRY_BYTES));
    bench_sync_all(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 2, .prev_term = 2, .count = 1,
                                               .terms = TERMS(3), .commit = 1});
    cr_assert_eq(bench->host.entries_bytes, before + 2 * (8 + GROUP_IO_ENTRY_BYTES));
    bench_close(bench);
}

Test(guard, knows_every_shim_by_name)
{
    uint64_t bit;
    cr_assert(group_shim_parse("S1", &bit));
    cr_assert_eq(bit, UINT64_C(1) << 1);
    cr_assert(group_shim_parse("S1b", &bit));
    cr_assert_eq(bit, UINT64_C(1) << 33);
    cr_assert(group_shim_parse("S21", &bit));
    cr_assert_eq(bit, UINT64_C(1) << 21);
    cr_assert_not(group_shim_parse("S8", &bit));
    cr_assert_not(group_shim_parse("", &bit));
}

/* ---- a term out of reach, which would leave no room for the next election */

Test(guard, takes_no_term_that_nobody_can_have_reached)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t before = bench->guard.raft.current_term;
    bench_ask_vote(bench, 3, &(struct raft_request_vote){.term = RAFT_MESSAGE_INDEX_MAX, .candidate_id = 3, .last_log_index = 99,
                                                         .last_log_term = RAFT_MESSAGE_INDEX_MAX});
    cr_assert_eq(bench->guard.raft.current_term, before);
    bench_ask_vote(bench, 3, &(struct raft_request_vote){.term = before + RAFT_TERM_STEP_MAX + 1, .candidate_id = 3, .last_log_index = 99,
                                                         .last_log_term = 1});
    cr_assert_eq(bench->guard.raft.current_term, before);
    bench_ask_vote(bench, 3, &(struct raft_request_vote){.term = before + RAFT_TERM_STEP_MAX, .candidate_id = 3, .last_log_index = 99,
                                                         .last_log_term = 1, .disrupt_leader = true});
    cr_assert_eq(bench->guard.raft.current_term, before + RAFT_TERM_STEP_MAX);
    bench_close(bench);
}
