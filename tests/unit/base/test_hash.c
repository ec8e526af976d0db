#include <criterion/criterion.h>

#include "grid/base/hash.h"

Test(hash, murmur3_agrees_with_published_vectors)
{
    static const struct { const char *text; uint32_t seed, expected; } vectors[] = {
        {"", 0, 0},
        {"", 1, 0x514e28b7},
        {"", 0xffffffff, 0x81f16f39},
        {"test", 0, 0xba6bd213},
        {"test", 0x9747b28c, 0x704b81dc},
        {"aaaa", 0x9747b28c, 0x5a97808a},
        {"aaa", 0x9747b28c, 0x283e0130},
        {"aa", 0x9747b28c, 0x5d211726},
        {"a", 0x9747b28c, 0x7fa09ea6},
        {"abcd", 0x9747b28c, 0xf0478627},
        {"Hello, world!", 0x9747b28c, 0x24884cba},
        {"The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd},
        {"\xff\xff\xff\xff", 0, 0x76293b50},
        {"\x21\x43\x65\x87", 0, 0xf55b516b},
        {"\x21\x43\x65", 0, 0x7e4a8634},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        cr_assert_eq(hash_murmur3_32(bytes_of_text(vectors[i].text), vectors[i].seed), vectors[i].expected, "vector %zu", i);
    cr_assert_eq(hash_murmur3_32(bytes_of("\0\0\0\0", 4), 0), 0x2362f9de);
}

/* Where keys live never changes: data on disk and other grids' clients rely on it. The numbers were made with another
 * implementation of the same hash. */
Test(hash, partition_agrees_with_golden_vectors)
{
    static const struct { const char *text; uint32_t of_128, of_271, of_4096; } vectors[] = {
        {"", 69, 238, 3141},
        {"a", 64, 46, 2880},
        {"key", 111, 64, 3439},
        {"order-1", 2, 7, 3202},
        {"order-2", 29, 50, 29},
        {"customer-1", 11, 206, 3723},
        {"product-1", 104, 75, 2152},
        {"\xff\xfe\xfd", 65, 177, 961},
        {"\xf0\x9f\x8d\x8e", 96, 8, 3936},
        {"0123456789abcdef", 74, 234, 3914},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct bytes affinity = bytes_of_text(vectors[i].text);
        cr_assert_eq(hash_partition(affinity, 1).value, 0);
        cr_assert_eq(hash_partition(affinity, 128).value, vectors[i].of_128, "vector %zu", i);
        cr_assert_eq(hash_partition(affinity, 271).value, vectors[i].of_271, "vector %zu", i);
        cr_assert_eq(hash_partition(affinity, 4096).value, vectors[i].of_4096, "vector %zu", i);
    }
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    cr_assert_eq(hash_partition(bytes_of(all, sizeof all), 271).value, 11);
    cr_assert_eq(hash_partition(bytes_of("", 1), 271).value, 195);
}

/* Keys found by running the hash backwards, so that it ends on the values where signs matter. */
Test(hash, partition_takes_the_absolute_value_and_sends_the_lowest_number_to_0)
{
    static const struct { uint8_t key[4]; uint32_t hash, of_271; } vectors[] = {
        {{0x60, 0x0e, 0x27, 0x65}, 0x80000000, 0},
        {{0x81, 0x5e, 0x0f, 0x4a}, 0x80000001, 244},
        {{0xec, 0xb6, 0xa8, 0xed}, 0x7fffffff, 244},
        {{0xf0, 0x80, 0x8f, 0xae}, 0xffffffff, 1},
        {{0x00, 0xa2, 0x3e, 0x3c}, 0x00000000, 0},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct bytes key = bytes_of(vectors[i].key, 4);
        cr_assert_eq(hash_murmur3_32(key, 0x01000193), vectors[i].hash, "vector %zu", i);
        cr_assert_eq(hash_partition(key, 271).value, vectors[i].of_271, "vector %zu", i);
    }
}

Test(hash, partition_spreads_ordinary_keys)
{
    enum { PARTITIONS = 128, KEYS = 128000 };
    int counts[PARTITIONS] = {0};
    for (uint32_t i = 0; i < KEYS; i++) {
        uint8_t key[8] = "key-";
        put_u32(key + 4, i);
        counts[hash_partition(bytes_of(key, sizeof key), PARTITIONS).value]++;
    }
    for (int i = 0; i < PARTITIONS; i++)
        cr_assert(counts[i] > 800 && counts[i] < 1200, "partition %d has %d keys", i, counts[i]);
}

Test(hash, xxh3_agrees_with_published_vectors_and_depends_on_the_seed)
{
    cr_assert_eq(hash_xxh3(BYTES_NONE, 0), 0x2d06800538d394c2);
    cr_assert_eq(hash_xxh3(bytes_of_text("a"), 0), 0xe6c632b61e964e1f);
    cr_assert_eq(hash_xxh3(bytes_of_text("order-1"), 42), 0x1ea8360b00c75f74);
    cr_assert_neq(hash_xxh3(bytes_of_text("order-1"), 43), 0x1ea8360b00c75f74);
}
