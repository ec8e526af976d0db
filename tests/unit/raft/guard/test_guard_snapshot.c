/* Snapshots under the guard: the log behind them, and those of a leader. Scenarios as in test_guard_append.c. */
#include <criterion/criterion.h>

#include "raft/guard/guard_log.h"
#include "raft/guard/guard_snapshot.h"
#include "tests/unit/raft/bench.h"

#define TERMS(...) ((const uint64_t[]){__VA_ARGS__})
enum { ALL = 1000 };

/* A follower of node 3 in term 2 with committed entries up to index 5. */
static struct bench *follower(uint64_t disabled)
{
    struct bench *bench = bench_open(3, disabled);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 1, .prev_term = 1, .count = 4,
                                               .terms = TERMS(2, 2, 2, 2), .commit = 1});
    bench_sync_all(bench);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .commit = 5});
    REQUIRE(guard_applied_index(&bench->guard) == 5);
    bench_forget(bench);
    return bench;
}

/* Takes a snapshot of everything applied, and keeps `trailing` bytes behind it. */
static void take_snapshot(struct bench *bench, uint64_t trailing)
{
    struct wal_snapshot head = guard_snapshot_head(&bench->guard);
    REQUIRE(head.index == guard_applied_index(&bench->guard));
    guard_snapshot_note(&bench->guard, &head);
    bench_sync_all(bench);
    guard_snapshot_noted(&bench->guard, trailing);
    while (guard_release(&bench->guard, ALL))
        continue;
}

/* ---- own snapshots */

Test(guard_snapshot, releases_the_entries_behind_it)
{
    struct bench *bench = follower(0);
    uint64_t bytes = bench->host.entries_bytes;
    take_snapshot(bench, 0);
    cr_assert_eq(guard_last_index(&bench->guard), 5);
    cr_assert_null(guard_log_entry(&bench->guard.raft, 5));
    cr_assert_eq(guard_log_term(&bench->guard.raft, 5), 2);
    cr_assert_lt(bench->host.entries_bytes, bytes);
    cr_assert_eq(bench->host.entries_bytes, 0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .count = 2, .terms = TERMS(2, 2), .commit = 5});
    bench_sync_all(bench);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 7, .prev_term = 2, .commit = 7});
    cr_assert_eq(guard_applied_index(&bench->guard), 7);
    take_snapshot(bench, 0);
    cr_assert_eq(guard_snapshot_index(&bench->guard), 7);
    bench_close(bench);
}

Test(guard_snapshot, keeps_the_newest_entries_for_members_a_little_behind)
{
    struct bench *bench = follower(0);
    take_snapshot(bench, 2 * (GROUP_IO_ENTRY_BYTES + 8));
    cr_assert_null(guard_log_entry(&bench->guard.raft, 3));
    cr_assert_not_null(guard_log_entry(&bench->guard.raft, 4));
    cr_assert_not_null(guard_log_entry(&bench->guard.raft, 5));
    bench_close(bench);
}

Test(guard_snapshot, releases_in_slices)
{
    struct bench *bench = follower(0);
    struct wal_snapshot head = guard_snapshot_head(&bench->guard);
    guard_snapshot_note(&bench->guard, &head);
    bench_sync_all(bench);
    guard_snapshot_noted(&bench->guard, 0);
    cr_assert(guard_release(&bench->guard, 2));
    cr_assert_null(guard_log_entry(&bench->guard.raft, 2));
    cr_assert_not_null(guard_log_entry(&bench->guard.raft, 3));
    while (guard_release(&bench->guard, 2))
        continue;
    cr_assert_null(guard_log_entry(&bench->guard.raft, 5));
    bench_close(bench);
}

Test(guard_snapshot, nothing_new_needs_no_snapshot)
{
    struct bench *bench = follower(0);
    take_snapshot(bench, 0);
    cr_assert_eq(guard_snapshot_head(&bench->guard).index, 0);
    bench_close(bench);
}

Test(guard_snapshot, a_start_goes_on_behind_the_snapshot)
{
    struct bench *bench = follower(0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .count = 2, .terms = TERMS(2, 2), .commit = 5});
    bench_sync_all(bench);
    take_snapshot(bench, 0);
    bench->applied_count = 0;
    bench_restart(bench);
    cr_assert_eq(guard_applied_index(&bench->guard), 5);
    cr_assert_eq(guard_last_index(&bench->guard), 7);
    cr_assert_eq(bench->last_before_start, 7, "the owner compares what it applies with it");
    cr_assert_eq(guard_voters(&bench->guard), 3);
    cr_assert_eq(bench->applied_count, 0, "what the snapshot has is not applied again");
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 7, .prev_term = 2, .commit = 7});
    cr_assert_eq(bench->applied_count, 2);
    cr_assert_eq(bench->applied[0], 6);
    take_snapshot(bench, 0);
    bench_close(bench);
}

