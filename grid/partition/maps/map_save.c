/* The maps as they were when they were frozen, written while they change. */
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/maps/maps_internal.h"

enum { VISITS = 4096, DISCARDS = 1024 };       /* entries looked at, and items freed, in one call */

/* ---- freezing */

static void write_row(const struct maps *maps, uint32_t number, struct buffer *out)
{
    const struct map_row *row = &maps->rows[number - 1];
    const struct map_settings *settings = &row->settings;
    struct journal_numbers journal = {.next = row->journal_next};
    size_t start = record_begin(out, SECTION_MAPS, RECORD_ROW);
    buffer_append_u32(out, number);
    buffer_append_u8(out, row->name != NULL ? ROW_NAMED : row->removing ? ROW_REMOVING : ROW_FREE);
    if (row->name != NULL) {
        if (row->journal != NULL)
            journal = journal_numbers(row->journal);
        buffer_append_sized(out, bytes_of(row->name, row->name_size));
        const uint64_t numbers[] = {row->settings_version, settings->ttl_ms, settings->entries_max, settings->bytes_max,
                                    settings->journal.enabled, settings->journal.old_values, settings->journal.entries_max,
                                    settings->journal.bytes_max, settings->journal.age_max_ms, row->sets, row->removes,
                                    row->expirations, table_count(row->table), journal.next, journal.trail, journal.dropped_ms,
                                    journal.records};
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            buffer_append_u64(out, numbers[i]);
    }
    record_end(out, start);
}

static void write_first(const struct maps *maps, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_MAPS, RECORD_FIRST);
    buffer_append_u32(out, maps->count);
    buffer_append_u64(out, maps->trash.count);
    buffer_append_u64(out, maps->settings_floor);
    buffer_append_u64(out, maps->journal_floor);
    buffer_append_u64(out, maps->expirations_dropped);
    buffer_append_u64(out, maps->trail);
    buffer_append_u64(out, maps->journal_version);
    record_end(out, start);
}

static void write_trash(const struct map_trash *trash, struct buffer *out)
{
    const struct map_owed *owed = &trash->owed;
    size_t start = record_begin(out, SECTION_MAPS, RECORD_TRASH);
    buffer_append_u32(out, trash->number.value);
    buffer_append_u64(out, owed->endings + (trash->expiry != NULL ? expiry_count(trash->expiry) : 0));
    buffer_append_u64(out, owed->indexed + (trash->expiry != NULL ? expiry_indexed(trash->expiry) : 0));
    buffer_append_u64(out, owed->entries + (trash->table != NULL ? table_count(trash->table) : 0));
    buffer_append_u64(out, owed->records + (trash->journal != NULL ? journal_next(trash->journal) - journal_oldest(trash->journal) : 0));
    record_end(out, start);
}

static uint64_t due_of(void *context, const struct table_entry *entry)
{
    const struct saved_row *row = context;
    uint64_t due_ms;
    return row->expiry != NULL && expiry_find(row->expiry, entry->key, &due_ms) ? due_ms : 0;
}

void maps_freeze(void *component)
{
    struct maps *maps = component;
    REQUIRE(maps->save == NULL);
    struct map_save *save = maps->save = memory_zero(1, sizeof *save);
    save->count = maps->count;
    save->rows = memory_zero(maps->count == 0 ? 1 : maps->count, sizeof *save->rows);
    write_first(maps, &save->heads);
    for (uint32_t i = 0; i < maps->count; i++) {
        const struct map_row *row = &maps->rows[i];
        write_row(maps, i + 1, &save->heads);
        if (row->name == NULL)
            continue;
        save->rows[i].expiry = row->expiry;
        save->rows[i].journal = row->journal;
        table_freeze_begin(&save->rows[i].entries, row->table, due_of, &save->rows[i]);
        if (row->journal != NULL)
            journal_freeze(row->journal);
    }
    for (size_t i = 0; i < maps->trash.count; i++)
        write_trash(&maps->trash.list[i], &save->trash);
}

