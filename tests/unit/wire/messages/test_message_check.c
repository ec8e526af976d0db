#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/wire/messages/message_check.h"

#define B(text) bytes_of_text(text)

static uint8_t zeros[VALUE_BYTES_MAX + 1];

static struct command a_set(void)
{
    return (struct command){.session = 1, .sequence = 1, .kind = COMMAND_MAP,
                            .map = {.operation = MAP_SET, .map = B("m"), .key = B("k"), .value = B("v")}};
}

static struct command a_service_command(void)
{
    return (struct command){.session = 1, .sequence = 1, .kind = COMMAND_SERVICE,
                            .service = {.service = 3, .type = 1, .key = B("k")}};
}

static enum grid_err check(struct command command)
{
    const char *text = NULL;
    enum grid_err err = message_check_command(&command, &text);
    cr_assert_not_null(text);
    cr_expect_eq(err == GRID_ERR_OK, text[0] == 0, "a refusal says why");
    return err;
}

Test(message_check, lets_good_commands_pass)
{
    cr_expect_eq(check(a_set()), GRID_ERR_OK);
    cr_expect_eq(check(a_service_command()), GRID_ERR_OK);
    cr_expect_eq(check((struct command){.kind = COMMAND_OPEN_SESSION}), GRID_ERR_OK);
    cr_expect_eq(check((struct command){.kind = COMMAND_CLOSE_SESSION, .session = 4}), GRID_ERR_OK);
}

Test(message_check, denies_commands_that_only_nodes_make)
{
    static const enum command_kind kinds[] = {COMMAND_GENESIS, COMMAND_DELIVER, COMMAND_ACKNOWLEDGE,
                                              COMMAND_ACTIVITY_RESULT, COMMAND_TICK, COMMAND_REGISTER};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        cr_expect_eq(check((struct command){.kind = kinds[i], .session = 1, .sequence = 1}), GRID_ERR_DENIED);
}

Test(message_check, writes_need_a_session_and_a_sequence)
{
    struct command command = a_set();
    command.session = 0;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command = a_service_command();
    command.sequence = 0;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command = a_set();
    command.acknowledged_below = 2;
    cr_expect_eq(check(command), GRID_ERR_INVALID, "acknowledges itself");
    cr_expect_eq(check((struct command){.kind = COMMAND_CLOSE_SESSION}), GRID_ERR_INVALID);
    cr_expect_eq(check((struct command){.kind = COMMAND_OPEN_SESSION, .session = 1}), GRID_ERR_INVALID);
}

Test(message_check, holds_sizes_to_their_bounds)
{
    struct command command = a_set();
    command.map.key = bytes_of(zeros, KEY_BYTES_MAX);
    command.map.affinity = bytes_of(zeros, KEY_BYTES_MAX);
    command.map.value = bytes_of(zeros, VALUE_BYTES_MAX);
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.map.value.size++;
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "value");
    command = a_set();
    command.map.key = bytes_of(zeros, KEY_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "key");
    command.map.key = BYTES_NONE;
    cr_expect_eq(check(command), GRID_ERR_INVALID, "no key");
    command = a_set();
    command.map.affinity = bytes_of(zeros, KEY_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "affinity");
    command = a_service_command();
    command.service.body = bytes_of(zeros, VALUE_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "body");
    command = a_service_command();
    command.service.trace.flow_id = bytes_of(zeros, KEY_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "trace");
}

Test(message_check, map_names_have_a_fixed_alphabet)
{
    struct command command = a_set();
    command.map.map = B("Orders-2_archive.v1");
    cr_expect_eq(check(command), GRID_ERR_OK);
    static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        command.map.map = B(bad[i]);
        cr_expect_eq(check(command), GRID_ERR_INVALID, "'%s'", bad[i]);
    }
    char name[MAP_NAME_BYTES_MAX + 1];
    memset(name, 'a', sizeof name);
    command.map.map = bytes_of(name, MAP_NAME_BYTES_MAX);
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.map.map = bytes_of(name, MAP_NAME_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE);
}

Test(message_check, nobody_writes_the_maps_of_the_pipeline)
{
    static const char *const names[] = {"order.events", "order.view", "order.completions", "order.pending", ".view"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct command command = a_set();
        command.map.map = B(names[i]);
        cr_expect_eq(check(command), GRID_ERR_DENIED, "%s", names[i]);
        struct query query = {.kind = QUERY_GET, .map = B(names[i]), .key = B("k")};
        const char *text;
        cr_expect_eq(message_check_query(&query, &text), GRID_ERR_OK, "%s can be read", names[i]);
    }
    struct command command = a_set();
    command.map.map = B("order.viewer");
    cr_expect_eq(check(command), GRID_ERR_OK);
}

Test(message_check, services_are_named_by_number)
{
    struct command command = a_service_command();
    command.service.service = 0;
    cr_expect_eq(check(command), GRID_ERR_NOT_SUPPORTED);
    command.service.service = 1000;
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.service.type = 0;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
}