Test(guard_snapshot, a_note_that_was_not_durable_is_forgotten)
{
    struct bench *bench = follower(0);
    struct wal_snapshot head = guard_snapshot_head(&bench->guard);
    guard_snapshot_note(&bench->guard, &head);
    bench_restart(bench);
    cr_assert_eq(bench->last_before_start, 5, "without a snapshot, too");
    cr_assert_eq(guard_snapshot_index(&bench->guard), 0);
    cr_assert_eq(guard_last_index(&bench->guard), 5);
    bench_close(bench);
}

Test(guard_snapshot, a_lone_voter_leads_again_in_a_new_term)
{
    struct bench *bench = bench_open(1, 0);
    bench_sync_all(bench);
    bench_propose(bench, 3);
    bench_sync_all(bench);
    uint64_t term = guard_term(&bench->guard);
    take_snapshot(bench, 0);
    bench_restart(bench);
    bench_sync_all(bench);
    cr_assert_eq(guard_role(&bench->guard), GUARD_LEADER);
    cr_assert_gt(guard_term(&bench->guard), term, "S14");
    bench_close(bench);
}

/* ---- S13: entries that the snapshot has already */

static bool appends_old_entries_at_the_end(uint64_t disabled)
{
    struct bench *bench = follower(disabled);
    take_snapshot(bench, 0);
    /* A late copy of what once came first. */
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .count = 3, .terms = TERMS(1, 2, 2), .commit = 1});
    bool bug = guard_last_index(&bench->guard) != 5;
    bench_close(bench);
    return bug;
}

Test(guard_snapshot, s13_skips_entries_below_the_snapshot)
{
    bench_protects_from_crash("S13", appends_old_entries_at_the_end);
}

Test(guard_snapshot, takes_the_part_behind_the_snapshot)
{
    struct bench *bench = follower(0);
    take_snapshot(bench, 0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 3, .prev_term = 2, .count = 4, .terms = TERMS(2, 2, 2, 2), .commit = 7});
    bench_sync_all(bench);
    cr_assert_eq(guard_last_index(&bench->guard), 7);
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 3);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->append_entries_result.last_log_index, 7);
    bench_close(bench);
}

/* ---- a member that lacks what the leader has released */

static struct bench *leader_with_snapshot(uint64_t disabled, uint64_t *ret_term)
{
    struct bench *bench = bench_open(3, disabled);
    *ret_term = bench_elect(bench);
    bench_sync_all(bench);
    bench_stored(bench, 3, *ret_term, 2);
    bench_propose(bench, 4);
    bench_sync_all(bench);
    bench_stored(bench, 3, *ret_term, 6);
    take_snapshot(bench, 0);
    bench_forget(bench);
    return bench;
}

Test(guard_snapshot, a_member_that_lacks_released_entries_needs_the_snapshot)
{
    uint64_t term;
    struct bench *bench = leader_with_snapshot(0, &term);
    cr_assert(!guard_peer_lacks(&bench->guard, (struct node_id){1}));
    bench_rejected(bench, 1, term, 6, 1);
    bench_tick(bench, 100);
    bench_rejected(bench, 1, term, 6, 1);
    cr_assert(guard_peer_lacks(&bench->guard, (struct node_id){1}));
    cr_assert(!guard_peer_lacks(&bench->guard, (struct node_id){3}));
    bench_propose(bench, 1);
    bench_forget(bench);
    bench_tick(bench, 100);
    cr_assert_not_null(bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1), "it still hears its leader");
    bench_stored(bench, 1, term, 6);
    cr_assert(!guard_peer_lacks(&bench->guard, (struct node_id){1}));
    bench_tick(bench, 100);
    const struct raft_message *append = bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1);
    cr_assert_eq(append->append_entries.prev_log_index, 6);
    bench_close(bench);
}

/* ---- S22: a probe below what the member has */

static bool wants_to_send_what_the_member_has(uint64_t disabled)
{
    uint64_t term;
    struct bench *bench = leader_with_snapshot(disabled, &term);
    bench_stored(bench, 1, term, 6);
    struct raft_progress *progress = &bench->guard.raft.leader_state.progress[0];
    REQUIRE(progress->match_index == 6);
    progress->state = 0;
    progress->next_index = 1;
    bench_tick(bench, 100);
    bench_tick(bench, 100);
    bool bug = guard_peer_lacks(&bench->guard, (struct node_id){1});
    bench_close(bench);
    return bug;
}

