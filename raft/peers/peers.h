/* Links between the nodes of a cluster: one connection per pair, shared by all groups and by the outbox.
 *
 * The node with the smaller id connects, the other accepts; both send PEER_HELLO first (versions and features, node id,
 * cluster, incarnation of the data directory; docs/formats/peer.md). No common version, another cluster, number of partitions or
 * list of members, an unknown id or a malformed frame closes the connection and is counted; the first of each kind is logged.
 * A lost link is connected again with backoff (50 ms doubling to 250 ms, with jitter), each attempt for at most 600 ms: after a cut the nodes
 * are connected again within a second. Frames that are written while a link is down are dropped: the layers above repeat.
 * Each end sends something in each beat, a BEAT if there is nothing else. A link on which nothing arrives for a number of
 * beats has ended, even if TCP has not noticed (ADR 0015). Unsent bytes of one peer are bounded by PEER_UNSENT_BYTES_MAX.
 * Everything written in one loop iteration leaves in one write per peer (the transport does that).
 *
 * Ownership: opened by group_set; others borrow it. Single threaded. */
#ifndef RAFT_PEERS_PEERS_H
#define RAFT_PEERS_PEERS_H

#include "grid/base/ids.h"
#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/base/uuid.h"
#include "grid/io/io.h"
#include "grid/wire/compress.h"
#include "grid/wire/frame.h"
#include "grid/wire/negotiate.h"
#include "raft/wal/manifest.h"

struct peer_address { struct node_id id; char address[128]; };  /* "host:port" of the peer port */

struct peers;

struct peers_options {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;       /* may be NULL */
    struct node_id self;
    const char *listen_address;
    const struct peer_address *members;    /* copied; includes self */
    size_t members_count;
    struct uuid cluster_uuid;
    uint64_t incarnation;                  /* of this node's data directory */
    uint32_t partitions;
    uint64_t features;                     /* that this node has */
    const uint32_t *services;              /* numbers of the services that this node's program has; copied, at most SERVICES_MAX */
    size_t services_count;
    enum compress_mode compression;
    uint32_t packed_bytes_min;             /* 0: the usual bound */
    const char *version;                   /* of the program, for people; copied; NULL: not sent */
    uint32_t beat_ms;                      /* 0: 100 */
    uint32_t silent_beats;                 /* 0: 8 */
};

/* A frame of a type that was registered, from an authenticated peer. Borrowed for the call. Returns false when the
 * body is malformed: the link is closed and counted. */
typedef bool (*peers_frame_fn)(void *context, struct node_id from, const struct frame *frame);
/* A link came up or went down. */
typedef void (*peers_link_fn)(void *context, struct node_id peer, bool up);

/* What the other end of a new link says about lost state, its own and this node's (raft/groups/rejoin.h). */
struct peer_introduction {
    enum lost_state lost;
    bool fresh;                            /* it has lost everything and promised nothing since */
    struct peer_memory remembers;          /* what it remembers about this node; zero: nothing */
};
enum peer_meeting {
    PEER_COMES_IN,
    PEER_WAITS,                            /* until peers_welcome; frames that it sends before are lost */
    PEER_IS_STRANGE,                       /* refused and counted as `incarnation` */
};
struct peers_meetings {
    void *context;
    /* For this node's hello: appends rows of PEER_KNOWN_BYTES: u32 node, u64 incarnation, u64 epoch, u64 position; returns `lost`. */
    uint32_t (*introduce)(void *context, struct buffer *out);
    enum peer_meeting (*meet)(void *context, struct node_id peer, uint64_t incarnation, const struct peer_introduction *said);
};
enum { PEER_KNOWN_BYTES = 28, PEER_LOST_FRESH = 3 };

/* Does nothing before peers_start, so that handlers can be registered first. INVALID: self is not a member, an id twice. */
enum grid_err peers_open(const struct peers_options *options, struct peers **ret_peers);
/* Listens and connects. Errors as transport_listen. */
enum grid_err peers_start(struct peers *peers);
void peers_close(struct peers *peers);
bool peers_holds(const struct peers *peers);
void peers_on_frame(struct peers *peers, enum frame_type type, peers_frame_fn handler, void *context);
void peers_on_link(struct peers *peers, peers_link_fn handler, void *context);   /* up to 4 listeners */
/* Once, before peers_start. Without it every peer is accepted. */
void peers_on_meeting(struct peers *peers, const struct peers_meetings *meetings);
/* The newest waiting link to the peer comes up. */
void peers_welcome(struct peers *peers, struct node_id peer);
bool peers_up(const struct peers *peers, struct node_id peer);
/* Whether the feature is in use on the link to the peer: both ends have it. False while there is no link. */
bool peers_feature(const struct peers *peers, struct node_id peer, enum wire_feature feature);
/* The incarnation of the peer's data directory, and the version of its program, from its last good hello; 0 and "": it never connected. */
uint64_t peers_incarnation(const struct peers *peers, struct node_id peer);
const char *peers_version(const struct peers *peers, struct node_id peer);
/* Numbers of the services of the peer's program, from its last good hello. False: its hello had none (it does not have the
 * feature), or there is no link. Borrowed until the next event. */
bool peers_services(const struct peers *peers, struct node_id peer, const uint32_t **ret_numbers, size_t *ret_count);
/* Buffer to append whole frames for a peer, or NULL when the link is down. Borrowed until the caller's callback returns. */
struct buffer *peers_output(struct peers *peers, struct node_id peer);
/* frame_end for a frame in the buffer of peers_output; compresses the body if the link does. */
void peers_frame_end(struct peers *peers, struct node_id peer, struct buffer *out, size_t mark);
struct packer_counts peers_packed(const struct peers *peers);
size_t peers_pending(const struct peers *peers, struct node_id peer);            /* unsent bytes, for back-pressure */

#endif
