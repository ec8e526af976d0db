/* Commands on maps: one operation, batches, settings; and the idempotency key of a write. */
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

enum { SMALL_FIELDS_BYTES = 32 };      /* tags, sizes and numbers of a map command, about */

/* ---- one operation */

size_t map_command_size_guess(const struct map_command *map)
{
    return map->map.size + map->key.size + map->affinity.size + map->value.size + map->expected_value.size +
           SMALL_FIELDS_BYTES;
}

void map_command_encode(const struct map_command *map, struct buffer *out)
{
    wire_put_u64(out, 1, map->operation);
    wire_put_bytes(out, 2, map->map);
    wire_put_bytes(out, 3, map->key);
    wire_put_bytes(out, 4, map->affinity);
    wire_put_bytes(out, 5, map->value);
    wire_put_u64(out, 6, map->expected_version);
    wire_put_bytes(out, 7, map->expected_value);
    wire_put_u64(out, 8, map->ttl_ms);
}

enum grid_err map_command_decode(struct bytes in, struct map_command *ret_map)
{
    struct map_command map = {0};
    uint32_t operation = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: operation = wire_u32(&reader); break;
        case 2: map.map = wire_text(&reader); break;
        case 3: map.key = wire_bytes(&reader); break;
        case 4: map.affinity = wire_bytes(&reader); break;
        case 5: map.value = wire_bytes(&reader); break;
        case 6: map.expected_version = wire_u64(&reader); break;
        case 7: map.expected_value = wire_bytes(&reader); break;
        case 8: map.ttl_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    if (operation < MAP_SET || operation > MAP_OPERATION_LAST)
        wire_unknown(&reader);
    else
        map.operation = (enum map_operation)operation;
    *ret_map = map;
    return wire_end(&reader);
}

/* ---- batches and names */

void map_batch_encode(const struct map_batch *batch, struct buffer *out)
{
    for (size_t i = 0; i < batch->operations_count; i++) {
        const struct map_command *operation = &batch->operations[i];
        struct wire_nested nested = wire_nested_begin(out, 1, map_command_size_guess(operation));
        map_command_encode(operation, out);
        wire_nested_end(out, nested);
    }
}

enum grid_err map_batch_decode(struct bytes in, struct arena *arena, struct map_batch *ret_batch)
{
    struct wire_reader reader = wire_reader_of(in);
    size_t room = wire_count(&reader, 1, BATCH_OPERATIONS_MAX), count = 0;
    struct map_command *operations = room > 0 ? arena_alloc(arena, room * sizeof *operations) : NULL;
    while (wire_next(&reader)) {
        if (reader.field != 1) {
            wire_unknown(&reader);
            continue;
        }
        struct bytes operation = wire_repeated(&reader);
        if (!reader.failed)
            wire_check(&reader, map_command_decode(operation, &operations[count++]));
    }
    *ret_batch = (struct map_batch){operations, count};
    return wire_end(&reader);
}

enum grid_err map_name_decode(struct bytes in, struct bytes *ret_map)
{
    struct wire_reader reader = wire_reader_of(in);
    *ret_map = BYTES_NONE;
    while (wire_next(&reader)) {
        if (reader.field == 1)
            *ret_map = wire_text(&reader);
        else
            wire_unknown(&reader);
    }
    return wire_end(&reader);
}

/* ---- a list of maps */

void map_summary_put(struct buffer *out, uint32_t field, const struct map_summary *summary)
{
    struct wire_nested nested = wire_nested_begin(out, field, summary->name.size + 32);
    wire_put_bytes(out, 1, summary->name);
    wire_put_u64(out, 2, summary->entries);
    wire_put_u64(out, 3, summary->bytes);
    wire_put_u64(out, 4, summary->settings_version);
    wire_put_bool(out, 5, summary->journal);
    wire_nested_end(out, nested);
}

