/* The first message of a link: who is there, and whether the two can work together. docs/formats/peer.md has the table. */
#include <stdio.h>
#include <string.h>

#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/message.h"
#include "raft/peers/peers_internal.h"

enum { OLD_HELLO_BYTES = 24, OLD_PROTOCOL = 1 };

static const char *const refusal_names[PEER_REFUSALS_COUNT] = {
#define REFUSAL_NAME_(refusal, name) name,
    PEER_REFUSALS(REFUSAL_NAME_)
#undef REFUSAL_NAME_
};

/* ---- sending */

/* Ascending, whatever the order in which they were given. */
static size_t member_ids(const struct peers *peers, uint32_t ret_ids[NODES_MAX])
{
    for (size_t i = 0; i < peers->members_count; i++) {
        size_t at = i;
        for (; at > 0 && ret_ids[at - 1] > peers->members[i].address.id.value; at--)
            ret_ids[at] = ret_ids[at - 1];
        ret_ids[at] = peers->members[i].address.id.value;
    }
    return peers->members_count;
}

void peers_hello_send(struct wire *wire)
{
    const struct peers *peers = wire->peers;
    struct bytes features[FEATURES_COUNT];
    uint32_t ids[NODES_MAX];
    struct buffer known = {0};
    uint32_t lost = peers->meetings.introduce == NULL ? 0 : peers->meetings.introduce(peers->meetings.context, &known);
    struct message_peer_hello hello = {
        .protocols = PEER_PROTOCOLS, .node = peers->self, .cluster_uuid = uuid_bytes(&peers->cluster_uuid),
        .incarnation = peers->incarnation, .features = features, .features_count = features_names(peers->features, features),
        .partitions = peers->partitions, .version = bytes_of_text(peers->version),
        .known = buffer_bytes(&known), .lost = lost, .members = ids, .members_count = member_ids(peers, ids),
        .services = peers->services, .services_count = peers->services_count};
    struct buffer *out = conn_output(peers->io->transport, wire->conn);
    size_t mark = frame_begin(out, FRAME_PEER_HELLO, FRAME_PARTITION_NONE, 0);
    peer_hello_encode(&hello, out);
    frame_end(out, mark);
    buffer_close(&known);
}

/* ---- judging */

/* Text of the other end goes into logs and status: only what is plain. */
static void keep_version(struct bytes version, char ret_version[PEER_VERSION_BYTES_MAX + 1])
{
    size_t size = version.size < PEER_VERSION_BYTES_MAX ? version.size : PEER_VERSION_BYTES_MAX;
    for (size_t i = 0; i < size; i++)
        ret_version[i] = version.data[i] > ' ' && version.data[i] <= '~' ? (char)version.data[i] : '?';
    ret_version[size] = 0;
}

static void keep_services(const struct message_peer_hello *hello, struct peer_said *said)
{
    HOLDS(hello->services_count <= SERVICES_MAX);
    if (hello->services_count > 0)
        memcpy(said->services, hello->services, hello->services_count * sizeof *said->services);
    said->services_count = hello->services_count;
}

static const char *ids_text(const uint32_t *ids, size_t count, char text[128])
{
    size_t size = 0;
    text[0] = 0;
    for (size_t i = 0; i < count && size < 100; i++)
        size += (size_t)snprintf(text + size, 128 - size, "%s%u", i > 0 ? "," : "", ids[i]);
    return text;
}

static void refuse_version(const struct peers *peers, struct version_range theirs, struct hello_verdict *verdict)
{
    verdict->refusal = REFUSED_VERSION;
    snprintf(verdict->note, sizeof verdict->note,
             "it speaks peer protocol %s (version %s), this node speaks %s (version %s): upgrade %s", version_text_of(theirs).text,
             verdict->said.version[0] ? verdict->said.version : "unknown", version_text_of(PEER_PROTOCOLS).text, peers->version,
             theirs.min > PEER_PROTOCOLS.max ? "this node" : "that node");
}

