/* Connecting, routing, sessions, pipelining. Requests that fail or are repeated: test_outcomes.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/uuid.h"
#include "tests/unit/client/core/script.h"

static uint32_t first_dialled(struct script *script)
{
    return script_is_dialled(script, 1) ? 1 : 2;
}

/* Opened and greeted by all nodes that lead something that is asked for. */
static void open_greeted(struct script *script)
{
    script_open(script);
    script_welcome(script, first_dialled(script));
}

static void reach_node(struct script *script, uint32_t node)
{
    if (!script_is_up(script, node))
        script_welcome(script, node);
}

Test(core, learns_the_cluster_from_the_first_node_that_answers)
{
    struct script script;
    struct outcome ready;
    size_t members;
    script_open(&script);
    struct client_call call = script_call(&ready);
    client_ready(script.client, &call);
    script_run(&script);
    cr_expect_eq(ready.calls, 0);
    cr_expect_eq(client_partitions(script.client), 0);
    script_welcome(&script, first_dialled(&script));
    cr_expect_eq(ready.calls, 1);
    cr_expect_eq(ready.err, GRID_ERR_OK);
    cr_expect_eq(client_partitions(script.client), SCRIPT_PARTITIONS);
    client_members(script.client, &members);
    cr_expect_eq(members, SCRIPT_NODES);
    cr_expect_eq(client_leader(script.client, (struct partition_id){2}).value, 3);
    cr_expect_str_eq(client_cluster(script.client), "test");
    script_close(&script);
}

Test(core, tries_the_next_endpoint_when_one_refuses)
{
    struct script script;
    script_open(&script);
    uint32_t first = first_dialled(&script);
    script_refuse(&script, first);
    cr_assert(script_is_dialled(&script, 3 - first), "at once, not after a pause");
    script_welcome(&script, 3 - first);
    cr_expect_eq(client_partitions(script.client), SCRIPT_PARTITIONS);
    script_close(&script);
}

Test(core, tries_the_next_endpoint_beside_one_that_is_silent)
{
    struct script script;
    script_open(&script);
    uint32_t first = first_dialled(&script);
    cr_assert_not(script_is_dialled(&script, 3 - first));
    script_advance(&script, 200000);
    cr_assert(script_is_dialled(&script, 3 - first));
    script_close(&script);
}

Test(core, dials_again_when_all_have_refused)
{
    struct script script;
    script_open(&script);
    for (int round = 0; round < 6; round++) {
        uint32_t node = first_dialled(&script);
        script_refuse(&script, node);
        if (!script_is_dialled(&script, 1) && !script_is_dialled(&script, 2))
            script_advance(&script, 1200000);
    }
    script_welcome(&script, first_dialled(&script));
    cr_expect_eq(client_partitions(script.client), SCRIPT_PARTITIONS);
    script_close(&script);
}

Test(core, sends_a_key_to_the_leader_of_its_partition)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_greeted(&script);
    script_get(&script, 2, &got);
    script_welcome(&script, 3);
    cr_assert(script_hear(&script, 3, &heard));
    cr_expect_eq(heard.type, FRAME_QUERY);
    cr_expect_eq(heard.partition, 2);
    cr_expect_eq(heard.query.kind, QUERY_GET);
    struct response response = {.found = true, .value = bytes_of_text("v"), .version = 9};
    script_answer(&script, 3, &heard, &response);
    cr_expect_eq(got.calls, 1);
    cr_expect_eq(got.err, GRID_ERR_OK);
    cr_expect_eq(got.version, 9);
    cr_expect_str_eq(got.value, "v");
    script_close(&script);
}

Test(core, a_node_of_another_cluster_is_turned_away)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_greeted(&script);
    script_get(&script, 2, &got);
    script_welcome_to(&script, 3, "stranger");
    cr_expect_not(script_is_up(&script, 3));
    cr_expect_eq(got.calls, 0);
    cr_expect_str_eq(client_cluster(script.client), "test");
    /* The right one comes back to that address. */
    while (!script_is_dialled(&script, 3))
        script_advance(&script, 200000);
    script_welcome(&script, 3);
    while (!script_hear(&script, 3, &heard))
        script_advance(&script, 200000);
    cr_expect_eq(heard.type, FRAME_QUERY);
    struct response response = {.found = true, .value = bytes_of_text("v"), .version = 9};
    script_answer(&script, 3, &heard, &response);
    cr_expect_str_eq(got.value, "v");
    script_close(&script);
}

