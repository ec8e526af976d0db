#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "tests/unit/store/table_model.h"

enum { SEED = 42 };

static struct table *filled(unsigned keys)
{
    struct table *table = table_open(SEED);
    uint8_t buffer[MODEL_KEY_BYTES];
    for (unsigned i = 0; i < keys; i++)
        table_set(table, model_key(buffer, i), bytes_of_text("value"), i + 1);
    return table;
}

Test(table, is_empty_at_first)
{
    struct table *table = table_open(SEED);
    struct table_entry entry;
    cr_assert_eq(table_count(table), 0);
    cr_assert_not(table_find(table, bytes_of_text("a"), &entry));
    cr_assert_not(table_next(table, 0, BYTES_NONE, &entry));
    cr_assert_not(table_remove(table, bytes_of_text("a")));
    table_holds(table);
    table_close(table);
}

Test(table, keeps_the_last_value_and_its_version)
{
    struct table *table = table_open(SEED);
    struct table_entry entry;
    cr_assert(table_set(table, bytes_of_text("a"), bytes_of_text("first"), 1));
    cr_assert_not(table_set(table, bytes_of_text("a"), bytes_of_text("a much longer second value than before"), 2));
    cr_assert(table_find(table, bytes_of_text("a"), &entry));
    cr_assert(bytes_equal(entry.value, bytes_of_text("a much longer second value than before")));
    cr_assert_eq(entry.version, 2);
    cr_assert_not(table_set(table, bytes_of_text("a"), BYTES_NONE, 3));
    cr_assert(table_find(table, bytes_of_text("a"), &entry));
    cr_assert_eq(entry.value.size, 0);
    table_holds(table);
    table_close(table);
}

Test(table, overwrites_a_value_of_fitting_size_in_place)
{
    struct table *table = table_open(SEED);
    struct table_entry before, after;
    table_set(table, bytes_of_text("a"), bytes_of_text("0123456789"), 1);
    table_find(table, bytes_of_text("a"), &before);
    uint64_t bytes = table_memory_bytes(table);
    const uint8_t *address = before.value.data;
    table_set(table, bytes_of_text("a"), bytes_of_text("twelve bytes"), 2);
    table_find(table, bytes_of_text("a"), &after);
    cr_assert_eq(after.value.data, address);
    cr_assert_eq(table_memory_bytes(table), bytes);
    table_close(table);
}

Test(table, agrees_with_a_naive_map_over_random_operations)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct model model = {.seed = seed};
        struct table *table = table_open(seed);
        model_operate(&model, table, &(struct model_run){seed, seed, 6000, 2000, 30});
        model_operate(&model, table, &(struct model_run){seed, seed + 100, 6000, 2000, 80});
        model_operate(&model, table, &(struct model_run){seed, seed + 200, 3000, 50, 50});
        model_close(&model);
        table_close(table);
    }
}

Test(table, shrinks_when_it_is_emptied_in_canonical_order)
{
    struct table *table = filled(20000);
    uint64_t full = table_memory_bytes(table);
    struct table_entry entry;
    while (table_next(table, 0, BYTES_NONE, &entry)) {
        uint8_t key[MODEL_KEY_BYTES];
        size_t size = entry.key.size;
        memcpy(key, entry.key.data, size);
        cr_assert(table_remove(table, bytes_of(key, size)));
        if (table_count(table) % 1000 == 0)
            table_holds(table);
    }
    cr_assert_eq(table_count(table), 0);
    cr_assert_lt(table_memory_bytes(table), full / 100);
    table_close(table);
}

Test(table, has_one_order_whatever_the_order_of_insertion)
{
    enum { KEYS = 3000 };
    struct table *forward = filled(KEYS), *backward = table_open(SEED);
    uint8_t buffer[MODEL_KEY_BYTES];
    for (unsigned i = KEYS; i-- > 0;)
        table_set(backward, model_key(buffer, i), bytes_of_text("value"), i + 1);
    for (unsigned i = KEYS; i < 4 * KEYS; i++)
        table_set(backward, model_key(buffer, i), bytes_of_text("passing"), i);
    for (unsigned i = KEYS; i < 4 * KEYS; i++)
        table_remove(backward, model_key(buffer, i));
    struct table_entry a = {0}, b = {0};
    for (unsigned i = 0; i < KEYS; i++) {
        cr_assert(table_next(forward, a.hash, a.key, &a));
        cr_assert(table_next(backward, b.hash, b.key, &b));
        cr_assert(bytes_equal(a.key, b.key));
        cr_assert_eq(a.version, b.version);
    }
    cr_assert_eq(table_digest(forward), table_digest(backward));
    table_close(forward);
    table_close(backward);
}

/* A cursor is only ever compared, so entries may come and go and the table may resize around it: what was there all the
 * time is seen exactly once. */
