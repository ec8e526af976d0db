/* Operations with conditions, ttl, batches, limits, clear and settings, on the maps of one partition. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/partition/maps/maps.h"

#define T(text) bytes_of_text(text)

/* Maps and the moment at which the next command happens. */
struct moment { struct maps *maps; uint64_t version, log_time_ms; };

static struct moment begin(void)
{
    return (struct moment){maps_open(9), 0, 1000};
}

static void end(struct moment *moment)
{
    maps_holds(moment->maps);
    maps_close(moment->maps);
}

static struct response run(struct moment *moment, struct map_command command)
{
    struct response response = {0};
    if (command.map.size == 0)
        command.map = T("m");
    maps_now(moment->maps, ++moment->version, moment->log_time_ms);
    maps_command(moment->maps, &command, moment->version, &response);
    return response;
}

static struct response operate(struct moment *moment, enum map_operation operation, const char *key, const char *value)
{
    return run(moment, (struct map_command){.operation = operation, .key = T(key), .value = T(value)});
}

/* When the leader's log time is `time_ms`; 0: that of the last entry. */
static struct response get_at(struct moment *moment, const char *key, uint64_t time_ms)
{
    struct response response = {0};
    struct arena arena;
    struct query query = {.kind = QUERY_GET, .map = T("m"), .key = T(key)};
    arena_init(&arena, 1024);
    maps_now(moment->maps, moment->version, moment->log_time_ms);
    maps_query(moment->maps, &query, time_ms, &arena, &response);
    arena_close(&arena);
    return response;
}

static struct response get(struct moment *moment, const char *key)
{
    return get_at(moment, key, 0);
}

static uint64_t size(struct moment *moment)
{
    struct response response = {0};
    maps_now(moment->maps, moment->version, moment->log_time_ms);
    maps_query(moment->maps, &(struct query){.kind = QUERY_SIZE, .map = T("m")}, 0, NULL, &response);
    return response.count;
}

static bool has(struct moment *moment, const char *key, const char *value)
{
    struct response response = get(moment, key);
    return response.found && bytes_equal(response.value, T(value));
}

static struct map_info describe(struct moment *moment)
{
    struct response response = {0};
    struct arena arena;
    arena_init(&arena, 1024);
    maps_query(moment->maps, &(struct query){.kind = QUERY_DESCRIBE, .map = T("m")}, 0, &arena, &response);
    struct map_info info = *response.info;
    arena_close(&arena);
    return info;
}

static void tick(struct moment *moment)
{
    maps_now(moment->maps, ++moment->version, moment->log_time_ms);
    maps_tick(moment->maps, TICK_EXPIRATIONS_MAX);
}

static struct response configure(struct moment *moment, const struct map_settings *settings, uint64_t expected, uint64_t version)
{
    struct response response = {0};
    maps_now(moment->maps, ++moment->version, moment->log_time_ms);
    maps_configure(moment->maps, &(struct map_configure){T("m"), *settings, expected, version}, &response);
    return response;
}

/* ---- conditions */

Test(map_operations, put_answers_the_value_from_before)
{
    struct moment moment = begin();
    struct response response = operate(&moment, MAP_PUT, "k", "one");
    cr_assert(response.err == GRID_ERR_OK && !response.found && response.value.size == 0 && response.version == 1);
    response = operate(&moment, MAP_PUT, "k", "a second value, longer than the first");
    cr_assert(response.found && bytes_equal(response.value, T("one")) && response.version == 2);
    response = operate(&moment, MAP_TAKE, "k", "");
    cr_assert(response.found && bytes_equal(response.value, T("a second value, longer than the first")));
    cr_assert_not(get(&moment, "k").found);
    response = operate(&moment, MAP_TAKE, "k", "");
    cr_assert(response.err == GRID_ERR_OK && !response.found);
    end(&moment);
}

Test(map_operations, put_if_absent_and_replace_name_the_condition_that_failed)
{
    struct moment moment = begin();
    cr_assert_eq(operate(&moment, MAP_REPLACE, "k", "v").err, GRID_ERR_NOT_FOUND);
    cr_assert_eq(maps_count(moment.maps), 0, "what cannot write makes no map");
    cr_assert_eq(operate(&moment, MAP_PUT_IF_ABSENT, "k", "first").err, GRID_ERR_OK);
    struct response response = operate(&moment, MAP_PUT_IF_ABSENT, "k", "second");
    cr_assert(response.err == GRID_ERR_ALREADY_EXISTS && response.found && response.version == 2);
    cr_assert(bytes_equal(response.value, T("first")) && has(&moment, "k", "first"));
    response = operate(&moment, MAP_REPLACE, "k", "third");
    cr_assert(response.err == GRID_ERR_OK && bytes_equal(response.value, T("first")) && has(&moment, "k", "third"));
    end(&moment);
}

