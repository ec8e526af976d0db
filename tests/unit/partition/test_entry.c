#include "grid/partition/entry.h"

#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/limits.h"

static void build(struct buffer *entry)
{
    entry_begin(entry, LEVEL_FIRST);
    entry_add(entry, bytes_of_text("first"));
    entry_add(entry, BYTES_NONE);
    entry_add(entry, bytes_of_text("third"));
    entry_seal(entry, 0x0102030405060708, 99);
}

static enum grid_err open_changed(const struct buffer *entry, size_t at, uint8_t value)
{
    struct buffer changed = {0};
    struct entry_header header;
    struct reader commands;
    buffer_append(&changed, buffer_bytes(entry));
    changed.data[at] = value;
    enum grid_err err = entry_open(buffer_bytes(&changed), &header, &commands);
    buffer_close(&changed);
    return err;
}

/* docs/formats/entry.md gives this entry byte by byte. */
Test(entry, has_the_documented_bytes)
{
    static const uint8_t EXPECTED[] = {
        1, 1, 0, 0, 2, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, 0xd0, 7, 0, 0, 0, 0, 0, 0, /* header */
        2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0,
    };
    struct buffer entry = {0};
    entry_begin(&entry, LEVEL_FIRST);
    entry_add(&entry, bytes_of_text("hi"));
    entry_add(&entry, BYTES_NONE);
    entry_seal(&entry, 1000, 2000);
    cr_assert(bytes_equal(buffer_bytes(&entry), bytes_of(EXPECTED, sizeof EXPECTED)));
    buffer_close(&entry);
}

Test(entry, gives_back_what_was_packed)
{
    struct buffer entry = {0};
    struct entry_header header;
    struct reader commands;
    struct bytes command;
    cr_assert_eq(entry_commands(&entry), 0);
    build(&entry);
    cr_assert_eq(entry_commands(&entry), 3);
    cr_assert_eq(entry_open(buffer_bytes(&entry), &header, &commands), GRID_ERR_OK);
    cr_assert(header.commands == 3 && header.log_time_ms == 0x0102030405060708 && header.wall_time_ms == 99);
    cr_assert(entry_next(&commands, &command) && bytes_equal(command, bytes_of_text("first")));
    cr_assert(entry_next(&commands, &command) && command.size == 0);
    cr_assert(entry_next(&commands, &command) && bytes_equal(command, bytes_of_text("third")));
    cr_assert_not(entry_next(&commands, &command));
    buffer_close(&entry);
}

Test(entry, refuses_every_shorter_and_longer_form)
{
    struct buffer entry = {0};
    struct entry_header header;
    struct reader commands;
    build(&entry);
    for (size_t size = 0; size < entry.size; size++)
        cr_assert_eq(entry_open(bytes_of(entry.data, size), &header, &commands), GRID_ERR_MALFORMED);
    buffer_append_u8(&entry, 0);
    cr_assert_eq(entry_open(buffer_bytes(&entry), &header, &commands), GRID_ERR_MALFORMED);
    buffer_close(&entry);
}

Test(entry, refuses_other_versions_counts_and_times)
{
    struct buffer entry = {0};
    build(&entry);
    cr_assert_eq(open_changed(&entry, 0, ENTRY_FORMAT_VERSION), GRID_ERR_OK);
    cr_assert_eq(open_changed(&entry, 0, ENTRY_FORMAT_VERSION + 1), GRID_ERR_MALFORMED);
    cr_assert_eq(open_changed(&entry, 1, LEVEL_LAST + 1), GRID_ERR_MALFORMED);
    cr_assert_eq(open_changed(&entry, 2, 1), GRID_ERR_MALFORMED);
    cr_assert_eq(open_changed(&entry, 3, 1), GRID_ERR_MALFORMED);
    cr_assert_eq(open_changed(&entry, 4, 2), GRID_ERR_MALFORMED, "fewer commands than there are");
    cr_assert_eq(open_changed(&entry, 4, 4), GRID_ERR_MALFORMED, "more commands than there are");
    cr_assert_eq(open_changed(&entry, 4, 0), GRID_ERR_MALFORMED, "no commands");
    cr_assert_eq(open_changed(&entry, 7, 0x80), GRID_ERR_MALFORMED, "far more commands than an entry may have");
    cr_assert_eq(open_changed(&entry, 15, 0x80), GRID_ERR_MALFORMED, "a time at which adding would overflow");
    cr_assert_eq(open_changed(&entry, 24, 6), GRID_ERR_MALFORMED, "a command that runs into its neighbour");
    buffer_close(&entry);
}

Test(entry, takes_as_many_commands_as_allowed_and_refuses_more)
{
    struct buffer entry = {0};
    struct entry_header header;
    struct reader commands;
    entry_begin(&entry, LEVEL_FIRST);
    for (unsigned i = 0; i < ENTRY_COMMANDS_MAX; i++)
        entry_add(&entry, BYTES_NONE);
    entry_seal(&entry, 1, 1);
    cr_assert_eq(entry_open(buffer_bytes(&entry), &header, &commands), GRID_ERR_OK);
    buffer_append_u32(&entry, 0);
    put_u32(entry.data + 4, ENTRY_COMMANDS_MAX + 1);
    cr_assert_eq(entry_open(buffer_bytes(&entry), &header, &commands), GRID_ERR_MALFORMED);
    buffer_close(&entry);
}

