#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "grid/wire/protobuf_wire.h"

static struct bytes hex(struct arena *arena, const char *text)
{
    struct buffer out = {0};
    while (*text != 0) {
        char *end;
        buffer_append_u8(&out, (uint8_t)strtoul(text, &end, 16));
        cr_assert_eq(end, text + 2);
        text = end + (*end == ' ');
    }
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_close(&out);
    return copy;
}

enum kind { U64, U32, BOOL, FIXED64, BYTES, TEXT };

/* Reads one field 1 of a kind and says whether the whole message was accepted. */
static bool accepts(const char *text, enum kind kind)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct wire_reader reader = wire_reader_of(hex(&arena, text));
    while (wire_next(&reader)) {
        switch (kind) {
        case U64: wire_u64(&reader); break;
        case U32: wire_u32(&reader); break;
        case BOOL: wire_bool(&reader); break;
        case FIXED64: wire_fixed64(&reader); break;
        case BYTES: wire_bytes(&reader); break;
        case TEXT: wire_text(&reader); break;
        default: cr_assert(false);
        }
    }
    arena_close(&arena);
    return wire_end(&reader) == GRID_ERR_OK;
}

Test(protobuf_wire, reads_what_the_encoding_guide_shows)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct wire_reader reader = wire_reader_of(hex(&arena, "08 96 01 12 07 74 65 73 74 69 6e 67"));
    cr_assert(wire_next(&reader));
    cr_assert_eq(reader.field, 1);
    cr_assert_eq(wire_u64(&reader), 150);
    cr_assert(wire_next(&reader));
    cr_assert_eq(reader.field, 2);
    cr_assert(bytes_equal(wire_text(&reader), bytes_of_text("testing")));
    cr_assert_not(wire_next(&reader));
    cr_assert_eq(wire_end(&reader), GRID_ERR_OK);
    arena_close(&arena);
}

Test(protobuf_wire, reads_the_largest_values_and_refuses_what_is_above_them)
{
    cr_expect(accepts("08 ff ff ff ff ff ff ff ff ff 01", U64));
    cr_expect_not(accepts("08 ff ff ff ff ff ff ff ff ff 02", U64), "a 65th bit");
    cr_expect_not(accepts("08 ff ff ff ff ff ff ff ff ff ff 01", U64), "eleven bytes");
    cr_expect(accepts("08 ff ff ff ff 0f", U32));
    cr_expect_not(accepts("08 80 80 80 80 10", U32), "2^32");
    cr_expect(accepts("08 01", BOOL));
    cr_expect_not(accepts("08 02", BOOL));
}

Test(protobuf_wire, refuses_needlessly_long_varints)
{
    cr_expect_not(accepts("08 80 00", U64));
    cr_expect_not(accepts("88 00 01", U64), "in a tag");
    cr_expect_not(accepts("0a 81 00 41", BYTES), "in a size");
    cr_expect(accepts("08 00", U64), "an explicit zero is fine");
}

Test(protobuf_wire, refuses_wrong_wire_types_and_field_numbers)
{
    cr_expect_not(accepts("0d 01 00 00 00", U32), "fixed32");
    cr_expect_not(accepts("0a 01 41", U64), "a sized one for a number");
    cr_expect_not(accepts("08 01", BYTES), "a number for bytes");
    cr_expect_not(accepts("0b 0c", BYTES), "a group");
    cr_expect_not(accepts("00 01", U64), "field 0");
    cr_expect_not(accepts("80 04 01", U64), "field 64");
    cr_expect(accepts("f8 03 01", U64), "field 63");
    cr_expect(accepts("09 01 02 03 04 05 06 07 08", FIXED64));
    cr_expect_not(accepts("09 01 02 03 04 05 06 07", FIXED64), "seven bytes");
}

Test(protobuf_wire, refuses_a_singular_field_that_comes_twice)
{
    cr_expect_not(accepts("08 01 08 01", U64));
    cr_expect_not(accepts("0a 00 0a 00", BYTES));
    cr_expect(accepts("08 01 10 01", U64), "two different fields");
}

Test(protobuf_wire, refuses_sizes_past_the_end)
{
    cr_expect(accepts("0a 02 41 42", BYTES));
    cr_expect_not(accepts("0a 03 41 42", BYTES));
    cr_expect_not(accepts("0a ff ff ff ff ff ff ff ff ff 01 41", BYTES), "a size that would wrap the pointer");
    cr_expect_not(accepts("0a", BYTES));
    cr_expect_not(accepts("0a 80", BYTES));
}

