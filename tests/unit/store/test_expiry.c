#include "grid/store/expiry.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/prng.h"
#include "grid/store/table.h"

enum { KEYS = 300 };

static struct bytes key_of(char text[16], unsigned number)
{
    snprintf(text, 16, "key-%u", number);
    return bytes_of_text(text);
}

Test(expiry, gives_what_ends_first_and_among_equals_the_smallest_key)
{
    struct expiry *expiry = expiry_open(7);
    struct bytes key;
    uint64_t due_ms;
    cr_assert_not(expiry_first(expiry, &key, &due_ms));
    expiry_set(expiry, bytes_of_text("late"), 30);
    expiry_set(expiry, bytes_of_text("b"), 10);
    expiry_set(expiry, bytes_of_text("a"), 10);
    expiry_set(expiry, bytes_of_text("middle"), 20);
    static const char *const order[] = {"a", "b", "middle", "late"};
    for (size_t i = 0; i < 4; i++) {
        expiry_holds(expiry);
        cr_assert(expiry_first(expiry, &key, &due_ms));
        cr_assert(bytes_equal(key, bytes_of_text(order[i])), "place %zu", i);
        cr_assert(expiry_remove(expiry, key));
    }
    cr_assert_eq(expiry_count(expiry), 0);
    cr_assert_not(expiry_remove(expiry, bytes_of_text("a")));
    expiry_close(expiry);
}

Test(expiry, moves_a_key_in_both_directions)
{
    struct expiry *expiry = expiry_open(7);
    struct bytes key;
    uint64_t due_ms;
    expiry_set(expiry, bytes_of_text("a"), 10);
    expiry_set(expiry, bytes_of_text("b"), 20);
    expiry_set(expiry, bytes_of_text("a"), 30);
    cr_assert(expiry_first(expiry, &key, &due_ms) && due_ms == 20);
    expiry_set(expiry, bytes_of_text("a"), 5);
    cr_assert(expiry_first(expiry, &key, &due_ms) && due_ms == 5);
    cr_assert_eq(expiry_count(expiry), 2);
    cr_assert(expiry_find(expiry, bytes_of_text("b"), &due_ms) && due_ms == 20);
    cr_assert_not(expiry_find(expiry, bytes_of_text("c"), &due_ms));
    expiry_close(expiry);
}

/* Against an array: every answer after every one of many random changes. */
Test(expiry, is_what_a_plain_array_would_be)
{
    struct expiry *expiry = expiry_open(3);
    uint64_t model[KEYS] = {0};        /* 0: absent */
    struct prng prng;
    prng_init(&prng, 5);
    for (unsigned round = 0; round < 20000; round++) {
        char text[16];
        unsigned number = (unsigned)prng_range(&prng, 0, KEYS - 1);
        struct bytes key = key_of(text, number);
        if (prng_chance(&prng, 600000)) {
            model[number] = prng_range(&prng, 1, 50);
            expiry_set(expiry, key, model[number]);
        } else {
            cr_assert_eq(expiry_remove(expiry, key), model[number] != 0);
            model[number] = 0;
        }
        uint64_t now_ms = prng_range(&prng, 0, 60), due = 0, count = 0, first = UINT64_MAX, due_ms;
        for (unsigned i = 0; i < KEYS; i++) {
            count += model[i] != 0;
            due += model[i] != 0 && model[i] <= now_ms;
            if (model[i] != 0 && model[i] < first)
                first = model[i];
        }
        cr_assert_eq(expiry_count(expiry), count);
        cr_assert_eq(expiry_count_due(expiry, now_ms), due, "round %u", round);
        struct bytes first_key;
        cr_assert_eq(expiry_first(expiry, &first_key, &due_ms), count > 0);
        cr_assert(count == 0 || due_ms == first);
        if (round % 500 == 0)
            expiry_holds(expiry);
    }
    expiry_close(expiry);
}

Test(expiry, digest_follows_from_content_not_from_history)
{
    struct expiry *one = expiry_open(1), *other = expiry_open(1);
    char text[16];
    for (unsigned i = 0; i < 100; i++)
        expiry_set(one, key_of(text, i), i % 7);
    for (unsigned i = 100; i-- > 0;) {
        expiry_set(other, key_of(text, i), 99);
        expiry_set(other, key_of(text, i), i % 7);
    }
    cr_assert_eq(expiry_digest(one), expiry_digest(other));
    expiry_set(other, key_of(text, 3), 4);
    cr_assert_neq(expiry_digest(one), expiry_digest(other));
    expiry_close(one);
    expiry_close(other);
}

Test(expiry, is_discarded_in_parts)
{
    struct expiry *expiry = expiry_open(1);
    char text[16];
    for (unsigned i = 0; i < 100; i++)
        expiry_set(expiry, key_of(text, i), i);
    unsigned parts = 0;
    while (!expiry_discard(expiry, 30))
        parts++;
    cr_assert(parts >= 3 && parts <= 8, "%u", parts);
    cr_assert_eq(expiry_count(expiry), 0);
    expiry_close(expiry);
}

Test(expiry, a_table_is_discarded_in_parts_also_while_it_is_resized)
{
    for (unsigned entries = 0; entries < 200; entries += 13) {
        struct table *table = table_open(5);
        char text[16];
        for (unsigned i = 0; i < entries; i++)
            table_set(table, key_of(text, i), bytes_of_text("value"), i + 1);
        unsigned parts = 1;
        while (!table_discard(table, 10))
            cr_assert_leq(++parts, entries / 10 + 2);
        cr_assert_eq(table_count(table), 0);
        cr_assert_eq(table_record_bytes(table), 0);
        table_close(table);
    }
}

Test(expiry, bytes_of_records_follow_from_content_not_from_history)
{
    struct table *one = table_open(5), *other = table_open(5);
    table_set(one, bytes_of_text("k"), bytes_of_text("short"), 1);
    table_set(other, bytes_of_text("k"), bytes_of_text("a value that is much longer than the other one"), 1);
    cr_assert_lt(table_record_bytes(one), table_record_bytes(other));
    table_set(other, bytes_of_text("k"), bytes_of_text("short"), 2);
    cr_assert_eq(table_record_bytes(one), table_record_bytes(other));
    cr_assert_eq(table_record_bytes(one), table_record_size(1, 5));
    table_close(one);
    table_close(other);
}
