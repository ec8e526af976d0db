/* Names of maps: their bound, dropping a map, and what is left of it afterwards. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/partition/maps/maps.h"

#define T(text) bytes_of_text(text)

struct moment { struct maps *maps; uint64_t version, log_time_ms; struct arena arena; };

static struct moment begin(void)
{
    struct moment moment = {.maps = maps_open(9), .log_time_ms = 1000};
    arena_init(&moment.arena, 4096);
    return moment;
}

static void end(struct moment *moment)
{
    maps_holds(moment->maps);
    maps_close(moment->maps);
    arena_close(&moment->arena);
}

static void next(struct moment *moment)
{
    maps_now(moment->maps, ++moment->version, moment->log_time_ms);
}

static struct response set(struct moment *moment, const char *map, const char *key, uint64_t ttl_ms)
{
    struct response response = {0};
    struct map_command command = {.operation = MAP_SET, .map = T(map), .key = T(key), .value = T("v"), .ttl_ms = ttl_ms};
    next(moment);
    maps_command(moment->maps, &command, moment->version, &response);
    return response;
}

static struct response drop(struct moment *moment, const char *map)
{
    struct response response = {0};
    next(moment);
    maps_drop(moment->maps, T(map), &response);
    maps_holds(moment->maps);
    return response;
}

static struct response ask(struct moment *moment, struct query query)
{
    struct response response = {0};
    maps_now(moment->maps, moment->version, moment->log_time_ms);
    maps_query(moment->maps, &query, 0, &moment->arena, &response);
    return response;
}

static struct response configure(struct moment *moment, const char *map, bool journal, uint64_t expected_version, uint64_t version)
{
    struct response response = {0};
    struct map_configure command = {.map = T(map), .settings = {.journal = {.enabled = journal}},
                                    .expected_version = expected_version, .version = version};
    next(moment);
    maps_configure(moment->maps, &command, &response);
    return response;
}

static void tick(struct moment *moment, size_t budget)
{
    next(moment);
    maps_tick(moment->maps, budget);
    maps_holds(moment->maps);
}

static void fill(struct moment *moment, unsigned from, unsigned to)
{
    char name[16];
    for (unsigned i = from; i < to; i++) {
        snprintf(name, sizeof name, "map-%u", i);
        cr_assert_eq(set(moment, name, "k", 0).err, GRID_ERR_OK);
    }
}

Test(map_names, a_dropped_map_makes_room_for_a_new_name_at_once)
{
    struct moment moment = begin();
    fill(&moment, 0, MAPS_PER_PARTITION_MAX);
    struct response full = set(&moment, "one-more", "k", 0);
    cr_assert_eq(full.err, GRID_ERR_TOO_LARGE);
    cr_expect(bytes_equal(full.note, T("map: this partition already has 4096 map names; drop one with: gridctl map drop NAME")));
    struct response dropped = drop(&moment, "map-7");
    cr_expect(dropped.err == GRID_ERR_OK && dropped.found && dropped.count == 1);
    cr_expect_eq(set(&moment, "one-more", "k", 0).err, GRID_ERR_OK);
    cr_expect_eq(set(&moment, "two-more", "k", 0).err, GRID_ERR_TOO_LARGE);
    cr_expect_eq(maps_count(moment.maps), MAPS_PER_PARTITION_MAX);
    end(&moment);
}

Test(map_names, a_number_is_given_away_only_when_nothing_of_the_old_map_is_left)
{
    struct moment moment = begin();
    struct map_id old, young;
    char key[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "k%u", i);
        set(&moment, "old", key, i % 2 == 0 ? 500 : 0);
    }
    old = maps_find(moment.maps, T("old"));
    cr_assert_eq(drop(&moment, "old").count, 3000);
    tick(&moment, 1000);
    set(&moment, "young", "k", 0);
    young = maps_find(moment.maps, T("young"));
    cr_expect_neq(young.value, old.value, "entries of the old map are still being freed");
    for (uint64_t due_ms, ticks = 0; maps_next_due_ms(moment.maps, &due_ms); ticks++) {
        cr_assert_lt(ticks, 20);
        tick(&moment, 1000);
    }
    set(&moment, "third", "k", 0);
    cr_expect_eq(maps_find(moment.maps, T("third")).value, old.value, "the number is free");
    cr_expect_eq(maps_entries(moment.maps), 2);
    end(&moment);
}

Test(map_names, a_map_that_comes_back_knows_nothing_of_its_old_entries_and_their_ends)
{
    struct moment moment = begin();
    set(&moment, "m", "a", 100);
    set(&moment, "m", "b", 0);
    drop(&moment, "m");
    cr_expect_not(ask(&moment, (struct query){.kind = QUERY_GET, .map = T("m"), .key = T("b")}).found);
    cr_expect_not(ask(&moment, (struct query){.kind = QUERY_DESCRIBE, .map = T("m")}).info->exists);
    set(&moment, "m", "a", 0);
    moment.log_time_ms += 1000;
    tick(&moment, 100);
    cr_expect(ask(&moment, (struct query){.kind = QUERY_GET, .map = T("m"), .key = T("a")}).found, "its old end is forgotten");
    cr_expect_eq(ask(&moment, (struct query){.kind = QUERY_SIZE, .map = T("m")}).count, 1);
    cr_expect_not(drop(&moment, "never").found);
    end(&moment);
}

Test(map_names, settings_of_a_name_that_comes_back_are_newer_than_any_old_ones)
{
    struct moment moment = begin();
    cr_assert_eq(configure(&moment, "m", false, 0, 0).version, 1);
    cr_assert_eq(configure(&moment, "m", true, 1, 0).version, 2);
    drop(&moment, "m");
    /* A repeated old one comes late; the new one must still win everywhere. */
    struct response fresh = configure(&moment, "m", false, 0, 0);
    cr_assert_eq(fresh.err, GRID_ERR_OK);
    cr_expect_eq(fresh.version, 3);
    drop(&moment, "m");
    cr_assert_eq(configure(&moment, "m", true, 0, 2).err, GRID_ERR_OK, "late");
    cr_expect_eq(configure(&moment, "m", false, 0, 4).version, 4);
    cr_expect_not(ask(&moment, (struct query){.kind = QUERY_DESCRIBE, .map = T("m")}).info->settings.journal.enabled);
    end(&moment);
}

