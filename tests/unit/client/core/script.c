#include "tests/unit/client/core/script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/hash.h"

static const char *address_of(uint32_t node)
{
    static const char *const addresses[] = {"", "n1:7400", "n2:7400", "n3:7400"};
    return addresses[node];
}

static uint64_t u64_of_seven(struct entropy *entropy)
{
    (void)entropy;
    return 7;
}

/* ---- life */

void script_open_with(struct script *script, const struct client_options *options)
{
    static const char *const endpoints[] = {"n1:7400", "n2:7400"};
    struct client_options used = *options;
    memset(script, 0, sizeof *script);
    fake_clock_init(&script->clock);
    fake_transport_init(&script->transport);
    arena_init(&script->arena, 4096);
    script->clock.now_us = 1000000;
    script->entropy.u64 = u64_of_seven;
    script->io = (struct io){.clock = &script->clock.clock, .transport = &script->transport.transport,
                             .entropy = &script->entropy};
    for (uint32_t i = 0; i < SCRIPT_PARTITIONS; i++)
        script->leaders[i] = i % SCRIPT_NODES + 1;
    if (used.endpoints_count == 0) {
        used.endpoints = endpoints;
        used.endpoints_count = 2;
    }
    script->client = client_open(&script->io, &used);
    script_run(script);
}

void script_open(struct script *script)
{
    struct client_options options = {0};
    script_open_with(script, &options);
}

void script_close(struct script *script)
{
    if (script->client != NULL)
        client_close(script->client);
    fake_clock_run(&script->clock);
    fake_transport_close(&script->transport);
    fake_clock_close(&script->clock);
    arena_close(&script->arena);
}

void script_run(struct script *script)
{
    fake_clock_run(&script->clock);
    fake_transport_run(&script->transport);
    fake_clock_run(&script->clock);
    if (script->client != NULL)
        client_holds(script->client);
}

void script_advance(struct script *script, uint64_t us)
{
    /* In small steps, so that ends of connections are reported in between. */
    for (uint64_t moved = 0; moved < us;) {
        uint64_t step = us - moved < 5000 ? us - moved : 5000;
        fake_clock_advance(&script->clock, step);
        script_run(script);
        moved += step;
    }
}

/* ---- the nodes' side */

static struct message_table table_of(const struct script *script)
{
    static struct message_member members[] = {
        {.node = {1}, .client_address = {(const uint8_t *)"n1:7400", 7}},
        {.node = {2}, .client_address = {(const uint8_t *)"n2:7400", 7}},
        {.node = {3}, .client_address = {(const uint8_t *)"n3:7400", 7}},
    };
    members[0].client_address = bytes_of_text(script->first_at != NULL ? script->first_at : "n1:7400");
    return (struct message_table){.version = 1, .partitions = SCRIPT_PARTITIONS, .members = members,
                                  .members_count = SCRIPT_NODES, .leaders = script->leaders,
                                  .leaders_count = SCRIPT_PARTITIONS};
}

static struct conn *up(struct script *script, uint32_t node)
{
    struct conn *conn = fake_transport_up(&script->transport, address_of(node));
    cr_assert_not_null(conn, "no connection to node %u", node);
    return conn;
}

void script_say(struct script *script, uint32_t node, struct bytes data)
{
    fake_conn_say(up(script, node), data);
    script_run(script);
}

static void say_frame(struct script *script, uint32_t node, enum frame_type type, uint64_t request, struct buffer *body)
{
    struct buffer out = {0};
    struct frame frame = {.type = type, .partition = FRAME_PARTITION_NONE, .request = request,
                          .body = buffer_bytes(body)};
    frame_append(&out, &frame);
    buffer_close(body);
    script_say(script, node, buffer_bytes(&out));
    buffer_close(&out);
}

bool script_is_dialled(struct script *script, uint32_t node)
{
    return fake_transport_dialled(&script->transport, address_of(node)) != NULL;
}

bool script_is_up(struct script *script, uint32_t node)
{
    return fake_transport_up(&script->transport, address_of(node)) != NULL;
}

void script_welcome(struct script *script, uint32_t node)
{
    script_welcome_to(script, node, "test");
}

void script_welcome_to(struct script *script, uint32_t node, const char *cluster)
{
    script_welcome_as(script, node, &(struct message_welcome){.protocol = 1, .cluster = bytes_of_text(cluster)});
}

void script_welcome_as(struct script *script, uint32_t node, const struct message_welcome *said)
{
    struct conn *conn = fake_transport_dialled(&script->transport, address_of(node));
    struct heard heard;
    struct message_hello hello;
    struct buffer body = {0};
    cr_assert_not_null(conn, "node %u is not dialled", node);
    fake_conn_open(conn);
    script_run(script);
    cr_assert(script_hear(script, node, &heard));
    cr_assert_eq(heard.type, FRAME_HELLO);
    cr_assert_eq(hello_decode(heard.body, &hello), GRID_ERR_OK);
    cr_assert_eq(hello.protocol, 1);
    cr_assert(hello.protocols.min == CLIENT_PROTOCOLS.min && hello.protocols.max == CLIENT_PROTOCOLS.max);
    struct message_welcome welcome = *said;
    welcome.node.value = said->node.value != 0 ? said->node.value : node;
    welcome.table = table_of(script);
    welcome_encode(&welcome, &body);
    say_frame(script, node, FRAME_WELCOME, heard.request, &body);
}

