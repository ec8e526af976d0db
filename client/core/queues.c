/* What waits: routes with something to send, for the end of the loop's iteration; writes of a partition, for their outcome. */
#include "client/core/core_internal.h"

#include "grid/base/check.h"

/* ---- routes */

void client_schedule(struct client *client)
{
    clock_defer(client->io->clock, &client->flush);
}

void routing_mark(struct route *route)
{
    if (route->dirty)
        return;
    route->dirty = true;
    route->next_dirty = route->client->dirty;
    route->client->dirty = route;
    client_schedule(route->client);
}

void routing_mark_all(struct client *client)
{
    for (uint32_t i = 0; i < client->partitions; i++) {
        struct route *route = &client->routes[i];
        if (route->retries.count + route->writes.count + route->reads.count > 0)
            routing_mark(route);
    }
}

/* ---- the window of a partition: writes with a sequence and without an outcome, by sequence (R3) */

static uint64_t acknowledged_below(const struct route *route)
{
    return route->window_first != NULL ? route->window_first->sequence : route->sequence_next;
}

bool window_join(struct route *route, struct request *request)
{
    if (route->sequence_next - acknowledged_below(route) >= CLIENT_WINDOW)
        return false;
    request->session = route->session;
    request->sequence = route->sequence_next++;
    request->window_before = route->window_last;
    if (route->window_last != NULL)
        route->window_last->window_next = request;
    else
        route->window_first = request;
    route->window_last = request;
    request->acknowledged_below = route->window_first->sequence;
    ENSURE(request->acknowledged_below <= request->sequence);
    return true;
}

void window_leave(struct request *request)
{
    struct route *route = &request->client->routes[request->partition];
    REQUIRE(request->sequence > 0);
    /* Writes of a lost session are no longer in a window. */
    if (request->session == route->session && route->session != 0) {
        if (request->window_before != NULL)
            request->window_before->window_next = request->window_next;
        else
            route->window_first = request->window_next;
        if (request->window_next != NULL)
            request->window_next->window_before = request->window_before;
        else
            route->window_last = request->window_before;
    }
    request->session = request->sequence = request->acknowledged_below = 0;
    request->window_before = request->window_next = NULL;
    if (route->writes.count > 0)
        routing_mark(route);
}
