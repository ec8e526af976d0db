#include "grid/base/sorted_row.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { FIRST_CAPACITY = 8 };

static uint32_t key_at(const void *row, size_t size, size_t place)
{
    uint32_t key;
    memcpy(&key, (const char *)row + place * size, sizeof key);
    return key;
}

size_t sorted_row_place(const void *row, size_t count, size_t size, uint32_t key)
{
    REQUIRE(size >= sizeof key);
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_at(row, size, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *sorted_row_find(void *row, size_t count, size_t size, uint32_t key)
{
    size_t place = sorted_row_place(row, count, size, key);
    if (place == count || key_at(row, size, place) != key)
        return NULL;
    return (char *)row + place * size;
}

void *sorted_row_widen(void *row, size_t *count, size_t *capacity, size_t size, size_t place)
{
    REQUIRE(place <= *count && *count <= *capacity);
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
        row = memory_resize(row, *capacity * size);
    }
    char *gap = (char *)row + place * size;
    memmove(gap + size, gap, (*count - place) * size);
    (*count)++;
    return row;
}
