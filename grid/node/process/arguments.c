#include "grid/node/process/arguments.h"

#include <stdint.h>
#include <stdio.h>

#include "grid/base/bytes.h"
#include "grid/base/version.h"
#include "grid/node/process/config.h"

static void take_set(struct arguments *arguments, const char *assignment, struct argp_state *state)
{
    if (arguments->sets_count == SETS_MAX)
        argp_error(state, "more than %d settings on the command line", SETS_MAX);
    arguments->sets[arguments->sets_count++] = assignment;
}

/* An option that sets a setting. */
static void take_as_set(struct arguments *arguments, const char *name, const char *value, char assignment[ASSIGNMENT_BYTES], struct argp_state *state)
{
    if (snprintf(assignment, ASSIGNMENT_BYTES, "%s=%s", name, value) >= ASSIGNMENT_BYTES)
        argp_error(state, "--%s: too long", name);
    take_set(arguments, assignment, state);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->file = value;
        return 0;
    case 'n':
        take_as_set(arguments, "node", value, arguments->node_set, state);
        return 0;
    case 'd':
        take_as_set(arguments, "data", value, arguments->data_set, state);
        return 0;
    case 's':
        take_set(arguments, value, state);
        return 0;
    case 'r':
        arguments->rejoin = true;
        return 0;
    case 'k':
        arguments->check = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument \"%s\"", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *help_filter(int key, const char *text, void *input)
{
    struct buffer out = {0};
    const struct arguments *arguments = input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    buffer_append_paragraph(&out, "Settings (file: nested by the dots; environment: GRIDIRON_ and upper case with '_'; --set NAME=VALUE):", 0);
    config_list(arguments->config, &out);
    buffer_append_text(&out, "\nExamples:\n  gridiron --config node.yaml\n  gridiron --config cluster.yaml --node 2 --data /var/lib/gridiron\n"
                             "  GRIDIRON_LOG_LEVEL=debug gridiron --config node.yaml --check\n"
                             "  gridiron dump --help\n\n");
    buffer_append_text(&out, "Commands:\n");
    buffer_append_help(&out, "gridiron dump FILE", "prints what a file of a data directory holds");
    buffer_append_u8(&out, '\n');
    buffer_append_paragraph(&out, "Exit codes: 0 stopped in order, 1 failed or cannot start here and now, 2 wrong usage or configuration, 3 a newer version "
                                  "is needed.", 0);
    buffer_append_u8(&out, 0);
    return (char *)out.data; /* argp frees it */
}

const struct argp_option ARGUMENTS_OPTIONS[] = {
    {"config", 'c', "FILE", 0, "YAML configuration", 0},
    {"node", 'n', "ID", 0, "id of this node (same as --set node=ID)", 0},
    {"data", 'd', "DIRECTORY", 0, "data directory (same as --set data=DIRECTORY)", 0},
    {"set", 's', "NAME=VALUE", 0, "any setting; repeatable; wins over environment and file", 0},
    {"rejoin", 'r', NULL, 0, "once, after this node has lost its disk or part of it: set aside what is in the data directory and take everything from the other "
                             "nodes, all of which must be whole; until then it neither votes nor acknowledges", 0},
    {"check", 'k', NULL, 0, "check whether this node could start, change nothing, and exit", 0},
    {0}};

const char *argp_program_version = "gridiron " GRIDIRON_VERSION;

bool arguments_parse(struct arguments *arguments, int count, char **values)
{
    struct argp argp = {.options = ARGUMENTS_OPTIONS, .parser = parse, .help_filter = help_filter,
                        .doc = "A node of a Gridiron cluster: a clustered in-memory data grid.\vsettings"};
    argp_err_exit_status = EXIT_USAGE;
    return argp_parse(&argp, count, values, 0, NULL, arguments) == 0;
}
