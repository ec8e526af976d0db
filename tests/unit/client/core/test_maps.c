/* Requests that concern many entries or every partition, idempotency keys, and readers of journals. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/hash.h"
#include "tests/unit/client/core/script.h"

#define T(text) bytes_of_text(text)

enum { TOLD_MAX = 64 };

/* What reached the nodes, in the order in which they were asked, and what they answer. */
struct told {
    struct script script;
    struct heard heard[TOLD_MAX];
    size_t count;
    struct response (*answer)(struct told *told, const struct heard *heard);
    struct journal_page page;              /* of answers that need one */
    struct journal_record records[4];
    struct map_info info;
    bool mute;                             /* requests are heard and not answered */
};

static struct response answer_ok(struct told *told, const struct heard *heard)
{
    (void)told;
    (void)heard;
    return (struct response){.version = 7, .count = 1};
}

static void answer(struct told *told, uint32_t node, const struct heard *heard)
{
    struct response response = {.session = 5};
    if (heard->type == FRAME_COMMAND && heard->command.kind == COMMAND_OPEN_SESSION) {
        script_answer(&told->script, node, heard, &response);
        return;
    }
    cr_assert_lt(told->count, TOLD_MAX);
    told->heard[told->count++] = *heard;
    if (told->mute)
        return;
    response = told->answer(told, heard);
    script_answer(&told->script, node, heard, &response);
}

/* Nodes accept what is dialled and answer what is asked, until nothing more is. */
static void serve(struct told *told)
{
    struct heard heard;
    bool something = true;
    while (something) {
        something = false;
        script_run(&told->script);
        for (uint32_t node = 1; node <= SCRIPT_NODES; node++) {
            if (!script_is_up(&told->script, node) && script_is_dialled(&told->script, node)) {
                script_welcome(&told->script, node);
                something = true;
            }
            while (script_is_up(&told->script, node) && script_hear(&told->script, node, &heard)) {
                answer(told, node, &heard);
                something = true;
            }
        }
    }
}

static void open_told(struct told *told)
{
    *told = (struct told){.answer = answer_ok};
    script_open(&told->script);
    serve(told);
}

/* ---- many entries */

struct many_outcome { int calls; enum grid_err err, outcomes[8]; size_t outcomes_count, entries_count; uint64_t count; };

static void on_many(void *context, const struct client_result *result)
{
    struct many_outcome *outcome = context;
    outcome->calls++;
    outcome->err = result->err;
    outcome->outcomes_count = result->outcomes_count;
    outcome->entries_count = result->response->entries_count;
    outcome->count = result->response->count;
    for (size_t i = 0; i < result->outcomes_count; i++)
        outcome->outcomes[i] = result->outcomes[i];
    for (size_t i = 0; i < outcome->entries_count; i++)
        cr_assert(bytes_equal(result->response->entries[i].value, T("v")));
}

static struct response second_is_full(struct told *told, const struct heard *heard)
{
    bool second = bytes_equal(heard->command.map.key, T("b"));
    (void)told;
    return (struct response){.err = second ? GRID_ERR_MAP_FULL : GRID_ERR_OK, .version = 3};
}

Test(client_maps, put_all_tells_the_outcome_of_each)
{
    struct told told;
    struct many_outcome outcome = {0};
    const struct map_entry entries[] = {{.key = T("a")}, {.key = T("b")}, {.key = T("c")}};
    open_told(&told);
    told.answer = second_is_full;
    client_map_many(told.script.client, CLIENT_PUT_ALL, T("m"), entries, 3,
                    &(struct client_call){.done = on_many, .context = &outcome});
    cr_assert_eq(outcome.calls, 0);
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_MAP_FULL && outcome.count == 2);
    cr_assert(outcome.outcomes[0] == GRID_ERR_OK && outcome.outcomes[1] == GRID_ERR_MAP_FULL &&
              outcome.outcomes[2] == GRID_ERR_OK);
    script_close(&told.script);
}

static struct response second_is_absent(struct told *told, const struct heard *heard)
{
    (void)told;
    if (bytes_equal(heard->query.key, T("b")))
        return (struct response){0};
    return (struct response){.found = true, .value = T("v"), .version = 3};
}

