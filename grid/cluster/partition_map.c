#include "grid/cluster/partition_map.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

void partition_map_init(struct partition_map *map, uint32_t partitions)
{
    REQUIRE(partitions > 0);
    map->partitions = partitions;
    map->leaders = memory_zero(partitions, sizeof *map->leaders);
    map->terms = memory_zero(partitions, sizeof *map->terms);
    map->version = 1;
}

void partition_map_close(struct partition_map *map)
{
    memory_free(map->leaders);
    memory_free(map->terms);
    *map = (struct partition_map){0};
}

bool partition_map_report(struct partition_map *map, struct partition_id partition, struct node_id leader, uint64_t term)
{
    REQUIRE(partition.value < map->partitions);
    if (term < map->terms[partition.value])
        return false;
    map->terms[partition.value] = term;
    if (map->leaders[partition.value] == leader.value)
        return false;
    map->leaders[partition.value] = leader.value;
    map->version++;
    return true;
}

struct node_id partition_map_leader(const struct partition_map *map, struct partition_id partition)
{
    REQUIRE(partition.value < map->partitions);
    return (struct node_id){map->leaders[partition.value]};
}

uint32_t partition_map_led_by(const struct partition_map *map, struct node_id node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < map->partitions; i++)
        count += map->leaders[i] == node.value;
    return count;
}
