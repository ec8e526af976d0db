/* Every way in which a request can fail, and its one outcome (R2, F69, F74). */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/client/core/script.h"

/* A client with connections to all three nodes and session 50 in partition 0, led by node 1. */
static void open_all(struct script *script)
{
    struct outcome got[SCRIPT_PARTITIONS], set;
    struct heard heard;
    script_open(script);
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        script_get(script, i, &got[i]);
    script_set(script, 0, &set);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t node = 1; node <= SCRIPT_NODES; node++)
            if (script_is_dialled(script, node))
                script_welcome(script, node);
    for (uint32_t node = 1; node <= SCRIPT_NODES; node++)
        while (script_hear(script, node, &heard)) {
            struct response response = {.session = heard.type == FRAME_COMMAND ? 50 : 0, .version = 1};
            script_answer(script, node, &heard, &response);
        }
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        cr_assert_eq(got[i].calls, 1);
    cr_assert_eq(set.calls, 1);
    cr_assert_eq(client_pending(script->client), 0);
}

static void expect(const struct outcome *outcome, enum grid_err err)
{
    cr_expect_eq(outcome->calls, 1, "%d calls", outcome->calls);
    cr_expect_eq(outcome->err, err, "%s instead of %s", grid_err_name(outcome->err), grid_err_name(err));
}

static void answer_ok(struct script *script, uint32_t node, const struct heard *heard)
{
    struct response response = {.version = 33};
    script_answer(script, node, heard, &response);
}

static uint32_t hear_anywhere(struct script *script, struct heard *ret_heard)
{
    for (uint32_t node = 1; node <= SCRIPT_NODES; node++)
        if (script_hear(script, node, ret_heard))
            return node;
    return 0;
}

Test(outcomes, a_redirected_write_goes_to_the_leader_at_once_and_verbatim)
{
    struct script script;
    struct outcome set;
    struct heard first, second;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &first));
    script_answer_err(&script, 1, &first, GRID_ERR_NOT_LEADER, 2);
    cr_assert(script_hear(&script, 2, &second));
    cr_expect(bytes_equal(first.body, second.body));
    cr_expect_eq(second.partition, first.partition);
    cr_expect_neq(second.request, first.request);
    answer_ok(&script, 2, &second);
    expect(&set, GRID_ERR_OK);
    cr_expect_eq(set.version, 33);
    struct outcome next;
    script_set(&script, 0, &next);
    cr_expect(script_hear(&script, 2, &second), "the next goes there by itself");
    script_close(&script);
}

Test(outcomes, a_redirect_without_a_hint_pauses_and_asks_the_others)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_answer_err(&script, 1, &heard, GRID_ERR_NOT_LEADER, 0);
    cr_expect_eq(hear_anywhere(&script, &heard), 0, "not at once");
    bool asked[SCRIPT_NODES + 1] = {false};
    for (int round = 0; round < 6; round++) {
        script_advance(&script, 600000);
        uint32_t node = hear_anywhere(&script, &heard);
        cr_assert_neq(node, 0);
        asked[node] = true;
        script_answer_err(&script, node, &heard, GRID_ERR_NOT_LEADER, 0);
    }
    cr_expect(asked[1] && asked[2] && asked[3]);
    script_close(&script);
}

Test(outcomes, two_nodes_that_point_at_each_other_are_not_asked_in_a_storm)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    int hops = 0;
    open_all(&script);
    script_set(&script, 0, &set);
    for (uint32_t node; hops < 50 && (node = hear_anywhere(&script, &heard)) != 0; hops++)
        script_answer_err(&script, node, &heard, GRID_ERR_NOT_LEADER, node == 1 ? 2 : 1);
    cr_expect_leq(hops, 4, "%d in one instant", hops);
    script_close(&script);
}

