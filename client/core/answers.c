/* What nodes say: welcomes, tables, answers. */
#include "client/core/core_internal.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/wire/compress.h"

/* ---- the welcome */

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

static void foreign(struct connection *connection, const struct message_welcome *welcome, struct uuid theirs)
{
    struct client *client = connection->client;
    const char *name = arena_text(&client->arena, welcome->cluster);
    char ours[96];
    if (client->cluster != NULL)
        snprintf(ours, sizeof ours, "the other nodes to %.32s (%s)", client->cluster, uuid_text_of(client->cluster_uuid).text);
    else
        snprintf(ours, sizeof ours, "not to %s, which was asked for", uuid_text_of(client->cluster_uuid).text);
    fault_set(connection, FAULT_LASTING, "it belongs to cluster %.32s (%s), %s: correct the endpoints", name, uuid_text_of(theirs).text, ours);
    connection->foreign = true;
    snprintf(client->refusal, sizeof client->refusal, "%.60s belongs to cluster %.32s (%s), %s: correct the endpoints", connection->address, name,
             uuid_text_of(theirs).text, ours);
}

/* The address of a node that is down may have become that of a stranger, whose answers would be lies. */
static bool is_our_cluster(struct connection *connection, const struct message_welcome *welcome)
{
    struct client *client = connection->client;
    struct uuid theirs = {{0}};
    if (welcome->cluster_uuid.size == UUID_BYTES)
        memcpy(theirs.bytes, welcome->cluster_uuid.data, UUID_BYTES);
    bool by_name = uuid_is_nil(theirs) || uuid_is_nil(client->cluster_uuid);   /* an earlier node */
    bool same = client->pinned            ? uuid_equal(theirs, client->cluster_uuid)
                : client->cluster == NULL ? true
                                          : (by_name ? bytes_equal(welcome->cluster, bytes_of_text(client->cluster)) : uuid_equal(theirs, client->cluster_uuid));
    if (!same)
        foreign(connection, welcome, theirs);
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
    if (welcome.protocol < CLIENT_PROTOCOLS.min || welcome.protocol > CLIENT_PROTOCOLS.max) {
        fault_set(connection, FAULT_LASTING, "it speaks protocol %u, this program %s: upgrade one of them", welcome.protocol,
                  version_text_of(CLIENT_PROTOCOLS).text);
        return false;
    }
    if (welcome.node.value == 0 || welcome.node.value > NODES_MAX || welcome.table.partitions == 0 || welcome.table.partitions > PARTITIONS_MAX)
        return false;
    if (!is_our_cluster(connection, &welcome))
        return false;
    if (!take_identity(connection, welcome.node.value)) {
        connection->parting = true;
        return false;
    }
    client->full = NULL;
    connection->state = CONNECTION_READY;
    fault_clear(connection);
    buffer_close(&connection->said);
    uint64_t features = features_of_names(welcome.features.names, welcome.features.count) & CLIENT_FEATURES;
    connection->features = features;
    bool packs = packer_wanted(COMPRESS_AUTO, feature_in(features, FEATURE_LZ4), conn_origin(client->io->transport, connection->conn).local);
    connection->packer = packer_of(packs ? &client->packed : NULL);
    connection->failures = 0;
    clock_timer_stop(client->io->clock, &connection->timer);
    if (client->cluster == NULL)
        client->cluster = memory_copy(arena_text(&client->arena, welcome.cluster), welcome.cluster.size + 1);
    routing_table(connection, &welcome.table);
    connection_admin(connection);
    routing_mark_all(client);
    return true;
}

/* ---- tables and answers */

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

static void answered(struct request *request, const struct response *response)
{
    struct client *client = request->client;
    struct route *route = &client->routes[request->partition];
    enum grid_err outcome = response->err;
    enum retry_verdict verdict = retry_judge(&request->retry, response->err, &outcome);
    if (verdict == RETRY_DONE) {
        struct client_result result = {.err = outcome, .response = response,
                                       .note = arena_text(&client->arena, response->note)};
        route->hops = route->attempts = route->avoid = 0;
        if (response->err == GRID_ERR_NO_SESSION && request->sequence > 0)
            session_lost(request);
        request_finish(request, &result);
        return;
    }
    if (verdict == RETRY_AGAIN && response->retry_after_ms > 0 && request->kind == REQUEST_COMMAND) {
        client->totals.postponed++;
        routing_later(request, response->retry_after_ms);
        return;
    }
    if (verdict == RETRY_AGAIN) {
        route->leaderless_node = request->connection->node;
        route->leaderless_ms = response->leader == 0 ? response->no_leader_ms : 0;
        routing_again(request, &(struct attempt_end){.answered = true, .leader = response->leader,
                                                     .no_leader_ms = response->no_leader_ms});
        return;
    }
    session_lost(request);
    request_forget_attempt(request);
    request_list_remove(request);
    request_list_insert(&route->writes, request);
    routing_mark(route);
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
        answered(request, &response);
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
    if (response.err == GRID_ERR_BUSY) {
        client->full = connection->address;
        fault_set(connection, FAULT_NONE, "the node takes no further connections (clients.connections_max, clients.per_address_max)");
    } else {
        const char *why = arena_text(&client->arena, response.note);
        fault_set(connection, FAULT_LASTING, "%.160s", why);
        snprintf(client->refusal, sizeof client->refusal, "%s: %.160s", connection->address, why);
    }
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

bool answers_take(struct connection *connection, const struct frame *whole)
{
    struct client *client = connection->client;
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
