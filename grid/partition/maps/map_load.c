/* Loads the maps of a snapshot. Indexes of expiries, counts and names are rebuilt. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/maps/maps_internal.h"

#define OWED_MOST ((uint64_t)1 << 40)          /* no memory holds more items; sums of them fit 64 bits */

/* ---- rows */

static enum grid_err load_first(struct maps *maps, struct reader *body, const char **ret_note)
{
    struct map_load *load = maps->load = memory_zero(1, sizeof *load);
    load->rows = reader_u32(body);
    load->trash = reader_u64(body);
    maps->settings_floor = reader_u64(body);
    maps->journal_floor = reader_u64(body);
    maps->expirations_dropped = reader_u64(body);
    maps->trail = reader_u64(body);
    maps->journal_version = reader_u64(body);
    return load->rows <= 2 * MAPS_PER_PARTITION_MAX ? GRID_ERR_OK : record_corrupt("more numbers of maps than the limit", ret_note);
}

static bool settings_fit(const uint64_t numbers[8])
{
    return numbers[0] <= TTL_MS_MAX && numbers[3] <= 1 && numbers[4] <= 1 && numbers[5] <= JOURNAL_ENTRIES_MOST &&
           numbers[6] <= JOURNAL_BYTES_MOST && numbers[7] <= TTL_MS_MAX;
}

static enum grid_err load_named(struct maps *maps, struct map_id id, struct reader *body, const char **ret_note)
{
    enum { NUMBERS = 17 };
    struct bytes name = reader_sized(body);
    uint64_t n[NUMBERS];
    for (size_t i = 0; i < NUMBERS; i++)
        n[i] = reader_u64(body);
    if (body->failed || name.size == 0 || name.size > MAP_NAME_BYTES_MAX || maps_find(maps, name).value != 0)
        return record_corrupt("not a name of a map, or one that is there already", ret_note);
    if (!settings_fit(n + 1) || maps->named == MAPS_PER_PARTITION_MAX)
        return record_corrupt("not the settings of a map, or one map too many", ret_note);
    struct map_row *row = map_row_get(maps, id);
    const struct journal_numbers journal = {.next = n[13], .trail = n[14], .dropped_ms = n[15], .records = n[16]};
    bool enabled = n[4] == 1;
    if (enabled ? journal.next == 0 || journal.records >= journal.next : (journal.trail | journal.dropped_ms | journal.records) != 0)
        return record_corrupt("not the numbers of a journal", ret_note);
    *row = (struct map_row){.name = memory_copy(name.data, name.size), .name_size = name.size, .settings_version = n[0],
                            .table = table_open(hash_xxh3(name, maps->table_seed)), .sets = n[9], .removes = n[10], .expirations = n[11]};
    row->settings = (struct map_settings){.ttl_ms = n[1], .entries_max = n[2], .bytes_max = n[3]};
    row->settings.journal = (struct journal_settings){.enabled = enabled, .old_values = n[5] == 1, .entries_max = n[6],
                                                      .bytes_max = n[7], .age_max_ms = n[8]};
    const struct journal_capacity capacity = map_journal_capacity(maps, &row->settings.journal);
    row->journal_next = enabled ? 0 : journal.next;
    row->journal = enabled ? journal_restore(&journal, &capacity) : NULL;
    uint8_t number[4];
    put_u32(number, id.value);
    table_set(maps->numbers, name, bytes_of(number, sizeof number), 0);
    maps->named++;
    maps->load->entries = n[12];
    maps->load->records = journal.records;
    table_fill_begin(&maps->load->fill, row->table, n[12]);
    return GRID_ERR_OK;
}

static enum grid_err load_row(struct maps *maps, struct reader *body, const char **ret_note)
{
    uint32_t number = reader_u32(body);
    uint8_t state = reader_u8(body);
    table_fill_end(&maps->load->fill);
    if (number != maps->count + 1 || state > ROW_NAMED)
        return record_corrupt("not the next number of a map", ret_note);
    if (maps->count == maps->capacity) {
        maps->capacity = maps->capacity * 2 + 8;
        maps->rows = memory_resize(maps->rows, maps->capacity * sizeof *maps->rows);
    }
    maps->rows[maps->count++] = (struct map_row){.removing = state == ROW_REMOVING};
    maps->free += state == ROW_FREE;
    maps->load->rows--;
    return state == ROW_NAMED ? load_named(maps, (struct map_id){number}, body, ret_note) : GRID_ERR_OK;
}

/* ---- content */

/* As table_key_make makes it: an affinity that equals the key is left out. */
static bool table_key_fits(struct bytes key)
{
    if (key.size <= 2 || key.size <= 2 + (size_t)get_u16(key.data))
        return false;
    size_t affinity_size = get_u16(key.data), key_size = key.size - 2 - affinity_size;
    if (affinity_size > KEY_BYTES_MAX || key_size > KEY_BYTES_MAX)
        return false;
    return !bytes_equal(bytes_of(key.data + 2, affinity_size), bytes_of(key.data + 2 + affinity_size, key_size));
}

