#include <criterion/criterion.h>
#include <string.h>

#include "tools/gridctl/input/map_line.h"

static struct arena arena;

static void begin(void)
{
    arena_init(&arena, 1024);
}

static void end(void)
{
    arena_close(&arena);
}

TestSuite(map_line, .init = begin, .fini = end);

static const char *load(const char *text, struct map_line *line)
{
    const char *reason = "good";
    map_line_load(bytes_of_text(text), &arena, line, &reason);
    return reason;
}

static const char *batch(const char *text, struct map_line *line)
{
    const char *reason = "good";
    map_line_batch(bytes_of_text(text), &arena, line, &reason);
    return reason;
}

static bool is(struct grid_bytes bytes, const char *text)
{
    return bytes_equal(bytes_of(bytes.data, bytes.size), bytes_of_text(text));
}

static void refuses_batch(const char *text, const char *expected)
{
    struct map_line line;
    const char *reason = batch(text, &line);
    cr_expect_not_null(strstr(reason, expected), "%s: '%s' does not say '%s'", text, reason, expected);
}

static void refuses_load(const char *text, const char *expected)
{
    struct map_line line;
    const char *reason = load(text, &line);
    cr_expect_not_null(strstr(reason, expected), "%s: '%s' does not say '%s'", text, reason, expected);
}

Test(map_line, stores_json_byte_for_byte)
{
    static const char *const values[] = {"19.95", "123456789012345678.9", "{\"a\": [1, 2.50 ] }", "1e999", "null", "true", "[]"};
    struct map_line line;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cr_expect_str_eq(load(arena_format(&arena, "{\"key\":\"k\",\"value\": %s }", values[i]), &line), "good");
        cr_expect(is(line.operation.value, values[i]), "%s", values[i]);
        cr_expect_str_eq(batch(arena_format(&arena, "{\"op\":\"replace-if-same\",\"key\":\"k\",\"value\":%s,\"expectedValue\":%s}",
                                            values[i], values[i]), &line), "good");
        cr_expect(is(line.operation.value, values[i]) && is(line.operation.expected_value, values[i]), "%s", values[i]);
    }
    cr_expect_str_eq(load("{\"key\":\"k\",\"value\":\"19.95\"}", &line), "good");
    cr_expect(is(line.operation.value, "19.95"), "text is stored as that text");
    cr_expect_str_eq(load("{\"key\":\"a\\u0000b\",\"value\":\"\"}", &line), "good");
    cr_expect_eq(line.operation.key.key.size, 3);
    cr_expect_eq(line.operation.value.size, 0);
}

Test(map_line, reads_what_a_load_takes)
{
    struct map_line line;
    cr_expect_str_eq(load("{\"key\":\"k\",\"value\":\"v\"}", &line), "good");
    cr_expect(line.operation.kind == GRID_SET && is(line.operation.key.key, "k") && !line.has_affinity && line.operation.ttl_ms == 0);
    cr_expect_str_eq(load("{\"ttlMs\":\"1h30m\",\"affinity\":\"a\",\"value\":\"v\",\"key\":\"k\"}", &line), "good");
    cr_expect(is(line.operation.key.affinity, "a") && line.has_affinity && line.operation.ttl_ms == 5400000);
    cr_expect_str_eq(load("{\"key\":\"k\",\"value\":\"v\",\"ttlMs\":\"none\",\"affinity\":\"\"}", &line), "good");
    cr_expect(line.operation.ttl_ms == GRID_TTL_NONE && line.has_affinity);
    refuses_load("{\"key\":7,\"value\":\"x\"}", "key: must be text");
    refuses_load("{\"key\":\"\",\"value\":\"x\"}", "key: must not be empty");
    refuses_load("{\"key\":null,\"value\":\"x\"}", "key: must be text");
    refuses_load("{\"key\":\"k\"}", "value: is missing");
    refuses_load("{\"key\":\"k\",\"value\":1,\"value\":2}", "value: is given twice");
    refuses_load("{\"key\":\"k\",\"value\":1,\"affinity\":null}", "affinity: must be text");
    refuses_load("{\"key\":\"k\",\"value\":1,\"ttl\":50}", "ttl: there is no such field; did you mean ttlMs?");
    refuses_load("{\"key\":\"k\",\"value\":1,\"op\":\"set\"}", "op: there is no such field");
    refuses_load("{\"key\":\"k\",\"value\":1,\"version\":5}", "version: there is no such field");
    refuses_load("nonsense", "not JSON");
    refuses_load("[]", "must be a JSON object");
}

