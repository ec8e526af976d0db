/* The command line of `gridiron dump`. One table drives parsing, --help and the manual page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grid/node/dump/dump.h"
#include "grid/node/process/arguments.h"

const struct argp_option DUMP_OPTIONS[] = {
    {"output", 'o', "text|json", 0, "one line a record, or one JSON object a line", 0},
    {"limit", 'l', "N", 0, "print at most N records; the rest of the file is checked all the same", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct dump_options *options = state->input;
    char *end;
    switch (key) {
    case 'o':
        options->json = strcmp(value, "json") == 0;
        if (!options->json && strcmp(value, "text") != 0)
            argp_error(state, "--output %s: text or json", value);
        return 0;
    case 'l':
        errno = 0;
        options->limit = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end != 0 || errno != 0 || options->limit == 0)
            argp_error(state, "--limit %s: a number from 1", value);
        return 0;
    case ARGP_KEY_ARG:
        if (options->file != NULL)
            argp_error(state, "one file at a time; unexpected argument \"%s\"", value);
        options->file = value;
        return 0;
    case ARGP_KEY_END:
        if (options->file == NULL)
            argp_error(state, "name a file of a data directory");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool dump_arguments_parse(struct dump_options *options, int count, char **values)
{
    struct argp argp = {.options = DUMP_OPTIONS, .parser = parse, .args_doc = "FILE",
                        .doc = "Prints the records of one file of a data directory: a segment of the log, a snapshot, the identity or the manifest; "
                               "names the place of the first damage and what is wrong there. It only reads; the node may be running.\v"
                               "Examples:\n  gridiron dump data/wal-0000000000000000\n  gridiron dump -o json --limit 20 data/snap-00000003-00000000000001f4\n"
                               "  gridiron dump data/manifest\n\nExit codes: 0 the file is whole, 1 it is damaged or cannot be read, 2 wrong usage."};
    argp_err_exit_status = EXIT_USAGE;
    return argp_parse(&argp, count, values, 0, NULL, options) == 0;
}
