/* A transport whose other side is the test (grid/io/transport.h): it accepts or refuses what is dialled, reads what was
 * written, and speaks. It also connects, to the one address that is listened to. Connections whose
 * end was asked for report it at fake_transport_run.
 * Ownership: the caller's memory; struct conn lives until its on_close has run. Single threaded. */
#ifndef TESTS_SUPPORT_FAKE_TRANSPORT_H
#define TESTS_SUPPORT_FAKE_TRANSPORT_H

#include "grid/io/transport.h"

struct fake_transport {
    struct transport transport;            /* first: hand out &fake.transport */
    struct conn *first;
    size_t pending;                        /* what every connection claims to be unsent */
    uint64_t dialled;
    transport_accept_fn accept;            /* NULL: nothing listens */
    void *accept_context;
    enum grid_err listen_err;              /* what listening gives */
};

void fake_transport_init(struct fake_transport *fake);
void fake_transport_close(struct fake_transport *fake);
/* Reports the end of connections that were asked to close. */
void fake_transport_run(struct fake_transport *fake);
/* A connection to this address that waits for an answer, or is up; NULL: none. */
struct conn *fake_transport_dialled(struct fake_transport *fake, const char *address);
struct conn *fake_transport_up(struct fake_transport *fake, const char *address);
/* Somebody connects; lives as the others do. */
struct conn *fake_transport_accept(struct fake_transport *fake, struct conn_origin origin);
void fake_conn_open(struct conn *conn);
void fake_conn_say(struct conn *conn, struct bytes data);
void fake_conn_end(struct conn *conn, enum grid_err reason);     /* conn is dead afterwards */
void fake_conn_drain(struct conn *conn);
bool fake_conn_paused(const struct conn *conn);                  /* it is not read from */
bool fake_conn_closing(const struct conn *conn);                 /* its end was asked for */
void fake_conn_unread(struct conn *conn, size_t bytes);          /* what this one claims to be unsent, besides the others */
struct buffer *fake_conn_heard(struct conn *conn);               /* what was written; the test takes from its front */

#endif
