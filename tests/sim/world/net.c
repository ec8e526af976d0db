#include "tests/sim/world/net.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/frame.h"

/* ---- life of links ---- */

void link_hold(struct link *link) { link->references++; }

void link_release(void *context)
{
    struct link *link = context;
    REQUIRE(link->references > 0);
    if (--link->references > 0) {
        return;
    }
    for (unsigned side = 0; side < 2; side++) {
        stream_drop(&link->ends[side].stream, 0);
        buffer_close(&link->ends[side].output);
    }
    if (link->before) {
        link->before->next = link->next;
    } else {
        link->world->links = link->next;
    }
    if (link->next) {
        link->next->before = link->before;
    }
    memory_free(link);
}

static struct conn *conn_begin(struct link *link, unsigned side, struct host *host, enum end_state state)
{
    struct conn *conn = &link->ends[side];
    conn->host = host;
    conn->incarnation = host->incarnation;
    conn->state = state;
    link_hold(link);
    return conn;
}

/* Forgets the output of the present iteration; the list of written connections must not keep the end. */
static void conn_unlist(struct conn *conn)
{
    struct sim_net *net = &conn->host->net;
    if (!conn->written) {
        return;
    }
    struct conn **at = &net->written;
    while (*at != conn) {
        at = &(*at)->next_written;
    }
    *at = conn->next_written;
    if (net->written_end == &conn->next_written) {
        net->written_end = at;
    }
    conn->written = false;
}

/* The end will never be heard of again. */
static void conn_dead(struct conn *conn)
{
    if (conn->state == END_NONE || conn->state == END_CLOSED) {
        return;
    }
    conn_unlist(conn);
    conn->state = END_CLOSED;
    stream_drop(&conn_other(conn)->stream, 0);
    link_release(conn->link);
}

void conn_finish(struct conn *conn, enum grid_err reason)
{
    struct world *world = conn->link->world;
    link_hold(conn->link);
    world_trace_event(world, TRACE_CLOSE, conn->host->number, (uint64_t)reason);
    conn->state = END_CLOSING;
    if (conn->attached && conn->events.on_close) {
        conn->events.on_close(conn->context, conn, reason);
    }
    stream_end(conn, net_latency(world, conn->link), GRID_ERR_IO);
    conn_dead(conn);
    link_release(conn->link);
}

static void run_finish(struct world *world, void *context)
{
    (void)world;
    struct conn *conn = context;
    if (conn->state != END_CLOSED) {
        conn_finish(conn, conn->reason);
    }
    link_release(conn->link);
}

static void discard_conn(void *context) { link_release(((struct conn *)context)->link); }

static void finish_later(struct conn *conn, uint64_t delay_us, enum grid_err reason)
{
    conn->reason = reason;
    link_hold(conn->link);
    struct event event = {.host = conn->host, .run = run_finish, .discard = discard_conn, .context = conn};
    world_push(conn->link->world, &event, delay_us);
}

void link_break(struct link *link, size_t keep_bytes)
{
    for (unsigned side = 0; side < 2; side++) {
        struct conn *conn = &link->ends[side];
        if (conn->state == END_OPEN) {
            stream_drop(&conn->stream, keep_bytes);
            stream_end(conn, 0, GRID_ERR_IO);
        }
    }
}

/* ---- latency, cuts ---- */

bool net_is_cut(struct world *world, const struct host *from, const struct host *to)
{
    const struct cut *cut = &world->cuts[from->number][to->number];
    return cut->kind == CUT_SILENT && cut->until_us > world->now_us;
}

static bool is_cut_at_all(struct world *world, const struct host *a, const struct host *b)
{
    return world->cuts[a->number][b->number].until_us > world->now_us ||
           world->cuts[b->number][a->number].until_us > world->now_us;
}

uint64_t net_latency(struct world *world, const struct link *link)
{
    uint64_t latency_us = link->latency_us + world_draw(world, CONCERN_NET, 0, link->latency_us);
    if (fault_on(world, FAULT_DELAY) && prng_chance(world_concern(world, CONCERN_NET), world->plan.delay_ppm)) {
        fault_happened(world, FAULT_DELAY);
        latency_us += world_draw(world, CONCERN_NET, 0, world->plan.delay_us);
    }
    return latency_us;
}

