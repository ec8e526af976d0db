/* Sessions of partitions (R3): opened with the first write, lost, given back. */
#include "client/core/core_internal.h"

#include <stdio.h>

#include "grid/base/check.h"

static void opened(void *context, const struct client_result *result)
{
    struct route *route = context;
    struct client *client = route->client;
    route->opening = NULL;
    if (result->err == GRID_ERR_OK && result->response->session != 0) {
        HOLDS(route->session == 0 && route->window_first == NULL);
        route->session = result->response->session;
        route->sequence_next = 1;
        client->totals.sessions++;
        routing_mark(route);
        return;
    }
    if (client->closing)
        return;
    /* Nothing was sent for those that wait: they get the reason. */
    enum grid_err err = result->err != GRID_ERR_OK ? result->err : GRID_ERR_MALFORMED;
    snprintf(client->session_note, sizeof client->session_note, "no session could be opened%s%s", result->note[0] != 0 ? ": " : "",
             result->note);
    while (route->writes.first != NULL)
        request_fail_later(route->writes.first, err, client->session_note);
}

static void open_session(struct route *route)
{
    struct client *client = route->client;
    struct command command = {.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = client->session_idle_ms}};
    struct client_call call = {.done = opened, .context = route};
    struct request *request = request_new(client, REQUEST_SESSION, &call);
    command_encode(&command, &request->body);
    request->partition = route->partition;
    request->has_partition = true;
    route->opening = request;
    /* Sent like reads: it needs no place in a window. */
    request_list_append(&route->reads, request);
}

bool session_admit(struct route *route, struct request *request)
{
    REQUIRE(request->kind == REQUEST_COMMAND);
    if (request->sequence > 0)
        return true;
    if (route->session == 0) {
        if (route->opening == NULL)
            open_session(route);
        return false;
    }
    return window_join(route, request);
}

/* Everybody in the window of a lost session keeps its numbers, which are verbatim in what was sent, and answers for
 * itself: the node will tell each that the session is gone. */
static void forget_session(struct route *route)
{
    for (struct request *each = route->window_first; each != NULL;) {
        struct request *next = each->window_next;
        each->window_before = each->window_next = NULL;
        each = next;
    }
    route->window_first = route->window_last = NULL;
    route->session = 0;
    route->sequence_next = 1;
}

void session_lost(struct request *request)
{
    struct route *route = &request->client->routes[request->partition];
    if (request->session == route->session && route->session != 0)
        forget_session(route);
    request->session = request->sequence = request->acknowledged_below = 0;
    request->window_before = request->window_next = NULL;
}

void session_close(struct route *route, struct connection *connection)
{
    struct command command = {.session = route->session, .kind = COMMAND_CLOSE_SESSION};
    REQUIRE(route->session != 0 && connection->state == CONNECTION_READY);
    struct buffer *out = conn_output(route->client->io->transport, connection->conn);
    size_t mark = frame_begin(out, FRAME_COMMAND, route->partition, 0);
    command_encode(&command, out);
    frame_end(out, mark);
    route->session = 0;
}
