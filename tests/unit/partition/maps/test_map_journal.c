/* What a map's journal holds, and how it is read. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/limits.h"
#include "grid/wire/level.h"
#include "tests/unit/partition/feed.h"

#define T(text) bytes_of_text(text)

struct journaled { struct feed feed; uint64_t session, sequence; };

static struct response write(struct journaled *test, struct map_command map)
{
    struct command command = {.session = test->session, .sequence = ++test->sequence, .kind = COMMAND_MAP, .map = map};
    command.map.map = T("m");
    return feed_one(&test->feed, &command);
}

static struct response configure(struct journaled *test, const struct map_settings *settings)
{
    struct command command = {.session = test->session, .sequence = ++test->sequence, .kind = COMMAND_CONFIGURE};
    struct query query = {.kind = QUERY_DESCRIBE, .map = T("m")};
    uint64_t version = feed_query(&test->feed, &query).info->settings_version;
    command.configure = (struct map_configure){.map = T("m"), .settings = *settings, .expected_version = version};
    return feed_one(&test->feed, &command);
}

static void begin(struct journaled *test, const struct map_settings *settings)
{
    *test = (struct journaled){.sequence = 0};
    feed_begin(&test->feed);
    test->session = feed_session(&test->feed, 0);
    cr_assert_eq(configure(test, settings).err, GRID_ERR_OK);
}

static struct response set(struct journaled *test, const char *key, const char *value)
{
    return write(test, (struct map_command){.operation = MAP_SET, .key = T(key), .value = T(value)});
}

static struct response read_from(struct journaled *test, enum journal_from from, uint64_t position)
{
    struct query query = {.kind = QUERY_JOURNAL, .map = T("m"), .from = from, .position = position};
    return feed_query(&test->feed, &query);
}

static void tick(struct journaled *test)
{
    struct command command = {.kind = COMMAND_TICK};
    feed_one(&test->feed, &command);
}

Test(map_journal, records_every_change_in_order)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true, .old_values = true}});
    uint64_t first = set(&test, "a", "1").version;
    set(&test, "a", "2");
    write(&test, (struct map_command){.operation = MAP_REMOVE, .key = T("a")});
    write(&test, (struct map_command){.operation = MAP_REMOVE, .key = T("a")});
    write(&test, (struct map_command){.operation = MAP_SET, .key = T("b"), .value = T("3"), .ttl_ms = 50});
    write(&test, (struct map_command){.operation = MAP_PUT_IF_ABSENT, .key = T("b"), .value = T("4")});
    test.feed.time_ms += 50;
    tick(&test);
    struct command clear = {.session = test.session, .sequence = ++test.sequence, .kind = COMMAND_CLEAR, .clear = {T("m")}};
    set(&test, "c", "5");
    clear.sequence = ++test.sequence;
    feed_one(&test.feed, &clear);
    struct response response = read_from(&test, JOURNAL_OLDEST, 0);
    cr_assert_eq(response.err, GRID_ERR_OK);
    static const struct { enum journal_kind kind; const char *key, *value, *old; } expected[] = {
        {JOURNAL_ADDED, "a", "1", NULL},   {JOURNAL_UPDATED, "a", "2", "1"}, {JOURNAL_REMOVED, "a", "", "2"},
        {JOURNAL_ADDED, "b", "3", NULL},   {JOURNAL_EXPIRED, "b", "", "3"},  {JOURNAL_ADDED, "c", "5", NULL},
        {JOURNAL_CLEARED, "", "", NULL}};
    cr_assert_eq(response.journal->records_count, 7);
    cr_assert_eq(response.journal->next_sequence, 8);
    for (size_t i = 0; i < 7; i++) {
        const struct journal_record *record = &response.journal->records[i];
        cr_expect(record->sequence == i + 1 && record->kind == expected[i].kind, "record %zu", i);
        cr_expect(bytes_equal(record->key, T(expected[i].key)) && bytes_equal(record->value, T(expected[i].value)));
        cr_expect_eq(record->has_old_value, expected[i].old != NULL);
        cr_expect(expected[i].old == NULL || bytes_equal(record->old_value, T(expected[i].old)));
    }
    cr_expect_eq(response.journal->records[0].version, first);
    cr_expect_eq(response.journal->records[3].ttl_ms, 50);
    cr_expect_eq(response.journal->records[4].log_time_ms, test.feed.time_ms);
    feed_close(&test.feed);
}

Test(map_journal, is_off_unless_switched_on)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.ttl_ms = 1000});
    set(&test, "a", "1");
    cr_assert_eq(read_from(&test, JOURNAL_OLDEST, 0).err, GRID_ERR_NOT_FOUND);
    struct query query = {.kind = QUERY_JOURNAL, .map = T("unheard-of"), .from = JOURNAL_OLDEST};
    cr_assert_eq(feed_query(&test.feed, &query).err, GRID_ERR_NOT_FOUND);
    feed_close(&test.feed);
}

static enum grid_err limit_journals(struct journaled *test, struct retention_limits limits, uint64_t expected_version)
{
    struct command command = {.session = test->session, .sequence = ++test->sequence, .kind = COMMAND_RETAIN,
                              .retain = {.kind = RETENTION_JOURNALS, .limits = limits, .expected_version = expected_version}};
    return feed_one(&test->feed, &command).err;
}

static struct retention_status kept(struct journaled *test)
{
    struct query query = {.kind = QUERY_RETENTION};
    return feed_query(&test->feed, &query).retention[RETENTION_JOURNALS - 1];
}

/* Readers learn which records are gone, as with the map's own settings (I25). */
Test(map_journal, follows_the_setting_of_retention_where_the_map_has_none_of_its_own)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true}});
    struct command raise = {.session = test.session, .sequence = ++test.sequence, .kind = COMMAND_RAISE_LEVEL, .raise_level = {LEVEL_LAST}};
    cr_assert_eq(feed_one(&test.feed, &raise).err, GRID_ERR_OK);
    for (int i = 0; i < 20; i++)
        set(&test, "a", "1");
    cr_assert(kept(&test).count == 20 && kept(&test).bytes > 20 && kept(&test).limits.count == JOURNAL_ENTRIES_DEFAULT);
    cr_assert_eq(limit_journals(&test, (struct retention_limits){.count = 20, .bytes = 1 << 20}, 0), GRID_ERR_OK);
    tick(&test);
    cr_assert_eq(kept(&test).count, 20, "as many as there may be");
    cr_assert_eq(limit_journals(&test, (struct retention_limits){.count = 19, .bytes = 1 << 20}, 1), GRID_ERR_OK);
    tick(&test);
    struct response response = read_from(&test, JOURNAL_SEQUENCE, 1);
    cr_assert(response.journal->dropped_from == 1 && response.journal->dropped_to == 1 && response.journal->oldest_sequence == 2);
    uint64_t bytes = kept(&test).bytes;
    cr_assert_eq(limit_journals(&test, (struct retention_limits){.count = 100, .bytes = bytes - 1}, 2), GRID_ERR_OK);
    tick(&test);
    cr_assert(kept(&test).count == 18 && kept(&test).bytes < bytes);
    test.feed.time_ms += 1000;
    set(&test, "a", "1");
    cr_assert_eq(limit_journals(&test, (struct retention_limits){.age_ms = 1000, .count = 100, .bytes = 1 << 20}, 3), GRID_ERR_OK);
    tick(&test);
    cr_assert(kept(&test).count == 1 && kept(&test).oldest_ms == 0);
    cr_assert_eq(partition_trimmed(test.feed.partition, RETENTION_JOURNALS), 20);
    configure(&test, &(struct map_settings){.journal = {.enabled = true, .age_max_ms = 5000}});
    test.feed.time_ms += 1000;
    tick(&test);
    cr_assert(kept(&test).count == 1 && kept(&test).oldest_ms == 1000, "the map's own setting holds");
    partition_holds(test.feed.partition);
    configure(&test, &(struct map_settings){.ttl_ms = 1});
    cr_assert(kept(&test).count == 0 && kept(&test).bytes == 0);
    partition_holds(test.feed.partition);
    feed_close(&test.feed);
}

