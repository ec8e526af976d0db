#include "tests/unit/delivery/outbox_pair.h"

#include <criterion/criterion.h>

#include "grid/base/memory.h"

/* ---- what the sender is given */

static void destinations(void *context, void (*each)(void *sender, uint32_t destination, uint64_t first, uint64_t last), void *sender)
{
    struct outbox_pair *pair = context;
    for (uint32_t i = 0; i < PAIR_DESTINATIONS; i++)
        if (pair->written[i] > pair->trimmed[i])
            each(sender, i * 3 + 1, pair->trimmed[i] + 1, pair->written[i]);
}

static size_t read_outbox(void *context, uint32_t destination, uint64_t sequence, size_t bytes_max,
                          void (*each)(void *batch, uint64_t sequence, struct bytes message), void *batch)
{
    struct outbox_pair *pair = context;
    uint32_t i = (destination - 1) / 3;
    size_t count = 0;
    cr_assert_gt(sequence, pair->trimmed[i], "reads what is gone");
    for (size_t bytes = 0; sequence + count <= pair->written[i] && bytes < bytes_max; bytes += PAIR_MESSAGE_BYTES, count++) {
        /* Any bytes do, as long as the sequence can be read back. */
        put_u64(pair->message, sequence + count);
        memcpy(pair->texts[count % PAIR_BATCH_MAX], pair->message, sizeof pair->message);
        each(batch, sequence + count, bytes_of(pair->texts[count % PAIR_BATCH_MAX], PAIR_MESSAGE_BYTES));
    }
    return count;
}

static bool send(void *context, uint32_t destination, uint64_t first, const struct bytes *messages, size_t count)
{
    struct outbox_pair *pair = context;
    cr_assert_gt(count, 0);
    if (pair->down)
        return false;
    pair->sends++;
    pair->sent_messages += count;
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(get_u64(messages[i].data), first + i, "a batch is dense and begins where it says");
    if (pair->answer_inside)
        pair->answer_inside(pair, destination, first, count);
    if (pair->packets_count == PAIR_PACKETS_MAX)
        return true; /* lost */
    pair->packets[pair->packets_count++] = (struct outbox_packet){destination, first, first + count - 1};
    return true;
}

void outbox_pair_open(struct outbox_pair *pair)
{
    *pair = (struct outbox_pair){.host = {.destinations = destinations, .read = read_outbox, .send = send}};
    pair->host.context = pair;
    outbox_sender_init(&pair->sender, &pair->host);
}

void outbox_pair_close(struct outbox_pair *pair)
{
    outbox_sender_close(&pair->sender);
}

struct outbox_packet outbox_pair_take(struct outbox_pair *pair, size_t at)
{
    cr_assert_lt(at, pair->packets_count);
    struct outbox_packet packet = pair->packets[at];
    memmove(&pair->packets[at], &pair->packets[at + 1], (pair->packets_count - at - 1) * sizeof pair->packets[0]);
    pair->packets_count--;
    return packet;
}

/* ---- the destination: applies in order, once, and says how far it is (R4) */

void outbox_pair_receive(struct outbox_pair *pair, struct outbox_packet packet, uint64_t *ret_applied, bool *ret_gap)
{
    uint32_t i = (packet.destination - 1) / 3;
    *ret_gap = packet.first > pair->applied[i] + 1;
    if (!*ret_gap)
        for (uint64_t sequence = packet.first; sequence <= packet.last; sequence++)
            if (sequence == pair->applied[i] + 1)
                pair->applied[i]++;
    cr_assert_leq(pair->applied[i], pair->written[i]);
    *ret_applied = pair->applied[i];
}

static void trim(void *context, uint32_t destination, uint64_t applied)
{
    struct outbox_pair *pair = context;
    uint32_t i = (destination - 1) / 3;
    cr_assert_gt(applied, pair->trimmed[i], "an acknowledgement says something new");
    cr_assert_leq(applied, pair->applied[i], "what was not applied is never acknowledged");
    pair->trimmed[i] = applied;
}

size_t outbox_pair_acknowledge(struct outbox_pair *pair)
{
    return outbox_sender_take_acks(&pair->sender, trim, pair);
}
