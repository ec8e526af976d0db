/* The last applied message of each source partition (R4): an old message is dropped, a gap is reported.
 *
 * Shape: one (incarnation, sequence) per source that has ever sent a message, ordered by source. Single threaded, no time. */
#ifndef GRID_PARTITION_LINKS_INBOX_H
#define GRID_PARTITION_LINKS_INBOX_H

#include "grid/partition/component.h"

struct inbox;

enum inbox_verdict {
    INBOX_NEXT,                        /* the expected message: apply it, then call inbox_advance */
    INBOX_OLD,                         /* applied before: drop it */
    INBOX_GAP,                         /* an earlier message is missing */
    INBOX_LOWER_INCARNATION,           /* of a cluster that was replaced by its backup: refuse it */
};

struct inbox *inbox_open(void);
void inbox_close(struct inbox *inbox);
enum inbox_verdict inbox_check(const struct inbox *inbox, uint32_t source, uint32_t incarnation, uint64_t sequence);
/* Records the message for which inbox_check returned INBOX_NEXT. */
void inbox_advance(struct inbox *inbox, uint32_t source, uint32_t incarnation, uint64_t sequence);
uint64_t inbox_last(const struct inbox *inbox, uint32_t source);   /* of its present incarnation; 0: none */
uint32_t inbox_incarnation(const struct inbox *inbox, uint32_t source); /* below it everything is refused */
/* The partition is restored from a backup: all sources are, and continue their sequences under this restore epoch. What was sent before is refused. */
void inbox_open_epoch(struct inbox *inbox, uint32_t epoch);
size_t inbox_count(const struct inbox *inbox);           /* sources that have ever sent */
uint64_t inbox_digest(const struct inbox *inbox);
void inbox_holds(const struct inbox *inbox);

/* Frozen by a copy: 22 bytes a source, of which there are no more than partitions. */
extern const struct component inbox_component;

#endif
