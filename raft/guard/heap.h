/* Memory for the consensus library, by size classes.
 *
 * The library allocates some ten small pieces an entry and frees most of them when the entry is durable: hundreds live
 * at once and die in order, which the C library's stock per thread is too small for. Here each size has its own list of
 * free pieces, as long as it needs to be. Pieces above HEAP_PIECE_MAX come from the C library.
 *
 * For programs: open before the first group set and close after the last. One at a time in a process, and one thread:
 * the library has only one heap. Tests and the simulator do without, so that sanitizers see every piece. */
#ifndef RAFT_GUARD_HEAP_H
#define RAFT_GUARD_HEAP_H

#include <stdbool.h>
#include <stddef.h>

enum { HEAP_PIECE_MAX = 1016 };

struct heap;

struct heap *heap_open(void);
void heap_close(struct heap *heap);               /* nothing of the library's may be left; NULL is allowed */
bool heap_holds(const struct heap *heap);
size_t heap_pieces(const struct heap *heap);      /* small ones that are in use */

#endif
