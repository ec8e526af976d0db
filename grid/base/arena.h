/* Bump allocator for one request or one apply. Reset frees everything at once and keeps the first chunk.
 * The caller owns the arena and passes it down; memory from it lives until arena_reset or arena_close. */
#ifndef GRID_BASE_ARENA_H
#define GRID_BASE_ARENA_H

#include "grid/base/bytes.h"

struct arena { struct arena_chunk *chunks; size_t chunk_bytes; };

void arena_init(struct arena *arena, size_t chunk_bytes);
void arena_close(struct arena *arena);
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size);          /* 16-byte aligned, uninitialised */
void *arena_zero(struct arena *arena, size_t size);
struct bytes arena_copy(struct arena *arena, struct bytes bytes);
char *arena_text(struct arena *arena, struct bytes bytes);    /* copy with a closing zero */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool arena_holds(const struct arena *arena);

#endif