static struct message_welcome welcome_of(struct uuid *uuid, const char *name)
{
    struct message_welcome welcome = {.protocol = 1, .cluster = bytes_of_text(name), .protocols = {1, 9}, .cluster_uuid = uuid_bytes(uuid),
                                      .features = {.names = {bytes_of_text("lz4"), bytes_of_text("teleport")}, .count = 2}};
    return welcome;
}

/* Names are for people: the UUID decides, and a name may change while the cluster is restarted node by node. */
Test(core, the_uuid_tells_clusters_apart_not_the_name)
{
    static const char *const endpoints[] = {"n1:7400", "n2:7400", "n3:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 3};
    struct uuid ours = uuid_of_name(bytes_of_text("ours")), theirs = uuid_of_name(bytes_of_text("theirs"));
    struct script script;
    struct outcome got;
    script_open_with(&script, &options);
    script_get(&script, 2, &got);
    struct message_welcome welcome = welcome_of(&ours, "shop");
    script_welcome_as(&script, 1, &welcome);
    cr_assert(script_is_up(&script, 1));
    while (!script_is_dialled(&script, 3))
        script_advance(&script, 200000);
    welcome = welcome_of(&theirs, "shop");
    script_welcome_as(&script, 3, &welcome);
    cr_expect_not(script_is_up(&script, 3), "the same name and another UUID");
    while (!script_is_dialled(&script, 3))
        script_advance(&script, 200000);
    welcome = welcome_of(&ours, "renamed");
    script_welcome_as(&script, 3, &welcome);
    cr_expect(script_is_up(&script, 3), "another name and the same UUID");
    script_close(&script);
}

Test(core, says_which_endpoint_belongs_to_another_cluster)
{
    static const char *const endpoints[] = {"n1:7400", "n2:7400", "n3:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 3};
    struct uuid ours = uuid_of_name(bytes_of_text("ours")), theirs = uuid_of_name(bytes_of_text("theirs"));
    struct script script;
    struct outcome got;
    script_open_with(&script, &options);
    script_get(&script, 2, &got);
    struct message_welcome welcome = welcome_of(&ours, "shop");
    script_welcome_as(&script, 1, &welcome);
    for (int i = 0; i < 60 && got.calls == 0; i++) {
        welcome = welcome_of(&theirs, "mart");
        if (script_is_dialled(&script, 3))
            script_welcome_as(&script, 3, &welcome);
        script_advance(&script, 200000);
    }
    cr_assert_eq(got.calls, 1);
    cr_assert_eq(got.err, GRID_ERR_UNAVAILABLE);
    cr_expect(strstr(got.note, "n3:7400: it belongs to cluster mart") != NULL && strstr(got.note, uuid_text_of(theirs).text) != NULL, "%s", got.note);
    script_close(&script);
}

Test(core, affinity_places_a_key)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_greeted(&script);
    struct client_key key = {.key = script_key(0).key, .affinity = script_key(2).key};
    struct client_call call = script_call(&got);
    client_map_get(script.client, bytes_of_text("m"), &key, &call);
    script_run(&script);
    script_welcome(&script, 3);
    cr_assert(script_hear(&script, 3, &heard));
    cr_expect_eq(heard.partition, 2);
    cr_expect(bytes_equal(heard.query.affinity, key.affinity));
    script_close(&script);
}

Test(core, requests_made_before_the_first_welcome_wait_for_it)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    script_open(&script);
    script_get(&script, first_dialled(&script) - 1, &got);
    uint32_t node = first_dialled(&script);
    script_welcome(&script, node);
    cr_assert(script_hear(&script, node, &heard));
    cr_expect_eq(heard.type, FRAME_QUERY);
    script_close(&script);
}