Test(map_operations, conditions_on_the_value_hold_it_whole)
{
    struct moment moment = begin();
    struct map_command command = {.operation = MAP_REPLACE_IF_SAME, .key = T("k"), .value = T("new"),
                                  .expected_value = T("old")};
    cr_assert_eq(run(&moment, command).err, GRID_ERR_NOT_FOUND);
    operate(&moment, MAP_SET, "k", "older");
    cr_assert_eq(run(&moment, command).err, GRID_ERR_VERSION_CONFLICT);
    cr_assert(has(&moment, "k", "older"));
    operate(&moment, MAP_SET, "k", "old");
    cr_assert_eq(run(&moment, command).err, GRID_ERR_OK);
    cr_assert(has(&moment, "k", "new"));
    command.operation = MAP_REMOVE_IF_SAME;
    cr_assert_eq(run(&moment, command).err, GRID_ERR_VERSION_CONFLICT);
    command.expected_value = T("new");
    cr_assert_eq(run(&moment, command).err, GRID_ERR_OK);
    cr_assert_eq(run(&moment, command).err, GRID_ERR_NOT_FOUND);
    end(&moment);
}

Test(map_operations, remove_by_version_removes_only_that)
{
    struct moment moment = begin();
    struct map_command command = {.operation = MAP_REMOVE_IF_VERSION, .key = T("k")};
    operate(&moment, MAP_SET, "k", "v");
    command.expected_version = 5;
    struct response response = run(&moment, command);
    cr_assert(response.err == GRID_ERR_VERSION_CONFLICT && response.version == 1);
    command.expected_version = 1;
    cr_assert_eq(run(&moment, command).err, GRID_ERR_OK);
    cr_assert_eq(run(&moment, command).err, GRID_ERR_NOT_FOUND);
    end(&moment);
}

/* ---- ttl */

static struct response set_for(struct moment *moment, const char *key, uint64_t ttl_ms)
{
    return run(moment, (struct map_command){.operation = MAP_SET, .key = T(key), .value = T("v"), .ttl_ms = ttl_ms});
}

Test(map_operations, an_entry_is_absent_from_its_end_on)
{
    struct moment moment = begin();
    set_for(&moment, "k", 500);
    moment.log_time_ms = 1499;
    cr_assert(get(&moment, "k").found);
    cr_assert_eq(get(&moment, "k").ttl_ms, 1);
    moment.log_time_ms = 1500;
    cr_assert_not(get(&moment, "k").found);
    cr_assert_eq(size(&moment), 0);
    cr_assert_eq(maps_entries(moment.maps), 1, "reads remove nothing");
    tick(&moment);
    cr_assert_eq(maps_entries(moment.maps), 0);
    cr_assert_eq(describe(&moment).expirations, 1);
    end(&moment);
}

Test(map_operations, what_is_left_of_a_ttl_shrinks_without_entries)
{
    struct moment moment = begin();
    set_for(&moment, "k", 500);
    cr_assert_eq(get_at(&moment, "k", 0).ttl_ms, 500);
    cr_assert_eq(get_at(&moment, "k", 1123).ttl_ms, 377);
    moment.log_time_ms = 1200;
    cr_assert_eq(get_at(&moment, "k", 1100).ttl_ms, 300, "a leader is never behind its log");
    end(&moment);
}

/* I23: the next leader's clock may be behind; what one of them hid must not come back. */
Test(map_operations, no_clock_hides_an_entry_that_the_log_has_not_ended)
{
    struct moment moment = begin();
    set_for(&moment, "k", 500);
    cr_assert(get_at(&moment, "k", 1500).found);
    cr_assert_eq(get_at(&moment, "k", 1500).ttl_ms, 1);
    cr_assert_eq(get_at(&moment, "k", 999999).ttl_ms, 1);
    cr_assert_eq(size(&moment), 1);
    moment.log_time_ms = 1500;
    cr_assert_not(get_at(&moment, "k", 999999).found);
    end(&moment);
}