Test(protobuf_wire, accepts_utf8_and_nothing_that_only_looks_like_it)
{
    cr_expect(accepts("0a 02 c2 80", TEXT));
    cr_expect(accepts("0a 04 f4 8f bf bf", TEXT));
    cr_expect(accepts("0a 03 ef bf bf", TEXT));
    cr_expect_not(accepts("0a 02 c1 bf", TEXT), "two bytes for one");
    cr_expect_not(accepts("0a 03 e0 9f bf", TEXT), "three bytes for two");
    cr_expect_not(accepts("0a 04 f0 8f bf bf", TEXT), "four bytes for three");
    cr_expect_not(accepts("0a 03 ed a0 80", TEXT), "a surrogate");
    cr_expect_not(accepts("0a 04 f4 90 80 80", TEXT), "past U+10FFFF");
    cr_expect_not(accepts("0a 01 80", TEXT), "a continuation alone");
    cr_expect_not(accepts("0a 02 e2 82", TEXT), "cut off");
    cr_expect_not(accepts("0a 03 e2 82 41", TEXT), "third byte");
    cr_expect(accepts("0a 02 c1 bf", BYTES), "bytes may be anything");
}

Test(protobuf_wire, reads_nothing_more_after_a_failure)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct wire_reader reader = wire_reader_of(hex(&arena, "08 80 00 10 05"));
    cr_assert(wire_next(&reader));
    cr_assert_eq(wire_u64(&reader), 0);
    cr_assert_not(wire_next(&reader));
    cr_assert_eq(wire_end(&reader), GRID_ERR_MALFORMED);
    arena_close(&arena);
}

Test(protobuf_wire, counts_repeated_fields_ahead_and_fails_beyond_the_bound)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct bytes in = hex(&arena, "0a 00 10 07 0a 01 41 19 01 02 03 04 05 06 07 08 0a 00");
    struct wire_reader reader = wire_reader_of(in);
    cr_assert_eq(wire_count(&reader, 1, 3), 3);
    cr_assert_not(reader.failed);
    cr_assert_eq(wire_count(&reader, 1, 2), 0);
    cr_assert(reader.failed);
    reader = wire_reader_of(bytes_of(in.data, in.size - 1));
    cr_assert_eq(wire_count(&reader, 1, 3), 0);
    cr_assert(reader.failed, "an array sized from damaged input would be too small");
    arena_close(&arena);
}

Test(protobuf_wire, reads_packed_numbers_up_to_the_bound)
{
    struct arena arena;
    arena_init(&arena, 256);
    size_t count;
    struct wire_reader reader = wire_reader_of(hex(&arena, "0a 07 01 96 01 ff ff ff 0f"));
    cr_assert(wire_next(&reader));
    const uint32_t *values = wire_packed_u32(&reader, &arena, 3, &count);
    cr_assert_eq(count, 3);
    cr_assert_eq(values[0], 1);
    cr_assert_eq(values[1], 150);
    cr_assert_eq(values[2], 0x1ffffff);
    static const char *const bad[] = {"0a 04 01 02 03 04", "0a 02 01 80", "0a 05 80 80 80 80 10", "0a 02 80 00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reader = wire_reader_of(hex(&arena, bad[i]));
        cr_assert(wire_next(&reader));
        wire_packed_u32(&reader, &arena, 3, &count);
        cr_expect(reader.failed, "%s", bad[i]);
        cr_expect_eq(count, 0);
    }
    arena_close(&arena);
}

Test(protobuf_wire, nested_messages_come_out_the_same_for_every_guess_of_their_size)
{
    static const size_t sizes[] = {0, 1, 120, 126, 127, 128, 300, 16300, 16380, 16383, 16384, 20000};
    static const size_t guesses[] = {0, 127, 128, 16383, 16384, 3000000};
    static uint8_t body[20000];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct buffer expected = {0};
        wire_put_bytes(&expected, 3, bytes_of(body, sizes[s]));
        if (sizes[s] == 0)
            buffer_append(&expected, bytes_of("\x1a\0", 2));
        for (size_t g = 0; g < sizeof guesses / sizeof *guesses; g++) {
            struct buffer out = {0};
            struct wire_nested nested = wire_nested_begin(&out, 3, guesses[g]);
            buffer_append(&out, bytes_of(body, sizes[s]));
            wire_nested_end(&out, nested);
            cr_expect(bytes_equal(buffer_bytes(&out), buffer_bytes(&expected)), "size %zu guess %zu", sizes[s],
                      guesses[g]);
            buffer_close(&out);
        }
        buffer_close(&expected);
    }
}

Test(protobuf_wire, writes_nothing_for_zero_and_empty)
{
    struct buffer out = {0};
    wire_put_u64(&out, 1, 0);
    wire_put_bool(&out, 2, false);
    wire_put_fixed64(&out, 3, 0);
    wire_put_bytes(&out, 4, BYTES_NONE);
    wire_put_packed_u32(&out, 5, NULL, 0);
    cr_assert_eq(out.size, 0);
    buffer_close(&out);
}
