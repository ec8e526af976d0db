/* Both ends of a partition's outbox for tests: an outbox with a scripted network behind a sender, and destinations that
 * apply in order. Messages are their own sequence numbers. Ownership: the caller's memory; close what was opened. */
#ifndef TESTS_UNIT_DELIVERY_OUTBOX_PAIR_H
#define TESTS_UNIT_DELIVERY_OUTBOX_PAIR_H

#include "grid/delivery/outbox_sender.h"

enum { PAIR_DESTINATIONS = 3, PAIR_PACKETS_MAX = 256, PAIR_MESSAGE_BYTES = 100, PAIR_BATCH_MAX = 1024 };

struct outbox_packet { uint32_t destination; uint64_t first, last; };

struct outbox_pair {
    struct outbox_host host;
    struct outbox_sender sender;
    bool down;                               /* send refuses */
    /* By index; the destination's number is 3 * index + 1. */
    uint64_t written[PAIR_DESTINATIONS], trimmed[PAIR_DESTINATIONS], applied[PAIR_DESTINATIONS];
    struct outbox_packet packets[PAIR_PACKETS_MAX]; /* under way */
    size_t packets_count, sends, sent_messages;
    void (*answer_inside)(struct outbox_pair *pair, uint32_t destination, uint64_t first, size_t count);
    uint8_t message[PAIR_MESSAGE_BYTES], texts[PAIR_BATCH_MAX][PAIR_MESSAGE_BYTES];
};

void outbox_pair_open(struct outbox_pair *pair);
void outbox_pair_close(struct outbox_pair *pair);
struct outbox_packet outbox_pair_take(struct outbox_pair *pair, size_t at);  /* takes a packet off the network */
/* The destination's view of a packet: what it answers. */
void outbox_pair_receive(struct outbox_pair *pair, struct outbox_packet packet, uint64_t *ret_applied, bool *ret_gap);
/* Takes what the sender would propose and trims the outbox; returns how many destinations. */
size_t outbox_pair_acknowledge(struct outbox_pair *pair);

#endif
