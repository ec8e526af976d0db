#include "grid/node/ports/links.h"

#include <inttypes.h>

#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/frame.h"
#include "grid/wire/messages/message.h"

enum { PEER_PENDING_BYTES_MAX = 16 * 1024 * 1024, ANSWER_BYTES = 17, DIGEST_ROW_BYTES = 20, DIGEST_ROWS_MAX = 4096 };

struct links {
    struct links_options options;
    struct buffer scratch;                 /* commands being built */
    struct arena arena;                    /* decoding */
    bool refusal_said;
};

static bool is_self(const struct links *links, struct node_id node)
{
    return node_id_equal(node, links->options.settings->self);
}

static void post(struct links *links, const struct letter *letter)
{
    links->options.lost->value += !mailbox_post(links->options.mailbox, letter);
}

/* ---- messages */

void links_stopped(struct links *links, uint32_t source, const struct outbox_link *link, uint64_t applied)
{
    bool ahead = applied > link->last;
    links->options.stopped->value++;
    LOG_ERROR(links->options.logger, "node",
              "messages from partition %u to partition %u stop: the destination says that it has applied %" PRIu64 ", %s %" PRIu64
              "; partition %u has lost state. Other links go on. Look whether a data directory was emptied or put back from a copy, and bring the "
              "right one back; messages go on after a change of the leader of partition %u",
              source, link->destination, applied, ahead ? "and the newest that was ever written is" : "and the oldest that is kept is",
              ahead ? link->last : link->oldest, ahead ? source : link->destination, source);
}

void links_epoch_refused(struct links *links, const struct letter *letter, uint32_t known)
{
    if (!links->refusal_said)
        LOG_ERROR(links->options.logger, "node",
                  "messages from partition %u to partition %u are refused: their restore epoch is %u and this cluster is at %u; node %u was not "
                  "restored with the others: restore it, or stop it (said once; gridiron_inbox_messages_refused_total counts on)",
                  letter->from, letter->to, letter->incarnation, known, letter->node.value);
    links->refusal_said = true;
}

bool links_send_messages(struct links *links, const struct letter *letter, const struct bytes *messages, size_t count)
{
    struct peers *peers = links->options.peers;
    struct node_id leader = partition_map_leader(links->options.map, (struct partition_id){letter->to});
    if (is_self(links, leader)) {
        struct letter whole = *letter;
        buffer_clear(&links->scratch);
        command_encode_deliver(letter->from, letter->incarnation, letter->to, messages, count, &links->scratch);
        whole.command = buffer_bytes(&links->scratch);
        return mailbox_post(links->options.mailbox, &whole);
    }
    if (leader.value == 0 || peers_pending(peers, leader) > PEER_PENDING_BYTES_MAX)
        return false;
    struct buffer *out = peers_output(peers, leader);
    if (!out)
        return false;
    size_t mark = frame_begin(out, FRAME_MESSAGES, letter->to, 0);
    command_encode_deliver(letter->from, letter->incarnation, letter->to, messages, count, out);
    peers_frame_end(peers, leader, out, mark);
    return true;
}

static bool on_messages(void *context, struct node_id from, const struct frame *frame)
{
    struct links *links = context;
    uint32_t partitions = links->options.settings->partitions;
    struct command command;
    arena_reset(&links->arena);
    if (frame->body.size > COMMAND_BYTES_MAX || command_decode(frame->body, &links->arena, &command) != GRID_ERR_OK || command.kind != COMMAND_DELIVER)
        return false;
    const struct deliver_command *deliver = &command.deliver;
    if (deliver->destination >= partitions || deliver->destination != frame->partition || deliver->source >= partitions)
        return false;
    for (size_t i = 1; i < deliver->messages_count; i++)
        if (deliver->messages[i].sequence != deliver->messages[i - 1].sequence + 1)
            return false;
    if (deliver->messages_count > 0 && links->options.takes(links->options.context, from, deliver))
        post(links, &(struct letter){.kind = LETTER_MESSAGES, .to = deliver->destination, .from = deliver->source, .node = from,
                                     .incarnation = deliver->incarnation, .first = deliver->messages[0].sequence,
                                     .last = deliver->messages[deliver->messages_count - 1].sequence, .command = frame->body});
    return true;
}