Test(guard_snapshot, s22_probes_no_member_below_what_it_has)
{
    bench_protects("S22", wants_to_send_what_the_member_has);
}

/* ---- S11': a snapshot of the leader */

static const struct guard_install OFFER = {.from = {1}, .term = 3, .index = 20, .last_term = 3};

static struct bytes configuration_of(const struct bench *bench)
{
    const struct raft_entry *entry = guard_log_entry(&bench->guard.raft, 1);
    return bytes_of(entry->buf.base, entry->buf.len);
}

static void install(struct bench *bench, const struct guard_install *offer)
{
    REQUIRE(guard_install_wanted(&bench->guard, offer));
    guard_install_freeze(&bench->guard);
    REQUIRE(guard_install_step(&bench->guard, offer) == GUARD_INSTALL_READY);
    struct wal_snapshot head = {offer->index, offer->last_term, 1, configuration_of(bench)};
    guard_install_note(&bench->guard, &head);
    bench_sync_all(bench);
    guard_install_end(&bench->guard, offer);
}

Test(guard_snapshot, an_installed_snapshot_replaces_the_log)
{
    struct bench *bench = follower(0);
    install(bench, &OFFER);
    cr_assert_eq(guard_applied_index(&bench->guard), 20);
    cr_assert_eq(guard_last_index(&bench->guard), 20);
    cr_assert_eq(guard_term(&bench->guard), 3);
    cr_assert_eq(bench->host.entries_bytes, 0);
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    cr_assert_eq(answer->append_entries_result.rejected, 0);
    cr_assert_eq(answer->append_entries_result.last_log_index, 20);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 20, .prev_term = 3, .count = 1, .terms = TERMS(3), .commit = 20});
    bench_sync_all(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 21, .prev_term = 3, .commit = 21});
    cr_assert_eq(guard_applied_index(&bench->guard), 21);
    bench_restart(bench);
    cr_assert_eq(guard_applied_index(&bench->guard), 20);
    cr_assert_eq(guard_last_index(&bench->guard), 21);
    cr_assert_eq(guard_voters(&bench->guard), 3);
    bench_close(bench);
}

Test(guard_snapshot, a_crash_before_the_note_is_durable_leaves_the_old_log)
{
    struct bench *bench = follower(0);
    cr_assert(guard_install_wanted(&bench->guard, &OFFER));
    bench_sync_all(bench);
    guard_install_freeze(&bench->guard);
    struct wal_snapshot head = {OFFER.index, OFFER.last_term, 1, configuration_of(bench)};
    guard_install_note(&bench->guard, &head);
    bench_restart(bench);
    cr_assert_eq(guard_last_index(&bench->guard), 5);
    cr_assert_eq(guard_snapshot_index(&bench->guard), 0);
    bench_close(bench);
}

Test(guard_snapshot, nothing_goes_in_while_frozen)
{
    struct bench *bench = follower(0);
    cr_assert(guard_install_wanted(&bench->guard, &OFFER));
    guard_install_freeze(&bench->guard);
    bench_forget(bench);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 5, .prev_term = 2, .count = 1, .terms = TERMS(3), .commit = 5});
    bench_tick(bench, 5000);
    cr_assert_eq(bench->sent_count, 0);
    cr_assert_eq(guard_last_index(&bench->guard), 5);
    guard_install_thaw(&bench->guard);
    bench_tick(bench, 100);
    cr_assert_gt(bench->sent_count, 0);
    bench_close(bench);
}

/* The library acknowledges a snapshot whose last index it holds, with whatever entry there. */
Test(guard_snapshot, an_entry_of_another_term_at_its_index_does_not_count_as_the_snapshot)
{
    struct bench *bench = follower(0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .count = 2, .terms = TERMS(2, 2), .commit = 5});
    bench_sync_all(bench);
    bench_forget(bench);
    struct guard_install offer = {.from = {1}, .term = 3, .index = 7, .last_term = 3};
    cr_assert(guard_install_wanted(&bench->guard, &offer));
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    cr_assert(answer == NULL || answer->append_entries_result.last_log_index < 7);
    install(bench, &offer);
    cr_assert_eq(guard_log_term(&bench->guard.raft, 7), 3);
    bench_close(bench);
}

Test(guard_snapshot, what_is_there_already_is_acknowledged)
{
    struct bench *bench = follower(0);
    struct guard_install offer = {.from = {3}, .term = 2, .index = 4, .last_term = 2};
    cr_assert(!guard_install_wanted(&bench->guard, &offer));
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 3);
    cr_assert_eq(answer->append_entries_result.last_log_index, 4);
    bench_forget(bench);
    cr_assert(guard_install_needless(&bench->guard, &offer), "an offer is answered alike");
    answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 3);
    cr_assert_eq(answer->append_entries_result.last_log_index, 4);
    bench_close(bench);
}

