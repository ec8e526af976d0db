/* Durations as people write them: a number of milliseconds, or numbers with units, the largest first: "10s", "2h", "1h30m",
 * "250ms". Units are d, h, m, s and ms. No signs, no fractions, no space. */
#ifndef GRID_BASE_DURATION_H
#define GRID_BASE_DURATION_H

#include "grid/base/bytes.h"

/* False: it is no such text, or longer than 64 bits of milliseconds. */
bool duration_parse(struct bytes text, uint64_t *ret_ms);
/* Whether a text that duration_parse takes names a unit. */
bool duration_has_unit(struct bytes text);

#endif
