/* The last message applied per source partition (R4): what is not newer is dropped, a gap is answered.
 *
 * Single threaded, no time. */
#ifndef GRID_PARTITION_INBOX_H
#define GRID_PARTITION_INBOX_H

#include <stdint.h>

struct inbox;

struct inbox *inbox_open(void);
void inbox_close(struct inbox *inbox);
uint64_t inbox_last(const struct inbox *inbox, uint32_t source);   /* 0: none */
uint64_t inbox_digest(const struct inbox *inbox);
void inbox_holds(const struct inbox *inbox);

#endif
