#include "grid/node/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grid/base/memory.h"

enum { CONNECTIONS_MAX = 64, TIMEOUT_S = 10, POLL_MS = 1000 };

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;                  /* time-outs of idle connections, and what is left to do */
    struct buffer body;
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, struct bytes body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result serve(struct http *http, struct MHD_Connection *connection, const char *url)
{
    static const char json[] = "application/json";
    if (strcmp(url, "/metrics") == 0) {
        buffer_clear(&http->body);
        http->options.metrics(http->options.context, &http->body);
        return reply(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", buffer_bytes(&http->body));
    }
    if (strcmp(url, "/health/live") == 0)
        return reply(connection, MHD_HTTP_OK, json, bytes_of_text("{\"status\":\"UP\"}\n"));
    if (strcmp(url, "/health/ready") == 0 && http->options.ready(http->options.context))
        return reply(connection, MHD_HTTP_OK, json, bytes_of_text("{\"status\":\"UP\"}\n"));
    if (strcmp(url, "/health/ready") == 0)
        return reply(connection, MHD_HTTP_SERVICE_UNAVAILABLE, json,
                     bytes_of_text("{\"status\":\"OUT_OF_SERVICE\",\"reason\":\"not every partition has a leader\"}\n"));
    return reply(connection, MHD_HTTP_NOT_FOUND, json,
                 bytes_of_text("{\"error\":\"not found\",\"paths\":[\"/metrics\",\"/health/live\",\"/health/ready\"]}\n"));
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    static const int seen = 0;
    if (!*request) {
        /* The first call announces the request; a body, if any, follows. */
        *request = (void *)(uintptr_t)&seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "application/json", bytes_of_text("{\"error\":\"only GET\"}\n"));
    return serve(context, connection, url);
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = POLL_MS;
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

static bool parse_address(const char *address, struct sockaddr_in *ret_address)
{
    const char *colon = strrchr(address, ':');
    char host[64];
    if (!colon || (size_t)(colon - address) >= sizeof host)
        return false;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    long port = strtol(colon + 1, NULL, 10);
    return port > 0 && port < 65536 && uv_ip4_addr(host, (int)port, ret_address) == 0;
}

struct http *http_open(const struct http_options *options, char **ret_note)
{
    struct sockaddr_in address;
    struct buffer text = {0};
    struct http *http = memory_zero(1, sizeof *http);
    http->options = *options;
    if (parse_address(options->address, &address))
        http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
                                        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                                        MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
    if (!http->daemon) {
        buffer_append_format(&text, "metrics port: cannot listen on %s", options->address);
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
    memory_free(http);
}
