/* Messages of other partitions that are proposed here and not yet applied, so that a repeated batch is not proposed again.
 *
 * One row per source partition. All zero is valid; single threaded. */
#ifndef GRID_NODE_PORTS_INFLOWS_H
#define GRID_NODE_PORTS_INFLOWS_H

#include <stddef.h>
#include <stdint.h>

struct inflow { uint32_t source; uint64_t proposed; };
struct inflows { struct inflow *rows; size_t count, capacity; };

/* Highest sequence of a source that was proposed; 0: none since inflows_clear. */
uint64_t inflows_proposed(const struct inflows *inflows, uint32_t source);
void inflows_raise(struct inflows *inflows, uint32_t source, uint64_t proposed);
void inflows_clear(struct inflows *inflows);
void inflows_close(struct inflows *inflows);

#endif
