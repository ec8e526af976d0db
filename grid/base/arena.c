#include "grid/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "grid/base/memory.h"

enum { ALIGNMENT = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;                 /* of data */
    alignas(ALIGNMENT) uint8_t data[];
};

static struct arena_chunk *chunk_open(size_t size)
{
    struct arena_chunk *chunk = memory_alloc(sizeof *chunk + size);
    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

bool arena_holds(const struct arena *arena)
{
    for (const struct arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = chunk->next)
        if (chunk->used > chunk->size || chunk->used % ALIGNMENT != 0 || chunk->size < arena->chunk_bytes)
            return false;
    return arena->chunk_bytes != 0 && arena->chunk_bytes % ALIGNMENT == 0;
}

void arena_init(struct arena *arena, size_t chunk_bytes)
{
    REQUIRE(chunk_bytes != 0 && chunk_bytes < SIZE_MAX / 2);
    arena->chunks = NULL;
    arena->chunk_bytes = (chunk_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void arena_close(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        memory_free(chunk);
    }
    arena->chunks = NULL;
}

void arena_reset(struct arena *arena)
{
    HOLDS(arena_holds(arena));
    struct arena_chunk *kept = NULL;
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        /* The first chunk is the last of the list. One large request must not pin its memory for ever: only a chunk of
         * the common size is kept. */
        if (chunk->size == arena->chunk_bytes) {
            memory_free(kept);
            kept = chunk;
        } else {
            memory_free(chunk);
        }
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->chunks = kept;
}

/* A chunk with room for `size` bytes. An oversize one goes behind the present one, whose rest stays in use. */
static struct arena_chunk *chunk_add(struct arena *arena, size_t size)
{
    struct arena_chunk *present = arena->chunks;
    if (size > arena->chunk_bytes && present != NULL) {
        struct arena_chunk *large = chunk_open(size);
        large->next = present->next;
        present->next = large;
        return large;
    }
    struct arena_chunk *chunk = chunk_open(size > arena->chunk_bytes ? size : arena->chunk_bytes);
    chunk->next = present;
    arena->chunks = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    REQUIRE(arena->chunk_bytes != 0);
    REQUIRE(size < SIZE_MAX / 2);
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || rounded > chunk->size - chunk->used)
        chunk = chunk_add(arena, rounded);
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    return memory;
}

void *arena_zero(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes)
{
    if (bytes.size == 0)
        return BYTES_NONE;
    return bytes_of(memcpy(arena_alloc(arena, bytes.size), bytes.data, bytes.size), bytes.size);
}

char *arena_text(struct arena *arena, struct bytes bytes)
{
    REQUIRE(bytes.size < SIZE_MAX / 2);
    char *text = arena_alloc(arena, bytes.size + 1);
    if (bytes.size != 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    REQUIRE(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    int written = vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    ENSURE(written == length);
    return text;
}
