/* Records in ascending order of a key, in one block of memory: for a partition's few hundred other partitions, which
 * are looked up often and added seldom. Each record begins with its key, a uint32_t that no other record has. The row belongs
 * to the caller (free it with memory_free) and is ordinary memory: row[0] .. row[count - 1] may be read and, but for the key, written. */
#ifndef GRID_BASE_SORTED_ROW_H
#define GRID_BASE_SORTED_ROW_H

#include <stddef.h>
#include <stdint.h>

/* The position of this key among `count` sorted records of `size` bytes: of its record, or where a record with it belongs (0 .. count). */
size_t sorted_row_place(const void *row, size_t count, size_t size, uint32_t key);
/* The record with this key; NULL: no record has it. */
void *sorted_row_find(void *row, size_t count, size_t size, uint32_t key);
/* Makes room for a record at `place`, moving those behind it; NULL with a capacity of 0 is an empty row. Returns the row, which may
 * have moved; the new record's content is undefined: the caller writes it before any other call. */
void *sorted_row_widen(void *row, size_t *count, size_t *capacity, size_t size, size_t place);

#endif
