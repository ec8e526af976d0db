/* Arguments, by the table of commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "grid/base/check.h"
#include "grid/base/duration.h"
#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "services/edge/nearest.h"
#include "tools/gridctl/command.h"

enum { TIMEOUT_MS_DEFAULT = 10000, TIMEOUT_MS_MAX = 3600 * 1000, COMMON_OPTIONS_MAX = 8, NAMES_MAX = 64, PORT_MAX = 65535 };

/* What has been read so far. */
struct parser {
    struct ctl *ctl;
    const char *common[COMMON_OPTIONS_MAX];    /* values of the common options, by row */
    bool no_more_options;
    const char *group, *name;                  /* as they were typed; NULL: not yet */
    struct buffer *text;
};

/* ---- what is wrong */

static enum parse_result hint(struct parser *parser)
{
    if (parser->ctl->command != NULL)
        buffer_append_format(parser->text, "try: gridctl %s%s%s --help\n", parser->ctl->command->group,
                             parser->ctl->command->name[0] != 0 ? " " : "", parser->ctl->command->name);
    else
        buffer_append_text(parser->text, "try: gridctl --help\n");
    return PARSE_USAGE;
}

static enum parse_result wrong(struct parser *parser, const char *what, const char *which)
{
    buffer_append_format(parser->text, "gridctl: %s%s%s\n", what, which[0] != 0 ? ": " : "", which);
    return hint(parser);
}

/* ---- options */

static const struct option_row *find_option(const struct option_row *row, const char *name, size_t size, char letter)
{
    for (; row != NULL && row->name != NULL; row++)
        if (letter != 0 ? row->letter == letter : strlen(row->name) == size && strncmp(row->name, name, size) == 0)
            return row;
    return NULL;
}

static const char *common(const struct parser *parser, const char *name)
{
    const struct option_row *rows = parser->ctl->table->common, *row = find_option(rows, name, strlen(name), 0);
    REQUIRE(row != NULL && row - rows < COMMON_OPTIONS_MAX);
    return parser->common[row - rows];
}

static size_t add_names(const struct option_row *row, const char *names[NAMES_MAX], size_t count)
{
    for (; row != NULL && row->name != NULL && count < NAMES_MAX; row++)
        names[count++] = row->name;
    return count;
}

static enum parse_result no_such_option(struct parser *parser, const struct option_row *own, const char *argument)
{
    const char *names[NAMES_MAX];
    size_t count = add_names(parser->ctl->table->common, names, add_names(own, names, 0));
    const char *name = argument + (argument[1] == '-' ? 2 : 1);
    const char *near = argument[1] == '-' ? nearest_name(bytes_of(name, strcspn(name, "=")), names, count) : NULL;
    if (near == NULL && parser->ctl->command != NULL && parser->ctl->command->arguments_max > 0 && argument[1] != '-') {
        buffer_append_format(parser->text, "gridctl: no such option: %s; an argument that begins with a dash stands after --: "
                             "gridctl %s %s ... -- %s\n", argument, parser->ctl->command->group, parser->ctl->command->name, argument);
        return hint(parser);
    }
    if (near == NULL)
        return wrong(parser, "no such option", argument);
    buffer_append_format(parser->text, "gridctl: no such option: %s; did you mean --%s?\n", argument, near);
    return hint(parser);
}

/* Words of a choice like "on|off"; with one that is not in small letters it is no choice of words alone. */
static size_t choice_words(const char *value, const char *names[NAMES_MAX], struct buffer *text)
{
    size_t count = 1;
    if (strchr(value, '|') == NULL || value[strspn(value, "abcdefghijklmnopqrstuvwxyz_|")] != 0)
        return 0;
    buffer_append_text(text, value);
    buffer_append_u8(text, 0);
    names[0] = (char *)text->data;
    for (char *at = (char *)text->data; *at != 0; at++)
        if (*at == '|' && count < NAMES_MAX) {
            *at = 0;
            names[count++] = at + 1;
        }
    return count;
}

