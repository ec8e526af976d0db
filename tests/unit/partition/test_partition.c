#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/limits.h"
#include "grid/base/prng.h"
#include "grid/partition/entry.h"
#include "grid/partition/sessions/sessions.h"
#include "tests/unit/partition/feed.h"

/* ---- genesis */

Test(partition, refuses_everything_before_genesis)
{
    struct feed feed;
    feed_open(&feed);
    struct command open = {.kind = COMMAND_OPEN_SESSION}, tick = {.kind = COMMAND_TICK};
    struct command set = map_set_command(1, 1, "a", "x");
    feed_add(&feed, &open);
    feed_add(&feed, &tick);
    feed_add(&feed, &set);
    feed_apply(&feed);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(feed_answer(&feed, i).err, GRID_ERR_UNAVAILABLE);
    struct query get = map_get_query("a");
    struct genesis_command genesis;
    cr_assert_eq(feed_query(&feed, &get).err, GRID_ERR_UNAVAILABLE);
    cr_assert_not(partition_genesis(feed.partition, &genesis));
    cr_assert_eq(partition_stats(feed.partition).sessions, 0);
    feed_close(&feed);
}

/* Looking ahead is a hint: it changes nothing, and nothing that can be asked disturbs it. */
Test(partition, looks_ahead_at_reads_of_any_kind)
{
    static const char long_key[KEY_BYTES_MAX + 1];
    struct feed feed;
    struct query queries[PARTITION_AHEAD_MAX] = {map_get_query("a"), map_get_query("b"), map_get_query("c"), map_get_query("d"),
                                                 map_get_query("e"), map_get_query("f"), map_get_query("a"), map_get_query("a")};
    queries[1].map = bytes_of_text("never heard of");
    queries[2].key = bytes_of(long_key, sizeof long_key);
    queries[3].key = BYTES_NONE;
    queries[4].kind = QUERY_SCAN;
    queries[5].affinity = bytes_of(long_key, sizeof long_key);
    feed_open(&feed);
    partition_query_ahead(feed.partition, queries, PARTITION_AHEAD_MAX);
    feed_close(&feed);
    feed_begin(&feed);
    struct command set = map_set_command(feed_session(&feed, 0), 1, "a", "x");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_OK);
    uint64_t digest = partition_digest(feed.partition);
    partition_query_ahead(feed.partition, queries, PARTITION_AHEAD_MAX);
    cr_assert_eq(partition_digest(feed.partition), digest);
    cr_assert(bytes_equal(feed_query(&feed, &queries[0]).value, bytes_of_text("x")));
    feed_close(&feed);
}

Test(partition, keeps_its_first_genesis)
{
    struct feed feed;
    feed_begin(&feed);
    struct command genesis = feed_genesis();
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_OK);
    genesis.genesis.settings_digest++;
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_MISMATCH);
    struct genesis_command kept;
    cr_assert(partition_genesis(feed.partition, &kept));
    cr_assert_eq(kept.settings_digest, 5);
    cr_assert_eq(kept.members_count, 3);
    cr_assert_eq(kept.members[2].node.value, 3);
    cr_assert(bytes_equal(kept.cluster, bytes_of_text("test")));
    feed_close(&feed);
}

Test(partition, refuses_a_genesis_that_has_no_room_for_it)
{
    struct feed feed;
    feed_open(&feed);
    struct command genesis = feed_genesis();
    genesis.genesis.partitions = 0;
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_INVALID);
    genesis.genesis.partitions = PARTITIONS_MAX + 1;
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_INVALID);
    genesis = feed_genesis();
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_OK);
    feed_close(&feed);
}

/* ---- maps */

Test(partition, sets_gets_and_removes_with_versions_that_are_never_used_again)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "first");
    struct response first = feed_one(&feed, &set);
    cr_assert(first.err == GRID_ERR_OK && !first.found && first.version == partition_commits(feed.partition));
    set = map_set_command(session, 2, "a", "second");
    struct response second = feed_one(&feed, &set);
    cr_assert(second.found && second.version > first.version);
    struct query get = map_get_query("a");
    struct response read = feed_query(&feed, &get);
    cr_assert(read.found && read.version == second.version && bytes_equal(read.value, bytes_of_text("second")));
    cr_assert_eq(read.index, partition_commits(feed.partition));
    struct command remove = map_set_command(session, 3, "a", "");
    remove.map.operation = MAP_REMOVE;
    cr_assert(feed_one(&feed, &remove).found);
    cr_assert_not(feed_query(&feed, &get).found);
    set = map_set_command(session, 4, "a", "third");
    cr_assert_gt(feed_one(&feed, &set).version, second.version);
    feed_close(&feed);
}

static struct response compare_and_set(struct feed *feed, uint64_t session, uint64_t sequence, uint64_t expected)
{
    struct command command = map_set_command(session, sequence, "a", "by comparison");
    command.map.operation = MAP_COMPARE_AND_SET;
    command.map.expected_version = expected;
    return feed_one(feed, &command);
}

