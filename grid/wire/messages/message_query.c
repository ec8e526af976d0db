#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

/* ---- queries */

void query_encode(const struct query *query, struct buffer *out)
{
    REQUIRE(query->kind >= QUERY_GET && query->kind <= QUERY_RETENTION);
    struct wire_nested nested = wire_nested_begin(out, query->kind, query->restore.piece.size);
    if (query->kind < QUERY_BACKUP)
        wire_put_bytes(out, 1, query->map);
    switch (query->kind) {
    case QUERY_GET:
    case QUERY_CONTAINS:
        wire_put_bytes(out, 2, query->key);
        wire_put_bytes(out, 3, query->affinity);
        break;
    case QUERY_SCAN:
        wire_put_u64(out, 2, query->cursor_hash);
        wire_put_bytes(out, 3, query->cursor_key);
        wire_put_u64(out, 4, query->limit);
        wire_put_bytes(out, 5, query->affinity);
        wire_put_bytes(out, 6, query->key_prefix);
        wire_put_bool(out, 7, query->with_ttl);
        break;
    case QUERY_JOURNAL:
        wire_put_u64(out, 2, query->from);
        wire_put_u64(out, 3, query->position);
        wire_put_u64(out, 4, query->limit);
        wire_put_u64(out, 5, query->wait_ms);
        break;
    case QUERY_BACKUP: backup_encode(&query->backup, out); break;
    case QUERY_RESTORE: restore_encode(&query->restore, out); break;
    case QUERY_SIZE:
    case QUERY_DESCRIBE:
    case QUERY_MAPS:
    case QUERY_RETENTION: break;
    }
    wire_nested_end(out, nested);
}

