#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/partition/events/retention.h"

static const struct retention_limits NO_LIMITS = {0}, TWO = {.count = 2};

static struct maps *open_maps(struct map_id *ret_map)
{
    struct maps *maps = maps_open(1);
    cr_assert_eq(maps_ensure(maps, bytes_of_text("m"), ret_map), GRID_ERR_OK);
    return maps;
}

static void keep(struct retention *retention, struct maps *maps, struct map_id map, unsigned number, uint64_t time_ms)
{
    char key[16];
    snprintf(key, sizeof key, "key-%u", number);
    maps_set(maps, map, bytes_of_text(key), bytes_of_text("home"), bytes_of_text("x"), number);
    retention_add(retention, &(struct retained){.map = map,
                                                .key = bytes_of_text(key),
                                                .affinity = bytes_of_text("home"),
                                                .version = number,
                                                .time_ms = time_ms,
                                                .bytes = 100});
}

Test(retention, forgets_past_the_end_and_past_the_count)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    const struct retention_limits limits = {.count = 30};
    struct retention *retention = retention_open(true);
    for (unsigned i = 1; i <= 40; i++)
        keep(retention, maps, map, i, i * 10);
    cr_assert_eq(retention_trim(retention, &limits, maps, 0, 100), 10);
    cr_assert_eq(maps_entries(maps), 30);
    cr_assert_eq(retention_trim(retention, &limits, maps, 200, 4), 4);
    cr_assert_eq(retention_trim(retention, &limits, maps, 200, 100), 6);
    cr_assert_eq(maps_entries(maps), 20);
    cr_assert_eq(retention_trim(retention, &limits, maps, 209, 100), 0);
    retention_holds(retention);
    retention_close(retention);
    maps_close(maps);
}

Test(retention, forgets_by_age_from_when_an_entry_came_and_by_bytes)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retained oldest;
    uint64_t due_ms;
    struct retention *retention = retention_open(false);
    cr_assert_not(retention_oldest(retention, &NO_LIMITS, &oldest, &due_ms));
    for (unsigned i = 1; i <= 10; i++)
        keep(retention, maps, map, i, i * 10);
    struct retention_limits limits = {.age_ms = 100, .bytes = 1000};
    cr_assert(retention_bytes(retention) == 1000 && retention_count(retention) == 10);
    cr_assert(retention_oldest(retention, &NO_LIMITS, &oldest, &due_ms) && due_ms == UINT64_MAX, "never, without limits");
    cr_assert(retention_oldest(retention, &limits, &oldest, &due_ms) && due_ms == 110 && oldest.time_ms == 10);
    cr_assert_eq(retention_trim(retention, &limits, maps, 109, 100), 0);
    cr_assert_eq(retention_trim(retention, &limits, maps, 110, 100), 1);
    limits = (struct retention_limits){.bytes = 900};
    cr_assert_eq(retention_trim(retention, &limits, maps, 1000, 100), 0, "as many bytes as there may be");
    limits.bytes = 899;
    cr_assert(retention_oldest(retention, &limits, &oldest, &due_ms) && due_ms == 0, "a Tick has work now");
    cr_assert_eq(retention_trim(retention, &limits, maps, 1000, 100), 1);
    cr_assert_eq(maps_entries(maps), 8);
    retention_holds(retention);
    retention_close(retention);
    maps_close(maps);
}

Test(retention, leaves_an_entry_that_was_written_since)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retention *retention = retention_open(true);
    keep(retention, maps, map, 1, 10);
    maps_set(maps, map, bytes_of_text("key-1"), bytes_of_text("home"), bytes_of_text("new"), 99);
    cr_assert_eq(retention_trim(retention, &NO_LIMITS, maps, 10, 100), 1);
    cr_assert_eq(maps_entries(maps), 1);
    cr_assert_eq(retention_count(retention), 0);
    retention_close(retention);
    maps_close(maps);
}

/* Short keys stand in the ring, long ones beside it; the ring grows under both. */
Test(retention, forgets_keys_of_every_length_in_their_order)
{
    enum { ENTRIES = 200 };
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retention *retention = retention_open(true);
    char key[ENTRIES + 1];
    memset(key, 'k', sizeof key);
    for (size_t size = 1; size <= ENTRIES; size++) {
        struct retained retained = {.map = map, .key = bytes_of(key, size), .affinity = bytes_of_text("home"),
                                    .version = RETENTION_ANY_VERSION, .time_ms = size};
        maps_set(maps, map, retained.key, retained.affinity, bytes_of_text("x"), size);
        retention_add(retention, &retained);
    }
    retention_holds(retention);
    struct table_entry entry;
    for (size_t size = 1; size <= ENTRIES; size++) {
        cr_assert(maps_get(maps, map, bytes_of(key, size), bytes_of_text("home"), &entry));
        cr_assert_eq(retention_trim(retention, &NO_LIMITS, maps, size, 100), 1);
        cr_assert_not(maps_get(maps, map, bytes_of(key, size), bytes_of_text("home"), &entry));
    }
    cr_assert_eq(maps_entries(maps), 0);
    retention_close(retention);
    maps_close(maps);
}

Test(retention, looks_ahead_at_what_goes_next_and_only_when_it_is_full)
{
    struct map_id map;
    struct maps *maps = open_maps(&map);
    struct retention *retention = retention_open(true);
    cr_assert_null(retention_fetch(retention, &TWO, maps).table);
    keep(retention, maps, map, 1, 10);
    cr_assert_null(retention_fetch(retention, &TWO, maps).table);
    keep(retention, maps, map, 2, 20);
    uint64_t digest = retention_digest(retention);
    struct map_ahead first = retention_fetch(retention, &TWO, maps);
    cr_assert_not_null(first.table);
    maps_fetch_record(first);
    cr_assert_eq(first.hash, maps_fetch_entry(maps, map, bytes_of_text("key-1"), bytes_of_text("home")).hash);
    cr_assert_eq(retention_digest(retention), digest);
    retention_close(retention);
    maps_close(maps);
}
