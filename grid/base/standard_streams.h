/* Descriptors 0, 1 and 2 of a process.
 *
 * The parent of a program may have closed them. The next files that the program opens would then get these numbers: printed text
 * would be written into a data file, and libraries that reserve these numbers for the terminal refuse to work. */
#ifndef GRID_BASE_STANDARD_STREAMS_H
#define GRID_BASE_STANDARD_STREAMS_H

#include <stdbool.h>

/* Opens /dev/null for each closed one. Call it first in main, before any file is opened. False: it failed. */
bool standard_streams_open(void);

#endif
