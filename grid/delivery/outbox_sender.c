#include "grid/delivery/outbox_sender.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/sorted_row.h"

enum { BATCH_MESSAGES = 128 };

struct batch {
    struct bytes messages[BATCH_MESSAGES];
    size_t count;
    uint64_t next;                     /* sequence that must come next */
    bool broken;                       /* another one came */
};

void outbox_sender_init(struct outbox_sender *sender, const struct outbox_host *host)
{
    REQUIRE(host != NULL);
    *sender = (struct outbox_sender){.host = host};
}

void outbox_sender_close(struct outbox_sender *sender)
{
    memory_free(sender->links);
    *sender = (struct outbox_sender){.host = sender->host};
}

static struct outbox_link *link_find(const struct outbox_sender *sender, uint32_t destination)
{
    return sorted_row_find(sender->links, sender->count, sizeof *sender->links, destination);
}

static struct outbox_link *link_add(struct outbox_sender *sender, uint32_t destination, uint64_t first)
{
    size_t at = sorted_row_place(sender->links, sender->count, sizeof *sender->links, destination);
    sender->links = sorted_row_widen(sender->links, &sender->count, &sender->capacity, sizeof *sender->links, at);
    sender->links[at] = (struct outbox_link){.destination = destination, .sent = first - 1, .applied = first - 1,
                                             .acknowledged = first - 1, .first_applied = first - 1, .moved_us = sender->now_us};
    return &sender->links[at];
}

static void collect(void *context, uint64_t sequence, struct bytes message)
{
    struct batch *batch = context;
    batch->broken |= sequence != batch->next && batch->count == 0;
    if (batch->count == BATCH_MESSAGES || sequence != batch->next)
        return;
    batch->messages[batch->count++] = message;
    batch->next = sequence + 1;
}

static void send_window(struct outbox_sender *sender, struct outbox_link *link)
{
    while (!link->stopped && link->sent < link->last && link->sent - link->applied < OUTBOX_WINDOW_MESSAGES) {
        struct batch batch = {.next = link->sent + 1};
        sender->host->read(sender->host->context, link->destination, link->sent + 1, OUTBOX_BATCH_BYTES, collect, &batch);
        if (batch.count == 0)
            return;
        /* Counted first: the host may answer from inside the call. */
        uint64_t before = link->sent;
        link->sent += batch.count;
        if (!sender->host->send(sender->host->context, link->destination, before + 1, batch.messages, batch.count)) {
            link->sent = before;
            return;
        }
        link->moved_us = sender->now_us;
        if (link->sent <= before)
            return; /* it reported a gap: the next run goes back, or this one might never end */
    }
}

static void look(void *context, uint32_t destination, uint64_t first, uint64_t last)
{
    struct outbox_sender *sender = context;
    REQUIRE(first > 0 && first <= last);
    struct outbox_link *link = link_find(sender, destination);
    if (!link)
        link = link_add(sender, destination, first);
    link->last = last;
    link->oldest = first;
    if (link->sent > link->applied && sender->now_us - link->moved_us >= OUTBOX_RESEND_US) {
        link->sent = link->applied;
        link->moved_us = sender->now_us;
    }
    send_window(sender, link);
}

void outbox_sender_run(struct outbox_sender *sender, uint64_t now_us)
{
    sender->now_us = now_us;
    sender->host->destinations(sender->host->context, look, sender);
}

/* The gap cannot be filled, or there is more than everything. Old answers may say so too, those of an earlier leader and those of a
 * leader whose outbox was not looked at yet: only a row of them, without another in between, counts. */
static void note_stuck(struct outbox_sender *sender, struct outbox_link *link, uint64_t applied)
{
    uint64_t now_us = sender->now_us;
    if (link->stuck_us == 0 || now_us - link->stuck_last_us > 4 * (uint64_t)OUTBOX_RESEND_US)
        link->stuck_us = now_us;
    link->stuck_last_us = now_us;
    if (link->stopped || now_us - link->stuck_us < OUTBOX_STUCK_US)
        return;
    link->stopped = true;
    if (sender->host->stopped != NULL)
        sender->host->stopped(sender->host->context, link, applied);
}

void outbox_sender_answer(struct outbox_sender *sender, uint32_t destination, uint64_t applied, bool gap, uint64_t now_us)
{
    sender->now_us = now_us;
    struct outbox_link *link = link_find(sender, destination);
    if (!link)
        return; /* an answer to an earlier leader whose outbox we have not looked at yet: the next run asks again */
    if (applied > link->last || (gap && applied + 1 < link->oldest)) {
        note_stuck(sender, link, applied);
        return;
    }
    if (applied >= link->applied) {
        link->stuck_us = 0;
        link->stopped = false;
    }
    if (gap && applied >= link->applied)
        link->sent = applied;
    if (applied <= link->applied)
        return;
    link->applied = applied;
    link->moved_us = now_us;
    if (link->sent < applied)
        link->sent = applied;
    if (sender->ack_since_us == 0)
        sender->ack_since_us = now_us;
}

void outbox_sender_rewind(struct outbox_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++)
        sender->links[i].sent = sender->links[i].applied;
}

size_t outbox_sender_take_acks(struct outbox_sender *sender, void (*each)(void *context, uint32_t destination, uint64_t applied),
                               void *context)
{
    size_t taken = 0;
    if (sender->ack_since_us == 0)
        return 0;
    for (size_t i = 0; i < sender->count; i++) {
        struct outbox_link *link = &sender->links[i];
        if (link->applied == link->acknowledged)
            continue;
        each(context, link->destination, link->applied);
        link->acknowledged = link->applied;
        taken++;
    }
    sender->ack_since_us = 0;
    return taken;
}

void outbox_sender_repeat_acks(struct outbox_sender *sender, uint64_t now_us)
{
    for (size_t i = 0; i < sender->count; i++) {
        struct outbox_link *link = &sender->links[i];
        if (link->applied > link->first_applied && sender->ack_since_us == 0)
            sender->ack_since_us = now_us;
        link->acknowledged = link->first_applied;
    }
}

bool outbox_sender_ack_due(const struct outbox_sender *sender, uint64_t now_us)
{
    return sender->ack_since_us != 0 && now_us - sender->ack_since_us >= OUTBOX_ACK_DELAY_US;
}

bool outbox_sender_waiting(const struct outbox_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++)
        if (sender->links[i].applied < sender->links[i].last && !sender->links[i].stopped)
            return true;
    return sender->ack_since_us != 0;
}

size_t outbox_sender_stopped(const struct outbox_sender *sender)
{
    size_t stopped = 0;
    for (size_t i = 0; i < sender->count; i++)
        stopped += sender->links[i].stopped;
    return stopped;
}

void outbox_sender_holds(const struct outbox_sender *sender)
{
    for (size_t i = 0; i < sender->count; i++) {
        const struct outbox_link *link = &sender->links[i];
        HOLDS(link->acknowledged <= link->applied && link->applied <= link->sent && link->sent <= link->last);
        HOLDS(i == 0 || sender->links[i - 1].destination < link->destination);
    }
}
