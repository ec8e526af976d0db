#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

/* A connection whose other end vanished without a word ends: an idle one is asked after KEEPALIVE_S, then every
 * KEEPALIVE_EACH_S, and what was sent waits for its acknowledgement for UNHEARD_MS, also after the connection was closed. */
enum { INPUT_BYTES = 256 * 1024, BACKLOG = 512, HOST_BYTES = 256, OUTPUT_KEPT_BYTES = 256 * 1024 };
enum { KEEPALIVE_S = 15, KEEPALIVE_EACH_S = 5, UNHEARD_MS = 30000 };

struct conn {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    uv_getaddrinfo_t resolving;
    struct uv_transport *transport;
    struct conn *next, *previous, *dirty_next;
    const struct conn_events *events;
    void *context;
    struct buffer output;              /* appended to by the owner */
    struct buffer flying;              /* handed to the system */
    size_t flown;                      /* of `flying`, already taken by the system */
    bool dirty, busy, up, closing, closed, paused, resolving_now;
    bool known;                        /* to the transport's room */
    bool arriving;                     /* connected at once; on_open has not been called yet. Such a connection is dirty */
    enum grid_err reason;
};

struct listener {
    uv_tcp_t tcp;
    uv_tcp_t local;                    /* a Unix socket for a loopback address */
    unsigned handles;                  /* open ones */
    struct uv_transport *transport;
    struct listener *next;
    transport_accept_fn accept;
    void *context;
};

static struct uv_transport *transport_of(struct transport *transport)
{
    return (struct uv_transport *)transport;
}

/* ---- end of a connection */

/* The connection ends when both the handle is closed and the resolver's request has ended. */
static void conn_finish(struct conn *conn)
{
    if (!conn->closed || conn->resolving_now)
        return;
    if (conn->events && conn->events->on_close)
        conn->events->on_close(conn->context, conn, conn->reason);
    buffer_close(&conn->output);
    buffer_close(&conn->flying);
    memory_free(conn);
}

static void conn_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    conn->closed = true;
    conn_finish(conn);
}

static int descriptor(const struct conn *conn)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0 ? fd : -1;
}

static void conn_end(struct conn *conn, enum grid_err reason)
{
    struct uv_transport *transport = conn->transport;
    if (conn->closing)
        return;
    conn->closing = true;
    conn->up = false;
    conn->reason = reason;
    if (conn->dirty)
        for (struct conn **at = &transport->dirty; *at; at = &(*at)->dirty_next)
            if (*at == conn) {
                *at = conn->dirty_next;
                break;
            }
    conn->dirty = false;
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        transport->first = conn->next;
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->known)
        uv_room_forget(&transport->room, descriptor(conn), conn->busy);
    uv_close((uv_handle_t *)&conn->tcp, conn_closed);
}

/* ---- reading */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct conn *conn = handle->data;
    (void)suggested;
    /* Without a place for it nothing is read, and on_read hears of an error. */
    *ret_buf = uv_buf_init((char *)conn->transport->input, uv_home_left(&conn->transport->home) ? 0 : INPUT_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;
    if (size < 0)
        conn_end(conn, size == UV_EOF ? GRID_ERR_CLOSED : GRID_ERR_IO);
    else if (size > 0 && !conn->closing && conn->events->on_data)
        conn->events->on_data(conn->context, conn, bytes_of(buf->base, (size_t)size));
}

/* Without effect on a Unix socket, whose ends share a machine. */
static void bound_silence(struct conn *conn)
{
    int fd = descriptor(conn), each_s = KEEPALIVE_EACH_S;
    unsigned unheard_ms = UNHEARD_MS;
    uv_tcp_keepalive(&conn->tcp, 1, KEEPALIVE_S);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each_s, sizeof each_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
}