static enum grid_err load_entry(struct maps *maps, const struct load_context *context, bool ends, struct reader *body, const char **ret_note)
{
    uint64_t due_ms = ends ? reader_u64(body) : 1, version = reader_u64(body);
    struct bytes key = reader_take(body, reader_u16(body)), value = reader_take(body, reader_left(body));
    if (body->failed || !table_key_fits(key) || value.size > VALUE_BYTES_MAX || version > context->commits || due_ms == 0)
        return record_corrupt("not an entry of a map", ret_note);
    if (!table_fill_add(&maps->load->fill, key, value, version))
        return record_corrupt("an entry stands before the one that it follows", ret_note);
    if (ends)
        expiry_set(map_row_expiry(maps, map_row_get(maps, (struct map_id){maps->count})), key, due_ms);
    maps->load->entries--;
    if (!context->entry(context->entries, maps->count, value))
        return record_corrupt("the map's service cannot read the entry", ret_note);
    return GRID_ERR_OK;
}

static enum grid_err load_journal(struct maps *maps, const struct load_context *context, struct reader *body, const char **ret_note)
{
    struct journal *journal = map_row_get(maps, (struct map_id){maps->count})->journal;
    struct journal_record record = {0}, before;
    uint8_t kind = reader_u8(body), has_old_value = reader_u8(body);
    record.version = reader_u64(body);
    record.log_time_ms = reader_u64(body);
    record.ttl_ms = reader_u64(body);
    record.key = reader_sized(body);
    record.affinity = reader_sized(body);
    record.value = reader_sized(body);
    record.old_value = reader_sized(body);
    if (body->failed || kind < JOURNAL_ADDED || kind > JOURNAL_CLEARED || has_old_value > 1 || (!has_old_value && record.old_value.size != 0))
        return record_corrupt("not a record of a journal", ret_note);
    if (record.key.size > KEY_BYTES_MAX || record.affinity.size > KEY_BYTES_MAX || record.value.size > VALUE_BYTES_MAX ||
        record.old_value.size > VALUE_BYTES_MAX || record.version > context->commits || record.log_time_ms > context->log_time_ms)
        return record_corrupt("a record of a journal is beyond its limits", ret_note);
    uint64_t oldest = journal_oldest(journal), next = journal_next(journal);
    if (next > oldest && journal_find(journal, next - 1, &before) && before.log_time_ms > record.log_time_ms)
        return record_corrupt("the times of a journal do not ascend", ret_note);
    record.kind = (enum journal_kind)kind;
    record.has_old_value = has_old_value;
    map_journals_less(maps, journal);
    journal_restore_record(journal, &record);
    map_journals_more(maps, journal);
    maps->load->records--;
    return GRID_ERR_OK;
}

static enum grid_err load_trash(struct maps *maps, struct reader *body, const char **ret_note)
{
    struct map_trash trash = {.number = {reader_u32(body)}};
    struct map_owed *owed = &trash.owed;
    owed->endings = reader_u64(body);
    owed->indexed = reader_u64(body);
    owed->entries = reader_u64(body);
    owed->records = reader_u64(body);
    if (trash.number.value > maps->count || owed->endings >= OWED_MOST || owed->indexed >= OWED_MOST || owed->entries >= OWED_MOST ||
        owed->records >= OWED_MOST)
        return record_corrupt("not the rest of a map", ret_note);
    for (size_t i = 0; trash.number.value != 0 && i < maps->trash.count; i++)
        if (maps->trash.list[i].number.value == trash.number.value)
            return record_corrupt("two rests of the same dropped map", ret_note);
    if (trash.number.value != 0 && !map_row_get(maps, trash.number)->removing)
        return record_corrupt("the rest of a map that was not dropped", ret_note);
    map_trash_add(maps, trash);
    maps->load->trash--;
    return GRID_ERR_OK;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct maps *maps = component;
    if (kind == RECORD_FIRST)
        return load_first(maps, body, ret_note);
    struct map_load *rest = maps->load;
    if ((kind == RECORD_ENTRY || kind == RECORD_ENDING_ENTRY) && rest->entries > 0)
        return load_entry(maps, context, kind == RECORD_ENDING_ENTRY, body, ret_note);
    if (kind == RECORD_JOURNAL && rest->entries == 0 && rest->records > 0)
        return load_journal(maps, context, body, ret_note);
    if (rest->entries + rest->records != 0)
        return record_corrupt("entries or records of the map are missing before it", ret_note);
    if (kind == RECORD_ROW && rest->rows > 0)
        return load_row(maps, body, ret_note);
    if (kind == RECORD_TRASH && rest->rows == 0 && rest->trash > 0)
        return load_trash(maps, body, ret_note);
    return record_corrupt("not a record of maps, or one too many", ret_note);
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    struct maps *maps = component;
    struct map_load *rest = maps->load;
    uint32_t removing = 0;
    uint64_t left = rest->rows + rest->trash;
    bool open = rest->entries != 0 || rest->records != 0;
    table_fill_end(&rest->fill);
    memory_free(rest);
    maps->load = NULL;
    if (left != 0 || open)
        return record_corrupt("maps or their content are missing", ret_note);
    for (size_t i = 0; i < maps->trash.count; i++)
        removing += maps->trash.list[i].number.value != 0;
    if (maps->named + maps->free + removing != maps->count)
        return record_corrupt("the rest of a dropped map is missing", ret_note);
    maps_now(maps, context->commits, context->log_time_ms);
    map_row_refresh(maps);
    return GRID_ERR_OK;
}

const struct component maps_component = {"maps", maps_freeze, maps_save, maps_thaw, load, loaded};
