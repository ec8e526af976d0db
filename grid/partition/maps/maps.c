#include "grid/partition/maps/maps_internal.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

/* ---- life cycle */

struct maps *maps_open(uint64_t table_seed)
{
    struct maps *maps = memory_zero(1, sizeof *maps);
    maps->table_seed = table_seed;
    maps->journal_limits = (struct retention_limits){.count = JOURNAL_ENTRIES_DEFAULT, .bytes = JOURNAL_BYTES_DEFAULT};
    maps->numbers = table_open(table_seed);
    return maps;
}

void maps_close(struct maps *maps)
{
    if (maps == NULL)
        return;
    maps_thaw(maps);
    if (maps->load != NULL)
        table_fill_end(&maps->load->fill);
    memory_free(maps->load);
    for (uint32_t i = 0; i < maps->count; i++) {
        struct map_row *row = &maps->rows[i];
        map_trash_close(&(struct map_trash){.table = row->table, .expiry = row->expiry, .journal = row->journal});
        memory_free(row->name);
    }
    for (size_t i = 0; i < maps->trash.count; i++)
        map_trash_close(&maps->trash.list[i]);
    for (size_t i = 0; i < maps->attic.count; i++)
        map_trash_close(&maps->attic.list[i]);
    memory_free(maps->trash.list);
    memory_free(maps->attic.list);
    buffer_close(&maps->old);
    table_close(maps->numbers);
    memory_free(maps->rows);
    memory_free(maps);
}

void maps_now(struct maps *maps, uint64_t version, uint64_t log_time_ms)
{
    REQUIRE(log_time_ms >= maps->log_time_ms);
    maps->version = version;
    maps->log_time_ms = log_time_ms;
}

struct map_upkeep maps_upkeep(const struct maps *maps)
{
    struct map_upkeep upkeep = {.clearing = maps->trash.count};
    for (uint32_t i = 0; i < maps->count; i++) {
        const struct map_row *row = &maps->rows[i];
        struct bytes key;
        uint64_t due_ms;
        upkeep.expiring += row->expiry != NULL && expiry_first(row->expiry, &key, &due_ms) && due_ms <= maps->log_time_ms;
        upkeep.resizing += row->table != NULL && table_resizing(row->table);
    }
    return upkeep;
}

uint32_t maps_count(const struct maps *maps)
{
    return maps->named;
}

/* ---- typed access */

bool maps_get(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct table_entry *ret_entry)
{
    struct table_key made;
    const struct map_row *row = map_row_get(maps, id);
    struct bytes wanted = table_key_make(&made, key, affinity);
    return table_find(row->table, wanted, ret_entry) && !map_entry_ended(maps, row, wanted);
}

void maps_set(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct bytes value, uint64_t version)
{
    REQUIRE(value.size <= VALUE_BYTES_MAX);
    struct table_key made;
    struct map_row *row = map_row_get(maps, id);
    struct bytes wanted = table_key_make(&made, key, affinity);
    maps->version = version;
    if (row->plain) {
        table_set(row->table, wanted, value, version);
        row->sets++;
        return;
    }
    struct map_place place = map_entry_look(maps, row, wanted);
    map_entry_write(maps, &place, value, 0);
}

bool maps_remove(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity)
{
    struct table_key made;
    struct map_place place = map_entry_look(maps, map_row_get(maps, id), table_key_make(&made, key, affinity));
    if (place.found)
        map_entry_erase(maps, &place);
    return place.found;
}

/* ---- a look ahead */

static struct map_ahead fetch_slot(const struct maps *maps, struct bytes map, struct bytes key, struct bytes affinity)
{
    struct map_ahead ahead = {0};
    struct table_key made;
    bool fits = key.size > 0 && key.size <= KEY_BYTES_MAX && affinity.size <= KEY_BYTES_MAX;
    struct map_id id = fits ? maps_find(maps, map) : (struct map_id){0};
    if (id.value == 0)
        return ahead;
    ahead.table = maps_table(maps, id);
    ahead.hash = table_hash(ahead.table, table_key_make(&made, key, affinity));
    table_fetch_slot(ahead.table, ahead.hash);
    return ahead;
}

struct map_ahead maps_fetch_slot(const struct maps *maps, const struct map_command *command)
{
    return fetch_slot(maps, command->map, command->key, command->affinity);
}

struct map_ahead maps_fetch_query(const struct maps *maps, const struct query *query)
{
    bool one = query->kind == QUERY_GET || query->kind == QUERY_CONTAINS;
    return one ? fetch_slot(maps, query->map, query->key, query->affinity) : (struct map_ahead){0};
}