Test(guard_snapshot, what_is_new_is_not_called_needless)
{
    struct bench *bench = follower(0);
    bench_forget(bench);
    struct guard_install newer = {.from = {3}, .term = 2, .index = 40, .last_term = 2}, late = {.from = {3}, .term = 1, .index = 4, .last_term = 1};
    cr_assert(!guard_install_needless(&bench->guard, &newer) && !guard_install_needless(&bench->guard, &late));
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 3);
    cr_assert(answer == NULL || answer->append_entries_result.last_log_index < 40, "as to a heartbeat");
    bench_close(bench);
}

Test(guard_snapshot, entries_under_way_may_bring_the_same)
{
    struct bench *bench = follower(0);
    struct guard_install offer = {.from = {3}, .term = 2, .index = 7, .last_term = 2};
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .count = 2, .terms = TERMS(2, 2), .commit = 5});
    cr_assert(guard_install_wanted(&bench->guard, &offer));
    guard_install_freeze(&bench->guard);
    cr_assert_eq(guard_install_step(&bench->guard, &offer), GUARD_INSTALL_WAITS);
    bench_sync_all(bench);
    cr_assert_eq(guard_install_step(&bench->guard, &offer), GUARD_INSTALL_OVERTAKEN);
    cr_assert(!bench->guard.frozen);
    bench_close(bench);
}

/* The library restores a late snapshot even into a leader. */
Test(guard_snapshot, a_leader_takes_no_snapshot_of_its_term_or_an_earlier_one)
{
    struct bench *bench = bench_open(3, 0);
    uint64_t term = bench_elect(bench);
    bench_sync_all(bench);
    struct guard_install offer = {.from = {1}, .term = term, .index = 20, .last_term = term};
    cr_assert(!guard_install_wanted(&bench->guard, &offer));
    offer.term = term - 1;
    cr_assert(!guard_install_wanted(&bench->guard, &offer));
    cr_assert_eq(guard_role(&bench->guard), GUARD_LEADER);
    offer.term = term + 1;
    cr_assert(guard_install_wanted(&bench->guard, &offer), "a newer leader: this one steps down");
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_close(bench);
}

Test(guard_snapshot, a_node_that_lost_state_does_not_take_the_offer_for_the_leaders_word)
{
    struct bench *bench = follower(0);
    guard_set_apart(&bench->guard, true);
    install(bench, &OFFER);
    cr_assert(bench->guard.apart);
    cr_assert(!guard_caught_up(&bench->guard), "the leader has not named a commit index over this link");
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 20, .prev_term = 3, .commit = 20});
    cr_assert(guard_caught_up(&bench->guard));
    bench_close(bench);
}

/* A tail that no leader of this term has compared ends with the old log, and is not acknowledged with the snapshot (S1, S1b). */
Test(guard_snapshot, an_install_leaves_nothing_of_a_longer_log)
{
    static const uint64_t terms[20] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    struct bench *bench = follower(0);
    bench_append(bench, &(struct bench_append){.from = 3, .term = 2, .prev = 5, .prev_term = 2, .count = 20, .terms = terms, .commit = 5});
    bench_sync_all(bench);
    cr_assert_eq(guard_last_index(&bench->guard), 25);
    bench_forget(bench);
    install(bench, &OFFER);
    cr_assert_eq(guard_last_index(&bench->guard), 20);
    cr_assert_eq(bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1)->append_entries_result.last_log_index, 20);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 25, .prev_term = 2, .commit = 20});
    const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
    cr_assert_neq(answer->append_entries_result.rejected, 0, "it has no entry 25 any more");
    bench_restart(bench);
    cr_assert_eq(guard_last_index(&bench->guard), 20);
    bench_close(bench);
}

static bool votes_for(struct bench *bench, uint32_t from, uint64_t term)
{
    bench_forget(bench);
    bench_ask_vote(bench, from, &(struct raft_request_vote){.term = term, .last_log_index = 99, .last_log_term = term, .disrupt_leader = true});
    bench_sync_all(bench);
    const struct raft_message *answer = bench_last(bench, RAFT_IO_REQUEST_VOTE_RESULT, from);
    return answer != NULL && answer->request_vote_result.vote_granted && answer->request_vote_result.term == term;
}

