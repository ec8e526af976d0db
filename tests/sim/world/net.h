/* Connections of the simulated network, shared by net.c (life) and stream.c (bytes).
 *
 * A link is a connection with two ends; end 0 connected, end 1 accepted. Each end owns the stream of bytes that leaves
 * it. A link lives while an end is not closed or an event refers to it. */
#ifndef TESTS_SIM_WORLD_NET_H
#define TESTS_SIM_WORLD_NET_H

#include "tests/sim/world/world_internal.h"

/* Bytes on their way, delivered in one callback. */
struct chunk { struct chunk *next; uint64_t due_us; size_t size; uint8_t data[]; };

struct stream {
    struct buffer waiting;                 /* written, not yet handed to the system */
    struct chunk *first, *last;            /* on their way, in order */
    size_t flying_bytes;
    uint64_t last_due_us;
    uint64_t wait_us, retry_us;            /* TCP's timer: how long it waits by now (0: not at all), and until when */
    uint64_t unanswered_us;                /* since when no acknowledgement can come back; 0: it can */
    bool scheduled;                        /* an arrival event is in the heap */
    bool end;                              /* the writer is gone: after the last chunk the reader hears of it */
    uint64_t end_due_us;
    enum grid_err end_reason;
};

enum end_state { END_NONE, END_CONNECTING, END_OPEN, END_CLOSING, END_CLOSED };

struct conn {
    struct link *link;
    unsigned side;
    struct host *host;
    uint64_t incarnation;
    enum end_state state;
    bool attached, paused, written, opened; /* opened: bytes may be delivered */
    bool vanished;                         /* closed by a power cut: the other end is not told */
    bool knocking;                         /* the other end vanished, and bytes for it are said again and again */
    struct conn_events events;
    void *context;
    struct buffer output;                  /* of this iteration */
    struct conn *next_written;
    enum grid_err reason;
    struct stream stream;                  /* bytes from this end to the other */
};

struct link {
    struct world *world;
    struct conn ends[2];
    char address[128];
    struct listener *listener;             /* valid between the handshake and the accept */
    unsigned references;
    uint64_t latency_us;
    struct link *before, *next;
};

/* net.c */
void link_hold(struct link *link);
void link_release(void *link);             /* takes a struct link */
/* The reader's side of the end of a stream: reports on_close. Runs inside an iteration of the reader. */
void conn_finish(struct conn *conn, enum grid_err reason);
/* Ends both sides now; what flies is lost behind `keep_bytes` of each stream. */
void link_break(struct link *link, size_t keep_bytes);
bool net_is_cut(struct world *world, const struct host *from, const struct host *to);
uint64_t net_latency(struct world *world, const struct link *link);

/* retransmit.c */
/* Whether what is due arrives now; false: it is tried again at stream.retry_us. */
bool stream_passes(struct conn *from);
/* A connect without an answer: when to try again; false: the system gives up then. */
bool connect_again(struct conn *conn, uint64_t *ret_delay_us);
/* The other end vanished: asks for it again and again until its system denies the connection. */
void conn_knock(struct conn *conn, uint64_t delay_us);

/* stream.c */
static inline struct conn *conn_other(struct conn *conn) { return &conn->link->ends[1 - conn->side]; }
void stream_write(struct conn *from, struct bytes bytes);  /* with frame faults */
void stream_pump(struct conn *from);
void stream_schedule(struct conn *from);                   /* arrival of the first chunk or of the end */
void stream_drop(struct stream *stream, size_t keep_bytes);
void stream_end(struct conn *from, uint64_t delay_us, enum grid_err reason);

#endif
