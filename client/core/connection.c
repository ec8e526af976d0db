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
    SLOW_US = 300000,                      /* of these, until what waits for this node asks others as well */
    UNSENT_BYTES_MAX = 4 * 1024 * 1024,
    WIRE_SMALL_BYTES = 32,                 /* session, sequence and acknowledged_below */
};

static const struct conn_events connection_events;

static struct clock *clock_of(const struct connection *connection)
{
    return connection->client->io->clock;
}

/* ---- the end of a connection */

/* What was sent and not answered goes back into the queues, with its fate open. */
static void give_back(struct connection *connection)
{
    while (connection->sent.first != NULL) {
        struct request *request = connection->sent.first;
        retry_lost(&request->retry);
        routing_again(request, &(struct attempt_end){0});
    }
    /* A request about this node must learn that it cannot be reached. */
    while (connection->waiting.first != NULL)
        request_fail(connection->waiting.first, GRID_ERR_UNAVAILABLE, "the node cannot be reached");
}

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
    give_back(connection);
    for (uint32_t i = 0; i < client->partitions; i++)
        if (connection->node != 0 && client->routes[i].leader == connection->node)
            routing_mark(&client->routes[i]);
    search_lost(client);
}

static void pause_until_retry(struct connection *connection)
{
    connection->state = CONNECTION_PAUSED;
    clock_timer_start(clock_of(connection), &connection->timer,
                      retry_reconnect_us(connection->failures, &connection->client->prng));
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
    (void)reason;
    connection->conn = NULL;
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
    connection->opened = connection->slow = connection->kept = false;
    clock_timer_start(clock_of(connection), &connection->timer, SLOW_US);
    connection->conn = transport_connect(client->io->transport, connection->address, &connection_events, connection);
}

static void on_open(void *context, struct conn *conn)
{
    struct connection *connection = context;
    struct client *client = connection->client;
    struct message_hello hello = {.protocol = CLIENT_PROTOCOLS.min, .client_name = bytes_of_text(client->name), .protocols = CLIENT_PROTOCOLS};
    if (connection->state != CONNECTION_OPENING)
        return;
    connection->opened = true;
    hello.features.count = features_names(CLIENT_FEATURES, hello.features.names);
    struct buffer *out = conn_output(client->io->transport, conn);
    size_t mark = frame_begin(out, FRAME_HELLO, FRAME_PARTITION_NONE, 0);
    hello_encode(&hello, out);
    frame_end(out, mark);
}

/* The node said who it is. False: this connection is one too many. */
static bool take_identity(struct connection *connection, uint32_t node)
{
    struct client *client = connection->client;
    struct connection *present = client->nodes[node];
    if (connection->node != 0 && connection->node != node && client->nodes[connection->node] == connection)
        client->nodes[connection->node] = NULL;
    connection->node = node;
    if (present != NULL && present != connection && present->state == CONNECTION_READY)
        return false;
    client->nodes[node] = connection;
    return true;
}

/* The address of a node that is down may have become that of a stranger, whose answers would be lies. */
static bool is_our_cluster(struct connection *connection, const struct message_welcome *welcome)
{
    struct client *client = connection->client;
    struct uuid theirs = {{0}};
    if (welcome->cluster_uuid.size == UUID_BYTES)
        memcpy(theirs.bytes, welcome->cluster_uuid.data, UUID_BYTES);
    bool by_name = uuid_is_nil(theirs) || uuid_is_nil(client->cluster_uuid);   /* an earlier node */
    bool same = client->cluster == NULL ||
                (by_name ? bytes_equal(welcome->cluster, bytes_of_text(client->cluster)) : uuid_equal(theirs, client->cluster_uuid));
    if (!same)
        snprintf(client->refusal, sizeof client->refusal, "%s belongs to cluster %.32s (%s), the other nodes to %.32s (%s): correct the endpoints",
                 connection->address, arena_text(&client->arena, welcome->cluster), uuid_text_of(theirs).text, client->cluster,
                 uuid_text_of(client->cluster_uuid).text);
    else if (uuid_is_nil(client->cluster_uuid))
        client->cluster_uuid = theirs;
    return same && (client->cluster == NULL || welcome->table.partitions == client->partitions);
}

static bool on_welcome(struct connection *connection, struct bytes body)
{
    struct client *client = connection->client;
    struct message_welcome welcome;
    if (connection->state != CONNECTION_OPENING || welcome_decode(body, &client->arena, &welcome) != GRID_ERR_OK)
        return false;
    if (welcome.protocol < CLIENT_PROTOCOLS.min || welcome.protocol > CLIENT_PROTOCOLS.max || welcome.node.value == 0 ||
        welcome.node.value > NODES_MAX || welcome.table.partitions == 0 || welcome.table.partitions > PARTITIONS_MAX)
        return false;
    if (!is_our_cluster(connection, &welcome))
        return false;
    if (!take_identity(connection, welcome.node.value)) {
        connection->parting = true;
        return false;
    }
    client->full = NULL;
    connection->state = CONNECTION_READY;
    uint64_t features = features_of_names(welcome.features.names, welcome.features.count) & CLIENT_FEATURES;
    bool packs = packer_wanted(COMPRESS_AUTO, feature_in(features, FEATURE_LZ4), conn_origin(client->io->transport, connection->conn).local);
    connection->packer = packer_of(packs ? &client->packed : NULL);
    connection->failures = 0;
    clock_timer_stop(clock_of(connection), &connection->timer);
    if (client->cluster == NULL)
        client->cluster = memory_copy(arena_text(&client->arena, welcome.cluster), welcome.cluster.size + 1);
    routing_table(connection, &welcome.table);
    connection_admin(connection);
    routing_mark_all(client);
    return true;
}

