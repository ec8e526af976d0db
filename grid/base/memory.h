/* Heap memory that never fails: running out of memory prints the size and aborts (a node restarts and recovers
 * from its log; continuing without memory would break bounds that other code relies on). */
#ifndef GRID_BASE_MEMORY_H
#define GRID_BASE_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);                          /* uninitialised; size 0 gives a unique pointer */
void *memory_zero(size_t count, size_t size);             /* zeroed array */
void *memory_resize(void *memory, size_t size);           /* like realloc; memory may be NULL */
void *memory_copy(const void *data, size_t size);
void memory_free(void *memory);                           /* NULL is allowed */

#endif
