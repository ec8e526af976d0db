/* A client looks for other nodes while those that it has cannot help, and gives slow ones the time that they need (R2). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/client/core/script.h"

static const char *const only_n1[] = {"n1:7400"};

static void know_no_leader(struct script *script)
{
    memset(script->leaders, 0, sizeof script->leaders);
}

static void know_leader(struct script *script, uint32_t node)
{
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        script->leaders[i] = node;
}

/* A client with a connection to node 1 alone, which knows no leader. */
static void open_on_a_leaderless_node(struct script *script, uint64_t deadline_ms)
{
    struct client_options options = {.endpoints = only_n1, .endpoints_count = 1, .deadline_ms = deadline_ms};
    script_open_with(script, &options);
    know_no_leader(script);
    script_welcome(script, 1);
}

static void say_leaderless(struct script *script, uint32_t node, const struct heard *heard, uint64_t no_leader_ms)
{
    struct response response = {.err = GRID_ERR_NOT_LEADER, .no_leader_ms = no_leader_ms};
    script_answer(script, node, heard, &response);
}

static void answer_found(struct script *script, uint32_t node)
{
    struct heard heard;
    struct response response = {.found = true, .version = 5};
    cr_assert(script_hear(script, node, &heard), "node %u heard nothing", node);
    script_answer(script, node, &heard, &response);
}

Test(search, a_node_without_a_leader_for_long_sends_the_client_to_all_others_at_once)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    open_on_a_leaderless_node(&script, 0);
    script_get(&script, 0, &get);
    cr_assert(script_hear(&script, 1, &heard));
    cr_assert_not(script_is_dialled(&script, 2));
    say_leaderless(&script, 1, &heard, 5000);
    cr_expect(script_is_dialled(&script, 2));
    cr_expect(script_is_dialled(&script, 3));
    know_leader(&script, 3);
    script_welcome(&script, 3);
    answer_found(&script, 3);
    cr_expect_eq(get.calls, 1);
    cr_expect_eq(get.err, GRID_ERR_OK);
    script_close(&script);
}

Test(search, a_node_in_the_middle_of_an_election_is_asked_again_and_no_other_is_dialled)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    open_on_a_leaderless_node(&script, 0);
    script_get(&script, 0, &get);
    for (uint64_t asked = 0; asked < 2; asked++) {
        cr_assert(script_hear(&script, 1, &heard));
        say_leaderless(&script, 1, &heard, 20 + asked * 20);
        script_advance(&script, 45000);
    }
    cr_expect_not(script_is_dialled(&script, 2));
    cr_expect_not(script_is_dialled(&script, 3));
    know_leader(&script, 1);
    script_table(&script, 1);
    answer_found(&script, 1);
    cr_expect_eq(get.err, GRID_ERR_OK);
    script_close(&script);
}

Test(search, a_node_that_says_no_word_about_leaders_is_not_the_only_one_asked_for_ever)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    open_on_a_leaderless_node(&script, 0);
    script_get(&script, 0, &get);
    for (int steps = 0; steps < 40 && !(script_is_dialled(&script, 2) && script_is_dialled(&script, 3)); steps++) {
        while (script_hear(&script, 1, &heard))
            script_answer_err(&script, 1, &heard, GRID_ERR_NOT_LEADER, 0);
        script_advance(&script, 50000);
    }
    cr_expect(script_is_dialled(&script, 2));
    cr_expect(script_is_dialled(&script, 3));
    cr_expect_eq(get.calls, 0);
    script_close(&script);
}

Test(search, a_connected_node_that_names_a_leader_is_asked_before_one_that_names_none)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    open_on_a_leaderless_node(&script, 0);
    script_get(&script, 0, &get);
    cr_assert(script_hear(&script, 1, &heard));
    say_leaderless(&script, 1, &heard, 5000);
    know_leader(&script, 3);
    script_welcome(&script, 2);
    cr_assert(script_is_dialled(&script, 3), "the leader that node 2 names");
    script_refuse(&script, 3);
    /* Node 2 goes on naming it; node 1 has nothing to say. */
    for (int round = 0; round < 3; round++) {
        cr_assert(script_hear(&script, 2, &heard));
        script_answer_err(&script, 2, &heard, GRID_ERR_NOT_LEADER, 3);
        script_advance(&script, 600000);
        cr_expect(script_is_silent(&script, 1));
        if (script_is_dialled(&script, 3))
            script_refuse(&script, 3);
    }
    script_close(&script);
}

Test(search, a_leader_that_does_not_greet_holds_nothing_up)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    struct client_options options = {.endpoints = only_n1, .endpoints_count = 1};
    script_open_with(&script, &options);
    know_leader(&script, 2);
    script_welcome(&script, 1);
    script_get(&script, 0, &get);
    cr_assert(script_is_dialled(&script, 2));
    cr_assert(script_is_silent(&script, 1), "most leaders greet at once");
    script_advance(&script, 350000);
    cr_assert(script_hear(&script, 1, &heard), "node 1 may know better by now");
    script_answer_err(&script, 1, &heard, GRID_ERR_NOT_LEADER, 3);
    script_welcome(&script, 3);
    answer_found(&script, 3);
    cr_expect_eq(get.err, GRID_ERR_OK);
    script_close(&script);
}

