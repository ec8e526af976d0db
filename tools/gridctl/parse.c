/* Arguments and help, both from the table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "tools/gridctl/command.h"

enum { TIMEOUT_MS_DEFAULT = 10000, TIMEOUT_MS_MAX = 3600 * 1000 };

/* What has been read so far. */
struct parser {
    struct ctl *ctl;
    const char *endpoints, *timeout, *output;
    bool help, no_more_options;
    struct buffer *text;
};

/* ---- help */

static void help_options(struct buffer *text, const struct option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        struct buffer left = {0};
        if (row->letter != 0)
            buffer_append_format(&left, "-%c, ", row->letter);
        buffer_append_format(&left, "--%s", row->name);
        if (row->value != NULL)
            buffer_append_format(&left, " %s", row->value);
        buffer_append_format(text, "  %-26.*s %s\n", (int)left.size, (const char *)left.data, row->help);
        buffer_close(&left);
    }
}

static void help_command(struct buffer *text, const struct command_row *row)
{
    buffer_append_format(text, "usage: gridctl %s %s%s%s [options]\n\n%s\n", row->group, row->name,
                         row->arguments[0] != 0 ? " " : "", row->arguments, row->summary);
    if (row->options != NULL) {
        buffer_append_text(text, "\noptions:\n");
        help_options(text, row->options);
    }
    buffer_append_text(text, "\nfor every command:\n");
    help_options(text, COMMON_OPTIONS);
    buffer_append_text(text, "\nexamples:\n");
    for (const char *line = row->examples; *line != 0;) {
        size_t size = strcspn(line, "\n");
        buffer_append_format(text, "  gridctl %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

static void help_all(struct buffer *text, const char *group)
{
    buffer_append_text(text, "usage: gridctl GROUP COMMAND [arguments] [options]\n\n");
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        const struct command_row *row = &COMMANDS[i];
        if (group != NULL && strcmp(group, row->group) != 0)
            continue;
        struct buffer left = {0};
        buffer_append_format(&left, "%s %s %s", row->group, row->name, row->arguments);
        buffer_append_format(text, "  %-42.*s %s\n", (int)left.size, (const char *)left.data, row->summary);
        buffer_close(&left);
    }
    buffer_append_text(text, "\nfor every command:\n");
    help_options(text, COMMON_OPTIONS);
    buffer_append_text(text, "\nexit status: 0 done, 1 failed, 2 usage, 3 unavailable, 4 outcome unknown\n"
                             "`gridctl GROUP COMMAND --help` shows a command's options and examples; `gridctl --version` the version.\n");
}

static enum parse_result wrong(struct parser *parser, const char *what, const char *which)
{
    buffer_append_format(parser->text, "gridctl: %s%s%s\n", what, which[0] != 0 ? ": " : "", which);
    if (parser->ctl->command != NULL)
        buffer_append_format(parser->text, "try: gridctl %s %s --help\n", parser->ctl->command->group,
                             parser->ctl->command->name);
    else
        buffer_append_text(parser->text, "try: gridctl --help\n");
    return PARSE_USAGE;
}

/* ---- options */

static const struct option_row *find_option(const struct option_row *row, const char *name, size_t size, char letter)
{
    for (; row != NULL && row->name != NULL; row++)
        if (letter != 0 ? row->letter == letter : strlen(row->name) == size && strncmp(row->name, name, size) == 0)
            return row;
    return NULL;
}

static bool take_common(struct parser *parser, const struct option_row *row, const char *value)
{
    if (strcmp(row->name, "help") == 0)
        parser->help = true;
    else if (strcmp(row->name, "endpoints") == 0)
        parser->endpoints = value;
    else if (strcmp(row->name, "context") == 0)
        parser->ctl->context = value;
    else if (strcmp(row->name, "timeout") == 0)
        parser->timeout = value;
    else if (strcmp(row->name, "output") == 0)
        parser->output = value;
    else
        UNREACHABLE("a common option without a place");
    return true;
}

/* One option, with its value attached or in the next argument. `*at` moves past what was used. */
static enum parse_result take_option(struct parser *parser, char *const *arguments, int count, int *at)
{
    const char *argument = arguments[*at];
    bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;
    char letter = is_long ? 0 : argument[1];
    const struct option_row *own = parser->ctl->command != NULL ? parser->ctl->command->options : NULL;
    const struct option_row *row = find_option(own, name, size, letter);
    bool is_common = row == NULL;
    if (is_common)
        row = find_option(COMMON_OPTIONS, name, size, letter);
    if (row == NULL)
        return wrong(parser, "no such option", argument);
    const char *value = name[size] == 0 ? NULL : name + size + (is_long ? 1 : 0);
    if (row->value == NULL && value != NULL)
        return wrong(parser, "takes no value", argument);
    if (row->value != NULL && value == NULL) {
        if (*at + 1 >= count)
            return wrong(parser, "needs a value", argument);
        value = arguments[++*at];
    }
    if (is_common)
        take_common(parser, row, value);
    else
        parser->ctl->values[row - own] = value != NULL ? value : "";
    return PARSE_RUN;
}

static const struct command_row *find_command(const char *group, const char *name)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (strcmp(COMMANDS[i].group, group) == 0 && (name == NULL || strcmp(COMMANDS[i].name, name) == 0))
            return &COMMANDS[i];
    return NULL;
}

/* ---- what the options say */

static bool parse_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != 0 || number > most)
        return false;
    *ret_number = number;
    return true;
}

