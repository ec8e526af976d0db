#include "grid/partition/maps/maps.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"

enum { SEED = 9 };

static struct map_id ensure(struct maps *maps, const char *name)
{
    struct map_id id;
    cr_assert_eq(maps_ensure(maps, bytes_of_text(name), &id), GRID_ERR_OK);
    return id;
}

static struct bytes text(const char *text)
{
    return bytes_of_text(text);
}

Test(maps, numbers_names_in_order_and_finds_them_again)
{
    struct maps *maps = maps_open(SEED);
    cr_assert_eq(maps_find(maps, text("a")).value, 0);
    cr_assert_eq(ensure(maps, "a").value, 1);
    cr_assert_eq(ensure(maps, "b").value, 2);
    cr_assert_eq(ensure(maps, "a").value, 1);
    cr_assert_eq(maps_find(maps, text("b")).value, 2);
    cr_assert(bytes_equal(maps_name(maps, (struct map_id){2}), text("b")));
    cr_assert_eq(maps_count(maps), 2);
    maps_holds(maps);
    maps_close(maps);
}

Test(maps, makes_no_more_than_allowed_and_keeps_what_is_there)
{
    struct maps *maps = maps_open(SEED);
    struct map_id id;
    char name[MAP_NAME_BYTES_MAX + 2];
    for (unsigned i = 0; i < MAPS_PER_PARTITION_MAX; i++) {
        snprintf(name, sizeof name, "map-%u", i);
        ensure(maps, name);
    }
    cr_assert_eq(maps_ensure(maps, text("one-more"), &id), GRID_ERR_TOO_LARGE);
    struct map_command command = {.operation = MAP_SET, .map = text("one-more"), .key = text("k")};
    struct response response = {0};
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_TOO_LARGE);
    command.map = text("map-7");
    response = (struct response){0};
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_OK);
    maps_holds(maps);
    maps_close(maps);
}

Test(maps, refuses_names_without_length_and_too_long_ones)
{
    struct maps *maps = maps_open(SEED);
    struct map_id id;
    char name[MAP_NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);
    cr_assert_eq(maps_ensure(maps, BYTES_NONE, &id), GRID_ERR_INVALID);
    cr_assert_eq(maps_ensure(maps, bytes_of(name, sizeof name), &id), GRID_ERR_TOO_LARGE);
    cr_assert_eq(maps_ensure(maps, bytes_of(name, sizeof name - 1), &id), GRID_ERR_OK);
    maps_close(maps);
}

Test(maps, affinity_is_part_of_the_identity_unless_it_equals_the_key)
{
    struct maps *maps = maps_open(SEED);
    struct map_id id = ensure(maps, "m");
    struct table_entry entry;
    maps_set(maps, id, text("key"), BYTES_NONE, text("none"), 1);
    maps_set(maps, id, text("key"), text("other"), text("other"), 2);
    cr_assert_eq(maps_entries(maps), 2);
    maps_set(maps, id, text("key"), text("key"), text("equal"), 3);
    cr_assert_eq(maps_entries(maps), 2);
    cr_assert(maps_get(maps, id, text("key"), BYTES_NONE, &entry) && bytes_equal(entry.value, text("equal")));
    cr_assert(maps_get(maps, id, text("key"), text("other"), &entry) && entry.version == 2);
    /* Where affinity ends and the key begins is not guessed from the bytes. */
    cr_assert_not(maps_get(maps, id, text("rkey"), text("othe"), &entry));
    cr_assert(maps_remove(maps, id, text("key"), text("other")));
    cr_assert_not(maps_remove(maps, id, text("key"), text("other")));
    cr_assert_eq(maps_entries(maps), 1);
    maps_close(maps);
}

Test(maps, a_command_that_cannot_write_makes_no_map)
{
    struct maps *maps = maps_open(SEED);
    struct map_command command = {.operation = MAP_REMOVE, .map = text("m"), .key = text("k")};
    struct response response = {0};
    maps_command(maps, &command, 1, &response);
    cr_assert(response.err == GRID_ERR_OK && !response.found);
    command.operation = MAP_COMPARE_AND_SET;
    command.expected_version = 3;
    maps_command(maps, &command, 2, &response);
    cr_assert_eq(response.err, GRID_ERR_VERSION_CONFLICT);
    cr_assert_eq(maps_count(maps), 0);
    maps_close(maps);
}

Test(maps, refuses_what_is_larger_than_the_limits)
{
    struct maps *maps = maps_open(SEED);
    uint8_t *large = memory_zero(1, VALUE_BYTES_MAX + 1);
    struct map_command command = {.operation = MAP_SET, .map = text("m"), .key = text("k"),
                                  .value = bytes_of(large, VALUE_BYTES_MAX + 1)};
    struct response response = {0};
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_TOO_LARGE);
    command.value.size--;
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_OK);
    command.key = bytes_of(large, KEY_BYTES_MAX + 1);
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_TOO_LARGE);
    command.key = command.affinity = bytes_of(large, KEY_BYTES_MAX);
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_OK);
    command.key = BYTES_NONE;
    maps_command(maps, &command, 1, &response);
    cr_assert_eq(response.err, GRID_ERR_INVALID);
    memory_free(large);
    maps_close(maps);
}

/* ---- scans */

struct scan { struct maps *maps; struct arena arena; struct query query; uint8_t cursor[2 + 2 * KEY_BYTES_MAX]; unsigned pages; };

static void scan_open(struct scan *scan, struct maps *maps)
{
    *scan = (struct scan){.maps = maps, .query = {.kind = QUERY_SCAN, .map = text("m")}};
    arena_init(&scan->arena, 4096);
}