Test(outcomes, a_write_that_was_never_appended_is_unavailable)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    for (int i = 0; i < 12000 && set.calls == 0; i++) {
        uint32_t node = hear_anywhere(&script, &heard);
        if (node != 0)
            script_answer_err(&script, node, &heard, GRID_ERR_NOT_LEADER, 0);
        script_advance(&script, 1000);
    }
    expect(&set, GRID_ERR_UNAVAILABLE);
    script_close(&script);
}

Test(outcomes, a_write_that_never_found_a_node_is_unavailable)
{
    struct script script;
    struct outcome set, got;
    script_open(&script);
    script_set(&script, 0, &set);
    script_get(&script, 0, &got);
    script_advance(&script, 10100000);
    expect(&set, GRID_ERR_UNAVAILABLE);
    expect(&got, GRID_ERR_UNAVAILABLE);
    script_close(&script);
}

Test(outcomes, a_write_whose_connection_broke_is_repeated_verbatim)
{
    struct script script;
    struct outcome set;
    struct heard first, second;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &first));
    script_cut(&script, 1);
    cr_expect_eq(set.calls, 0);
    script_advance(&script, 30000);
    uint32_t node = hear_anywhere(&script, &second);
    cr_assert_neq(node, 0, "another node may know the new leader");
    cr_expect(bytes_equal(first.body, second.body), "same session and sequence (R3)");
    answer_ok(&script, node, &second);
    expect(&set, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_write_whose_connection_broke_and_that_finds_nobody_is_unknown)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    for (uint32_t node = 1; node <= SCRIPT_NODES; node++)
        script_cut(&script, node);
    script_advance(&script, 10100000);
    expect(&set, GRID_ERR_UNKNOWN);
    cr_expect_eq(client_totals(script.client).unknown, 1);
    script_close(&script);
}

Test(outcomes, certain_refusals_after_a_lost_attempt_do_not_make_it_certain)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_cut(&script, 1);
    for (int i = 0; i < 12000 && set.calls == 0; i++) {
        uint32_t node = hear_anywhere(&script, &heard);
        if (node != 0)
            script_answer_err(&script, node, &heard, i % 2 == 0 ? GRID_ERR_NOT_LEADER : GRID_ERR_LOG_FULL, 0);
        script_advance(&script, 1000);
    }
    expect(&set, GRID_ERR_UNKNOWN);
    script_close(&script);
}

Test(outcomes, a_write_in_flight_at_its_deadline_is_unknown)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    struct client_call call = script_call(&set);
    struct client_key key = script_key(0);
    call.deadline_ms = 300;
    client_map_set(script.client, bytes_of_text("m"), &key, bytes_of_text("v"), &call);
    script_run(&script);
    cr_assert(script_hear(&script, 1, &heard));
    script_advance(&script, 299000);
    cr_expect_eq(set.calls, 0);
    script_advance(&script, 2000);
    expect(&set, GRID_ERR_UNKNOWN);
    answer_ok(&script, 1, &heard);
    cr_expect_eq(set.calls, 1, "a late answer finds nobody");
    script_close(&script);
}

Test(outcomes, a_write_that_the_leader_lost_sight_of_is_asked_again)
{
    struct script script;
    struct outcome set;
    struct heard first, second;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &first));
    script_answer_err(&script, 1, &first, GRID_ERR_UNKNOWN, 3);
    cr_assert(script_hear(&script, 3, &second));
    cr_expect(bytes_equal(first.body, second.body));
    struct response kept = {.version = 12};
    script_answer(&script, 3, &second, &kept);
    expect(&set, GRID_ERR_OK);
    cr_expect_eq(set.version, 12);
    script_close(&script);
}

