/* The asynchronous face of maps: operations, batches, calls on many entries, settings. */
#include "client/faces/face.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

/* The public numbers are those of the wire. */
#define SAME(name) _Static_assert((int)GRID_##name == (int)MAP_##name, #name)
SAME(SET);
SAME(REMOVE);
SAME(COMPARE_AND_SET);
SAME(PUT);
SAME(PUT_IF_ABSENT);
SAME(REPLACE);
SAME(REPLACE_IF_SAME);
SAME(REMOVE_IF_SAME);
SAME(REMOVE_IF_VERSION);
SAME(TAKE);
SAME(SET_TTL);
SAME(CHECK_VERSION);
#undef SAME
_Static_assert(GRID_TTL_NONE == MAP_TTL_NONE, "no ttl");
_Static_assert((int)GRID_ADDED == (int)JOURNAL_ADDED && (int)GRID_CLEARED == (int)JOURNAL_CLEARED, "kinds of records");

/* ---- replies */

static const struct grid_map_info *info_of(struct arena *arena, const struct client_result *result)
{
    const struct map_info *from = result->response->info;
    struct grid_map_info *info = arena_zero(arena, sizeof *info);
    const struct journal_settings *journal = &from->settings.journal;
    *info = (struct grid_map_info){
        .exists = from->exists, .settings_version = from->settings_version,
        .partitions_configured = (uint32_t)result->response->count, .entries = from->entries, .bytes = from->bytes,
        .expiring = from->expiring, .sets = from->sets, .removes = from->removes, .expirations = from->expirations,
        .journal_records = from->journal_next - from->journal_oldest, .journal_bytes = from->journal_bytes,
        .settings = {.ttl_ms = from->settings.ttl_ms, .entries_max = from->settings.entries_max,
                     .bytes_max = from->settings.bytes_max, .journal = journal->enabled,
                     .journal_old_values = journal->old_values, .journal_entries_max = journal->entries_max,
                     .journal_bytes_max = journal->bytes_max, .journal_age_max_ms = journal->age_max_ms}};
    return info;
}

static const struct grid_map_summary *maps_of(struct arena *arena, const struct response *response)
{
    struct grid_map_summary *maps = arena_zero(arena, response->maps_count * sizeof *maps);
    for (size_t i = 0; i < response->maps_count; i++) {
        const struct map_summary *from = &response->maps[i];
        maps[i] = (struct grid_map_summary){.name = arena_text(arena, from->name), .entries = from->entries,
                                            .bytes = from->bytes, .settings_version = from->settings_version,
                                            .journal = from->journal};
    }
    return maps;
}

static void page_of(struct arena *arena, const struct client_result *result, struct grid_reply *reply)
{
    const struct journal_page *page = result->response->journal;
    struct grid_journal_record *records = arena_zero(arena, (page->records_count + 1) * sizeof *records);
    for (size_t i = 0; i < page->records_count; i++) {
        const struct journal_record *from = &page->records[i];
        records[i] = (struct grid_journal_record){
            .sequence = from->sequence, .kind = (enum grid_journal_kind)from->kind, .key = face_public(from->key),
            .affinity = face_public(from->affinity), .value = face_public(from->value),
            .old_value = face_public(from->old_value), .has_old_value = from->has_old_value, .version = from->version,
            .log_time_ms = from->log_time_ms, .ttl_ms = from->ttl_ms};
    }
    reply->records = records;
    reply->records_count = page->records_count;
    reply->dropped_from = page->dropped_from;
    reply->dropped_to = page->dropped_to;
    reply->partition = result->partition;
}

static const enum grid_outcome *outcomes_of(struct arena *arena, const struct client_result *result)
{
    enum grid_outcome *outcomes = arena_zero(arena, (result->outcomes_count + 1) * sizeof *outcomes);
    for (size_t i = 0; i < result->outcomes_count; i++)
        outcomes[i] = (enum grid_outcome)result->outcomes[i];
    return outcomes;
}

static const struct grid_result_of_one *results_of(struct arena *arena, const struct response *response)
{
    struct grid_result_of_one *results = arena_zero(arena, (response->results_count + 1) * sizeof *results);
    for (size_t i = 0; i < response->results_count; i++)
        results[i] = (struct grid_result_of_one){response->results[i].found, response->results[i].version};
    return results;
}

void face_map_reply(struct arena *arena, const struct client_result *result, struct grid_reply *reply)
{
    const struct response *response = result->response;
    reply->failed = (size_t)response->count;
    if (response->info != NULL)
        reply->info = info_of(arena, result);
    if (response->maps_count > 0) {
        reply->maps = maps_of(arena, response);
        reply->maps_count = response->maps_count;
    }
    if (response->journal != NULL)
        page_of(arena, result, reply);
    if (result->outcomes_count > 0) {
        reply->outcomes = outcomes_of(arena, result);
        reply->outcomes_count = result->outcomes_count;
    }
    if (response->results_count > 0) {
        reply->results = results_of(arena, response);
        reply->results_count = response->results_count;
    }
}

/* ---- idempotency keys */

struct idempotency face_idempotency(const struct grid_idempotency *from)
{
    if (from == NULL)
        return (struct idempotency){0};
    return (struct idempotency){.tenant = face_optional(from->tenant), .route = face_optional(from->route),
                                .key = face_optional(from->key), .request_hash = face_bytes(from->request_hash)};
}

