/* The client says why it reaches no node, as soon as waiting cannot help; it waits for a node that starts (R2). */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/client/core/script.h"

enum { STEP_US = 20000 };

static const char *const one[] = {"n1:7400"};
static const char *const both[] = {"n1:7400", "n2:7400"};

static void open_to(struct script *script, const char *const *endpoints, size_t count)
{
    struct client_options options = {.endpoints = endpoints, .endpoints_count = count, .deadline_ms = 60000};
    script_open_with(script, &options);
}

static void reach(struct script *script, struct outcome *outcome)
{
    struct client_call call = script_call(outcome);
    client_reach(script->client, &call);
    script_run(script);
    cr_assert_eq(outcome->calls, 0);
}

/* What stands at a node's address: how the connection ends before it is up, or what is said when it is. */
struct place { enum grid_err refusal; const char *says; bool silent, mute; };   /* mute: accepts and says nothing */

static void play(struct script *script, const char *address, const struct place *place)
{
    struct conn *conn = fake_transport_dialled(&script->transport, address);
    if (conn == NULL || place->silent)
        return;
    if (place->refusal != GRID_ERR_OK) {
        fake_conn_end(conn, place->refusal);
    } else {
        fake_conn_open(conn);
        script_run(script);
        if (place->mute)
            return;
        if (place->says[0] != 0)
            fake_conn_say(conn, bytes_of_text(place->says));
        else
            fake_conn_end(conn, GRID_ERR_CLOSED);
    }
    script_run(script);
}

/* Until the outcome is there; how much time passed, in milliseconds. */
static uint64_t play_all(struct script *script, const struct place *first, const struct place *second, struct outcome *outcome)
{
    uint64_t begun_us = script->clock.now_us;
    while (outcome->calls == 0 && script->clock.now_us - begun_us < 100 * 1000000) {
        play(script, "n1:7400", first);
        if (second != NULL)
            play(script, "n2:7400", second);
        if (outcome->calls == 0)
            script_advance(script, STEP_US);
    }
    cr_assert_eq(outcome->calls, 1);
    return (script->clock.now_us - begun_us) / 1000;
}

static bool says(const struct outcome *outcome, const char *text)
{
    return strstr(outcome->note, text) != NULL;
}

Test(faults, endpoints_that_refuse_are_told_after_the_second_in_which_a_node_may_start)
{
    struct place refuses = {.refusal = GRID_ERR_REFUSED};
    struct script script;
    struct outcome got;
    open_to(&script, both, 2);
    reach(&script, &got);
    uint64_t took_ms = play_all(&script, &refuses, &refuses, &got);
    cr_expect_eq(got.err, GRID_ERR_UNAVAILABLE);
    cr_expect(took_ms >= 1000 && took_ms < 2000, "%llu ms", (unsigned long long)took_ms);
    cr_expect(says(&got, "n1:7400, n2:7400: connection refused"), "%s", got.note);
    script_close(&script);
}

Test(faults, a_node_that_starts_within_that_second_is_waited_for)
{
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    reach(&script, &got);
    for (uint64_t waited = 0; waited < 900000; waited += STEP_US) {
        struct conn *conn = fake_transport_dialled(&script.transport, "n1:7400");
        if (conn != NULL && waited > 600000) {
            script_welcome(&script, 1);
            break;
        }
        if (conn != NULL)
            fake_conn_end(conn, GRID_ERR_REFUSED);
        script_advance(&script, STEP_US);
    }
    cr_expect(got.calls == 1 && got.err == GRID_ERR_OK);
    script_close(&script);
}

Test(faults, what_waiting_does_not_mend_is_told_at_once)
{
    struct place ssh = {.says = "SSH-2.0-x\r\n"}, unknown = {.refusal = GRID_ERR_NOT_FOUND};
    struct script script;
    struct outcome got;
    open_to(&script, both, 2);
    reach(&script, &got);
    cr_expect_lt(play_all(&script, &ssh, &unknown, &got), 500);
    cr_expect_eq(got.err, GRID_ERR_UNAVAILABLE);
    cr_expect(says(&got, "n1:7400: an SSH server answers") && says(&got, "n2:7400: no host has this name"), "%s", got.note);
    script_close(&script);
}

Test(faults, one_endpoint_that_works_is_enough)
{
    struct place ssh = {.says = "SSH-2.0-x\r\n"};
    struct script script;
    struct outcome got;
    open_to(&script, both, 2);
    reach(&script, &got);
    for (int i = 0; i < 100 && got.calls == 0; i++) {
        play(&script, "n1:7400", &ssh);
        if (got.calls == 0 && script_is_dialled(&script, 2))
            script_welcome(&script, 2);
        script_advance(&script, STEP_US);
    }
    cr_expect(got.calls == 1 && got.err == GRID_ERR_OK, "%s", got.note);
    script_close(&script);
}

