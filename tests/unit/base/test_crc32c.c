#include <criterion/criterion.h>

#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/prng.h"

enum { ROOM = 4096 };

static void fill(uint8_t *data, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    for (size_t i = 0; i < ROOM; i += 8)
        put_u64(data + i, prng_u64(&prng));
}

/* One bit at a time, as the definition of the checksum says. */
static uint32_t by_definition(struct bytes bytes)
{
    uint32_t state = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        state ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            state = (state & 1) != 0 ? state >> 1 ^ 0x82f63b78u : state >> 1;
    }
    return ~state;
}

/* Vectors of RFC 3720, appendix B.4, and the customary check value. */
Test(crc32c, agrees_with_published_vectors)
{
    uint8_t data[32];
    cr_assert_eq(crc32c(bytes_of_text("123456789")), 0xe3069283);
    cr_assert_eq(crc32c(BYTES_NONE), 0);
    memset(data, 0, sizeof data);
    cr_assert_eq(crc32c(bytes_of(data, sizeof data)), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    cr_assert_eq(crc32c(bytes_of(data, sizeof data)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = i;
    cr_assert_eq(crc32c(bytes_of(data, sizeof data)), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = (uint8_t)(31 - i);
    cr_assert_eq(crc32c(bytes_of(data, sizeof data)), 0x113fdb5c);
}

Test(crc32c, table_agrees_with_published_vectors)
{
    cr_assert_eq(crc32c_extend_table(0, bytes_of_text("123456789")), 0xe3069283);
    cr_assert_eq(crc32c_extend_table(0, BYTES_NONE), 0);
}

Test(crc32c, both_ways_agree_with_the_definition_at_every_size_and_offset)
{
    uint8_t data[ROOM];
    fill(data, 5);
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t size = 0; size < 300; size++) {
            struct bytes bytes = bytes_of(data + offset, size);
            uint32_t expected = by_definition(bytes);
            cr_assert_eq(crc32c(bytes), expected, "offset %zu size %zu", offset, size);
            cr_assert_eq(crc32c_extend_table(0, bytes), expected, "offset %zu size %zu", offset, size);
        }
    }
    cr_assert_eq(crc32c(bytes_of(data, ROOM)), by_definition(bytes_of(data, ROOM)));
}

Test(crc32c, extends_across_any_cut)
{
    uint8_t data[ROOM];
    fill(data, 6);
    uint32_t whole = crc32c(bytes_of(data, 200));
    for (size_t cut = 0; cut <= 200; cut++) {
        struct bytes rest = bytes_of(data + cut, 200 - cut);
        uint32_t first = crc32c(bytes_of(data, cut));
        cr_assert_eq(crc32c_extend(first, rest), whole);
        cr_assert_eq(crc32c_extend_table(first, rest), whole);
    }
}

Test(crc32c, notices_every_single_bit)
{
    uint8_t data[ROOM];
    fill(data, 7);
    uint32_t whole = crc32c(bytes_of(data, 64));
    for (size_t bit = 0; bit < 512; bit++) {
        data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
        cr_assert_neq(crc32c(bytes_of(data, 64)), whole);
        data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
    }
}
