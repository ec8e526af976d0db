/* The blocking face: a loop of its own that runs inside each call. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "client/faces/face.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"

struct grid_blocking {
    uv_loop_t loop;
    struct grid_client *client;
    bool forked;                           /* this is a child of the process that opened it, and the loop knows */
};

struct grid_result { struct grid_reply reply; struct arena arena; };

/* A call that somebody waits for. */
struct wait { bool done; enum grid_outcome outcome; struct grid_result *result; uint64_t count; };

/* ---- results */

static struct grid_bytes keep(struct arena *arena, struct grid_bytes from)
{
    struct bytes kept = arena_copy(arena, face_bytes(from));
    return (struct grid_bytes){kept.data, kept.size};
}

static const struct grid_entry *keep_entries(struct arena *arena, const struct grid_reply *reply)
{
    struct grid_entry *entries = arena_zero(arena, (reply->entries_count + 1) * sizeof *entries);
    for (size_t i = 0; i < reply->entries_count; i++) {
        const struct grid_entry *from = &reply->entries[i];
        entries[i] = (struct grid_entry){keep(arena, from->key), keep(arena, from->affinity), keep(arena, from->value),
                                         from->version, from->ttl_ms};
    }
    return entries;
}

/* Arrays of plain values. */
static const void *keep_array(struct arena *arena, const void *from, size_t size)
{
    return size > 0 ? arena_copy(arena, bytes_of(from, size)).data : NULL;
}

static const struct grid_journal_record *keep_records(struct arena *arena, const struct grid_reply *reply)
{
    struct grid_journal_record *records = arena_zero(arena, (reply->records_count + 1) * sizeof *records);
    for (size_t i = 0; i < reply->records_count; i++) {
        records[i] = reply->records[i];
        records[i].key = keep(arena, records[i].key);
        records[i].affinity = keep(arena, records[i].affinity);
        records[i].value = keep(arena, records[i].value);
        records[i].old_value = keep(arena, records[i].old_value);
    }
    return records;
}

static const struct grid_map_summary *keep_maps(struct arena *arena, const struct grid_reply *reply)
{
    struct grid_map_summary *maps = arena_zero(arena, reply->maps_count * sizeof *maps);
    for (size_t i = 0; i < reply->maps_count; i++) {
        maps[i] = reply->maps[i];
        maps[i].name = arena_text(arena, bytes_of_text(reply->maps[i].name));
    }
    return maps;
}

static struct grid_result *result_of(const struct grid_reply *reply)
{
    struct grid_result *result = memory_zero(1, sizeof *result);
    arena_init(&result->arena, 512);
    result->reply = (struct grid_reply){
        .outcome = reply->outcome, .note = arena_text(&result->arena, bytes_of_text(reply->note)),
        .found = reply->found, .value = keep(&result->arena, reply->value), .version = reply->version,
        .count = reply->count, .refusal_code = reply->refusal_code, .sequence = reply->sequence,
        .refusal = arena_text(&result->arena, bytes_of_text(reply->refusal)),
        .event_id = arena_text(&result->arena, bytes_of_text(reply->event_id)), .ttl_ms = reply->ttl_ms,
        .failed = reply->failed, .entries = keep_entries(&result->arena, reply), .entries_count = reply->entries_count,
        .outcomes = keep_array(&result->arena, reply->outcomes, reply->outcomes_count * sizeof *reply->outcomes),
        .outcomes_count = reply->outcomes_count,
        .results = keep_array(&result->arena, reply->results, reply->results_count * sizeof *reply->results),
        .results_count = reply->results_count, .records = keep_records(&result->arena, reply),
        .records_count = reply->records_count, .partition = reply->partition, .dropped_from = reply->dropped_from,
        .dropped_to = reply->dropped_to, .maps = keep_maps(&result->arena, reply), .maps_count = reply->maps_count,
        .info = keep_array(&result->arena, reply->info, reply->info != NULL ? sizeof *reply->info : 0)};
    return result;
}

const struct grid_reply *grid_result_reply(const struct grid_result *result)
{
    return &result->reply;
}

void grid_result_close(struct grid_result *result)
{
    if (result == NULL)
        return;
    arena_close(&result->arena);
    memory_free(result);
}