Test(map_operations, writes_see_an_ended_entry_as_absent)
{
    struct moment moment = begin();
    static const enum map_operation absent[] = {MAP_REPLACE, MAP_SET_TTL};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        set_for(&moment, "k", 10);
        moment.log_time_ms += 10;
        cr_assert_eq(operate(&moment, absent[i], "k", "w").err, GRID_ERR_NOT_FOUND);
    }
    set_for(&moment, "k", 10);
    moment.log_time_ms += 10;
    struct response response = operate(&moment, MAP_PUT_IF_ABSENT, "k", "w");
    cr_assert(response.err == GRID_ERR_OK && !response.found);
    cr_assert(has(&moment, "k", "w"));
    moment.log_time_ms += 1000000;
    cr_assert(has(&moment, "k", "w"), "written without a ttl: it has no end");
    cr_assert_eq(describe(&moment).expirations, 3);
    end(&moment);
}

Test(map_operations, each_write_sets_the_end_anew)
{
    struct moment moment = begin();
    uint64_t due_ms;
    set_for(&moment, "k", 10);
    set_for(&moment, "k", 100);
    moment.log_time_ms = 1050;
    cr_assert(get(&moment, "k").found);
    operate(&moment, MAP_SET, "k", "for good");
    cr_assert_eq(describe(&moment).expiring, 0);
    cr_assert_not(maps_next_due_ms(moment.maps, &due_ms));
    struct map_command command = {.operation = MAP_SET_TTL, .key = T("k"), .ttl_ms = 7};
    struct response response = run(&moment, command);
    cr_assert(response.err == GRID_ERR_OK && has(&moment, "k", "for good"));
    cr_assert_eq(get(&moment, "k").version, response.version);
    cr_assert(maps_next_due_ms(moment.maps, &due_ms) && due_ms == 1057);
    command.ttl_ms = MAP_TTL_NONE;
    run(&moment, command);
    moment.log_time_ms = 99999;
    cr_assert(has(&moment, "k", "for good"));
    end(&moment);
}

Test(map_operations, a_maps_ttl_is_that_of_writes_that_name_none)
{
    struct moment moment = begin();
    operate(&moment, MAP_SET, "before", "v");
    cr_assert_eq(configure(&moment, &(struct map_settings){.ttl_ms = 50}, 0, 0).err, GRID_ERR_OK);
    operate(&moment, MAP_SET, "k", "v");
    set_for(&moment, "long", 500);
    set_for(&moment, "ever", MAP_TTL_NONE);
    moment.log_time_ms += 50;
    cr_assert_not(get(&moment, "k").found);
    cr_assert(get(&moment, "long").found && get(&moment, "ever").found && get(&moment, "before").found);
    cr_assert_eq(size(&moment), 3);
    end(&moment);
}

Test(map_operations, a_tick_ends_a_bounded_number_in_order)
{
    struct moment moment = begin();
    char key[16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%02u", i);
        set_for(&moment, key, 1 + i % 10);
    }
    moment.log_time_ms += 5;
    cr_assert_eq(size(&moment), 50);
    maps_now(moment.maps, ++moment.version, moment.log_time_ms);
    maps_tick(moment.maps, 12);
    cr_assert_eq(maps_entries(moment.maps), 88);
    cr_assert_eq(size(&moment), 50, "what is past its end is not counted, whether it is gone or not");
    uint64_t due_ms;
    cr_assert(maps_next_due_ms(moment.maps, &due_ms) && due_ms == 1002, "those of 1001 and two of 1002 are gone");
    tick(&moment);
    cr_assert_eq(maps_entries(moment.maps), 50);
    end(&moment);
}

Test(map_operations, scans_do_not_show_what_has_ended)
{
    struct moment moment = begin();
    struct arena arena;
    struct response response = {0};
    arena_init(&arena, 4096);
    set_for(&moment, "short", 10);
    set_for(&moment, "long", 1000);
    maps_now(moment.maps, moment.version, moment.log_time_ms + 10);
    maps_query(moment.maps, &(struct query){.kind = QUERY_SCAN, .map = T("m")}, 0, &arena, &response);
    cr_assert_eq(response.entries_count, 1);
    cr_assert(bytes_equal(response.entries[0].key, T("long")));
    arena_close(&arena);
    end(&moment);
}

Test(map_operations, scans_say_how_long_entries_last_when_they_are_asked)
{
    struct moment moment = begin();
    struct arena arena;
    struct response response = {0};
    arena_init(&arena, 4096);
    set_for(&moment, "long", 1000);
    moment.log_time_ms += 10;
    maps_now(moment.maps, moment.version, moment.log_time_ms);
    maps_query(moment.maps, &(struct query){.kind = QUERY_SCAN, .map = T("m")}, 0, &arena, &response);
    cr_expect_eq(response.entries[0].ttl_ms, 0, "clients of before do not know the field");
    maps_query(moment.maps, &(struct query){.kind = QUERY_SCAN, .map = T("m"), .with_ttl = true}, 0, &arena, &response);
    cr_expect_eq(response.entries[0].ttl_ms, 990);
    operate(&moment, MAP_SET, "long", "for ever");
    maps_query(moment.maps, &(struct query){.kind = QUERY_SCAN, .map = T("m"), .with_ttl = true}, 0, &arena, &response);
    cr_expect_eq(response.entries[0].ttl_ms, 0);
    arena_close(&arena);
    end(&moment);
}