Test(core, several_writes_wait_for_one_session_and_leave_in_order)
{
    struct script script;
    struct outcome set[3];
    struct heard heard;
    open_greeted(&script);
    for (int i = 0; i < 3; i++)
        script_set(&script, 0, &set[i]);
    reach_node(&script, 1);
    script_session(&script, 1, 77);
    for (uint64_t i = 1; i <= 3; i++) {
        cr_assert(script_hear(&script, 1, &heard));
        cr_expect_eq(heard.command.kind, COMMAND_MAP);
        cr_expect_eq(heard.command.session, 77);
        cr_expect_eq(heard.command.sequence, i);
        cr_expect_eq(heard.command.acknowledged_below, 1);
        struct response response = {.version = 100 + i};
        script_answer(&script, 1, &heard, &response);
        cr_expect_eq(set[i - 1].calls, 1);
        cr_expect_eq(set[i - 1].version, 100 + i);
    }
    cr_expect(script_is_silent(&script, 1));
    script_close(&script);
}

Test(core, acknowledges_what_is_answered_and_not_beyond_a_hole)
{
    struct script script;
    struct outcome set[4];
    struct heard first, second, heard;
    open_greeted(&script);
    script_set(&script, 0, &set[0]);
    reach_node(&script, 1);
    script_session(&script, 1, 5);
    script_set(&script, 0, &set[1]);
    cr_assert(script_hear(&script, 1, &first));
    cr_assert(script_hear(&script, 1, &second));
    struct response response = {.version = 1};
    script_answer(&script, 1, &second, &response);
    script_set(&script, 0, &set[2]);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.acknowledged_below, 1, "the first is not answered");
    script_answer(&script, 1, &first, &response);
    script_set(&script, 0, &set[3]);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.sequence, 4);
    cr_expect_eq(heard.command.acknowledged_below, 3);
    script_close(&script);
}

Test(core, partitions_have_sessions_of_their_own)
{
    struct script script;
    struct outcome set[2];
    struct heard heard;
    open_greeted(&script);
    script_set(&script, 0, &set[0]);
    script_set(&script, 3, &set[1]);
    reach_node(&script, 1);
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.kind, COMMAND_OPEN_SESSION);
    uint32_t partition = heard.partition;
    cr_assert(script_hear(&script, 1, &heard));
    cr_expect_eq(heard.command.kind, COMMAND_OPEN_SESSION);
    cr_expect_neq(heard.partition, partition);
    script_close(&script);
}

Test(core, the_window_bounds_the_distance_to_the_oldest_unanswered_write)
{
    enum { WRITES = CLIENT_WINDOW + 20 };
    struct script script;
    static struct outcome set[WRITES];
    static struct heard heard[WRITES];
    open_greeted(&script);
    for (int i = 0; i < WRITES; i++)
        script_set(&script, 0, &set[i]);
    reach_node(&script, 1);
    script_session(&script, 1, 5);
    int sent = 0;
    while (script_hear(&script, 1, &heard[sent]))
        sent++;
    cr_assert_eq(sent, CLIENT_WINDOW);
    struct response response = {.version = 1};
    for (int i = 1; i < 10; i++)
        script_answer(&script, 1, &heard[i], &response);
    cr_expect(script_is_silent(&script, 1), "the oldest is not answered");
    script_answer(&script, 1, &heard[0], &response);
    while (script_hear(&script, 1, &heard[sent]))
        sent++;
    cr_expect_eq(sent, CLIENT_WINDOW + 10);
    script_close(&script);
}

Test(core, a_full_connection_is_not_written_to_until_it_drains)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_greeted(&script);
    uint32_t node = script_is_up(&script, 1) ? 1 : 2;
    script.transport.pending = 100u << 20;
    script_get(&script, node - 1, &got);
    cr_expect(script_is_silent(&script, node));
    script.transport.pending = 0;
    fake_conn_drain(fake_transport_up(&script.transport, node == 1 ? "n1:7400" : "n2:7400"));
    script_run(&script);
    cr_expect(script_hear(&script, node, &heard));
    script_close(&script);
}

Test(core, a_pushed_table_moves_what_is_sent_from_then_on)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    open_greeted(&script);
    uint32_t node = script_is_up(&script, 1) ? 1 : 2;
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        script.leaders[i] = node;
    script_table(&script, node);
    script_get(&script, 2, &got);
    cr_assert(script_hear(&script, node, &heard));
    cr_expect_eq(heard.partition, 2);
    script_close(&script);
}

