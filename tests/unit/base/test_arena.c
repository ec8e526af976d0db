#include <criterion/criterion.h>

#include <string.h>

#include "grid/base/arena.h"
#include "grid/base/prng.h"

Test(arena, aligns_every_allocation)
{
    struct arena arena;
    arena_init(&arena, 100);
    for (size_t size = 0; size < 300; size++)
        cr_assert_eq((uintptr_t)arena_alloc(&arena, size) % 16, 0);
    cr_assert(arena_holds(&arena));
    arena_close(&arena);
}

Test(arena, keeps_allocations_apart)
{
    enum { COUNT = 2000 };
    struct arena arena;
    struct prng prng;
    uint8_t *starts[COUNT];
    size_t sizes[COUNT];
    arena_init(&arena, 1024);
    prng_init(&prng, 1);
    for (int i = 0; i < COUNT; i++) {
        sizes[i] = prng_range(&prng, 0, prng_chance(&prng, 50000) ? 5000 : 100);
        starts[i] = arena_alloc(&arena, sizes[i]);
        memset(starts[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < COUNT; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert_eq(starts[i][at], i & 0xff);
    cr_assert(arena_holds(&arena));
    arena_close(&arena);
}

Test(arena, uses_the_rest_of_a_chunk_after_a_large_request)
{
    struct arena arena;
    arena_init(&arena, 256);
    uint8_t *before = arena_alloc(&arena, 16);
    arena_alloc(&arena, 10000);
    uint8_t *after = arena_alloc(&arena, 16);
    cr_assert_eq(after, before + 16);
    arena_close(&arena);
}

Test(arena, reuses_its_first_chunk_after_a_reset)
{
    struct arena arena;
    arena_init(&arena, 256);
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 20; i++)
        arena_alloc(&arena, 200);
    arena_reset(&arena);
    cr_assert(arena_holds(&arena));
    void *again = arena_alloc(&arena, 100);
    cr_assert_eq(again, first);
    arena_close(&arena);
}

Test(arena, gives_back_a_large_first_chunk_on_reset)
{
    struct arena arena;
    arena_init(&arena, 256);
    arena_alloc(&arena, 1 << 20);
    arena_reset(&arena);
    cr_assert_null(arena.chunks);
    arena_close(&arena);
}

Test(arena, zeroes_on_demand)
{
    struct arena arena;
    arena_init(&arena, 256);
    memset(arena_alloc(&arena, 64), 0xff, 64);
    arena_reset(&arena);
    uint8_t *zero = arena_zero(&arena, 64);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(zero[i], 0);
    arena_close(&arena);
}

Test(arena, copies_bytes_and_text)
{
    struct arena arena;
    arena_init(&arena, 64);
    char text[] = "partition";
    struct bytes copied = arena_copy(&arena, bytes_of_text(text));
    char *closed = arena_text(&arena, bytes_of(text, 4));
    text[0] = 'X';
    cr_assert(bytes_equal(copied, bytes_of_text("partition")));
    cr_assert_str_eq(closed, "part");
    cr_assert_str_eq(arena_text(&arena, BYTES_NONE), "");
    cr_assert_eq(arena_copy(&arena, BYTES_NONE).size, 0);
    arena_close(&arena);
}

Test(arena, formats_text_of_any_length)
{
    struct arena arena;
    arena_init(&arena, 64);
    cr_assert_str_eq(arena_format(&arena, "%s-%d", "node", 7), "node-7");
    cr_assert_eq(strlen(arena_format(&arena, "%0500d", 1)), 500);
    arena_close(&arena);
}

Test(arena, can_be_reset_and_closed_while_empty)
{
    struct arena arena;
    arena_init(&arena, 64);
    arena_reset(&arena);
    cr_assert_null(arena.chunks);
    arena_close(&arena);
    cr_assert(arena_holds(&arena));
}
