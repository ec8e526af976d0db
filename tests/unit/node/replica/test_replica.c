/* What replica.h promises of entries, reads, roles and refusals; messages are in test_replica_messages.c. */
#include <string.h>

#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/entry.h"
#include "tests/unit/node/replica/replica_bench.h"

TestSuite(replica, .init = bench_open, .fini = bench_close);
TestSuite(replica_leading, .init = bench_open_leading, .fini = bench_close);

static uint64_t retry_ms(uint64_t request)
{
    return bench_answered(request)->response.retry_after_ms;
}

/* ---- roles */

Test(replica, a_follower_refuses_and_names_the_leader)
{
    fake_group_follow(&bench.set, 1, 2);
    bench_set(1, "k", "v");
    bench_get(2, "k");
    cr_expect_eq(bench_err(1), GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_err(2), GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_answered(1)->response.leader, 2u);
    cr_expect_eq(bench_answered(1)->response.no_leader_ms, 0u);
    cr_expect_eq(bench.counters.not_leader->value, 2u);
    bench_run();
    cr_expect_eq(bench.set.group.proposed, 0u);
}

Test(replica, a_replica_without_a_leader_says_for_how_long)
{
    fake_group_follow(&bench.set, 1, 0);
    bench_tick_after(50);
    bench_tick_after(700);
    bench_set(1, "k", "v");
    cr_expect_eq(bench_err(1), GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_answered(1)->response.no_leader_ms, 700u);
    fake_group_follow(&bench.set, 1, 3);
    bench_tick_after(50);
    bench_set(2, "k", "v");
    cr_expect_eq(bench_answered(2)->response.no_leader_ms, 0u);
    fake_group_follow(&bench.set, 2, 0);
    bench_tick_after(50);
    bench_tick_after(100);
    bench_set(3, "k", "v");
    cr_expect_eq(bench_answered(3)->response.no_leader_ms, 100u, "since it lost the last one");
}

Test(replica, a_new_leader_proposes_the_first_entry_before_anything_else)
{
    bench_lead(1);
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_GENESIS), 1u);
    bench_tick_after(50);
    cr_expect_eq(bench.set.group.proposals_count, 1u, "once");
    bench_commit();
    struct genesis_command genesis;
    cr_assert(partition_genesis(replica_partition(bench.replica), &genesis));
    cr_expect_eq(genesis.partitions, (uint32_t)BENCH_PARTITIONS);
    bench_tick_after(50);
    cr_expect_eq(bench.set.group.proposed, 1u);
    cr_expect_eq(bench.fatals, 0u);
}

/* Of another leader, at log time 5 s. */
static void apply_first_entry(void)
{
    struct buffer entry = {0}, genesis = {0};
    bench.shared.genesis_encode(&bench, 7, &genesis);
    entry_begin(&entry, LEVEL_FIRST);
    entry_add(&entry, buffer_bytes(&genesis));
    entry_seal(&entry, 5000, 5000);
    fake_group_apply(&bench.set, buffer_bytes(&entry));
    buffer_close(&entry);
    buffer_close(&genesis);
}

Test(replica, an_elected_leader_serves_once_it_knows_the_log_time)
{
    member_clocks_init(&bench.clocks, 3, 0);
    apply_first_entry();
    bench_lead(2);
    cr_expect_not(replica_leads(bench.replica), "there is log time to continue, and no node has told its clock");
    bench_set(1, "k", "v");
    cr_expect_eq(bench_err(1), GRID_ERR_NOT_LEADER);
    size_t roles = bench.roles;
    member_clocks_hear(&bench.clocks, 1, 9000, bench.clock.now_us);
    log_time_answer(replica_log_time(bench.replica), 1, 0, LOG_TIME_NONE, &(struct log_time_now){&bench.clocks, bench.clock.now_us, 9000});
    replica_log_time_known(bench.replica);
    cr_expect(replica_leads(bench.replica), "a majority has told its clocks");
    cr_expect_gt(bench.roles, roles, "the node hears of it");
}

Test(replica, an_elected_leader_that_nobody_answers_serves_in_the_end)
{
    member_clocks_init(&bench.clocks, 3, 0);
    apply_first_entry();
    bench_lead(2);
    bench_tick_after(LOG_TIME_ASK_MS - 10);
    cr_expect_not(replica_leads(bench.replica));
    bench_tick_after(20);
    cr_expect(replica_leads(bench.replica));
}

