#include "tests/unit/store/table_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"

static size_t lower_bound(const struct model *model, uint64_t hash, struct bytes key)
{
    size_t at = 0;
    for (size_t step = model->count; step > 0;) {
        size_t half = step / 2;
        const struct model_entry *entry = &model->entries[at + half];
        bool before = entry->hash != hash ? entry->hash < hash
                                          : bytes_compare(bytes_of(entry->key, entry->key_size), key) < 0;
        at += before ? half + 1 : 0;
        step = before ? step - half - 1 : half;
    }
    return at;
}

static bool is_at(const struct model *model, size_t at, struct bytes key)
{
    return at < model->count && bytes_equal(bytes_of(model->entries[at].key, model->entries[at].key_size), key);
}

void model_close(struct model *model)
{
    memory_free(model->entries);
}

bool model_set(struct model *model, struct bytes key, struct bytes value, uint64_t version)
{
    uint64_t hash = hash_xxh3(key, model->seed);
    size_t at = lower_bound(model, hash, key);
    bool is_new = !is_at(model, at, key);
    if (is_new) {
        if (model->count == model->capacity) {
            model->capacity = model->capacity * 2 + 16;
            model->entries = memory_resize(model->entries, model->capacity * sizeof *model->entries);
        }
        memmove(&model->entries[at + 1], &model->entries[at], (model->count - at) * sizeof *model->entries);
        model->count++;
    }
    struct model_entry *entry = &model->entries[at];
    *entry = (struct model_entry){.hash = hash, .version = version, .key_size = key.size, .value_size = value.size};
    memcpy(entry->key, key.data, key.size);
    if (value.size != 0)
        memcpy(entry->value, value.data, value.size);
    return is_new;
}

bool model_remove(struct model *model, struct bytes key)
{
    size_t at = lower_bound(model, hash_xxh3(key, model->seed), key);
    if (!is_at(model, at, key))
        return false;
    model->count--;
    memmove(&model->entries[at], &model->entries[at + 1], (model->count - at) * sizeof *model->entries);
    return true;
}

const struct model_entry *model_find(const struct model *model, struct bytes key)
{
    size_t at = lower_bound(model, hash_xxh3(key, model->seed), key);
    return is_at(model, at, key) ? &model->entries[at] : NULL;
}

struct bytes model_key(uint8_t buffer[MODEL_KEY_BYTES], unsigned number)
{
    int size = snprintf((char *)buffer, MODEL_KEY_BYTES, "key-%u", number);
    return bytes_of(buffer, (size_t)size);
}

static void same(const struct model_entry *expected, const struct table_entry *entry)
{
    cr_assert(bytes_equal(entry->key, bytes_of(expected->key, expected->key_size)));
    cr_assert(bytes_equal(entry->value, bytes_of(expected->value, expected->value_size)));
    cr_assert_eq(entry->version, expected->version);
    cr_assert_eq(entry->hash, expected->hash);
}

void model_compare(const struct model *model, const struct table *table)
{
    struct table_entry entry = {0};
    cr_assert_eq(table_count(table), model->count);
    for (size_t i = 0; i < model->count; i++) {
        cr_assert(table_next(table, entry.hash, entry.key, &entry));
        same(&model->entries[i], &entry);
    }
    cr_assert_not(table_next(table, entry.hash, entry.key, &entry));
    table_holds(table);
}

static void operate_once(struct model *model, struct table *table, const struct model_run *run, struct prng *prng,
                         uint64_t version)
{
    uint8_t key_buffer[MODEL_KEY_BYTES], value_buffer[MODEL_VALUE_BYTES];
    struct bytes key = model_key(key_buffer, (unsigned)prng_range(prng, 0, run->keys - 1));
    if (prng_range(prng, 0, 99) < run->remove_percent) {
        cr_assert_eq(table_remove(table, key), model_remove(model, key));
    } else {
        size_t size = prng_range(prng, 0, MODEL_VALUE_BYTES);
        memset(value_buffer, (int)(version & 0xff), size);
        struct bytes value = bytes_of(value_buffer, size);
        cr_assert_eq(table_set(table, key, value, version), model_set(model, key, value, version));
    }
    key = model_key(key_buffer, (unsigned)prng_range(prng, 0, run->keys - 1));
    struct table_entry found;
    const struct model_entry *expected = model_find(model, key);
    cr_assert_eq(table_find(table, key, &found), expected != NULL);
    if (expected != NULL)
        same(expected, &found);
}

void model_operate(struct model *model, struct table *table, const struct model_run *run)
{
    struct prng prng;
    prng_init(&prng, run->random_seed);
    unsigned whole_every = run->operations / 25 + 1;
    for (unsigned i = 0; i < run->operations; i++) {
        operate_once(model, table, run, &prng, i + 1);
        if (i % whole_every == 0)
            model_compare(model, table);
    }
    model_compare(model, table);
}

/* ---- freezing */

static uint64_t extra_of(void *context, const struct table_entry *entry)
{
    (void)context;
    return entry->version * 3 + 1;
}

static struct model copy_of(const struct model *model)
{
    struct model copy = {.seed = model->seed};
    for (size_t i = 0; i < model->count; i++) {
        const struct model_entry *entry = &model->entries[i];
        model_set(&copy, bytes_of(entry->key, entry->key_size), bytes_of(entry->value, entry->value_size), entry->version);
    }
    return copy;
}

static void change(struct model *model, struct table *table, const struct model_run *run, struct prng *prng)
{
    uint8_t buffer[MODEL_KEY_BYTES];
    struct bytes key = model_key(buffer, (unsigned)prng_range(prng, 0, run->keys - 1));
    if (prng_range(prng, 0, 99) < run->remove_percent) {
        cr_assert_eq(table_remove(table, key), model_remove(model, key));
        return;
    }
    uint8_t value[MODEL_VALUE_BYTES] = {0};
    uint64_t version = prng_range(prng, 1, 1 << 20);
    put_u64(value, version);
    struct bytes bytes = bytes_of(value, prng_range(prng, 0, sizeof value));
    cr_assert_eq(table_set(table, key, bytes, version), model_set(model, key, bytes, version));
}

void model_freeze(struct model *model, struct table *table, const struct model_run *run)
{
    struct model start = copy_of(model);
    struct table_freeze freeze = {0};
    struct frozen_entry frozen;
    struct prng prng;
    size_t given = 0;
    prng_init(&prng, run->random_seed);
    table_freeze_begin(&freeze, table, extra_of, NULL);
    for (enum table_step step = TABLE_LATER; step != TABLE_END;) {
        unsigned visits = (unsigned)prng_range(&prng, 1, 60);
        step = table_freeze_next(&freeze, &visits, &frozen);
        if (step == TABLE_ENTRY) {
            cr_assert_lt(given, start.count, "an entry is given that was not there");
            const struct model_entry *expected = &start.entries[given++];
            cr_assert(bytes_equal(frozen.entry.key, bytes_of(expected->key, expected->key_size)));
            cr_assert(bytes_equal(frozen.entry.value, bytes_of(expected->value, expected->value_size)));
            cr_assert(frozen.entry.version == expected->version && frozen.extra == expected->version * 3 + 1);
        }
        for (uint64_t i = prng_chance(&prng, 300000) ? prng_range(&prng, 1, run->operations) : 0; i > 0; i--)
            change(model, table, run, &prng);
        if (given > 0 && prng_chance(&prng, 200))
            break;                     /* abandoned */
        cr_assert(step != TABLE_END || given == start.count, "entries are missing");
    }
    table_close(table_freeze_end(&freeze));
    table_holds(table);
    model_compare(model, table);
    model_close(&start);
}