void net_cut_as(struct world *world, struct host *from, struct host *to, uint64_t duration_us, enum cut_kind kind)
{
    world->totals.cuts++;
    world->cuts[from->number][to->number] = (struct cut){world->now_us + duration_us, kind};
    world->cut_end_us[from->number][to->number] = world->now_us + duration_us;
}

void net_cut(struct world *world, struct host *from, struct host *to, uint64_t duration_us, bool lose)
{
    net_cut_as(world, from, to, duration_us, lose ? CUT_LOSE : CUT_SILENT);
}

void net_mend(struct world *world)
{
    memset(world->cuts, 0, sizeof world->cuts);
    for (size_t i = 0; i < HOSTS_MAX * HOSTS_MAX; i++) {
        uint64_t *end_us = &world->cut_end_us[i / HOSTS_MAX][i % HOSTS_MAX];
        *end_us = *end_us < world->now_us ? *end_us : world->now_us;
    }
}

void net_reset_all(struct world *world, struct host *host)
{
    for (struct link *link = world->links; link; link = link->next) {
        if (link->ends[0].host == host || link->ends[1].host == host) {
            link_break(link, 0);
        }
    }
}

/* What the host said to clients and they have not received is lost as well. */
static void net_reset_all_clients(struct host *host)
{
    for (struct link *link = host->world->links; link; link = link->next) {
        const struct host *a = link->ends[0].host, *b = link->ends[1].host;
        if (a && b && ((b == host && a->kind == HOST_CLIENT) || (a == host && b->kind == HOST_CLIENT))) {
            link_break(link, 0);
        }
    }
}

/* ---- connecting ---- */

struct host *net_host_of(struct world *world, const char *address)
{
    const char *colon = strrchr(address, ':');
    size_t size = colon ? (size_t)(colon - address) : strlen(address);
    for (size_t i = 0; i < world->hosts_count; i++) {
        struct host *host = world->hosts[i];
        if (strlen(host->name) == size && memcmp(host->name, address, size) == 0) {
            return host;
        }
    }
    return NULL;
}

static struct listener *listener_find(struct host *host, const char *address)
{
    for (struct listener *at = host->net.listeners; at; at = at->next) {
        if (strcmp(at->address, address) == 0) {
            return at;
        }
    }
    return NULL;
}

static void run_opened(struct world *world, void *context)
{
    struct conn *conn = context;
    if (conn->state == END_CONNECTING) {
        conn->state = END_OPEN;
        conn->opened = true;
        world_trace_event(world, TRACE_OPEN, conn->host->number, 0);
        if (conn->events.on_open) {
            conn->events.on_open(conn->context, conn);
        }
        stream_pump(conn);
        stream_schedule(conn_other(conn));
    }
    link_release(conn->link);
}

static void run_accept(struct world *world, void *context)
{
    struct conn *conn = context;
    struct listener *listener = listener_find(conn->host, conn->link->address);
    world_trace_event(world, TRACE_ACCEPT, conn->host->number, listener != NULL);
    if (conn->state == END_OPEN) {
        if (listener) {
            listener->accept(listener->context, conn);
        }
        if (!conn->attached && conn->state == END_OPEN) {
            conn->state = END_CLOSING;
            finish_later(conn, 0, GRID_ERR_CLOSED);
        }
        conn->opened = true;
        stream_schedule(conn_other(conn));
    }
    link_release(conn->link);
}

static void run_handshake(struct world *world, void *context);

static void begin_handshake(struct conn *conn, uint64_t delay_us)
{
    link_hold(conn->link);
    struct event event = {.run = run_handshake, .discard = discard_conn, .context = conn};
    world_push(conn->link->world, &event, delay_us);
}

static void handshake_unheard(struct conn *conn)
{
    uint64_t delay_us;
    if (connect_again(conn, &delay_us)) {
        begin_handshake(conn, delay_us);
    } else {
        finish_later(conn, delay_us, GRID_ERR_TIMEOUT);
    }
}

