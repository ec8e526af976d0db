/* A naive map in (hash, key) order, and random operations that hold a table against it. For the table's tests. */
#ifndef TESTS_UNIT_STORE_TABLE_MODEL_H
#define TESTS_UNIT_STORE_TABLE_MODEL_H

#include "grid/store/table_freeze.h"

enum { MODEL_KEY_BYTES = 16, MODEL_VALUE_BYTES = 80 };

struct model_entry {
    uint64_t hash, version;
    uint8_t key[MODEL_KEY_BYTES], value[MODEL_VALUE_BYTES];
    size_t key_size, value_size;
};

struct model {
    uint64_t seed;
    struct model_entry *entries;
    size_t count, capacity;
};

struct model_run {
    uint64_t table_seed, random_seed;
    unsigned operations, keys;         /* keys: how many different ones */
    unsigned remove_percent;
};

void model_close(struct model *model);
bool model_set(struct model *model, struct bytes key, struct bytes value, uint64_t version);
bool model_remove(struct model *model, struct bytes key);
const struct model_entry *model_find(const struct model *model, struct bytes key);

/* The text of key number `number`, written into `buffer`. */
struct bytes model_key(uint8_t buffer[MODEL_KEY_BYTES], unsigned number);
/* Fails the test unless table and model have the same entries in the same order. */
void model_compare(const struct model *model, const struct table *table);
/* Random operations on both, compared in every answer and, now and then, as a whole. */
void model_operate(struct model *model, struct table *table, const struct model_run *run);
/* Freezes the table and walks through what it was, with random operations on both in between; sometimes gives up. */
void model_freeze(struct model *model, struct table *table, const struct model_run *run);

#endif
