/* What clients.h promises, between a fake transport and callbacks. Node 1, with two partitions. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/ports/clients.h"
#include "grid/wire/frame.h"
#include "services/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

enum { PARTITIONS = 2, CONNECTIONS_MAX = 4, ASKED_MAX = 24, PATIENCE_SWEEPS = 3, MEBI = 1024 * 1024 };

static const struct conn_origin SOMEWHERE = {.host = 5}, ELSEWHERE = {.host = 6};

struct asked { struct waiter waiter; uint32_t partition, needs; bool is_query; };

struct scene {
    struct fake_clock clock;
    struct fake_transport transport;
    struct io io;
    struct logger logger;
    size_t lines;
    struct metric_registry *metrics;
    struct observer observer;
    struct node_settings settings;
    struct clients *clients;
    struct asked asked[ASKED_MAX];
    size_t asked_count, admins;
    enum grid_err level_err;
    const char *too_new;
    struct arena arena;
    struct buffer room;
};

static struct scene scene;

/* ---- callbacks */

static enum grid_err check(void *context, uint32_t partition, const struct command *command, struct bytes encoded, const char **ret_note)
{
    (void)context;
    (void)command;
    cr_assert(partition < PARTITIONS && encoded.size > 0);
    if (scene.level_err != GRID_ERR_OK)
        *ret_note = "the level is too low";
    return scene.level_err;
}

static const char *unknown(void *context, struct bytes encoded)
{
    (void)context;
    (void)encoded;
    return scene.too_new;
}

static enum grid_err service(void *context, uint32_t partition, uint32_t number, const char **ret_note)
{
    (void)context;
    cr_assert_lt(partition, (uint32_t)PARTITIONS);
    *ret_note = "no such service";
    return number == 999 ? GRID_ERR_NOT_SUPPORTED : GRID_ERR_OK;
}

static void take(uint32_t partition, uint32_t needs, const struct waiter *waiter, bool is_query)
{
    cr_assert_lt(scene.asked_count, (size_t)ASKED_MAX);
    scene.asked[scene.asked_count++] = (struct asked){*waiter, partition, needs, is_query};
}

static void take_command(void *context, uint32_t partition, struct bytes encoded, struct admission_needs needs, const struct waiter *waiter)
{
    (void)context;
    (void)encoded;
    take(partition, needs.work, waiter, false);
}

static void take_query(void *context, uint32_t partition, struct bytes encoded, const struct waiter *waiter)
{
    (void)context;
    (void)encoded;
    take(partition, 0, waiter, true);
}

static void admin(void *context, enum admin_kind kind, uint32_t partition, uint64_t features, struct buffer *out)
{
    (void)context;
    (void)kind;
    (void)features;
    (void)partition;
    scene.admins++;
    buffer_append_text(out, "status");
}

static void table(void *context, struct arena *arena, struct message_table *ret_table)
{
    (void)context;
    (void)arena;
    *ret_table = (struct message_table){.version = 9};
}

static void write_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    (void)logger;
    (void)level;
    (void)component;
    cr_assert_gt(strlen(text), 0u);
    scene.lines++;
}

/* ---- life */

static enum grid_err open_clients(void)
{
    return clients_open(&(struct clients_options){
                            .io = &scene.io, .logger = &scene.logger, .metrics = scene.metrics, .settings = &scene.settings, .services = registry_builtin(),
                            .observer = &scene.observer, .check = check, .unknown = unknown, .service = service, .command = take_command, .query = take_query,
                            .admin = admin, .table = table},
                        &scene.clients);
}

static void begin(void)
{
    memset(&scene, 0, sizeof scene);
    fake_clock_init(&scene.clock);
    fake_transport_init(&scene.transport);
    arena_init(&scene.arena, 4096);
    scene.io = (struct io){.clock = &scene.clock.clock, .transport = &scene.transport.transport};
    scene.logger.write = write_line;
    scene.metrics = metric_registry_open();
    observer_init(&scene.observer, scene.io.clock, scene.metrics, NULL);
    scene.settings = (struct node_settings){.self = {1}, .cluster = "unit", .members_count = 1, .partitions = PARTITIONS,
                                            .client_connections_max = CONNECTIONS_MAX, .client_patience_ms = PATIENCE_SWEEPS * CLIENTS_SWEEP_MS};
    scene.settings.members[0] = (struct node_member){.id = {1}, .client_address = "n1:7400", .peer_address = "n1:7401"};
    cr_assert_eq(open_clients(), GRID_ERR_OK);
}