/* The first packet reaches the other host, whose system answers it without asking the process. */
static void run_handshake(struct world *world, void *context)
{
    struct conn *conn = context;
    struct link *link = conn->link;
    struct host *target = net_host_of(world, link->address);
    uint64_t latency_us = net_latency(world, link);
    if (conn->state != END_CONNECTING) {
        link_release(link);
        return;
    }
    if (target && (is_cut_at_all(world, conn->host, target) || (!target->up && target->net.dark))) {
        handshake_unheard(conn);
    } else if (!target || !target->up || !listener_find(target, link->address)) {
        world->totals.connects_refused++;
        finish_later(conn, latency_us, GRID_ERR_UNAVAILABLE);
    } else {
        world->totals.connections++;
        conn->stream.wait_us = 0;
        struct conn *accepted = conn_begin(link, 1, target, END_OPEN);
        link_hold(link);
        struct event accept = {.host = target, .run = run_accept, .discard = discard_conn, .context = accepted};
        world_push(world, &accept, 0);
        link_hold(link);
        struct event opened = {.host = conn->host, .run = run_opened, .discard = discard_conn, .context = conn};
        world_push(world, &opened, latency_us);
    }
    link_release(link);
}

static struct conn *net_connect(struct transport *transport, const char *address, const struct conn_events *events, void *context)
{
    struct host *host = ((struct sim_net *)transport)->host;
    struct world *world = host->world;
    REQUIRE(host->up && strlen(address) < sizeof((struct link *)0)->address);
    struct link *link = memory_zero(1, sizeof *link);
    link->world = world;
    snprintf(link->address, sizeof link->address, "%s", address);
    link->latency_us = world_draw(world, CONCERN_NET, world->plan.latency_low_us, world->plan.latency_high_us);
    link->next = world->links;
    if (link->next) {
        link->next->before = link;
    }
    world->links = link;
    for (unsigned side = 0; side < 2; side++) {
        link->ends[side].link = link;
        link->ends[side].side = side;
    }
    struct conn *conn = conn_begin(link, 0, host, END_CONNECTING);
    conn->events = *events;
    conn->context = context;
    conn->attached = true;
    begin_handshake(conn, net_latency(world, link));
    return conn;
}

/* ---- the interface ---- */

static enum grid_err net_listen(struct transport *transport, const char *address, transport_accept_fn accept, void *context,
                                struct listener **ret_listener)
{
    struct sim_net *net = (struct sim_net *)transport;
    REQUIRE(net->host->up);
    if (net_host_of(net->host->world, address) != net->host) {
        return GRID_ERR_INVALID;
    }
    if (listener_find(net->host, address)) {
        return GRID_ERR_IO;
    }
    struct listener *listener = memory_zero(1, sizeof *listener);
    listener->host = net->host;
    snprintf(listener->address, sizeof listener->address, "%s", address);
    listener->accept = accept;
    listener->context = context;
    listener->next = net->listeners;
    net->listeners = listener;
    *ret_listener = listener;
    return GRID_ERR_OK;
}

static void net_listener_close(struct transport *transport, struct listener *listener)
{
    struct sim_net *net = (struct sim_net *)transport;
    if (net->host->closing) {
        return; /* the crash will free it */
    }
    struct listener **at = &net->listeners;
    while (*at && *at != listener) {
        at = &(*at)->next;
    }
    REQUIRE(*at);
    *at = listener->next;
    memory_free(listener);
}

static void net_attach(struct transport *transport, struct conn *conn, const struct conn_events *events, void *context)
{
    if (((struct sim_net *)transport)->host->closing) {
        return;
    }
    conn->events = *events;
    conn->context = context;
    conn->attached = true;
}

/* What a process writes while it is torn down goes nowhere, yet it may ask for a place to write to. */
static struct buffer *net_output(struct transport *transport, struct conn *conn)
{
    struct sim_net *net = (struct sim_net *)transport;
    REQUIRE(net->host->closing || net->host->world->running == net->host);
    if (!net->host->closing && !conn->written) {
        conn->written = true;
        conn->next_written = NULL;
        *net->written_end = conn;
        net->written_end = &conn->next_written;
    }
    return &conn->output;
}

static size_t net_pending(struct transport *transport, struct conn *conn)
{
    (void)transport;
    return conn->stream.waiting.size + conn->output.size;
}

static void net_pause(struct transport *transport, struct conn *conn, bool paused)
{
    (void)transport;
    conn->paused = paused;
    if (!paused) {
        stream_schedule(conn_other(conn));
    }
}

static void net_close(struct transport *transport, struct conn *conn)
{
    struct sim_net *net = (struct sim_net *)transport;
    if (net->host->closing || conn->state == END_CLOSING || conn->state == END_CLOSED) {
        return;
    }
    struct world *world = net->host->world;
    if (conn->state == END_OPEN && world_draw_percent(world, CONCERN_NET, 50)) {
        stream_write(conn, buffer_bytes(&conn->output));
    }
    buffer_clear(&conn->output);
    conn->state = END_CLOSING;
    buffer_close(&conn->stream.waiting);
    stream_end(conn, net_latency(world, conn->link), GRID_ERR_IO);
    finish_later(conn, 0, GRID_ERR_CLOSED);
}