static enum grid_err get_decode(struct bytes in, struct query *query)
{
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: query->map = wire_text(&reader); break;
        case 2: query->key = wire_bytes(&reader); break;
        case 3: query->affinity = wire_bytes(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    return wire_end(&reader);
}

static enum grid_err journal_decode(struct bytes in, struct query *query)
{
    uint32_t from = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: query->map = wire_text(&reader); break;
        case 2: from = wire_u32(&reader); break;
        case 3: query->position = wire_u64(&reader); break;
        case 4: query->limit = wire_u32(&reader); break;
        case 5: query->wait_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    if (from < JOURNAL_OLDEST || from > JOURNAL_TIME)
        wire_unknown(&reader);
    else
        query->from = (enum journal_from)from;
    return wire_end(&reader);
}

static enum grid_err scan_decode(struct bytes in, struct query *query)
{
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: query->map = wire_text(&reader); break;
        case 2: query->cursor_hash = wire_u64(&reader); break;
        case 3: query->cursor_key = wire_bytes(&reader); break;
        case 4: query->limit = wire_u32(&reader); break;
        case 5: query->affinity = wire_bytes(&reader); break;
        case 6: query->key_prefix = wire_bytes(&reader); break;
        case 7: query->with_ttl = wire_bool(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    return wire_end(&reader);
}

enum grid_err query_decode(struct bytes in, struct query *ret_query)
{
    struct query query = {0};
    struct bytes body = BYTES_NONE;
    uint32_t kind = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        if (kind != 0)
            wire_unknown(&reader);
        kind = reader.field;
        body = wire_bytes(&reader);
    }
    enum grid_err err = wire_end(&reader);
    if (err != GRID_ERR_OK)
        return err;
    query.kind = (enum query_kind)kind;
    switch (kind) {
    case QUERY_GET:
    case QUERY_CONTAINS: err = get_decode(body, &query); break;
    case QUERY_SIZE:
    case QUERY_DESCRIBE: err = map_name_decode(body, &query.map); break;
    case QUERY_JOURNAL: err = journal_decode(body, &query); break;
    case QUERY_SCAN: err = scan_decode(body, &query); break;
    case QUERY_MAPS:
    case QUERY_RETENTION: err = body.size == 0 ? GRID_ERR_OK : GRID_ERR_MALFORMED; break;
    case QUERY_BACKUP: err = backup_decode(body, &query.backup); break;
    case QUERY_RESTORE: err = restore_decode(body, &query.restore); break;
    default: err = GRID_ERR_MALFORMED;
    }
    *ret_query = query;
    return err;
}

/* ---- answers */

static void entry_put(struct buffer *out, const struct map_entry *entry)
{
    struct wire_nested nested = wire_nested_begin(out, 7, entry->key.size + entry->affinity.size + entry->value.size + 16);
    wire_put_bytes(out, 1, entry->key);
    wire_put_bytes(out, 2, entry->affinity);
    wire_put_bytes(out, 3, entry->value);
    wire_put_u64(out, 4, entry->version);
    wire_put_u64(out, 5, entry->ttl_ms);
    wire_nested_end(out, nested);
}

static enum grid_err entry_decode(struct bytes in, struct map_entry *ret_entry)
{
    struct map_entry entry = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: entry.key = wire_bytes(&reader); break;
        case 2: entry.affinity = wire_bytes(&reader); break;
        case 3: entry.value = wire_bytes(&reader); break;
        case 4: entry.version = wire_u64(&reader); break;
        case 5: entry.ttl_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_entry = entry;
    return wire_end(&reader);
}

void response_encode(const struct response *response, struct buffer *out)
{
    wire_put_u64(out, 1, response->err);
    wire_put_bytes(out, 2, response->note);
    wire_put_bool(out, 3, response->found);
    wire_put_bytes(out, 4, response->value);
    wire_put_u64(out, 5, response->version);
    wire_put_u64(out, 6, response->count);
    for (size_t i = 0; i < response->entries_count; i++)
        entry_put(out, &response->entries[i]);
    wire_put_bool(out, 8, response->more);
    wire_put_u64(out, 9, response->cursor_hash);
    wire_put_bytes(out, 10, response->cursor_key);
    wire_put_u64(out, 11, response->session);
    wire_put_u64(out, 12, response->index);
    wire_put_u64(out, 13, response->leader);
    wire_put_u64(out, 14, response->refusal_code);
    wire_put_bytes(out, 15, response->refusal);
    wire_put_bytes(out, 16, response->event_id);
    wire_put_u64(out, 17, response->sequence);
    for (size_t i = 0; i < response->results_count; i++)
        result_put(out, 18, &response->results[i]);
    if (response->journal != NULL)
        journal_page_put(out, 19, response->journal);
    if (response->info != NULL)
        map_info_put(out, 20, response->info);
    wire_put_u64(out, 21, response->ttl_ms);
    wire_put_u64(out, 22, response->retry_after_ms);
    wire_put_u64(out, 23, response->no_leader_ms);
    for (size_t i = 0; i < response->maps_count; i++)
        map_summary_put(out, 24, &response->maps[i]);
    for (size_t i = 0; i < response->retention_count; i++)
        retention_status_put(out, 25, &response->retention[i]);
}

enum grid_err wire_err(struct wire_reader *reader)
{
    uint32_t number = wire_u32(reader);
    switch (number) {
#define X(value, name, text) case value: return GRID_ERR_##name;
        GRID_ERR_LIST(X)
#undef X
    default: wire_unknown(reader); return GRID_ERR_MALFORMED;
    }
}

/* Fields 9 and up: apart because one function would be longer than one screen. */
static void response_field_more(struct wire_reader *reader, struct arena *arena, struct response *response)
{
    switch (reader->field) {
    case 9: response->cursor_hash = wire_u64(reader); break;
    case 10: response->cursor_key = wire_bytes(reader); break;
    case 11: response->session = wire_u64(reader); break;
    case 12: response->index = wire_u64(reader); break;
    case 13: response->leader = wire_u32(reader); break;
    case 14: response->refusal_code = wire_u32(reader); break;
    case 15: response->refusal = wire_text(reader); break;
    case 16: response->event_id = wire_text(reader); break;
    case 17: response->sequence = wire_u64(reader); break;
    case 19: response->journal = journal_page_take(reader, arena); break;
    case 20: response->info = map_info_take(reader, arena); break;
    case 21: response->ttl_ms = wire_u64(reader); break;
    case 22: response->retry_after_ms = wire_u64(reader); break;
    case 23: response->no_leader_ms = wire_u64(reader); break;
    case 24: map_summary_take(reader, arena, response); break;
    case 25: retention_status_take(reader, arena, response); break;
    default: wire_unknown(reader);
    }
}

static void entry_take(struct wire_reader *reader, struct map_entry *entries, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, entry_decode(in, &entries[(*count)++]));
}

enum grid_err response_decode(struct bytes in, struct arena *arena, struct response *ret_response)
{
    struct response response = {0};
    struct wire_reader reader = wire_reader_of(in);
    size_t room = wire_count(&reader, 7, SCAN_PAGE_MAX);
    struct map_entry *entries = room > 0 ? arena_alloc(arena, room * sizeof *entries) : NULL;
    struct operation_result *results = NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: response.err = wire_err(&reader); break;
        case 2: response.note = wire_text(&reader); break;
        case 3: response.found = wire_bool(&reader); break;
        case 4: response.value = wire_bytes(&reader); break;
        case 5: response.version = wire_u64(&reader); break;
        case 6: response.count = wire_u64(&reader); break;
        case 7: entry_take(&reader, entries, &response.entries_count); break;
        case 8: response.more = wire_bool(&reader); break;
        case 18:
            if (results == NULL)
                results = arena_alloc(arena, BATCH_OPERATIONS_MAX * sizeof *results);
            if (response.results_count == BATCH_OPERATIONS_MAX)
                wire_unknown(&reader);
            else
                result_take(&reader, results, &response.results_count);
            break;
        default: response_field_more(&reader, arena, &response);
        }
    }
    response.entries = entries;
    response.results = results;
    *ret_response = response;
    return wire_end(&reader);
}
