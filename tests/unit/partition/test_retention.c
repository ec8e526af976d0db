#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/partition/retention.h"

static struct maps *open_maps(struct map_id *ret_map)
{
    struct maps *maps = maps_open(1);
    cr_assert_eq(maps_ensure(maps, bytes_of_text("m"), ret_map), GRID_ERR_OK);
    return maps;
}

static void keep(struct retention *retention, struct maps *maps, struct map_id map, unsigned number, uint64_t end_ms)
{
    char key[16];
    snprintf(key, sizeof key, "key-%u", number);
    maps_set(maps, map, bytes_of_text(key), bytes_of_text("home"), bytes_of_text("x"), number);
    retention_add(retention, &(struct retained){.map = map,
                                                .key = bytes_of_text(key),
                                                .affinity = bytes_of_text("home"),
                                                .version = number,
                                                .end_ms = end_ms});
}

Test(retention, forgets_past_the_end_and_past_the_count)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retention *retention = retention_open(30);
    for (unsigned i = 1; i <= 40; i++)
        keep(retention, maps, map, i, i * 10);
    cr_assert_eq(retention_trim(retention, maps, 0, 100), 10);
    cr_assert_eq(maps_entries(maps), 30);
    cr_assert_eq(retention_trim(retention, maps, 200, 4), 4);
    cr_assert_eq(retention_trim(retention, maps, 200, 100), 6);
    cr_assert_eq(maps_entries(maps), 20);
    cr_assert_eq(retention_trim(retention, maps, 209, 100), 0);
    retention_holds(retention);
    retention_close(retention);
    maps_close(maps);
}

Test(retention, leaves_an_entry_that_was_written_since)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retention *retention = retention_open(0);
    keep(retention, maps, map, 1, 10);
    maps_set(maps, map, bytes_of_text("key-1"), bytes_of_text("home"), bytes_of_text("new"), 99);
    cr_assert_eq(retention_trim(retention, maps, 10, 100), 1);
    cr_assert_eq(maps_entries(maps), 1);
    cr_assert_eq(retention_count(retention), 0);
    retention_close(retention);
    maps_close(maps);
}