void script_refuse(struct script *script, uint32_t node)
{
    struct conn *conn = fake_transport_dialled(&script->transport, address_of(node));
    cr_assert_not_null(conn, "node %u is not dialled", node);
    fake_conn_end(conn, GRID_ERR_UNAVAILABLE);
    script_run(script);
}

void script_cut(struct script *script, uint32_t node)
{
    fake_conn_end(up(script, node), GRID_ERR_IO);
    script_run(script);
}

void script_table(struct script *script, uint32_t node)
{
    struct buffer body = {0};
    struct message_table table = table_of(script);
    table_encode(&table, &body);
    say_frame(script, node, FRAME_TABLE, 0, &body);
}

bool script_hear(struct script *script, uint32_t node, struct heard *ret_heard)
{
    struct conn *conn = fake_transport_up(&script->transport, address_of(node));
    struct frame frame;
    size_t size;
    if (conn == NULL)
        return false;
    struct buffer *heard = fake_conn_heard(conn);
    enum frame_result result = frame_parse(buffer_bytes(heard), FRAME_BODY_BYTES_MAX, &frame, &size);
    if (result == FRAME_SHORT && heard->size == 0)
        return false;
    cr_assert_eq(result, FRAME_OK);
    *ret_heard = (struct heard){.type = frame.type, .partition = frame.partition, .request = frame.request,
                                .body = arena_copy(&script->arena, frame.body)};
    buffer_consume(heard, size);
    if (frame.type == FRAME_COMMAND)
        cr_assert_eq(command_decode(ret_heard->body, &script->arena, &ret_heard->command), GRID_ERR_OK);
    if (frame.type == FRAME_QUERY)
        cr_assert_eq(query_decode(ret_heard->body, &ret_heard->query), GRID_ERR_OK);
    return true;
}

bool script_is_silent(struct script *script, uint32_t node)
{
    struct conn *conn = fake_transport_up(&script->transport, address_of(node));
    return conn == NULL || fake_conn_heard(conn)->size == 0;
}

void script_answer(struct script *script, uint32_t node, const struct heard *heard, const struct response *response)
{
    struct buffer body = {0};
    response_encode(response, &body);
    say_frame(script, node, FRAME_RESPONSE, heard->request, &body);
}

void script_answer_err(struct script *script, uint32_t node, const struct heard *heard, enum grid_err err,
                       uint32_t leader)
{
    struct response response = {.err = err, .leader = leader};
    script_answer(script, node, heard, &response);
}

void script_admin(struct script *script, uint32_t node, const struct heard *heard,
                  const struct admin_response *response)
{
    struct buffer body = {0};
    admin_response_encode(response, &body);
    say_frame(script, node, FRAME_ADMIN_RESPONSE, heard->request, &body);
}

void script_session(struct script *script, uint32_t node, uint64_t session)
{
    struct heard heard;
    struct response response = {.session = session};
    cr_assert(script_hear(script, node, &heard), "node %u heard nothing", node);
    cr_assert_eq(heard.type, FRAME_COMMAND);
    cr_assert_eq(heard.command.kind, COMMAND_OPEN_SESSION);
    script_answer(script, node, &heard, &response);
}

/* ---- the application's side */

static void keep_text(char *to, size_t size, struct bytes from)
{
    size_t used = from.size < size - 1 ? from.size : size - 1;
    if (used > 0)
        memcpy(to, from.data, used);
    to[used] = 0;
}

static void note_outcome(void *context, const struct client_result *result)
{
    struct outcome *outcome = context;
    cr_assert_not_null(result->note);
    outcome->calls++;
    outcome->err = result->err;
    outcome->version = result->response->version;
    outcome->count = result->response->count;
    outcome->found = result->response->found;
    keep_text(outcome->value, sizeof outcome->value, result->response->value);
    keep_text(outcome->refusal, sizeof outcome->refusal, result->response->refusal);
    keep_text(outcome->note, sizeof outcome->note, bytes_of_text(result->note));
    if (result->admin != NULL)
        keep_text(outcome->state, sizeof outcome->state, result->admin->status.state);
}

struct client_call script_call(struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    return (struct client_call){.done = note_outcome, .context = outcome};
}

struct client_key script_key(uint32_t partition)
{
    static char keys[SCRIPT_PARTITIONS][16];
    char *key = keys[partition];
    for (int i = 0; key[0] == 0 || hash_partition(bytes_of_text(key), SCRIPT_PARTITIONS).value != partition; i++)
        snprintf(key, sizeof keys[0], "key%d", i);
    return (struct client_key){.key = bytes_of_text(key)};
}

void script_set(struct script *script, uint32_t partition, struct outcome *outcome)
{
    struct client_call call = script_call(outcome);
    struct client_key key = script_key(partition);
    client_map_set(script->client, bytes_of_text("m"), &key, bytes_of_text("v"), &call);
    cr_assert_eq(outcome->calls, 0, "no callback from inside the call");
    script_run(script);
}

void script_get(struct script *script, uint32_t partition, struct outcome *outcome)
{
    struct client_call call = script_call(outcome);
    struct client_key key = script_key(partition);
    client_map_get(script->client, bytes_of_text("m"), &key, &call);
    script_run(script);
}
