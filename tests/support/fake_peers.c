#include "tests/support/fake_peers.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"

/* ---- the test's side */

void fake_peers_close(struct peers *peers)
{
    for (size_t i = 0; i < FAKE_PEERS_MAX; i++)
        buffer_close(&peers->outputs[i]);
}

bool fake_peers_say(struct peers *peers, uint32_t from, enum frame_type type, uint32_t partition, struct bytes body)
{
    struct frame frame = {.type = type, .partition = partition, .body = body};
    REQUIRE((size_t)type < FAKE_TYPES_MAX && peers->handlers[type] != NULL);
    return peers->handlers[type](peers->handler_contexts[type], (struct node_id){from}, &frame);
}

void fake_peers_link(struct peers *peers, uint32_t node, bool up)
{
    peers->up[node] = up;
    peers->on_link(peers->link_context, (struct node_id){node}, up);
}

bool fake_peers_take(struct peers *peers, uint32_t node, struct buffer *room, struct frame *ret_frame)
{
    size_t used;
    buffer_clear(room);
    buffer_append(room, buffer_bytes(&peers->outputs[node]));
    if (frame_parse(buffer_bytes(room), FRAME_BODY_BYTES_MAX, ret_frame, &used) != FRAME_OK)
        return false;
    buffer_consume(&peers->outputs[node], used);
    return true;
}

/* ---- the node's side */

void peers_on_frame(struct peers *peers, enum frame_type type, peers_frame_fn handler, void *context)
{
    REQUIRE((size_t)type < FAKE_TYPES_MAX);
    peers->handlers[type] = handler;
    peers->handler_contexts[type] = context;
}

void peers_on_link(struct peers *peers, peers_link_fn handler, void *context)
{
    peers->on_link = handler;
    peers->link_context = context;
}

struct buffer *peers_output(struct peers *peers, struct node_id peer)
{
    REQUIRE(peer.value < FAKE_PEERS_MAX);
    return peers->up[peer.value] ? &peers->outputs[peer.value] : NULL;
}

void peers_frame_end(struct peers *peers, struct node_id peer, struct buffer *out, size_t mark)
{
    REQUIRE(out == &peers->outputs[peer.value]);
    frame_end(out, mark);
}

size_t peers_pending(const struct peers *peers, struct node_id peer)
{
    (void)peer;
    return peers->pending;
}
