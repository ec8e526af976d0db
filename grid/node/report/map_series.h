/* Content of the maps of a node, by name, for /metrics: sums over all replicas on the node.
 *
 * Names come from clients, so the number of series is bounded: the MAPS_SHOWN_MAX largest maps have one row each, and
 * the row `other` has the sum of all other maps, including a map with that name.
 * Life: init -> (begin -> add for each map of each partition -> write)* -> close. Single threaded. */
#ifndef GRID_NODE_REPORT_MAP_SERIES_H
#define GRID_NODE_REPORT_MAP_SERIES_H

#include "grid/base/bytes.h"
#include "grid/partition/maps/maps.h"

struct map_series_row { struct buffer name; struct map_count sum; };   /* sum.name is not used */

struct map_series {
    struct table *places;              /* name -> u32 place in rows; NULL: nothing was added yet */
    struct map_series_row *rows;
    size_t count, capacity;
    uint64_t added;                    /* since begin */
};

void map_series_init(struct map_series *series);
void map_series_close(struct map_series *series);
/* Forgets what was added. */
void map_series_begin(struct map_series *series);
void map_series_add(struct map_series *series, const struct map_count *count);
/* Appends the families gridiron_map_entries, gridiron_map_bytes and gridiron_map_operations_total. `entries` and `bytes` are of
 * the whole node: maps without a row count as `other`. */
void map_series_write(struct map_series *series, uint64_t entries, uint64_t bytes, struct buffer *out);

#endif