static void end(void)
{
    clients_close(scene.clients);
    fake_transport_close(&scene.transport);
    observer_close(&scene.observer);
    metric_registry_close(scene.metrics);
    arena_close(&scene.arena);
    buffer_close(&scene.room);
    fake_clock_close(&scene.clock);
}

TestSuite(clients, .init = begin, .fini = end);

static uint64_t counted(const char *name, const char *labels)
{
    return metric_counter_add(scene.metrics, name, "", labels)->value;
}

static uint64_t refused(const char *labels)
{
    return counted("gridiron_client_connections_refused_total", labels);
}

static uint64_t malformed(const char *labels)
{
    return counted("gridiron_malformed_frames_total", labels);
}

/* ---- what clients say and hear */

static void say(struct conn *conn, enum frame_type type, uint32_t partition, uint64_t request, struct bytes body)
{
    struct buffer out = {0};
    frame_append(&out, &(struct frame){.type = type, .partition = partition, .request = request, .body = body});
    fake_conn_say(conn, buffer_bytes(&out));
    buffer_close(&out);
}

/* The oldest frame that the node has written. */
static struct frame hear(struct conn *conn)
{
    struct frame frame = {0};
    size_t used;
    buffer_clear(&scene.room);
    buffer_append(&scene.room, buffer_bytes(fake_conn_heard(conn)));
    cr_assert_eq(frame_parse(buffer_bytes(&scene.room), FRAME_BODY_BYTES_MAX, &frame, &used), FRAME_OK, "nothing was said");
    buffer_consume(fake_conn_heard(conn), used);
    return frame;
}

static struct response hear_response(struct conn *conn, uint64_t request)
{
    struct response response;
    struct frame frame = hear(conn);
    cr_assert_eq(frame.type, FRAME_RESPONSE);
    cr_expect_eq(frame.request, request);
    arena_reset(&scene.arena);
    cr_assert_eq(response_decode(frame.body, &scene.arena, &response), GRID_ERR_OK);
    return response;
}

static void say_hello(struct conn *conn, struct version_range protocols)
{
    struct buffer body = {0};
    hello_encode(&(struct message_hello){.protocol = protocols.max, .protocols = protocols, .client_name = bytes_of_text("unit")}, &body);
    say(conn, FRAME_HELLO, FRAME_PARTITION_NONE, 1, buffer_bytes(&body));
    buffer_close(&body);
}

static struct conn *greeted_from(struct conn_origin origin)
{
    struct conn *conn = fake_transport_accept(&scene.transport, origin);
    say_hello(conn, CLIENT_PROTOCOLS);
    cr_assert_eq(hear(conn).type, FRAME_WELCOME);
    return conn;
}

static struct conn *greeted(void)
{
    return greeted_from(SOMEWHERE);
}

static uint32_t partition_of(const char *key)
{
    return hash_partition(bytes_of_text(key), PARTITIONS).value;
}

static void say_command(struct conn *conn, uint32_t partition, uint64_t request, const struct command *command)
{
    struct buffer body = {0};
    command_encode(command, &body);
    say(conn, FRAME_COMMAND, partition, request, buffer_bytes(&body));
    buffer_close(&body);
}

static struct command set_of(const char *key)
{
    return (struct command){.session = 1, .sequence = 1, .kind = COMMAND_MAP,
                            .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text(key), .value = bytes_of_text("v")}};
}

static void say_set(struct conn *conn, uint32_t partition, uint64_t request, const char *key)
{
    struct command command = set_of(key);
    say_command(conn, partition, request, &command);
}

static void say_get(struct conn *conn, uint32_t partition, uint64_t request, const char *key)
{
    struct buffer body = {0};
    query_encode(&(struct query){.kind = QUERY_GET, .map = bytes_of_text("m"), .key = bytes_of_text(key)}, &body);
    say(conn, FRAME_QUERY, partition, request, buffer_bytes(&body));
    buffer_close(&body);
}