Test(faults, a_server_that_closes_is_asked_by_http_and_tls_what_it_is)
{
    struct script script;
    struct outcome got;
    char heard[3][24] = {"", "", ""};
    open_to(&script, one, 1);
    reach(&script, &got);
    for (int attempt = 0; attempt < 3; attempt++) {
        struct conn *conn;
        while ((conn = fake_transport_dialled(&script.transport, "n1:7400")) == NULL)
            script_advance(&script, STEP_US);
        fake_conn_open(conn);
        script_run(&script);
        struct buffer *out = fake_conn_heard(conn);
        memcpy(heard[attempt], out->data, 16);
        if (attempt < 2)
            fake_conn_end(conn, GRID_ERR_CLOSED);
        else
            fake_conn_say(conn, bytes_of("\x15\x03\x03\x00\x02\x02\x28", 7));
        script_run(&script);
    }
    cr_expect_eq(heard[0][9], FRAME_HELLO);
    cr_expect_eq(strncmp(heard[1], "GET /health/live", 16), 0);
    cr_expect_eq(memcmp(heard[2], "\x16\x03\x01", 3), 0);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_UNAVAILABLE && says(&got, "a TLS server answers"), "%s", got.note);
    script_close(&script);
}

Test(faults, a_metrics_port_stays_one_while_other_endpoints_are_tried)
{
    struct place refuses = {.refusal = GRID_ERR_REFUSED};
    struct script script;
    struct outcome got;
    open_to(&script, both, 2);
    reach(&script, &got);
    for (int i = 0; i < 200 && got.calls == 0; i++) {
        struct conn *conn = fake_transport_dialled(&script.transport, "n1:7400");
        if (conn != NULL) {
            fake_conn_open(conn);
            script_run(&script);
            if (fake_conn_heard(conn)->data[0] == 'G')
                fake_conn_say(conn, bytes_of_text("HTTP/1.1 200 OK\r\nServer: Gridiron/0.1.0\r\n\r\n"));
            else
                fake_conn_end(conn, GRID_ERR_CLOSED);
            script_run(&script);
        }
        play(&script, "n2:7400", &refuses);
        script_advance(&script, STEP_US);
    }
    cr_expect(got.calls == 1 && says(&got, "n1:7400: this is the metrics port of a node"), "%s", got.note);
    script_close(&script);
}

Test(faults, a_silent_endpoint_gets_a_second_longer_chance)
{
    struct place silent = {.silent = true};
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    reach(&script, &got);
    uint64_t took_ms = play_all(&script, &silent, NULL, &got);
    cr_expect(took_ms >= 2000 && took_ms < 5000, "%llu ms", (unsigned long long)took_ms);
    cr_expect(says(&got, "n1:7400: no answer"), "%s", got.note);
    script_close(&script);
}

/* A greeting of a second, and two questions in other protocols. */
Test(faults, one_that_accepts_and_says_nothing_is_named_within_two_seconds)
{
    struct place mute = {.mute = true};
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    reach(&script, &got);
    uint64_t took_ms = play_all(&script, &mute, NULL, &got);
    cr_expect(took_ms >= 1500 && took_ms < 2000, "%llu ms", (unsigned long long)took_ms);
    cr_expect(says(&got, "n1:7400: the connection is accepted and nothing is said"), "%s", got.note);
    script_close(&script);
}

/* Once it gets to work it ends what is no request; a TLS record looks like the beginning of a long one. */
Test(faults, a_node_that_is_slow_ends_the_probe_and_is_greeted_again)
{
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    reach(&script, &got);
    for (int attempt = 0; attempt < 4; attempt++) {
        static const uint8_t begins[] = {0, 'G', 0x16};
        struct conn *conn;
        while ((conn = fake_transport_dialled(&script.transport, "n1:7400")) == NULL)
            script_advance(&script, STEP_US);
        cr_assert_eq(got.calls, 0, "%s", got.note);
        if (attempt == 3)
            break;
        fake_conn_open(conn);
        script_run(&script);
        cr_expect(attempt == 0 || fake_conn_heard(conn)->data[0] == begins[attempt]);
        if (attempt == 1)
            fake_conn_end(conn, GRID_ERR_CLOSED);
    }
    script_welcome(&script, 1);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_OK, "%s", got.note);
    script_close(&script);
}