/* A value that is one of the words that its option's help lists, in small letters or capitals. */
static bool choice_fits(struct parser *parser, const struct option_row *row, const char *value)
{
    const char *names[NAMES_MAX];
    struct buffer words = {0};
    size_t count = choice_words(row->value, names, &words);
    bool fits = count == 0;
    for (size_t i = 0; i < count; i++)
        fits = fits || strcasecmp(names[i], value) == 0;
    if (!fits) {
        buffer_append_format(parser->text, "gridctl: --%s is ", row->name);
        for (size_t i = 0; i < count; i++)
            buffer_append_format(parser->text, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
        buffer_append_format(parser->text, ", not '%s'\n", value);
    }
    buffer_close(&words);
    return fits;
}

/* A value that begins with two dashes was most likely forgotten, and this is the next option. */
static enum parse_result keep_value(struct parser *parser, const struct option_row *row, const char **place, const char *value,
                                    bool attached)
{
    if (*place != NULL) {
        buffer_append_format(parser->text, "gridctl: --%s is given twice\n", row->name);
        return hint(parser);
    }
    if (row->value != NULL && !attached && strncmp(value, "--", 2) == 0) {
        buffer_append_format(parser->text, "gridctl: --%s needs a value; one that begins with -- is written --%s=%s\n", row->name,
                             row->name, value);
        return hint(parser);
    }
    if (row->value != NULL && !choice_fits(parser, row, value))
        return hint(parser);
    *place = value != NULL ? value : "";
    return PARSE_RUN;
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
    const struct option_row *shared = parser->ctl->table->common;
    const struct option_row *row = find_option(own, name, size, letter);
    bool is_common = row == NULL;
    if (is_common)
        row = find_option(shared, name, size, letter);
    if (row == NULL)
        return no_such_option(parser, own, argument);
    const char *value = name[size] == 0 ? NULL : name + size + (is_long ? 1 : 0);
    bool attached = value != NULL;
    if (row->value == NULL && value != NULL)
        return wrong(parser, "takes no value", argument);
    if (row->value != NULL && value == NULL) {
        if (*at + 1 >= count)
            return wrong(parser, "needs a value", argument);
        value = arguments[++*at];
    }
    const char **place = is_common ? &parser->common[row - shared] : &parser->ctl->values[row - own];
    return keep_value(parser, row, place, value, attached);
}

static const struct command_row *find_command(const struct command_table *table, const char *group, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].group, group) == 0 && (name == NULL || strcmp(table->rows[i].name, name) == 0))
            return &table->rows[i];
    return NULL;
}

/* `group` NULL: it is the group that does not exist. */
static enum parse_result no_such_command(struct parser *parser, const char *group, const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    const struct command_table *table = parser->ctl->table;
    for (size_t i = 0; i < table->count && count < NAMES_MAX; i++)
        if (group == NULL || strcmp(table->rows[i].group, group) == 0)
            names[count++] = group == NULL ? table->rows[i].group : table->rows[i].name;
    const char *near = nearest_name(bytes_of_text(name), names, count);
    const char *what = group == NULL ? "no such group of commands" : "no such command";
    if (near == NULL)
        return wrong(parser, what, name);
    buffer_append_format(parser->text, "gridctl: %s: %s; did you mean %s?\n", what, name, near);
    return hint(parser);
}

/* ---- what the options say */

bool parse_number(const char *text, uint64_t most, uint64_t *ret_number)
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
        uint64_t port;
        if (ctl->endpoints_count == ENDPOINTS_MAX || colon == NULL || colon == at || strchr(at, ' ') != NULL || strstr(at, "://") != NULL ||
            !parse_number(colon + 1, PORT_MAX, &port) || port == 0)
            return false;
        ctl->endpoints[ctl->endpoints_count++] = at;
        at += size + (last ? 0 : 1);
    }
    return ctl->endpoints_count > 0;
}

static enum output output_of(const char *name)
{
    static const char *const names[] = {[OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_NDJSON] = "ndjson", [OUTPUT_YAML] = "yaml"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0)
            return (enum output)i;
    return OUTPUT_TABLE;
}

