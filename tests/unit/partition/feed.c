#include "tests/unit/partition/feed.h"

#include <criterion/criterion.h>

#include "grid/partition/entry.h"

void feed_open(struct feed *feed)
{
    *feed = (struct feed){.time_ms = 1000, .level = LEVEL_FIRST};
    feed->partition = partition_open(&(struct partition_options){.id = {0}});
    arena_init(&feed->arena, 4096);
}

void feed_close(struct feed *feed)
{
    partition_holds(feed->partition);
    partition_close(feed->partition);
    buffer_close(&feed->entry);
    for (unsigned i = 0; i < FEED_ANSWERS_MAX; i++)
        buffer_close(&feed->answers[i]);
    arena_close(&feed->arena);
}

struct command feed_genesis(void)
{
    static const struct message_member MEMBERS[] = {{.node = {1}}, {.node = {2}}, {.node = {3}}};
    struct command command = {.kind = COMMAND_GENESIS};
    command.genesis = (struct genesis_command){bytes_of_text("test"), FEED_PARTITIONS, MEMBERS, 3, 77, 5, BYTES_NONE, 0, NULL, 0};
    return command;
}

void feed_begin(struct feed *feed)
{
    feed_open(feed);
    struct command genesis = feed_genesis();
    cr_assert_eq(feed_one(feed, &genesis).err, GRID_ERR_OK);
}

void feed_add(struct feed *feed, const struct command *command)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    if (feed->entry.size == 0)
        entry_begin(&feed->entry, feed->level);
    entry_add(&feed->entry, buffer_bytes(&encoded));
    buffer_close(&encoded);
}

static void keep_answer(void *context, uint32_t ordinal, struct bytes response)
{
    struct feed *feed = context;
    cr_assert_eq(ordinal, feed->answers_count);
    cr_assert_lt(ordinal, FEED_ANSWERS_MAX);
    buffer_clear(&feed->answers[ordinal]);
    buffer_append(&feed->answers[ordinal], response);
    feed->answers_count++;
}

void feed_apply(struct feed *feed)
{
    entry_seal(&feed->entry, feed->time_ms, feed->time_ms + 5);
    feed->answers_count = 0;
    partition_apply(feed->partition, buffer_bytes(&feed->entry), keep_answer, feed);
    buffer_clear(&feed->entry);
}

struct response feed_answer(struct feed *feed, uint32_t ordinal)
{
    struct response response = {0};
    cr_assert_lt(ordinal, feed->answers_count);
    cr_assert_eq(response_decode(buffer_bytes(&feed->answers[ordinal]), &feed->arena, &response), GRID_ERR_OK);
    return response;
}

struct response feed_one(struct feed *feed, const struct command *command)
{
    feed_add(feed, command);
    feed_apply(feed);
    return feed_answer(feed, 0);
}

uint64_t feed_session(struct feed *feed, uint64_t idle_ms)
{
    struct command command = {.kind = COMMAND_OPEN_SESSION, .open_session = {idle_ms}};
    struct response response = feed_one(feed, &command);
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert_eq(response.session, partition_commits(feed->partition));
    return response.session;
}

struct response feed_query(struct feed *feed, const struct query *query)
{
    struct response response = {0};
    struct buffer *out = &feed->answers[FEED_ANSWERS_MAX - 1];
    buffer_clear(out);
    partition_query(feed->partition, query, 0, out);
    cr_assert_eq(response_decode(buffer_bytes(out), &feed->arena, &response), GRID_ERR_OK);
    return response;
}

struct command map_set_command(uint64_t session, uint64_t sequence, const char *key, const char *value)
{
    struct command command = {.session = session, .sequence = sequence, .kind = COMMAND_MAP};
    command.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text(key),
                                       .value = bytes_of_text(value)};
    return command;
}

struct query map_get_query(const char *key)
{
    return (struct query){.kind = QUERY_GET, .map = bytes_of_text("m"), .key = bytes_of_text(key)};
}