/* Programs before version 2 said 24 fixed bytes: u32 version, u32 node, u64 digest, u64 incarnation. */
static bool is_old_hello(const struct frame *frame, struct hello_verdict *verdict)
{
    if (frame->body.size != OLD_HELLO_BYTES || get_u32(frame->body.data) != OLD_PROTOCOL)
        return false;
    verdict->node = (struct node_id){get_u32(frame->body.data + 4)};
    return true;
}

static bool same_members(const struct peers *peers, const struct message_peer_hello *hello, struct hello_verdict *verdict)
{
    uint32_t ids[NODES_MAX];
    char theirs[128], ours[128];
    size_t count = member_ids(peers, ids);
    if (hello->members_count == count && memcmp(hello->members, ids, count * sizeof *ids) == 0)
        return true;
    verdict->refusal = REFUSED_MEMBERS;
    snprintf(verdict->note, sizeof verdict->note, "its members have the ids %s, those of this node %s: give all nodes the same list of members",
             ids_text(hello->members, hello->members_count, theirs), ids_text(ids, count, ours));
    return false;
}

/* What all nodes of a cluster must agree on; nothing else is compared. */
static bool same_cluster(const struct peers *peers, const struct message_peer_hello *hello, struct hello_verdict *verdict)
{
    struct uuid theirs;
    memcpy(theirs.bytes, hello->cluster_uuid.data, UUID_BYTES);
    if (!uuid_equal(theirs, peers->cluster_uuid)) {
        verdict->refusal = REFUSED_CLUSTER;
        snprintf(verdict->note, sizeof verdict->note,
                 "it belongs to cluster %s, this node to %s: correct the address under members, or cluster_uuid (without one, cluster) of one of the two",
                 uuid_text_of(theirs).text, uuid_text_of(peers->cluster_uuid).text);
        return false;
    }
    if (hello->partitions != peers->partitions) {
        verdict->refusal = REFUSED_PARTITIONS;
        snprintf(verdict->note, sizeof verdict->note, "it has %u partitions, this node %u: give all nodes the number of the cluster's first start",
                 hello->partitions, peers->partitions);
        return false;
    }
    return same_members(peers, hello, verdict);
}

static bool is_expected(const struct wire *wire, struct hello_verdict *verdict)
{
    const struct peers *peers = wire->peers;
    uint32_t id = verdict->node.value, self = peers->self.value;
    if (verdict->member != NULL && (wire->dialed ? verdict->member == wire->member : id < self))
        return true;
    verdict->refusal = REFUSED_UNKNOWN;
    if (wire->dialed)
        snprintf(verdict->note, sizeof verdict->note, "node %u is there instead of node %u: correct the addresses under members", id,
                 wire->member->address.id.value);
    else if (id == self)
        snprintf(verdict->note, sizeof verdict->note, "it says that it is node %u, as this node is: give every node an id of its own", id);
    else if (verdict->member == NULL)
        snprintf(verdict->note, sizeof verdict->note, "it says that it is node %u, which is no member", id);
    else
        snprintf(verdict->note, sizeof verdict->note, "node %u connected to node %u; the smaller id connects", id, self);
    return false;
}

/* The row of `known` that is about this node. */
static bool take_introduction(const struct peers *peers, const struct message_peer_hello *hello, struct peer_introduction *introduction)
{
    if (hello->known.size % PEER_KNOWN_BYTES != 0 || hello->lost > PEER_LOST_FRESH)
        return false;
    introduction->fresh = hello->lost == PEER_LOST_FRESH;
    introduction->lost = introduction->fresh ? LOST_ALL : (enum lost_state)hello->lost;
    struct reader reader = reader_of(hello->known);
    for (size_t i = 0; i < hello->known.size / PEER_KNOWN_BYTES; i++) {
        uint32_t node = reader_u32(&reader);
        struct peer_memory memory = {reader_u64(&reader), 0, 0};
        memory.epoch = reader_u64(&reader);
        memory.position = reader_u64(&reader);
        if (node == peers->self.value)
            introduction->remembers = memory;
    }
    return true;
}

