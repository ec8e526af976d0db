/* The leader of each partition, as far as this node knows. Pure; the node reports changes.
 *
 * Knowledge is (leader, term) per partition: a report of an older term never replaces a newer one. `version` grows with
 * every visible change, so that pushes to clients happen only then. */
#ifndef GRID_CLUSTER_PARTITION_MAP_H
#define GRID_CLUSTER_PARTITION_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "grid/base/ids.h"

struct partition_map {
    uint32_t partitions;
    uint32_t *leaders;                 /* node id; 0 unknown */
    uint64_t *terms;
    uint64_t version;
};

void partition_map_init(struct partition_map *map, uint32_t partitions);
void partition_map_close(struct partition_map *map);
/* Reports a leader (0: none known) of a term; returns true when the visible leader changed. */
bool partition_map_report(struct partition_map *map, struct partition_id partition, struct node_id leader, uint64_t term);
struct node_id partition_map_leader(const struct partition_map *map, struct partition_id partition);
uint32_t partition_map_led_by(const struct partition_map *map, struct node_id node);

#endif
