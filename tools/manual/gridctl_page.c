/* Prints gridctl(1), from the table of commands. Run by the build. */
#include "tools/gridctl/command.h"
#include "tools/manual/roff.h"

static void put_options(struct buffer *out, const struct option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        struct buffer term = {0};
        if (row->letter != 0)
            buffer_append_format(&term, "-%c, ", row->letter);
        buffer_append_format(&term, "--%s", row->name);
        buffer_append_u8(&term, 0);
        roff_term(out, (const char *)term.data, row->value, row->help);
        buffer_close(&term);
    }
}

static void put_command(struct buffer *out, const struct command_row *row)
{
    struct buffer title = {0};
    buffer_append_format(&title, "%s%s%s%s%s", row->group, row->name[0] != 0 ? " " : "", row->name, row->arguments[0] != 0 ? " " : "", row->arguments);
    buffer_append_u8(&title, 0);
    roff_subsection(out, (const char *)title.data);
    buffer_close(&title);
    roff_paragraph(out, row->summary);
    put_options(out, row->options);
    roff_example(out, "gridctl ", row->examples);
}

static void put_surroundings(struct buffer *out)
{
    roff_section(out, "EXIT STATUS");
    roff_term(out, "0", NULL, "done");
    roff_term(out, "1", NULL, "failed");
    roff_term(out, "2", NULL, "wrong usage");
    roff_term(out, "3", NULL, "no node answers, or no majority of them");
    roff_term(out, "4", NULL, "the outcome of a write is not known");
    roff_section(out, "ENVIRONMENT");
    roff_term(out, "GRIDIRON_ENDPOINTS", NULL, "nodes to connect to, unless --endpoints or --context says otherwise");
    roff_term(out, "GRIDIRON_CONTEXT", NULL, "the context to use, unless GRIDIRON_ENDPOINTS is set");
    roff_term(out, "NO_COLOR", NULL, "no colours, whatever its value");
    roff_section(out, "FILES");
    roff_term(out, "$XDG_CONFIG_HOME/gridiron/contexts.json", NULL, "the contexts; ~/.config/gridiron/contexts.json without that variable");
    roff_section(out, "SEE ALSO");
    roff_paragraph(out, "gridiron(8)");
}

int main(void)
{
    struct buffer out = {0};
    roff_begin(&out, "GRIDCTL", "1", "gridctl", "command line of a Gridiron cluster");
    roff_section(&out, "SYNOPSIS");
    roff_paragraph(&out, "gridctl GROUP COMMAND [arguments] [options]");
    roff_paragraph(&out, "gridctl --version");
    roff_section(&out, "DESCRIPTION");
    roff_paragraph(&out, "Asks and changes a cluster of the Gridiron data grid: its nodes, maps and journals, and what its services keep. It is a "
                         "client like any other: one node that answers is enough, the others are learned from it.");
    roff_section(&out, "OPTIONS OF EVERY COMMAND");
    put_options(&out, COMMANDS.common);
    roff_section(&out, "COMMANDS");
    for (size_t i = 0; i < COMMANDS.count; i++)
        put_command(&out, &COMMANDS.rows[i]);
    put_surroundings(&out);
    return roff_end(&out);
}
