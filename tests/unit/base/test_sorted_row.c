/* Rows of records in the order of their keys, against a plain set of them. */
#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "grid/base/sorted_row.h"

struct neighbour {
    uint32_t key;
    uint64_t last;
};

Test(sorted_row, finds_nothing_in_an_empty_row)
{
    cr_assert_eq(sorted_row_place(NULL, 0, sizeof(struct neighbour), 7), 0);
    cr_assert_null(sorted_row_find(NULL, 0, sizeof(struct neighbour), 7));
}

Test(sorted_row, keeps_order_and_content_whatever_comes_first)
{
    enum { KEYS = 500, TRIES = 400 };
    struct prng prng;
    prng_init(&prng, 11);
    bool there[KEYS] = {false};
    struct neighbour *row = NULL;
    size_t count = 0, capacity = 0, distinct = 0;
    for (int i = 0; i < TRIES; i++) {
        uint32_t key = (uint32_t)prng_range(&prng, 0, KEYS - 1);
        struct neighbour *known = sorted_row_find(row, count, sizeof *row, key);
        cr_assert_eq(known != NULL, there[key]);
        if (known != NULL)
            continue;
        size_t place = sorted_row_place(row, count, sizeof *row, key);
        row = sorted_row_widen(row, &count, &capacity, sizeof *row, place);
        row[place] = (struct neighbour){.key = key, .last = 1000 + key};
        there[key] = true;
        distinct++;
    }
    cr_assert_eq(count, distinct);
    for (size_t i = 0; i < count; i++) {
        cr_assert(i == 0 || row[i - 1].key < row[i].key, "record %zu", i);
        cr_assert_eq(row[i].last, 1000 + row[i].key);
    }
    memory_free(row);
}

Test(sorted_row, names_the_place_of_what_is_missing)
{
    struct neighbour row[] = {{.key = 10}, {.key = 20}, {.key = 30}};
    cr_assert_eq(sorted_row_place(row, 3, sizeof *row, 5), 0);
    cr_assert_eq(sorted_row_place(row, 3, sizeof *row, 20), 1);
    cr_assert_eq(sorted_row_place(row, 3, sizeof *row, 21), 2);
    cr_assert_eq(sorted_row_place(row, 3, sizeof *row, UINT32_MAX), 3);
    cr_assert_eq(sorted_row_find(row, 3, sizeof *row, 30), &row[2]);
    cr_assert_null(sorted_row_find(row, 3, sizeof *row, 31));
}

/* Every place in rows of the numbers from 0 to 63 of which some are missing, from none to nearly all. */
Test(sorted_row, finds_every_place_however_dense_the_row_is)
{
    enum { KEYS = 64 };
    struct prng prng;
    prng_init(&prng, 3);
    for (uint32_t missing = 0; missing <= 1000000; missing += 50000) {
        struct neighbour row[KEYS];
        size_t count = 0;
        for (uint32_t key = 0; key < KEYS; key++)
            if (!prng_chance(&prng, missing))
                row[count++] = (struct neighbour){.key = key};
        for (uint32_t key = 0; key < KEYS + 5; key++) {
            size_t place = 0;
            while (place < count && row[place].key < key)
                place++;
            cr_assert_eq(sorted_row_place(row, count, sizeof *row, key), place, "%u among %zu", key, count);
        }
    }
}