/* ---- frames that arrive */

static bool on_table(struct connection *connection, struct bytes body)
{
    struct message_table table;
    if (table_decode(body, &connection->client->arena, &table) != GRID_ERR_OK)
        return false;
    if (table.partitions != connection->client->partitions)
        return false;
    routing_table(connection, &table);
    return true;
}

/* The request that waits for this answer on this connection, or NULL. */
static struct request *take_answered(struct connection *connection, uint64_t wire_id)
{
    struct request *request = request_find(connection->client, wire_id);
    return request != NULL && request->connection == connection ? request : NULL;
}

static bool on_response(struct connection *connection, const struct frame *frame)
{
    struct response response;
    if (response_decode(frame->body, &connection->client->arena, &response) != GRID_ERR_OK)
        return false;
    connection->let_go = frame->request == 0 && response.err == GRID_ERR_BUSY;
    connection->unanswered_us = connection->deaths = 0;
    struct request *request = take_answered(connection, frame->request);
    if (request != NULL && request->kind != REQUEST_ADMIN) {
        patience_measure(connection, request);
        client_answered(request, &response);
    }
    return true;
}

static bool on_admin_response(struct connection *connection, const struct frame *frame)
{
    struct client *client = connection->client;
    struct admin_response admin;
    static const struct response none;
    if (admin_response_decode(frame->body, &client->arena, &admin) != GRID_ERR_OK)
        return false;
    connection->unanswered_us = 0;
    struct request *request = take_answered(connection, frame->request);
    if (request == NULL || request->kind != REQUEST_ADMIN)
        return true;
    struct client_result result = {.err = admin.err, .response = &none, .note = arena_text(&client->arena, admin.note),
                                   .admin = admin.err == GRID_ERR_OK ? &admin : NULL};
    request_finish(request, &result);
    return true;
}

static void note_last(const struct request_list *list, enum grid_err err)
{
    for (struct request *each = list->first; each != NULL; each = each->next)
        each->retry.last = err;
}

/* Instead of a welcome: the node has no room for us, or speaks no version that we do. Requests that wait for it are told that, when no
 * other node answers in time; others are tried. */
static void on_refusal(struct connection *connection, struct bytes body)
{
    struct client *client = connection->client;
    struct response response;
    if (response_decode(body, &client->arena, &response) != GRID_ERR_OK ||
        (response.err != GRID_ERR_BUSY && response.err != GRID_ERR_NOT_SUPPORTED))
        return;
    connection->parting = true;
    if (response.err == GRID_ERR_BUSY)
        client->full = connection->address;
    else
        snprintf(client->refusal, sizeof client->refusal, "%s: %.160s", connection->address, arena_text(&client->arena, response.note));
    note_last(&client->early, response.err);
    for (uint32_t i = 0; i < client->partitions; i++) {
        const struct route *route = &client->routes[i];
        if (connection->node == 0 || route->leader != connection->node)
            continue;
        note_last(&route->retries, response.err);
        note_last(&route->writes, response.err);
        note_last(&route->reads, response.err);
    }
}

static bool on_frame(void *context, const struct frame *whole)
{
    struct connection *connection = context;
    struct client *client = connection->client;
    connection->rest_since_us = 0;
    struct frame frame = *whole;
    bool good = false;
    arena_reset(&client->arena);
    if (compress_frame_open(&frame, FRAME_BODY_BYTES_MAX, &client->plain) == GRID_ERR_OK) {
        if (frame.type == FRAME_WELCOME)
            good = on_welcome(connection, frame.body);
        else if (connection->state == CONNECTION_OPENING && frame.type == FRAME_RESPONSE)
            on_refusal(connection, frame.body);
        else if (connection->state == CONNECTION_READY && frame.type == FRAME_RESPONSE)
            good = on_response(connection, &frame);
        else if (connection->state == CONNECTION_READY && frame.type == FRAME_TABLE)
            good = on_table(connection, frame.body);
        else if (connection->state == CONNECTION_READY && frame.type == FRAME_ADMIN_RESPONSE)
            good = on_admin_response(connection, &frame);
    }
    connection->bad = !good;
    return good;
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct connection *connection = context;
    struct client *client = connection->client;
    (void)conn;
    if (connection->state != CONNECTION_OPENING && connection->state != CONNECTION_READY)
        return;
    connection->heard_us = clock_now_us(client->io->clock);
    enum frame_result result = frame_stream_feed(&connection->stream, data, FRAME_BODY_BYTES_MAX, on_frame, connection);
    if (result != FRAME_OK || connection->bad) {
        client->totals.malformed += !connection->parting;
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
    uint32_t partition = request->kind == REQUEST_ADMIN ? FRAME_PARTITION_NONE : request->partition;
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
    while (connection->waiting.first != NULL && connection->state == CONNECTION_READY)
        connection_send(connection, connection->waiting.first);
}

/* ---- time */

/* A node that can be reached and does not greet may be slow and not gone: every further attempt waits longer for it. */
static void greeting_late(struct connection *connection)
{
    uint32_t doublings = connection->failures < DOUBLINGS_MAX ? connection->failures : DOUBLINGS_MAX;
    uint64_t wait_us = GREETING_US - SLOW_US;
    if (connection->slow && (connection->kept || !connection->opened || doublings == 0)) {
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
        patience_over(connection);
        break;
    case CONNECTION_PAUSED:
        connection->state = CONNECTION_IDLE;
        routing_mark_all(connection->client);
        search_any(connection->client);
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
    memory_free(connection->leaders);
    memory_free(connection->address);
    memory_free(connection);
}
