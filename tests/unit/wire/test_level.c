#include <criterion/criterion.h>
#include <string.h>

#include "grid/wire/level.h"
#include "grid/wire/protobuf_wire.h"
#include "tests/support/random_message.h"

#define TEXT(text) bytes_of_text(text)

static struct level_need scan(const struct command *command)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    struct level_need need = level_scan(buffer_bytes(&encoded));
    buffer_close(&encoded);
    return need;
}

static const struct message_codec *commands(void)
{
    for (size_t i = 0; i < MESSAGE_CODECS_COUNT; i++)
        if (strcmp(MESSAGE_CODECS[i].name, "Command") == 0)
            return &MESSAGE_CODECS[i];
    cr_assert(false);
    return NULL;
}

/* Otherwise a node would take a command at its door and stop at it in its log. */
Test(level, knows_every_command_that_the_codec_knows)
{
    struct prng prng;
    struct arena arena;
    uint32_t seen[LEVEL_BEYOND + 1] = {0};
    prng_init(&prng, 7);
    arena_init(&arena, 4096);
    for (int round = 0; round < 20000; round++) {
        struct buffer encoded = {0};
        commands()->random(&prng, &arena, &encoded);
        struct level_need need = level_scan(buffer_bytes(&encoded));
        cr_assert_leq(need.level, (uint32_t)LEVEL_LAST, "field %u of %s", need.field, need.message);
        seen[need.level]++;
        buffer_close(&encoded);
        arena_reset(&arena);
    }
    for (uint32_t level = LEVEL_FIRST; level <= LEVEL_LAST; level++)
        cr_assert_gt(seen[level], 0u);
    arena_close(&arena);
}

Test(level, of_version_0_1_0_is_1)
{
    struct command set = {.session = 1, .sequence = 2, .kind = COMMAND_MAP,
                          .map = {.operation = MAP_SET, .map = TEXT("m"), .key = TEXT("k"), .value = TEXT("v")}};
    struct command service = {.session = 1, .sequence = 2, .kind = COMMAND_SERVICE,
                              .service = {.service = 1, .type = 1, .key = TEXT("k"), .trace = {.traceparent = TEXT("t")}}};
    struct command tick = {.kind = COMMAND_TICK};
    cr_assert_eq(scan(&set).level, 1u);
    cr_assert_eq(scan(&service).level, 1u);
    cr_assert_eq(scan(&tick).level, 1u);
}

Test(level, of_who_acts_for_whom_is_2)
{
    struct link_message message = {.sequence = 1, .command = {.service = 1, .type = 1, .key = TEXT("k")}};
    struct command deliver = {.kind = COMMAND_DELIVER, .deliver = {.source = 1, .incarnation = 1, .messages = &message, .messages_count = 1}};
    struct command set = {.session = 1, .sequence = 2, .kind = COMMAND_MAP, .act_as = TEXT("somebody"),
                          .map = {.operation = MAP_SET, .map = TEXT("m"), .key = TEXT("k")}};
    cr_assert_eq(scan(&set).level, 2u);
    cr_assert_eq(scan(&deliver).level, 1u);
    message.principal = TEXT("somebody");
    cr_assert_eq(scan(&deliver).level, 2u);
}

Test(level, is_needed_that_a_command_names)
{
    struct command raise = {.session = 1, .sequence = 1, .kind = COMMAND_RAISE_LEVEL, .raise_level = {200}};
    struct command genesis = {.kind = COMMAND_GENESIS, .genesis = {.partitions = 4, .level = LEVEL_LAST + 1}};
    cr_assert_eq(scan(&raise).level, 200u);
    raise.raise_level.level = 4000000000u;
    cr_assert_eq(scan(&raise).level, (uint32_t)LEVEL_MOST);
    raise.raise_level.level = 1;
    cr_assert_eq(scan(&raise).level, 1u);
    cr_assert_eq(scan(&genesis).level, (uint32_t)LEVEL_LAST + 1);
}

static void is_beyond(const struct buffer *command, const char *message, uint32_t field)
{
    struct level_need need = level_scan(buffer_bytes(command));
    cr_assert_eq(need.level, (uint32_t)LEVEL_BEYOND, "field %u of %s", field, message);
    cr_assert_str_eq(need.message, message);
    cr_assert_eq(need.field, field);
}