Test(partition, compares_versions_before_it_sets_I14)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct response missing = compare_and_set(&feed, session, 1, 99);
    cr_assert(missing.err == GRID_ERR_VERSION_CONFLICT && !missing.found && missing.version == 0);
    cr_assert_eq(partition_stats(feed.partition).entries, 0);
    struct response absent = compare_and_set(&feed, session, 2, 0);
    cr_assert(absent.err == GRID_ERR_OK && !absent.found);
    struct response again = compare_and_set(&feed, session, 3, 0);
    cr_assert(again.err == GRID_ERR_VERSION_CONFLICT && again.found && again.version == absent.version);
    struct response right = compare_and_set(&feed, session, 4, absent.version);
    cr_assert(right.err == GRID_ERR_OK && right.version > absent.version);
    feed_close(&feed);
}

/* ---- sessions */

static bool same_answers(const struct buffer *a, const struct buffer *b)
{
    return bytes_equal(buffer_bytes(a), buffer_bytes(b));
}

Test(partition, answers_a_repeated_write_byte_for_byte_and_applies_it_once_I11)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "mine");
    feed_one(&feed, &set);
    struct buffer first = {0};
    buffer_append(&first, buffer_bytes(&feed.answers[0]));
    uint64_t other = feed_session(&feed, 0);
    struct command other_set = map_set_command(other, 1, "a", "theirs");
    feed_one(&feed, &other_set);
    feed_one(&feed, &set);
    cr_assert(same_answers(&first, &feed.answers[0]));
    struct query get = map_get_query("a");
    cr_assert(bytes_equal(feed_query(&feed, &get).value, bytes_of_text("theirs")));
    cr_assert_eq(partition_stats(feed.partition).duplicates, 1);
    buffer_close(&first);
    feed_close(&feed);
}

Test(partition, repeats_inside_one_entry_count_too)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "x");
    feed_add(&feed, &set);
    feed_add(&feed, &set);
    feed_apply(&feed);
    cr_assert(same_answers(&feed.answers[0], &feed.answers[1]));
    feed_close(&feed);
}

Test(partition, repeats_the_answer_of_a_service_command_too)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command command = {.session = session, .sequence = 1, .kind = COMMAND_SERVICE};
    command.service = (struct service_command){.service = 1, .type = 1, .key = bytes_of_text("k")};
    cr_assert_eq(feed_one(&feed, &command).err, GRID_ERR_NOT_SUPPORTED);
    cr_assert_eq(feed_one(&feed, &command).err, GRID_ERR_NOT_SUPPORTED);
    cr_assert_eq(partition_stats(feed.partition).duplicates, 1);
    feed_close(&feed);
}

Test(partition, opens_several_sessions_in_one_entry)
{
    struct feed feed;
    feed_begin(&feed);
    struct command open = {.kind = COMMAND_OPEN_SESSION};
    feed_add(&feed, &open);
    feed_add(&feed, &open);
    feed_apply(&feed);
    cr_assert_neq(feed_answer(&feed, 0).session, feed_answer(&feed, 1).session);
    cr_assert_eq(partition_stats(feed.partition).sessions, 2);
    feed_close(&feed);
}

Test(partition, never_makes_a_session_by_the_way)
{
    struct feed feed;
    feed_begin(&feed);
    struct command set = map_set_command(12345, 1, "a", "x");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_NO_SESSION);
    uint64_t session = feed_session(&feed, 0);
    struct command close = {.session = session, .kind = COMMAND_CLOSE_SESSION};
    cr_assert_eq(feed_one(&feed, &close).err, GRID_ERR_OK);
    set = map_set_command(session, 1, "a", "x");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_NO_SESSION);
    cr_assert_eq(feed_one(&feed, &close).err, GRID_ERR_NO_SESSION);
    cr_assert_eq(partition_stats(feed.partition).entries, 0);
    feed_close(&feed);
}

Test(partition, refuses_what_was_acknowledged_or_lies_beyond_the_window)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 5, "a", "x");
    set.acknowledged_below = 5;
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_OK);
    struct command below = map_set_command(session, 4, "a", "y");
    cr_assert_eq(feed_one(&feed, &below).err, GRID_ERR_INVALID);
    struct command far = map_set_command(session, 5 + SESSION_WINDOW_MAX, "a", "y");
    cr_assert_eq(feed_one(&feed, &far).err, GRID_ERR_BUSY);
    far.sequence--;
    cr_assert_eq(feed_one(&feed, &far).err, GRID_ERR_OK);
    feed_close(&feed);
}