struct map_ahead maps_fetch_entry(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity)
{
    struct table_key made;
    struct map_ahead ahead = {.table = maps_table(maps, id)};
    ahead.hash = table_hash(ahead.table, table_key_make(&made, key, affinity));
    table_fetch_slot(ahead.table, ahead.hash);
    return ahead;
}

void maps_fetch_record(struct map_ahead ahead)
{
    if (ahead.table != NULL)
        table_fetch_record(ahead.table, ahead.hash);
}

/* ---- what is due */

static bool row_due_ms(const struct map_row *row, uint64_t *ret_due_ms)
{
    struct bytes key;
    uint64_t ends_ms = UINT64_MAX, journal_ms = UINT64_MAX;
    bool ends = row->expiry != NULL && expiry_first(row->expiry, &key, &ends_ms);
    bool trims = row->journal != NULL && journal_due_ms(row->journal, &journal_ms);
    *ret_due_ms = ends_ms < journal_ms ? ends_ms : journal_ms;
    return ends || trims;
}

bool maps_next_due_ms(const struct maps *maps, uint64_t *ret_due_ms)
{
    uint64_t earliest = UINT64_MAX, due_ms;
    bool any = maps->trash.count > 0;
    if (any)
        earliest = 0;
    for (uint32_t i = 0, left = maps->timed; i < maps->count && left > 0; i++) {
        if (maps->rows[i].expiry == NULL && maps->rows[i].journal == NULL)
            continue;
        left--;
        if (!row_due_ms(&maps->rows[i], &due_ms))
            continue;
        any = true;
        earliest = due_ms < earliest ? due_ms : earliest;
    }
    *ret_due_ms = earliest;
    return any;
}

/* The row whose first entry ends before those of all others; NULL: none is due. */
static struct map_row *first_due(struct maps *maps)
{
    struct map_row *first = NULL;
    uint64_t earliest = maps->log_time_ms;
    for (uint32_t i = 0; i < maps->count; i++) {
        struct bytes key;
        uint64_t due_ms;
        struct map_row *row = &maps->rows[i];
        if (row->expiry == NULL || !expiry_first(row->expiry, &key, &due_ms))
            continue;
        if (due_ms < earliest || (due_ms == earliest && first == NULL)) {
            first = row;
            earliest = due_ms;
        }
    }
    return first;
}

/* Entries and records, and one for the rest. */
static size_t trash_size(const struct map_trash *trash)
{
    uint64_t size = 1 + (trash->table != NULL ? table_count(trash->table) : 0) +
                    (trash->expiry != NULL ? expiry_count(trash->expiry) : 0) +
                    (trash->journal != NULL ? journal_next(trash->journal) - journal_oldest(trash->journal) : 0) +
                    trash->owed.entries + trash->owed.endings + trash->owed.records;
    return (size_t)size;
}

void maps_tick(struct maps *maps, size_t budget)
{
    size_t left = budget;
    for (struct map_row *row; maps->timed > 0 && left > 0 && (row = first_due(maps)) != NULL; left--)
        HOLDS(map_entry_end_one(maps, row));
    for (uint32_t i = 0; maps->timed > 0 && i < maps->count && left > 0; i++)
        if (maps->rows[i].journal != NULL)
            left -= map_journal_trim(maps, maps->rows[i].journal, left);
    (void)map_attic_discard(maps, budget);
    for (left = budget; maps->trash.count > 0 && left > 0;) {
        struct map_trash *trash = &maps->trash.list[maps->trash.count - 1];
        size_t size = trash_size(trash);
        if (!map_trash_discard(trash, left))
            break;
        map_trash_close(trash);
        map_number_give(maps, trash->number);
        maps->trash.count--;
        left -= size < left ? size : left;
    }
}

uint64_t maps_journal_version(const struct maps *maps)
{
    return maps->journal_version;
}

uint64_t maps_trail(const struct maps *maps)
{
    return maps->trail;
}

/* ---- whole */

bool maps_numbered(const struct maps *maps, struct map_id id)
{
    return id.value >= 1 && id.value <= maps->count && maps->rows[id.value - 1].name != NULL;
}

uint64_t maps_entries(const struct maps *maps)
{
    uint64_t entries = 0;
    for (uint32_t i = 0; i < maps->count; i++)
        entries += maps->rows[i].name != NULL ? table_count(maps->rows[i].table) : 0;
    return entries;
}

static uint64_t row_bytes(const struct map_row *row)
{
    return table_memory_bytes(row->table) + (row->expiry != NULL ? expiry_memory_bytes(row->expiry) : 0) +
           (row->journal != NULL ? journal_bytes(row->journal) : 0);
}