Test(level, names_the_kind_or_field_or_number_that_is_newer)
{
    struct buffer command = {0};
    wire_nested_end(&command, wire_nested_begin(&command, 40, 0));
    is_beyond(&command, "Command", 40);
    buffer_clear(&command);
    wire_put_u64(&command, 1, 1);
    wire_put_u64(&command, 6, 1);
    is_beyond(&command, "Command", 6);
    buffer_clear(&command);
    struct wire_nested map = wire_nested_begin(&command, COMMAND_MAP, 0);
    wire_put_u64(&command, 1, MAP_SET);
    wire_put_u64(&command, 9, 5);
    wire_nested_end(&command, map);
    is_beyond(&command, "MapCommand", 9);
    buffer_clear(&command);
    map = wire_nested_begin(&command, COMMAND_MAP, 0);
    wire_put_u64(&command, 1, MAP_OPERATION_LAST + 1);
    wire_nested_end(&command, map);
    is_beyond(&command, "MapCommand", 1);
    buffer_clear(&command);
    struct wire_nested deliver = wire_nested_begin(&command, COMMAND_DELIVER, 0), message = wire_nested_begin(&command, 4, 0),
                       service = wire_nested_begin(&command, 2, 0), trace = wire_nested_begin(&command, 6, 0);
    wire_put_u64(&command, 5, 1);
    wire_nested_end(&command, trace);
    wire_nested_end(&command, service);
    wire_nested_end(&command, message);
    wire_nested_end(&command, deliver);
    is_beyond(&command, "TraceContext", 5);
    buffer_close(&command);
}

/* A number that no field of today's messages can have, of a wire type that today's messages do not use. */
Test(level, is_beyond_at_a_number_above_63_and_a_type_of_tomorrow)
{
    static const uint8_t field_100[] = {0xa0, 0x06, 0x01}, fixed32[] = {0x3d, 1, 2, 3, 4};
    cr_assert_eq(level_scan(bytes_of(field_100, sizeof field_100)).level, (uint32_t)LEVEL_BEYOND);
    cr_assert_eq(level_scan(bytes_of(field_100, sizeof field_100)).field, 100u);
    cr_assert_eq(level_scan(bytes_of(fixed32, sizeof fixed32)).field, 7u);
}

/* It stays what it was: counted and answered as malformed, by every version alike. */
Test(level, of_damage_is_1)
{
    static const uint8_t field_0[] = {0x00, 0x01}, cut[] = {0x62, 0x09, 0x08}, endless[] = {0x08, 0x80, 0x80}, wrong_type[] = {0x60, 0x01};
    cr_assert_eq(level_scan(BYTES_NONE).level, 1u);
    cr_assert_eq(level_scan(bytes_of(field_0, sizeof field_0)).level, 1u);
    cr_assert_eq(level_scan(bytes_of(cut, sizeof cut)).level, 1u);
    cr_assert_eq(level_scan(bytes_of(endless, sizeof endless)).level, 1u);
    cr_assert_eq(level_scan(bytes_of(wrong_type, sizeof wrong_type)).level, 1u);
}

/* What the decoder takes is of a level, and what is of no level the decoder refuses: also among damaged commands. */
Test(level, agrees_with_the_decoder_about_damaged_commands)
{
    struct prng prng;
    struct arena arena;
    uint32_t taken = 0, beyond = 0;
    prng_init(&prng, 11);
    arena_init(&arena, 4096);
    for (int round = 0; round < 40000; round++) {
        struct buffer encoded = {0};
        struct command command;
        commands()->random(&prng, &arena, &encoded);
        if (encoded.size > 0)
            encoded.data[prng_u64(&prng) % encoded.size] = (uint8_t)prng_u64(&prng);
        bool is_taken = command_decode(buffer_bytes(&encoded), &arena, &command) == GRID_ERR_OK;
        bool is_beyond = level_scan(buffer_bytes(&encoded)).level == LEVEL_BEYOND;
        cr_assert(!(is_taken && is_beyond), "round %d", round);
        taken += is_taken;
        beyond += is_beyond;
        buffer_close(&encoded);
        arena_reset(&arena);
    }
    cr_assert_gt(taken, 100u);
    cr_assert_gt(beyond, 100u);
    arena_close(&arena);
}
