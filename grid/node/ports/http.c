#include "grid/node/ports/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "grid/io/transport.h"

/* Above CONNECTIONS_MAX one is cut for each that comes; the library holds as many again while those close. */
enum { CONNECTIONS_MAX = 64, CONNECTION_BYTES = 32 * 1024, HEAD_MS = 5000, REQUEST_MS = 10 * 1000, POLL_MS = 1000 };

/* One connection. The library's own time-out starts again with every byte; this one does not. */
struct visitor {
    struct visitor *next, *previous;   /* the newest first */
    struct MHD_Connection *connection;
    uint64_t since_ms;                 /* it was accepted, or its last request was answered */
    bool asked, cut;
    bool busy;                         /* its whole request has come and is not yet answered */
};

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;                  /* time-outs of idle connections, and what is left to do */
    struct buffer body, page;
    bool page_fresh;                   /* page is of this turn of the loop */
    struct visitor *visitors;
    uint32_t open;                     /* visitors that are not cut */
    struct metric_counter *requests, *silent, *slow, *crowded;
};

static struct MHD_Response *response_of(const char *type, struct bytes body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "Gridiron/" GRIDIRON_VERSION);   /* clients recognise this port by it */
    return response;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, struct bytes body)
{
    return send_response(connection, status, response_of(type, body));
}

/* Everything else on this node's loop waits while a page is made. Hence one page for each turn of the loop, and one for each
 * connection: the library answers all requests that a connection holds before it returns. */
