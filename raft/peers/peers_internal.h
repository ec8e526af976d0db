/* Inside of peers: shared by peers*.c only. */
#ifndef RAFT_PEERS_PEERS_INTERNAL_H
#define RAFT_PEERS_PEERS_INTERNAL_H

#include "grid/base/limits.h"
#include "grid/base/prng.h"
#include "raft/peers/peers.h"
#include "raft/peers/peers_news.h"
#include "raft/peers/peers_pulse.h"

enum {
    LISTENERS_MAX = 4,
    HANDLERS_MAX = 64,
    PEER_VERSION_BYTES_MAX = 32,         /* of a program's version that are kept */
};

/* Why a connection was refused because of its other end; names are the label `reason` of gridiron_peer_refused_total. */
#define PEER_REFUSALS(X) \
    X(REFUSED_HELLO, "hello") X(REFUSED_VERSION, "version") X(REFUSED_CLUSTER, "cluster") X(REFUSED_PARTITIONS, "partitions") \
    X(REFUSED_MEMBERS, "members") X(REFUSED_UNKNOWN, "unknown") X(REFUSED_TIMEOUT, "timeout") X(REFUSED_STRANGERS, "strangers") \
    X(REFUSED_INCARNATION, "incarnation")

enum peer_refusal {
#define REFUSAL_ENUM_(refusal, name) refusal,
    PEER_REFUSALS(REFUSAL_ENUM_)
#undef REFUSAL_ENUM_
    PEER_REFUSALS_COUNT,
};

/* Content of the other end's last good hello. */
struct peer_said {
    uint32_t services[SERVICES_MAX];     /* with FEATURE_SERVICES */
    size_t services_count;
    uint64_t incarnation;                /* 0: never heard */
    uint32_t protocol;                   /* in use on the link */
    uint64_t features;                /* in use: both ends have them */
    char version[PEER_VERSION_BYTES_MAX + 1];
    struct peer_introduction introduction;
};

struct member;

/* One connection, from connect or accept until the transport reports its end. */
struct wire {
    struct peers *peers;
    struct conn *conn;
    struct member *member;               /* NULL for an accepted one before its hello */
    struct frame_stream stream;
    struct timer hello_timer, stall_timer;
    uint64_t frames;                     /* complete frames received */
    struct pulse pulse;
    struct packer packer;
    struct wire *next;
    uint64_t age;                        /* larger for each new connection */
    bool dialed, up, closing, late;      /* late: its time is over; it is checked once more before it is closed */
    bool waiting;                        /* its hello is good; see peers_welcome */
    struct peer_said said;               /* while it waits */
    const char *why;                     /* why it ended, for people; NULL: unknown */
};

struct member {
    struct peers *peers;
    struct peer_address address;
    struct wire *up;
    struct peer_said said;
    uint32_t told;                       /* bit n: refusal n was logged since the link was up last */
    uint64_t backoff_us;
    struct timer retry_timer;
    struct peers_news news;
};

struct handler { peers_frame_fn run; void *context; };
struct link_listener { peers_link_fn run; void *context; };

struct peers {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;
    struct node_id self;
    struct uuid cluster_uuid;
    uint64_t incarnation;
    uint32_t partitions;
    uint64_t features;
    uint32_t *services;                  /* of this node's program */
    size_t services_count;
    enum compress_mode compression;
    struct packer_counts packed;
    struct buffer plain;                 /* a decompressed body, for the duration of its handler */
    char version[PEER_VERSION_BYTES_MAX + 1];
    uint32_t strangers_told;             /* as member.told, for nodes that are not members */
    char *listen_address;
    struct listener *listener;
    struct member *members;
    size_t members_count;
    struct wire *wires;
    uint64_t wires_made;
    size_t strangers;
    struct handler handlers[HANDLERS_MAX];
    struct link_listener listeners[LISTENERS_MAX];
    size_t listeners_count;
    struct peers_meetings meetings;      /* none: all NULL */
    struct prng prng;
    struct timer beat_timer;
    uint64_t beat_us;
    unsigned silent_beats;
};

/* peers_members.c. NULL: none has this id. */
struct member *peers_find(const struct peers *peers, struct node_id id);

/* peers_hello.c. `note` says what differs and what to do. */
struct hello_verdict {
    bool good;
    enum peer_refusal refusal;
    struct member *member;               /* the member that it is or claims to be; NULL: none */
    struct node_id node;                 /* the node id in its hello; 0: none */
    struct peer_said said;
    char note[512];
};

/* Asks the layers above about a good hello; fills in the verdict if they refuse it. */
enum peer_meeting peers_meet(struct peers *peers, struct hello_verdict *verdict);
void peers_hello_send(struct wire *wire);
void peers_hello_judge(const struct wire *wire, const struct frame *frame, struct hello_verdict *ret_verdict);
/* Counts the refusal; logs it once for each member and reason until the member's link comes up again. `dialed`: the member that this node connected to, or NULL.
 * The connection is still there. */
void peers_hello_refused(struct peers *peers, struct member *dialed, struct conn *conn, const struct hello_verdict *verdict);

#endif
