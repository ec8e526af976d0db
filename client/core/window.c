/* Sessions and sequences of a partition (R3). */
#include "client/core/core_internal.h"

#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

/* ---- the window: writes with a sequence and without an outcome, by sequence */

static uint64_t acknowledged_below(const struct route *route)
{
    return route->window_first != NULL ? route->window_first->sequence : route->sequence_next;
}

static void join(struct route *route, struct request *request)
{
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
}

void window_leave(struct request *request)
{
    struct route *route = &request->client->routes[request->partition];
    REQUIRE(request->sequence > 0);
    /* Writes of a session that was lost stand in no window any more. */
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

/* ---- sessions */

static void session_done(void *context, const struct client_result *result)
{
    window_session_opened(context, result);
}

static void open_session(struct route *route)
{
    struct client *client = route->client;
    struct command command = {.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = client->session_idle_ms}};
    struct client_call call = {.done = session_done, .context = route};
    struct request *request = request_new(client, REQUEST_SESSION, &call);
    command_encode(&command, &request->body);
    request->partition = route->partition;
    request->has_partition = true;
    route->opening = request;
    /* Beside the reads: it needs no place in a window. */
    request_list_append(&route->reads, request);
}

bool window_admit(struct route *route, struct request *request)
{
    REQUIRE(request->kind == REQUEST_COMMAND);
    if (request->sequence > 0)
        return true;
    if (route->session == 0) {
        if (route->opening == NULL)
            open_session(route);
        return false;
    }
    if (route->sequence_next - acknowledged_below(route) >= CLIENT_WINDOW)
        return false;
    join(route, request);
    return true;
}

void window_session_opened(struct route *route, const struct client_result *result)
{
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

void window_session_lost(struct request *request)
{
    struct route *route = &request->client->routes[request->partition];
    if (request->session == route->session && route->session != 0)
        forget_session(route);
    request->session = request->sequence = request->acknowledged_below = 0;
    request->window_before = request->window_next = NULL;
}

void window_close_session(struct route *route, struct connection *connection)
{
    struct command command = {.session = route->session, .kind = COMMAND_CLOSE_SESSION};
    REQUIRE(route->session != 0 && connection->state == CONNECTION_READY);
    struct buffer *out = conn_output(route->client->io->transport, connection->conn);
    size_t mark = frame_begin(out, FRAME_COMMAND, route->partition, 0);
    command_encode(&command, out);
    frame_end(out, mark);
    route->session = 0;
}
