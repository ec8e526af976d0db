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

/* Keys are distinct, so none stands behind the place that is its own number; where nearly all numbers from 0 on are there,
 * as among the partitions that one has sent to, it stands on it or just before. Looking there first touches one line of
 * memory instead of one a step. */
size_t sorted_row_place(const void *row, size_t count, size_t size, uint32_t key)
{
    REQUIRE(size >= sizeof key);
    size_t low = 0, high = key < count ? key : count;
    if (high < count && key_at(row, size, high) == key)
        return high;
    for (size_t step = 1; step <= high; step *= 2) {
        if (key_at(row, size, high - step) < key) {
            low = high - step + 1;
            break;
        }
        high -= step;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_at(row, size, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    ENSURE(low == count || key_at(row, size, low) >= key);
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
