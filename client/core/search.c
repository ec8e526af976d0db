/* Looking for nodes: for any at all while none is connected, and for others while those that are connected know no leader. */
#include "client/core/core_internal.h"

enum {
    REACH_US = 150000,                     /* then the next address is tried beside the first */
    STRANGERS_US = 300000,                 /* how long a connected client waits for other endpoints to say who they are */
};

static bool any_ready(const struct client *client)
{
    for (const struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->state == CONNECTION_READY)
            return true;
    return false;
}

/* Two addresses may lead to one node; a second connection to it would tell nothing new. */
static bool leads_somewhere_new(const struct connection *connection)
{
    const struct connection *known = connection->node != 0 ? connection->client->nodes[connection->node] : NULL;
    return connection->state == CONNECTION_IDLE &&
           (known == NULL || known == connection || known->state != CONNECTION_READY);
}

/* The next idle address is dialled, and the one after it a moment later unless somebody has answered by then. */
static void dial_next(struct client *client)
{
    if (client->closing || timer_active(&client->reach))
        return;
    struct connection *start = client->reaching != NULL ? client->reaching : client->connections;
    struct connection *each = start, *next;
    do {
        next = each->next != NULL ? each->next : client->connections;
        bool dial = leads_somewhere_new(each);
        if (dial)
            connection_want(each);
        each = next;
        if (dial)
            break;
    } while (each != start);
    client->reaching = each;
    clock_timer_start(client->io->clock, &client->reach, REACH_US);
}

void search_any(struct client *client)
{
    client->resting = client->resting && client->pending == 0;
    if (!any_ready(client) && !client->resting)
        dial_next(client);
}

void search_lost(struct client *client)
{
    if (any_ready(client) || client->resting)
        return;
    clock_timer_stop(client->io->clock, &client->reach);
    dial_next(client);
}

void search_others(struct client *client)
{
    client->searching = true;
    dial_next(client);
}

void search_all(struct client *client)
{
    for (struct connection *each = client->connections; each != NULL && !client->closing; each = each->next)
        if (leads_somewhere_new(each))
            connection_want(each);
}

void search_go_on(void *context)
{
    struct client *client = context;
    bool wanted = client->searching || (!any_ready(client) && !client->resting);
    client->searching = false;
    if (wanted)
        dial_next(client);
}

/* ---- for a caller that wants to know why not */

void search_strangers(struct client *client)
{
    for (struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->node == 0)
            connection_want(each);
    clock_timer_start(client->io->clock, &client->verdict, STRANGERS_US);
}

static void end_reaches(struct client *client, enum grid_err err, const char *note)
{
    for (struct request *each = client->early.first; each != NULL;) {
        if (each->kind != REQUEST_REACH) {
            each = each->next;
            continue;
        }
        request_fail(each, err, note);
        each = client->early.first;
    }
}

/* Endpoints that are no member's address and have not said who they are. */
static bool strangers_left(const struct client *client)
{
    for (const struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->node == 0 && each->fault == FAULT_NONE && !each->parting)
            return true;
    return false;
}

static bool any_foreign(const struct client *client)
{
    for (const struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->foreign)
            return true;
    return false;
}

void search_verdict(struct client *client)
{
    bool time_is_over = !timer_active(&client->verdict), connected = client->partitions > 0;
    enum grid_err err = GRID_ERR_OK;
    struct buffer text = {0};
    if (client->reaches == 0 || client->closing)
        return;
    if (connected ? strangers_left(client) && !any_foreign(client) && !time_is_over : !faults_settled(client, time_is_over))
        return;
    if (any_foreign(client))
        err = GRID_ERR_INVALID;
    else if (!connected)
        err = GRID_ERR_UNAVAILABLE;
    if (err != GRID_ERR_OK)
        faults_text(client, &text);
    buffer_append_u8(&text, 0);
    end_reaches(client, err, (const char *)text.data);
    buffer_close(&text);
}

void search_time_is_over(void *client)
{
    search_verdict(client);
}
