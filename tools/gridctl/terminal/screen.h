/* A terminal whose content is redrawn: an alternate screen without cursor; keys need no Enter.
 *
 * Ownership: the screen restores the terminal when it is closed, also after Ctrl-C and SIGTERM, which count as "q".
 * Threads: the loop. `quit` turns true on the loop. */
#ifndef TOOLS_GRIDCTL_TERMINAL_SCREEN_H
#define TOOLS_GRIDCTL_TERMINAL_SCREEN_H

#include <uv.h>

#include "grid/base/bytes.h"

struct screen {
    uv_loop_t *loop;
    uv_tty_t keys;
    uv_signal_t interrupt, terminate;
    char input[64];
    uint32_t open_handles;
    bool reads_keys, drawn;
    bool quit;
};

/* With `live` it takes over the terminal; otherwise it only handles the signals. */
void screen_open(struct screen *screen, uv_loop_t *loop, bool live);
/* Shows the text from the top, cut to what fits. False: the terminal is gone. */
bool screen_draw(struct screen *screen, struct bytes text);
void screen_close(struct screen *screen);

#endif