static void answer(const struct asked *asked, size_t bytes)
{
    struct buffer body = {0};
    uint8_t *value = memory_zero(1, bytes + 1);
    response_encode(&(struct response){.found = true, .value = bytes_of(value, bytes)}, &body);
    clients_answer(scene.clients, &asked->waiter, asked->partition, buffer_bytes(&body));
    buffer_close(&body);
    memory_free(value);
}

static void sweep(int times)
{
    for (int i = 0; i < times; i++)
        clients_sweep(scene.clients);
}

/* ---- opening, greeting */

Test(clients, say_why_they_cannot_listen)
{
    struct clients *first = scene.clients;
    scene.transport.listen_err = GRID_ERR_BUSY;
    scene.clients = NULL;
    cr_expect_eq(open_clients(), GRID_ERR_BUSY);
    cr_expect_null(scene.clients);
    scene.clients = first;
}

Test(clients, a_greeting_is_answered_with_the_table_and_changes_are_pushed)
{
    struct conn *stranger = fake_transport_accept(&scene.transport, SOMEWHERE), *conn = fake_transport_accept(&scene.transport, SOMEWHERE);
    say_hello(conn, CLIENT_PROTOCOLS);
    struct message_welcome welcome;
    struct frame frame = hear(conn);
    cr_assert(frame.type == FRAME_WELCOME && frame.request == 1);
    cr_assert_eq(welcome_decode(frame.body, &scene.arena, &welcome), GRID_ERR_OK);
    cr_expect(welcome.node.value == 1 && welcome.table.version == 9 && bytes_equal(welcome.cluster, bytes_of_text("unit")));
    clients_push_table(scene.clients);
    cr_expect_eq(hear(conn).type, FRAME_TABLE);
    cr_expect_eq(fake_conn_heard(stranger)->size, 0u, "it has not said who it is");
}

Test(clients, a_version_that_is_not_supported_is_told_both_ranges_and_closed)
{
    struct conn *conn = fake_transport_accept(&scene.transport, SOMEWHERE);
    say_hello(conn, (struct version_range){CLIENT_PROTOCOLS.max + 5, CLIENT_PROTOCOLS.max + 6});
    struct response response = hear_response(conn, 1);
    cr_expect_eq(response.err, GRID_ERR_NOT_SUPPORTED);
    cr_expect_geq(response.note.size, 19u);
    cr_expect_arr_eq(response.note.data + response.note.size - 19, "upgrade the cluster", 19);
    cr_expect(fake_conn_closing(conn));
    cr_expect_eq(refused("reason=\"version\""), 1u);
}

/* ---- frames that end the connection */

Test(clients, what_cannot_be_read_ends_its_connection_alone)
{
    static const uint8_t zeros[64];
    struct conn *other = greeted(), *conn = greeted();
    fake_conn_say(conn, bytes_of(zeros, sizeof zeros));
    cr_expect(fake_conn_closing(conn));
    fake_transport_run(&scene.transport);
    conn = greeted();
    say(conn, FRAME_COMMAND, 0, 7, bytes_of_text("\xff\xff\xff"));
    cr_expect(fake_conn_closing(conn), "not a command");
    fake_transport_run(&scene.transport);
    conn = greeted();
    say(conn, FRAME_QUERY, 0, 7, bytes_of_text("\xff\xff\xff"));
    cr_expect(fake_conn_closing(conn), "not a query");
    cr_expect_eq(malformed("port=\"client\",reason=\"body\""), 2u);
    cr_expect_eq(malformed("port=\"client\",reason=\"size\""), 1u);
    cr_expect_not(fake_conn_closing(other));
    cr_expect_eq(scene.asked_count, 0u);
}

Test(clients, requests_before_the_greeting_second_greetings_and_foreign_frames_end_the_connection)
{
    struct conn *early = fake_transport_accept(&scene.transport, SOMEWHERE);
    say_get(early, partition_of("k"), 7, "k");
    cr_expect(fake_conn_closing(early));
    struct conn *twice = greeted();
    say_hello(twice, CLIENT_PROTOCOLS);
    cr_expect(fake_conn_closing(twice));
    struct conn *foreign = greeted();
    say(foreign, FRAME_MESSAGES, 0, 7, bytes_of_text("x"));
    cr_expect(fake_conn_closing(foreign));
    cr_expect_eq(malformed("port=\"client\",reason=\"body\""), 3u);
    cr_expect_eq(scene.asked_count, 0u);
}

