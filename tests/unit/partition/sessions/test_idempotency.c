/* Idempotency keys: the store, and what a partition makes of them (R3, I12). */
#include "grid/partition/sessions/idempotency.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "tests/unit/partition/feed.h"

#define T(text) bytes_of_text(text)

static struct idempotency key_of(const char *key, const char *hash)
{
    return (struct idempotency){.tenant = T("t"), .route = T("r"), .key = T(key), .request_hash = T(hash)};
}

Test(idempotency, knows_a_key_by_tenant_route_and_text_together)
{
    struct idempotency_keys *keys = idempotency_open();
    struct idempotency key = key_of("k", "h");
    struct bytes answer;
    cr_assert_eq(idempotency_find(keys, &key, &answer), IDEMPOTENCY_NEW);
    idempotency_keep(keys, &key, T("answer"), 100, 7);
    cr_assert_eq(idempotency_find(keys, &key, &answer), IDEMPOTENCY_REPEATED);
    cr_assert(bytes_equal(answer, T("answer")));
    struct idempotency moved = {.tenant = T("tr"), .route = BYTES_NONE, .key = T("k"), .request_hash = T("h")};
    cr_assert_eq(idempotency_find(keys, &moved, &answer), IDEMPOTENCY_NEW, "where one text ends is not guessed");
    key.request_hash = T("other");
    cr_assert_eq(idempotency_find(keys, &key, &answer), IDEMPOTENCY_OTHER);
    idempotency_holds(keys);
    idempotency_close(keys);
}

Test(idempotency, forgets_in_order_by_time_count_and_bytes)
{
    enum { KEYS = 1000 };
    struct retention_limits limits = {.age_ms = 5000, .count = KEYS};
    struct idempotency_keys *keys = idempotency_open();
    struct idempotency first = key_of("first", "h");
    struct bytes answer;
    uint64_t due_ms, count, bytes, oldest_ms;
    cr_assert_not(idempotency_next_due_ms(keys, &limits, &due_ms));
    idempotency_keep(keys, &first, T("a"), 100, 7);
    cr_assert(idempotency_next_due_ms(keys, &limits, &due_ms) && due_ms == 5100);
    cr_assert_not(idempotency_next_due_ms(keys, &(struct retention_limits){0}, &due_ms), "never, without limits");
    cr_assert_eq(idempotency_trim(keys, &limits, 5099, 10), 0);
    cr_assert_eq(idempotency_trim(keys, &limits, 5100, 10), 1);
    cr_assert_eq(idempotency_find(keys, &first, &answer), IDEMPOTENCY_NEW);
    char text[32];
    for (unsigned i = 0; i <= KEYS; i++) {
        snprintf(text, sizeof text, "k%u", i);
        struct idempotency key = key_of(text, "h");
        cr_assert_eq(idempotency_trim(keys, &limits, 100, 10), 0, "no more than there may be");
        idempotency_keep(keys, &key, T("a"), 100, 7);
    }
    cr_assert(idempotency_next_due_ms(keys, &limits, &due_ms) && due_ms == 0, "a Tick has work now");
    cr_assert_eq(idempotency_trim(keys, &limits, 100, 10), 1);
    struct idempotency oldest = key_of("k0", "h"), second = key_of("k1", "h");
    cr_assert_eq(idempotency_find(keys, &oldest, &answer), IDEMPOTENCY_NEW);
    cr_assert_eq(idempotency_find(keys, &second, &answer), IDEMPOTENCY_REPEATED);
    idempotency_kept(keys, &count, &bytes, &oldest_ms);
    cr_assert(count == KEYS && oldest_ms == 100);
    limits = (struct retention_limits){.bytes = bytes};
    cr_assert_eq(idempotency_trim(keys, &limits, 100, 10), 0, "as many bytes as there may be");
    limits.bytes--;
    cr_assert_eq(idempotency_trim(keys, &limits, 100, 10), 1);
    limits.bytes = 1;
    cr_assert_eq(idempotency_trim(keys, &limits, 100, 10), 10, "in slices");
    idempotency_holds(keys);
    idempotency_close(keys);
}