Test(map_journal, tells_what_was_dropped_and_pages)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true, .entries_max = 10}});
    for (int i = 0; i < 25; i++)
        set(&test, "a", "1");
    struct response response = read_from(&test, JOURNAL_SEQUENCE, 4);
    cr_assert(response.journal->dropped_from == 4 && response.journal->dropped_to == 15);
    cr_assert_eq(response.journal->oldest_sequence, 16);
    cr_assert_eq(response.journal->records[0].sequence, 16);
    struct query query = {.kind = QUERY_JOURNAL, .map = T("m"), .from = JOURNAL_SEQUENCE, .position = 20, .limit = 3};
    response = feed_query(&test.feed, &query);
    cr_assert(response.journal->records_count == 3 && response.journal->next_sequence == 23 && response.more);
    response = read_from(&test, JOURNAL_SEQUENCE, 23);
    cr_assert(response.journal->records_count == 3 && !response.more);
    response = read_from(&test, JOURNAL_NEWEST, 0);
    cr_assert(response.journal->records_count == 0 && response.journal->next_sequence == 26);
    feed_close(&test.feed);
}

Test(map_journal, begins_at_a_time)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true}});
    for (int i = 0; i < 5; i++) {
        test.feed.time_ms += 100;
        set(&test, "a", "1");
    }
    struct response response = read_from(&test, JOURNAL_TIME, 1350);
    cr_assert_eq(response.journal->records_count, 2);
    cr_assert_eq(response.journal->records[0].log_time_ms, 1400);
    feed_close(&test.feed);
}