Test(message_check, holds_queries_to_their_bounds)
{
    const char *text;
    struct query get = {.kind = QUERY_GET, .map = B("m"), .key = B("k")};
    cr_expect_eq(message_check_query(&get, &text), GRID_ERR_OK);
    get.key = BYTES_NONE;
    cr_expect_eq(message_check_query(&get, &text), GRID_ERR_INVALID);
    struct query size = {.kind = QUERY_SIZE, .map = BYTES_NONE};
    cr_expect_eq(message_check_query(&size, &text), GRID_ERR_INVALID);
    struct query scan = {.kind = QUERY_SCAN, .map = B("m"), .limit = SCAN_PAGE_MAX,
                         .cursor_key = bytes_of(zeros, 2 * KEY_BYTES_MAX + 2)};
    cr_expect_eq(message_check_query(&scan, &text), GRID_ERR_OK);
    scan.limit++;
    cr_expect_eq(message_check_query(&scan, &text), GRID_ERR_INVALID);
    scan.limit = 0;
    scan.cursor_key.size++;
    cr_expect_eq(message_check_query(&scan, &text), GRID_ERR_TOO_LARGE);
    scan.cursor_key = BYTES_NONE;
    scan.key_prefix = bytes_of(zeros, KEY_BYTES_MAX + 1);
    cr_expect_eq(message_check_query(&scan, &text), GRID_ERR_TOO_LARGE);
}

Test(message_check, a_batch_is_of_one_affinity_and_names_an_entry_once)
{
    struct map_command operations[] = {
        {.operation = MAP_SET, .map = B("m"), .key = B("a"), .affinity = B("x")},
        {.operation = MAP_CHECK_VERSION, .map = B("m"), .key = B("b"), .affinity = B("x")},
        {.operation = MAP_REMOVE, .map = B("n"), .key = B("a"), .affinity = B("x")}};
    struct command command = {.session = 1, .sequence = 1, .kind = COMMAND_BATCH, .batch = {operations, 3}};
    cr_expect_eq(check(command), GRID_ERR_OK);
    operations[1].affinity = B("y");
    cr_expect_eq(check(command), GRID_ERR_INVALID, "another affinity");
    operations[1].affinity = B("x");
    operations[2].map = B("m");
    cr_expect_eq(check(command), GRID_ERR_INVALID, "an entry twice");
    operations[2].map = B("order.view");
    cr_expect_eq(check(command), GRID_ERR_DENIED);
    command.batch.operations_count = 0;
    cr_expect_eq(check(command), GRID_ERR_INVALID, "nothing");
    command = (struct command){.session = 1, .sequence = 1, .kind = COMMAND_MAP, .map = operations[1]};
    cr_expect_eq(check(command), GRID_ERR_INVALID, "a condition alone");
}

Test(message_check, a_batch_is_held_to_its_bounds)
{
    static struct map_command operations[BATCH_OPERATIONS_MAX + 1];
    static char keys[BATCH_OPERATIONS_MAX + 1][8];
    struct command command = {.session = 1, .sequence = 1, .kind = COMMAND_BATCH, .batch = {operations, BATCH_OPERATIONS_MAX}};
    for (size_t i = 0; i <= BATCH_OPERATIONS_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "k%zu", i);
        operations[i] = (struct map_command){.operation = MAP_SET, .map = B("m"), .key = B(keys[i]), .affinity = B("x")};
    }
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.batch.operations_count++;
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "operations");
    command.batch.operations_count = 3;
    for (size_t i = 0; i < 3; i++)
        operations[i].value = bytes_of(zeros, VALUE_BYTES_MAX);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE, "bytes together");
}

Test(message_check, holds_ttl_and_settings_to_their_bounds)
{
    struct command command = a_set();
    command.map.ttl_ms = TTL_MS_MAX;
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.map.ttl_ms++;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command.map.ttl_ms = MAP_TTL_NONE;
    cr_expect_eq(check(command), GRID_ERR_OK);
    command = (struct command){.session = 1, .sequence = 1, .kind = COMMAND_CONFIGURE, .configure = {.map = B("m")}};
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.configure.settings.journal.entries_max = JOURNAL_ENTRIES_MOST + 1;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command.configure.settings = (struct map_settings){.ttl_ms = TTL_MS_MAX + 1};
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command.configure.settings = (struct map_settings){.entries_max = 1};
    command.configure.map = B("order.events");
    cr_expect_eq(check(command), GRID_ERR_DENIED);
    command = (struct command){.session = 1, .sequence = 1, .kind = COMMAND_CLEAR, .clear = {B("order.events")}};
    cr_expect_eq(check(command), GRID_ERR_DENIED);
}

Test(message_check, idempotency_keys_belong_to_writes_and_have_a_hash)
{
    struct command command = a_set();
    command.idempotency = (struct idempotency){.tenant = B("t"), .key = B("k"), .request_hash = B("h")};
    cr_expect_eq(check(command), GRID_ERR_OK);
    command.idempotency.request_hash = BYTES_NONE;
    cr_expect_eq(check(command), GRID_ERR_INVALID);
    command.idempotency.request_hash = bytes_of(zeros, IDEMPOTENCY_HASH_BYTES_MAX + 1);
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE);
    command.idempotency = (struct idempotency){.key = bytes_of(zeros, IDEMPOTENCY_TEXT_BYTES_MAX + 1), .request_hash = B("h")};
    cr_expect_eq(check(command), GRID_ERR_TOO_LARGE);
    command = (struct command){.session = 1, .sequence = 1, .kind = COMMAND_CLEAR, .clear = {B("m")},
                               .idempotency = {.key = B("k"), .request_hash = B("h")}};
    cr_expect_eq(check(command), GRID_ERR_INVALID);
}

Test(message_check, an_absent_affinity_is_the_key)
{
    cr_expect(bytes_equal(message_affinity(B("k"), BYTES_NONE), B("k")));
    cr_expect(bytes_equal(message_affinity(B("k"), B("a")), B("a")));
}
