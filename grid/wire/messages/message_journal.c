/* Answers about maps that are more than one entry: pages of a journal, settings and statistics, results of a batch. */
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

/* ---- journals */

static void record_put(struct buffer *out, const struct journal_record *record)
{
    size_t guess = record->key.size + record->affinity.size + record->value.size + record->old_value.size + 32;
    struct wire_nested nested = wire_nested_begin(out, 1, guess);
    wire_put_u64(out, 1, record->sequence);
    wire_put_u64(out, 2, record->kind);
    wire_put_bytes(out, 3, record->key);
    wire_put_bytes(out, 4, record->affinity);
    wire_put_bytes(out, 5, record->value);
    wire_put_bytes(out, 6, record->old_value);
    wire_put_bool(out, 7, record->has_old_value);
    wire_put_u64(out, 8, record->version);
    wire_put_u64(out, 9, record->log_time_ms);
    wire_put_u64(out, 10, record->ttl_ms);
    wire_nested_end(out, nested);
}

static enum grid_err record_decode(struct bytes in, struct journal_record *ret_record)
{
    struct journal_record record = {0};
    uint32_t kind = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: record.sequence = wire_u64(&reader); break;
        case 2: kind = wire_u32(&reader); break;
        case 3: record.key = wire_bytes(&reader); break;
        case 4: record.affinity = wire_bytes(&reader); break;
        case 5: record.value = wire_bytes(&reader); break;
        case 6: record.old_value = wire_bytes(&reader); break;
        case 7: record.has_old_value = wire_bool(&reader); break;
        case 8: record.version = wire_u64(&reader); break;
        case 9: record.log_time_ms = wire_u64(&reader); break;
        case 10: record.ttl_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    if (kind < JOURNAL_ADDED || kind > JOURNAL_CLEARED)
        wire_unknown(&reader);
    else
        record.kind = (enum journal_kind)kind;
    *ret_record = record;
    return wire_end(&reader);
}

void journal_page_put(struct buffer *out, uint32_t field, const struct journal_page *page)
{
    struct wire_nested nested = wire_nested_begin(out, field, page->records_count * 128);
    for (size_t i = 0; i < page->records_count; i++)
        record_put(out, &page->records[i]);
    wire_put_u64(out, 2, page->next_sequence);
    wire_put_u64(out, 3, page->dropped_from);
    wire_put_u64(out, 4, page->dropped_to);
    wire_put_u64(out, 5, page->oldest_sequence);
    wire_nested_end(out, nested);
}

static void record_take(struct wire_reader *reader, struct journal_record *records, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, record_decode(in, &records[(*count)++]));
}

const struct journal_page *journal_page_take(struct wire_reader *outer, struct arena *arena)
{
    struct journal_page *page = arena_zero(arena, sizeof *page);
    struct wire_reader reader = wire_reader_of(wire_bytes(outer));
    size_t room = wire_count(&reader, 1, SCAN_PAGE_MAX);
    struct journal_record *records = room > 0 ? arena_alloc(arena, room * sizeof *records) : NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: record_take(&reader, records, &page->records_count); break;
        case 2: page->next_sequence = wire_u64(&reader); break;
        case 3: page->dropped_from = wire_u64(&reader); break;
        case 4: page->dropped_to = wire_u64(&reader); break;
        case 5: page->oldest_sequence = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    page->records = records;
    wire_check(outer, wire_end(&reader));
    return page;
}

/* ---- settings and statistics */

void map_info_put(struct buffer *out, uint32_t field, const struct map_info *info)
{
    struct wire_nested nested = wire_nested_begin(out, field, 64);
    wire_put_bool(out, 1, info->exists);
    map_settings_put(out, 2, &info->settings);
    wire_put_u64(out, 3, info->settings_version);
    wire_put_u64(out, 4, info->entries);
    wire_put_u64(out, 5, info->bytes);
    wire_put_u64(out, 6, info->expiring);
    wire_put_u64(out, 7, info->sets);
    wire_put_u64(out, 8, info->removes);
    wire_put_u64(out, 9, info->expirations);
    wire_put_u64(out, 10, info->journal_oldest);
    wire_put_u64(out, 11, info->journal_next);
    wire_put_u64(out, 12, info->journal_bytes);
    wire_nested_end(out, nested);
}

const struct map_info *map_info_take(struct wire_reader *outer, struct arena *arena)
{
    struct map_info *info = arena_zero(arena, sizeof *info);
    struct wire_reader reader = wire_reader_of(wire_bytes(outer));
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: info->exists = wire_bool(&reader); break;
        case 2: wire_check(&reader, map_settings_decode(wire_bytes(&reader), &info->settings)); break;
        case 3: info->settings_version = wire_u64(&reader); break;
        case 4: info->entries = wire_u64(&reader); break;
        case 5: info->bytes = wire_u64(&reader); break;
        case 6: info->expiring = wire_u64(&reader); break;
        case 7: info->sets = wire_u64(&reader); break;
        case 8: info->removes = wire_u64(&reader); break;
        case 9: info->expirations = wire_u64(&reader); break;
        case 10: info->journal_oldest = wire_u64(&reader); break;
        case 11: info->journal_next = wire_u64(&reader); break;
        case 12: info->journal_bytes = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    wire_check(outer, wire_end(&reader));
    return info;
}

/* ---- results of a batch */

void result_put(struct buffer *out, uint32_t field, const struct operation_result *result)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_bool(out, 1, result->found);
    wire_put_u64(out, 2, result->version);
    wire_nested_end(out, nested);
}

void result_take(struct wire_reader *outer, struct operation_result *results, size_t *count)
{
    struct bytes in = wire_repeated(outer);
    if (outer->failed)
        return;
    struct operation_result *result = &results[(*count)++];
    struct wire_reader reader = wire_reader_of(in);
    *result = (struct operation_result){0};
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: result->found = wire_bool(&reader); break;
        case 2: result->version = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    wire_check(outer, wire_end(&reader));
}
