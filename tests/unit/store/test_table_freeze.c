#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "tests/unit/store/table_model.h"

enum { SEED = 11 };

Test(table_freeze, gives_what_the_table_was_whatever_is_done_to_it)
{
    for (uint64_t round = 0; round < 12; round++) {
        struct model model = {.seed = SEED};
        struct table *table = table_open(SEED);
        /* Growing and shrinking, so that the table is resized in the middle. */
        model_operate(&model, table, &(struct model_run){SEED, round, 1500, 1200, 20});
        model_freeze(&model, table, &(struct model_run){SEED, round + 100, 60, 4000, 10});
        model_freeze(&model, table, &(struct model_run){SEED, round + 200, 60, 4000, 80});
        model_freeze(&model, table, &(struct model_run){SEED, round + 300, 1, 4000, 50});
        model_close(&model);
        table_close(table);
    }
}

/* A client that scans a map and writes what it saw changes entries in canonical order: copies must not pile up at one end. */
Test(table_freeze, takes_copies_in_canonical_order_in_time_by_their_number)
{
    enum { ENTRIES = 200000 };
    struct table *table = table_open(SEED);
    struct table_freeze freeze = {0};
    struct frozen_entry frozen;
    struct table_entry entry = {.key = BYTES_NONE};
    uint8_t key[MODEL_KEY_BYTES], after[MODEL_KEY_BYTES];
    unsigned given = 0, visits = 1000;
    for (unsigned i = 0; i < ENTRIES; i++)
        table_set(table, model_key(key, i), bytes_of_text("x"), 1);
    table_freeze_begin(&freeze, table, NULL, NULL);
    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        cr_assert(table_next(table, entry.hash, entry.key, &entry));
        memcpy(after, entry.key.data, entry.key.size);
        entry.key.data = after;
        table_set(table, entry.key, bytes_of_text("longer than it was, so that it moves"), 2);
    }
    table_holds(freeze.early);
    for (enum table_step step = TABLE_LATER; step != TABLE_END; visits = 1000) {
        step = table_freeze_next(&freeze, &visits, &frozen);
        given += step == TABLE_ENTRY;
        cr_assert(step != TABLE_ENTRY || frozen.entry.version == 1);
    }
    cr_assert_eq(given, (unsigned)ENTRIES);
    table_close(table_freeze_end(&freeze));
    table_close(table);
}

static unsigned walk(struct table *table, bool write)
{
    struct table_freeze freeze = {0};
    struct frozen_entry frozen;
    unsigned given = 0, visits = 100;
    table_freeze_begin(&freeze, table, NULL, NULL);
    if (write)
        table_set(table, bytes_of_text("b"), bytes_of_text("y"), 2);
    while (table_freeze_next(&freeze, &visits, &frozen) == TABLE_ENTRY)
        given++;
    table_close(table_freeze_end(&freeze));
    return given;
}

/* The number of an epoch has 16 bits. An entry that was written in one epoch, with the same number 65,536 epochs ago, is old. */
Test(table_freeze, gives_old_entries_when_the_number_of_the_epoch_comes_round)
{
    for (unsigned abandoned = 65530; abandoned < 65542; abandoned++) {
        struct table *table = table_open(SEED);
        struct table_freeze freeze = {0};
        table_set(table, bytes_of_text("b"), bytes_of_text("x"), 1);
        cr_assert_eq(walk(table, true), 1);
        table_set(table, bytes_of_text("a"), bytes_of_text("x"), 1);
        for (unsigned i = 0; i < abandoned; i++) {
            table_freeze_begin(&freeze, table, NULL, NULL);
            table_freeze_end(&freeze);
        }
        cr_assert_eq(walk(table, false), 2, "after %u epochs", abandoned);
        table_close(table);
    }
}

Test(table_freeze, gives_old_entries_after_as_many_complete_epochs)
{
    struct table *table = table_open(SEED);
    table_set(table, bytes_of_text("a"), bytes_of_text("x"), 1);
    table_set(table, bytes_of_text("b"), bytes_of_text("x"), 1);
    for (unsigned i = 0; i < 70000; i++)
        cr_assert_eq(walk(table, i % 9 == 0), 2);
    table_close(table);
}

/* ---- filling */

Test(table_fill, makes_the_same_order_and_refuses_every_other)
{
    enum { ENTRIES = 3000 };
    struct model model = {.seed = SEED};
    struct table *table = table_open(SEED), *copy = table_open(SEED);
    struct table_fill fill = {0};
    struct table_entry entry = {.key = BYTES_NONE};
    model_operate(&model, table, &(struct model_run){SEED, 5, ENTRIES, ENTRIES, 5});
    table_fill_begin(&fill, copy, table_count(table));
    while (table_next(table, entry.hash, entry.key, &entry)) {
        cr_assert(table_fill_add(&fill, entry.key, entry.value, entry.version));
        cr_assert_not(table_fill_add(&fill, entry.key, entry.value, entry.version), "the same key twice");
    }
    const struct model_entry *first = &model.entries[0];
    cr_assert_not(table_fill_add(&fill, bytes_of(first->key, first->key_size), BYTES_NONE, 1), "a key that stands before");
    table_fill_end(&fill);
    table_holds(copy);
    model_compare(&model, copy);
    /* From now on it is a table like any other. */
    model_operate(&model, copy, &(struct model_run){SEED, 6, ENTRIES, ENTRIES, 90});
    model_close(&model);
    table_close(table);
    table_close(copy);
}
