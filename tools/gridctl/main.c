/* gridctl: the command line of a cluster. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grid/base/standard_streams.h"
#include "tools/gridctl/command.h"

static bool wants_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == 0);
}

int main(int count, char **arguments)
{
    if (!standard_streams_open())
        return EXIT_FAILURE;
    struct ctl ctl = {.table = &COMMANDS, .color = wants_color()};
    struct buffer text = {0};
    /* A reader that went away (gridctl | head) shows as a failed write, and a limit on the size of files likewise. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    enum parse_result parsed = parse(&ctl, count, arguments, getenv("GRIDIRON_ENDPOINTS"), &text);
    int code = EXIT_DONE;
    if (parsed == PARSE_USAGE) {
        code = EXIT_USAGE;
        fwrite(text.data, 1, text.size, stderr);
    } else if (parsed == PARSE_HELP) {
        buffer_append(&ctl.out, buffer_bytes(&text));
    } else {
        code = ctl.command->run(&ctl);
    }
    /* A command may have written before, in pieces. */
    if ((!ctl_flush(&ctl) || ctl.unwritten) && code == EXIT_DONE)
        code = EXIT_FAILED;
    ctl_close(&ctl);
    buffer_close(&ctl.out);
    buffer_close(&text);
    parse_close(&ctl);
    return code;
}