Test(outcomes, an_expired_session_is_renewed_when_nothing_was_executed)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.session, 50);
    script_answer_err(&script, 1, &heard, GRID_ERR_NO_SESSION, 0);
    script_session(&script, 1, 60);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.session, 60);
    cr_expect_eq(heard.command.sequence, 1);
    answer_ok(&script, 1, &heard);
    expect(&set, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_session_lost_after_an_open_attempt_is_unknown_and_never_executed_again)
{
    struct script script;
    struct outcome set, next;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_cut(&script, 1);
    script_advance(&script, 30000);
    uint32_t node = hear_anywhere(&script, &heard);
    cr_assert_neq(node, 0);
    script_answer_err(&script, node, &heard, GRID_ERR_NO_SESSION, 0);
    expect(&set, GRID_ERR_UNKNOWN);
    script_advance(&script, 1000000);
    cr_expect_eq(hear_anywhere(&script, &heard), 0);
    script_set(&script, 0, &next);
    script_advance(&script, 1000000);
    node = hear_anywhere(&script, &heard);
    cr_assert_neq(node, 0);
    cr_expect_eq(heard.command.kind, COMMAND_OPEN_SESSION, "new requests get a new session");
    script_close(&script);
}

Test(outcomes, every_write_of_a_lost_session_answers_for_itself)
{
    struct script script;
    struct outcome set[3];
    struct heard heard[3], again;
    open_all(&script);
    for (int i = 0; i < 3; i++)
        script_set(&script, 0, &set[i]);
    for (int i = 0; i < 3; i++)
        cr_assert(script_hear(&script, 1, &heard[i]));
    script_answer_err(&script, 1, &heard[1], GRID_ERR_NO_SESSION, 0);
    script_session(&script, 1, 61);
    script_answer_err(&script, 1, &heard[0], GRID_ERR_NO_SESSION, 0);
    answer_ok(&script, 1, &heard[2]);
    expect(&set[2], GRID_ERR_OK);
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        cr_assert(script_hear(&script, 1, &again));
        cr_expect_eq(again.command.session, 61);
        cr_expect_eq(again.command.sequence, sequence);
        answer_ok(&script, 1, &again);
    }
    expect(&set[0], GRID_ERR_OK);
    expect(&set[1], GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_full_log_is_told_at_once)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_answer_err(&script, 1, &heard, GRID_ERR_LOG_FULL, 1);
    expect(&set, GRID_ERR_LOG_FULL);
    script_close(&script);
}

Test(outcomes, a_session_that_cannot_be_opened_fails_those_that_wait_for_it)
{
    struct script script;
    struct outcome set[2];
    struct heard heard;
    open_all(&script);
    script_set(&script, 3, &set[0]);
    script_set(&script, 3, &set[1]);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.kind, COMMAND_OPEN_SESSION);
    script_answer_err(&script, 1, &heard, GRID_ERR_LOG_FULL, 1);
    expect(&set[0], GRID_ERR_LOG_FULL);
    expect(&set[1], GRID_ERR_LOG_FULL);
    script_close(&script);
}

Test(outcomes, a_busy_node_is_asked_again_and_named_in_the_end)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    int asked = 0;
    open_all(&script);
    script_set(&script, 0, &set);
    for (int i = 0; i < 12000 && set.calls == 0; i++) {
        if (script_hear(&script, 1, &heard)) {
            asked++;
            script_answer_err(&script, 1, &heard, GRID_ERR_BUSY, 1);
        }
        script_advance(&script, 1000);
    }
    expect(&set, GRID_ERR_BUSY);
    cr_expect_gt(asked, 10);
    script_close(&script);
}

