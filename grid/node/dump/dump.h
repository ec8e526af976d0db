/* `gridiron dump FILE`: what a file of a data directory holds, as text or JSON, and where it is damaged.
 *
 * Knows segments of the log, snapshots, the identity and the manifest by their content. Reads only, so it may look at the files of a running node; the
 * end of a log that is being written may then look like a torn write. Blocks; allocates at most the size of a log segment. */
#ifndef GRID_NODE_DUMP_DUMP_H
#define GRID_NODE_DUMP_DUMP_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dump_options {
    const char *file;
    bool json;                         /* one object a line */
    uint64_t limit;                    /* rows that are printed; the whole file is checked anyway. 0: all */
};

/* Closed by a row of zeros. */
extern const struct argp_option DUMP_OPTIONS[];

/* `values` begins with the name of the command, "gridiron dump". Borrows the values. --help and wrong usage end the process. */
bool dump_arguments_parse(struct dump_options *options, int count, char **values);
/* Rows go to `out`, what is wrong to `errors`. The exit code: 0; 1, the file is damaged or cannot be read. */
int dump_run(const struct dump_options *options, FILE *out, FILE *errors);

#endif
