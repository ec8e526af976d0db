#include "tools/gridctl/commands/bulk_left.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/memory.h"

enum { READ_BYTES = 64 * 1024 };

void bulk_keep_left(struct bulk *bulk, uint64_t line, struct bytes text)
{
    if (bulk->left_count == bulk->left_capacity) {
        bulk->left_capacity = bulk->left_capacity > 0 ? bulk->left_capacity * 2 : 16;
        bulk->left = memory_resize(bulk->left, bulk->left_capacity * sizeof *bulk->left);
    }
    struct bulk_left *left = &bulk->left[bulk->left_count++];
    *left = (struct bulk_left){.line = line};
    buffer_append(&left->text, text);
}

static int by_line(const void *left, const void *right)
{
    const struct bulk_left *a = left, *b = right;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* The lines that were not started. */
static bool write_rest(struct bulk *bulk, struct lines *lines, int file, FILE *to)
{
    struct line line;
    struct buffer out = {0};
    ssize_t size = 1;
    bool written = true;
    do {
        while (written && lines_next(lines, size == 0, &line)) {
            buffer_clear(&out);
            bulk->write_left(bulk->context, line.text, &out);
            bulk->not_started++;
            written = fwrite(out.data, 1, out.size, to) == out.size;
        }
        if (size == 0 || !written)
            break;
        uint8_t *room = lines_room(lines, READ_BYTES);
        do
            size = read(file, room, READ_BYTES);
        while (size < 0 && errno == EINTR);
        lines_add(lines, READ_BYTES, size > 0 ? (size_t)size : 0);
    } while (size >= 0);
    buffer_close(&out);
    return written && size >= 0;
}

int bulk_write_left(struct bulk *bulk, struct lines *lines, int file)
{
    if (bulk->left_count == 0 && !bulk->stopped)
        return EXIT_DONE;
    if (bulk->left_count > 0)
        qsort(bulk->left, bulk->left_count, sizeof *bulk->left, by_line);
    FILE *to = fopen(bulk->failed_to, "we");
    bool written = to != NULL;
    for (size_t i = 0; written && i < bulk->left_count; i++)
        written = fwrite(bulk->left[i].text.data, 1, bulk->left[i].text.size, to) == bulk->left[i].text.size;
    written = written && (!bulk->stopped || write_rest(bulk, lines, file, to));
    if (to != NULL && fclose(to) != 0)
        written = false;
    return written ? EXIT_DONE : ctl_complain(bulk->ctl, EXIT_FAILED, "%s: %s; what is left is not all in it", bulk->failed_to, strerror(errno));
}
