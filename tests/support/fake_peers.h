/* Links to other nodes whose other ends are the test (raft/peers/peers.h): what is written to a peer stays in its buffer, and frames
 * come from the test. Defines the functions that ports/links.c calls; linked instead of those of raft.
 * Ownership: the caller's memory. Single threaded. */
#ifndef TESTS_SUPPORT_FAKE_PEERS_H
#define TESTS_SUPPORT_FAKE_PEERS_H

#include "raft/peers/peers.h"

enum { FAKE_PEERS_MAX = 8, FAKE_TYPES_MAX = 64 };

struct peers {
    peers_frame_fn handlers[FAKE_TYPES_MAX];
    void *handler_contexts[FAKE_TYPES_MAX];
    peers_link_fn on_link;
    void *link_context;
    struct buffer outputs[FAKE_PEERS_MAX]; /* by node id */
    bool up[FAKE_PEERS_MAX];
    size_t pending;                        /* what every peer claims to be unsent */
};

void fake_peers_close(struct peers *peers);
/* A frame comes from a peer; what its handler returns. */
bool fake_peers_say(struct peers *peers, uint32_t from, enum frame_type type, uint32_t partition, struct bytes body);
void fake_peers_link(struct peers *peers, uint32_t node, bool up);
/* Takes the oldest frame that was written to a peer; false: every frame was taken. Its body borrows from `room`. */
bool fake_peers_take(struct peers *peers, uint32_t node, struct buffer *room, struct frame *ret_frame);

#endif
