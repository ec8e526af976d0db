/* Connections to nodes: dialling, the handshake, frames in both directions. */
#include "client/core/core_internal.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/wire/compress.h"
#include "grid/wire/protobuf_wire.h"

enum {
    GREETING_US = 1000000,                 /* patience with a node that does not answer the handshake */
    DOUBLINGS_MAX = 3,
    FAILURES_WHILE_REACHING_MAX = 2,       /* counted for the pause */
    SLOW_US = 300000,                      /* of these, until what waits for this node asks others as well */
    UNSENT_BYTES_MAX = 4 * 1024 * 1024,
    WIRE_SMALL_BYTES = 32,                 /* session, sequence and acknowledged_below */
    SAID_BYTES_MAX = 4096,                 /* bytes kept before a welcome: more than a peer's hello */
};

static const struct conn_events connection_events;

static struct clock *clock_of(const struct connection *connection)
{
    return connection->client->io->clock;
}

/* ---- the end of a connection */

static void lost(struct connection *connection)
{
    struct client *client = connection->client;
    clock_timer_stop(clock_of(connection), &connection->timer);
    frame_stream_close(&connection->stream);
    connection->blocked = connection->bad = connection->parting = false;
    client->resting = connection->let_go && client->pending == 0;
    connection->let_go = false;
    connection->rest_since_us = 0;
    connection->failures++;
    client->events->lost(connection);
}

static void pause_until_retry(struct connection *connection)
{
    struct client *client = connection->client;
    uint32_t failures = connection->failures;
    /* A caller waits for the first node, and only for a moment. */
    if (client->reaches > 0 && failures > FAILURES_WHILE_REACHING_MAX)
        failures = FAILURES_WHILE_REACHING_MAX;
    connection->state = CONNECTION_PAUSED;
    bool asks = connection->probe == PROBE_WANTED;         /* something else: that is no repetition */
    clock_timer_start(clock_of(connection), &connection->timer, asks ? 0 : retry_reconnect_us(failures, &client->prng));
}

void connection_give_up(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSING)
        return;
    connection->state = CONNECTION_CLOSING;
    lost(connection);
    conn_close(connection->client->io->transport, connection->conn);
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct connection *connection = context;
    (void)conn;
    connection->conn = NULL;
    connection->mute = connection->mute && connection->state == CONNECTION_CLOSING;
    if (connection->state == CONNECTION_OPENING && connection->probe == PROBE_RUNS)
        fault_probed(connection);
    else if (connection->state == CONNECTION_OPENING)
        fault_ended(connection, reason);
    if (connection->state != CONNECTION_CLOSING) {
        connection->state = CONNECTION_CLOSING;
        lost(connection);
    }
    pause_until_retry(connection);
}

/* ---- its beginning */

void connection_want(struct connection *connection)
{
    struct client *client = connection->client;
    if (connection->state != CONNECTION_IDLE)
        return;
    connection->state = CONNECTION_OPENING;
    client->totals.connections++;
    connection->unanswered_us = connection->mean_us = connection->deviation_us = 0;
    connection->opened = connection->slow = connection->kept = connection->blamed = false;
    buffer_clear(&connection->said);
    clock_timer_start(clock_of(connection), &connection->timer, SLOW_US);
    connection->conn = transport_connect(client->io->transport, connection->address, &connection_events, connection);
}

static void ask_what_it_is(struct connection *connection)
{
    connection->probe = PROBE_RUNS;
    buffer_append(conn_output(connection->client->io->transport, connection->conn), fault_probe(connection));
}

static void on_open(void *context, struct conn *conn)
{
    struct connection *connection = context;
    struct client *client = connection->client;
    struct message_hello hello = {.protocol = CLIENT_PROTOCOLS.min, .client_name = bytes_of_text(client->name), .protocols = CLIENT_PROTOCOLS};
    if (connection->state != CONNECTION_OPENING)
        return;
    connection->opened = true;
    if (connection->probe == PROBE_WANTED) {
        ask_what_it_is(connection);
        return;
    }
    hello.features.count = features_names(CLIENT_FEATURES, hello.features.names);
    struct buffer *out = conn_output(client->io->transport, conn);
    size_t mark = frame_begin(out, FRAME_HELLO, FRAME_PARTITION_NONE, 0);
    hello_encode(&hello, out);
    frame_end(out, mark);
}

/* ---- frames that arrive */

static bool on_frame(void *context, const struct frame *frame)
{
    struct connection *connection = context;
    connection->rest_since_us = 0;
    return connection->client->events->frame(connection, frame);
}

/* The first bytes of a stranger tell what it is. True: they are no frames, and the attempt is over. */
static bool keep_said(struct connection *connection, struct bytes data)
{
    size_t room = SAID_BYTES_MAX - connection->said.size;
    buffer_append(&connection->said, bytes_of(data.data, data.size < room ? data.size : room));
    if (connection->probe != PROBE_RUNS)
        return false;
    if (fault_probe_ended(connection)) {
        fault_probed(connection);
        connection_give_up(connection);
    }
    return true;
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct connection *connection = context;
    struct client *client = connection->client;
    (void)conn;
    if (connection->state != CONNECTION_OPENING && connection->state != CONNECTION_READY)
        return;
    connection->heard_us = clock_now_us(client->io->clock);
    if (connection->state == CONNECTION_OPENING && keep_said(connection, data))
        return;
    enum frame_result result = frame_stream_feed(&connection->stream, data, FRAME_BODY_BYTES_MAX, on_frame, connection);
    if (result != FRAME_OK || connection->bad) {
        client->totals.malformed += !connection->parting;
        if (connection->state == CONNECTION_OPENING && !connection->parting)
            fault_said(connection, result);
        connection_give_up(connection);
    } else if (connection->stream.pending.size > 0 && connection->rest_since_us == 0) {
        connection->rest_since_us = connection->heard_us;
    }
}

