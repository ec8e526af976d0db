#include "grid/base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"

/* Up to here the heap has pieces at hand for each size, which its own way to zeroed memory goes past. */
enum { POOLED_BYTES = 1024 };

__attribute__((noreturn, cold)) static void memory_ended(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes asked for\n", size);
    abort();
}

void *memory_alloc(size_t size)
{
    /* malloc(0) may answer NULL, which would look like the end of memory. */
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL)
        memory_ended(size);
    return memory;
}

void *memory_zero(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    bool small = count <= POOLED_BYTES / size;
    void *memory = small ? malloc(count * size) : calloc(count, size);
    if (memory != NULL)
        return small ? memset(memory, 0, count * size) : memory;
    memory_ended(count > (size_t)-1 / size ? (size_t)-1 : count * size);
}

void *memory_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size == 0 ? 1 : size);
    if (resized == NULL)
        memory_ended(size);
    return resized;
}

void *memory_copy(const void *data, size_t size)
{
    REQUIRE(data != NULL || size == 0);
    void *memory = memory_alloc(size);
    if (size != 0)
        memcpy(memory, data, size);
    return memory;
}

void memory_free(void *memory)
{
    free(memory);
}
