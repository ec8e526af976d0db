#include "tools/gridctl/input/lines.h"

#include "grid/base/check.h"

uint8_t *lines_room(struct lines *lines, size_t size)
{
    buffer_consume(&lines->pending, lines->start);
    lines->start = 0;
    return buffer_extend(&lines->pending, size);
}

void lines_add(struct lines *lines, size_t room, size_t filled)
{
    REQUIRE(filled <= room && room <= lines->pending.size);
    buffer_truncate(&lines->pending, lines->pending.size - room + filled);
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

/* Drops what is left of a line whose beginning was too long; false: its end is not there yet. */
static bool skip_rest(struct lines *lines)
{
    const uint8_t *from = lines->pending.data + lines->start;
    size_t left = lines->pending.size - lines->start;
    const uint8_t *end = left > 0 ? memchr(from, '\n', left) : NULL;
    lines->start += end != NULL ? (size_t)(end - from) + 1 : left;
    lines->skipping = end == NULL;
    return end != NULL;
}

/* The next line with its number, blank or not. */
static bool cut(struct lines *lines, bool at_end, struct line *ret_line)
{
    if (lines->skipping && !skip_rest(lines))
        return false;
    const uint8_t *from = lines->pending.data + lines->start;
    size_t left = lines->pending.size - lines->start;
    const uint8_t *end = left > 0 ? memchr(from, '\n', left) : NULL;
    bool endless = end == NULL && left > LINE_BYTES_MAX;
    if (end == NULL && !endless && (!at_end || left == 0))
        return false;
    size_t size = end != NULL ? (size_t)(end - from) : left;
    *ret_line = (struct line){.number = ++lines->number, .text = bytes_of(from, size), .too_long = size > LINE_BYTES_MAX};
    lines->start += size + (end != NULL ? 1 : 0);
    lines->skipping = endless;
    return true;
}

bool lines_next(struct lines *lines, bool at_end, struct line *ret_line)
{
    struct line line;
    while (cut(lines, at_end, &line)) {
        if (line.too_long) {
            line.text = BYTES_NONE;
        } else if (is_blank(line.text)) {
            continue;
        } else if (line.text.data[line.text.size - 1] == '\r') {
            line.text.size--;
        }
        *ret_line = line;
        return true;
    }
    return false;
}

void lines_close(struct lines *lines)
{
    buffer_close(&lines->pending);
    *lines = (struct lines){.number = 0};
}