void grid_derived_id(const struct grid_idempotency *idempotency, char ret_id[33])
{
    static const char digits[] = "0123456789abcdef";
    struct idempotency from = face_idempotency(idempotency);
    struct buffer text = {0};
    buffer_append_sized(&text, from.tenant);
    buffer_append_sized(&text, from.route);
    buffer_append(&text, from.key);
    uint64_t halves[2] = {hash_xxh3(buffer_bytes(&text), 1), hash_xxh3(buffer_bytes(&text), 2)};
    for (int i = 0; i < 32; i++)
        ret_id[i] = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    ret_id[32] = 0;
    buffer_close(&text);
}

/* ---- operations */

static struct map_command operation_of(const char *map, const struct grid_operation *from)
{
    return (struct map_command){.operation = (enum map_operation)from->kind, .map = bytes_of_text(map),
                                .key = face_bytes(from->key.key), .affinity = face_bytes(from->key.affinity),
                                .value = face_bytes(from->value), .expected_version = from->expected_version,
                                .expected_value = face_bytes(from->expected_value), .ttl_ms = from->ttl_ms};
}

void grid_client_operate(struct grid_client *client, const char *map, const struct grid_operation *operation,
                         const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct command command = {.kind = COMMAND_MAP, .map = operation_of(map, operation),
                              .idempotency = face_idempotency(call->idempotency)};
    client_command(face_core(client), &command, &inner);
}

void grid_client_compare_and_set(struct grid_client *client, const char *map, const struct grid_entry *entry,
                                 const struct grid_call *call)
{
    struct grid_operation operation = {.kind = GRID_COMPARE_AND_SET, .key = {entry->key, entry->affinity},
                                       .value = entry->value, .expected_version = entry->version};
    grid_client_operate(client, map, &operation, call);
}

void grid_client_batch(struct grid_client *client, const char *map, const struct grid_operation *operations, size_t count,
                       const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct map_command *batch = memory_zero(count + 1, sizeof *batch);
    for (size_t i = 0; i < count; i++)
        batch[i] = operation_of(operations[i].map != NULL ? operations[i].map : map, &operations[i]);
    struct command command = {.kind = COMMAND_BATCH, .batch = {batch, count},
                              .idempotency = face_idempotency(call->idempotency)};
    client_command(face_core(client), &command, &inner);
    memory_free(batch);
}

void grid_client_contains(struct grid_client *client, const char *map, const struct grid_key *key,
                          const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct client_key inner_key = face_key(key);
    client_map_contains(face_core(client), bytes_of_text(map), &inner_key, &inner);
}

/* ---- many entries */

static struct map_entry *entries_of(const struct grid_entry *from, size_t count)
{
    struct map_entry *entries = memory_zero(count + 1, sizeof *entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct map_entry){.key = face_bytes(from[i].key), .affinity = face_bytes(from[i].affinity),
                                        .value = face_bytes(from[i].value)};
    return entries;
}

static struct map_entry *keys_of(const struct grid_key *from, size_t count)
{
    struct map_entry *entries = memory_zero(count + 1, sizeof *entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct map_entry){.key = face_bytes(from[i].key), .affinity = face_bytes(from[i].affinity)};
    return entries;
}

void grid_client_put_all(struct grid_client *client, const char *map, const struct grid_entry *entries, size_t count,
                         const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct map_entry *inner_entries = entries_of(entries, count);
    client_map_many(face_core(client), CLIENT_PUT_ALL, bytes_of_text(map), inner_entries, count, &inner);
    memory_free(inner_entries);
}

void grid_client_get_all(struct grid_client *client, const char *map, const struct grid_key *keys, size_t count,
                         const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct map_entry *entries = keys_of(keys, count);
    client_map_many(face_core(client), CLIENT_GET_ALL, bytes_of_text(map), entries, count, &inner);
    memory_free(entries);
}

void grid_client_remove_all(struct grid_client *client, const char *map, const struct grid_key *keys, size_t count,
                            const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct map_entry *entries = keys_of(keys, count);
    client_map_many(face_core(client), CLIENT_REMOVE_ALL, bytes_of_text(map), entries, count, &inner);
    memory_free(entries);
}

/* ---- the whole map */

void grid_client_clear(struct grid_client *client, const char *map, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_map_clear(face_core(client), bytes_of_text(map), &inner);
}

void grid_client_drop(struct grid_client *client, const char *map, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_map_drop(face_core(client), bytes_of_text(map), &inner);
}

void grid_client_map_list(struct grid_client *client, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_map_list(face_core(client), &inner);
}

void grid_client_map_info(struct grid_client *client, const char *map, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_map_describe(face_core(client), bytes_of_text(map), &inner);
}

void grid_client_configure(struct grid_client *client, const char *map, const struct grid_map_settings *settings,
                           uint64_t expected_version, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct map_settings inner_settings = {
        .ttl_ms = settings->ttl_ms, .entries_max = settings->entries_max, .bytes_max = settings->bytes_max,
        .journal = {.enabled = settings->journal, .old_values = settings->journal_old_values,
                    .entries_max = settings->journal_entries_max, .bytes_max = settings->journal_bytes_max,
                    .age_max_ms = settings->journal_age_max_ms}};
    client_map_configure(face_core(client), bytes_of_text(map), &inner_settings, expected_version, &inner);
}
