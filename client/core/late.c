/* What is too late on a connection: attempts that are repeated, and the connection itself when its node says nothing (patience.c). */
#include "client/core/core_internal.h"

#include "grid/base/check.h"

enum { SHORT_US = 250000 };               /* an attempt that got less time says little about its node */

/* Those that are too late leave for a list of their own: giving them back calls the application. */
static uint64_t take_late(struct connection *connection, uint64_t now, struct request_list *late)
{
    uint64_t next_us = patience_dead_at_us(connection);
    for (struct request *each = connection->sent.first, *next; each != NULL; each = next) {
        uint64_t due_us = each->sent_us + patience_of_us(connection, each);
        next = each->next;
        if (due_us <= now) {
            request_list_remove(each);
            request_list_append(late, each);
        } else if (due_us < next_us) {
            next_us = due_us;
        }
    }
    return next_us;
}

/* A node that answers others and not this one cannot serve its partition, and another may. */
static void give_back_late(struct connection *connection, struct request_list *late)
{
    struct client *client = connection->client;
    while (late->first != NULL) {
        struct request *request = late->first;
        bool was_short = patience_of_us(connection, request) < SHORT_US;
        request->lates++;
        retry_lost(&request->retry);
        if (!was_short)
            search_others(client);
        routing_again(request, &(struct attempt_end){.leader = was_short ? connection->node : 0});
    }
}

void late_look(struct connection *connection)
{
    struct client *client = connection->client;
    struct request_list late = {0};
    uint64_t now = clock_now_us(client->io->clock);
    REQUIRE(connection->state == CONNECTION_READY);
    if (connection->sent.first == NULL)
        return;
    if (patience_is_over(connection, now)) {
        client->totals.malformed += connection->stream.pending.size > 0;
        connection->deaths++;
        connection_give_up(connection);
        return;
    }
    uint64_t next_us = take_late(connection, now, &late);
    if (connection->sent.first != NULL)
        patience_watch(connection, next_us);
    give_back_late(connection, &late);
}

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

void late_lost(struct connection *connection)
{
    struct client *client = connection->client;
    give_back(connection);
    routing_other_address(connection);
    for (uint32_t i = 0; i < client->partitions; i++)
        if (connection->node != 0 && client->routes[i].leader == connection->node)
            routing_mark(&client->routes[i]);
    search_lost(client);
    search_verdict(client);
}
