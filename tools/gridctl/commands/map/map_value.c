/* Values of entries: from the command line, a file or standard input, and printed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/limits.h"
#include "tools/gridctl/commands/map/map.h"

enum { READ_BYTES = 64 * 1024 };

void map_print_value(struct ctl *ctl, struct grid_bytes value)
{
    buffer_append(&ctl->out, bytes_of(value.data, value.size));
    if (!ctl_flag(ctl, "raw"))
        buffer_append_u8(&ctl->out, '\n');
}

/* Up to one byte more than a value may have: enough to see that it is too long. */
static ssize_t read_file(int file, struct buffer *room)
{
    ssize_t size = 1;
    while (size > 0 && room->size <= VALUE_BYTES_MAX) {
        buffer_reserve(room, READ_BYTES);
        size = read(file, room->data + room->size, READ_BYTES);
        if (size > 0)
            (void)buffer_extend(room, (size_t)size);
        else if (size < 0 && errno == EINTR)
            size = 1;
    }
    return size;
}

int map_read_value(struct ctl *ctl, struct buffer *room, struct grid_bytes *ret_value)
{
    const char *path = ctl_option(ctl, "value-file", NULL);
    if ((path != NULL) == (ctl->arguments_count > 1))
        return ctl_complain(ctl, EXIT_USAGE, "give the value as VALUE or with --value-file FILE (- is standard input)%s",
                            path != NULL ? ", not both" : "");
    if (path == NULL) {
        *ret_value = grid_text(ctl->arguments[1]);
        return EXIT_DONE;
    }
    bool is_input = strcmp(path, "-") == 0;
    int file = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read_file(file, room) : -1;
    int reason = errno;
    if (file >= 0 && !is_input)
        close(file);
    if (size < 0)
        return ctl_complain(ctl, EXIT_FAILED, "%s: %s", is_input ? "standard input" : path, strerror(reason));
    if (room->size > VALUE_BYTES_MAX)
        return ctl_complain(ctl, EXIT_FAILED, "%s: longer than a value may be, which is %d bytes",
                            is_input ? "standard input" : path, VALUE_BYTES_MAX);
    *ret_value = (struct grid_bytes){room->data, room->size};
    return EXIT_DONE;
}