Test(map_journal, drops_by_age_with_a_tick)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true, .age_max_ms = 200}});
    uint64_t due_ms;
    set(&test, "a", "1");
    test.feed.time_ms += 100;
    set(&test, "a", "2");
    test.feed.time_ms += 100;
    cr_assert(partition_next_due_ms(test.feed.partition, &due_ms));
    cr_assert_eq(due_ms, 1200);
    tick(&test);
    cr_assert_eq(read_from(&test, JOURNAL_OLDEST, 0).journal->oldest_sequence, 2);
    feed_close(&test.feed);
}

Test(map_journal, numbers_go_on_after_it_was_off_and_a_gap_tells_of_it)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true}});
    set(&test, "a", "1");
    configure(&test, &(struct map_settings){0});
    set(&test, "a", "unseen");
    configure(&test, &(struct map_settings){.journal = {.enabled = true}});
    set(&test, "a", "3");
    struct response response = read_from(&test, JOURNAL_SEQUENCE, 2);
    cr_assert(response.journal->dropped_from == 2 && response.journal->dropped_to == 2);
    cr_assert_eq(response.journal->records[0].sequence, 3);
    feed_close(&test.feed);
}

Test(map_journal, a_read_waits_until_there_is_something_to_say)
{
    struct journaled test;
    begin(&test, &(struct map_settings){.journal = {.enabled = true, .entries_max = 2}});
    struct query query = {.kind = QUERY_JOURNAL, .map = T("m"), .from = JOURNAL_NEWEST, .wait_ms = 1000};
    set(&test, "a", "1");
    uint64_t version = partition_journal_version(test.feed.partition);
    cr_assert(partition_journal_waits(test.feed.partition, &query));
    cr_assert(query.from == JOURNAL_SEQUENCE && query.position == 2, "it cannot miss what comes next");
    set(&test, "a", "2");
    cr_assert_neq(partition_journal_version(test.feed.partition), version);
    cr_assert_not(partition_journal_waits(test.feed.partition, &query));
    struct query dropped = {.kind = QUERY_JOURNAL, .map = T("m"), .from = JOURNAL_SEQUENCE, .position = 1};
    set(&test, "a", "3");
    cr_assert_not(partition_journal_waits(test.feed.partition, &dropped), "a loss is something to say");
    query.position = 4;
    cr_assert(partition_journal_waits(test.feed.partition, &query));
    configure(&test, &(struct map_settings){0});
    cr_assert_not(partition_journal_waits(test.feed.partition, &query), "it was switched off");
    feed_close(&test.feed);
}

Test(map_journal, of_maps_of_the_pipeline_only_the_journal_can_be_set)
{
    struct feed feed;
    feed_begin(&feed);
    struct command command = {.session = feed_session(&feed, 0), .sequence = 1, .kind = COMMAND_CONFIGURE};
    command.configure = (struct map_configure){.map = T("order.events"), .settings = {.ttl_ms = 5}};
    cr_assert_eq(feed_one(&feed, &command).err, GRID_ERR_DENIED);
    command.configure.settings = (struct map_settings){.journal = {.enabled = true}};
    cr_assert_eq(feed_one(&feed, &command).err, GRID_ERR_OK);
    feed_close(&feed);
}
