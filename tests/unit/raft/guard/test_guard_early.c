/* Who has reason to think that there is no leader stands for election early, but only if none is heard. */
#include <criterion/criterion.h>

#include "tests/unit/raft/bench.h"

/* The bench always draws the longest patience, of heartbeats of 100 ms. */
enum { EARLY_MS = 500, FIRST_MS = 1100, PATIENCE_MS = 2000 };

static const struct node_id LEADER = {1}, OTHER = {3};

static void hear_leader(struct bench *bench)
{
    bench_append(bench, &(struct bench_append){.from = LEADER.value, .term = 2, .prev = 1, .prev_term = 1, .commit = 1});
    cr_assert_eq(guard_leader(&bench->guard).value, LEADER.value);
}

static struct bench *follower(void)
{
    struct bench *bench = bench_open(3, 0);
    hear_leader(bench);
    bench_sync_all(bench);
    bench_forget(bench);
    return bench;
}

static bool grants_pre_vote(struct bench *bench)
{
    bench_ask_vote(bench, OTHER.value, &(struct raft_request_vote){.term = 3, .last_log_index = 1, .last_log_term = 1,
                                                                   .pre_vote = true});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_REQUEST_VOTE_RESULT, OTHER.value);
    cr_assert_not_null(answer);
    return answer->request_vote_result.vote_granted;
}

Test(guard_early, stands_after_a_few_heartbeats_when_the_link_to_its_leader_ended)
{
    struct bench *bench = follower();
    cr_assert(guard_link_ended(&bench->guard, LEADER));
    cr_assert_eq(guard_leader(&bench->guard).value, 0u);
    bench_tick(bench, EARLY_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_tick(bench, 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    cr_assert_eq(guard_term(&bench->guard), 2u, "a pre-vote comes first");
    bench_close(bench);
}

Test(guard_early, votes_for_others_at_once_when_the_link_to_its_leader_ended)
{
    struct bench *bench = follower();
    cr_assert_not(grants_pre_vote(bench));
    cr_assert(guard_link_ended(&bench->guard, LEADER));
    cr_assert(grants_pre_vote(bench));
    bench_close(bench);
}

Test(guard_early, waits_as_long_as_ever_when_the_leader_is_heard_again)
{
    struct bench *bench = follower();
    cr_assert(guard_link_ended(&bench->guard, LEADER));
    bench_tick(bench, EARLY_MS - 1);
    hear_leader(bench);
    cr_assert_not(grants_pre_vote(bench));
    bench_tick(bench, PATIENCE_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_tick(bench, 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    bench_close(bench);
}

Test(guard_early, does_not_care_for_links_to_others)
{
    struct bench *bench = follower();
    cr_assert_not(guard_link_ended(&bench->guard, OTHER));
    cr_assert_eq(guard_leader(&bench->guard).value, LEADER.value);
    bench_tick(bench, PATIENCE_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_close(bench);
}

Test(guard_early, leaves_time_to_whom_it_voted_for)
{
    struct bench *bench = follower();
    cr_assert(guard_link_ended(&bench->guard, LEADER));
    bench_tick(bench, EARLY_MS - 1);
    bench_ask_vote(bench, OTHER.value, &(struct raft_request_vote){.term = 3, .last_log_index = 1, .last_log_term = 1});
    bench_sync_all(bench);
    bench_tick(bench, 1);
    bench_tick(bench, EARLY_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_tick(bench, 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    bench_close(bench);
}

static size_t rounds(struct bench *bench, uint64_t span_ms)
{
    size_t before = bench_count(bench, RAFT_IO_REQUEST_VOTE, OTHER.value);
    for (uint64_t waited = 0; waited < span_ms; waited += 50)
        bench_tick(bench, 50);
    return bench_count(bench, RAFT_IO_REQUEST_VOTE, OTHER.value) - before;
}

Test(guard_early, returns_to_the_usual_patience_when_nobody_can_be_elected)
{
    struct bench *bench = follower();
    cr_assert(guard_link_ended(&bench->guard, LEADER));
    cr_assert_eq(rounds(bench, 3 * EARLY_MS), 3u);
    cr_assert_eq(rounds(bench, PATIENCE_MS - 50), 0u);
    cr_assert_eq(rounds(bench, 50), 1u);
    bench_close(bench);
}

Test(guard_early, is_nothing_to_a_leader_or_a_candidate)
{
    struct bench *bench = bench_open(3, 0);
    bench_tick(bench, PATIENCE_MS);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    cr_assert_not(guard_link_ended(&bench->guard, OTHER));
    bench_elect(bench);
    cr_assert_not(guard_link_ended(&bench->guard, OTHER));
    cr_assert_eq(guard_role(&bench->guard), GUARD_LEADER);
    bench_close(bench);
}

Test(guard_early, stands_once_all_are_linked_and_none_leads)
{
    struct bench *bench = bench_open(3, 0);
    guard_links_complete(&bench->guard);
    bench_tick(bench, FIRST_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_tick(bench, 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    bench_close(bench);
}

/* As everybody has during a cut. */
Test(guard_early, who_stood_in_vain_stands_again_soon_once_a_majority_is_linked)
{
    for (unsigned all = 0; all <= 1; all++) {
        struct bench *bench = bench_open(3, 0);
        bench_tick(bench, PATIENCE_MS);
        cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
        cr_assert_eq(rounds(bench, FIRST_MS), 0u, "left alone it is patient");
        bench_tick(bench, PATIENCE_MS - FIRST_MS);
        if (all)
            guard_links_complete(&bench->guard);
        else
            guard_links_suffice(&bench->guard);
        cr_assert_eq(rounds(bench, FIRST_MS), 1u);
        bench_close(bench);
    }
}

Test(guard_early, a_majority_is_no_reason_to_stand_for_who_has_not_lost_patience)
{
    struct bench *bench = bench_open(3, 0);
    guard_links_suffice(&bench->guard);
    bench_tick(bench, PATIENCE_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_close(bench);
}

Test(guard_early, does_not_stand_when_all_are_linked_and_a_leader_is_heard)
{
    struct bench *bench = follower();
    guard_links_complete(&bench->guard);
    bench_tick(bench, FIRST_MS);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER, "a leader was known before");
    bench_close(bench);
    bench = bench_open(3, 0);
    guard_links_complete(&bench->guard);
    bench_tick(bench, FIRST_MS - 1);
    hear_leader(bench);
    bench_tick(bench, PATIENCE_MS - 1);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER, "a leader was heard in time");
    bench_close(bench);
}