bool ctl_take_endpoints(struct ctl *ctl, const char *text)
{
    ctl->endpoints_text = memory_copy(text, strlen(text) + 1);
    for (char *at = ctl->endpoints_text; *at != 0;) {
        size_t size = strcspn(at, ",");
        bool last = at[size] == 0;
        at[size] = 0;
        const char *colon = strrchr(at, ':');
        if (ctl->endpoints_count == ENDPOINTS_MAX || colon == NULL || colon == at || colon[1] == 0)
            return false;
        ctl->endpoints[ctl->endpoints_count++] = at;
        at += size + (last ? 0 : 1);
    }
    return ctl->endpoints_count > 0;
}

static enum parse_result settle(struct parser *parser, const char *endpoints)
{
    struct ctl *ctl = parser->ctl;
    const struct command_row *row = ctl->command;
    if (ctl->arguments_count < row->arguments_min)
        return wrong(parser, "arguments are missing", row->arguments);
    if (ctl->arguments_count > row->arguments_max)
        return wrong(parser, "too many arguments", ctl->arguments[row->arguments_max]);
    if (parser->output != NULL && strcmp(parser->output, "json") != 0 && strcmp(parser->output, "table") != 0)
        return wrong(parser, "--output is table or json", parser->output);
    ctl->json = parser->output != NULL && strcmp(parser->output, "json") == 0;
    ctl->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (parser->timeout != NULL &&
        (!parse_number(parser->timeout, TIMEOUT_MS_MAX, &ctl->timeout_ms) || ctl->timeout_ms == 0))
        return wrong(parser, "--timeout is a number of milliseconds up to an hour", parser->timeout);
    if (parser->endpoints != NULL && ctl->context != NULL)
        return wrong(parser, "--endpoints and --context exclude each other", "");
    const char *text = parser->endpoints != NULL ? parser->endpoints : ctl->context != NULL ? NULL : endpoints;
    if (text != NULL && !ctl_take_endpoints(ctl, text))
        return wrong(parser, "endpoints are host:port,host:port", text);
    return PARSE_RUN;
}

enum parse_result parse(struct ctl *ctl, int count, char *const *arguments, const char *endpoints, struct buffer *text)
{
    struct parser parser = {.ctl = ctl, .text = text};
    const char *group = NULL;
    for (int at = 1; at < count; at++) {
        const char *argument = arguments[at];
        if (!parser.no_more_options && group == NULL && strcmp(argument, "--version") == 0) {
            buffer_append_text(text, "gridctl " GRIDIRON_VERSION "\n");
            return PARSE_HELP;
        }
        if (!parser.no_more_options && strcmp(argument, "--") == 0) {
            parser.no_more_options = true;
        } else if (!parser.no_more_options && argument[0] == '-' && argument[1] != 0) {
            if (take_option(&parser, arguments, count, &at) != PARSE_RUN)
                return PARSE_USAGE;
        } else if (group == NULL) {
            group = argument;
            if (find_command(group, NULL) == NULL)
                return wrong(&parser, "no such group of commands", group);
        } else if (ctl->command == NULL) {
            ctl->command = find_command(group, argument);
            if (ctl->command == NULL)
                return wrong(&parser, "no such command", argument);
        } else if (ctl->arguments_count == ARGUMENTS_MAX) {
            return wrong(&parser, "too many arguments", argument);
        } else {
            ctl->arguments[ctl->arguments_count++] = argument;
        }
    }
    if (parser.help || ctl->command == NULL) {
        if (ctl->command != NULL)
            help_command(text, ctl->command);
        else
            help_all(text, group);
        return parser.help ? PARSE_HELP : PARSE_USAGE;
    }
    return settle(&parser, endpoints);
}

void parse_close(struct ctl *ctl)
{
    memory_free(ctl->endpoints_text);
    ctl->endpoints_text = NULL;
}

/* ---- what commands ask */

static const char *value_of(const struct ctl *ctl, const char *name)
{
    const struct option_row *row = find_option(ctl->command->options, name, strlen(name), 0);
    REQUIRE(row != NULL);
    return ctl->values[row - ctl->command->options];
}

const char *ctl_option(const struct ctl *ctl, const char *name, const char *otherwise)
{
    const char *value = value_of(ctl, name);
    return value != NULL ? value : otherwise;
}

bool ctl_flag(const struct ctl *ctl, const char *name)
{
    return value_of(ctl, name) != NULL;
}

bool ctl_number(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_number)
{
    const char *value = value_of(ctl, name);
    *ret_number = otherwise;
    if (value == NULL || parse_number(value, most, ret_number))
        return true;
    ctl_complain(ctl, EXIT_USAGE, "--%s is a number up to %llu, not '%s'", name, (unsigned long long)most, value);
    return false;
}
