/* What waits for the end of the loop's iteration: routes with something to send. */
#include "client/core/core_internal.h"

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