Test(replica, a_first_entry_of_another_cluster_is_fatal)
{
    bench.genesis_uuid.bytes[0] = 7;
    bench_lead(1);
    bench_commit();
    cr_expect_eq(bench.fatal, GRID_ERR_MISMATCH);
    cr_expect_eq(bench.fatals, 1u);
}

Test(replica, a_first_entry_with_another_number_of_partitions_is_fatal)
{
    bench.genesis_partitions = 5;
    bench_lead(1);
    bench_commit();
    cr_expect_eq(bench.fatal, GRID_ERR_MISMATCH);
    bench_set(1, "k", "v");
    bench_commit();
    cr_expect_eq(bench.fatals, 1u, "said once");
}

Test(replica, entries_that_this_version_does_not_support_are_asked_about)
{
    const struct group_machine *machine = bench.set.group.machine;
    cr_expect(machine->admit(machine->context, 1, bytes_of_text("entry")));
    cr_expect_not(machine->admit(machine->context, 77, bytes_of_text("entry")));
}

/* ---- entries */

Test(replica_leading, commands_of_one_iteration_leave_as_one_entry_and_are_answered_after_it_is_applied)
{
    bench_set(1, "a", "1");
    bench_set(2, "b", "2");
    cr_expect_eq(bench.set.group.proposals_count, 0u, "not before the end of the iteration");
    bench_run();
    bench_set(3, "c", "3");
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 2u);
    cr_expect_eq(bench_commands(0, COMMAND_MAP), 2u);
    cr_expect_eq(bench.answers_count, 0u, "nothing is committed");
    fake_group_commit(&bench.set);
    cr_expect_eq(bench_err(1), GRID_ERR_OK);
    cr_expect_eq(bench_err(2), GRID_ERR_OK);
    cr_expect_null(bench_answered(3));
    fake_group_commit(&bench.set);
    cr_expect_eq(bench_err(3), GRID_ERR_OK);
    cr_expect(bench.answers[0].waiter.slot == 3 && bench.answers[0].waiter.generation == 4, "the waiter comes back whole");
    cr_expect_eq(bench.counters.commands->value, 3u);
}

Test(replica_leading, an_entry_with_as_many_commands_as_it_may_have_leaves_at_once)
{
    for (uint64_t i = 0; i <= ENTRY_COMMANDS_MAX; i++)
        bench_set(i + 1, "k", "v");
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_MAP), (size_t)ENTRY_COMMANDS_MAX);
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 2u);
    cr_expect_eq(bench_commands(1, COMMAND_MAP), 1u);
}

Test(replica_leading, a_long_entry_leaves_at_once)
{
    static char value[ENTRY_BYTES_AIM + 1];
    memset(value, 'x', sizeof value - 1);
    bench_set(1, "k", value);
    cr_expect_eq(bench.set.group.proposals_count, 1u);
}

Test(replica_leading, what_another_leader_proposed_is_applied_and_answers_nobody)
{
    bench_set(1, "k", "v");
    bench_run();
    struct buffer entry = {0};
    buffer_append(&entry, buffer_bytes(&bench.set.group.proposals[0].entry));
    fake_group_drop(&bench.set);
    cr_expect_eq(bench_err(1), GRID_ERR_UNKNOWN, "its outcome is not known (R2)");
    cr_expect_eq(bench.counters.dropped->value, 1u);
    fake_group_follow(&bench.set, 2, 2);
    fake_group_apply(&bench.set, buffer_bytes(&entry));
    cr_expect_eq(bench.answers_count, 1u);
    bench_lead(3);
    bench_get(2, "k");
    bench_run();
    fake_group_read(&bench.set, GRID_ERR_OK);
    cr_expect_eq(bench_err(2), GRID_ERR_OK);
    cr_expect(bench_answered(2)->response.found);
    buffer_close(&entry);
}

Test(replica_leading, an_applied_entry_has_a_digest)
{
    const struct state_digests *digests = replica_digests(bench.replica);
    uint64_t digest;
    bench_set(1, "k", "v");
    bench_commit();
    cr_assert(state_digests_at(digests, bench.set.group.status.applied_index, &digest));
    cr_expect_eq(digest, partition_digest(replica_partition(bench.replica)));
}

/* ---- refusals */

