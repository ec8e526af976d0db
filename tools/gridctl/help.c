/* The help of gridctl, from the table of commands; no line is wider than a terminal of 80 columns. */
#include <string.h>

#include "tools/gridctl/command.h"

static void put_row(struct buffer *text, struct buffer *name, const char *meaning)
{
    buffer_append_u8(name, 0);
    buffer_append_help(text, (const char *)name->data, meaning);
    buffer_close(name);
}

static void put_options(struct buffer *text, const struct option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        struct buffer name = {0};
        if (row->letter != 0)
            buffer_append_format(&name, "-%c, ", row->letter);
        buffer_append_format(&name, "--%s", row->name);
        if (row->value != NULL)
            buffer_append_format(&name, " %s", row->value);
        put_row(text, &name, row->help);
    }
}

/* ---- examples */

/* The last space outside of quotes within `room`; 0: there is no such space. */
static size_t break_at(const char *command, size_t size, size_t room)
{
    size_t found = 0;
    char quote = 0;
    for (size_t i = 0; i < size && i <= room; i++) {
        if (quote == 0 && command[i] == ' ')
            found = i;
        else if (quote == 0 && (command[i] == '\'' || command[i] == '"'))
            quote = command[i];
        else if (command[i] == quote)
            quote = 0;
    }
    return found;
}

/* A command that is too wide goes on behind a backslash, so that it can be copied. */
static void put_command(struct buffer *text, const char *command, size_t size)
{
    static const char begin[] = "  gridctl ", later[] = "      ";
    size_t indent = sizeof begin - 1;
    buffer_append_text(text, begin);
    for (size_t at = 0; indent + size > HELP_WIDTH && (at = break_at(command, size, HELP_WIDTH - 2 - indent)) > 0; indent = sizeof later - 1) {
        buffer_append_format(text, "%.*s \\\n%s", (int)at, command, later);
        command += at + 1;
        size -= at + 1;
    }
    buffer_append_format(text, "%.*s\n", (int)size, command);
}

/* A remark behind the command stands above it when the line would be too wide. */
static void put_example(struct buffer *text, const char *line, size_t size)
{
    size_t command = size;
    for (size_t i = 1; i + 1 < size && command == size; i++)
        if (line[i - 1] == ' ' && line[i] == '#' && line[i + 1] == ' ')
            command = i;
    if (command < size && sizeof "  gridctl " - 1 + size > HELP_WIDTH) {
        buffer_append_format(text, "  %.*s\n", (int)(size - command), line + command);
        size = command;
        while (size > 0 && line[size - 1] == ' ')
            size--;
    }
    put_command(text, line, size);
}

/* ---- pages */

void help_command(struct buffer *text, const struct command_table *table, const struct command_row *row)
{
    buffer_append_format(text, "usage: gridctl %s%s%s%s%s [options]\n\n", row->group, row->name[0] != 0 ? " " : "", row->name, row->arguments[0] != 0 ? " " : "", row->arguments);
    buffer_append_paragraph(text, row->summary, 0);
    if (row->options != NULL) {
        buffer_append_text(text, "\noptions:\n");
        put_options(text, row->options);
    }
    buffer_append_text(text, "\nfor every command:\n");
    put_options(text, table->common);
    buffer_append_text(text, "\nexamples:\n");
    for (const char *line = row->examples; *line != 0;) {
        size_t size = strcspn(line, "\n");
        put_example(text, line, size);
        line += size + (line[size] == '\n');
    }
}

void help_all(struct buffer *text, const struct command_table *table, const char *group)
{
    buffer_append_format(text, "usage: gridctl %s COMMAND [arguments] [options]\n", group != NULL ? group : "GROUP");
    for (size_t i = 0; i < table->count; i++) {
        const struct command_row *row = &table->rows[i];
        struct buffer name = {0};
        if (group != NULL && strcmp(group, row->group) != 0)
            continue;
        if (i == 0 || strcmp(row->group, row[-1].group) != 0)
            buffer_append_format(text, "\n%s:\n", row->group);
        buffer_append_format(&name, "%s%s%s%s%s", row->group, row->name[0] != 0 ? " " : "", row->name, row->arguments[0] != 0 ? " " : "", row->arguments);
        put_row(text, &name, row->summary);
    }
    buffer_append_text(text, "\nfor every command:\n");
    put_options(text, table->common);
    buffer_append_text(text, "\nexit status: 0 done, 1 failed, 2 usage, 3 unavailable, 4 outcome unknown\n");
    buffer_append_paragraph(text, "`gridctl GROUP COMMAND --help` shows a command's options and examples; `gridctl --version` the version.", 0);
}
