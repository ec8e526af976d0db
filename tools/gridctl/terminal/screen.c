#include "tools/gridctl/terminal/screen.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "grid/base/check.h"

/* Another screen than the one with the shell's history, no cursor, no wrapping of long lines; and back. */
#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"
#define HOME "\x1b[H"
#define LINE_END "\x1b[K\r\n"
#define CLEAR_BELOW "\x1b[J"

enum { KEY_CONTROL_C = 3, ROWS_DEFAULT = 24 };

static void on_signal(uv_signal_t *handle, int number)
{
    struct screen *screen = handle->data;
    (void)number;
    screen->quit = true;
}

static void take_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_memory)
{
    struct screen *screen = handle->data;
    (void)suggested;
    *ret_memory = uv_buf_init(screen->input, sizeof screen->input);
}

static void on_keys(uv_stream_t *stream, ssize_t size, const uv_buf_t *memory)
{
    struct screen *screen = stream->data;
    if (size < 0) {
        screen->quit = true;
        return;
    }
    for (ssize_t i = 0; i < size; i++)
        if (memory->base[i] == 'q' || memory->base[i] == 'Q' || memory->base[i] == KEY_CONTROL_C)
            screen->quit = true;
}

static void open_signal(struct screen *screen, uv_signal_t *handle, int number)
{
    HOLDS(uv_signal_init(screen->loop, handle) == 0);
    handle->data = screen;
    screen->open_handles++;
    HOLDS(uv_signal_start(handle, on_signal, number) == 0);
}

void screen_open(struct screen *screen, uv_loop_t *loop, bool live)
{
    *screen = (struct screen){.loop = loop};
    open_signal(screen, &screen->interrupt, SIGINT);
    open_signal(screen, &screen->terminate, SIGTERM);
    if (!live || !isatty(STDIN_FILENO) || uv_tty_init(loop, &screen->keys, STDIN_FILENO, 0) != 0)
        return;
    screen->keys.data = screen;
    screen->open_handles++;
    screen->reads_keys = true;
    uv_tty_set_mode(&screen->keys, UV_TTY_MODE_RAW);
    uv_read_start((uv_stream_t *)&screen->keys, take_memory, on_keys);
}

static int rows(void)
{
    struct winsize size = {0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}

bool screen_draw(struct screen *screen, struct bytes text)
{
    struct buffer frame = {0};
    buffer_append_text(&frame, screen->drawn ? HOME : ENTER HOME);
    screen->drawn = true;
    int left = rows();
    for (size_t at = 0; at < text.size && left > 0; left--) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end != NULL ? (size_t)(end - text.data) - at : text.size - at;
        buffer_append(&frame, bytes_of(text.data + at, size));
        /* A line feed on the last row would scroll the first one away. */
        buffer_append_text(&frame, left > 1 ? LINE_END : "\x1b[K");
        at += size + 1;
    }
    if (left > 0)
        buffer_append_text(&frame, CLEAR_BELOW);
    bool written = fwrite(frame.data, 1, frame.size, stdout) == frame.size && fflush(stdout) == 0;
    buffer_close(&frame);
    return written;
}

static void on_closed(uv_handle_t *handle)
{
    struct screen *screen = handle->data;
    screen->open_handles--;
}

void screen_close(struct screen *screen)
{
    if (screen->reads_keys) {
        uv_tty_set_mode(&screen->keys, UV_TTY_MODE_NORMAL);
        uv_close((uv_handle_t *)&screen->keys, on_closed);
    }
    uv_close((uv_handle_t *)&screen->interrupt, on_closed);
    uv_close((uv_handle_t *)&screen->terminate, on_closed);
    while (screen->open_handles > 0)
        uv_run(screen->loop, UV_RUN_ONCE);
    if (!screen->drawn)
        return;
    fputs(LEAVE, stdout);
    fflush(stdout);
}