Test(idempotency, keeps_no_answer_that_is_too_large)
{
    struct idempotency_keys *keys = idempotency_open();
    uint8_t *large = memory_zero(1, IDEMPOTENCY_ANSWER_BYTES_MAX + 1);
    struct idempotency key = key_of("k", "h");
    struct bytes answer;
    idempotency_keep(keys, &key, bytes_of(large, IDEMPOTENCY_ANSWER_BYTES_MAX + 1), 100, 7);
    cr_assert_eq(idempotency_find(keys, &key, &answer), IDEMPOTENCY_NOT_KEPT);
    for (unsigned i = 0; i < 600; i++) {
        char text[32];
        snprintf(text, sizeof text, "k%u", i);
        struct idempotency other = key_of(text, "h");
        idempotency_keep(keys, &other, bytes_of(large, IDEMPOTENCY_ANSWER_BYTES_MAX), 100, 7);
        (void)idempotency_trim(keys, &(struct retention_limits){.bytes = IDEMPOTENCY_BYTES_USUAL}, 100, 64);
    }
    cr_assert_lt(idempotency_count(keys), 300, "bounded by bytes");
    idempotency_holds(keys);
    memory_free(large);
    idempotency_close(keys);
}

/* ---- through a partition */

static struct command keyed_set(uint64_t session, uint64_t sequence, const char *value, const char *hash)
{
    struct command command = map_set_command(session, sequence, "k", value);
    command.idempotency = key_of("order-1", hash);
    return command;
}

Test(idempotency, a_repeat_under_another_session_gets_the_same_answer_and_writes_nothing)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t one = feed_session(&feed, 0), other = feed_session(&feed, 0);
    struct command first = keyed_set(one, 1, "v", "h"), again = keyed_set(other, 1, "v", "h"),
                   plain = map_set_command(one, 2, "k", "w");
    uint64_t version = feed_one(&feed, &first).version;
    feed_one(&feed, &plain);
    struct response response = feed_one(&feed, &again);
    cr_assert(response.err == GRID_ERR_OK && response.version == version);
    struct query query = map_get_query("k");
    cr_assert(bytes_equal(feed_query(&feed, &query).value, T("w")), "the repeat was not applied");
    struct partition_stats stats = partition_stats(feed.partition);
    cr_assert(stats.keys_new == 1 && stats.keys_repeated == 1 && stats.idempotency_keys == 1);
    feed_close(&feed);
}

Test(idempotency, another_request_under_the_key_is_refused_and_changes_nothing)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command first = keyed_set(session, 1, "v", "h"), other = keyed_set(session, 2, "w", "different");
    feed_one(&feed, &first);
    cr_assert_eq(feed_one(&feed, &other).err, GRID_ERR_IDEMPOTENCY_MISMATCH);
    struct query query = map_get_query("k");
    cr_assert(bytes_equal(feed_query(&feed, &query).value, T("v")));
    cr_assert_eq(feed_one(&feed, &other).err, GRID_ERR_IDEMPOTENCY_MISMATCH, "the session remembers that too");
    feed_close(&feed);
}

Test(idempotency, refusals_are_answers_like_others)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command first = keyed_set(session, 1, "v", "h"), again = keyed_set(session, 3, "v", "h"),
                   plain = map_set_command(session, 2, "k", "w");
    first.map.operation = again.map.operation = MAP_REPLACE;
    cr_assert_eq(feed_one(&feed, &first).err, GRID_ERR_NOT_FOUND);
    feed_one(&feed, &plain);
    cr_assert_eq(feed_one(&feed, &again).err, GRID_ERR_NOT_FOUND, "as it was answered first");
    feed_close(&feed);
}

Test(idempotency, keys_end_by_log_time_with_a_tick)
{
    struct feed feed;
    feed_begin(&feed);
    uint64_t session = feed_session(&feed, 0);
    struct command first = keyed_set(session, 1, "v", "h"), tick = {.kind = COMMAND_TICK};
    feed_one(&feed, &first);
    feed.time_ms += IDEMPOTENCY_KEEP_MS_USUAL;
    feed_one(&feed, &tick);
    session = feed_session(&feed, 0);
    struct command other = keyed_set(session, 1, "w", "different");
    cr_assert_eq(feed_one(&feed, &other).err, GRID_ERR_OK);
    feed_close(&feed);
}
