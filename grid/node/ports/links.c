/* Frames between nodes other than Raft's: messages between partitions, their answers, state digests.
 * Formats: docs/formats/peer.md. */
#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/node/node_internal.h"
#include "raft/peers/peers.h"

enum { PEER_PENDING_BYTES_MAX = 16 * 1024 * 1024, ANSWER_BYTES = 17, DIGEST_ROW_BYTES = 20, DIGEST_ROWS_MAX = 4096 };

/* ---- messages */

/* A gap that cannot be filled, or a destination that is ahead (R4). */
void links_stopped(void *context, uint32_t source, const struct outbox_link *link, uint64_t applied)
{
    struct node *node = context;
    bool ahead = applied > link->last;
    node->counters.links_stopped->value++;
    LOG_ERROR(node->logger, "node",
              "messages from partition %u to partition %u stop: the destination says that it has applied %" PRIu64 ", %s %" PRIu64
              "; partition %u has lost state. Other links go on. Look whether a data directory was emptied or put back from a copy, and bring the "
              "right one back; messages go on after a change of the leader of partition %u",
              source, link->destination, applied, ahead ? "and the newest that was ever written is" : "and the oldest that is kept is",
              ahead ? link->last : link->oldest, ahead ? source : link->destination, source);
}

/* Messages of a cluster from before a restore: applied they would be taken for new ones. */
static void deliver(struct node *node, struct bytes body, const struct deliver_command *command, struct node_id from)
{
    struct replica *replica = node->replicas[command->destination];
    uint32_t known = partition_inbox_incarnation(replica_partition(replica), command->source);
    if (command->incarnation >= known) {
        if (levels_allow(node, command->destination, body) && services_allow(node, command, from))
            replica_messages(replica, body, command, from);
        return;
    }
    node->counters.messages_refused->value += command->messages_count;
    if (!node->refusal_said)
        LOG_ERROR(node->logger, "node",
                  "messages from partition %u to partition %u are refused: their restore epoch is %u and this cluster is at %u; node %u was not "
                  "restored with the others: restore it, or stop it (said once; gridiron_inbox_messages_refused_total counts on)",
                  command->source, command->destination, command->incarnation, known, from.value);
    node->refusal_said = true;
}

static void deliver_local(struct node *node, struct bytes body, struct node_id from)
{
    struct command command;
    arena_reset(&node->arena);
    HOLDS(command_decode(body, &node->arena, &command) == GRID_ERR_OK);
    deliver(node, body, &command.deliver, from);
}

bool links_send_messages(void *context, uint32_t source, uint32_t destination, uint32_t incarnation,
                         const struct bytes *messages, size_t count)
{
    struct node *node = context;
    struct node_id leader = partition_map_leader(&node->map, (struct partition_id){destination});
    if (node_id_equal(leader, node->settings->self)) {
        if (!replica_leads(node->replicas[destination]))
            return false;
        buffer_clear(&node->scratch);
        command_encode_deliver(source, incarnation, destination, messages, count, &node->scratch);
        deliver_local(node, buffer_bytes(&node->scratch), leader);
        return true;
    }
    if (leader.value == 0 || peers_pending(node->peers, leader) > PEER_PENDING_BYTES_MAX)
        return false;
    struct buffer *out = peers_output(node->peers, leader);
    if (!out)
        return false;
    size_t mark = frame_begin(out, FRAME_MESSAGES, destination, 0);
    command_encode_deliver(source, incarnation, destination, messages, count, out);
    peers_frame_end(node->peers, leader, out, mark);
    return true;
}

static bool on_messages(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    struct command command;
    arena_reset(&node->arena);
    if (frame->body.size > COMMAND_BYTES_MAX || command_decode(frame->body, &node->arena, &command) != GRID_ERR_OK || command.kind != COMMAND_DELIVER ||
        command.deliver.destination >= node->partitions || command.deliver.destination != frame->partition ||
        command.deliver.source >= node->partitions)
        return false;
    for (size_t i = 1; i < command.deliver.messages_count; i++)
        if (command.deliver.messages[i].sequence != command.deliver.messages[i - 1].sequence + 1)
            return false;
    deliver(node, frame->body, &command.deliver, from);
    return true;
}