Test(clients, nothing_of_a_connection_is_read_after_its_end)
{
    struct conn *conn = greeted();
    struct buffer out = {0}, body = {0};
    struct command command = set_of("k");
    command_encode(&command, &body);
    frame_append(&out, &(struct frame){.type = FRAME_COMMAND, .request = 7, .body = bytes_of_text("\xff")});
    frame_append(&out, &(struct frame){.type = FRAME_COMMAND, .partition = partition_of("k"), .request = 8, .body = buffer_bytes(&body)});
    fake_conn_say(conn, buffer_bytes(&out));
    cr_expect_eq(scene.asked_count, 0u);
    buffer_close(&out);
    buffer_close(&body);
}

/* ---- requests */

Test(clients, commands_and_queries_are_handed_on_and_their_answers_come_back)
{
    struct conn *conn = greeted();
    say_set(conn, partition_of("k"), 7, "k");
    say_get(conn, partition_of("k"), 8, "k");
    cr_assert_eq(scene.asked_count, 2u);
    cr_expect(!scene.asked[0].is_query && scene.asked[0].partition == partition_of("k") && !scene.asked[0].waiter.is_read);
    cr_expect(scene.asked[1].is_query && scene.asked[1].waiter.is_read);
    cr_expect_eq(fake_conn_heard(conn)->size, 0u, "nobody has answered");
    answer(&scene.asked[1], 4);
    answer(&scene.asked[0], 4);
    cr_expect(hear_response(conn, 8).found);
    cr_expect(hear_response(conn, 7).found);
    cr_expect_eq(clients_requests(scene.clients), 3u, "and the greeting");
}

Test(clients, a_client_that_has_left_hears_nothing_and_neither_does_the_next_in_its_place)
{
    struct conn *conn = greeted();
    say_get(conn, partition_of("k"), 7, "k");
    fake_conn_end(conn, GRID_ERR_CLOSED);
    answer(&scene.asked[0], 4);
    struct conn *next = greeted();
    answer(&scene.asked[0], 4);
    cr_expect_eq(fake_conn_heard(next)->size, 0u);
    cr_expect_eq(counted("gridiron_client_connections_closed_total", NULL), 1u);
}

Test(clients, an_administrator_is_answered_at_once)
{
    struct conn *conn = greeted();
    struct buffer body = {0};
    admin_request_encode(ADMIN_STATUS, &body);
    say(conn, FRAME_ADMIN, FRAME_PARTITION_NONE, 7, buffer_bytes(&body));
    struct frame frame = hear(conn);
    cr_expect(frame.type == FRAME_ADMIN_RESPONSE && frame.request == 7 && bytes_equal(frame.body, bytes_of_text("status")));
    buffer_close(&body);
}

Test(clients, requests_that_cannot_be_taken_are_refused_and_the_connection_stays)
{
    struct conn *conn = greeted();
    struct command nobodys = {.session = 1, .sequence = 1, .kind = COMMAND_SERVICE, .service = {.service = 999, .type = 1, .key = bytes_of_text("k")}};
    struct command keyless = set_of("");
    say_set(conn, PARTITIONS, 1, "k");
    cr_expect_eq(hear_response(conn, 1).err, GRID_ERR_INVALID, "no such partition");
    say_set(conn, 1 - partition_of("k"), 2, "k");
    cr_expect_eq(hear_response(conn, 2).err, GRID_ERR_INVALID, "another partition owns the key");
    say_get(conn, 1 - partition_of("k"), 3, "k");
    cr_expect_eq(hear_response(conn, 3).err, GRID_ERR_INVALID, "likewise");
    say_get(conn, PARTITIONS, 4, "k");
    cr_expect_eq(hear_response(conn, 4).err, GRID_ERR_INVALID);
    say_command(conn, partition_of("k"), 5, &nobodys);
    cr_expect_eq(hear_response(conn, 5).err, GRID_ERR_NOT_SUPPORTED, "no such service");
    say_command(conn, 0, 6, &keyless);
    cr_expect_neq(hear_response(conn, 6).err, GRID_ERR_OK, "beyond a limit");
    scene.level_err = GRID_ERR_NOT_SUPPORTED;
    say_set(conn, partition_of("k"), 7, "k");
    struct response response = hear_response(conn, 7);
    cr_expect(response.err == GRID_ERR_NOT_SUPPORTED && bytes_equal(response.note, bytes_of_text("the level is too low")));
    scene.too_new = "the client is newer";
    say(conn, FRAME_COMMAND, 0, 8, bytes_of_text("\xff\xff\xff"));
    response = hear_response(conn, 8);
    cr_expect(response.err == GRID_ERR_NOT_SUPPORTED && bytes_equal(response.note, bytes_of_text("the client is newer")));
    cr_expect_not(fake_conn_closing(conn));
    cr_expect_eq(scene.asked_count, 0u);
    cr_expect_eq(counted("gridiron_client_refused_total", NULL), 8u);
}

