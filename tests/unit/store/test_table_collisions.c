/* The table under hashes that collide. This program brings its own hash_xxh3, whose quality the table's seed chooses. */
#include <criterion/criterion.h>

#include "grid/base/hash.h"
#include "tests/unit/store/table_model.h"

enum weakness { ALL_EQUAL, EQUAL_HIGH_BITS, TOP_OF_THE_RANGE, FEW_HOMES, CLUSTERS };

static uint64_t mixed(struct bytes bytes)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.size; i++)
        value = (value ^ bytes.data[i]) * 0x100000001b3u;
    return (value ^ value >> 29) * 0xbf58476d1ce4e5b9u;
}

uint64_t hash_xxh3(struct bytes bytes, uint64_t seed)
{
    uint64_t good = mixed(bytes);
    switch ((enum weakness)(seed & 7)) {
    case ALL_EQUAL: return 0x8000000000000000u;
    case EQUAL_HIGH_BITS: return 0x1234567800000000u | good >> 32;
    case TOP_OF_THE_RANGE: return ~(good >> 52);
    case FEW_HOMES: return (good >> 61) << 61;
    case CLUSTERS: return (good >> 60 << 60) | good >> 44;
    }
    return good;
}

static void run(enum weakness weakness, unsigned operations, unsigned keys)
{
    for (uint64_t round = 0; round < 3; round++) {
        struct model model = {.seed = weakness};
        struct table *table = table_open(weakness);
        model_operate(&model, table, &(struct model_run){weakness, round, operations, keys, 25});
        model_operate(&model, table, &(struct model_run){weakness, round + 9, operations, keys, 75});
        model_freeze(&model, table, &(struct model_run){weakness, round + 99, 20, keys, 50});
        model_close(&model);
        table_close(table);
    }
}

Test(table_collisions, agrees_with_a_naive_map_when_all_hashes_are_equal) { run(ALL_EQUAL, 3000, 600); }
Test(table_collisions, agrees_with_a_naive_map_when_high_bits_are_equal) { run(EQUAL_HIGH_BITS, 3000, 900); }
Test(table_collisions, agrees_with_a_naive_map_at_the_end_of_the_array) { run(TOP_OF_THE_RANGE, 3000, 900); }
Test(table_collisions, agrees_with_a_naive_map_with_few_homes) { run(FEW_HOMES, 3000, 900); }
Test(table_collisions, agrees_with_a_naive_map_in_clusters) { run(CLUSTERS, 6000, 3000); }
Test(table_collisions, agrees_with_a_naive_map_just_below_the_tag_limit) { run(EQUAL_HIGH_BITS, 4000, 140); }
