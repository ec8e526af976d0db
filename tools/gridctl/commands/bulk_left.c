/* realpath is an extension of XSI. */
#define _XOPEN_SOURCE 700

#include "tools/gridctl/commands/bulk_left.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static bool write_all(struct bulk *bulk, struct lines *lines, int file, FILE *to)
{
    bool written = true;
    if (bulk->left_count > 0)
        qsort(bulk->left, bulk->left_count, sizeof *bulk->left, by_line);
    for (size_t i = 0; written && i < bulk->left_count; i++)
        written = fwrite(bulk->left[i].text.data, 1, bulk->left[i].text.size, to) == bulk->left[i].text.size;
    return written && (!bulk->stopped || write_rest(bulk, lines, file, to)) && fflush(to) == 0;
}

/* ---- the file */

/* The file that is meant, behind links, as far as it exists. */
struct place { char path[PATH_MAX]; bool exists, regular; mode_t mode; };

static void find_place(const char *name, struct place *ret_place)
{
    struct stat status;
    if (realpath(name, ret_place->path) != NULL && stat(ret_place->path, &status) == 0) {
        ret_place->exists = true;
        ret_place->regular = S_ISREG(status.st_mode);
        ret_place->mode = status.st_mode & 07777;
        return;
    }
    mode_t mask = umask(0);
    umask(mask);
    snprintf(ret_place->path, sizeof ret_place->path, "%s", name);
    ret_place->exists = false;
    ret_place->regular = true;
    ret_place->mode = 0666 & ~mask;
}

static bool put_aside(const struct place *place)
{
    return !place->exists || !place->regular || unlink(place->path) == 0;
}

static bool close_whole(FILE *to, bool written)
{
    int reason = errno;
    bool closed = fclose(to) == 0;
    if (!written)
        errno = reason;
    return written && closed;
}

/* Beside the file and then in its place: the input may be the same file, and a process that ends here must lose none of it. */
static bool write_beside(struct bulk *bulk, struct lines *lines, int file, const struct place *place)
{
    char beside[PATH_MAX + 8];
    snprintf(beside, sizeof beside, "%s.XXXXXX", place->path);
    int made = mkstemp(beside);
    FILE *to = made >= 0 ? fdopen(made, "w") : NULL;
    if (to == NULL)
        return false;
    bool written = write_all(bulk, lines, file, to) && fchmod(made, place->mode) == 0 && fsync(made) == 0;
    bool empty = ftell(to) == 0;
    written = close_whole(to, written) && (empty || rename(beside, place->path) == 0);
    if (empty || !written) {
        int reason = errno;
        unlink(beside);
        errno = reason;
    }
    return written && (!empty || put_aside(place));
}

/* Into a device or a pipe. */
static bool write_into(struct bulk *bulk, struct lines *lines, int file, const struct place *place)
{
    FILE *to = fopen(place->path, "we");
    return to != NULL && close_whole(to, write_all(bulk, lines, file, to));
}

int bulk_write_left(struct bulk *bulk, struct lines *lines, int file)
{
    struct place place;
    bool written;
    find_place(bulk->failed_to, &place);
    if (bulk->left_count == 0 && !bulk->stopped)
        written = put_aside(&place);
    else
        written = place.regular ? write_beside(bulk, lines, file, &place) : write_into(bulk, lines, file, &place);
    if (written)
        return EXIT_DONE;
    return ctl_complain(bulk->ctl, EXIT_FAILED, "%s: %s; what is left is not in it", bulk->failed_to, strerror(errno));
}