Test(clients, a_command_longer_than_the_limit_is_refused)
{
    struct conn *conn = greeted();
    uint8_t *large = memory_zero(1, COMMAND_BYTES_MAX + 1);
    say(conn, FRAME_COMMAND, 0, 7, bytes_of(large, COMMAND_BYTES_MAX + 1));
    cr_expect_eq(hear_response(conn, 7).err, GRID_ERR_TOO_LARGE);
    cr_expect_not(fake_conn_closing(conn));
    memory_free(large);
}

/* ---- backpressure */

Test(clients, a_client_that_does_not_read_is_not_read_from_until_it_does)
{
    struct conn *conn = greeted();
    say_get(conn, partition_of("k"), 7, "k");
    fake_conn_unread(conn, 8 * MEBI);
    answer(&scene.asked[0], 4);
    cr_expect_not(fake_conn_paused(conn), "as much as it may have");
    fake_conn_unread(conn, 8 * MEBI + 1);
    answer(&scene.asked[0], 4);
    cr_expect(fake_conn_paused(conn));
    fake_conn_unread(conn, 0);
    fake_conn_drain(conn);
    cr_expect_not(fake_conn_paused(conn));
}

static void say_large_set(struct conn *conn, uint64_t request, struct bytes value)
{
    struct buffer body = {0};
    command_encode(&(struct command){.session = 1, .sequence = request, .kind = COMMAND_MAP,
                                     .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text("k"), .value = value}}, &body);
    say(conn, FRAME_COMMAND, partition_of("k"), request, buffer_bytes(&body));
    buffer_close(&body);
}

/* R6: bytes of requests under way are bounded, whatever the client sends. */
Test(clients, a_client_with_too_many_bytes_under_way_is_not_read_from_until_half_of_them_are_answered)
{
    struct conn *conn = greeted();
    uint8_t *value = memory_zero(1, VALUE_BYTES_MAX);
    size_t fit = CLIENT_IN_FLIGHT_BYTES_MAX / VALUE_BYTES_MAX, answered = 0;
    for (size_t i = 0; i < fit; i++) {
        cr_expect_not(fake_conn_paused(conn), "%zu", i);
        say_large_set(conn, i + 1, bytes_of(value, VALUE_BYTES_MAX));
    }
    cr_assert(fake_conn_paused(conn));
    fake_conn_unread(conn, 0);
    fake_conn_drain(conn);
    cr_expect(fake_conn_paused(conn), "that it reads its answers is another matter");
    while (fake_conn_paused(conn)) {
        cr_assert_lt(answered, fit);
        answer(&scene.asked[answered++], 4);
    }
    cr_expect_eq(answered, fit / 2 + 1, "%zu", answered);
    sweep(2 * PATIENCE_SWEEPS);
    cr_expect_not(fake_conn_closing(conn), "and it is not blamed");
    memory_free(value);
}

