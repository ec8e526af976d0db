#include "raft/guard/heap.h"

#include <raft.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum {
    GRANULE = 16,                      /* what the C library aligns to as well */
    HEADER_BYTES = sizeof(size_t),     /* in front of a piece: its class, LARGE for one of the C library's */
    CLASSES = (HEAP_PIECE_MAX + HEADER_BYTES) / GRANULE + 1,
    LARGE = 0,
    CHUNK_BYTES = 256 * 1024,
};

_Static_assert(HEADER_BYTES < GRANULE && (HEAP_PIECE_MAX + HEADER_BYTES) % GRANULE == 0, "pieces fill their class");

struct piece { struct piece *next; };          /* while it is free */
struct chunk { struct chunk *next; alignas(GRANULE) uint8_t data[CHUNK_BYTES]; };

struct heap {
    struct raft_heap library;
    struct piece *free[CLASSES];
    struct chunk *chunks;
    size_t carved;                     /* of the first chunk */
    size_t in_use;
};

static size_t *class_of(void *piece)
{
    return (size_t *)piece - 1;
}

/* Pieces stand one header behind a multiple of the granule short of one, so that they are aligned themselves. */
static void *carve(struct heap *heap, size_t class_)
{
    size_t size = class_ * GRANULE;
    if (heap->chunks == NULL || CHUNK_BYTES - heap->carved < size) {
        struct chunk *chunk = memory_alloc(sizeof *chunk);
        chunk->next = heap->chunks;
        heap->chunks = chunk;
        heap->carved = GRANULE - HEADER_BYTES;
    }
    uint8_t *at = heap->chunks->data + heap->carved;
    heap->carved += size;
    void *piece = at + HEADER_BYTES;
    *class_of(piece) = class_;
    ENSURE((uintptr_t)piece % GRANULE == 0);
    return piece;
}

static void *large(size_t size)
{
    REQUIRE(size < SIZE_MAX / 2);
    void *piece = (uint8_t *)memory_alloc(size + GRANULE) + GRANULE;
    *class_of(piece) = LARGE;
    return piece;
}

static void *heap_malloc(void *data, size_t size)
{
    struct heap *heap = data;
    if (size > HEAP_PIECE_MAX)
        return large(size);
    size_t class_ = (size + HEADER_BYTES + GRANULE - 1) / GRANULE;
    struct piece *piece = heap->free[class_];
    heap->in_use++;
    if (piece == NULL)
        return carve(heap, class_);
    heap->free[class_] = piece->next;
    __builtin_prefetch(piece->next, 1); /* the next call reads it, and pieces return in no order that a cache keeps */
    return piece;
}

static void heap_free(void *data, void *memory)
{
    struct heap *heap = data;
    if (memory == NULL)
        return;
    size_t class_ = *class_of(memory);
    REQUIRE(class_ < CLASSES);
    if (class_ == LARGE) {
        memory_free((uint8_t *)memory - GRANULE);
        return;
    }
    REQUIRE(heap->in_use > 0);
    heap->in_use--;
    struct piece *piece = memory;
    piece->next = heap->free[class_];
    heap->free[class_] = piece;
}

static void *heap_calloc(void *data, size_t count, size_t size)
{
    REQUIRE(size == 0 || count <= SIZE_MAX / 2 / size);
    void *memory = heap_malloc(data, count * size);
    return memset(memory, 0, count * size);
}

static void *heap_realloc(void *data, void *memory, size_t size)
{
    if (memory == NULL)
        return heap_malloc(data, size);
    size_t class_ = *class_of(memory);
    REQUIRE(class_ < CLASSES);
    if (class_ == LARGE && size > HEAP_PIECE_MAX) {
        REQUIRE(size < SIZE_MAX / 2);
        return (uint8_t *)memory_resize((uint8_t *)memory - GRANULE, size + GRANULE) + GRANULE;
    }
    size_t room = class_ == LARGE ? size : class_ * GRANULE - HEADER_BYTES;
    if (class_ != LARGE && size <= room)
        return memory;
    void *moved = heap_malloc(data, size);
    memcpy(moved, memory, size < room ? size : room);
    heap_free(data, memory);
    return moved;
}

static void *no_aligned_alloc(void *data, size_t alignment, size_t size)
{
    (void)data;
    (void)alignment;
    (void)size;
    UNREACHABLE("only the library's own disk asks for aligned memory");
}

static void no_aligned_free(void *data, size_t alignment, void *memory)
{
    (void)data;
    (void)alignment;
    (void)memory;
    UNREACHABLE("only the library's own disk has aligned memory");
}

struct heap *heap_open(void)
{
    struct heap *heap = memory_zero(1, sizeof *heap);
    heap->library = (struct raft_heap){.data = heap, .malloc = heap_malloc, .free = heap_free, .calloc = heap_calloc,
                                       .realloc = heap_realloc, .aligned_alloc = no_aligned_alloc,
                                       .aligned_free = no_aligned_free};
    raft_heap_set(&heap->library);
    ENSURE(heap_holds(heap));
    return heap;
}

void heap_close(struct heap *heap)
{
    if (heap == NULL)
        return;
    REQUIRE(heap->in_use == 0);
    raft_heap_set_default();
    for (struct chunk *chunk = heap->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        memory_free(chunk);
    }
    memory_free(heap);
}

bool heap_holds(const struct heap *heap)
{
    if (heap->free[LARGE] != NULL || (heap->chunks != NULL && heap->carved > CHUNK_BYTES))
        return false;
    for (size_t i = 1; i < CLASSES; i++)
        if (heap->free[i] != NULL && *class_of(heap->free[i]) != i)
            return false;
    return true;
}

size_t heap_pieces(const struct heap *heap)
{
    return heap->in_use;
}
