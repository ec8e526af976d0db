/* The right name for a misspelt one. */
#ifndef SERVICES_EDGE_NEAREST_H
#define SERVICES_EDGE_NEAREST_H

#include "grid/base/bytes.h"

/* The most similar name: the one with the fewest typing errors (a missing, extra, wrong or swapped letter; case does not
 * matter), or one with the same beginning. NULL: no name is similar. */
const char *nearest_name(struct bytes given, const char *const *names, size_t count);

#endif