void maps_each(const struct maps *maps, void (*each)(void *context, const struct map_count *count), void *context)
{
    for (uint32_t i = 0; i < maps->count; i++) {
        const struct map_row *row = &maps->rows[i];
        if (row->name == NULL)
            continue;
        each(context, &(struct map_count){.name = bytes_of(row->name, row->name_size), .entries = table_count(row->table),
                                          .bytes = row_bytes(row), .sets = row->sets, .removes = row->removes,
                                          .expirations = row->expirations});
    }
}

uint64_t maps_bytes(const struct maps *maps)
{
    uint64_t bytes = table_memory_bytes(maps->numbers);
    for (uint32_t i = 0; i < maps->count; i++)
        bytes += maps->rows[i].name != NULL ? row_bytes(&maps->rows[i]) : 0;
    for (size_t i = 0; i < maps->trash.count; i++)
        bytes += maps->trash.list[i].table != NULL ? table_memory_bytes(maps->trash.list[i].table) : 0;
    return bytes;
}

void maps_count_up(const struct maps *maps, uint64_t *ret_expirations, uint64_t *ret_journal_bytes)
{
    *ret_expirations = maps->expirations_dropped;
    *ret_journal_bytes = 0;
    for (uint32_t i = 0; i < maps->count; i++) {
        *ret_expirations += maps->rows[i].expirations;
        *ret_journal_bytes += maps->rows[i].journal != NULL ? journal_bytes(maps->rows[i].journal) : 0;
    }
}

static uint64_t row_digest(const struct map_row *row, uint64_t seed)
{
    const struct map_settings *settings = &row->settings;
    const struct journal_settings *journal = &settings->journal;
    const uint64_t parts[] = {
        table_digest(row->table), row->expiry != NULL ? expiry_digest(row->expiry) : 0,
        row->journal != NULL ? journal_digest(row->journal) : row->journal_next, row->settings_version,
        settings->ttl_ms, settings->entries_max, settings->bytes_max, journal->enabled, journal->old_values,
        journal->entries_max, journal->bytes_max, journal->age_max_ms, row->sets, row->removes, row->expirations};
    uint64_t digest = hash_xxh3(bytes_of(row->name, row->name_size), seed);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint8_t content[8];
        put_u64(content, parts[i]);
        digest = hash_xxh3(bytes_of(content, sizeof content), digest);
    }
    return digest;
}

uint64_t maps_digest(const struct maps *maps)
{
    uint64_t digest = maps->count + maps->trail + maps->settings_floor + maps->journal_floor;
    for (uint32_t i = 0; i < maps->count; i++)
        digest = maps->rows[i].name != NULL ? row_digest(&maps->rows[i], digest) : digest * 3 + maps->rows[i].removing;
    return digest;
}

/* Whatever has an end is there, and a row is plain when nothing but its table has to be looked at. */
static void row_holds(const struct map_row *row)
{
    table_holds(row->table);
    HOLDS((row->journal != NULL) == row->settings.journal.enabled);
    HOLDS(!row->plain || (row->expiry == NULL && row->journal == NULL && row->settings.ttl_ms == 0));
    if (row->journal != NULL)
        journal_holds(row->journal);
    if (row->expiry == NULL)
        return;
    expiry_holds(row->expiry);
    HOLDS(expiry_count(row->expiry) <= table_count(row->table));
    struct table_entry entry = {0};
    uint64_t due_ms, ending = 0;
    while (table_next(row->table, entry.hash, entry.key, &entry))
        ending += expiry_find(row->expiry, entry.key, &due_ms);
    HOLDS(ending == expiry_count(row->expiry));
}

void maps_holds(const struct maps *maps)
{
    uint32_t timed = 0, free = 0, removing = 0;
    uint64_t records = 0, bytes = 0;
    HOLDS(maps->named <= MAPS_PER_PARTITION_MAX && table_count(maps->numbers) == maps->named);
    for (size_t i = 0; i < maps->trash.count; i++)
        removing += maps->trash.list[i].number.value != 0;
    HOLDS(maps->named + maps->free + removing == maps->count);
    for (uint32_t i = 0; i < maps->count; i++) {
        if (maps->rows[i].name == NULL) {
            free += !maps->rows[i].removing;
            continue;
        }
        HOLDS(maps_find(maps, maps_name(maps, (struct map_id){i + 1})).value == i + 1);
        row_holds(&maps->rows[i]);
        timed += maps->rows[i].expiry != NULL || maps->rows[i].journal != NULL;
        const struct journal *journal = maps->rows[i].journal;
        records += journal != NULL ? journal_next(journal) - journal_oldest(journal) : 0;
        bytes += journal != NULL ? journal_bytes(journal) : 0;
    }
    HOLDS(records == maps->journal_records && bytes == maps->journal_bytes);
    HOLDS(timed == maps->timed && free == maps->free);
}
