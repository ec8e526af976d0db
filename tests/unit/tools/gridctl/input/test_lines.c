#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tools/gridctl/input/lines.h"

/* "1:first|3:third|", read in parts of this size. */
static const char *cut(struct bytes text, size_t part)
{
    static char shown[512];
    struct lines lines = {.number = 0};
    struct line line;
    size_t used = 0;
    shown[0] = 0;
    for (size_t at = 0; at <= text.size; at += part) {
        size_t filled = text.size - at < part ? text.size - at : part;
        uint8_t *room = lines_room(&lines, part);
        for (size_t i = 0; i < filled; i++)
            room[i] = text.data[at + i];
        lines_add(&lines, part, filled);
        while (lines_next(&lines, at + part > text.size, &line))
            used += (size_t)snprintf(shown + used, sizeof shown - used, "%llu:%.*s|", (unsigned long long)line.number,
                                     (int)line.text.size, (const char *)line.text.data);
    }
    lines_close(&lines);
    return shown;
}

Test(lines, are_cut_however_they_come)
{
    for (size_t part = 1; part < 30; part++) {
        cr_expect_str_eq(cut(bytes_of_text("a\nbc\r\n\n \t\r\nlast"), part), "1:a|2:bc|5:last|", "%zu", part);
        cr_expect_str_eq(cut(bytes_of_text("a\nb\n"), part), "1:a|2:b|");
        cr_expect_str_eq(cut(bytes_of_text("\n\n"), part), "");
        cr_expect_str_eq(cut(BYTES_NONE, part), "");
        cr_expect_str_eq(cut(bytes_of_text("a\rb\r\r\n"), part), "1:a\rb\r|", "only the last one belongs to the end");
    }
}

Test(lines, keep_nul_bytes)
{
    struct lines lines = {.number = 0};
    struct line line;
    memcpy(lines_room(&lines, 8), "a\0b\n\0\nc", 7);
    lines_add(&lines, 8, 7);
    cr_assert(lines_next(&lines, true, &line));
    cr_expect(bytes_equal(line.text, bytes_of("a\0b", 3)));
    cr_assert(lines_next(&lines, true, &line));
    cr_expect(bytes_equal(line.text, bytes_of("\0", 1)), "which is no blank line");
    cr_assert(lines_next(&lines, true, &line));
    cr_expect_eq(line.number, 3);
    lines_close(&lines);
}

/* A line of `size` bytes between two short ones, in parts of 64 KiB; how often one was too long. */
static int too_long(size_t size)
{
    struct buffer text = {0};
    struct lines lines = {.number = 0};
    struct line line;
    uint64_t numbers = 0;
    int found = 0;
    buffer_append_text(&text, "first\n");
    memset(buffer_extend(&text, size), '{', size);
    buffer_append_text(&text, "\nlast");
    for (size_t at = 0, part = 64 * 1024; at <= text.size; at += part) {
        size_t filled = text.size - at < part ? text.size - at : part;
        memcpy(lines_room(&lines, part), text.data + at, filled);
        lines_add(&lines, part, filled);
        while (lines_next(&lines, at + part > text.size, &line)) {
            cr_expect_eq(line.number, ++numbers);
            cr_expect_eq(line.too_long, numbers == 2 && size > LINE_BYTES_MAX);
            cr_expect(numbers != 3 || bytes_equal(line.text, bytes_of_text("last")));
            found += line.too_long;
        }
    }
    cr_expect_eq(numbers, 3, "the rest of a long line is no line of its own");
    lines_close(&lines);
    buffer_close(&text);
    return found;
}

Test(lines, have_a_bound)
{
    cr_expect_eq(too_long(LINE_BYTES_MAX), 0);
    cr_expect_eq(too_long(LINE_BYTES_MAX + 1), 1);
    cr_expect_eq(too_long(3 * LINE_BYTES_MAX), 1);
}