/* R6: a node without room says when to come back; only the refused write waits, and not longer than its deadline. */
Test(outcomes, a_write_that_finds_no_room_comes_back_when_it_was_told_to)
{
    struct script script;
    struct outcome refused, other;
    struct heard heard;
    open_all(&script);
    struct response full = {.err = GRID_ERR_BUSY, .leader = 1, .retry_after_ms = 300, .note = bytes_of_text("admission")};
    script_set(&script, 0, &refused);
    cr_assert(script_hear(&script, 1, &heard));
    script_answer(&script, 1, &heard, &full);
    script_set(&script, 0, &other);
    cr_assert(script_hear(&script, 1, &heard), "the next one does not wait for it");
    script_answer(&script, 1, &heard, &(struct response){.version = 2});
    expect(&other, GRID_ERR_OK);
    script_advance(&script, 299 * 1000);
    cr_assert(script_is_silent(&script, 1));
    script_advance(&script, 152 * 1000);
    cr_assert(script_hear(&script, 1, &heard), "at most half as long again");
    cr_expect_eq(client_totals(script.client).postponed, 1);
    script_answer(&script, 1, &heard, &(struct response){.version = 3});
    expect(&refused, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_write_that_finds_no_room_at_all_is_told_so_at_its_deadline)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    struct response full = {.err = GRID_ERR_BUSY, .leader = 1, .retry_after_ms = 500};
    int asked = 0;
    script_set(&script, 0, &set);
    for (int i = 0; i < 12000 && set.calls == 0; i++) {
        if (script_hear(&script, 1, &heard)) {
            asked++;
            script_answer(&script, 1, &heard, &full);
        }
        script_advance(&script, 1000);
    }
    expect(&set, GRID_ERR_BUSY);
    cr_expect_str_eq(set.note, "no room until the deadline passed");
    cr_expect(asked >= 10000 / 750 && asked <= 10000 / 500 + 1, "%d", asked);
    script_close(&script);
}

Test(outcomes, closing_ends_a_write_that_waits_for_room)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_answer(&script, 1, &heard, &(struct response){.err = GRID_ERR_BUSY, .leader = 1, .retry_after_ms = 500});
    script_run(&script);
    client_close(script.client);
    script.client = NULL;
    expect(&set, GRID_ERR_CLOSED);
    script_close(&script);
}

Test(outcomes, business_answers_are_passed_on)
{
    struct script script;
    struct outcome outcome;
    struct heard heard;
    open_all(&script);
    struct service_command command = {.service = 3, .type = 1, .key = script_key(0).key, .body = bytes_of_text("b")};
    struct client_call call = script_call(&outcome);
    client_service_command(script.client, &command, &call);
    script_run(&script);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.kind, COMMAND_SERVICE);
    cr_expect_eq(heard.command.service.service, 3);
    struct response refused = {.err = GRID_ERR_REFUSED, .refusal_code = 2, .refusal = bytes_of_text("ALREADY_EXISTS"),
                               .note = bytes_of_text("other content")};
    script_answer(&script, 1, &heard, &refused);
    expect(&outcome, GRID_ERR_REFUSED);
    cr_expect_str_eq(outcome.refusal, "ALREADY_EXISTS");
    cr_expect_str_eq(outcome.note, "other content");

    script_set(&script, 0, &outcome);
    cr_assert(script_hear(&script, 1, &heard));
    script_answer_err(&script, 1, &heard, GRID_ERR_RESULT_NOT_KEPT, 0);
    expect(&outcome, GRID_ERR_RESULT_NOT_KEPT);
    script_close(&script);
}

Test(outcomes, a_read_is_repeated_freely)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_all(&script);
    script_get(&script, 0, &got);
    cr_assert(script_hear(&script, 1, &heard));
    script_cut(&script, 1);
    script_advance(&script, 30000);
    uint32_t node = hear_anywhere(&script, &heard);
    cr_assert_neq(node, 0);
    script_answer_err(&script, node, &heard, GRID_ERR_UNAVAILABLE, 0);
    script_advance(&script, 600000);
    node = hear_anywhere(&script, &heard);
    cr_assert_neq(node, 0);
    struct response response = {.found = true, .value = bytes_of_text("x")};
    script_answer(&script, node, &heard, &response);
    expect(&got, GRID_ERR_OK);
    cr_expect_str_eq(got.value, "x");

    script_get(&script, 0, &got);
    for (node = 1; node <= SCRIPT_NODES; node++)
        if (script_is_up(&script, node))
            script_cut(&script, node);
    script_advance(&script, 10100000);
    expect(&got, GRID_ERR_UNAVAILABLE);
    script_close(&script);
}