/* An argument that names something cannot be empty; a value can. */
static enum parse_result check_empty(struct parser *parser)
{
    const char *names = parser->ctl->command->arguments;
    for (int i = 0; i < parser->ctl->arguments_count; i++) {
        int size = (int)strcspn(names, " ");
        if (parser->ctl->arguments[i][0] == 0 && strncmp(names, "[VALUE]", (size_t)size) != 0) {
            buffer_append_format(parser->text, "gridctl: %.*s must not be empty\n", size, names);
            return hint(parser);
        }
        names += size + (names[size] == ' ');
    }
    return PARSE_RUN;
}

static enum parse_result settle(struct parser *parser, const char *endpoints)
{
    struct ctl *ctl = parser->ctl;
    const struct command_row *row = ctl->command;
    if (ctl->arguments_count < row->arguments_min)
        return wrong(parser, "arguments are missing", row->arguments);
    if (ctl->arguments_count > row->arguments_max)
        return wrong(parser, "too many arguments", ctl->arguments[row->arguments_max]);
    if (check_empty(parser) != PARSE_RUN)
        return PARSE_USAGE;
    const char *output = common(parser, "output"), *timeout = common(parser, "timeout"), *given = common(parser, "endpoints");
    ctl->output = output_of(output);
    ctl->json = ctl->output != OUTPUT_TABLE;
    ctl->json_errors = ctl->json;
    ctl->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (timeout != NULL && (!duration_parse(bytes_of_text(timeout), &ctl->timeout_ms) || ctl->timeout_ms == 0 ||
                            ctl->timeout_ms > TIMEOUT_MS_MAX))
        return wrong(parser, "--timeout is a number of milliseconds or a duration like 10s, up to an hour", timeout);
    ctl->context = common(parser, "context");
    if (given != NULL && ctl->context != NULL)
        return wrong(parser, "--endpoints and --context exclude each other", "");
    const char *text = given != NULL ? given : ctl->context != NULL ? NULL : endpoints;
    if (text != NULL && !ctl_take_endpoints(ctl, text))
        return wrong(parser, given != NULL ? "--endpoints are HOST:PORT,HOST:PORT without a scheme" : "GRIDIRON_ENDPOINTS is HOST:PORT,HOST:PORT without a scheme", text);
    return PARSE_RUN;
}

static enum parse_result parse_all(struct parser *parser, int count, char *const *arguments, const char *endpoints)
{
    struct ctl *ctl = parser->ctl;
    struct buffer *text = parser->text;
    for (int at = 1; at < count; at++) {
        const char *argument = arguments[at];
        if (!parser->no_more_options && parser->group == NULL && strcmp(argument, "--version") == 0) {
            buffer_append_text(text, "gridctl " GRIDIRON_VERSION "\n");
            return PARSE_HELP;
        }
        if (!parser->no_more_options && strcmp(argument, "--") == 0) {
            parser->no_more_options = true;
        } else if (!parser->no_more_options && argument[0] == '-' && argument[1] != 0) {
            if (take_option(parser, arguments, count, &at) != PARSE_RUN)
                return PARSE_USAGE;
        } else if (parser->group == NULL) {
            parser->group = argument;
            if (find_command(ctl->table, parser->group, NULL) == NULL)
                return no_such_command(parser, NULL, argument);
            ctl->command = find_command(ctl->table, parser->group, "");    /* a group that is a command */
            parser->name = ctl->command != NULL ? "" : NULL;
        } else if (ctl->command == NULL) {
            parser->name = argument;
            ctl->command = find_command(ctl->table, parser->group, argument);
            if (ctl->command == NULL)
                return no_such_command(parser, parser->group, argument);
        } else if (ctl->arguments_count == ARGUMENTS_MAX) {
            return wrong(parser, "too many arguments", argument);
        } else {
            ctl->arguments[ctl->arguments_count++] = argument;
        }
    }
    bool help = common(parser, "help") != NULL;
    if (help || ctl->command == NULL) {
        if (ctl->command != NULL)
            help_command(text, ctl->table, ctl->command);
        else
            help_all(text, ctl->table, parser->group);
        return help ? PARSE_HELP : PARSE_USAGE;
    }
    return settle(parser, endpoints);
}