enum peer_meeting peers_meet(struct peers *peers, struct hello_verdict *verdict)
{
    if (peers->meetings.meet == NULL)
        return PEER_COMES_IN;
    enum peer_meeting meeting = peers->meetings.meet(peers->meetings.context, verdict->node, verdict->said.incarnation,
                                                     &verdict->said.introduction);
    if (meeting != PEER_IS_STRANGE)
        return meeting;
    verdict->good = false;
    verdict->refusal = REFUSED_INCARNATION;
    snprintf(verdict->note, sizeof verdict->note,
             "its data directory is not the one that this node knows of it: it was emptied, exchanged or set back. Bring the right one back, "
             "or start it once with --rejoin");
    return meeting;
}

static bool take_fields(const struct wire *wire, const struct message_peer_hello *hello, struct hello_verdict *verdict)
{
    const struct peers *peers = wire->peers;
    verdict->node = hello->node;
    verdict->member = peers_find(peers, hello->node);
    verdict->said.incarnation = hello->incarnation;
    verdict->said.features = features_of_names(hello->features, hello->features_count) & peers->features;
    keep_services(hello, &verdict->said);
    keep_version(hello->version, verdict->said.version);
    if (!version_negotiate(PEER_PROTOCOLS, hello->protocols, &verdict->said.protocol)) {
        refuse_version(peers, hello->protocols, verdict);
        return false;
    }
    if (!take_introduction(peers, hello, &verdict->said.introduction))
        return false;
    /* What a later message adds to the hello is looked at here, behind what both must agree on. */
    return same_cluster(peers, hello, verdict) && is_expected(wire, verdict);
}

void peers_hello_judge(const struct wire *wire, const struct frame *frame, struct hello_verdict *ret_verdict)
{
    struct message_peer_hello hello;
    struct arena arena;
    *ret_verdict = (struct hello_verdict){.refusal = REFUSED_HELLO, .note = "its first message is no hello of a node: another program is there"};
    if (frame->type != FRAME_PEER_HELLO || frame->flags != 0)
        return;
    arena_init(&arena, 1024);
    if (peer_hello_decode(frame->body, &arena, &hello) == GRID_ERR_OK) {
        ret_verdict->good = take_fields(wire, &hello, ret_verdict);
    } else if (is_old_hello(frame, ret_verdict)) {
        ret_verdict->member = peers_find(wire->peers, ret_verdict->node);
        refuse_version(wire->peers, (struct version_range){OLD_PROTOCOL, OLD_PROTOCOL}, ret_verdict);
    }
    arena_close(&arena);
}

/* ---- refusing */

static void count_refused(struct peers *peers, enum peer_refusal refusal)
{
    char labels[64];
    if (peers->metrics == NULL)
        return;
    snprintf(labels, sizeof labels, "reason=\"%s\"", refusal_names[refusal]);
    metric_counter_add(peers->metrics, "gridiron_peer_refused_total", "Peer connections closed for who they are.",
                       labels)->value++;
}

void peers_hello_refused(struct peers *peers, struct member *dialed, struct conn *conn, const struct hello_verdict *verdict)
{
    struct member *member = dialed != NULL ? dialed : verdict->member;
    uint32_t *told = member != NULL ? &member->told : &peers->strangers_told;
    uint32_t bit = UINT32_C(1) << verdict->refusal;
    REQUIRE(!verdict->good);
    count_refused(peers, verdict->refusal);
    if (*told & bit)
        return;
    *told |= bit;
    struct conn_origin origin = {0};
    if (dialed == NULL)
        origin = conn_origin(peers->io->transport, conn);
    const char *from = origin.address[0] != 0 ? origin.address : "an unknown address";
    if (dialed != NULL)
        LOG_WARN(peers->logger, "peers", "the link to node %u (%s) is refused: %s (%s)", member->address.id.value, member->address.address,
                 verdict->note, refusal_names[verdict->refusal]);
    else if (verdict->node.value != 0)
        LOG_WARN(peers->logger, "peers", "a link from node %u (%s) is refused: %s (%s)", verdict->node.value, from, verdict->note,
                 refusal_names[verdict->refusal]);
    else
        LOG_WARN(peers->logger, "peers", "a connection from %s to the peer port is refused: %s (%s)", from, verdict->note,
                 refusal_names[verdict->refusal]);
}