Test(partition, ends_idle_sessions_by_log_time_with_a_tick)
{
    struct feed feed;
    uint64_t due_ms;
    feed_begin(&feed);
    cr_assert_not(partition_next_due_ms(feed.partition, &due_ms));
    uint64_t session = feed_session(&feed, 5000);
    cr_assert(partition_next_due_ms(feed.partition, &due_ms));
    cr_assert_eq(due_ms, 6000);
    feed.time_ms = 4000;
    struct command set = map_set_command(session, 1, "a", "x"), tick = {.kind = COMMAND_TICK};
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_OK);
    cr_assert(partition_next_due_ms(feed.partition, &due_ms));
    cr_assert_eq(due_ms, 9000);
    feed.time_ms = 8999;
    feed_one(&feed, &tick);
    cr_assert_eq(partition_stats(feed.partition).sessions, 1);
    feed.time_ms = 9000;
    feed_one(&feed, &tick);
    cr_assert_eq(partition_stats(feed.partition).sessions, 0);
    cr_assert_not(partition_next_due_ms(feed.partition, &due_ms));
    feed_close(&feed);
}

/* ---- time, entries, digests */

Test(partition, log_time_never_turns_back_R14)
{
    struct feed feed;
    feed_begin(&feed);
    struct command tick = {.kind = COMMAND_TICK};
    feed.time_ms = 9000;
    feed_one(&feed, &tick);
    feed.time_ms = 2000;
    feed_one(&feed, &tick);
    cr_assert_eq(partition_log_time_ms(feed.partition), 9000);
    feed_close(&feed);
}

static void no_answer(void *context, uint32_t ordinal, struct bytes response)
{
    (void)context, (void)ordinal, (void)response;
    cr_assert_fail("a malformed entry has no answers");
}

Test(partition, a_malformed_entry_changes_nothing_but_the_digest)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "x");
    feed_add(&feed, &set);
    entry_seal(&feed.entry, 50000, 0);
    uint64_t state = partition_state_digest(feed.partition), malformed = 0;
    for (size_t size = 0; size < feed.entry.size; size++) {
        uint64_t digest = partition_digest(feed.partition);
        partition_apply(feed.partition, bytes_of(feed.entry.data, size), no_answer, NULL);
        cr_assert_eq(partition_state_digest(feed.partition), state);
        cr_assert_neq(partition_digest(feed.partition), digest);
        cr_assert_eq(partition_stats(feed.partition).malformed_entries, ++malformed);
    }
    feed_close(&feed);
}

Test(partition, a_malformed_command_leaves_its_neighbours_alone)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "x");
    feed_add(&feed, &set);
    entry_add(&feed.entry, bytes_of_text("no command at all"));
    entry_add(&feed.entry, BYTES_NONE);
    set = map_set_command(session, 2, "b", "x");
    feed_add(&feed, &set);
    feed_apply(&feed);
    cr_assert_eq(feed_answer(&feed, 0).err, GRID_ERR_OK);
    cr_assert_eq(feed_answer(&feed, 1).err, GRID_ERR_MALFORMED);
    cr_assert_eq(feed_answer(&feed, 2).err, GRID_ERR_MALFORMED);
    cr_assert_eq(feed_answer(&feed, 3).err, GRID_ERR_OK);
    cr_assert_eq(partition_stats(feed.partition).entries, 2);
    feed_close(&feed);
}

static struct command random_command(struct prng *prng, char key[16], uint64_t sequence)
{
    struct command command = {.kind = COMMAND_TICK};
    uint64_t kind = prng_range(prng, 0, 19);
    if (kind == 0)
        return command;
    if (kind == 1)
        return (struct command){.kind = COMMAND_OPEN_SESSION, .open_session = {prng_range(prng, 0, 9000)}};
    snprintf(key, 16, "k%u", (unsigned)prng_range(prng, 0, 40));
    command = map_set_command(prng_range(prng, 1, 6), sequence - prng_range(prng, 0, 3), key, "value");
    command.map.operation = (enum map_operation)prng_range(prng, MAP_SET, MAP_COMPARE_AND_SET);
    command.map.expected_version = prng_range(prng, 0, 5);
    command.acknowledged_below = command.sequence - prng_range(prng, 0, 1);
    return command;
}

Test(partition, two_that_are_fed_the_same_are_the_same_and_others_are_not_I15)
{
    struct feed a, b;
    struct prng prng;
    prng_init(&prng, 3);
    feed_begin(&a);
    feed_begin(&b);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(feed_session(&a, 0), feed_session(&b, 0));
    char key[16];
    for (unsigned round = 0; round < 500; round++) {
        a.time_ms = b.time_ms = a.time_ms + prng_range(&prng, 0, 900);
        for (uint64_t i = prng_range(&prng, 1, 10); i > 0; i--) {
            struct command command = random_command(&prng, key, round + 4);
            feed_add(&a, &command);
            feed_add(&b, &command);
        }
        feed_apply(&a);
        feed_apply(&b);
        cr_assert_eq(partition_digest(a.partition), partition_digest(b.partition));
        cr_assert_eq(partition_state_digest(a.partition), partition_state_digest(b.partition));
        partition_holds(a.partition);
    }
    cr_assert_gt(partition_stats(a.partition).entries, 10);
    struct command open = {.kind = COMMAND_OPEN_SESSION};
    feed_one(&a, &open);
    cr_assert_neq(partition_digest(a.partition), partition_digest(b.partition));
    cr_assert_neq(partition_state_digest(a.partition), partition_state_digest(b.partition));
    feed_close(&a);
    feed_close(&b);
}