Test(search, a_node_whose_forwarded_port_fails_is_dialled_at_its_own_address)
{
    static const char *const forwarded[] = {"n2:7400"};
    const struct client_options options = {.endpoints = forwarded, .endpoints_count = 1};
    const struct message_welcome welcome = {.protocol = 1, .cluster = bytes_of_text("test"), .node = {1}};
    struct script script;
    struct outcome get;
    struct heard heard;
    script_open_with(&script, &options);
    script_welcome_as(&script, 2, &welcome);
    script_get(&script, 2, &get);
    script_welcome(&script, 3);
    answer_found(&script, 3);
    script_get(&script, 0, &get);
    cr_assert(script_hear(&script, 2, &heard));
    cr_expect_not(script_is_dialled(&script, 1), "it is connected already");
    script_cut(&script, 2);
    script_advance(&script, 100000);
    cr_assert(script_hear(&script, 3, &heard));
    script_answer_err(&script, 3, &heard, GRID_ERR_NOT_LEADER, 1);
    cr_assert(script_is_dialled(&script, 1));
    script_welcome(&script, 1);
    answer_found(&script, 1);
    cr_expect_eq(get.err, GRID_ERR_OK);
    script_close(&script);
}

Test(search, a_node_that_moves_is_dialled_where_it_is_now_and_nowhere_before)
{
    static const char *const forwarded[] = {"n2:7400"};
    const struct client_options options = {.endpoints = forwarded, .endpoints_count = 1};
    const struct message_welcome welcome = {.protocol = 1, .cluster = bytes_of_text("test"), .node = {1}};
    struct script script;
    struct outcome get;
    struct conn *conn;
    char place[16];
    script_open_with(&script, &options);
    know_leader(&script, 1);
    script_welcome_as(&script, 2, &welcome);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(place, sizeof place, "m%u:7400", i);
        script.first_at = place;
        script_table(&script, 2);
    }
    script_cut(&script, 2);
    script_get(&script, 0, &get);
    for (unsigned tries = 0; tries < 20; tries++) {
        script_advance(&script, 500000);
        for (unsigned i = 0; i < 4; i++) {
            snprintf(place, sizeof place, "m%u:7400", i);
            cr_assert_null(fake_transport_dialled(&script.transport, place), "%s", place);
        }
        if ((conn = fake_transport_dialled(&script.transport, "m4:7400")) != NULL)
            break;
    }
    cr_assert_not_null(conn, "its last address is never dialled");
    script_close(&script);
}

Test(search, the_outcome_says_which_node_knew_no_leader_and_for_how_long)
{
    struct script script;
    struct outcome get;
    struct heard heard;
    open_on_a_leaderless_node(&script, 400);
    script_get(&script, 2, &get);
    cr_assert(script_hear(&script, 1, &heard));
    say_leaderless(&script, 1, &heard, 7000);
    script_advance(&script, 500000);
    cr_assert_eq(get.calls, 1);
    cr_expect_eq(get.err, GRID_ERR_UNAVAILABLE);
    cr_expect_str_eq(get.note, "the deadline passed; node 1 had known no leader of partition 2 for 7000 ms");
    script_close(&script);
}

/* ---- patience */

/* Node 1 answers what it hears `latency_us` later. Returns how many requests reached it until the outcome was there. */
static uint32_t answer_late(struct script *script, struct outcome *outcome, uint64_t latency_us)
{
    struct heard waiting[32];
    uint64_t due[32], now = 0;
    uint32_t heard = 0, answered = 0;
    for (; outcome->calls == 0 && heard < 30 && now < 20 * 1000000; now += 5000) {
        while (heard < 30 && script_is_up(script, 1) && script_hear(script, 1, &waiting[heard]))
            due[heard++] = now + latency_us;
        for (; answered < heard && due[answered] <= now && script_is_up(script, 1); answered++) {
            struct response response = {.found = true, .session = waiting[answered].type == FRAME_COMMAND ? 50 : 0};
            script_answer(script, 1, &waiting[answered], &response);
        }
        if (outcome->calls == 0)
            script_advance(script, 5000);
    }
    return heard;
}

static void open_impatient(struct script *script, uint64_t attempt_ms, uint64_t deadline_ms)
{
    struct client_options options = {.endpoints = only_n1, .endpoints_count = 1, .attempt_ms = attempt_ms,
                                     .deadline_ms = deadline_ms};
    script_open_with(script, &options);
    know_leader(script, 1);
    script_welcome(script, 1);
}

