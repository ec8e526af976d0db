/* The leader of each partition, and the queues that wait for it. */
#include "client/core/core_internal.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum {
    HOPS_MAX = 2,                          /* redirects followed at once; then nodes may be of two minds: pause */
    RETRY_AFTER_MS_MAX = 10000,            /* whatever a node asks for */
    LEADERLESS_MS = 300,                   /* a node without a leader for longer may be cut off: one further is asked, */
    LEADERLESS_LONG_MS = 2000,             /* and all of them when no election takes that long */
    ASKED_OFTEN = 3,                       /* backoffs; then others are asked whatever the node says */
};

/* ---- queues */

static void backoff_over(void *context)
{
    routing_mark(context);
}

static void start_backoff(struct route *route)
{
    struct client *client = route->client;
    if (!timer_active(&route->backoff))
        clock_timer_start(client->io->clock, &route->backoff, retry_backoff_us(route->attempts++, &client->prng));
}

static void place_admin(struct request *request)
{
    struct client *client = request->client;
    struct connection *connection = request->node <= NODES_MAX ? client->nodes[request->node] : NULL;
    if (connection == NULL) {
        request_fail_later(request, GRID_ERR_NOT_FOUND, "no such node in the partition table");
        return;
    }
    if (connection->state == CONNECTION_PAUSED || connection->state == CONNECTION_CLOSING) {
        request_fail_later(request, GRID_ERR_UNAVAILABLE, "the node cannot be reached");
        return;
    }
    request_list_append(&connection->waiting, request);
    connection_want(connection);
    connection_admin(connection);
}

void routing_place(struct request *request)
{
    struct client *client = request->client;
    if (client->partitions == 0) {
        request_list_append(&client->early, request);
        return;
    }
    if (request->kind == REQUEST_READY || request->kind == REQUEST_REACH) {
        request_fail_later(request, GRID_ERR_OK, "");
        return;
    }
    if (request->kind == REQUEST_ADMIN) {
        place_admin(request);
        return;
    }
    if (!request->has_partition) {
        request->partition = hash_partition(buffer_bytes(&request->affinity), client->partitions).value;
        buffer_clear(&request->affinity);
    }
    if (request->partition >= client->partitions) {
        request_fail_later(request, GRID_ERR_INVALID, "partition: outside the cluster's partitions");
        return;
    }
    struct route *route = &client->routes[request->partition];
    request_list_append(request->kind == REQUEST_COMMAND ? &route->writes : &route->reads, request);
    routing_mark(route);
}

/* ---- where to send */

/* How much a connected node promises to know: one that names a leader more than one that does not, and the one that could
 * not help just now least. */
static uint32_t promise(const struct route *route, const struct connection *connection)
{
    if (connection == NULL || connection->state != CONNECTION_READY)
        return 0;
    if (connection->node == route->avoid)
        return 1;
    return connection->leaders != NULL && connection->leaders[route->partition] != 0 ? 3 : 2;
}

static struct connection *any_connection(struct route *route)
{
    struct client *client = route->client;
    struct connection *best[NODES_MAX];
    uint32_t count = 0, most = 1;
    for (uint32_t node = 1; node <= NODES_MAX; node++) {
        uint32_t promised = promise(route, client->nodes[node]);
        if (promised > most)
            count = 0;
        if (promised < most)
            continue;
        most = promised;
        best[count++] = client->nodes[node];
    }
    if (count > 0)
        return best[route->turn++ % count];
    search_any(client);
    return NULL;
}

/* The leader's connection; any other while the leader is unknown or cannot be reached, for a hint; NULL: wait. */
static struct connection *choose(struct route *route)
{
    struct connection *leader = route->leader != 0 ? route->client->nodes[route->leader] : NULL;
    if (leader == NULL)
        return any_connection(route);
    connection_want(leader);
    if (leader->state == CONNECTION_READY)
        return leader;
    bool wait = leader->state == CONNECTION_OPENING && leader->failures == 0 && !leader->slow;
    return wait ? NULL : any_connection(route);
}

static struct request *next_to_send(struct route *route)
{
    if (route->retries.first != NULL)
        return route->retries.first;
    if (route->writes.first != NULL && session_admit(route, route->writes.first))
        return route->writes.first;
    return route->reads.first;
}

void routing_pump(struct route *route)
{
    struct request *request;
    if (timer_active(&route->backoff) || route->retries.count + route->writes.count + route->reads.count == 0)
        return;
    struct connection *connection = choose(route);
    if (connection == NULL)
        return;
    while (!connection_full(connection) && (request = next_to_send(route)) != NULL) {
        request->route = route->version;
        connection_send(connection, request);
    }
}

