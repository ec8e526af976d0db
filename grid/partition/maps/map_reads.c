/* Queries of maps and of their journals. */
#include <stdlib.h>

#include "grid/base/check.h"
#include "grid/journal/cursor.h"
#include "grid/partition/maps/maps_internal.h"
#include "grid/wire/messages/message_check.h"

enum {
    /* Entries looked at for one page, whether the filters let them through or not. */
    SCAN_VISITS_MAX = 4096,
    /* A page is closed when it passes this many bytes, so that it fits a frame whatever its values. */
    PAGE_BYTES_AIM = 1024 * 1024,
};

_Static_assert(PAGE_BYTES_AIM + 2 * VALUE_BYTES_MAX + 4 * KEY_BYTES_MAX + 96 * SCAN_PAGE_MAX < FRAME_BODY_BYTES_MAX,
               "a page fits a frame");

static uint32_t limit_of(const struct query *query)
{
    return query->limit == 0 || query->limit > SCAN_PAGE_MAX ? SCAN_PAGE_MAX : query->limit;
}

static uint64_t size_of(const struct maps *maps, const struct map_row *row)
{
    uint64_t ended = row->expiry != NULL ? expiry_count_due(row->expiry, maps->log_time_ms) : 0;
    return table_count(row->table) - ended;
}

/* ---- entries */

/* An entry is there until an entry of the log says that its time is over, so that no read contradicts a later one (I23):
 * the next leader's clock may be some ms behind. The tick that ends it is proposed as soon as it is due. */
static uint64_t left_ms(const struct maps *maps, uint64_t due_ms, uint64_t time_ms)
{
    uint64_t now_ms = time_ms > maps->log_time_ms ? time_ms : maps->log_time_ms;
    return due_ms > now_ms ? due_ms - now_ms : 1;
}

static void get(const struct maps *maps, const struct map_row *row, const struct query *query, uint64_t time_ms,
                struct response *response)
{
    struct table_key made;
    struct table_entry entry;
    uint64_t due_ms;
    struct bytes key = table_key_make(&made, query->key, query->affinity);
    if (!table_find(row->table, key, &entry))
        return;
    if (row->expiry != NULL && expiry_find(row->expiry, key, &due_ms)) {
        if (due_ms <= maps->log_time_ms)
            return;
        response->ttl_ms = left_ms(maps, due_ms, time_ms);
    }
    response->found = true;
    response->version = entry.version;
    if (query->kind == QUERY_GET)
        response->value = entry.value;
}

static bool passes(const struct query *query, struct bytes key, struct bytes affinity)
{
    struct bytes prefix = query->key_prefix;
    if (key.size < prefix.size || !bytes_equal(bytes_of(key.data, prefix.size), prefix))
        return false;
    return query->affinity.size == 0 || bytes_equal(message_affinity(key, affinity), query->affinity);
}

static void scan(const struct maps *maps, const struct map_row *row, const struct query *query, uint64_t time_ms,
                 struct arena *arena, struct response *response)
{
    uint32_t limit = limit_of(query);
    struct map_entry *entries = arena_alloc(arena, limit * sizeof *entries);
    struct table_entry at = {.key = query->cursor_key, .hash = query->cursor_hash}, next;
    size_t count = 0, bytes = 0;
    response->entries = entries;
    for (uint32_t visits = 0; table_next(row->table, at.hash, at.key, &next); visits++) {
        if (count == limit || visits == SCAN_VISITS_MAX || bytes >= PAGE_BYTES_AIM) {
            response->more = true;
            response->cursor_hash = at.hash;
            response->cursor_key = at.key;
            break;
        }
        at = next;
        struct map_entry entry = {.value = at.value, .version = at.version};
        table_key_split(at.key, &entry.key, &entry.affinity);
        if (!passes(query, entry.key, entry.affinity) || map_entry_ended(maps, row, at.key))
            continue;
        uint64_t due_ms;
        if (query->with_ttl && row->expiry != NULL && expiry_find(row->expiry, at.key, &due_ms))
            entry.ttl_ms = left_ms(maps, due_ms, time_ms);
        bytes += at.key.size + at.value.size;
        entries[count++] = entry;
    }
    response->entries_count = count;
}

/* ---- journals */

static struct cursor cursor_of(const struct journal *journal, const struct query *query)
{
    switch (query->from) {
    case JOURNAL_OLDEST: return cursor_at_oldest(journal);
    case JOURNAL_NEWEST: return cursor_at_newest(journal);
    case JOURNAL_SEQUENCE: return cursor_at_sequence(journal, query->position);
    case JOURNAL_TIME: return cursor_at_time(journal, query->position);
    }
    UNREACHABLE("queries are checked before they come here");
}

