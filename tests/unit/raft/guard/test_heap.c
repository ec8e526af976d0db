#include <criterion/criterion.h>
#include <raft.h>
#include <stdint.h>
#include <string.h>

#include "grid/base/prng.h"
#include "raft/guard/heap.h"

static void fill(uint8_t *memory, size_t size, uint8_t with)
{
    if (size != 0)
        memset(memory, with, size);
}

static bool is_filled(const uint8_t *memory, size_t size, uint8_t with)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i] != with)
            return false;
    return true;
}

Test(heap, pieces_are_aligned_and_do_not_overlap)
{
    enum { COUNT = 3000 };
    static uint8_t *pieces[COUNT];
    struct heap *heap = heap_open();
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = raft_malloc(i);
        cr_assert_eq((uintptr_t)pieces[i] % 16, 0);
        fill(pieces[i], i, (uint8_t)(i * 7));
    }
    cr_assert(heap_holds(heap));
    cr_assert_eq(heap_pieces(heap), HEAP_PIECE_MAX + 1, "larger ones are the C library's");
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert(is_filled(pieces[i], i, (uint8_t)(i * 7)));
        raft_free(pieces[i]);
    }
    cr_assert_eq(heap_pieces(heap), 0);
    heap_close(heap);
}

Test(heap, what_was_freed_comes_again)
{
    struct heap *heap = heap_open();
    void *first = raft_malloc(100), *other = raft_malloc(200);
    raft_free(first);
    void *third = raft_malloc(200);
    cr_assert_neq(third, first, "of another size");
    cr_assert_eq(raft_malloc(90), first);
    raft_free(NULL);
    cr_assert_eq(heap_pieces(heap), 3);
    raft_free(first);
    raft_free(other);
    raft_free(third);
    heap_close(heap);
}

Test(heap, zeroes_also_what_was_used)
{
    struct heap *heap = heap_open();
    for (size_t size = 8; size <= 4096; size *= 2) {
        uint8_t *used = raft_malloc(size);
        fill(used, size, 0xff);
        raft_free(used);
        uint8_t *zero = raft_calloc(size / 8, 8);
        cr_assert(is_filled(zero, size, 0));
        raft_free(zero);
    }
    heap_close(heap);
}

/* Grows and shrinks across all classes and the border to large ones; what fits both sizes stays. */
Test(heap, resizing_keeps_the_content)
{
    struct heap *heap = heap_open();
    struct prng prng;
    prng_init(&prng, 1);
    size_t size = 0;
    uint8_t *memory = raft_realloc(NULL, 0);
    for (int i = 0; i < 2000; i++) {
        size_t next = (size_t)prng_range(&prng, 0, 2 * HEAP_PIECE_MAX);
        fill(memory, size, (uint8_t)i);
        memory = raft_realloc(memory, next);
        cr_assert_eq((uintptr_t)memory % 16, 0);
        cr_assert(is_filled(memory, size < next ? size : next, (uint8_t)i));
        size = next;
    }
    cr_assert(heap_holds(heap));
    raft_free(memory);
    heap_close(heap);
}