Test(clients, large_reads_become_busy_before_the_connection_ends)
{
    struct conn *conn = greeted();
    say_get(conn, partition_of("k"), 7, "k");
    say_set(conn, partition_of("k"), 8, "k");
    fake_conn_unread(conn, 32 * MEBI + 1);
    answer(&scene.asked[0], 2000);
    cr_expect_eq(hear_response(conn, 7).err, GRID_ERR_BUSY);
    answer(&scene.asked[0], 500);
    cr_expect_eq(hear_response(conn, 7).err, GRID_ERR_OK, "a small one");
    answer(&scene.asked[1], 2000);
    cr_expect_eq(hear_response(conn, 8).err, GRID_ERR_OK, "what a command did must be told");
    cr_expect_eq(counted("gridiron_client_reads_refused_total", NULL), 1u);
    cr_expect_not(fake_conn_closing(conn));
    fake_conn_unread(conn, 128 * (size_t)MEBI + 1);
    answer(&scene.asked[1], 4);
    cr_expect(fake_conn_closing(conn));
    cr_expect_eq(refused("reason=\"slow\""), 1u);
}

Test(clients, those_with_most_unread_end_when_all_have_too_much)
{
    struct conn *conns[CONNECTIONS_MAX];
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        conns[i] = greeted_from(i % 2 ? SOMEWHERE : ELSEWHERE);
        fake_conn_unread(conns[i], (i == 2 ? 200 : 120) * (size_t)MEBI);
    }
    sweep(1);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        cr_expect_eq(fake_conn_closing(conns[i]), i == 2, "connection %zu", i);
    cr_expect_eq(refused("reason=\"memory\""), 1u);
}

/* ---- places */

Test(clients, further_connections_are_told_busy_and_closed)
{
    struct conn *conn = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        conn = greeted_from((struct conn_origin){.host = i + 1});
    struct conn *further = fake_transport_accept(&scene.transport, (struct conn_origin){.host = 99});
    cr_expect(fake_conn_closing(further));
    cr_expect_eq(hear_response(further, 0).err, GRID_ERR_BUSY);
    cr_expect_eq(refused("reason=\"limit\""), 1u);
    fake_transport_run(&scene.transport);
    fake_conn_end(conn, GRID_ERR_CLOSED);
    cr_expect_not(fake_conn_closing(greeted_from((struct conn_origin){.host = 98})), "a place is free again");
    clients_refresh(scene.clients);
    cr_expect_eq(metric_gauge_add(scene.metrics, "gridiron_client_connected", "", NULL)->value, CONNECTIONS_MAX);
}

Test(clients, connections_that_are_sent_away_fill_no_disk_with_log_lines)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        greeted_from((struct conn_origin){.host = i + 1});
    for (size_t i = 0; i < 10; i++)
        fake_transport_accept(&scene.transport, (struct conn_origin){.host = 99});
    cr_expect_eq(refused("reason=\"limit\""), 10u);
    cr_expect_eq(scene.lines, 1u);
    sweep(1);
    fake_transport_accept(&scene.transport, (struct conn_origin){.host = 99});
    fake_transport_accept(&scene.transport, (struct conn_origin){.host = 99});
    cr_expect_eq(scene.lines, 2u, "one until the next sweep");
}

Test(clients, one_address_gets_half_and_this_machine_all)
{
    for (size_t i = 0; i < CONNECTIONS_MAX / 2 + 1; i++)
        cr_assert_not(fake_conn_closing(greeted_from(SOMEWHERE)));
    struct conn *further = fake_transport_accept(&scene.transport, SOMEWHERE);
    cr_expect(fake_conn_closing(further));
    cr_expect_eq(refused("reason=\"address\""), 1u);
    cr_expect_not(fake_conn_closing(fake_transport_accept(&scene.transport, (struct conn_origin){.host = 5, .local = true})));
}

Test(clients, the_longest_idle_connection_makes_room_if_it_was_idle_for_long)
{
    struct conn *asks = greeted_from((struct conn_origin){.host = 1}), *idle = greeted_from((struct conn_origin){.host = 2});
    say_get(asks, partition_of("k"), 7, "k");
    sweep(2);
    for (size_t i = 2; i < CONNECTIONS_MAX; i++)
        greeted_from((struct conn_origin){.host = i + 1});
    sweep(3);
    struct conn *refused_one = fake_transport_accept(&scene.transport, (struct conn_origin){.host = 98});
    cr_expect(fake_conn_closing(refused_one), "nobody was idle for five seconds");
    fake_transport_run(&scene.transport);
    sweep(CLIENT_IDLE_SECONDS_MIN);
    struct conn *taken = fake_transport_accept(&scene.transport, (struct conn_origin){.host = 99});
    cr_expect_not(fake_conn_closing(taken));
    cr_expect(fake_conn_closing(idle));
    cr_expect_eq(hear_response(idle, 0).err, GRID_ERR_BUSY, "it is told");
    cr_expect_eq(refused("reason=\"idle\""), 1u);
    cr_expect_not(fake_conn_closing(asks), "it waits for an answer");
}