static void read_journal(const struct map_row *row, const struct query *query, struct arena *arena,
                         struct response *response)
{
    const struct journal *journal = row->journal;
    struct journal_page *page = arena_zero(arena, sizeof *page);
    struct cursor cursor = cursor_of(journal, query);
    uint32_t limit = limit_of(query);
    struct journal_record *records = arena_alloc(arena, limit * sizeof *records);
    size_t bytes = 0;
    page->dropped_from = cursor.dropped_from;
    page->dropped_to = cursor.dropped_to;
    page->next_sequence = cursor.next;
    page->oldest_sequence = journal_oldest(journal);
    page->records = records;
    while (page->records_count < limit && bytes < PAGE_BYTES_AIM &&
           journal_find(journal, page->next_sequence, &records[page->records_count])) {
        const struct journal_record *record = &records[page->records_count++];
        bytes += record->key.size + record->affinity.size + record->value.size + record->old_value.size;
        page->next_sequence++;
    }
    response->more = page->next_sequence < journal_next(journal);
    response->journal = page;
}

bool maps_journal_waits(const struct maps *maps, struct query *query)
{
    struct map_id id = maps_find(maps, query->map);
    const struct journal *journal = id.value != 0 ? map_row_get(maps, id)->journal : NULL;
    if (journal == NULL || query->kind != QUERY_JOURNAL)
        return false;
    struct cursor cursor = cursor_of(journal, query);
    if (cursor.dropped_to != 0 || cursor.next < journal_next(journal))
        return false;
    query->from = JOURNAL_SEQUENCE;
    query->position = cursor.next;
    return true;
}

/* ---- the map itself */

static const struct map_info *describe(const struct maps *maps, const struct map_row *row, struct arena *arena)
{
    struct map_info *info = arena_zero(arena, sizeof *info);
    *info = (struct map_info){.exists = true, .settings = row->settings, .settings_version = row->settings_version,
                              .entries = size_of(maps, row), .bytes = table_record_bytes(row->table), .sets = row->sets,
                              .removes = row->removes, .expirations = row->expirations,
                              .expiring = row->expiry != NULL ? expiry_count(row->expiry) : 0};
    if (row->journal != NULL) {
        info->journal_oldest = journal_oldest(row->journal);
        info->journal_next = journal_next(row->journal);
        info->journal_bytes = journal_bytes(row->journal);
    }
    return info;
}

static void refuse_journal(struct response *response)
{
    response->err = GRID_ERR_NOT_FOUND;
    response->note = bytes_of_text("journal: it is not switched on for this map, or the map was dropped");
}

static void query_nothing(const struct query *query, struct arena *arena, struct response *response)
{
    if (query->kind == QUERY_JOURNAL)
        refuse_journal(response);
    else if (query->kind == QUERY_DESCRIBE)
        response->info = arena_zero(arena, sizeof *response->info);
}

static int by_name(const void *a, const void *b)
{
    const struct map_summary *left = a, *right = b;
    return bytes_compare(left->name, right->name);
}

static void list(const struct maps *maps, struct arena *arena, struct response *response)
{
    struct map_summary *found = arena_alloc(arena, (maps->named + 1) * sizeof *found);
    size_t count = 0;
    for (uint32_t i = 0; i < maps->count; i++) {
        const struct map_row *row = &maps->rows[i];
        if (row->name == NULL)
            continue;
        found[count++] = (struct map_summary){
            .name = bytes_of(row->name, row->name_size), .entries = size_of(maps, row),
            .bytes = table_record_bytes(row->table), .settings_version = row->settings_version,
            .journal = row->journal != NULL};
    }
    qsort(found, count, sizeof *found, by_name);
    response->maps = found;
    response->maps_count = count;
}

void maps_query(const struct maps *maps, const struct query *query, uint64_t time_ms, struct arena *arena,
                struct response *response)
{
    if (query->kind == QUERY_MAPS) {
        list(maps, arena, response);
        return;
    }
    struct map_id id = maps_find(maps, query->map);
    if (id.value == 0) {
        query_nothing(query, arena, response);
        return;
    }
    const struct map_row *row = map_row_get(maps, id);
    switch (query->kind) {
    case QUERY_GET:
    case QUERY_CONTAINS: get(maps, row, query, time_ms, response); return;
    case QUERY_SIZE: response->count = size_of(maps, row); return;
    case QUERY_SCAN: scan(maps, row, query, time_ms, arena, response); return;
    case QUERY_DESCRIBE: response->info = describe(maps, row, arena); return;
    case QUERY_JOURNAL:
        if (row->journal == NULL)
            refuse_journal(response);
        else
            read_journal(row, query, arena, response);
        return;
    case QUERY_MAPS:
    case QUERY_BACKUP:
    case QUERY_RESTORE:
    case QUERY_RETENTION: break;
    }
    response->err = GRID_ERR_INVALID;
}
