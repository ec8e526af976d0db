#include <criterion/criterion.h>

#include "grid/cluster/partition_map.h"

static struct partition_id at(uint32_t value)
{
    return (struct partition_id){value};
}

static struct node_id node(uint32_t value)
{
    return (struct node_id){value};
}

Test(partition_map, knows_no_leader_at_first)
{
    struct partition_map map;
    partition_map_init(&map, 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(partition_map_leader(&map, at(i)).value, 0);
    cr_assert_eq(partition_map_led_by(&map, node(1)), 0);
    partition_map_close(&map);
}

Test(partition_map, takes_a_newer_term_and_no_older_one)
{
    struct partition_map map;
    partition_map_init(&map, 2);
    cr_assert(partition_map_report(&map, at(1), node(2), 5));
    cr_assert_not(partition_map_report(&map, at(1), node(3), 4));
    cr_assert_eq(partition_map_leader(&map, at(1)).value, 2);
    cr_assert(partition_map_report(&map, at(1), node(3), 6));
    cr_assert_eq(partition_map_leader(&map, at(1)).value, 3);
    cr_assert_eq(partition_map_leader(&map, at(0)).value, 0);
    partition_map_close(&map);
}

Test(partition_map, learns_and_forgets_the_leader_within_one_term)
{
    struct partition_map map;
    partition_map_init(&map, 1);
    cr_assert_not(partition_map_report(&map, at(0), node(0), 7));
    cr_assert(partition_map_report(&map, at(0), node(1), 7));
    cr_assert(partition_map_report(&map, at(0), node(0), 7));
    cr_assert_eq(partition_map_leader(&map, at(0)).value, 0);
    partition_map_close(&map);
}

Test(partition_map, version_grows_exactly_with_visible_changes)
{
    struct partition_map map;
    partition_map_init(&map, 1);
    uint64_t version = map.version;
    partition_map_report(&map, at(0), node(1), 1);
    cr_assert_eq(map.version, version + 1);
    partition_map_report(&map, at(0), node(1), 1);
    partition_map_report(&map, at(0), node(1), 2);
    partition_map_report(&map, at(0), node(9), 1);
    cr_assert_eq(map.version, version + 1);
    /* The silent report of term 2 counts all the same. */
    cr_assert_not(partition_map_report(&map, at(0), node(3), 1));
    cr_assert(partition_map_report(&map, at(0), node(3), 2));
    cr_assert_eq(map.version, version + 2);
    partition_map_close(&map);
}

Test(partition_map, counts_what_a_node_leads)
{
    struct partition_map map;
    partition_map_init(&map, 10);
    for (uint32_t i = 0; i < 10; i++)
        partition_map_report(&map, at(i), node(i % 3 + 1), 1);
    cr_assert_eq(partition_map_led_by(&map, node(1)), 4);
    cr_assert_eq(partition_map_led_by(&map, node(3)), 3);
    cr_assert_eq(partition_map_led_by(&map, node(4)), 0);
    partition_map_close(&map);
}
