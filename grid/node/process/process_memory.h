/* Memory of this process, as /proc/self/statm counts it: what a node decides by (grid/io/resident.h). */
#ifndef GRID_NODE_PROCESS_PROCESS_MEMORY_H
#define GRID_NODE_PROCESS_PROCESS_MEMORY_H

#include "grid/io/resident.h"

/* NULL: the system does not say. */
struct resident *process_memory_open(void);
void process_memory_close(struct resident *resident);     /* NULL is allowed */

#endif