/* ---- batches */

static struct response batch(struct moment *moment, const struct map_command *operations, size_t count)
{
    struct response response = {0};
    maps_now(moment->maps, ++moment->version, moment->log_time_ms);
    maps_batch(moment->maps, &(struct map_batch){operations, count}, &response);
    return response;
}

Test(map_operations, a_batch_does_everything)
{
    struct moment moment = begin();
    operate(&moment, MAP_SET, "a", "1");
    operate(&moment, MAP_SET, "b", "1");
    const struct map_command operations[] = {
        {.operation = MAP_COMPARE_AND_SET, .map = T("m"), .key = T("a"), .value = T("2"), .expected_version = 1},
        {.operation = MAP_REMOVE, .map = T("m"), .key = T("b")},
        {.operation = MAP_PUT_IF_ABSENT, .map = T("other"), .key = T("c"), .value = T("3")},
        {.operation = MAP_CHECK_VERSION, .map = T("m"), .key = T("d")}};
    struct response response = batch(&moment, operations, 4);
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert_eq(response.results_count, 4);
    cr_assert(response.results[0].found && response.results[0].version == 3);
    cr_assert(response.results[1].found && response.results[1].version == 0);
    cr_assert(!response.results[2].found && response.results[2].version == 3);
    cr_assert(!response.results[3].found && response.results[3].version == 0);
    cr_assert(has(&moment, "a", "2") && !get(&moment, "b").found);
    cr_assert_eq(maps_count(moment.maps), 2);
    end(&moment);
}

Test(map_operations, a_batch_with_a_failed_condition_does_nothing)
{
    struct moment moment = begin();
    operate(&moment, MAP_SET, "a", "1");
    uint64_t before = maps_digest(moment.maps);
    for (unsigned failing = 0; failing < 3; failing++) {
        struct map_command operations[] = {
            {.operation = MAP_SET, .map = T("m"), .key = T("a"), .value = T("2")},
            {.operation = MAP_SET, .map = T("new"), .key = T("b"), .value = T("2")},
            {.operation = MAP_REMOVE, .map = T("m"), .key = T("c")}};
        operations[failing].operation = MAP_CHECK_VERSION;
        operations[failing].expected_version = 77;
        struct response response = batch(&moment, operations, 3);
        cr_assert_eq(response.err, GRID_ERR_VERSION_CONFLICT);
        cr_assert_eq(response.count, failing, "which one");
        cr_assert_eq(response.results_count, 0);
        cr_assert_eq(maps_digest(moment.maps), before);
    }
    end(&moment);
}

/* ---- limits */

Test(map_operations, a_full_map_refuses_what_adds_and_lets_the_rest_pass)
{
    struct moment moment = begin();
    configure(&moment, &(struct map_settings){.entries_max = 2}, 0, 0);
    cr_assert_eq(operate(&moment, MAP_SET, "a", "1").err, GRID_ERR_OK);
    cr_assert_eq(operate(&moment, MAP_SET, "b", "1").err, GRID_ERR_OK);
    cr_assert_eq(operate(&moment, MAP_SET, "c", "1").err, GRID_ERR_MAP_FULL);
    cr_assert_not(get(&moment, "c").found);
    cr_assert_eq(operate(&moment, MAP_SET, "a", "2").err, GRID_ERR_OK);
    cr_assert_eq(operate(&moment, MAP_REMOVE, "a", "").err, GRID_ERR_OK);
    cr_assert_eq(operate(&moment, MAP_PUT, "c", "1").err, GRID_ERR_OK);
    end(&moment);
}

Test(map_operations, entries_that_ended_make_room)
{
    struct moment moment = begin();
    configure(&moment, &(struct map_settings){.entries_max = 2}, 0, 0);
    set_for(&moment, "a", 10);
    set_for(&moment, "b", 10);
    moment.log_time_ms += 10;
    cr_assert_eq(operate(&moment, MAP_SET, "c", "1").err, GRID_ERR_OK);
    end(&moment);
}