Test(replica_leading, a_full_log_refuses_commands_and_serves_reads)
{
    bench.set.log_full = true;
    bench_set(1, "k", "v");
    cr_expect_eq(bench_err(1), GRID_ERR_LOG_FULL);
    cr_expect_gt(bench_answered(1)->response.note.size, 0u, "it says what to do");
    cr_expect(bench.counters.log_full->value == 1 && bench.counters.disk_full->value == 0);
    bench_get(2, "k");
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    fake_group_read(&bench.set, GRID_ERR_OK);
    cr_expect_eq(bench_err(2), GRID_ERR_OK);
    bench.set.log_full = false;
    bench_set(3, "k", "v");
    bench_commit();
    cr_expect_eq(bench_err(3), GRID_ERR_OK);
}

Test(replica_leading, a_full_disk_is_told_apart)
{
    bench.set.room = GROUP_ROOM_OTHERS_FULL;
    bench_set(1, "k", "v");
    bench.set.room = GROUP_ROOM_OWN_FULL;
    bench_set(2, "k", "v");
    bench.set.handing_over = true;         /* another member with room is about to lead */
    bench_set(3, "k", "v");
    cr_expect(bench_err(1) == GRID_ERR_LOG_FULL && bench_err(2) == GRID_ERR_LOG_FULL);
    cr_expect_eq(bench_err(3), GRID_ERR_BUSY);
    cr_expect_gt(retry_ms(1), retry_ms(3), "soon");
    cr_expect_gt(retry_ms(3), 0u);
    cr_expect_eq(bench.counters.disk_full->value, 3u);
    cr_expect_eq(bench.counters.log_full->value, 0u);
}

static void bench_remove(uint64_t request, const char *key)
{
    bench_command(request, (struct command){.kind = COMMAND_MAP, .map = {.operation = MAP_REMOVE, .map = bytes_of_text("m"), .key = bytes_of_text(key)}});
}

/* R6 */
Test(replica_leading, with_full_memory_what_adds_data_is_refused_and_the_rest_goes_on)
{
    bench_set(1, "k", "v");
    bench_commit();
    bench.memory.own = true;
    bench_set(2, "k", "v2");
    cr_expect_eq(bench_err(2), GRID_ERR_MEMORY_FULL);
    cr_expect_gt(retry_ms(2), 0u);
    cr_expect_gt(bench_answered(2)->response.note.size, 0u, "it says what to do");
    bench_get(3, "k");
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u, "nothing of it reaches the log");
    fake_group_read(&bench.set, GRID_ERR_OK);
    cr_expect_eq(bench_err(3), GRID_ERR_OK);
    bench_remove(4, "k");
    bench_commit();
    cr_expect_eq(bench_err(4), GRID_ERR_OK);
    bench.memory.own = false;
    bench_set(5, "k", "v2");
    bench_commit();
    cr_expect_eq(bench_err(5), GRID_ERR_OK);
    cr_expect(bench.counters.memory_full->value == 1 && bench.counters.member_memory_full->value == 0);
    cr_expect(bench.counters.log_full->value == 0 && bench.counters.disk_full->value == 0);
}

Test(replica_leading, the_full_memory_of_a_member_is_told_apart)
{
    bench.memory.member = true;
    bench_set(1, "k", "v");
    cr_expect_eq(bench_err(1), GRID_ERR_MEMORY_FULL);
    cr_expect(bench.counters.memory_full->value == 0 && bench.counters.member_memory_full->value == 1);
}

/* An answer with a number that it does not know is damage to a client. */
Test(replica_leading, an_older_client_hears_busy_when_memory_is_full)
{
    struct buffer encoded = {0};
    bench.memory.own = true;
    command_encode(&(struct command){.kind = COMMAND_MAP, .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text("k")}}, &encoded);
    replica_command(bench.replica, buffer_bytes(&encoded), (struct admission_needs){.grows = true}, &(struct waiter){.kind = WAITER_CLIENT, .request = 1});
    cr_expect_eq(bench_err(1), GRID_ERR_BUSY);
    cr_expect_gt(retry_ms(1), 0u);
    buffer_close(&encoded);
}

/* R6: what waits for a slow majority is bounded. */
Test(replica_leading, too_many_bytes_under_way_are_refused_until_they_are_applied)
{
    uint64_t request = 0, refused = 0;
    char *value = memory_zero(1, VALUE_BYTES_MAX + 1);
    memset(value, 'v', VALUE_BYTES_MAX);
    while (bench.counters.in_flight_full->value == 0) {
        cr_assert_leq(request, (uint64_t)PARTITION_IN_FLIGHT_BYTES_MAX / VALUE_BYTES_MAX);
        bench_set(++request, "k", value);
    }
    refused = request;
    cr_expect_eq(refused, (uint64_t)PARTITION_IN_FLIGHT_BYTES_MAX / VALUE_BYTES_MAX + 1);
    cr_expect_eq(bench_err(refused), GRID_ERR_BUSY);
    cr_expect_gt(retry_ms(refused), 0u);
    bench_commit();
    cr_expect_eq(bench_err(1), GRID_ERR_OK);
    bench_set(++request, "k", value);
    bench_commit();
    cr_expect_eq(bench_err(request), GRID_ERR_OK);
    memory_free(value);
}

