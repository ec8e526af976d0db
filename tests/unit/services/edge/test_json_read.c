#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "services/edge/json_read.h"

static void refuses_bytes(struct bytes text, const char *expected)
{
    struct arena arena;
    const char *reason = "";
    arena_init(&arena, 1024);
    cr_expect_null(json_read(text, &arena, &reason), "%.*s", (int)text.size, (const char *)text.data);
    cr_expect_not_null(strstr(reason, expected), "%.*s: '%s' does not say '%s'", (int)text.size, (const char *)text.data,
                       reason, expected);
    arena_close(&arena);
}

static void refuses(const char *text, const char *expected)
{
    refuses_bytes(bytes_of_text(text), expected);
}

static bool is(struct bytes bytes, const char *text)
{
    return bytes_equal(bytes, bytes_of_text(text));
}

static const struct json_value *reads(const char *text, struct arena *arena)
{
    const char *reason = "";
    const struct json_value *value = json_read(bytes_of_text(text), arena, &reason);
    cr_assert_not_null(value, "%s: %s", text, reason);
    return value;
}

Test(json_read, keeps_values_as_they_were_written)
{
    static const char *const values[] = {"19.95", "123456789012345678.9", "1e999", "-0.0", "100000000000000000000000000000", "{ \"a\" :[1 ,2.50] }",
                                         "[ ]", "{}", "\"\\u00e9\\/\"", "true", "null", "false", "0", "-1E+05"};
    struct arena arena;
    char text[200];
    arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(text, sizeof text, " {\"key\" : \"k\" , \"value\" :\t%s } \r\n", values[i]);
        const struct json_value *value = json_read_find(reads(text, &arena), "value");
        cr_assert(value != NULL && is(value->raw, values[i]), "%s: %.*s", values[i], (int)value->raw.size,
                  (const char *)value->raw.data);
    }
    arena_close(&arena);
}

Test(json_read, resolves_escapes)
{
    struct arena arena;
    arena_init(&arena, 1024);
    cr_expect(is(reads("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", &arena)->text, "\"\\/\b\f\n\r\t"));
    cr_expect(is(reads("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", &arena)->text, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    cr_expect(bytes_equal(reads("\"a\\u0000b\"", &arena)->text, bytes_of("a\0b", 3)), "NUL can be written");
    cr_expect(is(reads("\"gr\xc3\xbc\xc3\x9f\"", &arena)->text, "gr\xc3\xbc\xc3\x9f"));
    cr_expect_eq(reads("\"\"", &arena)->text.size, 0);
    arena_close(&arena);
}

Test(json_read, finds_members_by_their_name)
{
    struct arena arena;
    arena_init(&arena, 1024);
    const struct json_value *object = reads("{\"a\":[{\"b\":1},[]],\"\\u0062\":{\"a\":null},\"\":2}", &arena);
    cr_expect_eq(json_read_find(object, "a")->kind, JSON_KIND_ARRAY);
    cr_expect(is(json_read_find(json_read_find(object, "a")->first, "b")->raw, "1"));
    cr_expect(is(json_read_find(object, "b")->raw, "{\"a\":null}"), "escapes of names are resolved");
    cr_expect(is(json_read_find(object, "")->raw, "2"));
    cr_expect_null(json_read_find(object, "c"));
    cr_expect_null(json_read_find(reads("[1]", &arena), "c"));
    arena_close(&arena);
}

Test(json_read, refuses_what_json_is_not)
{
    static const char *const texts[] = {"", " ", "{", "}", "[", "]", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,1]", "[1 2]",
                                        "{a:1}", "{'a':1}", "{1:1}", "{\"a\" 1}", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "01", "-", "-a",
                                        "+1", ".5", "1.", "1.e3", "1e", "1e+", "0x10", "1_000", "\"", "\"a", "\"\\\"", "\"\\x\"",
                                        "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"a\tb\"", "// no\n1", "/* no */1", "1 1", "{}{}", "[1]]",
                                        "\x0b" "1", "\xc2\xa0" "1", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuses(texts[i], "not JSON");
    refuses("\"\\ud83d\"", "surrogate");
    refuses("\"\\ude00\\ud83d\"", "surrogate");
    refuses("\"\\ud83d\\u0041\"", "surrogate");
    refuses("\xef\xbb\xbf{}", "byte order mark");
    refuses("{\"a\": 1x}", "(column 8)");
    refuses("\"\xc3\xa9\" x", "(column 5)");
    refuses_bytes(bytes_of("{\"a\":1}\0{}", 10), "a NUL byte (column 8)");
    refuses_bytes(bytes_of("{\"a\0\":1}", 8), "a NUL byte");
    refuses_bytes(bytes_of("\0", 1), "a NUL byte");
    refuses_bytes(BYTES_NONE, "ends too early");
}

Test(json_read, refuses_names_that_are_given_twice)
{
    struct buffer text = {0};
    refuses("{\"a\":1,\"a\":1}", "a: is given twice");
    refuses("{\"a\":1,\"\\u0061\":2}", "a: is given twice");
    refuses("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "b: is given twice (column 24)");
    /* More members than are compared one by one. */
    for (int twice = 0; twice < 2; twice++) {
        struct arena arena;
        const char *reason;
        arena_init(&arena, 1024);
        buffer_clear(&text);
        for (int i = 0; i < 1000; i++)
            buffer_append_format(&text, "%c\"n%d\":%d", i == 0 ? '{' : ',', twice && i == 999 ? 17 : i * 7919 % 1000, i);
        buffer_append_text(&text, "}");
        cr_expect_eq(json_read(buffer_bytes(&text), &arena, &reason) == NULL, twice);
        cr_expect(!twice || strstr(reason, "n17: is given twice") != NULL);
        arena_close(&arena);
    }
    buffer_close(&text);
}

Test(json_read, nests_up_to_a_bound)
{
    struct buffer text = {0};
    for (int depth = JSON_NESTING_MAX; depth <= JSON_NESTING_MAX + 1; depth++) {
        struct arena arena;
        const char *reason;
        arena_init(&arena, 1024);
        buffer_clear(&text);
        for (int i = 0; i < depth; i++)
            buffer_append_text(&text, i % 2 == 0 ? "[" : "{\"a\":");
        buffer_append_text(&text, "1");
        for (int i = depth; i-- > 0;)
            buffer_append_text(&text, i % 2 == 0 ? "]" : "}");
        cr_expect_eq(json_read(buffer_bytes(&text), &arena, &reason) != NULL, depth == JSON_NESTING_MAX);
        arena_close(&arena);
    }
    buffer_close(&text);
}

Test(json_read, shows_a_part_of_what_is_long_or_not_printable)
{
    struct arena arena;
    arena_init(&arena, 1024);
    cr_expect_str_eq(json_read_shown(bytes_of_text("a\x1b[2J\n"), &arena), "a?[2J?");
    cr_expect_str_eq(json_read_shown(bytes_of("a\0b", 3), &arena), "a?b");
    const char *shown = json_read_shown(bytes_of_text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                                      "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                                      "x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), &arena);
    cr_expect_eq(strlen(shown), 59 + 3, "whole characters, then dots");
    arena_close(&arena);
}