Test(map_operations, bytes_are_those_of_records)
{
    struct moment moment = begin();
    char large[200];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    configure(&moment, &(struct map_settings){.bytes_max = 300}, 0, 0);
    cr_assert_eq(operate(&moment, MAP_SET, "a", large).err, GRID_ERR_OK);
    cr_assert_eq(operate(&moment, MAP_SET, "b", large).err, GRID_ERR_MAP_FULL);
    cr_assert_eq(operate(&moment, MAP_SET, "a", "small").err, GRID_ERR_OK, "what shrinks always fits");
    cr_assert_eq(operate(&moment, MAP_SET, "b", large).err, GRID_ERR_OK);
    cr_assert_leq(describe(&moment).bytes, 300);
    end(&moment);
}

Test(map_operations, a_batch_is_held_to_the_limits_as_a_whole)
{
    struct moment moment = begin();
    configure(&moment, &(struct map_settings){.entries_max = 3}, 0, 0);
    operate(&moment, MAP_SET, "x", "1");
    operate(&moment, MAP_SET, "y", "1");
    const struct map_command operations[] = {
        {.operation = MAP_SET, .map = T("m"), .key = T("a"), .value = T("1")},
        {.operation = MAP_SET, .map = T("m"), .key = T("b"), .value = T("1")}};
    struct response response = batch(&moment, operations, 2);
    cr_assert(response.err == GRID_ERR_MAP_FULL && response.count == 1);
    cr_assert_eq(size(&moment), 2);
    cr_assert_eq(batch(&moment, operations, 1).err, GRID_ERR_OK);
    end(&moment);
}

/* ---- clear */

Test(map_operations, clear_empties_the_map_at_once_and_frees_it_with_time)
{
    struct moment moment = begin();
    char key[16];
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%u", i);
        set_for(&moment, key, i % 2 == 0 ? 100 : 0);
    }
    uint64_t bytes = maps_bytes(moment.maps), due_ms;
    struct response response = {0};
    maps_now(moment.maps, ++moment.version, moment.log_time_ms);
    maps_clear(moment.maps, T("m"), &response);
    cr_assert(response.err == GRID_ERR_OK && response.count == 10000);
    cr_assert_eq(size(&moment), 0);
    cr_assert(maps_next_due_ms(moment.maps, &due_ms) && due_ms == 0, "a Tick has work");
    operate(&moment, MAP_SET, "k1", "again");
    maps_holds(moment.maps);
    for (unsigned ticks = 0; maps_next_due_ms(moment.maps, &due_ms); ticks++) {
        cr_assert_lt(ticks, 10);
        tick(&moment);
    }
    cr_assert_lt(maps_bytes(moment.maps), bytes / 50);
    cr_assert(has(&moment, "k1", "again"));
    moment.log_time_ms += 1000;
    tick(&moment);
    cr_assert_eq(size(&moment), 1, "no end of the old entries is left");
    end(&moment);
}

/* ---- settings */

Test(map_operations, settings_change_by_version_and_equal_ones_are_taken_as_done)
{
    struct moment moment = begin();
    struct map_settings one = {.ttl_ms = 1000}, two = {.ttl_ms = 2000};
    struct response response = configure(&moment, &one, 0, 0);
    cr_assert(response.err == GRID_ERR_OK && response.version == 1);
    response = configure(&moment, &one, 0, 0);
    cr_assert(response.err == GRID_ERR_OK && response.version == 1, "asked again, after an answer was lost");
    response = configure(&moment, &two, 0, 0);
    cr_assert(response.err == GRID_ERR_VERSION_CONFLICT && response.version == 1);
    response = configure(&moment, &two, 1, 0);
    cr_assert(response.err == GRID_ERR_OK && response.version == 2);
    cr_assert_eq(describe(&moment).settings.ttl_ms, 2000);
    end(&moment);
}

Test(map_operations, settings_of_another_partition_are_taken_only_when_newer)
{
    struct moment moment = begin();
    struct map_settings one = {.ttl_ms = 1000}, two = {.ttl_ms = 2000};
    struct response response = configure(&moment, &two, 0, 7);
    cr_assert(response.err == GRID_ERR_OK && response.version == 7);
    response = configure(&moment, &one, 0, 6);
    cr_assert(response.err == GRID_ERR_OK && response.version == 7);
    cr_assert_eq(describe(&moment).settings.ttl_ms, 2000);
    cr_assert_eq(configure(&moment, &one, 0, 7).err, GRID_ERR_MISMATCH, "two contents of one version");
    cr_assert_eq(configure(&moment, &two, 0, 7).err, GRID_ERR_OK);
    end(&moment);
}