Test(replica_leading, an_entry_that_the_log_refuses_was_not_appended_and_says_so)
{
    bench_set(1, "k", "v");
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    bench_run();
    cr_expect_eq(bench_err(1), GRID_ERR_LOG_FULL);
    bench_set(2, "k", "v");
    bench.set.group.refuses = GRID_ERR_BUSY;
    bench_run();
    cr_expect_eq(bench_err(2), GRID_ERR_NOT_LEADER, "a hand-over: ask the next leader");
    bench_set(3, "k", "v");
    bench.set.group.refuses = GRID_ERR_UNAVAILABLE;
    bench_run();
    cr_expect_eq(bench_err(3), GRID_ERR_UNAVAILABLE);
    bench.set.group.refuses = GRID_ERR_OK;
    bench_set(4, "k", "v");
    bench_commit();
    cr_expect_eq(bench_err(4), GRID_ERR_OK);
}

Test(replica, a_refused_first_entry_is_proposed_again_at_the_tick)
{
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    bench_lead(1);
    cr_assert_eq(bench.set.group.proposed, 0u);
    bench.set.group.refuses = GRID_ERR_OK;
    bench_tick_after(50);
    bench_tick_after(50);
    cr_assert_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench_commands(0, COMMAND_GENESIS), 1u);
}

Test(replica_leading, commands_wait_while_the_group_is_handed_over)
{
    bench.set.group.handing_over = true;
    bench_set(1, "k", "v");
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    cr_expect_eq(bench.answers_count, 0u);
    bench.set.group.handing_over = false;  /* it was given up */
    bench_tick_after(50);
    bench_commit();
    cr_expect_eq(bench_err(1), GRID_ERR_OK);
}

Test(replica_leading, a_deposed_leader_refuses_what_it_has_not_proposed)
{
    bench_set(1, "k", "v");
    bench_get(2, "k");
    fake_group_follow(&bench.set, 2, 2);
    cr_expect_eq(bench_err(1), GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_err(2), GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_answered(1)->response.leader, 2u);
    bench_run();
    cr_expect_eq(bench.set.group.proposals_count, 0u);
    cr_expect_eq(bench.set.group.reads_count, 0u);
}

static void submit(uint64_t request, uint32_t needs)
{
    struct buffer encoded = {0};
    command_encode(&(struct command){.kind = COMMAND_SERVICE, .service = {.service = 999, .type = 1, .key = bytes_of_text("k")}}, &encoded);
    replica_command(bench.replica, buffer_bytes(&encoded), (struct admission_needs){.work = needs}, &(struct waiter){.kind = WAITER_CLIENT, .request = request});
    buffer_close(&encoded);
}

Test(replica_leading, work_past_the_bound_is_refused_until_what_is_under_way_has_ended)
{
    submit(1, 6);
    submit(2, 5);
    cr_expect_eq(bench_err(2), GRID_ERR_BUSY);
    cr_expect_eq(retry_ms(2), (uint64_t)ADMISSION_RETRY_MS);
    cr_expect_eq(bench.counters.not_admitted->value, 1u);
    submit(3, 4);
    bench_commit();
    cr_expect_neq(bench_err(1), GRID_ERR_BUSY);
    submit(4, 10);
    bench_run();
    fake_group_drop(&bench.set);
    submit(5, 10);
    cr_expect_null(bench_answered(5), "what was dropped has given its room back");
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    bench_run();
    bench.set.group.refuses = GRID_ERR_OK;
    submit(6, 10);
    cr_expect_null(bench_answered(6), "what was refused too");
}

/* ---- reads */