/* The new instance votes no second time in the term of the old one, nor does it after a restart. */
Test(guard_snapshot, an_install_forgets_no_vote)
{
    struct bench *bench = follower(0);
    cr_assert(votes_for(bench, 1, 3));
    install(bench, &OFFER);
    cr_assert(!votes_for(bench, 3, 3));
    bench_restart(bench);
    cr_assert_eq(guard_term(&bench->guard), 3);
    cr_assert(!votes_for(bench, 3, 3));
    bench_close(bench);
}

/* S5 for installs: the state below would be replaced under a candidate, or under a leader (T7). */
Test(guard_snapshot, a_frozen_node_neither_stands_nor_votes)
{
    struct bench *bench = follower(0);
    cr_assert(guard_install_wanted(&bench->guard, &OFFER));
    guard_install_freeze(&bench->guard);
    bench_timeout_now(bench, 1, 3, 5, 2);
    bench_tick(bench, 60000);
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    cr_assert_eq(guard_term(&bench->guard), 3);
    cr_assert(!votes_for(bench, 3, 4));
    guard_install_thaw(&bench->guard);
    cr_assert(votes_for(bench, 3, 4));
    bench_close(bench);
}

/* While the machine loads, the node works on and may come to lead: then the snapshot of the earlier leader is not wanted any more. */
Test(guard_snapshot, a_node_that_is_elected_while_it_loads_takes_no_snapshot)
{
    struct bench *bench = follower(0);
    cr_assert(guard_install_wanted(&bench->guard, &OFFER));
    bench_sync_all(bench);
    uint64_t term = bench_elect(bench);
    cr_assert_gt(term, OFFER.term);
    cr_assert(!guard_install_wanted(&bench->guard, &OFFER));
    cr_assert_eq(guard_role(&bench->guard), GUARD_LEADER);
    cr_assert_eq(guard_term(&bench->guard), term);
    bench_close(bench);
}

Test(guard_snapshot, a_candidate_follows_the_leader_that_sends_a_snapshot)
{
    struct bench *bench = follower(0);
    bench_tick(bench, 60000);
    cr_assert_eq(guard_role(&bench->guard), GUARD_CANDIDATE);
    struct guard_install offer = OFFER;
    offer.term = guard_term(&bench->guard) + 1;
    cr_assert(guard_install_wanted(&bench->guard, &offer));
    cr_assert_eq(guard_role(&bench->guard), GUARD_FOLLOWER);
    bench_sync_all(bench);
    install(bench, &offer);
    cr_assert_eq(guard_applied_index(&bench->guard), offer.index);
    bench_close(bench);
}

/* A follower whose leader changed while the snapshot waited for its writes answers nobody in the old term, and its log is replaced all the same:
 * what is in a snapshot is committed. */
Test(guard_snapshot, an_install_from_an_earlier_leader_is_not_acknowledged_to_it)
{
    struct bench *bench = follower(0);
    cr_assert(guard_install_wanted(&bench->guard, &OFFER));
    bench_append(bench, &(struct bench_append){.from = 3, .term = 4, .prev = 5, .prev_term = 2, .commit = 5});
    bench_sync_all(bench);
    bench_forget(bench);
    guard_install_freeze(&bench->guard);
    cr_assert_eq(guard_install_step(&bench->guard, &OFFER), GUARD_INSTALL_READY);
    guard_install_note(&bench->guard, &(struct wal_snapshot){OFFER.index, OFFER.last_term, 1, configuration_of(bench)});
    bench_sync_all(bench);
    guard_install_end(&bench->guard, &OFFER);
    cr_assert_null(bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1));
    cr_assert_eq(guard_term(&bench->guard), 4);
    cr_assert_eq(guard_last_index(&bench->guard), 20);
    bench_close(bench);
}

/* The leader would wait for the whole time of an install otherwise: its member may have lost the file with the link (S24). */
Test(guard_snapshot, a_new_link_ends_the_wait_for_an_install)
{
    uint64_t term;
    struct bench *bench = leader_with_snapshot(0, &term);
    bench_rejected(bench, 1, term, 6, 1);
    bench_tick(bench, 100);
    bench_rejected(bench, 1, term, 6, 1);
    cr_assert(guard_peer_lacks(&bench->guard, (struct node_id){1}));
    guard_link_began(&bench->guard, (struct node_id){1});
    cr_assert(!guard_peer_lacks(&bench->guard, (struct node_id){1}), "what it has is asked first");
    bench_forget(bench);
    bench_tick(bench, 100);
    cr_assert_not_null(bench_last(bench, RAFT_IO_APPEND_ENTRIES, 1));
    bench_stored(bench, 1, term, 6);
    cr_assert(!guard_peer_lacks(&bench->guard, (struct node_id){1}), "it had everything");
    bench_close(bench);
}