/* ---- patience */

Test(clients, half_open_sessions_end_once_the_patience_is_over)
{
    struct conn *silent = fake_transport_accept(&scene.transport, SOMEWHERE), *good = greeted();
    sweep(PATIENCE_SWEEPS);
    cr_expect_not(fake_conn_closing(silent));
    sweep(1);
    cr_expect(fake_conn_closing(silent));
    cr_expect_not(fake_conn_closing(good), "idle clients may stay");
    cr_expect_eq(refused("reason=\"greeting\""), 1u);
}

Test(clients, half_frames_end_once_the_patience_is_over_whatever_trickles_in)
{
    static const uint8_t half[FRAME_HEADER_BYTES] = {200};
    struct conn *conn = greeted();
    sweep(1);
    for (size_t i = 0; i < PATIENCE_SWEEPS; i++) {
        fake_conn_say(conn, bytes_of(half + i, 1));
        sweep(1);
    }
    cr_expect_not(fake_conn_closing(conn));
    sweep(1);
    cr_expect(fake_conn_closing(conn));
    cr_expect_eq(malformed("port=\"client\",reason=\"stall\""), 1u);
}

Test(clients, a_client_that_is_not_read_from_is_not_blamed_for_half_a_frame_but_for_not_reading)
{
    static const uint8_t half[4] = {200};
    struct conn *conn = greeted();
    say_get(conn, partition_of("k"), 7, "k");
    fake_conn_say(conn, bytes_of(half, sizeof half));
    fake_conn_unread(conn, 9 * MEBI);
    answer(&scene.asked[0], 4);
    cr_assert(fake_conn_paused(conn));
    for (size_t i = 0; i < 2 * PATIENCE_SWEEPS; i++) {
        fake_conn_unread(conn, (9 - i) * MEBI); /* it reads, slowly */
        sweep(1);
    }
    cr_expect_not(fake_conn_closing(conn));
    sweep(PATIENCE_SWEEPS + 1);
    cr_expect(fake_conn_closing(conn));
    cr_expect_eq(refused("reason=\"slow\""), 1u);
    cr_expect_eq(malformed("port=\"client\",reason=\"stall\""), 0u);
}

Test(clients, those_that_begin_large_frames_end_when_half_frames_take_too_much_memory)
{
    uint8_t *large = memory_zero(1, 8 * MEBI);
    struct buffer whole = {0};
    size_t ended = 0;
    frame_append(&whole, &(struct frame){.type = FRAME_COMMAND, .body = bytes_of(large, 8 * MEBI - 1024)});
    scene.settings.client_connections_max = 64;
    scene.settings.client_per_address_max = 64;
    clients_close(scene.clients);
    cr_assert_eq(open_clients(), GRID_ERR_OK);
    struct conn *small = greeted();
    fake_conn_say(small, bytes_of(whole.data, 1000));
    for (size_t i = 0; i < 20; i++) {
        struct conn *conn = greeted();
        fake_conn_say(conn, bytes_of(whole.data, whole.size - 1));
        fake_conn_say(small, bytes_of(whole.data + 1000 + i, 1));
        ended += fake_conn_closing(conn);
        fake_transport_run(&scene.transport);
    }
    cr_expect_eq(ended, 4u, "sixteen times 8 MiB are 128 MiB");
    cr_expect_eq(refused("reason=\"memory\""), 4u);
    cr_expect_not(fake_conn_closing(small), "it has begun a small one");
    buffer_close(&whole);
    memory_free(large);
}

Test(clients, close_with_connections_that_are_open)
{
    struct conn *conn = greeted();
    say_get(conn, partition_of("k"), 7, "k");
    clients_close(scene.clients);
    cr_expect(fake_conn_closing(conn));
    cr_expect_null(scene.transport.accept);
    fake_transport_run(&scene.transport);
    cr_assert_eq(open_clients(), GRID_ERR_OK);
}
