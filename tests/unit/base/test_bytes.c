#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "grid/base/bytes.h"
#include "grid/base/prng.h"

Test(bytes, puts_integers_little_endian)
{
    uint8_t at[8];
    put_u16(at, 0x0102);
    cr_assert_arr_eq(at, ((uint8_t[]){0x02, 0x01}), 2);
    put_u32(at, 0x01020304);
    cr_assert_arr_eq(at, ((uint8_t[]){0x04, 0x03, 0x02, 0x01}), 4);
    put_u64(at, 0x0102030405060708);
    cr_assert_arr_eq(at, ((uint8_t[]){0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01}), 8);
}

Test(bytes, gets_what_it_put)
{
    struct prng prng;
    uint8_t at[9];
    prng_init(&prng, 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_u64(&prng);
        put_u64(at + 1, value);
        cr_assert_eq(get_u64(at + 1), value);
        cr_assert_eq(get_u32(at + 1), (uint32_t)value);
        cr_assert_eq(get_u16(at + 1), (uint16_t)value);
    }
}

Test(bytes, equal_means_same_size_and_content)
{
    cr_assert(bytes_equal(bytes_of_text("ab"), bytes_of_text("ab")));
    cr_assert_not(bytes_equal(bytes_of_text("ab"), bytes_of_text("ac")));
    cr_assert_not(bytes_equal(bytes_of_text("ab"), bytes_of_text("abc")));
    cr_assert(bytes_equal(BYTES_NONE, bytes_of_text("")));
}

Test(bytes, compares_as_unsigned_and_shorter_first)
{
    cr_assert_lt(bytes_compare(bytes_of_text("a"), bytes_of_text("b")), 0);
    cr_assert_gt(bytes_compare(bytes_of_text("\xff"), bytes_of_text("a")), 0);
    cr_assert_lt(bytes_compare(bytes_of_text("a"), bytes_of_text("aa")), 0);
    cr_assert_gt(bytes_compare(bytes_of_text("b"), bytes_of_text("aa")), 0);
    cr_assert_eq(bytes_compare(bytes_of_text("aa"), bytes_of_text("aa")), 0);
    cr_assert_lt(bytes_compare(BYTES_NONE, bytes_of_text("a")), 0);
    cr_assert_eq(bytes_compare(BYTES_NONE, BYTES_NONE), 0);
}

Test(buffer, starts_empty_when_all_zero)
{
    struct buffer buffer = {0};
    cr_assert(buffer_holds(&buffer));
    cr_assert_eq(buffer_bytes(&buffer).size, 0);
    buffer_append(&buffer, BYTES_NONE);
    buffer_consume(&buffer, 0);
    cr_assert_null(buffer.data);
    buffer_close(&buffer);
}

Test(buffer, keeps_content_while_it_grows)
{
    struct buffer buffer = {0};
    for (uint32_t i = 0; i < 100000; i++)
        buffer_append_u32(&buffer, i);
    cr_assert_eq(buffer.size, 400000);
    for (uint32_t i = 0; i < 100000; i++)
        cr_assert_eq(get_u32(buffer.data + 4 * i), i);
    cr_assert(buffer_holds(&buffer));
    buffer_close(&buffer);
    cr_assert_null(buffer.data);
    cr_assert_eq(buffer.size, 0);
}

Test(buffer, grows_by_doubling)
{
    struct buffer buffer = {0};
    int moves = 0;
    size_t capacity = 0;
    for (int i = 0; i < 1000000; i++) {
        buffer_append_u8(&buffer, 1);
        moves += buffer.capacity != capacity;
        capacity = buffer.capacity;
    }
    cr_assert_lt(moves, 20);
    buffer_close(&buffer);
}

Test(buffer, reserves_without_counting)
{
    struct buffer buffer = {0};
    buffer_reserve(&buffer, 1000);
    cr_assert_eq(buffer.size, 0);
    cr_assert_geq(buffer.capacity, 1000);
    uint8_t *data = buffer.data;
    memset(buffer_extend(&buffer, 1000), 1, 1000);
    cr_assert_eq(buffer.data, data);
    buffer_close(&buffer);
}

Test(buffer, extending_by_nothing_gives_a_place)
{
    struct buffer buffer = {0};
    cr_assert_not_null(buffer_extend(&buffer, 0));
    cr_assert_eq(buffer.size, 0);
    buffer_close(&buffer);
}

Test(buffer, consumes_from_the_front)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "partition");
    buffer_consume(&buffer, 4);
    cr_assert(bytes_equal(buffer_bytes(&buffer), bytes_of_text("ition")));
    buffer_consume(&buffer, 5);
    cr_assert_eq(buffer.size, 0);
    buffer_close(&buffer);
}

Test(buffer, truncates_and_clears_but_keeps_the_memory)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "partition");
    size_t capacity = buffer.capacity;
    buffer_truncate(&buffer, 4);
    cr_assert(bytes_equal(buffer_bytes(&buffer), bytes_of_text("part")));
    buffer_clear(&buffer);
    cr_assert_eq(buffer.size, 0);
    cr_assert_eq(buffer.capacity, capacity);
    buffer_close(&buffer);
}

Test(buffer, refuses_to_truncate_upwards, .signal = SIGABRT)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "a");
    buffer_truncate(&buffer, 2);
}