static void conn_up(struct conn *conn)
{
    conn->up = true;
    uv_tcp_nodelay(&conn->tcp, 1);
    bound_silence(conn);
    if (!conn->paused)
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

/* ---- writing */

static void conn_flush(struct conn *conn);

/* One large answer must not cost its memory for as long as the connection lasts. */
static void flown_away(struct conn *conn)
{
    if (conn->flying.capacity > OUTPUT_KEPT_BYTES)
        buffer_close(&conn->flying);
    else
        buffer_clear(&conn->flying);
    conn->flown = 0;
}

/* Gives the system what it takes of what flies; the rest waits for room. */
static void send_flying(struct conn *conn)
{
    ssize_t taken;
    do
        taken = send(descriptor(conn), conn->flying.data + conn->flown, conn->flying.size - conn->flown, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (taken < 0 && errno == EINTR);
    if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
        conn_end(conn, GRID_ERR_IO);
        return;
    }
    conn->flown += taken > 0 ? (size_t)taken : 0;
    if (conn->flown == conn->flying.size) {
        flown_away(conn);
        return;
    }
    if (uv_room_wait(&conn->transport->room, descriptor(conn), conn, &conn->known))
        conn->busy = true;
    else
        conn_end(conn, GRID_ERR_IO);
}

static void on_room(void *context)
{
    struct conn *conn = context;
    if (conn->closing)
        return;
    conn->busy = false;
    uv_room_came(&conn->transport->room);
    send_flying(conn);
    if (conn->busy || conn->closing)
        return;
    conn_flush(conn);
    if (!conn->busy && !conn->closing && conn->events->on_drain)
        conn->events->on_drain(conn->context, conn);
}

/* Sends at once what the system takes and leaves the rest to the loop. */
static void conn_flush(struct conn *conn)
{
    if (!conn->up || conn->closing || conn->output.size == 0)
        return;
    if (uv_home_left(&conn->transport->home)) {
        conn_end(conn, GRID_ERR_UNAVAILABLE);
        return;
    }
    if (conn->busy)
        return;
    struct buffer empty = conn->flying;
    conn->flying = conn->output;
    conn->output = empty;
    send_flying(conn);
}

static void connected(struct conn *conn);

void uv_transport_flush(struct uv_transport *transport)
{
    while (transport->dirty) {
        struct conn *conn = transport->dirty;
        transport->dirty = conn->dirty_next;
        conn->dirty = false;
        if (conn->arriving) {
            conn->arriving = false;
            connected(conn);
            continue;
        }
        bool waited = conn->up && !conn->busy && !conn->closing && conn->output.size > 0;
        conn_flush(conn);
        /* If the system accepted everything at once, no other event reports it. */
        if (waited && !conn->busy && !conn->closing && conn->output.size == 0 && conn->events->on_drain)
            conn->events->on_drain(conn->context, conn);
    }
}

static void mark_dirty(struct conn *conn)
{
    struct uv_transport *transport = conn->transport;
    if (conn->dirty || conn->closing)
        return;
    conn->dirty = true;
    conn->dirty_next = transport->dirty;
    transport->dirty = conn;
}

static struct buffer *output(struct transport *base, struct conn *conn)
{
    (void)base;
    mark_dirty(conn);
    return &conn->output;
}

static size_t pending(struct transport *base, struct conn *conn)
{
    (void)base;
    return conn->output.size + conn->flying.size - conn->flown;
}

static struct conn_origin origin(struct transport *base, struct conn *conn)
{
    struct sockaddr_storage address = {0};
    int size = sizeof address;
    char host[INET6_ADDRSTRLEN];
    struct conn_origin origin = {0};
    (void)base;
    if (conn->closing || uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &size) != 0)
        return origin;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        uv_ip4_name(in, host, sizeof host);
        snprintf(origin.address, sizeof origin.address, "%s:%u", host, ntohs(in->sin_port));
        origin.local = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        origin.host = hash_xxh3(bytes_of(&in->sin_addr, sizeof in->sin_addr), 1);
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;
        uv_ip6_name(in, host, sizeof host);
        snprintf(origin.address, sizeof origin.address, "[%s]:%u", host, ntohs(in->sin6_port));
        origin.local = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
                       (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
        origin.host = hash_xxh3(bytes_of(&in->sin6_addr, sizeof in->sin6_addr), 1);
    } else {
        origin = (struct conn_origin){.host = 1, .local = true, .address = "a Unix socket of this machine"};
    }
    return origin;
}

