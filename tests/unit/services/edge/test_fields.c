#include <criterion/criterion.h>
#include <string.h>

#include "services/edge/fields.h"

static struct arena arena;

static void begin(void)
{
    arena_init(&arena, 1024);
}

static void end(void)
{
    arena_close(&arena);
}

/* A made-up object: name, nick?, count from 1 to 9, extra of any type. What came of it, for people. */
static const char *read_object(const char *text)
{
    struct fields fields;
    const char *reason = "good";
    fields_begin(&fields, bytes_of_text(text), &arena);
    fields_required_text(&fields, "name");
    fields_text(&fields, "nick", NULL);
    fields_number(&fields, "count", BOUND(1, 9));
    fields_find(&fields, "extra");
    fields_end(&fields, &reason);
    return reason;
}

TestSuite(fields, .init = begin, .fini = end);

Test(fields, reads_what_an_object_has)
{
    struct fields fields;
    const char *reason = NULL;
    cr_expect_str_eq(read_object("{\"name\":\"a\",\"count\":9}"), "good");
    cr_expect_str_eq(read_object("{\"name\":\"a\",\"nick\":null,\"count\":1,\"extra\":[{\"any\":1}]}"), "good");
    fields_begin(&fields, bytes_of_text("{\"name\":\"a\\u00e9\",\"count\":7,\"extra\":1.50}"), &arena);
    cr_expect_str_eq(fields_required_text(&fields, "name"), "a\xc3\xa9");
    cr_expect_null(fields_text(&fields, "nick", NULL));
    cr_expect_eq(fields_number(&fields, "count", BOUND(1, 9)), 7);
    cr_expect_eq(fields_number_or(&fields, "other", BOUND(1, 9), 5), 5);
    cr_expect(bytes_equal(fields_find(&fields, "extra")->raw, bytes_of_text("1.50")));
    cr_expect(fields_end(&fields, &reason));
}

Test(fields, says_which_field_is_wrong)
{
    cr_expect_str_eq(read_object("{\"count\":1}"), "name: is missing");
    cr_expect_str_eq(read_object("{\"name\":null,\"count\":1}"), "name: must be text in quotes, not null");
    cr_expect_str_eq(read_object("{\"name\":\"\",\"count\":1}"), "name: must not be empty");
    cr_expect_str_eq(read_object("{\"name\":7,\"count\":1}"), "name: must be text in quotes");
    cr_expect_str_eq(read_object("{\"name\":\"a\\u0000\",\"count\":1}"), "name: must not contain a NUL");
    cr_expect_str_eq(read_object("{\"name\":\"a\",\"nick\":{},\"count\":1}"), "nick: must be text in quotes");
    cr_expect_str_eq(read_object("{\"name\":\"a\"}"), "count: is missing");
    for (size_t i = 0; i < 9; i++) {
        static const char *const counts[] = {"0", "10", "1.0", "1e0", "\"1\"", "null", "true", "[1]", "-1"};
        char *text = arena_format(&arena, "{\"name\":\"a\",\"count\":%s}", counts[i]);
        cr_expect_str_eq(read_object(text), "count: must be a whole number from 1 to 9", "%s", text);
    }
    cr_expect_str_eq(read_object("[]"), "must be a JSON object");
    cr_expect_str_eq(read_object("7"), "must be a JSON object");
    cr_expect(strstr(read_object("{"), "not JSON") != NULL);
}

Test(fields, a_field_that_does_not_exist_goes_before_one_that_is_missing)
{
    cr_expect_str_eq(read_object("{\"nme\":\"a\",\"count\":1}"), "nme: there is no such field; did you mean name?");
    cr_expect_str_eq(read_object("{\"name\":\"a\",\"count\":1,\"zzzzz\":1}"),
                     "zzzzz: there is no such field; the fields are name, nick, count, extra");
    cr_expect_str_eq(read_object("{\"name\":\"a\",\"count\":1,\"z\\u001b[2J\":1}"),
                     "z?[2J: there is no such field; the fields are name, nick, count, extra");
    cr_expect_str_eq(read_object("{\"Name\":\"a\",\"count\":1}"), "Name: there is no such field; did you mean name?");
}

Test(fields, whole_numbers_have_64_bits)
{
    int64_t number = 5;
    cr_expect(fields_whole(bytes_of_text("9223372036854775807"), &number) && number == INT64_MAX);
    cr_expect(fields_whole(bytes_of_text("-9223372036854775808"), &number) && number == INT64_MIN);
    cr_expect_not(fields_whole(bytes_of_text("9223372036854775808"), &number));
    cr_expect_not(fields_whole(bytes_of_text("-9223372036854775809"), &number));
    cr_expect_not(fields_whole(bytes_of_text("-"), &number));
    cr_expect_not(fields_whole(bytes_of_text(""), &number));
    cr_expect_not(fields_whole(bytes_of_text("1.0"), &number));
}