Test(buffer, refuses_to_consume_more_than_it_has, .signal = SIGABRT)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "a");
    buffer_consume(&buffer, 2);
}

Test(buffer, appends_formatted_text_behind_the_rest)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "node ");
    buffer_append_format(&buffer, "%d of %s", 3, "five");
    cr_assert(bytes_equal(buffer_bytes(&buffer), bytes_of_text("node 3 of five")));
    buffer_append_format(&buffer, "%0300d", 0);
    cr_assert_eq(buffer.size, 314);
    buffer_append_format(&buffer, "%s", "");
    cr_assert_eq(buffer.size, 314);
    buffer_close(&buffer);
}

Test(reader, reads_back_what_a_buffer_appended)
{
    struct buffer buffer = {0};
    buffer_append_u8(&buffer, 0xfe);
    buffer_append_u16(&buffer, 0xfedc);
    buffer_append_u32(&buffer, 0xfedcba98);
    buffer_append_u64(&buffer, 0xfedcba9876543210);
    buffer_append_sized(&buffer, bytes_of_text("value"));
    buffer_append_sized(&buffer, BYTES_NONE);
    buffer_append_text(&buffer, "rest");
    struct reader reader = reader_of(buffer_bytes(&buffer));
    cr_assert_eq(reader_u8(&reader), 0xfe);
    cr_assert_eq(reader_u16(&reader), 0xfedc);
    cr_assert_eq(reader_u32(&reader), 0xfedcba98);
    cr_assert_eq(reader_u64(&reader), 0xfedcba9876543210);
    cr_assert(bytes_equal(reader_sized(&reader), bytes_of_text("value")));
    cr_assert_eq(reader_sized(&reader).size, 0);
    cr_assert_eq(reader_left(&reader), 4);
    cr_assert(bytes_equal(reader_take(&reader, 4), bytes_of_text("rest")));
    cr_assert_eq(reader_left(&reader), 0);
    cr_assert_not(reader.failed);
    buffer_close(&buffer);
}

Test(reader, fails_at_every_cut_and_stays_failed)
{
    struct buffer buffer = {0};
    buffer_append_u16(&buffer, 0xffff);
    buffer_append_u64(&buffer, UINT64_MAX);
    buffer_append_sized(&buffer, bytes_of_text("value"));
    for (size_t size = 0; size < buffer.size; size++) {
        struct reader reader = reader_of(bytes_of(buffer.data, size));
        uint16_t first = reader_u16(&reader);
        uint64_t second = reader_u64(&reader);
        struct bytes third = reader_sized(&reader);
        cr_assert(reader.failed, "cut at %zu", size);
        cr_assert_eq(first, size >= 2 ? 0xffff : 0);
        cr_assert_eq(second, size >= 10 ? UINT64_MAX : 0);
        cr_assert_null(third.data);
        cr_assert_eq(third.size, 0);
        cr_assert_eq(reader_u8(&reader), 0);
        cr_assert_eq(reader_left(&reader), 0);
    }
    buffer_close(&buffer);
}

/* ---- help */

static void helps(const char *name, const char *meaning, const char *expected)
{
    struct buffer out = {0};
    buffer_append_help(&out, name, meaning);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of_text(expected)), "%.*s", (int)out.size, (const char *)out.data);
    buffer_close(&out);
}

Test(buffer, help_has_its_meanings_in_one_column)
{
    helps("short", "one", "  short                      one\n");
    helps("--of-twenty-six-characters", "one", "  --of-twenty-six-characters one\n");
    helps("--of-twenty-seven-character", "one", "  --of-twenty-seven-character\n                             one\n");
    helps("a", "11111111 22222222 33333333 44444444 55555555 666 7", "  a                          11111111 22222222 33333333 44444444 55555555 666\n"
                                                                   "                             7\n");
    helps("a", "", "  a                          \n");
    helps("--status one_of_many_words|another_of_many_words|a_third_of_many_words|and_the_last_of_all", "x",
          "  --status one_of_many_words|another_of_many_words|a_third_of_many_words|\n          and_the_last_of_all\n                             x\n");
}

Test(buffer, a_word_without_a_place_to_cut_it_stays_whole)
{
    char word[101];
    struct buffer out = {0};
    memset(word, 'w', 100);
    word[100] = 0;
    buffer_append_paragraph(&out, word, 4);
    cr_expect_eq(out.size, 4 + 100 + 1);
    buffer_close(&out);
}

Test(reader, a_failed_read_takes_nothing_of_the_rest)
{
    struct reader reader = reader_of(bytes_of("abc", 3));
    cr_assert_eq(reader_u32(&reader), 0);
    cr_assert_eq(reader_u8(&reader), 0);
    cr_assert(reader.failed);
}

Test(reader, takes_nothing_from_nothing)
{
    struct reader reader = reader_of(BYTES_NONE);
    cr_assert_eq(reader_take(&reader, 0).size, 0);
    cr_assert_not(reader.failed);
    cr_assert_eq(reader_take(&reader, 1).size, 0);
    cr_assert(reader.failed);
}

Test(reader, refuses_a_stated_size_beyond_the_view)
{
    uint8_t at[8];
    put_u32(at, UINT32_MAX);
    struct reader reader = reader_of(bytes_of(at, sizeof at));
    cr_assert_eq(reader_sized(&reader).size, 0);
    cr_assert(reader.failed);
}