/* ---- writing */

static void write_entry(const struct frozen_entry *frozen, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_MAPS, frozen->extra != 0 ? RECORD_ENDING_ENTRY : RECORD_ENTRY);
    if (frozen->extra != 0)
        buffer_append_u64(out, frozen->extra);
    buffer_append_u64(out, frozen->entry.version);
    buffer_append_u16(out, (uint16_t)frozen->entry.key.size);
    buffer_append(out, frozen->entry.key);
    buffer_append(out, frozen->entry.value);
    record_end(out, start);
}

static void write_journal_record(const struct journal_record *record, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_MAPS, RECORD_JOURNAL);
    buffer_append_u8(out, (uint8_t)record->kind);
    buffer_append_u8(out, record->has_old_value);
    buffer_append_u64(out, record->version);
    buffer_append_u64(out, record->log_time_ms);
    buffer_append_u64(out, record->ttl_ms);
    buffer_append_sized(out, record->key);
    buffer_append_sized(out, record->affinity);
    buffer_append_sized(out, record->value);
    buffer_append_sized(out, record->old_value);
    record_end(out, start);
}

static void write_next_head(struct map_save *save, struct buffer *out)
{
    const uint8_t *head = save->heads.data + save->heads_at;
    size_t size = RECORD_HEAD_BYTES + get_u32(head);
    buffer_append(out, bytes_of(head, size));
    save->heads_at += size;
}

/* What the snapshot alone still has is freed in parts. */
static void row_end(struct maps *maps, struct saved_row *row)
{
    struct table *table = row->entries.table;
    map_attic_add(maps, (struct map_trash){.table = table_freeze_end(&row->entries)});
    if (row->journal != NULL)
        journal_thaw(row->journal);
    map_attic_add(maps, (struct map_trash){.table = row->owns_table ? table : NULL, .expiry = row->owns_table ? row->expiry : NULL,
                                           .journal = row->owns_journal ? row->journal : NULL});
    *row = (struct saved_row){0};
}

/* False: `out` is full, or enough was looked at. */
static bool write_row_content(struct saved_row *row, size_t size_max, unsigned *visits, struct buffer *out)
{
    struct frozen_entry frozen;
    struct journal_record record;
    enum table_step step = TABLE_END;
    while (row->entries.table != NULL && (step = table_freeze_next(&row->entries, visits, &frozen)) == TABLE_ENTRY) {
        write_entry(&frozen, out);
        if (out->size >= size_max)
            return false;
    }
    if (step == TABLE_LATER)
        return false;
    while (row->journal != NULL && journal_frozen(row->journal, &record)) {
        write_journal_record(&record, out);
        journal_frozen_pass(row->journal);
        if (out->size >= size_max)
            return false;
    }
    return true;
}

bool maps_save(void *component, size_t size_max, struct buffer *out)
{
    struct maps *maps = component;
    struct map_save *save = maps->save;
    unsigned visits = VISITS;
    bool clean = map_attic_discard(maps, DISCARDS);
    if (save->heads_at == 0)
        write_next_head(save, out);
    for (; save->at < save->count; save->at++, save->row_open = false) {
        if (!save->row_open)
            write_next_head(save, out);
        save->row_open = true;
        if (out->size >= size_max || !write_row_content(&save->rows[save->at], size_max, &visits, out))
            return false;
        row_end(maps, &save->rows[save->at]);
    }
    buffer_append(out, buffer_bytes(&save->trash));
    buffer_clear(&save->trash);
    return clean && maps->attic.count == 0;
}

void maps_thaw(void *component)
{
    struct maps *maps = component;
    struct map_save *save = maps->save;
    if (save == NULL)
        return;
    for (; save->at < save->count; save->at++)
        row_end(maps, &save->rows[save->at]);
    buffer_close(&save->heads);
    buffer_close(&save->trash);
    memory_free(save->rows);
    memory_free(save);
    maps->save = NULL;
}
