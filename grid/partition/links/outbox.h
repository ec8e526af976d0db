/* Messages to other partitions that wait for their acknowledgement (R4, I17): dense sequences from 1 per destination.
 *
 * Shape: a link per destination that was ever written to, ordered by destination; a link is a ring of encoded messages.
 * Owns the messages. Borrowed views last until the next change. Single threaded, no time. */
#ifndef GRID_PARTITION_LINKS_OUTBOX_H
#define GRID_PARTITION_LINKS_OUTBOX_H

#include "grid/partition/component.h"

struct outbox;

typedef void (*outbox_range_fn)(void *context, uint32_t destination, uint64_t first, uint64_t last);
typedef void (*outbox_message_fn)(void *context, uint64_t sequence, struct bytes message);

struct outbox *outbox_open(void);
void outbox_close(struct outbox *outbox);
/* Sequence that the next message to this destination must carry. */
uint64_t outbox_next_sequence(const struct outbox *outbox, uint32_t destination);
/* Copies one encoded message, whose sequence is outbox_next_sequence. */
void outbox_add(struct outbox *outbox, uint32_t destination, struct bytes message);
/* Removes messages up to `sequence`; older acknowledgements change nothing. False: that sequence was never written. */
bool outbox_acknowledge(struct outbox *outbox, uint32_t destination, uint64_t sequence);

uint64_t outbox_pending(const struct outbox *outbox);
uint64_t outbox_version(const struct outbox *outbox);      /* grows with every change */
/* As described at partition_outbox_each and partition_outbox_read. */
void outbox_each(const struct outbox *outbox, outbox_range_fn each, void *context);
size_t outbox_read(const struct outbox *outbox, uint32_t destination, uint64_t sequence, size_t bytes_max,
                   outbox_message_fn each, void *context);
uint64_t outbox_digest(const struct outbox *outbox);
void outbox_holds(const struct outbox *outbox);

/* Frozen in time by the destinations that were ever written to: a message never changes, and one that is acknowledged is kept until
 * it is written. */
extern const struct component outbox_component;

#endif
