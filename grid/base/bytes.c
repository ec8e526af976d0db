#include "grid/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

#include "grid/base/memory.h"

enum { CAPACITY_FIRST = 64 };

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int difference = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (difference != 0)
        return difference;
    return (a.size > b.size) - (a.size < b.size);
}

bool buffer_holds(const struct buffer *buffer)
{
    return buffer->size <= buffer->capacity && (buffer->data == NULL) == (buffer->capacity == 0);
}

void buffer_close(struct buffer *buffer)
{
    HOLDS(buffer_holds(buffer));
    memory_free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_reserve(struct buffer *buffer, size_t size)
{
    HOLDS(buffer_holds(buffer));
    REQUIRE(size < SIZE_MAX / 2 - buffer->size);
    size_t needed = buffer->size + size;
    if (buffer->data != NULL && needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = memory_resize(buffer->data, capacity);
    buffer->capacity = capacity;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
    REQUIRE(size <= buffer->size);
    buffer->size = size;
}

struct bytes bytes_cut_text(struct bytes text, size_t size_max)
{
    if (text.size <= size_max)
        return text;
    size_t size = size_max;
    while (size != 0 && (text.data[size] & 0xC0) == 0x80)
        size--;
    return bytes_of(text.data, size);
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    REQUIRE(size <= buffer->size);
    if (size == 0)
        return;
    buffer->size -= size;
    memmove(buffer->data, buffer->data + size, buffer->size);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, bytes_of_text(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    REQUIRE(length >= 0);
    /* vsnprintf writes a closing zero, which is not counted. */
    buffer_reserve(buffer, (size_t)length + 1);
    int written = vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, again);
    va_end(again);
    ENSURE(written == length);
    buffer->size += (size_t)length;
}

/* ---- help */

/* How much of a word goes into `room`: all of it, or up to a '|' or ',' when not even a line of its own would do. */
static size_t word_part(const char *word, size_t size, size_t room, size_t line)
{
    size_t part = size <= line ? 0 : room;
    if (size <= room)
        return size;
    while (part > 0 && word[part - 1] != '|' && word[part - 1] != ',')
        part--;
    return part;
}

static void break_line(struct buffer *buffer, size_t indent, size_t *column)
{
    buffer_append_u8(buffer, '\n');
    memset(buffer_extend(buffer, indent), ' ', indent);
    *column = indent;
}

static void append_wrapped(struct buffer *buffer, const char *text, size_t column, size_t indent)
{
    bool first = true;                     /* of its line */
    REQUIRE(indent < HELP_WIDTH && column <= HELP_WIDTH);
    for (const char *word = text + strspn(text, " "); *word != 0;) {
        size_t size = strcspn(word, " "), space = !first;
        size_t part = column + space < HELP_WIDTH ? word_part(word, size, HELP_WIDTH - column - space, HELP_WIDTH - indent) : 0;
        if (part == 0 && !first) {
            break_line(buffer, indent, &column);
            first = true;
            continue;
        }
        part = part == 0 ? size : part;
        buffer_append_format(buffer, "%s%.*s", space ? " " : "", (int)part, word);
        column += space + part;
        word += part;
        first = part < size;
        if (first)
            break_line(buffer, indent, &column);
        word += strspn(word, " ");
    }
    buffer_append_u8(buffer, '\n');
}

void buffer_append_paragraph(struct buffer *buffer, const char *text, size_t indent)
{
    memset(buffer_extend(buffer, indent), ' ', indent);
    append_wrapped(buffer, text, indent, indent);
}

void buffer_append_help(struct buffer *buffer, const char *name, const char *meaning)
{
    enum { INDENT = 2, NAME_INDENT = 10 };
    size_t size = strlen(name);
    buffer_append_text(buffer, "  ");
    if (INDENT + size < HELP_COLUMN) {
        buffer_append_format(buffer, "%-*s", HELP_COLUMN - INDENT, name);
    } else {
        append_wrapped(buffer, name, INDENT, NAME_INDENT);
        memset(buffer_extend(buffer, HELP_COLUMN), ' ', HELP_COLUMN);
    }
    append_wrapped(buffer, meaning, HELP_COLUMN, HELP_COLUMN);
}