Test(core, asks_a_node_about_itself)
{
    struct script script;
    struct outcome status;
    struct heard heard;
    open_greeted(&script);
    struct client_call call = script_call(&status);
    client_admin(script.client, (struct node_id){3}, ADMIN_STATUS, &call);
    script_run(&script);
    script_welcome(&script, 3);
    cr_assert(script_hear(&script, 3, &heard));
    cr_expect_eq(heard.type, FRAME_ADMIN);
    struct admin_response response = {.has_status = true, .status = {.node = {3}, .state = bytes_of_text("ready")}};
    script_admin(&script, 3, &heard, &response);
    cr_expect_eq(status.calls, 1);
    cr_expect_eq(status.err, GRID_ERR_OK);
    cr_expect_str_eq(status.state, "ready");

    call = script_call(&status);
    client_admin(script.client, (struct node_id){9}, ADMIN_STATUS, &call);
    script_run(&script);
    cr_expect_eq(status.err, GRID_ERR_NOT_FOUND);
    script_close(&script);
}

Test(core, a_node_that_refuses_connections_is_told_at_once)
{
    struct script script;
    struct outcome status;
    open_greeted(&script);
    struct client_call call = script_call(&status);
    client_admin(script.client, (struct node_id){3}, ADMIN_STATUS, &call);
    script_run(&script);
    script_refuse(&script, 3);
    cr_expect_eq(status.calls, 1);
    cr_expect_eq(status.err, GRID_ERR_UNAVAILABLE);
    call = script_call(&status);
    client_admin(script.client, (struct node_id){3}, ADMIN_STATUS, &call);
    script_run(&script);
    cr_expect_eq(status.err, GRID_ERR_UNAVAILABLE, "also right after");
    script_close(&script);
}

Test(core, a_map_has_the_size_of_all_its_partitions)
{
    struct script script;
    struct outcome size;
    struct heard heard;
    open_greeted(&script);
    struct client_call call = script_call(&size);
    client_map_size(script.client, bytes_of_text("m"), &call);
    script_run(&script);
    for (uint32_t node = 1; node <= SCRIPT_NODES; node++) {
        reach_node(&script, node);
        while (script_hear(&script, node, &heard)) {
            cr_expect_eq(heard.query.kind, QUERY_SIZE);
            struct response response = {.count = 10 + heard.partition};
            script_answer(&script, node, &heard, &response);
        }
    }
    cr_expect_eq(size.calls, 1);
    cr_expect_eq(size.err, GRID_ERR_OK);
    cr_expect_eq(size.count, 10 + 11 + 12 + 13);
    script_close(&script);
}

Test(core, keeps_one_connection_per_node)
{
    struct script script;
    struct outcome got[SCRIPT_PARTITIONS];
    open_greeted(&script);
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        script_get(&script, i, &got[i]);
    for (uint32_t node = 1; node <= SCRIPT_NODES; node++)
        reach_node(&script, node);
    script_advance(&script, 1000000);
    cr_expect_eq(script.transport.dialled, SCRIPT_NODES);
    script_close(&script);
}

Test(core, gives_its_sessions_back_when_it_closes)
{
    struct script script;
    struct outcome set;
    struct heard heard;
    open_greeted(&script);
    script_set(&script, 0, &set);
    reach_node(&script, 1);
    script_session(&script, 1, 42);
    cr_assert(script_hear(&script, 1, &heard));
    struct response response = {.version = 1};
    script_answer(&script, 1, &heard, &response);
    struct conn *conn = fake_transport_up(&script.transport, "n1:7400");
    client_close(script.client);
    script.client = NULL;
    struct frame frame;
    size_t size;
    struct command command;
    cr_assert_eq(frame_parse(buffer_bytes(fake_conn_heard(conn)), FRAME_BODY_BYTES_MAX, &frame, &size), FRAME_OK);
    cr_assert_eq(command_decode(frame.body, &script.arena, &command), GRID_ERR_OK);
    cr_expect_eq(command.kind, COMMAND_CLOSE_SESSION);
    cr_expect_eq(command.session, 42);
    script_close(&script);
}
