#include "grid/partition/entry.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"

enum { AT_FORMAT = 0, AT_FEATURE = 1, AT_COMMANDS = 4, AT_LOG_TIME = 8, AT_WALL_TIME = 16, COMMAND_SIZE_BYTES = 4 };

void entry_begin(struct buffer *out, uint32_t level)
{
    REQUIRE(out->size == 0 && level >= LEVEL_FIRST && level <= LEVEL_LAST);
    buffer_append_u8(out, ENTRY_FORMAT_VERSION);
    buffer_append_u8(out, (uint8_t)level);
    buffer_append_u16(out, 0);
    buffer_append_u32(out, 0);
    buffer_append_u64(out, 0);
    buffer_append_u64(out, 0);
    ENSURE(out->size == ENTRY_HEADER_BYTES);
}

void entry_add(struct buffer *out, struct bytes command)
{
    REQUIRE(out->size >= ENTRY_HEADER_BYTES && command.size <= COMMAND_BYTES_MAX);
    REQUIRE(entry_commands(out) < ENTRY_COMMANDS_MAX);
    buffer_append_sized(out, command);
    put_u32(out->data + AT_COMMANDS, get_u32(out->data + AT_COMMANDS) + 1);
}

uint32_t entry_commands(const struct buffer *out)
{
    return out->size < ENTRY_HEADER_BYTES ? 0 : get_u32(out->data + AT_COMMANDS);
}

void entry_seal(struct buffer *out, uint64_t log_time_ms, uint64_t wall_time_ms)
{
    REQUIRE(entry_commands(out) > 0 && log_time_ms <= ENTRY_TIME_MS_MAX);
    put_u64(out->data + AT_LOG_TIME, log_time_ms);
    put_u64(out->data + AT_WALL_TIME, wall_time_ms);
}

/* An entry is refused as a whole, before its first command, so that none of a damaged one takes effect. */
static bool commands_are_whole(struct reader reader, uint32_t commands)
{
    for (uint32_t i = 0; i < commands; i++)
        reader_sized(&reader);
    return !reader.failed && reader_left(&reader) == 0;
}

enum grid_err entry_open(struct bytes entry, struct entry_header *ret_header, struct reader *ret_commands)
{
    struct reader reader = reader_of(entry);
    struct entry_header header;
    header.format = reader_u8(&reader);
    header.feature = reader_u8(&reader);
    uint16_t zero = reader_u16(&reader);
    header.commands = reader_u32(&reader);
    header.log_time_ms = reader_u64(&reader);
    header.wall_time_ms = reader_u64(&reader);
    if (reader.failed || header.format != ENTRY_FORMAT_VERSION || zero != 0)
        return GRID_ERR_MALFORMED;
    if (header.feature < LEVEL_FIRST || header.feature > LEVEL_LAST)
        return GRID_ERR_MALFORMED;
    if (header.commands == 0 || header.commands > ENTRY_COMMANDS_MAX || header.log_time_ms > ENTRY_TIME_MS_MAX)
        return GRID_ERR_MALFORMED;
    if (!commands_are_whole(reader, header.commands))
        return GRID_ERR_MALFORMED;
    *ret_header = header;
    *ret_commands = reader;
    return GRID_ERR_OK;
}

bool entry_next(struct reader *commands, struct bytes *ret_command)
{
    if (reader_left(commands) < COMMAND_SIZE_BYTES)
        return false;
    *ret_command = reader_sized(commands);
    return !commands->failed;
}

/* ---- newer than this version */

enum entry_newness entry_newness(struct bytes entry, uint32_t level_max, struct level_need *ret_need)
{
    struct bytes command;
    bool services = false;
    REQUIRE(level_max >= LEVEL_FIRST && level_max <= LEVEL_LAST);
    *ret_need = (struct level_need){.level = LEVEL_FIRST};
    if (entry.size < ENTRY_HEADER_BYTES)
        return ENTRY_KNOWN;
    ret_need->level = entry.data[AT_FORMAT];
    if (ret_need->level > ENTRY_FORMAT_VERSION)
        return ENTRY_NEWER_FORMAT;
    ret_need->level = entry.data[AT_FEATURE];
    if (ret_need->level > level_max)
        return ENTRY_NEWER_LEVEL;
    struct reader commands = reader_of(bytes_of(entry.data + ENTRY_HEADER_BYTES, entry.size - ENTRY_HEADER_BYTES));
    if (!commands_are_whole(commands, get_u32(entry.data + AT_COMMANDS)))
        return ENTRY_KNOWN;
    while (entry_next(&commands, &command)) {
        *ret_need = level_scan(command);
        if (ret_need->level == LEVEL_BEYOND)
            return ENTRY_NEWER_FIELD;
        if (ret_need->level > level_max)
            return ENTRY_NEWER_LEVEL;
        services = services || ret_need->services;
    }
    ret_need->services = services;
    return ENTRY_KNOWN;
}

void entry_newness_text(enum entry_newness newness, const struct level_need *need, uint32_t level_max, struct buffer *out)
{
    switch (newness) {
    case ENTRY_KNOWN: UNREACHABLE("nothing to say");
    case ENTRY_NEWER_FORMAT:
        buffer_append_format(out, "this entry has format %u, this version supports up to %d", need->level, ENTRY_FORMAT_VERSION);
        break;
    case ENTRY_NEWER_LEVEL:
        buffer_append_format(out, "this entry needs level %u, this version supports up to %u", need->level, level_max);
        break;
    case ENTRY_NEWER_FIELD:
        buffer_append_format(out, "this entry needs a level above %u for field %u of %s, this version supports up to %u", level_max,
                             need->field, need->message, level_max);
        break;
    }
}
