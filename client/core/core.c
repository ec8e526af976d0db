#include "client/core/core.h"

#include <string.h>

#include "client/core/core_internal.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/wire/messages/message_check.h"

enum {
    DEADLINE_MS = 10000,
    ATTEMPT_MS = 2000,
    PENDING_MAX = 65536,
    VERDICT_US = 1000000,                  /* nodes that are restarted may refuse connections for so long */
};

/* ---- the end of an iteration: everything that queued leaves */

static void wake(void *context)
{
    (void)context;
}

static void flush(void *context)
{
    struct client *client = context;
    /* The caller may run the loop once at a time until these answers are there; they come just before the loop sleeps. */
    if (client->failed.count > 0)
        clock_timer_start(client->io->clock, &client->wake, 0);
    /* Only those that stand there now: what callbacks add is for the next round. */
    for (size_t left = client->failed.count; left > 0; left--) {
        struct request *request = client->failed.first;
        request_fail(request, request->failed, request->failed_note);
    }
    while (client->dirty != NULL) {
        struct route *route = client->dirty;
        client->dirty = route->next_dirty;
        route->dirty = false;
        routing_pump(route);
    }
}

/* ---- from the call to the queue */

static void submit(struct request *request, enum grid_err err, const char *note)
{
    struct client *client = request->client;
    if (client->disowned) {
        err = GRID_ERR_FORKED;
        note = "the process was forked after it opened this client; the child must open one of its own";
    } else if (err == GRID_ERR_OK && client_pending(client) > client->pending_max) {
        err = GRID_ERR_BUSY;
        note = "too many calls of this client have no answer yet (pending_max); wait for some";
    }
    if (err != GRID_ERR_OK)
        request_fail_later(request, err, note);
    else
        routing_place(request);
}

/* What was asked, so that the same key with anything else can be told apart. */
static void hash_request(const struct command *command, uint8_t hash[16])
{
    struct command bare = *command;
    struct buffer encoded = {0};
    bare.session = bare.sequence = bare.acknowledged_below = 0;
    bare.idempotency = (struct idempotency){0};
    command_encode(&bare, &encoded);
    put_u64(hash, hash_xxh3(buffer_bytes(&encoded), 1));
    put_u64(hash + 8, hash_xxh3(buffer_bytes(&encoded), 2));
    buffer_close(&encoded);
}

static struct request *new_command(struct client *client, const struct command *command, const struct client_call *call,
                                   enum grid_err *ret_err, const char **ret_note)
{
    struct request *request = request_new(client, REQUEST_COMMAND, call);
    struct command complete = *command, checked;
    uint8_t hash[16];
    if (complete.idempotency.key.size > 0 && complete.idempotency.request_hash.size == 0) {
        hash_request(command, hash);
        complete.idempotency.request_hash = bytes_of(hash, sizeof hash);
    }
    checked = complete;
    /* What is not allowed anywhere need not travel; numbers of the session come later. */
    checked.session = checked.sequence = 1;
    *ret_err = message_check_command(&checked, ret_note);
    if (*ret_err == GRID_ERR_OK)
        command_encode(&complete, &request->body);
    return request;
}

static struct bytes affinity_of(const struct command *command)
{
    if (command->kind == COMMAND_MAP)
        return message_affinity(command->map.key, command->map.affinity);
    if (command->kind == COMMAND_SERVICE)
        return message_affinity(command->service.key, command->service.affinity);
    REQUIRE(command->kind == COMMAND_BATCH);
    return message_affinity(command->batch.operations[0].key, command->batch.operations[0].affinity);
}

void client_command(struct client *client, const struct command *command, const struct client_call *call)
{
    enum grid_err err;
    const char *note;
    struct request *request = new_command(client, command, call, &err, &note);
    if (err == GRID_ERR_OK)
        buffer_append(&request->affinity, affinity_of(command));
    submit(request, err, note);
}

void client_command_at(struct client *client, struct partition_id partition, const struct command *command,
                       const struct client_call *call)
{
    enum grid_err err;
    const char *note;
    REQUIRE(command->kind == COMMAND_CLEAR || command->kind == COMMAND_DROP || command->kind == COMMAND_CONFIGURE ||
            command->kind == COMMAND_RAISE_LEVEL || command->kind == COMMAND_RETAIN);
    struct request *request = new_command(client, command, call, &err, &note);
    request->partition = partition.value;
    request->has_partition = true;
    submit(request, err, note);
}

void client_map_command(struct client *client, const struct map_command *map, const struct client_call *call)
{
    struct command command = {.kind = COMMAND_MAP, .map = *map};
    client_command(client, &command, call);
}

void client_map_set(struct client *client, struct bytes map, const struct client_key *key, struct bytes value,
                    const struct client_call *call)
{
    struct map_command command = {.operation = MAP_SET, .map = map, .key = key->key, .affinity = key->affinity,
                                  .value = value};
    client_map_command(client, &command, call);
}

