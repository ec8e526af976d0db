/* How long an attempt may take until it is repeated, and a connection may stay without an answer until it is given up.
 *
 * A request's first attempt has the configured time, or what answers of this node usually take when that is more; every
 * attempt that was too late doubles it for the next one. A configured time below the real latency thus costs a few
 * repetitions and never the outcome. */
#include "client/core/core_internal.h"

#include "grid/base/check.h"

enum {
    SHORT_US = 250000,                     /* an attempt that got less time says little about its node */
    SILENT_US_MIN = 500000,                /* no connection is given up for less by itself */
    DEPOSED_US = 300000,                   /* nor for less when others say that its node does not lead any more */
    UNANSWERED_ATTEMPTS = 2,               /* a connection without any answer for so long is given up, whatever arrives */
    REST_US = 10 * 1000000,                /* for the rest of a frame: a node that sends single bytes counts as dead */
    DOUBLINGS_MAX = 16, DEATHS_MAX = 3,
};

static struct clock *clock_of(const struct connection *connection)
{
    return connection->client->io->clock;
}

/* ---- what answers usually take: mean and deviation as TCP keeps them (RFC 6298) */

void patience_measure(struct connection *connection, const struct request *request)
{
    if (request->waits)
        return;
    uint64_t took_us = connection->heard_us - request->sent_us;
    if (connection->mean_us == 0) {
        connection->mean_us = took_us;
        connection->deviation_us = took_us / 2;
        return;
    }
    uint64_t mean_us = connection->mean_us;
    uint64_t off_us = took_us > mean_us ? took_us - mean_us : mean_us - took_us;
    connection->deviation_us += off_us / 4 - connection->deviation_us / 4;
    connection->mean_us += took_us / 8 - mean_us / 8;
}

static uint64_t usual_us(const struct connection *connection)
{
    const struct client *client = connection->client;
    uint64_t usual = connection->mean_us + 4 * connection->deviation_us;
    if (usual > client->deadline_us / 2)
        usual = client->deadline_us / 2;
    return usual > client->attempt_us ? usual : client->attempt_us;
}

static uint64_t patience_us(const struct connection *connection, const struct request *request)
{
    uint32_t doublings = request->lates < DOUBLINGS_MAX ? request->lates : DOUBLINGS_MAX;
    return usual_us(connection) << doublings;
}

/* ---- the connection as a whole */

/* Bytes that never become an answer are no sign of life: a size that was damaged on its way makes one side wait for the
 * rest of a frame that nobody sends, and swallow everything that is said meanwhile. */
static uint64_t dead_at_us(const struct connection *connection)
{
    uint64_t patience = usual_us(connection);
    bool silent = connection->heard_us <= connection->unanswered_us;
    if (connection->unanswered_us == 0)
        return UINT64_MAX;
    if (patience < SILENT_US_MIN)
        patience = SILENT_US_MIN;
    patience <<= connection->deaths < DEATHS_MAX ? connection->deaths : DEATHS_MAX;
    return connection->unanswered_us + (silent ? 1 : UNANSWERED_ATTEMPTS) * patience;
}

bool patience_is_silent(const struct connection *connection)
{
    uint64_t since_us = connection->unanswered_us;
    return connection->state == CONNECTION_READY && since_us != 0 && connection->heard_us <= since_us &&
           since_us + DEPOSED_US <= clock_now_us(clock_of(connection));
}

static bool keeps_the_rest(const struct connection *connection, uint64_t now)
{
    return connection->rest_since_us != 0 && connection->rest_since_us + REST_US <= now;
}

/* ---- time */

static void watch_until(struct connection *connection, uint64_t due_us)
{
    uint64_t now = clock_now_us(clock_of(connection));
    if (timer_active(&connection->timer) && connection->watch_us <= due_us)
        return;
    connection->watch_us = due_us;
    clock_timer_start(clock_of(connection), &connection->timer, due_us > now ? due_us - now : 0);
}

void patience_sent(struct connection *connection, const struct request *request)
{
    uint64_t late_us = request->sent_us + patience_us(connection, request), dead_us = dead_at_us(connection);
    watch_until(connection, late_us < dead_us ? late_us : dead_us);
}

/* Those that are too late leave for a list of their own: giving them back calls the application. */
static uint64_t take_late(struct connection *connection, uint64_t now, struct request_list *late)
{
    uint64_t next_us = dead_at_us(connection);
    for (struct request *each = connection->sent.first, *next; each != NULL; each = next) {
        uint64_t due_us = each->sent_us + patience_us(connection, each);
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
        bool was_short = patience_us(connection, request) < SHORT_US;
        request->lates++;
        retry_lost(&request->retry);
        if (!was_short)
            search_others(client);
        routing_again(request, &(struct attempt_end){.leader = was_short ? connection->node : 0});
    }
}

void patience_over(struct connection *connection)
{
    struct client *client = connection->client;
    struct request_list late = {0};
    uint64_t now = clock_now_us(clock_of(connection));
    REQUIRE(connection->state == CONNECTION_READY);
    if (connection->sent.first == NULL)
        return;
    if (dead_at_us(connection) <= now || keeps_the_rest(connection, now)) {
        client->totals.malformed += connection->stream.pending.size > 0;
        connection->deaths++;
        connection_give_up(connection);
        return;
    }
    uint64_t next_us = take_late(connection, now, &late);
    if (connection->sent.first != NULL)
        watch_until(connection, next_us);
    give_back_late(connection, &late);
}