static void pause_(struct transport *base, struct conn *conn, bool paused)
{
    (void)base;
    if (conn->closing || conn->paused == paused)
        return;
    conn->paused = paused;
    if (!conn->up)
        return;
    if (paused)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    else
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

/* ---- beginning of a connection */

static struct conn *conn_new(struct uv_transport *transport)
{
    struct conn *conn = memory_zero(1, sizeof *conn);
    conn->transport = transport;
    uv_tcp_init(transport->loop, &conn->tcp);
    conn->tcp.data = conn;
    conn->next = transport->first;
    if (conn->next)
        conn->next->previous = conn;
    transport->first = conn;
    return conn;
}

static void connected(struct conn *conn)
{
    conn_up(conn);
    if (conn->events->on_open)
        conn->events->on_open(conn->context, conn);
    mark_dirty(conn); /* what was written before it was up leaves now */
}

static enum grid_err err_of_connecting(int status)
{
    return status == UV_ECONNREFUSED                    ? GRID_ERR_REFUSED
           : status == UV_ETIMEDOUT                     ? GRID_ERR_TIMEOUT
           : status == UV_EACCES || status == UV_EPERM  ? GRID_ERR_DENIED
           : status == UV_EAI_NONAME || status == UV_EAI_NODATA || status == UV_EAI_ADDRFAMILY ? GRID_ERR_NOT_FOUND
           : status == UV_EAI_AGAIN || status == UV_EAI_FAIL                                   ? GRID_ERR_UNKNOWN
                                                                                               : GRID_ERR_UNAVAILABLE;
}

static void on_connected(uv_connect_t *request, int status)
{
    struct conn *conn = request->data;
    if (conn->closing)
        return;
    if (status < 0)
        conn_end(conn, err_of_connecting(status));
    else
        connected(conn);
}

/* Within a machine a Unix socket costs a fifth of TCP on loopback. False: no process listens there. */
static bool dial_local(struct conn *conn, const struct sockaddr *address)
{
    int fd = uv_local_connect(address);
    if (fd < 0)
        return false;
    /* Any stream socket will do for it; what is special about TCP stays unused. */
    if (uv_tcp_open(&conn->tcp, fd) != 0) {
        close(fd);
        return false;
    }
    conn->arriving = true;
    mark_dirty(conn);
    return true;
}

static void dial(struct conn *conn, const struct sockaddr *address)
{
    if (dial_local(conn, address))
        return;
    conn->connecting.data = conn;
    int status = uv_tcp_connect(&conn->connecting, &conn->tcp, address, on_connected);
    if (status < 0)
        conn_end(conn, err_of_connecting(status));
}

/* A name may have several addresses, and a node may listen at one of them alone: where "localhost" is ::1 first, say. */
static void dial_any(struct conn *conn, const struct addrinfo *found)
{
    for (const struct addrinfo *each = found; each; each = each->ai_next)
        if (dial_local(conn, each->ai_addr))
            return;
    dial(conn, found->ai_addr);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct conn *conn = request->data;
    conn->resolving_now = false;
    if (conn->closing)
        conn_finish(conn);
    else if (status < 0 || !found)
        conn_end(conn, status < 0 ? err_of_connecting(status) : GRID_ERR_NOT_FOUND);
    else
        dial_any(conn, found);
    uv_freeaddrinfo(found);
}

/* Cuts "host:port"; a host in brackets is an IPv6 address. */
static bool split_address(const char *address, char host[HOST_BYTES], char port[8])
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
        return false;
    size_t size = (size_t)(colon - address);
    if (address[0] == '[' && colon[-1] == ']') {
        address++;
        size -= 2;
    }
    if (size == 0 || size >= HOST_BYTES || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    memcpy(host, address, size);
    host[size] = 0;
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return strtol(port, NULL, 10) <= 65535;
}

static bool numeric_address(const char *host, const char *port, struct sockaddr_storage *ret_address)
{
    int number = (int)strtol(port, NULL, 10);
    return uv_ip4_addr(host, number, (struct sockaddr_in *)ret_address) == 0 ||
           uv_ip6_addr(host, number, (struct sockaddr_in6 *)ret_address) == 0;
}

static struct conn *connect_(struct transport *base, const char *address, const struct conn_events *events, void *context)
{
    struct uv_transport *transport = transport_of(base);
    struct conn *conn = conn_new(transport);
    char host[HOST_BYTES], port[8];
    struct sockaddr_storage numeric;
    conn->events = events;
    conn->context = context;
    if (transport->silent || uv_home_left(&transport->home)) {
        conn_end(conn, GRID_ERR_UNAVAILABLE);
    } else if (!split_address(address, host, port)) {
        conn_end(conn, GRID_ERR_INVALID);
    } else if (numeric_address(host, port, &numeric)) {
        dial(conn, (const struct sockaddr *)&numeric);
    } else {
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        conn->resolving.data = conn;
        conn->resolving_now = uv_getaddrinfo(transport->loop, &conn->resolving, on_resolved, host, port, &hints) == 0;
        if (!conn->resolving_now)
            conn_end(conn, GRID_ERR_UNAVAILABLE);
    }
    return conn;
}

static void attach(struct transport *base, struct conn *conn, const struct conn_events *events, void *context)
{
    (void)base;
    conn->events = events;
    conn->context = context;
}

static void close_(struct transport *base, struct conn *conn)
{
    (void)base;
    if (!conn->closing)
        conn_flush(conn); /* bytes written before conn_close are still sent, as far as the system accepts them */
    conn_end(conn, GRID_ERR_CLOSED);
}

/* ---- listening */

/* The system has no descriptor for a connection that waits. libuv keeps one in reserve for this case; when that is gone it
 * calls again and again and never returns to the loop. So there is one more: with it the connection is taken and closed. */
static void shed(struct uv_transport *transport, uv_stream_t *server)
{
    uv_os_fd_t listening;
    transport->shed++;
    if (transport->spare_fd >= 0)
        close(transport->spare_fd);
    int taken = uv_fileno((uv_handle_t *)server, &listening) == 0 ? accept(listening, NULL, NULL) : -1;
    if (taken >= 0)
        close(taken);
    transport->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *listener = server->data;
    if (status < 0) {
        shed(listener->transport, server);
        return;
    }
    struct conn *conn = conn_new(listener->transport);
    if (uv_accept(server, (uv_stream_t *)&conn->tcp) < 0) {
        conn_end(conn, GRID_ERR_IO);
        return;
    }
    /* Up before it is handed out: who refuses it may say why. Nothing is read before the loop runs again. */
    conn_up(conn);
    listener->accept(listener->context, conn);
    if (!conn->events)
        conn_end(conn, GRID_ERR_CLOSED);
}

static void listener_handle(struct listener *listener, uv_tcp_t *handle)
{
    uv_tcp_init(listener->transport->loop, handle);
    handle->data = listener;
    listener->handles++;
}

/* Clients would take the owner of the socket's name for this node: if another program has the name, the address is not ours either. */
static enum grid_err listen_local(struct listener *listener, const struct sockaddr *address)
{
    int fd = -1;
    enum grid_err err = listener->transport->tcp_only ? GRID_ERR_OK : uv_local_bind(address, &fd);
    if (err != GRID_ERR_OK || fd < 0)
        return err;
    listener_handle(listener, &listener->local);
    if (uv_tcp_open(&listener->local, fd) != 0) {
        close(fd);
        return GRID_ERR_IO;
    }
    return uv_listen((uv_stream_t *)&listener->local, BACKLOG, on_connection) < 0 ? GRID_ERR_IO : GRID_ERR_OK;
}

static enum grid_err err_of_listening(int status)
{
    return status == UV_EADDRINUSE                            ? GRID_ERR_BUSY
           : status == UV_EADDRNOTAVAIL || status == UV_EINVAL ? GRID_ERR_UNAVAILABLE
           : status == UV_EACCES || status == UV_EPERM         ? GRID_ERR_DENIED
                                                               : GRID_ERR_IO;
}

static enum grid_err listen_tcp(struct listener *listener, const struct sockaddr *address)
{
    int status = uv_tcp_bind(&listener->tcp, address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    return status == 0 ? GRID_ERR_OK : err_of_listening(status);
}

static enum grid_err listen_(struct transport *base, const char *address, transport_accept_fn accept, void *context,
                             struct listener **ret_listener)
{
    struct uv_transport *transport = transport_of(base);
    char host[HOST_BYTES], port[8];
    struct sockaddr_storage numeric;
    if (!split_address(address, host, port))
        return GRID_ERR_INVALID;
    if (!numeric_address(host, port, &numeric)) {
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
        if (getaddrinfo(host, port, &hints, &found) != 0)
            return GRID_ERR_NOT_FOUND;
        memcpy(&numeric, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
    }
    struct listener *listener = memory_zero(1, sizeof *listener);
    *listener = (struct listener){.transport = transport, .accept = accept, .context = context, .next = transport->listeners};
    listener_handle(listener, &listener->tcp);
    transport->listeners = listener;
    enum grid_err err = listen_tcp(listener, (const struct sockaddr *)&numeric);
    if (err == GRID_ERR_OK)
        err = listen_local(listener, (const struct sockaddr *)&numeric);
    if (err != GRID_ERR_OK) {
        base->listener_close(base, listener);
        return err;
    }
    *ret_listener = listener;
    return GRID_ERR_OK;
}

static void listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->handles == 0)
        memory_free(listener);
}

static void listener_close(struct transport *base, struct listener *listener)
{
    for (struct listener **at = &transport_of(base)->listeners; *at; at = &(*at)->next)
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    uv_close((uv_handle_t *)&listener->tcp, listener_closed);
    if (listener->handles == 2)
        uv_close((uv_handle_t *)&listener->local, listener_closed);
}

/* ---- life */

void uv_transport_init(struct uv_transport *transport, uv_loop_t *loop, bool tcp_only)
{
    *transport = (struct uv_transport){
        .base = {.listen = listen_, .listener_close = listener_close, .connect = connect_, .attach = attach, .output = output,
                 .pending = pending, .pause = pause_, .close = close_, .origin = origin},
        .loop = loop, .input = memory_alloc(INPUT_BYTES), .tcp_only = tcp_only,
        .spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};
    uv_home_open(&transport->home);
    uv_room_init(&transport->room, loop, &transport->home, on_room);
}

void uv_transport_close(struct uv_transport *transport)
{
    while (transport->listeners)
        listener_close(&transport->base, transport->listeners);
    while (transport->first)
        conn_end(transport->first, GRID_ERR_CLOSED);
    uv_room_close(&transport->room);
}

void uv_transport_free(struct uv_transport *transport)
{
    memory_free(transport->input);
    uv_home_close(&transport->home);
    if (transport->spare_fd >= 0)
        close(transport->spare_fd);
}
