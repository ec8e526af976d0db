#include "raft/snapshot/transfers.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/snapshot/transfer_message.h"

struct member {
    struct transfers *transfers;
    struct node_id node;                      /* 0: the place is free */
    struct transfer_sender *sender;           /* NULL: nothing is on its way to it */
    struct transfer_receiver *receiver;       /* NULL: it never sent anything */
    uint32_t group;
    uint64_t index;
    struct transfer_budget budget;
};

struct transfers {
    struct transfers_options options;
    struct member members[REPLICAS_MAX];
    struct transfers_counts counts;
};

struct transfers_counts transfers_counts(const struct transfers *transfers)
{
    return transfers->counts;
}

/* NULL: there is no place; a cluster has no more members than places. */
static struct member *get(struct transfers *transfers, struct node_id node)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        struct member *member = &transfers->members[i];
        if (member->node.value == 0)
            *member = (struct member){.transfers = transfers, .node = node};
        if (node_id_equal(member->node, node))
            return member;
    }
    return NULL;
}

/* ---- sending */

static void send_bytes(void *context, const struct transfer_bytes *bytes)
{
    struct member *member = context;
    struct peers *peers = member->transfers->options.peers;
    struct buffer *out = peers_output(peers, member->node);
    if (out == NULL)
        return;
    size_t mark = frame_begin(out, FRAME_SNAPSHOT_BYTES, bytes->what.group, 0);
    transfer_bytes_encode(bytes, out);
    member->transfers->counts.sent_bytes += bytes->data.size;
    peers_frame_end(peers, member->node, out, mark);
}

static bool has_room(void *context)
{
    const struct member *member = context;
    struct peers *peers = member->transfers->options.peers;
    return peers_up(peers, member->node) && peers_pending(peers, member->node) < TRANSFER_CHUNK_BYTES;
}

static void end_sender(struct member *member)
{
    struct transfer_sender *sender = member->sender;
    member->sender = NULL;
    if (sender != NULL)
        transfer_sender_close(sender);
}

static void on_ended(void *context, enum grid_err err)
{
    struct member *member = context;
    const struct transfers_options *options = &member->transfers->options;
    end_sender(member);
    options->ended(options->context, member->node, member->group, member->index, err);
}

bool transfers_send(struct transfers *transfers, struct node_id to, uint32_t group, uint64_t leader_term, uint64_t index)
{
    const struct transfers_options *options = &transfers->options;
    struct member *member = get(transfers, to);
    if (member == NULL || member->sender != NULL || !peers_up(options->peers, to) || !peers_feature(options->peers, to, FEATURE_SNAPSHOTS))
        return false;
    struct transfer_sender_options sender = {.storage = options->storage, .files = options->files, .group = group, .leader_term = leader_term,
        .index = index, .bytes_per_second = options->bytes_per_second, .budget = &member->budget, .send = send_bytes, .room = has_room, .ended = on_ended, .context = member};
    member->group = group;
    member->index = index;
    transfers->counts.begun++;
    member->sender = transfer_sender_open(&sender, clock_now_us(options->clock));
    return true;
}

void transfers_stop(struct transfers *transfers, struct node_id to, uint32_t group)
{
    struct member *member = get(transfers, to);
    if (member != NULL && member->sender != NULL && member->group == group)
        end_sender(member);
}

bool transfers_sending(const struct transfers *transfers, struct node_id to)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++)
        if (node_id_equal(transfers->members[i].node, to))
            return transfers->members[i].sender != NULL;
    return false;
}

bool transfers_progress(const struct transfers *transfers, struct node_id to, uint64_t *ret_written, uint64_t *ret_bytes)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        const struct transfer_sender *sender = transfers->members[i].sender;
        if (!node_id_equal(transfers->members[i].node, to) || sender == NULL)
            continue;
        *ret_written = transfer_sender_written(sender);
        *ret_bytes = transfer_sender_bytes(sender);
        return true;
    }
    return false;
}

uint64_t transfers_received_bytes(const struct transfers *transfers)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < REPLICAS_MAX; i++)
        bytes += transfers->members[i].receiver != NULL ? transfer_receiver_written(transfers->members[i].receiver) : 0;
    return bytes;
}

static bool on_want(void *context, struct node_id from, const struct frame *frame)
{
    struct transfers *transfers = context;
    struct member *member = get(transfers, from);
    struct transfer_want want;
    if (frame->partition >= transfers->options.groups || !transfer_want_decode(frame->body, frame->partition, &want))
        return false;
    if (member != NULL && member->sender != NULL && transfer_sender_written(member->sender) == 0 && want.answer == TRANSFER_START && want.offset != 0)
        transfers->counts.resumed++;
    if (member != NULL && member->sender != NULL)
        transfer_sender_answer(member->sender, &want, clock_now_us(transfers->options.clock));
    return true;
}