Test(client_maps, get_all_gives_those_that_were_found)
{
    struct told told;
    struct many_outcome outcome = {0};
    const struct map_entry keys[] = {{.key = T("a")}, {.key = T("b")}, {.key = T("c")}};
    open_told(&told);
    told.answer = second_is_absent;
    client_map_many(told.script.client, CLIENT_GET_ALL, T("m"), keys, 3,
                    &(struct client_call){.done = on_many, .context = &outcome});
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_OK && outcome.entries_count == 2 && outcome.count == 2);
    script_close(&told.script);
}

Test(client_maps, nothing_to_do_is_done)
{
    struct told told;
    struct many_outcome outcome = {0};
    open_told(&told);
    client_map_many(told.script.client, CLIENT_REMOVE_ALL, T("m"), NULL, 0,
                    &(struct client_call){.done = on_many, .context = &outcome});
    cr_assert_eq(outcome.calls, 0, "never from inside the call");
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_OK);
    script_close(&told.script);
}

/* ---- every partition */

Test(client_maps, clear_asks_every_partition_once)
{
    struct told told;
    struct outcome outcome;
    open_told(&told);
    struct client_call call = script_call(&outcome);
    client_map_clear(told.script.client, T("m"), &call);
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_OK && outcome.count == SCRIPT_PARTITIONS);
    cr_assert_eq(told.count, SCRIPT_PARTITIONS);
    uint32_t seen = 0;
    for (size_t i = 0; i < told.count; i++) {
        cr_assert_eq(told.heard[i].command.kind, COMMAND_CLEAR);
        seen |= 1u << told.heard[i].partition;
    }
    cr_assert_eq(seen, (1u << SCRIPT_PARTITIONS) - 1);
    script_close(&told.script);
}

static uint32_t home(const char *map)
{
    return hash_partition(T(map), SCRIPT_PARTITIONS).value;
}

Test(client_maps, settings_are_decided_in_one_partition_and_carried_to_the_others)
{
    struct told told;
    struct outcome outcome;
    struct map_settings settings = {.ttl_ms = 99};
    open_told(&told);
    struct client_call call = script_call(&outcome);
    client_map_configure(told.script.client, T("m"), &settings, 6, &call);
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_OK && outcome.version == 7);
    cr_assert_eq(told.count, 1 + SCRIPT_PARTITIONS);
    cr_assert_eq(told.heard[0].partition, home("m"));
    cr_assert_eq(told.heard[0].command.configure.expected_version, 6);
    cr_assert_eq(told.heard[0].command.configure.version, 0);
    for (size_t i = 1; i < told.count; i++)
        cr_assert(told.heard[i].command.configure.version == 7 && told.heard[i].command.configure.settings.ttl_ms == 99);
    script_close(&told.script);
}

static struct response conflict(struct told *told, const struct heard *heard)
{
    (void)told;
    (void)heard;
    return (struct response){.err = GRID_ERR_VERSION_CONFLICT, .version = 9};
}

Test(client_maps, settings_that_are_refused_go_nowhere)
{
    struct told told;
    struct outcome outcome;
    open_told(&told);
    told.answer = conflict;
    struct client_call call = script_call(&outcome);
    client_map_configure(told.script.client, T("m"), &(struct map_settings){0}, 6, &call);
    serve(&told);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_VERSION_CONFLICT && outcome.version == 9);
    cr_assert_eq(told.count, 1);
    script_close(&told.script);
}

static struct response describe(struct told *told, const struct heard *heard)
{
    told->info = (struct map_info){.exists = true, .settings_version = heard->partition == 2 ? 1 : 3, .entries = 10,
                                   .settings = {.ttl_ms = heard->partition == 2 ? 111 : 333}};
    return (struct response){.info = &told->info};
}

static void on_info(void *context, const struct client_result *result)
{
    struct map_info *info = context;
    *info = *result->response->info;
    cr_assert_eq(result->response->count, SCRIPT_PARTITIONS - 1, "partitions with the newest settings");
}

Test(client_maps, describe_adds_up_and_shows_the_newest_settings)
{
    struct told told;
    struct map_info info = {0};
    open_told(&told);
    told.answer = describe;
    client_map_describe(told.script.client, T("m"), &(struct client_call){.done = on_info, .context = &info});
    serve(&told);
    cr_assert(info.entries == 40 && info.settings_version == 3 && info.settings.ttl_ms == 333);
    script_close(&told.script);
}