void client_map_remove(struct client *client, struct bytes map, const struct client_key *key,
                       const struct client_call *call)
{
    struct map_command command = {.operation = MAP_REMOVE, .map = map, .key = key->key, .affinity = key->affinity};
    client_map_command(client, &command, call);
}

void client_service_command(struct client *client, const struct service_command *service,
                            const struct client_call *call)
{
    struct command command = {.kind = COMMAND_SERVICE, .service = *service};
    client_command(client, &command, call);
}

static struct request *new_query(struct client *client, const struct query *query, const struct client_call *call,
                                 enum grid_err *ret_err, const char **ret_note)
{
    struct request *request = request_new(client, REQUEST_QUERY, call);
    *ret_err = message_check_query(query, ret_note);
    request->waits = query->wait_ms > 0;
    if (*ret_err == GRID_ERR_OK)
        query_encode(query, &request->body);
    return request;
}

static void read_entry(struct client *client, const struct query *query, const struct client_call *call)
{
    enum grid_err err;
    const char *note;
    struct request *request = new_query(client, query, call, &err, &note);
    if (err == GRID_ERR_OK)
        buffer_append(&request->affinity, message_affinity(query->key, query->affinity));
    submit(request, err, note);
}

void client_map_get(struct client *client, struct bytes map, const struct client_key *key,
                    const struct client_call *call)
{
    struct query query = {.kind = QUERY_GET, .map = map, .key = key->key, .affinity = key->affinity};
    read_entry(client, &query, call);
}

void client_map_contains(struct client *client, struct bytes map, const struct client_key *key,
                         const struct client_call *call)
{
    struct query query = {.kind = QUERY_CONTAINS, .map = map, .key = key->key, .affinity = key->affinity};
    read_entry(client, &query, call);
}

void client_query(struct client *client, struct partition_id partition, const struct query *query,
                  const struct client_call *call)
{
    enum grid_err err;
    const char *note;
    struct request *request = new_query(client, query, call, &err, &note);
    request->partition = partition.value;
    request->has_partition = true;
    submit(request, err, note);
}

void client_admin(struct client *client, struct node_id node, enum admin_kind kind, const struct client_call *call)
{
    struct request *request = request_new(client, REQUEST_ADMIN, call);
    admin_request_encode(kind, &request->body);
    request->node = node.value;
    request->admin_partition = FRAME_PARTITION_NONE;
    submit(request, GRID_ERR_OK, "");
}

void client_take_snapshot(struct client *client, struct node_id node, uint32_t partition, const struct client_call *call)
{
    struct request *request = request_new(client, REQUEST_ADMIN, call);
    admin_request_encode(ADMIN_SNAPSHOT, &request->body);
    request->node = node.value;
    request->admin_partition = partition;
    request->needs = feature_bit(FEATURE_UPKEEP);
    submit(request, GRID_ERR_OK, "");
}

void client_ready(struct client *client, const struct client_call *call)
{
    submit(request_new(client, REQUEST_READY, call), GRID_ERR_OK, "");
}

void client_reach(struct client *client, const struct client_call *call)
{
    if (client->reaches == 0 && client->partitions == 0)
        clock_timer_start(client->io->clock, &client->verdict, VERDICT_US);
    submit(request_new(client, REQUEST_REACH, call), GRID_ERR_OK, "");
}

/* ---- answers */

/* ---- what is known */

uint32_t client_partitions(const struct client *client)
{
    return client->partitions;
}

struct partition_id client_partition_of(const struct client *client, struct bytes affinity)
{
    REQUIRE(client->partitions > 0);
    return hash_partition(affinity, client->partitions);
}

size_t client_pending(const struct client *client)
{
    return client->pending - client->own;
}

const struct message_member *client_members(const struct client *client, size_t *ret_count)
{
    *ret_count = client->members.members_count;
    return client->members.members;
}

struct node_id client_leader(const struct client *client, struct partition_id partition)
{
    return (struct node_id){partition.value < client->partitions ? client->routes[partition.value].leader : 0};
}

struct uuid client_cluster_uuid(const struct client *client)
{
    return client->cluster_uuid;
}

const char *client_cluster(const struct client *client)
{
    return client->cluster != NULL ? client->cluster : "";
}

struct client_totals client_totals(const struct client *client)
{
    return client->totals;
}

bool client_closing(const struct client *client)
{
    return client->closing;
}

static size_t holds_list(const struct request_list *list)
{
    size_t count = 0;
    for (const struct request *each = list->first; each != NULL; each = each->next) {
        HOLDS(each->list == list && (each->next == NULL ? list->last == each : each->next->before == each));
        count++;
    }
    HOLDS(count == list->count);
    return count;
}