/* ---- receiving */

static void send_want(void *context, const struct transfer_want *want)
{
    struct member *member = context;
    struct peers *peers = member->transfers->options.peers;
    struct buffer *out = peers_output(peers, member->node);
    if (out == NULL)
        return;
    size_t mark = frame_begin(out, FRAME_SNAPSHOT_WANT, want->group, 0);
    transfer_want_encode(want, out);
    peers_frame_end(peers, member->node, out, mark);
}

static void on_complete(void *context, uint64_t leader_term, const struct snapshot_head *head)
{
    struct member *member = context;
    const struct transfers_options *options = &member->transfers->options;
    options->complete(options->context, member->node, leader_term, head);
}

static void on_failed(void *context, enum grid_err err)
{
    struct member *member = context;
    member->transfers->options.failed(member->transfers->options.context, err);
}

/* A group has one leader, so one receiver: an offer of a later term ends what another node sent. Until its disk is done the offers wait; they come again. */
static bool is_free(struct transfers *transfers, const struct member *from, const struct transfer_bytes *bytes)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        struct member *other = &transfers->members[i];
        if (other == from || other->receiver == NULL || !transfer_receiver_works_on(other->receiver, bytes->what.group))
            continue;
        if (bytes->data.size == 0 && bytes->what.leader_term > transfer_receiver_term(other->receiver))
            transfer_receiver_leave(other->receiver);
        if (transfer_receiver_works_on(other->receiver, bytes->what.group))
            return false;
    }
    return true;
}

/* The leader may think that this node lacks entries because a late frame said so. */
static bool is_known(struct member *member, const struct transfer_bytes *bytes)
{
    const struct transfers_options *options = &member->transfers->options;
    const struct transfer_what *what = &bytes->what;
    if (bytes->data.size != 0 || options->known == NULL || !options->known(options->context, member->node, what))
        return false;
    if (member->receiver != NULL && transfer_receiver_works_on(member->receiver, what->group))
        transfer_receiver_leave(member->receiver);
    send_want(member, &(struct transfer_want){what->group, what->index, what->hash, TRANSFER_DONE, what->file_bytes});
    return true;
}

static bool on_bytes(void *context, struct node_id from, const struct frame *frame)
{
    struct transfers *transfers = context;
    struct member *member = get(transfers, from);
    struct transfer_bytes bytes;
    if (frame->partition >= transfers->options.groups || !transfer_bytes_decode(frame->body, frame->partition, &bytes))
        return false;
    if (member == NULL || !is_free(transfers, member, &bytes) || is_known(member, &bytes))
        return true;
    if (member->receiver == NULL) {
        struct transfer_receiver_options options = {.storage = transfers->options.storage, .owner = transfers->options.owner, .send = send_want,
            .complete = on_complete, .failed = on_failed, .context = member};
        member->receiver = transfer_receiver_open(&options);
    }
    transfers->counts.received_bytes += bytes.data.size;
    transfer_receiver_bytes(member->receiver, &bytes);
    return true;
}

/* ---- life */

static void on_link(void *context, struct node_id peer, bool up)
{
    struct transfers *transfers = context;
    struct member *member = get(transfers, peer);
    if (!up && member != NULL && member->sender != NULL)
        on_ended(member, GRID_ERR_UNAVAILABLE);
}

struct transfers *transfers_open(const struct transfers_options *options)
{
    REQUIRE(options->complete != NULL && options->ended != NULL && options->failed != NULL);
    struct transfers *transfers = memory_zero(1, sizeof *transfers);
    transfers->options = *options;
    peers_on_frame(options->peers, FRAME_SNAPSHOT_BYTES, on_bytes, transfers);
    peers_on_frame(options->peers, FRAME_SNAPSHOT_WANT, on_want, transfers);
    peers_on_link(options->peers, on_link, transfers);
    return transfers;
}

void transfers_tick(struct transfers *transfers)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++)
        if (transfers->members[i].sender != NULL)
            transfer_sender_tick(transfers->members[i].sender, clock_now_us(transfers->options.clock));
}

void transfers_close(struct transfers *transfers)
{
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        end_sender(&transfers->members[i]);
        if (transfers->members[i].receiver != NULL)
            transfer_receiver_close(transfers->members[i].receiver);
    }
    memory_free(transfers);
}