static struct conn_origin net_origin(struct transport *transport, struct conn *conn)
{
    const struct host *other = conn_other(conn)->host;
    (void)transport;
    return (struct conn_origin){.host = other ? host_number(other) + 1 : 0};
}

void sim_net_init(struct sim_net *net, struct host *host)
{
    net->transport = (struct transport){net_listen, net_listener_close, net_connect, net_attach, net_output,
                                        net_pending, net_pause, net_close, net_origin};
    net->host = host;
    net->written_end = &net->written;
}

static bool holds_answer(struct bytes output)
{
    struct frame frame;
    size_t size;
    while (frame_parse(output, FRAME_BODY_BYTES_MAX, &frame, &size) == FRAME_OK) {
        if (frame.type == FRAME_RESPONSE) {
            return true;
        }
        output = bytes_of(output.data + size, output.size - size);
    }
    return false;
}

/* What a client is told leaves in the iteration in which it was applied: the moment between is here. */
static void spring_trap(struct sim_net *net)
{
    struct conn *answer = net->written;
    while (answer && !(conn_other(answer)->host && conn_other(answer)->host->kind == HOST_CLIENT &&
                       holds_answer(buffer_bytes(&answer->output)))) {
        answer = answer->next_written;
    }
    bool dies = net->host->trap.trap == TRAP_DIES;
    if (!answer || !trap_at_reply(net->host)) {
        return;
    }
    for (struct conn *conn = net->written; conn; conn = conn->next_written) {
        bool client = conn_other(conn)->host && conn_other(conn)->host->kind == HOST_CLIENT;
        if (dies || client) {
            buffer_clear(&conn->output);
        }
    }
    if (!dies) {
        net_reset_all_clients(net->host);
    }
}

void sim_net_flush(struct sim_net *net)
{
    if (net->host->trap.trap != TRAP_NONE) {
        spring_trap(net);
    }
    while (net->written) {
        struct conn *conn = net->written;
        net->written = conn->next_written;
        if (!net->written) {
            net->written_end = &net->written;
        }
        conn->written = false;
        if (conn->state == END_OPEN && (conn_other(conn)->state != END_CLOSED || conn_other(conn)->vanished)) {
            stream_write(conn, buffer_bytes(&conn->output));
        } else if (conn->state == END_CONNECTING) {
            buffer_append(&conn->stream.waiting, buffer_bytes(&conn->output));
        }
        buffer_clear(&conn->output);
    }
}

/* One end dies with its process. What it wrote before is on its way; the other end hears of the death or, when the
 * power went, does not. */
static void conn_crash(struct conn *conn, enum crash_kind kind)
{
    struct conn *other = conn_other(conn);
    bool unanswered = other->stream.flying_bytes + other->stream.waiting.size > 0;
    buffer_close(&conn->stream.waiting);
    conn->vanished = kind == CRASH_POWER;
    if (!conn->vanished) {
        stream_end(conn, net_latency(conn->link->world, conn->link), GRID_ERR_IO);
    }
    conn_dead(conn);
    if (conn->vanished && unanswered && other->state == END_OPEN) {
        conn_knock(other, net_latency(conn->link->world, conn->link));
    }
}

void sim_net_crash(struct sim_net *net, enum crash_kind kind)
{
    struct world *world = net->host->world;
    net->dark = kind == CRASH_POWER;
    for (struct link *link = world->links, *next; link; link = next) {
        next = link->next;
        link_hold(link);
        for (unsigned side = 0; side < 2; side++) {
            struct conn *conn = &link->ends[side];
            if (conn->host == net->host && conn->state != END_NONE && conn->state != END_CLOSED) {
                conn_crash(conn, kind);
            }
        }
        next = link->next;
        link_release(link);
    }
    while (net->listeners) {
        struct listener *next = net->listeners->next;
        memory_free(net->listeners);
        net->listeners = next;
    }
    net->written = NULL;
    net->written_end = &net->written;
}

void sim_net_close_world(struct world *world)
{
    REQUIRE(!world->links);
    (void)world;
}