Test(table, cursor_sees_what_stays_exactly_once_while_the_table_changes)
{
    enum { STAYING = 2000 };
    struct table *table = filled(STAYING);
    struct prng prng;
    prng_init(&prng, 7);
    unsigned seen[STAYING] = {0}, passing = STAYING;
    uint8_t buffer[MODEL_KEY_BYTES], after[MODEL_KEY_BYTES];
    struct table_entry entry;
    uint64_t hash = 0;
    size_t after_size = 0;
    while (table_next(table, hash, bytes_of(after, after_size), &entry)) {
        cr_assert(entry.hash > hash || after_size == 0);
        hash = entry.hash;
        after_size = entry.key.size;
        memcpy(after, entry.key.data, after_size);
        if (entry.version <= STAYING)
            seen[entry.version - 1]++;
        for (unsigned i = 0; i < 8; i++, passing++)
            table_set(table, model_key(buffer, passing), bytes_of_text("x"), passing + 1);
        if (prng_chance(&prng, 500000))
            for (unsigned i = 0; i < 12; i++)
                table_remove(table, model_key(buffer, (unsigned)prng_range(&prng, STAYING, passing)));
    }
    for (unsigned i = 0; i < STAYING; i++)
        cr_assert_eq(seen[i], 1, "key %u was seen %u times", i, seen[i]);
    table_close(table);
}

/* ---- epochs */

struct images { struct model model; };

static void keep_image(void *context, const struct table_entry *old)
{
    struct images *images = context;
    cr_assert(model_set(&images->model, old->key, old->value, old->version), "one entry was reported twice");
}

/* The state at the start of the epoch is the pre-images plus what was not touched since. */
Test(table, reports_each_pre_image_exactly_once_in_an_epoch)
{
    for (uint64_t round = 0; round < 6; round++) {
        struct model start = {.seed = SEED};
        struct images images = {{.seed = SEED}};
        struct table *table = table_open(SEED);
        model_operate(&start, table, &(struct model_run){SEED, round, 2000, 900, 30});
        struct model now = {.seed = SEED};
        for (size_t i = 0; i < start.count; i++) {
            const struct model_entry *entry = &start.entries[i];
            model_set(&now, bytes_of(entry->key, entry->key_size), bytes_of(entry->value, entry->value_size), entry->version);
        }
        table_epoch_begin(table, keep_image, &images);
        model_operate(&now, table, &(struct model_run){SEED, round + 50, 3000, 1500, 40});
        table_epoch_end(table, false);
        for (size_t i = 0; i < start.count; i++) {
            const struct model_entry *old = &start.entries[i];
            struct bytes key = bytes_of(old->key, old->key_size);
            const struct model_entry *image = model_find(&images.model, key), *present = model_find(&now, key);
            const struct model_entry *source = image != NULL ? image : present;
            cr_assert_not_null(source, "an entry was removed without a pre-image");
            cr_assert_eq(source->value_size, old->value_size);
            cr_assert_arr_eq(source->value, old->value, old->value_size);
        }
        for (size_t i = 0; i < images.model.count; i++)
            cr_assert_not_null(model_find(&start, bytes_of(images.model.entries[i].key, images.model.entries[i].key_size)),
                               "an entry that is younger than the epoch was reported");
        model_close(&start);
        model_close(&now);
        model_close(&images.model);
        table_close(table);
    }
}

static void count_image(void *context, const struct table_entry *old)
{
    cr_assert_eq(old->version, 1);
    ++*(unsigned *)context;
}

Test(table, reports_again_in_the_next_epoch_also_when_the_number_comes_round)
{
    struct table *table = table_open(SEED);
    unsigned reports = 0;
    table_set(table, bytes_of_text("a"), bytes_of_text("x"), 1);
    for (unsigned i = 0; i < 70000; i++) {
        table_epoch_begin(table, count_image, &reports);
        if (i % 65535 == 0 || i == 69999) {
            table_set(table, bytes_of_text("a"), bytes_of_text("y"), 1);
            table_set(table, bytes_of_text("a"), bytes_of_text("z"), 1);
        }
        table_epoch_end(table, false);
    }
    table_set(table, bytes_of_text("a"), bytes_of_text("z"), 1);
    cr_assert_eq(reports, 3);
    table_close(table);
}

Test(table, frees_the_old_array_while_it_grows)
{
    struct table *table = table_open(SEED);
    uint8_t buffer[MODEL_KEY_BYTES];
    uint64_t worst = 0;
    for (unsigned i = 0; i < 300000; i++) {
        struct bytes key = model_key(buffer, i);
        table_set(table, key, BYTES_NONE, i);
        /* 40 bytes is the class of every record here; what is left are slots. */
        uint64_t slots = i < 100000 ? 0 : (table_memory_bytes(table) - 40 * (i + 1ull)) * 100 / (i + 1);
        worst = slots > worst ? slots : worst;
    }
    cr_assert_leq(worst, 1560, "%lu hundredths of a byte of slots per entry", worst);
    table_holds(table);
    table_close(table);
}