/* ---- idempotency keys */

static struct command keyed(const char *value, const char *key)
{
    struct command command = {.kind = COMMAND_MAP, .idempotency = {.key = T(key)}};
    command.map = (struct map_command){.operation = MAP_SET, .map = T("m"), .key = T("k"), .value = T(value)};
    return command;
}

Test(client_maps, a_key_without_a_hash_gets_one_of_what_is_asked)
{
    struct told told;
    struct outcome outcome;
    const struct command commands[] = {keyed("v", "one"), keyed("v", "two"), keyed("w", "one")};
    open_told(&told);
    struct client_call call = script_call(&outcome);
    for (size_t i = 0; i < 3; i++)
        client_command(told.script.client, &commands[i], &call);
    serve(&told);
    cr_assert(told.count == 3 && outcome.calls == 3 && outcome.err == GRID_ERR_OK);
    struct bytes first = told.heard[0].command.idempotency.request_hash;
    cr_assert_eq(first.size, 16);
    cr_assert(bytes_equal(first, told.heard[1].command.idempotency.request_hash), "the key is not what is asked");
    cr_assert_not(bytes_equal(first, told.heard[2].command.idempotency.request_hash));
    script_close(&told.script);
}

/* ---- journals */

struct page_outcome { int calls; enum grid_err err; uint32_t partition; uint64_t first, next, dropped_to; size_t records; };

static void on_page(void *context, const struct client_result *result)
{
    struct page_outcome *outcome = context;
    const struct journal_page *page = result->response->journal;
    *outcome = (struct page_outcome){.calls = outcome->calls + 1, .err = result->err, .partition = result->partition};
    if (page == NULL)
        return;
    outcome->records = page->records_count;
    outcome->first = page->records_count > 0 ? page->records[0].sequence : 0;
    outcome->next = page->next_sequence;
    outcome->dropped_to = page->dropped_to;
}

/* Partition 1 holds records up to 5, of which 3 to 5 are kept; the others are empty. */
static struct response small_journal(struct told *told, const struct heard *heard)
{
    const struct query *query = &heard->query;
    uint64_t next = heard->partition == 1 ? 6 : 1, oldest = heard->partition == 1 ? 3 : 1;
    uint64_t from = query->from == JOURNAL_SEQUENCE ? query->position : query->from == JOURNAL_OLDEST ? oldest : next;
    told->page = (struct journal_page){.records = told->records, .oldest_sequence = oldest};
    if (from < oldest) {
        told->page.dropped_from = from;
        told->page.dropped_to = oldest - 1;
        from = oldest;
    }
    for (; from < next && told->page.records_count < 2; from++)
        told->records[told->page.records_count++] =
            (struct journal_record){.sequence = from, .kind = JOURNAL_ADDED, .key = T("k")};
    told->page.next_sequence = from;
    return (struct response){.journal = &told->page, .more = from < next};
}

static struct client_journal *open_journal(struct told *told, enum journal_from from, uint32_t partition)
{
    open_told(told);
    told->answer = small_journal;
    return client_journal_open(told->script.client, &(struct client_journal_options){.map = T("m"), .from = from,
                                                                                     .partition = partition});
}

static void next_page(struct told *told, struct client_journal *journal, uint64_t wait_ms, struct page_outcome *outcome)
{
    client_journal_next(journal, wait_ms, &(struct client_call){.done = on_page, .context = outcome});
    serve(told);
}

Test(client_journal, reads_page_after_page_of_whichever_partition_has_something)
{
    struct told told;
    struct page_outcome outcome = {0};
    struct client_journal *journal = open_journal(&told, JOURNAL_OLDEST, PARTITION_ALL);
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_OK && outcome.partition == 1);
    cr_assert(outcome.records == 2 && outcome.first == 3 && outcome.next == 5);
    cr_assert_eq(client_journal_position(journal, 1), 5);
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.calls == 2 && outcome.records == 1 && outcome.first == 5);
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.calls == 3 && outcome.err == GRID_ERR_OK && outcome.records == 0 && outcome.partition == PARTITION_ALL);
    client_journal_close(journal);
    script_close(&told.script);
}

