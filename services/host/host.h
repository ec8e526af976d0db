/* The parts that the gridiron program adds to a node of the grid: the built-in services and the destinations of their activities. */
#ifndef SERVICES_HOST_HOST_H
#define SERVICES_HOST_HOST_H

#include "grid/node/process/program.h"

struct program_parts host_parts(void);

#endif
