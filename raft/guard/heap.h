/* Memory for the consensus library, by size classes.
 *
 * The library allocates about ten small pieces per entry and frees most of them when the entry is durable. Hundreds of pieces are in use
 * at once and are freed in order; the per-thread cache of the C library is too small for that. Here each size has its own list of
 * free pieces of any length. Pieces above HEAP_PIECE_MAX come from the C library.
 *
 * For programs: open before the first group set and close after the last. At most one heap per process, and one thread:
 * the library has only one heap. Tests and the simulator do not use it, so that sanitizers see every piece. */
#ifndef RAFT_GUARD_HEAP_H
#define RAFT_GUARD_HEAP_H

#include <stdbool.h>
#include <stddef.h>

enum { HEAP_PIECE_MAX = 1016 };

struct heap;

struct heap *heap_open(void);
void heap_close(struct heap *heap);               /* the library must have freed everything; NULL is allowed */
bool heap_holds(const struct heap *heap);
size_t heap_pieces(const struct heap *heap);      /* small ones that are in use */

#endif