static enum MHD_Result reply_page(struct http *http, struct MHD_Connection *connection)
{
    if (!http->page_fresh) {
        buffer_clear(&http->page);
        http->options.metrics(http->options.context, &http->page);
        http->page_fresh = true;
    }
    struct MHD_Response *response = response_of("text/plain; version=0.0.4; charset=utf-8", buffer_bytes(&http->page));
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return send_response(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result serve(struct http *http, struct MHD_Connection *connection, const char *url)
{
    static const char json[] = "application/json";
    if (strcmp(url, "/metrics") == 0)
        return reply_page(http, connection);
    if (strcmp(url, "/health/live") == 0)
        return reply(connection, MHD_HTTP_OK, json, bytes_of_text("{\"status\":\"UP\"}\n"));
    if (strcmp(url, "/health/ready") == 0) {
        buffer_clear(&http->body);
        bool ready = http->options.ready(http->options.context, &http->body);
        return reply(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, json, buffer_bytes(&http->body));
    }
    return reply(connection, MHD_HTTP_NOT_FOUND, json,
                 bytes_of_text("{\"error\":\"not found\",\"paths\":[\"/metrics\",\"/health/live\",\"/health/ready\"]}\n"));
}

static struct visitor *visitor_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    static const int seen = 0;
    if (!*request) {
        struct http *http = context;
        http->requests->value++;
        visitor_of(connection)->asked = true;
        /* The first call announces the request; a body, if any, follows. */
        *request = (void *)(uintptr_t)&seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    visitor_of(connection)->busy = true;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "application/json", bytes_of_text("{\"error\":\"only GET\"}\n"));
    return serve(context, connection, url);
}

/* ---- connections */

/* The library closes the connection once its socket has been shut down. */
static void cut(struct http *http, struct visitor *visitor, struct metric_counter *reason)
{
    visitor->cut = true;
    http->open--;
    reason->value++;
    shutdown(MHD_get_connection_info(visitor->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, SHUT_RDWR);
}

/* The oldest connection without a whole request gives way to a new one; the oldest of all when every request is being answered. */
static void make_room(struct http *http)
{
    struct visitor *half = NULL, *any = NULL;
    for (struct visitor *visitor = http->visitors; visitor; visitor = visitor->next) {
        if (visitor->cut)
            continue;
        any = visitor;
        half = visitor->busy ? half : visitor;
    }
    if (any)
        cut(http, half ? half : any, http->crowded);
}

static void visitor_begins(struct http *http, struct MHD_Connection *connection, void **socket_context)
{
    struct visitor *visitor = memory_zero(1, sizeof *visitor);
    if (http->open >= CONNECTIONS_MAX)
        make_room(http);
    http->open++;
    visitor->connection = connection;
    visitor->since_ms = uv_now(http->options.loop);
    visitor->next = http->visitors;
    if (visitor->next)
        visitor->next->previous = visitor;
    http->visitors = visitor;
    *socket_context = visitor;
}

static void visitor_ends(struct http *http, struct visitor *visitor)
{
    http->silent->value += !visitor->asked && !visitor->cut;
    http->open -= !visitor->cut;
    if (visitor->previous)
        visitor->previous->next = visitor->next;
    else
        http->visitors = visitor->next;
    if (visitor->next)
        visitor->next->previous = visitor->previous;
    memory_free(visitor);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        visitor_begins(context, connection, socket_context);
    else
        visitor_ends(context, *socket_context);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
    const struct http *http = context;
    (void)request;
    (void)code;
    struct visitor *visitor = visitor_of(connection);
    visitor->since_ms = uv_now(http->options.loop);
    visitor->busy = false;
}

static void cut_slow(struct http *http)
{
    uint64_t now_ms = uv_now(http->options.loop);
    for (struct visitor *visitor = http->visitors; visitor; visitor = visitor->next) {
        uint64_t patience_ms = visitor->asked ? REQUEST_MS : HEAD_MS;
        if (!visitor->cut && now_ms - visitor->since_ms >= patience_ms)
            cut(http, visitor, http->slow);
    }
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = POLL_MS;
    cut_slow(http);
    http->page_fresh = false;
    MHD_run(http->daemon);
    /* It may hold requests that it has read and not yet answered: its descriptor says nothing of them. */
    if (MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES || wait_ms > POLL_MS)
        wait_ms = POLL_MS;
    uv_timer_start(&http->timer, on_timer, wait_ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

/* The library listens on IPv4. */
static enum grid_err resolve(const char *address, struct sockaddr_in *ret_address)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    char host[128];
    if (!colon || (size_t)(colon - address) >= sizeof host)
        return GRID_ERR_INVALID;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return GRID_ERR_NOT_FOUND;
    memcpy(ret_address, found->ai_addr, sizeof *ret_address);
    freeaddrinfo(found);
    return GRID_ERR_OK;
}

/* The library does not say why it could not listen: tried once more. */
static enum grid_err why_not(const struct sockaddr_in *address)
{
    const int reuse = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return GRID_ERR_IO;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    bool bound = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 && listen(fd, 1) == 0;
    int problem = bound ? 0 : errno;
    close(fd);
    return problem == EADDRINUSE      ? GRID_ERR_BUSY
           : problem == EADDRNOTAVAIL ? GRID_ERR_UNAVAILABLE
           : problem == EACCES        ? GRID_ERR_DENIED
                                      : GRID_ERR_IO;
}

struct http *http_open(const struct http_options *options, char **ret_note)
{
    static const char refused_help[] = "HTTP connections that were closed: no whole request, too slow, or too many at once.";
    struct sockaddr_in address;
    struct buffer text = {0};
    struct http *http = memory_zero(1, sizeof *http);
    http->options = *options;
    http->requests = metric_counter_add(options->registry, "gridiron_http_requests_total", "Requests to the HTTP port.", NULL);
    http->silent = metric_counter_add(options->registry, "gridiron_http_connections_refused_total", refused_help, "reason=\"no_request\"");
    http->slow = metric_counter_add(options->registry, "gridiron_http_connections_refused_total", refused_help, "reason=\"slow\"");
    http->crowded = metric_counter_add(options->registry, "gridiron_http_connections_refused_total", refused_help, "reason=\"crowded\"");
    metric_gauge_add(options->registry, "gridiron_http_connections_max", "HTTP connections that this node takes at once.", NULL)->value =
        CONNECTIONS_MAX;
    enum grid_err err = resolve(options->address, &address);
    if (err == GRID_ERR_OK)
        http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
                                        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 2 * CONNECTIONS_MAX,
                                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                                        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
                                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
    if (!http->daemon) {
        buffer_append_format(&text, "metrics port: cannot listen on %s (metrics): %s", options->address,
                             transport_listen_reason(err == GRID_ERR_OK ? why_not(&address) : err));
        buffer_append_u8(&text, 0);
        *ret_note = (char *)text.data;
        memory_free(http);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(options->loop, &http->poll, info->epoll_fd);
    uv_timer_init(options->loop, &http->timer);
    http->poll.data = http->timer.data = http;
    uv_poll_start(&http->poll, UV_READABLE, on_poll);
    run(http);
    return http;
}

void http_close(struct http *http)
{
    uv_close((uv_handle_t *)&http->poll, NULL);
    uv_close((uv_handle_t *)&http->timer, NULL);
    MHD_stop_daemon(http->daemon);
}

void http_free(struct http *http)
{
    buffer_close(&http->body);
    buffer_close(&http->page);
    memory_free(http);
}