/* ---- what is learned */

static void lead_elsewhere(struct route *route, uint32_t leader)
{
    if (route->leader == leader)
        return;
    route->leader = leader;
    route->version++;
    route->hops = route->attempts = route->avoid = 0;
    route->leaderless_ms = 0;
    clock_timer_stop(route->client->io->clock, &route->backoff);
    if (route->retries.count + route->writes.count + route->reads.count > 0)
        routing_mark(route);
}

/* A node without a leader is in an election, or cut off from the others. In elections clients keep the connections that
 * they have: all of them dialling all nodes would not help. */
static void seek(struct route *route, uint64_t no_leader_ms)
{
    if (no_leader_ms >= LEADERLESS_LONG_MS)
        search_all(route->client);
    else if (no_leader_ms >= LEADERLESS_MS || route->attempts >= ASKED_OFTEN)
        search_others(route->client);
}

/* What a route's first failed attempt says about its leader; the others that left with it say the same. */
static void learn(struct route *route, uint32_t asked, const struct attempt_end *end)
{
    uint32_t hint = end->leader;
    route->version++;
    if (hint == 0)
        route->avoid = asked;
    if (hint == 0 && end->answered)
        seek(route, end->no_leader_ms);
    if (hint != 0 && hint <= NODES_MAX)
        route->leader = hint;
    else if (route->leader == asked)
        route->leader = 0;
    bool elsewhere = route->leader != 0 && route->leader != asked;
    if (elsewhere && route->hops < HOPS_MAX) {
        route->hops++;
        route->client->totals.redirected++;
    } else {
        start_backoff(route);
    }
}

static void queue_again(struct route *route, struct request *request)
{
    if (request->kind == REQUEST_SESSION && route->writes.count == 0) {
        request_fail(request, GRID_ERR_UNAVAILABLE, "no call waits for the session any more");
        return;
    }
    request_list_remove(request);
    if (request->kind == REQUEST_COMMAND && request->sequence == 0)
        request_list_insert(&route->writes, request);
    else
        request_list_insert(&route->retries, request);
    routing_mark(route);
}

void routing_again(struct request *request, const struct attempt_end *end)
{
    struct client *client = request->client;
    uint32_t asked = request->connection != NULL ? request->connection->node : 0;
    request_forget_attempt(request);
    if (request->kind == REQUEST_ADMIN) {
        request_fail(request, GRID_ERR_UNAVAILABLE, "the node cannot be reached");
        return;
    }
    struct route *route = &client->routes[request->partition];
    if (request->route == route->version)
        learn(route, asked, end);
    queue_again(route, request);
}

static void resume(void *context)
{
    struct request *request = context;
    REQUIRE(request->list == &request->client->paused);
    queue_again(&request->client->routes[request->partition], request);
}

void routing_later(struct request *request, uint64_t after_ms)
{
    struct client *client = request->client;
    REQUIRE(request->kind == REQUEST_COMMAND && after_ms > 0);
    uint64_t wait_us = (after_ms < RETRY_AFTER_MS_MAX ? after_ms : RETRY_AFTER_MS_MAX) * 1000;
    request_forget_attempt(request);
    request_list_remove(request);
    request_list_append(&client->paused, request);
    request->pause = (struct timer){.fire = resume, .context = request};
    /* Those that were refused together do not come back together. */
    clock_timer_start(client->io->clock, &request->pause, prng_range(&client->prng, wait_us, wait_us + wait_us / 2));
}

/* Addresses that are not tried any more make room for new ones, however often a node moves. */
static struct connection *learn_address(struct client *client, struct bytes address, uint32_t node)
{
    const char *text = arena_text(&client->arena, address);
    for (struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->learned && each->node == node && each != client->nodes[node] && each->state == CONNECTION_IDLE) {
            connection_move(each, text);
            return each;
        }
    struct connection *connection = connection_new(client, text, node);
    connection->learned = true;
    return connection;
}

/* A node may be connected at another address, that of a forwarded port perhaps: its own is kept for when that one fails. An endpoint
 * with that address stays a stranger until then: it may be a node of another cluster. */