void client_holds(const struct client *client)
{
    size_t found = holds_list(&client->early) + holds_list(&client->failed) + holds_list(&client->paused);
    for (const struct connection *each = client->connections; each != NULL; each = each->next) {
        found += holds_list(&each->sent) + holds_list(&each->waiting);
        HOLDS(each->sent.count == 0 || each->state == CONNECTION_READY);
        HOLDS(each->conn != NULL || each->state == CONNECTION_IDLE || each->state == CONNECTION_PAUSED);
    }
    for (uint32_t i = 0; i < client->partitions; i++) {
        const struct route *route = &client->routes[i];
        found += holds_list(&route->retries) + holds_list(&route->writes) + holds_list(&route->reads);
        uint64_t last = 0;
        for (const struct request *each = route->window_first; each != NULL; each = each->window_next) {
            HOLDS(each->sequence > last && each->sequence < route->sequence_next && each->session == route->session);
            HOLDS(each->sequence - route->window_first->sequence < CLIENT_WINDOW);
            last = each->sequence;
        }
    }
    HOLDS(found == client->pending);
}

/* ---- life */

static const struct connection_upcalls upcalls = {.frame = answers_take, .lost = late_lost, .due = late_look, .idle = search_any};

struct client *client_open(struct io *io, const struct client_options *options)
{
    REQUIRE(options->endpoints_count > 0);
    struct client *client = memory_zero(1, sizeof *client);
    const char *name = options->name != NULL ? options->name : "client";
    client->io = io;
    client->events = &upcalls;
    client->name = memory_copy(name, strlen(name) + 1);
    client->deadline_us = (options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS) * 1000;
    client->attempt_us = (options->attempt_ms > 0 ? options->attempt_ms : ATTEMPT_MS) * 1000;
    client->session_idle_ms = options->session_idle_ms;
    client->pending_max = options->pending_max > 0 ? options->pending_max : PENDING_MAX;
    client->slots_free = UINT32_MAX;
    client->flush = (struct deferred){.run = flush, .context = client};
    client->reach = (struct timer){.fire = search_go_on, .context = client};
    client->wake = (struct timer){.fire = wake, .context = client};
    client->verdict = (struct timer){.fire = search_time_is_over, .context = client};
    client->pinned = options->cluster_uuid != NULL;
    if (client->pinned)
        client->cluster_uuid = *options->cluster_uuid;
    prng_init(&client->prng, entropy_u64(io->entropy));
    arena_init(&client->arena, 16 * 1024);
    arena_init(&client->table_arena, 4 * 1024);
    for (size_t i = 0; i < options->endpoints_count; i++)
        connection_new(client, options->endpoints[i], 0);
    /* Clients that start together spread over the endpoints. */
    client->reaching = client->connections;
    for (uint64_t skip = prng_range(&client->prng, 1, options->endpoints_count); skip > 1; skip--)
        client->reaching = client->reaching->next;
    search_any(client);
    return client;
}

void client_disown(struct client *client)
{
    client->disowned = true;
}

/* Every list's requests end; their callbacks make no new ones. */
static void end_list(struct request_list *list)
{
    while (list->first != NULL) {
        struct request *request = list->first;
        if (request->connection != NULL)
            retry_lost(&request->retry);
        request_fail(request, request->retry.may_have_happened ? GRID_ERR_UNKNOWN : GRID_ERR_CLOSED,
                     "the client was closed");
    }
}

/* A courtesy that saves the nodes memory: sessions whose writes are all answered are given back. */
static void close_sessions(struct client *client)
{
    for (uint32_t i = 0; i < client->partitions; i++) {
        struct route *route = &client->routes[i];
        struct connection *leader = route->leader != 0 ? client->nodes[route->leader] : NULL;
        if (route->session != 0 && route->window_first == NULL && leader != NULL && leader->state == CONNECTION_READY)
            session_close(route, leader);
    }
}

void client_close(struct client *client)
{
    client->closing = true;
    close_sessions(client);
    end_list(&client->early);
    end_list(&client->failed);
    end_list(&client->paused);
    for (struct connection *each = client->connections; each != NULL; each = each->next) {
        end_list(&each->sent);
        end_list(&each->waiting);
    }
    for (uint32_t i = 0; i < client->partitions; i++) {
        end_list(&client->routes[i].retries);
        end_list(&client->routes[i].writes);
        end_list(&client->routes[i].reads);
    }
    ENSURE(client->pending == 0);
    clock_undefer(client->io->clock, &client->flush);
    clock_timer_stop(client->io->clock, &client->reach);
    clock_timer_stop(client->io->clock, &client->wake);
    clock_timer_stop(client->io->clock, &client->verdict);
    while (client->connections != NULL) {
        struct connection *connection = client->connections;
        client->connections = connection->next;
        connection_free(connection);
    }
    routing_close(client);
    buffer_close(&client->table);
    arena_close(&client->arena);
    arena_close(&client->table_arena);
    request_free_spare(client);
    memory_free(client->slots);
    memory_free(client->cluster);
    buffer_close(&client->plain);
    memory_free(client->name);
    memory_free(client);
}
