/* Memory of the whole process, as the system counts it. An io without it stands for a process that shares its memory with
 * others, as simulated nodes do: then a node counts only what its components know. */
#ifndef GRID_IO_RESIDENT_H
#define GRID_IO_RESIDENT_H

#include <stdint.h>

struct resident {
    uint64_t (*bytes)(struct resident *resident);      /* resident now; 0: unknown. Takes some microseconds */
};

#endif