/* I25: what a reader of the old journal waits for never comes; it must not take records of the new one for it. */
Test(map_names, a_reader_of_a_dropped_journal_is_told_and_later_told_of_a_gap)
{
    struct moment moment = begin();
    struct query read = {.kind = QUERY_JOURNAL, .map = T("m"), .from = JOURNAL_SEQUENCE, .position = 4, .wait_ms = 1000};
    configure(&moment, "m", true, 0, 0);
    for (int i = 0; i < 3; i++)
        set(&moment, "m", "k", 0);
    maps_now(moment.maps, moment.version, moment.log_time_ms);
    cr_assert(maps_journal_waits(moment.maps, &read));
    uint64_t seen = maps_journal_version(moment.maps);
    drop(&moment, "m");
    cr_expect_neq(maps_journal_version(moment.maps), seen, "who waits is looked at again");
    cr_expect_not(maps_journal_waits(moment.maps, &read));
    cr_expect_eq(ask(&moment, read).err, GRID_ERR_NOT_FOUND);
    configure(&moment, "m", true, 0, 0);
    set(&moment, "m", "k", 0);
    struct response page = ask(&moment, read);
    cr_assert_eq(page.err, GRID_ERR_OK);
    cr_expect_eq(page.journal->dropped_from, 4);
    cr_expect_geq(page.journal->dropped_to, 4);
    cr_assert_eq(page.journal->records_count, 1);
    cr_expect_gt(page.journal->records[0].sequence, 4);
    end(&moment);
}

Test(map_names, a_list_shows_every_map_by_name)
{
    struct moment moment = begin();
    set(&moment, "b", "k", 0);
    set(&moment, "b", "l", 0);
    configure(&moment, "c", true, 0, 0);
    set(&moment, "a", "k", 0);
    set(&moment, "gone", "k", 0);
    drop(&moment, "gone");
    struct response response = ask(&moment, (struct query){.kind = QUERY_MAPS});
    cr_assert_eq(response.maps_count, 3);
    cr_expect(bytes_equal(response.maps[0].name, T("a")) && response.maps[0].entries == 1);
    cr_expect(bytes_equal(response.maps[1].name, T("b")) && response.maps[1].entries == 2 && response.maps[1].bytes > 0);
    cr_expect_eq(response.maps[1].settings_version, 0);
    cr_expect(response.maps[2].journal && response.maps[2].settings_version == 1 && response.maps[2].entries == 0);
    end(&moment);
}

/* R6: a client that drops and makes maps all the time uses up no numbers. */
Test(map_names, dropping_and_making_maps_for_ever_is_bounded)
{
    struct moment moment = begin();
    for (unsigned i = 0; i < 3 * MAPS_PER_PARTITION_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%u", i);
        if (set(&moment, name, "k", 0).err != GRID_ERR_OK) {
            cr_assert_gt(i, MAPS_PER_PARTITION_MAX);
            tick(&moment, TICK_EXPIRATIONS_MAX);
            cr_assert_eq(set(&moment, name, "k", 0).err, GRID_ERR_OK, "a tick makes room");
        }
        struct response response = {0};
        next(&moment);
        maps_drop(moment.maps, T(name), &response);
        cr_assert(response.found);
    }
    end(&moment);
}

/* I15: two replicas that apply the same entries agree, also when one uses other memory. */
Test(map_names, replicas_that_drop_alike_have_equal_digests_and_others_differ)
{
    struct moment a = begin(), b = begin();
    for (int i = 0; i < 2; i++) {
        struct moment *each = i == 0 ? &a : &b;
        fill(each, 0, 20);
        drop(each, "map-3");
        drop(each, "map-11");
        tick(each, 1);
        fill(each, 30, 35);
    }
    cr_expect_eq(maps_digest(a.maps), maps_digest(b.maps));
    tick(&a, 1000);
    cr_expect_neq(maps_digest(a.maps), maps_digest(b.maps), "which numbers are free is part of the state");
    tick(&b, 1000);
    cr_expect_eq(maps_digest(a.maps), maps_digest(b.maps));
    fill(&a, 40, 44);
    fill(&b, 40, 44);
    cr_expect_eq(maps_digest(a.maps), maps_digest(b.maps));
    end(&a);
    end(&b);
}