/* F11: the size in front of a frame was damaged on its way, and everything that follows seems to belong to it. */
Test(outcomes, a_node_whose_bytes_never_make_an_answer_is_given_up)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    static const uint8_t endless[100] = {0, 0, 1, 0};
    open_all(&script);
    script_get(&script, 0, &got);
    cr_assert(script_hear(&script, 1, &heard));
    for (uint32_t i = 0; i < 40 && script_is_up(&script, 1); i++) {
        script_say(&script, 1, bytes_of(endless, i == 0 ? sizeof endless : 8));
        script_advance(&script, 200000);
        while (script_is_up(&script, 1) && script_hear(&script, 1, &heard))
            continue;
    }
    cr_expect(!script_is_up(&script, 1), "it goes on listening");
    script_close(&script);
}

Test(outcomes, a_silent_node_is_given_up_after_the_patience_of_an_attempt)
{
    struct script script;
    struct outcome set;
    struct heard first, second;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &first));
    script_advance(&script, 1900000);
    cr_assert(script_is_up(&script, 1));
    script_advance(&script, 200000);
    cr_expect_not(script_is_up(&script, 1), "its connection is closed");
    uint32_t node = hear_anywhere(&script, &second);
    cr_assert(node == 2 || node == 3);
    cr_expect(bytes_equal(first.body, second.body));
    script_close(&script);
}

Test(outcomes, a_silent_node_is_left_as_soon_as_another_one_leads)
{
    struct script script;
    struct outcome set;
    struct heard first, second;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &first));
    script_advance(&script, 600000);
    cr_assert(script_is_up(&script, 1));
    script.leaders[0] = 2;
    script_table(&script, 2);
    cr_expect_not(script_is_up(&script, 1));
    cr_assert(script_hear(&script, 2, &second));
    cr_expect(bytes_equal(first.body, second.body));
    answer_ok(&script, 2, &second);
    expect(&set, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_node_that_was_asked_just_now_may_still_answer_though_another_one_leads)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_advance(&script, 100000);
    script.leaders[0] = 2;
    script_table(&script, 2);
    cr_assert(script_is_up(&script, 1));
    answer_ok(&script, 1, &heard);
    expect(&set, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, a_node_that_talks_keeps_its_connection_when_one_partition_is_stuck)
{
    struct script script;
    struct outcome stuck, quick;
    struct heard first, heard, second;
    open_all(&script);
    script_set(&script, 0, &stuck);
    cr_assert(script_hear(&script, 1, &first));
    script_advance(&script, 1000000);
    script_get(&script, 3, &quick);
    cr_assert(script_hear(&script, 1, &heard));
    struct response response = {.found = false};
    script_answer(&script, 1, &heard, &response);
    expect(&quick, GRID_ERR_OK);
    script_advance(&script, 1100000);
    cr_expect(script_is_up(&script, 1));
    uint32_t node = hear_anywhere(&script, &second);
    cr_assert_neq(node, 0, "asked again");
    cr_expect(bytes_equal(first.body, second.body));
    answer_ok(&script, 1, &first);
    cr_expect_eq(stuck.calls, 0, "the answer to a given-up attempt finds nobody");
    answer_ok(&script, node, &second);
    expect(&stuck, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, nonsense_from_a_node_ends_its_connection)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    script_say(&script, 1, bytes_of_text("HTTP/1.1 400 Bad Request\r\nthis is not a frame at all, certainly\r\n"));
    cr_expect_not(script_is_up(&script, 1));
    cr_expect_eq(set.calls, 0);
    script_close(&script);

    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    struct buffer out = {0};
    struct frame frame = {.type = FRAME_RESPONSE, .request = heard.request, .body = bytes_of("\x08\x63", 2)};
    frame_append(&out, &frame);
    script_say(&script, 1, buffer_bytes(&out));
    buffer_close(&out);
    cr_expect_not(script_is_up(&script, 1), "a body that cannot be read");
    script_close(&script);
}

