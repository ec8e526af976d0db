#include "grid/base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/* Slicing by eight (Kounavis and Berry 2005): TABLES[k][b] is the remainder of byte b followed by k zero bytes. A
 * remainder is linear in the bits of its byte, so each table is spelled by the remainders of its eight single bits. */
#define PICK(index, bit, remainder) (((index) >> (bit) & 1u) != 0 ? (remainder) : 0u)
#define ENTRY(i, r0, r1, r2, r3, r4, r5, r6, r7)                                                             \
    (PICK(i, 0, r0) ^ PICK(i, 1, r1) ^ PICK(i, 2, r2) ^ PICK(i, 3, r3) ^ PICK(i, 4, r4) ^ PICK(i, 5, r5) ^ \
     PICK(i, 6, r6) ^ PICK(i, 7, r7))
#define ENTRIES_4(i, ...) \
    ENTRY((i), __VA_ARGS__), ENTRY((i) + 1u, __VA_ARGS__), ENTRY((i) + 2u, __VA_ARGS__), ENTRY((i) + 3u, __VA_ARGS__)
#define ENTRIES_16(i, ...)                                                                       \
    ENTRIES_4((i), __VA_ARGS__), ENTRIES_4((i) + 4u, __VA_ARGS__), ENTRIES_4((i) + 8u, __VA_ARGS__), \
        ENTRIES_4((i) + 12u, __VA_ARGS__)
#define ENTRIES_64(i, ...)                                                                             \
    ENTRIES_16((i), __VA_ARGS__), ENTRIES_16((i) + 16u, __VA_ARGS__), ENTRIES_16((i) + 32u, __VA_ARGS__), \
        ENTRIES_16((i) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                  \
    {ENTRIES_64(0u, __VA_ARGS__), ENTRIES_64(64u, __VA_ARGS__), ENTRIES_64(128u, __VA_ARGS__), \
     ENTRIES_64(192u, __VA_ARGS__)}

static const uint32_t TABLES[8][256] = {
    TABLE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
    TABLE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
    TABLE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
    TABLE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
    TABLE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
    TABLE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
    TABLE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
    TABLE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
};

uint32_t crc32c_extend_table(uint32_t crc, struct bytes bytes)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    uint32_t state = ~crc;
    for (; left >= 8; left -= 8, at += 8) {
        uint32_t low = get_u32(at) ^ state;
        uint32_t high = get_u32(at + 4);
        state = TABLES[7][low & 0xff] ^ TABLES[6][low >> 8 & 0xff] ^ TABLES[5][low >> 16 & 0xff] ^
                TABLES[4][low >> 24] ^ TABLES[3][high & 0xff] ^ TABLES[2][high >> 8 & 0xff] ^
                TABLES[1][high >> 16 & 0xff] ^ TABLES[0][high >> 24];
    }
    for (; left != 0; left--, at++)
        state = state >> 8 ^ TABLES[0][(state ^ *at) & 0xff];
    return ~state;
}

#if defined(__x86_64__)

/* The compiler's start-up code fills the answer in; asking costs a load and a test. */
bool crc32c_in_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) static uint32_t extend_hardware(uint32_t crc, struct bytes bytes)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    uint64_t wide = (uint32_t)~crc;
    for (; left >= 8; left -= 8, at += 8)
        wide = _mm_crc32_u64(wide, get_u64(at));
    uint32_t state = (uint32_t)wide;
    for (; left != 0; left--, at++)
        state = _mm_crc32_u8(state, *at);
    return ~state;
}

#else

bool crc32c_in_hardware(void)
{
    return false;
}

static uint32_t extend_hardware(uint32_t crc, struct bytes bytes)
{
    return crc32c_extend_table(crc, bytes);
}

#endif

uint32_t crc32c_extend(uint32_t crc, struct bytes bytes)
{
    return crc32c_in_hardware() ? extend_hardware(crc, bytes) : crc32c_extend_table(crc, bytes);
}

uint32_t crc32c(struct bytes bytes)
{
    return crc32c_extend(0, bytes);
}
