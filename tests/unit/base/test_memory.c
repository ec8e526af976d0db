#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "grid/base/memory.h"

Test(memory, gives_unique_memory_for_nothing)
{
    void *first = memory_alloc(0), *second = memory_alloc(0), *third = memory_zero(0, 8);
    cr_assert_not_null(first);
    cr_assert_not_null(third);
    cr_assert_neq(first, second);
    memory_free(first);
    memory_free(second);
    memory_free(third);
    memory_free(NULL);
}

Test(memory, zeroes_arrays)
{
    unsigned char *zero = memory_zero(100, 10);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(zero[i], 0);
    memory_free(zero);
}

/* What was given back before comes again, and is not zero by itself. */
Test(memory, zeroes_what_was_used_before)
{
    for (size_t size = 16; size <= 4096; size *= 2) {
        unsigned char *used = memory_alloc(size);
        memset(used, 0xff, size);
        memory_free(used);
        unsigned char *zero = memory_zero(size / 8, 8);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(zero[i], 0);
        memory_free(zero);
    }
}

Test(memory, resizes_from_nothing_and_keeps_content)
{
    char *text = memory_resize(NULL, 8);
    memcpy(text, "grid", 5);
    text = memory_resize(text, 1 << 20);
    cr_assert_str_eq(text, "grid");
    text = memory_resize(text, 0);
    cr_assert_not_null(text);
    memory_free(text);
}

Test(memory, copies)
{
    char text[] = "grid";
    char *copied = memory_copy(text, sizeof text);
    text[0] = 'X';
    cr_assert_str_eq(copied, "grid");
    memory_free(copied);
    memory_free(memory_copy(NULL, 0));
}

/* Half of the address space can never be had; the sanitizers would stop the program in their own way first. */
#if !defined(__SANITIZE_ADDRESS__)
Test(memory, aborts_when_it_ends, .signal = SIGABRT)
{
    volatile size_t size = (size_t)-1 / 4;
    memory_free(memory_alloc(size));
}

Test(memory, aborts_when_an_array_overflows, .signal = SIGABRT)
{
    volatile size_t count = (size_t)-1 / 4;
    memory_free(memory_zero(count, 16));
}
#endif