Test(outcomes, only_the_node_that_was_asked_can_answer)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &set);
    cr_assert(script_hear(&script, 1, &heard));
    answer_ok(&script, 2, &heard);
    cr_expect_eq(set.calls, 0);
    answer_ok(&script, 1, &heard);
    expect(&set, GRID_ERR_OK);
    script_close(&script);
}

Test(outcomes, what_is_not_allowed_anywhere_is_not_sent)
{
    struct script script;
    struct outcome outcome;
    struct heard heard;
    open_all(&script);
    struct client_call call = script_call(&outcome);
    struct client_key key = script_key(0);
    client_map_set(script.client, bytes_of_text("no/such"), &key, bytes_of_text("v"), &call);
    cr_expect_eq(outcome.calls, 0, "never from inside the call");
    script_run(&script);
    expect(&outcome, GRID_ERR_INVALID);
    cr_expect(strstr(outcome.note, "map") != NULL);
    call = script_call(&outcome);
    client_map_set(script.client, bytes_of_text("order.view"), &key, bytes_of_text("v"), &call);
    script_run(&script);
    expect(&outcome, GRID_ERR_DENIED);
    static uint8_t large[VALUE_BYTES_MAX + 1];
    call = script_call(&outcome);
    client_map_set(script.client, bytes_of_text("m"), &key, bytes_of(large, sizeof large), &call);
    script_run(&script);
    expect(&outcome, GRID_ERR_TOO_LARGE);
    call = script_call(&outcome);
    struct query query = {.kind = QUERY_SIZE, .map = bytes_of_text("m")};
    client_query(script.client, (struct partition_id){SCRIPT_PARTITIONS}, &query, &call);
    script_run(&script);
    expect(&outcome, GRID_ERR_INVALID);
    cr_expect_eq(hear_anywhere(&script, &heard), 0);
    script_close(&script);
}

Test(outcomes, too_many_requests_are_busy_in_the_client_itself)
{
    struct script script;
    struct client_options options = {.pending_max = 5};
    struct outcome set[7];
    script_open_with(&script, &options);
    for (int i = 0; i < 7; i++)
        script_set(&script, 0, &set[i]);
    cr_expect_eq(set[4].calls, 0);
    expect(&set[5], GRID_ERR_BUSY);
    expect(&set[6], GRID_ERR_BUSY);
    cr_expect_eq(client_pending(script.client), 5);
    script_close(&script);
}

Test(outcomes, closing_tells_what_is_unknown_and_what_was_never_sent)
{
    struct script script;
    struct outcome sent, waiting, reading;
    struct heard heard;
    open_all(&script);
    script_set(&script, 0, &sent);
    cr_assert(script_hear(&script, 1, &heard));
    script_set(&script, 1, &waiting);
    script_get(&script, 0, &reading);
    client_close(script.client);
    script.client = NULL;
    expect(&sent, GRID_ERR_UNKNOWN);
    expect(&waiting, GRID_ERR_CLOSED);
    expect(&reading, GRID_ERR_CLOSED);
    script_close(&script);
}

Test(outcomes, the_order_of_submission_survives_a_change_of_leader)
{
    enum { WRITES = 40 };
    struct script script;
    struct outcome set[WRITES];
    struct heard heard[WRITES], again;
    open_all(&script);
    for (int i = 0; i < WRITES; i++)
        script_set(&script, 0, &set[i]);
    for (int i = 0; i < WRITES; i++)
        cr_assert(script_hear(&script, 1, &heard[i]));
    /* Answers come in any order. */
    for (int i = 0; i < WRITES; i++)
        script_answer_err(&script, 1, &heard[(i * 7) % WRITES], GRID_ERR_NOT_LEADER, 0);
    script_advance(&script, 600000);
    uint64_t last = 0;
    int seen = 0;
    for (uint32_t node; (node = hear_anywhere(&script, &again)) != 0; seen++) {
        cr_expect_gt(again.command.sequence, last);
        last = again.command.sequence;
    }
    cr_expect_eq(seen, WRITES);
    script_close(&script);
}
