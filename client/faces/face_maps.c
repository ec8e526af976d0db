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

void grid_client_set(struct grid_client *client, const char *map, const struct grid_key *key, struct grid_bytes value,
                     const struct grid_call *call)
{
    grid_client_operate(client, map, &(struct grid_operation){.kind = GRID_SET, .key = *key, .value = value}, call);
}

void grid_client_get(struct grid_client *client, const char *map, const struct grid_key *key,
                     const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct client_key inner_key = face_key(key);
    client_map_get(face_core(client), bytes_of_text(map), &inner_key, &inner);
}

void grid_client_remove(struct grid_client *client, const char *map, const struct grid_key *key,
                        const struct grid_call *call)
{
    grid_client_operate(client, map, &(struct grid_operation){.kind = GRID_REMOVE, .key = *key}, call);
}

void grid_client_size(struct grid_client *client, const char *map, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_map_size(face_core(client), bytes_of_text(map), &inner);
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
