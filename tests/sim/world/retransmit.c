/* TCP without an answer: it retransmits everything, at growing intervals, and reports nothing. So a connection outlives a
 * cut, and bytes written meanwhile arrive late: at the next retransmission. */
#include "grid/base/check.h"
#include "tests/sim/world/net.h"

/* The first wait after a packet that was not acknowledged, and the longest; the first and all waits of a connect. */
enum { RETRANSMIT_MIN_US = 200000, RETRANSMIT_MAX_US = 120000000, SYN_RETRANSMIT_US = 1000000, SYN_GIVE_UP_US = 127000000 };

/* How often a clogged stream looks whether it may go on. */
enum { CLOG_RETRY_US = 40000 };

static bool is_cut(struct world *world, const struct host *from, const struct host *to)
{
    return world->cuts[from->number][to->number].until_us > world->now_us;
}

static uint64_t next_wait(struct stream *stream)
{
    uint64_t wait_us = stream->wait_us == 0 ? RETRANSMIT_MIN_US : 2 * stream->wait_us;
    stream->wait_us = wait_us < RETRANSMIT_MAX_US ? wait_us : RETRANSMIT_MAX_US;
    return stream->wait_us;
}

/* Without a way back no acknowledgement comes: what is under way still arrives, and soon nothing else. */
static bool acknowledged(struct conn *from)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    if (!net_is_cut(world, conn_other(from)->host, from->host)) {
        stream->unanswered_us = 0;
        return true;
    }
    if (stream->unanswered_us == 0) {
        stream->unanswered_us = world->now_us;
    }
    return world->now_us - stream->unanswered_us < RETRANSMIT_MIN_US;
}

bool stream_passes(struct conn *from)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    const struct cut *cut = &world->cuts[from->host->number][conn_other(from)->host->number];
    if (cut->kind == CUT_CLOG && cut->until_us > world->now_us) {
        stream->retry_us = world->now_us + CLOG_RETRY_US;
        return false;
    }
    if (!net_is_cut(world, from->host, conn_other(from)->host) && acknowledged(from)) {
        if (stream->wait_us > RETRANSMIT_MIN_US) {
            SOMETIMES(world, "bytes arrive late after a cut");
        }
        stream->wait_us = 0;
        return true;
    }
    stream->retry_us = world->now_us + next_wait(stream);
    return false;
}

/* ---- connecting */

bool connect_again(struct conn *conn, uint64_t *ret_delay_us)
{
    struct stream *stream = &conn->stream;
    uint64_t waited_us = stream->wait_us == 0 ? 0 : 2 * stream->wait_us - SYN_RETRANSMIT_US;
    REQUIRE(conn->state == END_CONNECTING);
    stream->wait_us = stream->wait_us == 0 ? SYN_RETRANSMIT_US : 2 * stream->wait_us;
    *ret_delay_us = stream->wait_us;
    return waited_us + stream->wait_us < SYN_GIVE_UP_US;
}

/* ---- the other end lost its power */

static void discard_knock(void *context)
{
    struct conn *conn = context;
    conn->knocking = false;
    link_release(conn->link);
}

/* Once the machine is there again its system says that it knows of no such connection. */
static void run_knock(struct world *world, void *context)
{
    struct conn *conn = context;
    const struct host *lost = conn_other(conn)->host;
    conn->knocking = false;
    if (conn->state == END_OPEN && lost->up && !is_cut(world, conn->host, lost) && !is_cut(world, lost, conn->host)) {
        SOMETIMES(world, "a connection ends when a lost machine is back");
        conn_finish(conn, GRID_ERR_IO);
    } else if (conn->state == END_OPEN) {
        conn_knock(conn, next_wait(&conn->stream));
    }
    link_release(conn->link);
}

void conn_knock(struct conn *conn, uint64_t delay_us)
{
    if (conn->knocking) {
        return;
    }
    conn->knocking = true;
    link_hold(conn->link);
    struct event event = {.host = conn->host, .run = run_knock, .discard = discard_knock, .context = conn};
    world_push(conn->link->world, &event, delay_us);
}