Test(map_line, an_operation_has_the_fields_that_it_takes)
{
    struct map_line line;
    cr_expect_str_eq(batch("{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"ttlMs\":50,\"map\":\"m\"}", &line), "good");
    cr_expect(line.operation.kind == GRID_SET && line.operation.ttl_ms == 50 && strcmp(line.operation.map, "m") == 0);
    cr_expect_str_eq(batch("{\"op\":\"put-if-absent\",\"key\":\"k\",\"value\":\"v\"}", &line), "good");
    cr_expect_str_eq(batch("{\"op\":\"replace\",\"key\":\"k\",\"value\":\"v\"}", &line), "good");
    cr_expect(line.operation.kind == GRID_REPLACE && line.operation.map == NULL);
    cr_expect_str_eq(batch("{\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\",\"expectedVersion\":0}", &line), "good");
    cr_expect_str_eq(batch("{\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\",\"expectedVersion\":7}", &line), "good");
    cr_expect(line.operation.kind == GRID_COMPARE_AND_SET && line.operation.expected_version == 7);
    cr_expect_str_eq(batch("{\"op\":\"remove\",\"key\":\"k\"}", &line), "good");
    cr_expect_str_eq(batch("{\"op\":\"remove-if-same\",\"key\":\"k\",\"expectedValue\":\"v\"}", &line), "good");
    cr_expect(line.operation.kind == GRID_REMOVE_IF_SAME && is(line.operation.expected_value, "v"));
    cr_expect_str_eq(batch("{\"op\":\"remove-if-version\",\"key\":\"k\",\"expectedVersion\":9}", &line), "good");
    cr_expect_str_eq(batch("{\"op\":\"set-ttl\",\"key\":\"k\",\"ttlMs\":\"none\"}", &line), "good");
    cr_expect(line.operation.kind == GRID_SET_TTL && line.operation.ttl_ms == GRID_TTL_NONE);
    cr_expect_str_eq(batch("{\"op\":\"check-version\",\"key\":\"k\",\"expectedVersion\":0}", &line), "good");
    cr_expect_eq(line.operation.kind, GRID_CHECK_VERSION);
}

Test(map_line, refuses_fields_of_other_operations)
{
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"expectedVersion\":7}", "expectedVersion: does not belong to set");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"expectedValue\":7}", "expectedValue: does not belong to set");
    refuses_batch("{\"op\":\"remove\",\"key\":\"k\",\"expectedValue\":\"v\"}", "expectedValue: does not belong to remove");
    refuses_batch("{\"op\":\"remove\",\"key\":\"k\",\"value\":\"v\"}", "value: does not belong to remove");
    refuses_batch("{\"op\":\"remove\",\"key\":\"k\",\"ttlMs\":5}", "ttlMs: does not belong to remove");
    refuses_batch("{\"op\":\"set-ttl\",\"key\":\"k\",\"value\":\"v\",\"ttlMs\":5}", "value: does not belong to set-ttl");
    refuses_batch("{\"op\":\"check-version\",\"key\":\"k\",\"expectedVersion\":1,\"ttlMs\":5}", "ttlMs: does not belong");
}

Test(map_line, refuses_fields_that_are_missing_or_unknown)
{
    refuses_batch("{\"op\":\"set\",\"key\":\"k\"}", "value: is missing, which set needs");
    refuses_batch("{\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\"}", "expectedVersion: is missing, which cas needs");
    refuses_batch("{\"op\":\"replace-if-same\",\"key\":\"k\",\"value\":\"v\"}", "expectedValue: is missing");
    refuses_batch("{\"op\":\"set-ttl\",\"key\":\"k\"}", "ttlMs: is missing");
    refuses_batch("{\"op\":\"remove-if-version\",\"key\":\"k\"}", "expectedVersion: is missing");
    refuses_batch("{\"op\":\"set\",\"value\":\"v\"}", "key: is missing");
    refuses_batch("{\"key\":\"k\",\"value\":\"v\"}", "op: is missing");
    refuses_batch("{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\"}", "op: \"put\" is no operation; did you mean put-if-absent?");
    refuses_batch("{\"op\":\"swap\",\"key\":\"k\"}", "is no operation; it is one of set, put-if-absent");
    refuses_batch("{\"op\":7,\"key\":\"k\"}", "op: 7 is no operation");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"ttl\":50}", "ttl: there is no such field; did you mean ttlMs?");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"vlaue\":\"v\"}", "vlaue: there is no such field; did you mean value?");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"op\":\"remove\"}", "op: is given twice");
}

Test(map_line, refuses_fields_of_another_type)
{
    static const char *const versions[] = {"\"7\"", "1.5", "-1", "7e0", "null", "true", "99999999999999999999"};
    static const char *const ttls[] = {"\"50\"", "0", "-1", "1.5", "\"\"", "\"10x\"", "\"0s\"", "null", "[]", "99999999999999999999",
                                       "3162240000001", "\"36601d\""};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        refuses_batch(arena_format(&arena, "{\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\",\"expectedVersion\":%s}", versions[i]),
                      "expectedVersion: must be a whole number");
    for (size_t i = 0; i < sizeof ttls / sizeof *ttls; i++)
        refuses_batch(arena_format(&arena, "{\"op\":\"set\",\"key\":\"k\",\"value\":\"v\",\"ttlMs\":%s}", ttls[i]),
                      "ttlMs: must be a number of milliseconds");
    refuses_batch("{\"op\":\"remove-if-version\",\"key\":\"k\",\"expectedVersion\":0}", "must be a whole number from 1");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":1,\"map\":7}", "map: must be text");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":1,\"map\":\"\"}", "map: must not be empty");
    refuses_batch("{\"op\":\"set\",\"key\":\"k\",\"value\":1,\"map\":\"a\\u0000b\"}", "map: must not contain a NUL");
    refuses_batch("{\"op\":\"set\",\"key\":{},\"value\":1}", "key: must be text");
}