/* u32 source, u32 destination, u64 applied, u8 gap */
void links_answer_messages(struct links *links, struct node_id to, const struct letter *letter)
{
    if (is_self(links, to)) {
        post(links, letter);
        return;
    }
    struct buffer *out = peers_output(links->options.peers, to);
    if (!out)
        return;
    size_t mark = frame_begin(out, FRAME_MESSAGES_ANSWER, letter->to, 0);
    buffer_append_u32(out, letter->to);
    buffer_append_u32(out, letter->from);
    buffer_append_u64(out, letter->applied);
    buffer_append_u8(out, letter->gap);
    frame_end(out, mark);
}

static bool on_messages_answer(void *context, struct node_id from, const struct frame *frame)
{
    struct links *links = context;
    uint32_t partitions = links->options.settings->partitions;
    struct reader reader = reader_of(frame->body);
    (void)from;
    uint32_t source = reader_u32(&reader), destination = reader_u32(&reader);
    uint64_t applied = reader_u64(&reader);
    uint8_t gap = reader_u8(&reader);
    if (reader.failed || reader_left(&reader) != 0 || source >= partitions || destination >= partitions || gap > 1)
        return false;
    post(links, &(struct letter){.kind = LETTER_ANSWER, .to = source, .from = destination, .applied = applied, .gap = gap != 0});
    return true;
}

/* ---- digests (R17, I15): u32 rows, then per row u32 partition, u64 index, u64 digest */

static void append_digests(struct links *links, struct buffer *out)
{
    size_t mark = frame_begin(out, FRAME_LEADERS, FRAME_PARTITION_NONE, 0);
    size_t rows_at = out->size;
    uint32_t rows = 0;
    buffer_append_u32(out, 0);
    for (uint32_t i = 0; i < links->options.settings->partitions && rows < DIGEST_ROWS_MAX; i++) {
        uint64_t index, digest;
        bool leads;
        const struct state_digests *digests = links->options.digests(links->options.context, i, &leads);
        index = digests->last;
        if (!leads || !state_digests_at(digests, index, &digest))
            continue;
        buffer_append_u32(out, i);
        buffer_append_u64(out, index);
        buffer_append_u64(out, digest);
        rows++;
    }
    put_u32(out->data + rows_at, rows);
    frame_end(out, mark);
}

void links_send_digests(struct links *links)
{
    for (size_t i = 0; i < links->options.settings->members_count; i++) {
        struct node_id peer = links->options.settings->members[i].id;
        struct buffer *out = is_self(links, peer) ? NULL : peers_output(links->options.peers, peer);
        if (out)
            append_digests(links, out);
    }
}

static bool on_digests(void *context, struct node_id from, const struct frame *frame)
{
    struct links *links = context;
    struct reader reader = reader_of(frame->body);
    uint32_t rows = reader_u32(&reader);
    (void)from;
    if (reader.failed || rows > DIGEST_ROWS_MAX || reader_left(&reader) != (size_t)rows * DIGEST_ROW_BYTES)
        return false;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t partition = reader_u32(&reader);
        uint64_t index = reader_u64(&reader), theirs = reader_u64(&reader), ours;
        if (partition >= links->options.settings->partitions)
            return false;
        bool leads;
        if (state_digests_at(links->options.digests(links->options.context, partition, &leads), index, &ours) && ours != theirs) {
            links->options.diverged(links->options.context, "a replica's state digest differs from its leader's at the same index: "
                                                            "this replica has diverged and must be rebuilt");
            return true;
        }
    }
    return true;
}

static void on_link(void *context, struct node_id peer, bool up)
{
    struct links *links = context;
    (void)peer;
    if (up)
        mailbox_rewind(links->options.mailbox);
}

/* ---- life */

struct links *links_open(const struct links_options *options)
{
    REQUIRE(options->settings && options->peers && options->mailbox && options->map && options->takes && options->digests && options->diverged);
    struct links *links = memory_zero(1, sizeof *links);
    links->options = *options;
    arena_init(&links->arena, 64 * 1024);
    peers_on_frame(options->peers, FRAME_MESSAGES, on_messages, links);
    peers_on_frame(options->peers, FRAME_MESSAGES_ANSWER, on_messages_answer, links);
    peers_on_frame(options->peers, FRAME_LEADERS, on_digests, links);
    peers_on_link(options->peers, on_link, links);
    return links;
}

void links_close(struct links *links)
{
    buffer_close(&links->scratch);
    arena_close(&links->arena);
    memory_free(links);
}