/* u32 source, u32 destination, u64 applied, u8 gap */
void links_answer_messages(void *context, struct node_id to, uint32_t source, uint32_t destination, uint64_t applied, bool gap)
{
    struct node *node = context;
    if (node_id_equal(to, node->settings->self)) {
        replica_messages_answer(node->replicas[source], destination, applied, gap);
        return;
    }
    struct buffer *out = peers_output(node->peers, to);
    if (!out)
        return;
    size_t mark = frame_begin(out, FRAME_MESSAGES_ANSWER, source, 0);
    buffer_append_u32(out, source);
    buffer_append_u32(out, destination);
    buffer_append_u64(out, applied);
    buffer_append_u8(out, gap);
    frame_end(out, mark);
}

static bool on_messages_answer(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    struct reader reader = reader_of(frame->body);
    (void)from;
    uint32_t source = reader_u32(&reader), destination = reader_u32(&reader);
    uint64_t applied = reader_u64(&reader);
    uint8_t gap = reader_u8(&reader);
    if (reader.failed || reader_left(&reader) != 0 || source >= node->partitions || destination >= node->partitions || gap > 1)
        return false;
    replica_messages_answer(node->replicas[source], destination, applied, gap != 0);
    return true;
}

/* ---- digests (R17, I15): u32 rows, then per row u32 partition, u64 index, u64 digest */

static void append_digests(struct node *node, struct buffer *out)
{
    size_t mark = frame_begin(out, FRAME_LEADERS, FRAME_PARTITION_NONE, 0);
    size_t rows_at = out->size;
    uint32_t rows = 0;
    buffer_append_u32(out, 0);
    for (uint32_t i = 0; i < node->partitions && rows < DIGEST_ROWS_MAX; i++) {
        uint64_t index, digest;
        if (!replica_leads(node->replicas[i]))
            continue;
        const struct state_digests *digests = replica_digests(node->replicas[i]);
        index = digests->last;
        if (!state_digests_at(digests, index, &digest))
            continue;
        buffer_append_u32(out, i);
        buffer_append_u64(out, index);
        buffer_append_u64(out, digest);
        rows++;
    }
    put_u32(out->data + rows_at, rows);
    frame_end(out, mark);
}

void links_send_digests(struct node *node)
{
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id peer = node->settings->members[i].id;
        struct buffer *out = node_id_equal(peer, node->settings->self) ? NULL : peers_output(node->peers, peer);
        if (out)
            append_digests(node, out);
    }
}

static bool on_digests(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    struct reader reader = reader_of(frame->body);
    uint32_t rows = reader_u32(&reader);
    (void)from;
    if (reader.failed || rows > DIGEST_ROWS_MAX || reader_left(&reader) != (size_t)rows * DIGEST_ROW_BYTES)
        return false;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t partition = reader_u32(&reader);
        uint64_t index = reader_u64(&reader), theirs = reader_u64(&reader), ours;
        if (partition >= node->partitions)
            return false;
        if (state_digests_at(replica_digests(node->replicas[partition]), index, &ours) && ours != theirs) {
            node_fail(node, GRID_ERR_CORRUPT, "a replica's state digest differs from its leader's at the same index: "
                                              "this replica has diverged and must be rebuilt");
            return true;
        }
    }
    return true;
}

static void on_link(void *context, struct node_id peer, bool up)
{
    struct node *node = context;
    (void)peer;
    for (uint32_t i = 0; up && i < node->partitions; i++)
        replica_rewind(node->replicas[i]);
}

void links_open(struct node *node)
{
    node->peers = group_set_peers(node->groups);
    peers_on_frame(node->peers, FRAME_MESSAGES, on_messages, node);
    peers_on_frame(node->peers, FRAME_MESSAGES_ANSWER, on_messages_answer, node);
    peers_on_frame(node->peers, FRAME_LEADERS, on_digests, node);
    peers_on_link(node->peers, on_link, node);
}
