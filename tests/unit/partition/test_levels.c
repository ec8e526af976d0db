/* Feature levels of a partition (R17, I34). */
#include <criterion/criterion.h>

#include "grid/wire/level.h"
#include "tests/unit/partition/feed.h"

static struct response raise_to(struct feed *feed, uint64_t session, uint64_t sequence, uint32_t level)
{
    struct command raise = {.session = session, .sequence = sequence, .kind = COMMAND_RAISE_LEVEL, .raise_level = {level}};
    return feed_one(feed, &raise);
}

Test(levels, of_a_log_that_names_none_is_1)
{
    struct feed feed;
    feed_open(&feed);
    cr_assert_eq(partition_level(feed.partition), 1u);
    feed_close(&feed);
    feed_begin(&feed);
    cr_assert_eq(partition_level(feed.partition), 1u);
    feed_close(&feed);
}

Test(levels, begin_where_the_genesis_says)
{
    struct feed feed;
    struct command genesis = feed_genesis();
    feed_open(&feed);
    genesis.genesis.level = LEVEL_LAST + 1;
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_INVALID);
    genesis.genesis.level = 2;
    cr_assert_eq(feed_one(&feed, &genesis).err, GRID_ERR_OK);
    cr_assert_eq(partition_level(feed.partition), 2u);
    feed_close(&feed);
}

Test(levels, are_raised_by_a_command_and_never_lowered)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct response raised = raise_to(&feed, session, 1, 2);
    cr_assert_eq(raised.err, GRID_ERR_OK);
    cr_assert_eq(raised.version, 2u);
    cr_assert_eq(partition_level(feed.partition), 2u);
    cr_assert_eq(raise_to(&feed, session, 2, 1).version, 2u);
    cr_assert_eq(raise_to(&feed, session, 3, 2).err, GRID_ERR_OK);
    cr_assert_eq(partition_level(feed.partition), 2u);
    cr_assert_eq(raise_to(&feed, session, 4, 0).err, GRID_ERR_INVALID);
    cr_assert_eq(raise_to(&feed, session, 5, LEVEL_LAST + 1).err, GRID_ERR_NOT_SUPPORTED);
    cr_assert_eq(partition_level(feed.partition), 2u);
    feed_close(&feed);
}

/* Entries of both levels in one log; those of the lower one were proposed before the raise was applied. */
Test(levels, of_entries_go_up_to_that_of_the_partition)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "x");
    feed.level = 2;
    feed_add(&feed, &set);
    feed_apply(&feed);
    cr_assert_eq(feed.answers_count, 0u, "no leader writes above the partition's level");
    cr_assert_eq(partition_stats(feed.partition).malformed_entries, 1u);
    feed.level = 1;
    cr_assert_eq(raise_to(&feed, session, 2, 2).err, GRID_ERR_OK);
    set = map_set_command(session, 3, "b", "x");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_OK);
    feed.level = 2;
    set = map_set_command(session, 4, "c", "x");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_OK);
    cr_assert_eq(partition_stats(feed.partition).malformed_entries, 1u);
    feed_close(&feed);
}

Test(levels, are_part_of_the_state)
{
    struct feed one, other;
    feed_begin(&one);
    feed_begin(&other);
    uint64_t session = feed_session(&one, 0);
    cr_assert_eq(feed_session(&other, 0), session);
    cr_assert_eq(partition_state_digest(one.partition), partition_state_digest(other.partition));
    raise_to(&one, session, 1, 2);
    raise_to(&other, session, 1, 1);
    cr_assert_neq(partition_state_digest(one.partition), partition_state_digest(other.partition));
    feed_close(&one);
    feed_close(&other);
}

/* Acting for another principal is not built yet; such a command in the log is refused (R8). */
Test(levels, do_not_make_act_as_work)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command set = map_set_command(session, 1, "a", "x");
    struct query get = map_get_query("a");
    set.act_as = bytes_of_text("somebody");
    cr_assert_eq(feed_one(&feed, &set).err, GRID_ERR_NOT_SUPPORTED);
    cr_assert_not(feed_query(&feed, &get).found);
    feed_close(&feed);
}