Test(replica_leading, reads_of_one_iteration_share_one_read_index)
{
    bench_set(1, "k", "v");
    bench_commit();
    bench_get(2, "k");
    bench_get(3, "other");
    cr_expect_eq(bench.set.group.reads_count, 0u);
    bench_run();
    cr_assert_eq(bench.set.group.reads_count, 1u);
    cr_expect_null(bench_answered(2), "not before a majority has confirmed it");
    bench_get(4, "k");
    bench_run();
    cr_assert_eq(bench.set.group.reads_count, 2u, "a later read has a later index");
    fake_group_read(&bench.set, GRID_ERR_OK);
    cr_expect(bench_err(2) == GRID_ERR_OK && bench_answered(2)->response.found && bytes_equal(bench_answered(2)->response.value, bytes_of_text("v")));
    cr_expect(bench_err(3) == GRID_ERR_OK && !bench_answered(3)->response.found);
    cr_expect_eq(bench_err(4), GRID_ERR_OK);
    cr_expect_eq(bench.counters.reads->value, 3u);
}

Test(replica_leading, a_read_that_no_majority_confirms_is_refused)
{
    bench_get(1, "k");
    bench_run();
    fake_group_read(&bench.set, GRID_ERR_NOT_LEADER);
    cr_expect_eq(bench_err(1), GRID_ERR_NOT_LEADER);
    bench_get(2, "k");
    bench_run();
    fake_group_read(&bench.set, GRID_ERR_UNAVAILABLE);
    cr_expect_eq(bench_err(2), GRID_ERR_UNAVAILABLE);
}

static void configure_journal(void)
{
    bench_command(1000, (struct command){.kind = COMMAND_CONFIGURE, .configure = {.map = bytes_of_text("m"), .version = 1,
                                                                                  .settings = {.journal = {.enabled = true}}}});
    bench_commit();
    cr_assert_eq(bench_err(1000), GRID_ERR_OK);
}

static void tail(uint64_t request, uint64_t wait_ms)
{
    struct buffer encoded = {0};
    query_encode(&(struct query){.kind = QUERY_JOURNAL, .map = bytes_of_text("m"), .limit = 10, .from = JOURNAL_NEWEST, .wait_ms = wait_ms}, &encoded);
    replica_query(bench.replica, buffer_bytes(&encoded), &(struct waiter){.kind = WAITER_CLIENT, .request = request});
    buffer_close(&encoded);
    bench_run();
    fake_group_read(&bench.set, GRID_ERR_OK);
}

Test(replica_leading, a_read_of_a_journal_waits_for_the_next_record)
{
    configure_journal();
    tail(1, 10000);
    cr_expect_null(bench_answered(1));
    bench_tick_after(100);
    cr_expect_null(bench_answered(1));
    bench_set(2, "k", "v");
    bench_commit();
    cr_assert_eq(bench_err(1), GRID_ERR_OK);
    cr_assert_not_null(bench_answered(1)->response.journal);
    cr_expect_eq(bench_answered(1)->response.journal->records_count, 1u);
}

Test(replica_leading, a_read_of_a_journal_waits_no_longer_than_it_said)
{
    configure_journal();
    tail(1, 300);
    bench_tick_after(200);
    cr_expect_null(bench_answered(1));
    bench_tick_after(150);
    cr_expect_eq(bench_err(1), GRID_ERR_OK);
    tail(2, 0);
    cr_expect_eq(bench_err(2), GRID_ERR_OK, "at once");
    tail(3, 10000);
    fake_group_follow(&bench.set, 2, 2);
    cr_expect_eq(bench_err(3), GRID_ERR_NOT_LEADER);
}

/* ---- ticks */

static void set_for_a_second(uint64_t request)
{
    bench_command(request, (struct command){.kind = COMMAND_MAP, .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text("k"),
                                                                         .value = bytes_of_text("v"), .ttl_ms = 1000}});
    bench_commit();
}

Test(replica_leading, due_work_is_proposed_as_one_tick_at_a_time)
{
    set_for_a_second(1);
    bench_tick_after(500);
    cr_expect_eq(bench.set.group.proposals_count, 0u, "nothing is due");
    for (int i = 0; i < 4; i++)
        bench_tick_after(500);
    cr_assert_eq(bench.set.group.proposals_count, 1u, "one at a time");
    cr_expect_eq(bench_commands(0, COMMAND_TICK), 1u);
    bench_commit();
    bench_tick_after(500);
    cr_expect_eq(bench.set.group.proposals_count, 0u, "the entry has expired");
    set_for_a_second(2);
    bench_tick_after(1500);
    bench_tick_after(50);
    cr_expect_eq(bench.set.group.proposals_count, 1u);
    cr_expect_eq(bench.counters.ticks->value, 2u);
}
