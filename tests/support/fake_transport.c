#include "tests/support/fake_transport.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

struct conn {
    struct fake_transport *fake;
    struct conn *next;
    char address[128];
    const struct conn_events *events;
    void *context;
    struct buffer output;
    bool up, closing, paused;
    size_t unread;
    struct conn_origin origin;
};

static struct conn *connect_(struct transport *base, const char *address, const struct conn_events *events,
                             void *context)
{
    struct fake_transport *fake = (struct fake_transport *)base;
    struct conn *conn = memory_zero(1, sizeof *conn);
    REQUIRE(strlen(address) < sizeof conn->address);
    memcpy(conn->address, address, strlen(address) + 1);
    conn->fake = fake;
    conn->events = events;
    conn->context = context;
    conn->next = fake->first;
    fake->first = conn;
    fake->dialled++;
    return conn;
}

static void attach(struct transport *base, struct conn *conn, const struct conn_events *events, void *context)
{
    (void)base;
    conn->events = events;
    conn->context = context;
}

static struct buffer *output(struct transport *base, struct conn *conn)
{
    (void)base;
    return &conn->output;
}

static size_t pending(struct transport *base, struct conn *conn)
{
    return ((struct fake_transport *)base)->pending + conn->unread;
}

static struct conn_origin origin(struct transport *base, struct conn *conn)
{
    (void)base;
    return conn->origin;
}

static void pause_(struct transport *base, struct conn *conn, bool paused)
{
    (void)base;
    conn->paused = paused;
}

static void close_(struct transport *base, struct conn *conn)
{
    (void)base;
    conn->closing = true;
}

static enum grid_err listen_(struct transport *base, const char *address, transport_accept_fn accept, void *context,
                             struct listener **ret_listener)
{
    struct fake_transport *fake = (struct fake_transport *)base;
    (void)address;
    if (fake->listen_err != GRID_ERR_OK)
        return fake->listen_err;
    fake->accept = accept;
    fake->accept_context = context;
    *ret_listener = (struct listener *)fake;
    return GRID_ERR_OK;
}

static void listener_close(struct transport *base, struct listener *listener)
{
    (void)listener;
    ((struct fake_transport *)base)->accept = NULL;
}

void fake_transport_init(struct fake_transport *fake)
{
    *fake = (struct fake_transport){
        .transport = {.listen = listen_, .listener_close = listener_close, .connect = connect_, .attach = attach,
                      .output = output, .pending = pending, .pause = pause_, .close = close_,
                      .origin = origin}};
}

void fake_transport_close(struct fake_transport *fake)
{
    while (fake->first != NULL)
        fake_conn_end(fake->first, GRID_ERR_CLOSED);
}

void fake_transport_run(struct fake_transport *fake)
{
    for (struct conn *each = fake->first; each != NULL;) {
        struct conn *next = each->next;
        if (each->closing)
            fake_conn_end(each, GRID_ERR_CLOSED);
        each = next;
    }
}

static struct conn *find(struct fake_transport *fake, const char *address, bool up)
{
    for (struct conn *each = fake->first; each != NULL; each = each->next)
        if (strcmp(each->address, address) == 0 && each->up == up && !each->closing)
            return each;
    return NULL;
}

struct conn *fake_transport_dialled(struct fake_transport *fake, const char *address)
{
    return find(fake, address, false);
}

struct conn *fake_transport_up(struct fake_transport *fake, const char *address)
{
    return find(fake, address, true);
}

struct conn *fake_transport_accept(struct fake_transport *fake, struct conn_origin origin)
{
    REQUIRE(fake->accept != NULL);
    struct conn *conn = memory_zero(1, sizeof *conn);
    *conn = (struct conn){.fake = fake, .next = fake->first, .up = true, .origin = origin};
    fake->first = conn;
    fake->accept(fake->accept_context, conn);
    return conn;
}

bool fake_conn_paused(const struct conn *conn)
{
    return conn->paused;
}

bool fake_conn_closing(const struct conn *conn)
{
    return conn->closing;
}

void fake_conn_unread(struct conn *conn, size_t bytes)
{
    conn->unread = bytes;
}

void fake_conn_open(struct conn *conn)
{
    REQUIRE(!conn->up && !conn->closing);
    conn->up = true;
    conn->events->on_open(conn->context, conn);
}

void fake_conn_say(struct conn *conn, struct bytes data)
{
    REQUIRE(conn->up);
    if (!conn->closing)
        conn->events->on_data(conn->context, conn, data);
}

void fake_conn_drain(struct conn *conn)
{
    conn->events->on_drain(conn->context, conn);
}

void fake_conn_end(struct conn *conn, enum grid_err reason)
{
    struct conn **at = &conn->fake->first;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    if (conn->events->on_close != NULL)
        conn->events->on_close(conn->context, conn, reason);
    buffer_close(&conn->output);
    memory_free(conn);
}

struct buffer *fake_conn_heard(struct conn *conn)
{
    return &conn->output;
}
