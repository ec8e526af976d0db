/* Descriptors 0, 1 and 2 of a process.
 *
 * Who starts a program may have closed them. The next files that it opens would then get these numbers: what is printed
 * would be written into a data file, and libraries that keep them for the terminal refuse to work. */
#ifndef GRID_BASE_STANDARD_STREAMS_H
#define GRID_BASE_STANDARD_STREAMS_H

#include <stdbool.h>

/* Opens /dev/null in the place of each that is closed. First thing in main, before anything is opened. False: that failed. */
bool standard_streams_open(void);

#endif