static void know_member(struct client *client, const struct message_member *member)
{
    uint32_t node = member->node.value;
    struct bytes address = member->client_address;
    if (node == 0 || node > NODES_MAX || address.size == 0)
        return;
    struct connection *known = client->nodes[node], *each = client->connections;
    if (known != NULL && bytes_equal(bytes_of_text(known->address), address))
        return;
    while (each != NULL && ((each->node != 0 && each->node != node) || !bytes_equal(bytes_of_text(each->address), address)))
        each = each->next;
    if (each == NULL)
        each = learn_address(client, address, node);
    if (known != NULL)
        return;
    each->node = node;
    client->nodes[node] = each;
}

static bool is_address_of(const struct connection *connection, uint32_t node)
{
    const struct message_table *members = &connection->client->members;
    for (size_t i = 0; i < members->members_count; i++)
        if (members->members[i].node.value == node)
            return bytes_equal(bytes_of_text(connection->address), members->members[i].client_address);
    return false;
}

void routing_other_address(struct connection *lost)
{
    struct client *client = lost->client;
    uint32_t node = lost->node;
    if (node == 0 || client->nodes[node] != lost)
        return;
    for (struct connection *each = client->connections; each != NULL; each = each->next) {
        /* While a caller waits to hear of strangers, an endpoint has to say itself who it is. */
        bool same = each->node == node || (each->node == 0 && client->reaches == 0 && is_address_of(each, node));
        if (each == lost || !same || each->failures > lost->failures)
            continue;
        each->node = node;
        client->nodes[node] = each;
    }
}

static void keep_members(struct client *client, const struct message_table *table)
{
    struct message_table members = *table;
    members.leaders_count = 0;
    buffer_clear(&client->table);
    table_encode(&members, &client->table);
    arena_reset(&client->table_arena);
    HOLDS(table_decode(buffer_bytes(&client->table), &client->table_arena, &client->members) == GRID_ERR_OK);
    for (size_t i = 0; i < table->members_count; i++)
        know_member(client, &table->members[i]);
}

/* Others lead what these nodes led, and of them those that say nothing are probably gone: what they were asked is asked
 * elsewhere now, not when its time is over. */
static void leave_silent(struct client *client, const bool deposed[NODES_MAX + 1])
{
    for (uint32_t node = 1; node <= NODES_MAX; node++)
        if (deposed[node] && client->nodes[node] != NULL && patience_is_silent(client->nodes[node]))
            connection_give_up(client->nodes[node]);
}

/* REQUEST_REACH stays: other endpoints may belong to another cluster. */
static void place_early(struct client *client)
{
    for (size_t left = client->early.count; left > 0; left--) {
        struct request *request = client->early.first;
        request_list_remove(request);
        if (request->kind == REQUEST_REACH)
            request_list_append(&client->early, request);
        else
            routing_place(request);
    }
}

void routing_table(struct connection *connection, const struct message_table *table)
{
    struct client *client = connection->client;
    bool first = client->partitions == 0, deposed[NODES_MAX + 1] = {false};
    if (first)
        routing_init(client, table->partitions);
    keep_members(client, table);
    /* Versions of different nodes cannot be compared: only what this node changed its mind about is news. */
    if (connection->leaders == NULL)
        connection->leaders = memory_zero(client->partitions, sizeof *connection->leaders);
    for (uint32_t i = 0; i < client->partitions && i < table->leaders_count; i++) {
        uint32_t leader = table->leaders[i];
        bool news = leader != connection->leaders[i] || client->routes[i].leader == 0;
        connection->leaders[i] = leader;
        if (!news || leader == 0 || leader > NODES_MAX)
            continue;
        if (client->routes[i].leader != leader)
            deposed[client->routes[i].leader] = true;
        lead_elsewhere(&client->routes[i], leader);
    }
    leave_silent(client, deposed);
    place_early(client);
    if (first && client->reaches > 0)
        search_strangers(client);
    search_verdict(client);
}

/* ---- life */

void routing_init(struct client *client, uint32_t partitions)
{
    REQUIRE(client->partitions == 0 && partitions > 0 && partitions <= PARTITIONS_MAX);
    client->partitions = partitions;
    client->routes = memory_zero(partitions, sizeof *client->routes);
    for (uint32_t i = 0; i < partitions; i++) {
        struct route *route = &client->routes[i];
        route->client = client;
        route->partition = i;
        route->sequence_next = 1;
        route->turn = i;
        route->backoff = (struct timer){.fire = backoff_over, .context = route};
    }
}

void routing_close(struct client *client)
{
    for (uint32_t i = 0; i < client->partitions; i++)
        clock_timer_stop(client->io->clock, &client->routes[i].backoff);
    memory_free(client->routes);
}
