#include <criterion/criterion.h>
#include <stdio.h>

#include "services/edge/json.h"

static void expect(struct buffer *out, const char *text)
{
    cr_expect(bytes_equal(buffer_bytes(out), bytes_of_text(text)), "%.*s instead of %s", (int)out->size,
              (const char *)out->data, text);
    buffer_close(out);
}

Test(json, writes_objects_and_arrays)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    json_put_object_begin(&json, NULL);
    json_put_number(&json, "a", -5);
    json_put_unsigned(&json, "b", UINT64_MAX);
    json_put_array_begin(&json, "c");
    json_put_bool(&json, NULL, true);
    json_put_null(&json, NULL);
    json_put_object_begin(&json, NULL);
    json_put_object_end(&json);
    json_put_array_end(&json);
    json_put_string(&json, "d", "x");
    json_put_object_end(&json);
    expect(&out, "{\"a\":-5,\"b\":18446744073709551615,\"c\":[true,null,{}],\"d\":\"x\"}");
}

Test(json, indents_by_two)
{
    struct buffer out = {0};
    struct json json = json_to(&out, true);
    json_put_object_begin(&json, NULL);
    json_put_array_begin(&json, "a");
    json_put_number(&json, NULL, 1);
    json_put_number(&json, NULL, 2);
    json_put_array_end(&json);
    json_put_array_begin(&json, "b");
    json_put_array_end(&json);
    json_put_object_end(&json);
    expect(&out, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}");
}

Test(json, escapes_what_must_be)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    json_put_text(&json, NULL, bytes_of("\"\\/\n\t\x01\x1f\x7f\0\xc3\xa4", 11));
    expect(&out, "\"\\\"\\\\/\\n\\t\\u0001\\u001f\\u007f\\u0000\xc3\xa4\"");
}

Test(json, replaces_what_is_not_utf8)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    json_put_text(&json, NULL, bytes_of("a\xff\xc3\xa4\xe2\x82z", 7));
    expect(&out, "\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbdz\"");
}

Test(json, writes_base64_with_padding)
{
    static const char *const pairs[][2] = {{"", "\"\""}, {"f", "\"Zg==\""}, {"fo", "\"Zm8=\""}, {"foo", "\"Zm9v\""},
                                           {"foob", "\"Zm9vYg==\""}, {"fooba", "\"Zm9vYmE=\""},
                                           {"foobar", "\"Zm9vYmFy\""}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buffer out = {0};
        struct json json = json_to(&out, false);
        json_put_base64(&json, NULL, bytes_of_text(pairs[i][0]));
        expect(&out, pairs[i][1]);
    }
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    json_put_base64(&json, NULL, bytes_of("\xfb\xff\xfe", 3));
    expect(&out, "\"+//+\"");
}

Test(json, writes_times_in_utc_and_null_for_none)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    json_put_array_begin(&json, NULL);
    json_put_time(&json, NULL, 1);
    json_put_time(&json, NULL, 951782400123);
    json_put_time(&json, NULL, 4102444799999);
    json_put_time(&json, NULL, 0);
    json_put_time(&json, NULL, UINT64_MAX);
    json_put_array_end(&json);
    expect(&out, "[\"1970-01-01T00:00:00.001Z\",\"2000-02-29T00:00:00.123Z\",\"2099-12-31T23:59:59.999Z\",null,null]");
}
