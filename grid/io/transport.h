/* Ordered byte streams between addresses, as the core sees them.
 *
 * Life of a connection: transport_connect or an accept hands out a struct conn; on_open (outgoing only) once it is
 * up; on_data any number of times; on_close exactly once, last, after which the pointer is dead. A failed connect is
 * an on_close without on_open, whose reason is REFUSED (nobody listens there), NOT_FOUND (no such name), UNKNOWN (the name service
 * does not say), INVALID (not host:port), DENIED (this machine forbids it), TIMEOUT or UNAVAILABLE (any other). conn_close asks for the end; on_close follows later, never from inside the call.
 *
 * Writing: append whole frames to conn_output(); the transport sends everything that stands there at the end of the
 * loop iteration in one write. What is still unsent when a connection ends is lost silently; the layers above repeat.
 * Order is kept within a connection and nowhere else. Single threaded; callbacks run on the owning loop. */
#ifndef GRID_IO_TRANSPORT_H
#define GRID_IO_TRANSPORT_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

enum { CONN_ADDRESS_BYTES = 64 };

struct transport;
struct conn;
struct listener;

struct conn_events {
    void (*on_open)(void *context, struct conn *conn);                      /* outgoing connection is up */
    void (*on_data)(void *context, struct conn *conn, struct bytes data);   /* borrowed for the call */
    void (*on_drain)(void *context, struct conn *conn);                     /* pending fell to 0; may be NULL */
    void (*on_close)(void *context, struct conn *conn, enum grid_err reason);
};

/* The accepting side must call conn_attach inside the call, or the connection is closed. */
typedef void (*transport_accept_fn)(void *context, struct conn *conn);

/* The host at the other end: equal numbers for one host, 0 when it is not known. `local`: this machine. `address`: host:port, for people;
 * empty when it is not known. */
struct conn_origin { uint64_t host; bool local; char address[CONN_ADDRESS_BYTES]; };

struct transport {
    enum grid_err (*listen)(struct transport *transport, const char *address, transport_accept_fn accept, void *context,
                            struct listener **ret_listener);
    void (*listener_close)(struct transport *transport, struct listener *listener);
    struct conn *(*connect)(struct transport *transport, const char *address, const struct conn_events *events, void *context);
    void (*attach)(struct transport *transport, struct conn *conn, const struct conn_events *events, void *context);
    struct buffer *(*output)(struct transport *transport, struct conn *conn);
    size_t (*pending)(struct transport *transport, struct conn *conn);      /* bytes accepted and not yet handed to the system */
    void (*pause)(struct transport *transport, struct conn *conn, bool paused); /* stop or go on reading (back-pressure) */
    void (*close)(struct transport *transport, struct conn *conn);
    struct conn_origin (*origin)(struct transport *transport, struct conn *conn);    /* of an accepted connection */
};

/* Listens on "host:port". Errors: INVALID for an address that cannot be read, NOT_FOUND for a name that nobody knows, BUSY when
 * it is in use, UNAVAILABLE for an address that is not of this machine, DENIED for a port that needs rights, IO for the rest. */
static inline enum grid_err transport_listen(struct transport *transport, const char *address, transport_accept_fn accept,
                                             void *context, struct listener **ret_listener)
{ return transport->listen(transport, address, accept, context, ret_listener); }
/* The reason, for people. */
static inline const char *transport_listen_reason(enum grid_err err)
{
    return err == GRID_ERR_INVALID       ? "not of the form host:port"
           : err == GRID_ERR_NOT_FOUND   ? "no such name; check the spelling, or the name service of this machine"
           : err == GRID_ERR_BUSY        ? "in use by another process, or by another setting of this node"
           : err == GRID_ERR_UNAVAILABLE ? "not an address of this machine"
           : err == GRID_ERR_DENIED      ? "this user may not listen on that port"
                                         : "the system refuses it";
}
static inline void transport_listener_close(struct transport *transport, struct listener *listener) { transport->listener_close(transport, listener); }
static inline struct conn *transport_connect(struct transport *transport, const char *address, const struct conn_events *events, void *context)
{ return transport->connect(transport, address, events, context); }
static inline void conn_attach(struct transport *transport, struct conn *conn, const struct conn_events *events, void *context) { transport->attach(transport, conn, events, context); }
/* Borrowed until the callback or call that asked for it returns; append only. */
static inline struct buffer *conn_output(struct transport *transport, struct conn *conn) { return transport->output(transport, conn); }
static inline size_t conn_pending(struct transport *transport, struct conn *conn) { return transport->pending(transport, conn); }
static inline void conn_pause(struct transport *transport, struct conn *conn, bool paused) { transport->pause(transport, conn, paused); }
static inline void conn_close(struct transport *transport, struct conn *conn) { transport->close(transport, conn); }
static inline struct conn_origin conn_origin(struct transport *transport, struct conn *conn) { return transport->origin(transport, conn); }

#endif