Test(faults, other_requests_wait_for_their_deadline_and_then_say_why)
{
    struct place refuses = {.refusal = GRID_ERR_REFUSED};
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    script_get(&script, 0, &got);
    cr_expect_geq(play_all(&script, &refuses, NULL, &got), 60000);
    cr_expect_eq(got.err, GRID_ERR_UNAVAILABLE);
    cr_expect(says(&got, "the deadline passed; n1:7400: connection refused"), "%s", got.note);
    script_close(&script);
}

Test(faults, requests_of_a_client_that_was_connected_say_why_it_is_no_more)
{
    struct place refuses = {.refusal = GRID_ERR_REFUSED};
    struct script script;
    struct outcome got;
    open_to(&script, one, 1);
    script_welcome(&script, 1);
    script_cut(&script, 1);
    script_get(&script, 0, &got);
    for (int i = 0; i < 4000 && got.calls == 0; i++) {
        play(&script, "n1:7400", &refuses);
        play(&script, "n2:7400", &refuses);
        play(&script, "n3:7400", &refuses);
        script_advance(&script, STEP_US);
    }
    cr_expect(got.calls == 1 && says(&got, "n1:7400, n2:7400, n3:7400: connection refused"), "%s", got.note);
    script_close(&script);
}

/* ---- clusters */

static struct message_welcome welcome_of(const struct uuid *uuid, const char *name)
{
    return (struct message_welcome){.protocol = 1, .cluster = bytes_of_text(name), .cluster_uuid = uuid_bytes(uuid)};
}

Test(faults, an_endpoint_of_another_cluster_is_told_though_the_first_would_do)
{
    static const char *const endpoints[] = {"n1:7400", "other:1"};
    struct uuid ours = uuid_of_name(bytes_of_text("ours"));
    struct script script;
    struct outcome got;
    struct buffer body = {0}, out = {0};
    open_to(&script, endpoints, 2);
    reach(&script, &got);
    while (!script_is_dialled(&script, 1))
        script_advance(&script, STEP_US);
    struct message_welcome welcome = welcome_of(&ours, "shop");
    script_welcome_as(&script, 1, &welcome);
    cr_expect_eq(got.calls, 0, "other:1 has not said who it is");
    struct conn *conn = fake_transport_dialled(&script.transport, "other:1");
    cr_assert_not_null(conn);
    fake_conn_open(conn);
    script_run(&script);
    struct uuid theirs = uuid_of_name(bytes_of_text("theirs"));
    uint32_t leader = 1;
    struct message_member member = {.node = {1}, .client_address = bytes_of_text("other:1")};
    welcome = welcome_of(&theirs, "mart");
    welcome.node.value = 1;
    welcome.table = (struct message_table){.version = 1, .partitions = 1, .members = &member, .members_count = 1, .leaders = &leader,
                                           .leaders_count = 1};
    welcome_encode(&welcome, &body);
    frame_append(&out, &(struct frame){.type = FRAME_WELCOME, .partition = FRAME_PARTITION_NONE, .body = buffer_bytes(&body)});
    fake_conn_say(conn, buffer_bytes(&out));
    script_run(&script);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_INVALID && says(&got, "other:1: it belongs to cluster mart"), "%s", got.note);
    buffer_close(&body);
    buffer_close(&out);
    script_close(&script);
}

Test(faults, an_alias_that_nothing_answers_holds_nobody_up_for_long)
{
    static const char *const endpoints[] = {"n1:7400", "alias:1"};
    struct script script;
    struct outcome got;
    open_to(&script, endpoints, 2);
    reach(&script, &got);
    while (!script_is_dialled(&script, 1))
        script_advance(&script, STEP_US);
    script_welcome(&script, 1);
    for (int i = 0; i < 20 && got.calls == 0; i++)
        script_advance(&script, STEP_US);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_OK, "%s", got.note);
    script_close(&script);
}

Test(faults, a_client_of_a_named_cluster_takes_no_node_of_another)
{
    struct uuid ours = uuid_of_name(bytes_of_text("ours")), theirs = uuid_of_name(bytes_of_text("theirs"));
    struct client_options options = {.endpoints = one, .endpoints_count = 1, .cluster_uuid = &ours};
    struct script script;
    struct outcome got;
    script_open_with(&script, &options);
    reach(&script, &got);
    struct message_welcome welcome = welcome_of(&theirs, "mart");
    script_welcome_as(&script, 1, &welcome);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_INVALID && says(&got, uuid_text_of(ours).text) && says(&got, uuid_text_of(theirs).text), "%s",
              got.note);
    script_close(&script);
    script_open_with(&script, &options);
    reach(&script, &got);
    welcome = welcome_of(&ours, "shop");
    script_welcome_as(&script, 1, &welcome);
    cr_expect(got.calls == 1 && got.err == GRID_ERR_OK);
    script_close(&script);
}