static void on_drain(void *context, struct conn *conn)
{
    struct connection *connection = context;
    (void)conn;
    if (!connection->blocked)
        return;
    connection->blocked = false;
    routing_mark_all(connection->client);
}

static const struct conn_events connection_events = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

/* ---- frames that leave */

bool connection_full(struct connection *connection)
{
    REQUIRE(connection->state == CONNECTION_READY);
    if (conn_pending(connection->client->io->transport, connection->conn) <= UNSENT_BYTES_MAX)
        return false;
    connection->blocked = true;
    return true;
}

void connection_send(struct connection *connection, struct request *request)
{
    static const enum frame_type types[] = {
        [REQUEST_COMMAND] = FRAME_COMMAND, [REQUEST_SESSION] = FRAME_COMMAND, [REQUEST_QUERY] = FRAME_QUERY,
        [REQUEST_ADMIN] = FRAME_ADMIN};
    struct client *client = connection->client;
    REQUIRE(connection->state == CONNECTION_READY && request->connection == NULL);
    REQUIRE(request->kind != REQUEST_COMMAND || request->sequence > 0);
    uint32_t partition = request->kind == REQUEST_ADMIN ? request->admin_partition : request->partition;
    struct buffer *out = conn_output(client->io->transport, connection->conn);
    size_t mark = frame_begin(out, types[request->kind], partition, request_wire_id(request));
    wire_put_u64(out, 1, request->session);
    wire_put_u64(out, 2, request->sequence);
    wire_put_u64(out, 3, request->acknowledged_below);
    buffer_append(out, buffer_bytes(&request->body));
    packer_end(&connection->packer, out, mark);
    if (request->list != NULL)
        request_list_remove(request);
    request_list_append(&connection->sent, request);
    request->connection = connection;
    request->sent_us = clock_now_us(client->io->clock);
    if (connection->unanswered_us == 0)
        connection->unanswered_us = request->sent_us;
    client->totals.sent++;
    client->totals.repeated += request->attempts++ > 0;
    patience_sent(connection, request);
}

void connection_admin(struct connection *connection)
{
    while (connection->waiting.first != NULL && connection->state == CONNECTION_READY) {
        struct request *request = connection->waiting.first;
        if ((request->needs & ~connection->features) == 0)
            connection_send(connection, request);
        else
            request_fail_later(request, GRID_ERR_NOT_SUPPORTED, "the version of the node cannot do that: upgrade it");
    }
}

/* ---- time */

/* A node that can be reached and does not greet may be slow and not gone: every further attempt waits longer for it. */
static void greeting_late(struct connection *connection)
{
    /* Attempts that ask what stands there are no greetings that failed. */
    uint32_t failed = connection->client->reaches > 0 ? connection->silences : connection->failures;
    uint32_t doublings = failed < DOUBLINGS_MAX ? failed : DOUBLINGS_MAX;
    uint64_t wait_us = GREETING_US - SLOW_US;
    if (connection->probe == PROBE_RUNS) {
        fault_probed(connection);
        connection_give_up(connection);
        return;
    }
    if (connection->slow && (connection->kept || !connection->opened || doublings == 0)) {
        fault_silent(connection);
        connection_give_up(connection);
        return;
    }
    if (connection->slow) {
        connection->kept = true;
        wait_us = ((uint64_t)GREETING_US << doublings) - GREETING_US;
    }
    connection->slow = true;
    clock_timer_start(clock_of(connection), &connection->timer, wait_us);
    routing_mark_all(connection->client);
}

static void on_timer(void *context)
{
    struct connection *connection = context;
    switch (connection->state) {
    case CONNECTION_OPENING:
        greeting_late(connection);
        break;
    case CONNECTION_READY:
        connection->client->events->due(connection);
        break;
    case CONNECTION_PAUSED:
        connection->state = CONNECTION_IDLE;
        if (connection->probe == PROBE_WANTED && connection->client->reaches > 0)
            connection_want(connection);
        routing_mark_all(connection->client);
        connection->client->events->idle(connection->client);
        break;
    case CONNECTION_IDLE:
    case CONNECTION_CLOSING:
    default:
        UNREACHABLE("no timer runs in this state");
    }
}

/* ---- life */

struct connection *connection_new(struct client *client, const char *address, uint32_t node)
{
    struct connection *connection = memory_zero(1, sizeof *connection);
    connection->client = client;
    connection->address = memory_copy(address, strlen(address) + 1);
    connection->node = node;
    connection->timer = (struct timer){.fire = on_timer, .context = connection};
    struct connection **last = &client->connections;
    while (*last != NULL)
        last = &(*last)->next;
    *last = connection;
    return connection;
}

void connection_move(struct connection *connection, const char *address)
{
    REQUIRE(connection->state == CONNECTION_IDLE && connection->conn == NULL);
    if (connection->client->full == connection->address)
        connection->client->full = NULL;
    memory_free(connection->address);
    connection->address = memory_copy(address, strlen(address) + 1);
    connection->failures = 0;
    fault_clear(connection);
}

void connection_free(struct connection *connection)
{
    static const struct conn_events nobody = {0};
    struct transport *transport = connection->client->io->transport;
    REQUIRE(connection->sent.count == 0 && connection->waiting.count == 0);
    clock_timer_stop(clock_of(connection), &connection->timer);
    if (connection->conn != NULL) {
        conn_attach(transport, connection->conn, &nobody, NULL);
        conn_close(transport, connection->conn);
    }
    frame_stream_close(&connection->stream);
    buffer_close(&connection->said);
    memory_free(connection->fault_text);
    memory_free(connection->leaders);
    memory_free(connection->address);
    memory_free(connection);
}
