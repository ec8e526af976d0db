/* The node's HTTP port: GET /metrics, /health/live, /health/ready (D16). Everything else is 404 or 405.
 *
 * libmicrohttpd with its epoll descriptor on the node's loop: no thread of its own. Bodies are made on the loop while a
 * request is answered. At most 64 connections are open. Another one replaces the oldest connection without a complete request,
 * so that probes are answered even if others keep connections open. Headers of more than 16 KiB are refused. A connection has 5 s for the head of
 * its first request; 10 s after its begin a request ends with its connection, answered or not. */
#ifndef GRID_NODE_PORTS_HTTP_H
#define GRID_NODE_PORTS_HTTP_H

#include <uv.h>

#include "grid/base/bytes.h"
#include "grid/base/metric.h"

struct http;

struct http_options {
    uv_loop_t *loop;
    const char *address;               /* "host:port" */
    struct metric_registry *registry;  /* for its own counters; borrowed */
    void (*metrics)(void *context, struct buffer *out);
    bool (*ready)(void *context, struct buffer *out);     /* appends the body; false: 503 */
    void *context;
};

/* NULL with a note (memory_free) when the port cannot be had. */
struct http *http_open(const struct http_options *options, char **ret_note);
/* Stops serving and closes its handle; run the loop once more, then http_free. */
void http_close(struct http *http);
void http_free(struct http *http);

#endif
