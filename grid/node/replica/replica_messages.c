#include "grid/node/replica/replica_internal.h"

#include "grid/base/memory.h"

/* ---- to other partitions */

static void outbox_destinations(void *context, void (*each)(void *sender, uint32_t destination, uint64_t first, uint64_t last),
                                void *sender)
{
    partition_outbox_each(((struct replica *)context)->partition, each, sender);
}

static size_t outbox_read(void *context, uint32_t destination, uint64_t sequence, size_t bytes_max,
                          void (*each)(void *batch, uint64_t sequence, struct bytes message), void *batch)
{
    return partition_outbox_read(((struct replica *)context)->partition, destination, sequence, bytes_max, each, batch);
}

static bool outbox_send(void *context, uint32_t destination, uint64_t first, const struct bytes *messages, size_t count)
{
    struct replica *replica = context;
    struct letter letter = {.kind = LETTER_MESSAGES, .to = destination, .from = replica->id.value, .node = replica->shared->self,
                            .incarnation = partition_incarnation(replica->partition), .first = first, .last = first + count - 1};
    bool sent = replica->shared->send_messages(replica->shared->context, &letter, messages, count);
    if (sent)
        replica->shared->counters->messages_sent->value += count;
    return sent;
}

static void outbox_stopped(void *context, const struct outbox_link *link, uint64_t applied)
{
    struct replica *replica = context;
    replica->shared->link_stopped(replica->shared->context, replica->id.value, link, applied);
}

void replica_messages_open(struct replica *replica)
{
    replica->outbox_host = (struct outbox_host){.context = replica, .destinations = outbox_destinations,
                                                 .read = outbox_read, .send = outbox_send, .stopped = outbox_stopped};
    outbox_sender_init(&replica->sender, &replica->outbox_host);
}

void replica_messages_send(struct replica *replica)
{
    uint64_t version = partition_outbox_version(replica->partition);
    if (version == replica->outbox_seen)
        return;
    replica->outbox_seen = version;
    outbox_sender_run(&replica->sender, replica_now_us(replica));
}

static void take_answer(struct replica *replica, const struct letter *letter)
{
    outbox_sender_answer(&replica->sender, letter->from, letter->applied, letter->gap, replica_now_us(replica));
    replica->outbox_seen = 0;         /* the window moved: look again */
    replica_schedule(replica);
}

static void rewind_outbox(struct replica *replica)
{
    outbox_sender_rewind(&replica->sender);
    replica->outbox_seen = 0;
    replica_schedule(replica);
}

void replica_messages_tick(struct replica *replica)
{
    if (!outbox_sender_waiting(&replica->sender))
        return;
    replica->outbox_seen = 0;
    replica_schedule(replica);
}

static void pack_ack(void *context, uint32_t destination, uint64_t applied)
{
    struct replica *replica = context;
    replica->shared->counters->acks->value++;
    struct acknowledge_command acknowledge = {destination, partition_incarnation(replica->partition), applied};
    replica_pack_own(replica, &(struct command){.kind = COMMAND_ACKNOWLEDGE, .acknowledge = acknowledge}, WAITER_ACKNOWLEDGE, 0);
}

void replica_pack_acks(struct replica *replica)
{
    if (replica->links_held || partition_closed(replica->partition))
        return;
    if (replica->open || outbox_sender_ack_due(&replica->sender, replica_now_us(replica)))
        outbox_sender_take_acks(&replica->sender, pack_ack, replica);
}

/* ---- of other partitions */

void replica_answer_messages(struct replica *replica, struct node_id to, uint32_t source, bool gap)
{
    struct letter letter = {.kind = LETTER_ANSWER, .to = source, .from = replica->id.value, .gap = gap,
                            .applied = partition_inbox_last(replica->partition, source)};
    replica->shared->answer_messages(replica->shared->context, to, &letter);
}

/* Of a cluster from before a restore: applied they would be taken for new ones. */
static bool of_older_epoch(struct replica *replica, const struct letter *letter)
{
    const struct replica_shared *shared = replica->shared;
    uint32_t known = partition_inbox_incarnation(replica->partition, letter->from);
    if (letter->incarnation >= known)
        return false;
    shared->counters->messages_refused->value += letter->last - letter->first + 1;
    shared->epoch_refused(shared->context, letter, known);
    return true;
}

static void note_missed(struct replica *replica, const struct letter *letter)
{
    for (size_t i = 0; i < replica->missed_count; i++)
        if (replica->missed[i].source == letter->from) {
            replica->missed[i].node = letter->node.value;
            return;
        }
    if (replica->missed_count == replica->missed_capacity) {
        replica->missed_capacity = replica->missed_capacity * 2 + 8;
        replica->missed = memory_resize(replica->missed, replica->missed_capacity * sizeof *replica->missed);
    }
    replica->missed[replica->missed_count++] = (struct missed_link){letter->node.value, letter->from};
}

void replica_messages_hold(struct replica *replica, void (*settled)(struct replica *replica))
{
    replica->links_held = true;
    replica->links_settled = settled;
    if (replica->links_in_flight == 0)
        settled(replica);
}

/* Those that sent meanwhile send again now, and not only when they have waited for long. */
void replica_messages_release(struct replica *replica)
{
    replica->links_held = false;
    replica->links_settled = NULL;
    for (size_t i = 0; i < replica->missed_count; i++)
        replica_answer_messages(replica, (struct node_id){replica->missed[i].node}, replica->missed[i].source, true);
    replica->missed_count = 0;
    replica_schedule(replica);
}

static void take_messages(struct replica *replica, const struct letter *letter)
{
    const struct replica_shared *shared = replica->shared;
    struct replica_counters *counters = shared->counters;
    uint64_t count = letter->last - letter->first + 1;
    if (of_older_epoch(replica, letter) || !replica->leads || !shared->allow(shared->context, replica->id.value, letter->command))
        return; /* the sender repeats, to the leader of that time */
    if (partition_closed(replica->partition))
        return; /* likewise, when the cluster is restored */
    if (replica->links_held) {
        note_missed(replica, letter);
        return;
    }
    uint64_t applied = partition_inbox_last(replica->partition, letter->from);
    uint64_t proposed = inflows_proposed(&replica->inflows, letter->from), known = proposed > applied ? proposed : applied;
    counters->messages_received->value += count;
    if (letter->first > known + 1) {
        counters->messages_gap->value++;
        replica_answer_messages(replica, letter->node, letter->from, true);
    } else if (letter->last <= known) {
        counters->messages_duplicate->value += count;
        if (letter->last <= applied)
            replica_answer_messages(replica, letter->node, letter->from, false);
    } else {
        inflows_raise(&replica->inflows, letter->from, letter->last);
        replica_pack(replica, letter->command, 0, &(struct waiter){.kind = WAITER_LINK, .slot = letter->node.value, .source = letter->from});
    }
}

void replica_letter(struct replica *replica, const struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_MESSAGES: take_messages(replica, letter); break;
    case LETTER_ANSWER: if (replica->leads) take_answer(replica, letter); break;
    case LETTER_REWIND: if (replica->leads) rewind_outbox(replica); break;
    }
}

void replica_messages_resign(struct replica *replica)
{
    inflows_clear(&replica->inflows);
    outbox_sender_close(&replica->sender);
}

size_t replica_links_stopped(const struct replica *replica)
{
    return outbox_sender_stopped(&replica->sender);
}
