/* The command line of the gridiron program. One table drives parsing, --help and the manual page. */
#ifndef GRID_NODE_PROCESS_ARGUMENTS_H
#define GRID_NODE_PROCESS_ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

struct config;

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UPGRADE = 3, SETS_MAX = 64, ASSIGNMENT_BYTES = 600 };

struct arguments {
    const char *file;
    const char *sets[SETS_MAX];
    size_t sets_count;
    char node_set[ASSIGNMENT_BYTES], data_set[ASSIGNMENT_BYTES]; /* what --node and --data stand for */
    bool check, rejoin;
    const struct config *config;       /* for --help: all settings; set before parsing */
};

/* Closed by a row of zeros. */
extern const struct argp_option ARGUMENTS_OPTIONS[];

/* Borrows the values. --help, --version and wrong usage end the process, the last with EXIT_USAGE. */
bool arguments_parse(struct arguments *arguments, int count, char **values);

#endif