/* The next page; its cursor is kept apart, since the entry that it lies at may be changed or removed. */
static struct response scan_page(struct scan *scan)
{
    struct response response = {0};
    arena_reset(&scan->arena);
    maps_query(scan->maps, &scan->query, 0, &scan->arena, &response);
    scan->query.cursor_hash = response.cursor_hash;
    if (response.cursor_key.size != 0)
        memcpy(scan->cursor, response.cursor_key.data, response.cursor_key.size);
    scan->query.cursor_key = bytes_of(scan->cursor, response.cursor_key.size);
    scan->pages++;
    return response;
}

static void fill(struct maps *maps, unsigned from, unsigned to, const char *prefix)
{
    struct map_id id = ensure(maps, "m");
    char key[32];
    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof key, "%s%u", prefix, i);
        maps_set(maps, id, text(key), i % 3 == 0 ? text("third") : BYTES_NONE, text("value"), i + 1);
    }
}

Test(maps, scan_gives_every_entry_once_in_pages)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    bool seen[2500] = {0};
    unsigned count = 0;
    fill(maps, 0, 2500, "k");
    scan_open(&scan, maps);
    scan.query.limit = 100;
    for (struct response page = {.more = true}; page.more;) {
        page = scan_page(&scan);
        cr_assert_leq(page.entries_count, 100);
        for (size_t i = 0; i < page.entries_count; i++, count++) {
            const struct map_entry *entry = &page.entries[i];
            cr_assert_not(seen[entry->version - 1]);
            seen[entry->version - 1] = true;
            cr_assert_eq(entry->affinity.size, (entry->version - 1) % 3 == 0 ? 5 : 0);
        }
    }
    cr_assert_eq(count, 2500);
    cr_assert_eq(scan.pages, 25);
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, scan_goes_on_while_the_map_grows_and_shrinks)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    unsigned seen[500] = {0}, others = 0;
    fill(maps, 0, 500, "k");
    scan_open(&scan, maps);
    scan.query.limit = 7;
    for (struct response page = {.more = true}; page.more;) {
        page = scan_page(&scan);
        for (size_t i = 0; i < page.entries_count; i++)
            if (page.entries[i].version <= 500)
                seen[page.entries[i].version - 1]++;
        fill(maps, 1000 + others, 1020 + others, "other");
        others += 20;
    }
    for (unsigned i = 0; i < 500; i++)
        cr_assert_eq(seen[i], 1);
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, scan_filters_by_affinity_and_prefix)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    fill(maps, 0, 300, "k");
    fill(maps, 300, 400, "other");
    scan_open(&scan, maps);
    scan.query.affinity = text("third");
    cr_assert_eq(scan_page(&scan).entries_count, 134);
    scan.query = (struct query){.kind = QUERY_SCAN, .map = text("m"), .key_prefix = text("other")};
    cr_assert_eq(scan_page(&scan).entries_count, 100);
    scan.query = (struct query){.kind = QUERY_SCAN, .map = text("m"), .affinity = text("k7")};
    struct response page = scan_page(&scan);
    cr_assert_eq(page.entries_count, 1, "an entry without affinity has its key's");
    cr_assert(bytes_equal(page.entries[0].key, text("k7")));
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, a_page_is_bounded_in_visits_even_when_nothing_matches)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    fill(maps, 0, 20000, "k");
    scan_open(&scan, maps);
    scan.query.key_prefix = text("nothing");
    struct response page = scan_page(&scan);
    cr_assert(page.more && page.entries_count == 0 && page.cursor_key.size != 0);
    while (page.more) {
        page = scan_page(&scan);
        cr_assert_eq(page.entries_count, 0);
    }
    cr_assert_eq(scan.pages, 5);
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, a_page_of_large_values_is_bounded_in_bytes)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    struct map_id id = ensure(maps, "m");
    uint8_t *large = memory_zero(1, VALUE_BYTES_MAX);
    unsigned count = 0;
    char key[16];
    for (unsigned i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "%u", i);
        maps_set(maps, id, text(key), BYTES_NONE, bytes_of(large, VALUE_BYTES_MAX - 10), i + 1);
    }
    scan_open(&scan, maps);
    for (struct response page = {.more = true}; page.more;) {
        page = scan_page(&scan);
        cr_assert(page.entries_count >= 1 && page.entries_count <= 2);
        count += (unsigned)page.entries_count;
    }
    cr_assert_eq(count, 6);
    memory_free(large);
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, reads_of_a_map_that_does_not_exist_find_nothing)
{
    struct maps *maps = maps_open(SEED);
    struct scan scan;
    scan_open(&scan, maps);
    cr_assert_eq(scan_page(&scan).entries_count, 0);
    scan.query = (struct query){.kind = QUERY_SIZE, .map = text("m")};
    cr_assert_eq(scan_page(&scan).count, 0);
    scan.query = (struct query){.kind = QUERY_GET, .map = text("m"), .key = text("k")};
    cr_assert_not(scan_page(&scan).found);
    cr_assert_eq(maps_count(maps), 0);
    arena_close(&scan.arena);
    maps_close(maps);
}

Test(maps, digest_tells_contents_and_names_apart)
{
    struct maps *a = maps_open(SEED), *b = maps_open(SEED);
    fill(a, 0, 100, "k");
    fill(b, 50, 100, "k");
    cr_assert_neq(maps_digest(a), maps_digest(b));
    fill(b, 0, 50, "k");
    cr_assert_eq(maps_digest(a), maps_digest(b));
    ensure(a, "more");
    cr_assert_neq(maps_digest(a), maps_digest(b));
    maps_close(a);
    maps_close(b);
}