/* No node answers; the second call comes while the first request is still under way. */
Test(client_journal, ends_each_call_once_when_patience_ends_before_a_node_is_found)
{
    struct script script;
    struct page_outcome first = {0}, second = {0};
    script_open(&script);
    struct client_journal *journal = client_journal_open(script.client, &(struct client_journal_options){
        .map = T("m"), .from = JOURNAL_OLDEST, .partition = PARTITION_ALL});
    client_journal_next(journal, 1000, &(struct client_call){.done = on_page, .context = &first, .deadline_ms = 2000});
    script_advance(&script, 1100000);
    cr_assert(first.calls == 1 && first.err == GRID_ERR_OK && first.records == 0);
    client_journal_next(journal, 60000, &(struct client_call){.done = on_page, .context = &second, .deadline_ms = 5000});
    script_advance(&script, 10000000);
    cr_expect_eq(first.calls, 1);
    cr_expect_eq(second.calls, 1);
    cr_expect_eq(second.err, GRID_ERR_UNAVAILABLE);
    client_journal_close(journal);
    script_close(&script);
}

Test(client_journal, tells_what_was_dropped)
{
    struct told told;
    struct page_outcome outcome = {0};
    struct client_journal *journal = open_journal(&told, JOURNAL_OLDEST, 1);
    client_journal_seek(journal, 1, 1);
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.dropped_to == 2 && outcome.first == 3);
    client_journal_close(journal);
    script_close(&told.script);
}

Test(client_journal, learns_where_the_newest_is_before_it_waits)
{
    struct told told;
    struct page_outcome outcome = {0};
    struct client_journal *journal = open_journal(&told, JOURNAL_NEWEST, 1);
    client_journal_next(journal, 5000, &(struct client_call){.done = on_page, .context = &outcome});
    script_run(&told.script);
    /* Only the first question and the one after it: then the reader would wait for good. */
    struct heard heard;
    while (!script_hear(&told.script, 2, &heard) && script_is_dialled(&told.script, 2))
        script_welcome(&told.script, 2);
    cr_assert(heard.query.from == JOURNAL_NEWEST && heard.query.wait_ms == 0);
    struct response response = small_journal(&told, &heard);
    script_answer(&told.script, 2, &heard, &response);
    cr_assert(script_hear(&told.script, 2, &heard));
    cr_assert(heard.query.from == JOURNAL_SEQUENCE && heard.query.position == 6 && heard.query.wait_ms > 0);
    cr_assert_eq(outcome.calls, 0);
    client_journal_close(journal);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_CLOSED, "a call that is out ends");
    script_close(&told.script);
}

Test(client_journal, asks_another_leader_for_the_same_record)
{
    struct told told;
    struct page_outcome outcome = {0};
    struct client_journal *journal = open_journal(&told, JOURNAL_OLDEST, 1);
    next_page(&told, journal, 0, &outcome);
    told.mute = true;
    told.count = 0;
    client_journal_next(journal, 400, &(struct client_call){.done = on_page, .context = &outcome});
    serve(&told);
    cr_assert(told.count == 1 && told.heard[0].query.position == 5);
    told.mute = false;
    told.script.leaders[1] = 3;
    script_cut(&told.script, 2);
    for (int i = 0; i < 50 && outcome.calls == 1; i++) {
        script_advance(&told.script, 20000);
        serve(&told);
    }
    cr_assert(told.heard[told.count - 1].query.position == 5);
    cr_assert(outcome.calls == 2 && outcome.first == 5);
    client_journal_close(journal);
    script_close(&told.script);
}

Test(client_journal, an_error_is_told_and_the_reader_goes_on)
{
    struct told told;
    struct page_outcome outcome = {0};
    struct client_journal *journal = open_journal(&told, JOURNAL_OLDEST, 1);
    told.answer = conflict;
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.calls == 1 && outcome.err == GRID_ERR_VERSION_CONFLICT && outcome.partition == 1);
    told.answer = small_journal;
    next_page(&told, journal, 0, &outcome);
    cr_assert(outcome.calls == 2 && outcome.err == GRID_ERR_OK && outcome.first == 3);
    client_journal_close(journal);
    script_close(&told.script);
}