/* ---- newer than this version */

static enum entry_newness newness_of(struct buffer *entry, size_t at, uint8_t value, uint32_t level_max, struct level_need *ret_need)
{
    uint8_t before = entry->data[at];
    entry->data[at] = value;
    enum entry_newness newness = entry_newness(buffer_bytes(entry), level_max, ret_need);
    entry->data[at] = before;
    return newness;
}

static void begin_with(struct buffer *entry, const struct command *command)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    buffer_clear(entry);
    entry_begin(entry, LEVEL_FIRST);
    entry_add(entry, buffer_bytes(&encoded));
    entry_seal(entry, 1, 1);
    buffer_close(&encoded);
}

Test(entry, is_newer_by_its_format_or_level)
{
    struct buffer entry = {0};
    struct level_need need;
    begin_with(&entry, &(struct command){.kind = COMMAND_TICK});
    cr_assert_eq(entry_newness(buffer_bytes(&entry), LEVEL_LAST, &need), ENTRY_KNOWN);
    cr_assert_eq(newness_of(&entry, 0, 2, LEVEL_LAST, &need), ENTRY_NEWER_FORMAT);
    cr_assert_eq(need.level, 2u);
    cr_assert_eq(newness_of(&entry, 0, 0, LEVEL_LAST, &need), ENTRY_KNOWN, "no version ever wrote it: damage");
    cr_assert_eq(newness_of(&entry, 1, 0, LEVEL_LAST, &need), ENTRY_KNOWN, "likewise");
    cr_assert_eq(newness_of(&entry, 1, LEVEL_LAST, LEVEL_LAST, &need), ENTRY_KNOWN);
    cr_assert_eq(newness_of(&entry, 1, LEVEL_LAST + 1, LEVEL_LAST, &need), ENTRY_NEWER_LEVEL);
    cr_assert_eq(need.level, (uint32_t)LEVEL_LAST + 1);
    cr_assert_eq(newness_of(&entry, 1, 2, 1, &need), ENTRY_NEWER_LEVEL, "an older version");
    buffer_close(&entry);
}

Test(entry, is_newer_by_any_of_its_commands)
{
    struct buffer entry = {0}, text = {0};
    struct level_need need;
    begin_with(&entry, &(struct command){.session = 1, .sequence = 1, .kind = COMMAND_RAISE_LEVEL, .raise_level = {2}});
    cr_assert_eq(entry_newness(buffer_bytes(&entry), 2, &need), ENTRY_KNOWN);
    cr_assert_eq(entry_newness(buffer_bytes(&entry), 1, &need), ENTRY_NEWER_LEVEL);
    entry_newness_text(ENTRY_NEWER_LEVEL, &need, 1, &text);
    cr_assert(bytes_equal(buffer_bytes(&text), bytes_of_text("this entry needs level 2, this version supports up to 1")));
    static const uint8_t unknown_kind[] = {0xc2, 0x02, 0x00};
    begin_with(&entry, &(struct command){.kind = COMMAND_TICK});
    entry_add(&entry, bytes_of(unknown_kind, sizeof unknown_kind));
    cr_assert_eq(entry_newness(buffer_bytes(&entry), LEVEL_LAST, &need), ENTRY_NEWER_FIELD);
    cr_assert_eq(need.field, 40u);
    buffer_close(&entry);
    buffer_close(&text);
}

/* The readable part of a damaged entry is not trusted. */
Test(entry, that_is_damaged_is_not_newer)
{
    struct buffer entry = {0};
    struct level_need need;
    begin_with(&entry, &(struct command){.session = 1, .sequence = 1, .kind = COMMAND_RAISE_LEVEL, .raise_level = {2}});
    for (size_t size = 0; size < entry.size; size++)
        if (size <= 1 || size >= ENTRY_HEADER_BYTES)
            cr_assert_eq(entry_newness(bytes_of(entry.data, size), 1, &need), ENTRY_KNOWN);
    buffer_close(&entry);
}

/* A node looks closer at such an entry only: its program may lack a service. */
Test(entry, that_names_services_is_said_to_wherever_the_command_stands)
{
    static const uint32_t services[] = {1, 1000};
    struct level_need need;
    struct buffer entry = {0}, encoded = {0};
    begin_with(&entry, &(struct command){.kind = COMMAND_TICK});
    cr_assert_eq(entry_newness(buffer_bytes(&entry), 2, &need), ENTRY_KNOWN);
    cr_assert_not(need.services);
    command_encode(&(struct command){.kind = COMMAND_GENESIS, .genesis = {.partitions = 2, .services = services, .services_count = 2}}, &encoded);
    entry_add(&entry, buffer_bytes(&encoded));
    buffer_clear(&encoded);
    command_encode(&(struct command){.kind = COMMAND_TICK}, &encoded);
    entry_add(&entry, buffer_bytes(&encoded));
    entry_seal(&entry, 1, 1);
    cr_assert_eq(entry_newness(buffer_bytes(&entry), 2, &need), ENTRY_KNOWN);
    cr_assert(need.services);
    buffer_close(&encoded);
    buffer_close(&entry);
}