/* The format counts for what is wrong before it too. */
static bool wants_json(int count, char *const *arguments)
{
    for (int i = 1; i < count && strcmp(arguments[i], "--") != 0; i++) {
        bool apart = strcmp(arguments[i], "-o") == 0 || strcmp(arguments[i], "--output") == 0;
        const char *value = apart ? (i + 1 < count ? arguments[i + 1] : "") : strncmp(arguments[i], "--output=", 9) == 0 ? arguments[i] + 9
                            : strncmp(arguments[i], "-o", 2) == 0 ? arguments[i] + 2 : "";
        if (output_of(value) != OUTPUT_TABLE)
            return true;
    }
    return false;
}

/* "gridctl: what is wrong\ntry: ...\n" as an error for programs, which know where help is. */
static void text_to_json(const struct parser *parser)
{
    static const char name[] = "gridctl: ", missing[] = "a command is missing";
    struct buffer line = {0}, command = {0};
    struct bytes said = buffer_bytes(parser->text);
    bool is_help = said.size < strlen(name) || memcmp(said.data, name, strlen(name)) != 0;
    if (!is_help) {
        do
            said.size--;
        while (said.data[said.size - 1] != '\n');
        said = bytes_of(said.data + strlen(name), said.size - 1 - strlen(name));
    }
    buffer_append_format(&command, "%s%s%s", parser->group != NULL ? parser->group : "", parser->name != NULL && parser->name[0] != 0 ? " " : "",
                         parser->name != NULL ? parser->name : "");
    buffer_append_u8(&command, 0);
    ctl_error_json(&line, (const char *)command.data, EXIT_USAGE, "USAGE", is_help ? bytes_of_text(missing) : said);
    buffer_append_u8(&line, '\n');
    buffer_close(&command);
    buffer_close(parser->text);
    *parser->text = line;
}

enum parse_result parse(struct ctl *ctl, int count, char *const *arguments, const char *endpoints, struct buffer *text)
{
    struct parser parser = {.ctl = ctl, .text = text};
    enum parse_result result = parse_all(&parser, count, arguments, endpoints);
    if (result == PARSE_USAGE && wants_json(count, arguments))
        text_to_json(&parser);
    return result;
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

/* "a number of this up to 5 s, not 'x'" on standard error. */
static bool bad_value(const struct ctl *ctl, const char *name, const char *what, uint64_t most, const char *unit)
{
    char bound[48] = "";
    if (most != UINT64_MAX)
        snprintf(bound, sizeof bound, " up to %llu%s", (unsigned long long)most, unit);
    ctl_complain(ctl, EXIT_USAGE, "--%s is %s%s, not '%s'", name, what, bound, value_of(ctl, name));
    return false;
}

bool ctl_number(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_number)
{
    const char *value = value_of(ctl, name);
    *ret_number = otherwise;
    if (value == NULL || parse_number(value, most, ret_number))
        return true;
    return bad_value(ctl, name, "a number", most, "");
}

bool ctl_duration(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_ms)
{
    const char *value = value_of(ctl, name);
    uint64_t duration_ms = otherwise;
    if (value != NULL && (!duration_parse(bytes_of_text(value), &duration_ms) || duration_ms > most))
        return bad_value(ctl, name, "a number of milliseconds or a duration like 10s or 2h", most, " ms");
    *ret_ms = duration_ms;
    return true;
}

bool ctl_seconds(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_seconds)
{
    const char *value = value_of(ctl, name);
    uint64_t duration_ms;
    *ret_seconds = otherwise;
    if (value == NULL || parse_number(value, most, ret_seconds))
        return true;
    if (duration_has_unit(bytes_of_text(value)) && duration_parse(bytes_of_text(value), &duration_ms) &&
        duration_ms % 1000 == 0 && duration_ms / 1000 <= most) {
        *ret_seconds = duration_ms / 1000;
        return true;
    }
    return bad_value(ctl, name, "a number of seconds or a duration like 90s or 2h", most, " s");
}
