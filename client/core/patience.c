/* How long an attempt may take until it is repeated, and a connection may stay without an answer until it is given up.
 *
 * A request's first attempt has the configured time, or what answers of this node usually take when that is more; every
 * attempt that was too late doubles it for the next one. A configured time below the real latency thus costs a few
 * repetitions and never the outcome. */
#include "client/core/core_internal.h"

#include "grid/base/check.h"

enum {
    SILENT_US_MIN = 500000,                /* silence for less time alone never closes a connection */
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

uint64_t patience_of_us(const struct connection *connection, const struct request *request)
{
    uint32_t doublings = request->lates < DOUBLINGS_MAX ? request->lates : DOUBLINGS_MAX;
    return usual_us(connection) << doublings;
}

/* ---- the connection as a whole */

/* Bytes that never become an answer are no sign of life: a size that was damaged on its way makes one side wait for the
 * rest of a frame that nobody sends, and swallow everything that is said meanwhile. */
uint64_t patience_dead_at_us(const struct connection *connection)
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

bool patience_is_over(const struct connection *connection, uint64_t now_us)
{
    return patience_dead_at_us(connection) <= now_us || (connection->rest_since_us != 0 && connection->rest_since_us + REST_US <= now_us);
}

/* ---- time */

void patience_watch(struct connection *connection, uint64_t due_us)
{
    uint64_t now = clock_now_us(clock_of(connection));
    if (timer_active(&connection->timer) && connection->watch_us <= due_us)
        return;
    connection->watch_us = due_us;
    clock_timer_start(clock_of(connection), &connection->timer, due_us > now ? due_us - now : 0);
}

void patience_sent(struct connection *connection, const struct request *request)
{
    uint64_t late_us = request->sent_us + patience_of_us(connection, request), dead_us = patience_dead_at_us(connection);
    patience_watch(connection, late_us < dead_us ? late_us : dead_us);
}