/* Room for as many as there can be is taken with the first: lists are rare, and counting ahead would cost every answer. */
void map_summary_take(struct wire_reader *outer, struct arena *arena, struct response *response)
{
    struct map_summary summary = {0};
    struct wire_reader reader = wire_reader_of(wire_repeated(outer));
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: summary.name = wire_text(&reader); break;
        case 2: summary.entries = wire_u64(&reader); break;
        case 3: summary.bytes = wire_u64(&reader); break;
        case 4: summary.settings_version = wire_u64(&reader); break;
        case 5: summary.journal = wire_bool(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    wire_check(outer, wire_end(&reader));
    if (outer->failed || response->maps_count == MAPS_PER_PARTITION_MAX) {
        wire_unknown(outer);
        return;
    }
    struct map_summary *maps = (struct map_summary *)(uintptr_t)response->maps;
    if (maps == NULL)
        response->maps = maps = arena_alloc(arena, MAPS_PER_PARTITION_MAX * sizeof *maps);
    maps[response->maps_count++] = summary;
}

/* ---- settings */

static void journal_settings_put(struct buffer *out, uint32_t field, const struct journal_settings *journal)
{
    if (!journal->enabled && !journal->old_values && journal->entries_max == 0 && journal->bytes_max == 0 &&
        journal->age_max_ms == 0)
        return;
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_bool(out, 1, journal->enabled);
    wire_put_bool(out, 2, journal->old_values);
    wire_put_u64(out, 3, journal->entries_max);
    wire_put_u64(out, 4, journal->bytes_max);
    wire_put_u64(out, 5, journal->age_max_ms);
    wire_nested_end(out, nested);
}

static enum grid_err journal_settings_decode(struct bytes in, struct journal_settings *ret_journal)
{
    struct journal_settings journal = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: journal.enabled = wire_bool(&reader); break;
        case 2: journal.old_values = wire_bool(&reader); break;
        case 3: journal.entries_max = wire_u64(&reader); break;
        case 4: journal.bytes_max = wire_u64(&reader); break;
        case 5: journal.age_max_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_journal = journal;
    return wire_end(&reader);
}

void map_settings_put(struct buffer *out, uint32_t field, const struct map_settings *settings)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, settings->ttl_ms);
    wire_put_u64(out, 2, settings->entries_max);
    wire_put_u64(out, 3, settings->bytes_max);
    journal_settings_put(out, 4, &settings->journal);
    wire_nested_end(out, nested);
}

enum grid_err map_settings_decode(struct bytes in, struct map_settings *ret_settings)
{
    struct map_settings settings = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: settings.ttl_ms = wire_u64(&reader); break;
        case 2: settings.entries_max = wire_u64(&reader); break;
        case 3: settings.bytes_max = wire_u64(&reader); break;
        case 4: wire_check(&reader, journal_settings_decode(wire_bytes(&reader), &settings.journal)); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_settings = settings;
    return wire_end(&reader);
}

void map_configure_encode(const struct map_configure *configure, struct buffer *out)
{
    wire_put_bytes(out, 1, configure->map);
    map_settings_put(out, 2, &configure->settings);
    wire_put_u64(out, 3, configure->expected_version);
    wire_put_u64(out, 4, configure->version);
}

enum grid_err map_configure_decode(struct bytes in, struct map_configure *ret_configure)
{
    struct map_configure configure = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: configure.map = wire_text(&reader); break;
        case 2: wire_check(&reader, map_settings_decode(wire_bytes(&reader), &configure.settings)); break;
        case 3: configure.expected_version = wire_u64(&reader); break;
        case 4: configure.version = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_configure = configure;
    return wire_end(&reader);
}

/* ---- idempotency keys */

void idempotency_put(struct buffer *out, uint32_t field, const struct idempotency *idempotency)
{
    if (idempotency->tenant.size + idempotency->route.size + idempotency->key.size + idempotency->request_hash.size == 0)
        return;
    struct wire_nested nested = wire_nested_begin(out, field, idempotency->tenant.size + idempotency->route.size +
                                                                  idempotency->key.size +
                                                                  idempotency->request_hash.size + 8);
    wire_put_bytes(out, 1, idempotency->tenant);
    wire_put_bytes(out, 2, idempotency->route);
    wire_put_bytes(out, 3, idempotency->key);
    wire_put_bytes(out, 4, idempotency->request_hash);
    wire_nested_end(out, nested);
}

enum grid_err idempotency_decode(struct bytes in, struct idempotency *ret_idempotency)
{
    struct idempotency idempotency = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: idempotency.tenant = wire_text(&reader); break;
        case 2: idempotency.route = wire_text(&reader); break;
        case 3: idempotency.key = wire_text(&reader); break;
        case 4: idempotency.request_hash = wire_bytes(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_idempotency = idempotency;
    return wire_end(&reader);
}