/* ---- waiting */

static void replied(void *context, const struct grid_reply *reply)
{
    struct wait *wait = context;
    wait->done = true;
    wait->outcome = reply->outcome;
    wait->count = reply->count;
    wait->result = result_of(reply);
}

static struct grid_call call_of(struct wait *wait)
{
    *wait = (struct wait){0};
    return (struct grid_call){.done = replied, .context = wait};
}

/* The loop's descriptors are the parent's until it has got new ones. */
static bool forked(struct grid_blocking *client)
{
    if (!client->forked && face_forked(client->client)) {
        HOLDS(uv_loop_fork(&client->loop) == 0);
        client->forked = true;
    }
    return client->forked;
}

static void wait_for(struct grid_blocking *client, const bool *done)
{
    (void)forked(client);
    /* Every call has a deadline, so the loop always has something to wait for. */
    while (!*done)
        HOLDS(uv_run(&client->loop, UV_RUN_ONCE) != 0 || *done);
}

static enum grid_outcome finish(struct grid_blocking *client, struct wait *wait, struct grid_result **ret)
{
    wait_for(client, &wait->done);
    if (ret != NULL)
        *ret = wait->result;
    else
        grid_result_close(wait->result);
    return wait->outcome;
}

/* ---- calls */

enum grid_outcome grid_blocking_set(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                    struct grid_bytes value, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_set(client->client, map, key, value, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_get(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                    struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_get(client->client, map, key, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_remove(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                       struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_remove(client->client, map, key, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_compare_and_set(struct grid_blocking *client, const char *map,
                                                const struct grid_entry *entry, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_compare_and_set(client->client, map, entry, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_operate(struct grid_blocking *client, const char *map,
                                        const struct grid_operation *operation,
                                        const struct grid_idempotency *idempotency, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    call.idempotency = idempotency;
    grid_client_operate(client->client, map, operation, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_batch(struct grid_blocking *client, const char *map,
                                      const struct grid_operation *operations, size_t count,
                                      const struct grid_idempotency *idempotency, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    call.idempotency = idempotency;
    grid_client_batch(client->client, map, operations, count, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_contains(struct grid_blocking *client, const char *map, const struct grid_key *key,
                                         bool *ret_found)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    struct grid_result *result;
    grid_client_contains(client->client, map, key, &call);
    enum grid_outcome outcome = finish(client, &wait, &result);
    if (outcome == GRID_OUTCOME_OK)
        *ret_found = result->reply.found;
    grid_result_close(result);
    return outcome;
}

enum grid_outcome grid_blocking_put_all(struct grid_blocking *client, const char *map, const struct grid_entry *entries,
                                        size_t count, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_put_all(client->client, map, entries, count, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_get_all(struct grid_blocking *client, const char *map, const struct grid_key *keys,
                                        size_t count, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_get_all(client->client, map, keys, count, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_remove_all(struct grid_blocking *client, const char *map, const struct grid_key *keys,
                                           size_t count, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_remove_all(client->client, map, keys, count, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_clear(struct grid_blocking *client, const char *map)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_clear(client->client, map, &call);
    return finish(client, &wait, NULL);
}

enum grid_outcome grid_blocking_drop(struct grid_blocking *client, const char *map, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_drop(client->client, map, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_map_list(struct grid_blocking *client, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_map_list(client->client, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_is_empty(struct grid_blocking *client, const char *map, bool *ret_empty)
{
    uint64_t size = 0;
    enum grid_outcome outcome = grid_blocking_size(client, map, &size);
    if (outcome == GRID_OUTCOME_OK)
        *ret_empty = size == 0;
    return outcome;
}

enum grid_outcome grid_blocking_map_info(struct grid_blocking *client, const char *map, struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_map_info(client->client, map, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_configure(struct grid_blocking *client, const char *map,
                                          const struct grid_map_settings *settings, uint64_t expected_version,
                                          struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_configure(client->client, map, settings, expected_version, &call);
    return finish(client, &wait, ret);
}

enum grid_outcome grid_blocking_size(struct grid_blocking *client, const char *map, uint64_t *ret_size)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_size(client->client, map, &call);
    enum grid_outcome outcome = finish(client, &wait, NULL);
    if (outcome == GRID_OUTCOME_OK)
        *ret_size = wait.count;
    return outcome;
}

enum grid_outcome grid_blocking_command(struct grid_blocking *client, const struct grid_command *command,
                                        struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_client_command(client->client, command, &call);
    return finish(client, &wait, ret);
}

/* ---- journals */

struct grid_journal *grid_blocking_journal_open(struct grid_blocking *client, const struct grid_journal_options *options)
{
    return grid_journal_open(client->client, options);
}

enum grid_outcome grid_blocking_journal_next(struct grid_blocking *client, struct grid_journal *journal, uint64_t wait_ms,
                                             struct grid_result **ret)
{
    struct wait wait;
    struct grid_call call = call_of(&wait);
    grid_journal_next(journal, wait_ms, &call);
    return finish(client, &wait, ret);
}

/* ---- scans */

struct show { bool done, more, go_on; enum grid_outcome outcome; grid_entry_fn each; void *context; };

static void show_page(void *context, const struct grid_reply *reply)
{
    struct show *show = context;
    show->done = true;
    show->outcome = reply->outcome;
    show->more = reply->more;
    for (size_t i = 0; i < reply->entries_count && show->go_on; i++)
        show->go_on = show->each(show->context, &reply->entries[i]);
}

enum grid_outcome grid_blocking_scan(struct grid_blocking *client, const struct grid_scan_options *options,
                                     grid_entry_fn each, void *context)
{
    struct grid_scan *scan = grid_scan_open(client->client, options);
    struct show show = {.go_on = true, .each = each, .context = context};
    struct grid_call call = {.done = show_page, .context = &show};
    do {
        show.done = false;
        grid_scan_next(scan, &call);
        wait_for(client, &show.done);
    } while (show.outcome == GRID_OUTCOME_OK && show.more && show.go_on);
    grid_scan_close(scan);
    return show.outcome;
}

/* ---- life */

static void on_closed(void *context)
{
    *(bool *)context = true;
}

void grid_blocking_close(struct grid_blocking *client)
{
    bool closed = false, in_child = forked(client);
    grid_client_close(client->client, on_closed, &closed);
    while (!closed)
        uv_run(&client->loop, UV_RUN_ONCE);
    /* A name that the parent looks up never comes back here: then the rest stays as long as the child. */
    if (in_child) {
        uv_run(&client->loop, UV_RUN_NOWAIT);
        if (uv_loop_close(&client->loop) == 0)
            memory_free(client);
        return;
    }
    /* A name that is still being looked up comes back here. */
    uv_run(&client->loop, UV_RUN_DEFAULT);
    HOLDS(uv_loop_close(&client->loop) == 0);
    memory_free(client);
}

typedef void (*first_call_fn)(struct grid_client *client, const struct grid_call *call);

/* The first call decides whether the client is of use; `note` says why not. */
static enum grid_outcome open_with(const struct grid_options *options, first_call_fn first, struct grid_blocking **ret, char *note, size_t note_bytes)
{
    struct grid_blocking *client = memory_zero(1, sizeof *client);
    struct grid_result *result = NULL;
    struct wait wait;
    struct grid_call call = call_of(&wait);
    HOLDS(uv_loop_init(&client->loop) == 0);
    client->client = grid_client_open(&client->loop, options);
    first(client->client, &call);
    enum grid_outcome outcome = finish(client, &wait, &result);
    if (note != NULL && note_bytes > 0)
        snprintf(note, note_bytes, "%s", grid_result_reply(result)->note);
    grid_result_close(result);
    if (outcome == GRID_OUTCOME_OK)
        *ret = client;
    else
        grid_blocking_close(client);
    return outcome;
}

enum grid_outcome grid_blocking_open(const struct grid_options *options, struct grid_blocking **ret)
{
    return open_with(options, options->wait ? grid_client_ready : grid_client_reach, ret, options->note, options->note_bytes);
}

enum grid_outcome grid_blocking_reach(const struct grid_options *options, struct grid_blocking **ret, char *note, size_t note_bytes)
{
    return open_with(options, grid_client_reach, ret, note, note_bytes);
}
