/* The right name for a misspelt one. */
#ifndef SERVICES_EDGE_NEAREST_H
#define SERVICES_EDGE_NEAREST_H

#include "grid/base/bytes.h"

/* The name that was probably meant: the one that takes the fewest typing errors (a letter missing, too many, wrong, or
 * swapped with its neighbour; upper and lower case are the same), or that begins like it. NULL: none is near. */
const char *nearest_name(struct bytes given, const char *const *names, size_t count);

#endif