Test(patience, an_attempt_time_below_the_latency_grows_until_an_answer_fits)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 20, 5000);
    script_get(&script, 0, &get);
    uint32_t attempts = answer_late(&script, &get, 150000);
    cr_assert_eq(get.calls, 1);
    cr_expect_eq(get.err, GRID_ERR_OK);
    cr_expect_leq(attempts, 5, "20, 40, 80, 160 ms: %u attempts", attempts);
    cr_expect(script_is_up(&script, 1), "a slow node is not given up");
    script_close(&script);
}

Test(patience, what_answers_take_is_learned_so_that_later_requests_are_sent_once)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 20, 5000);
    script_get(&script, 0, &get);
    answer_late(&script, &get, 150000);
    cr_assert_eq(get.err, GRID_ERR_OK);
    for (int i = 0; i < 5; i++) {
        struct heard heard;
        while (script_hear(&script, 1, &heard))
            continue;
        script_get(&script, 0, &get);
        cr_expect_eq(answer_late(&script, &get, 150000), 1);
        cr_expect_eq(get.err, GRID_ERR_OK);
    }
    script_close(&script);
}

Test(patience, a_write_to_a_node_that_is_slower_than_every_attempt_succeeds_within_its_deadline)
{
    struct script script;
    struct outcome set;
    open_impatient(&script, 2000, 60000);
    script_set(&script, 0, &set);
    for (int lives = 0; lives < 8 && set.calls == 0; lives++) {
        answer_late(&script, &set, 5000000);
        for (int i = 0; i < 400 && set.calls == 0 && !script_is_up(&script, 1); i++) {
            script_advance(&script, 5000);
            if (script_is_dialled(&script, 1))
                script_welcome(&script, 1);
        }
    }
    cr_assert_eq(set.calls, 1);
    cr_expect_eq(set.err, GRID_ERR_OK);
    script_close(&script);
}

Test(patience, a_node_that_greets_late_is_waited_for_longer_each_time)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 0, 30000);
    script_cut(&script, 1);
    script_get(&script, 0, &get);
    for (int i = 0; i < 4000 && get.calls == 0; i++) {
        struct conn *dialled = fake_transport_dialled(&script.transport, "n1:7400");
        if (dialled != NULL) {
            fake_conn_open(dialled);
            script_advance(&script, 2500000);
            if (script_is_up(&script, 1)) {
                cr_expect(true);
                break;
            }
        }
        script_advance(&script, 5000);
    }
    cr_expect(script_is_up(&script, 1), "2.5 s after it was reached it is still waited for");
    script_close(&script);
}

/* ---- nodes without room */

static void let_go(struct script *script, uint32_t node)
{
    static const struct heard nobody;
    struct response response = {.err = GRID_ERR_BUSY, .note = bytes_of_text("idle")};
    script_answer(script, node, &nobody, &response);
    script_cut(script, node);
}

static bool any_dialled(struct script *script)
{
    return script_is_dialled(script, 1) || script_is_dialled(script, 2) || script_is_dialled(script, 3);
}

Test(room, a_client_that_is_let_go_dials_again_with_its_next_request)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 0, 5000);
    let_go(&script, 1);
    for (int i = 0; i < 1000; i++) {
        script_advance(&script, 5000);
        cr_assert_not(any_dialled(&script), "it has nothing to ask, and its place is wanted");
    }
    script_get(&script, 0, &get);
    cr_assert(script_is_dialled(&script, 1));
    script_welcome(&script, 1);
    answer_found(&script, 1);
    cr_expect_eq(get.err, GRID_ERR_OK);
    script_close(&script);
}

Test(room, a_client_that_is_let_go_in_the_middle_of_a_request_dials_at_once)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 0, 5000);
    script_get(&script, 0, &get);
    let_go(&script, 1);
    for (int i = 0; i < 200 && !any_dialled(&script); i++)
        script_advance(&script, 5000);
    cr_expect(any_dialled(&script));
    script_close(&script);
}

Test(room, requests_that_wait_for_a_node_without_room_end_as_busy_and_say_where)
{
    struct script script;
    struct outcome get;
    open_impatient(&script, 0, 2000);
    script_cut(&script, 1);
    script_get(&script, 0, &get);
    for (int i = 0; i < 1000 && get.calls == 0; i++) {
        struct conn *dialled = fake_transport_dialled(&script.transport, "n1:7400");
        if (dialled != NULL) {
            fake_conn_open(dialled);
            script_run(&script);
            static const struct heard nobody;
            script_answer(&script, 1, &nobody, &(struct response){.err = GRID_ERR_BUSY});
        }
        script_advance(&script, 5000);
    }
    cr_assert_eq(get.calls, 1);
    cr_expect_eq(get.err, GRID_ERR_BUSY);
    cr_expect_str_eq(get.note, "no room until the deadline passed: the node at n1:7400 takes no further connections");
    cr_expect_eq(client_totals(script.client).malformed, 0, "a refusal is no damage");
    script_close(&script);
}
