/* One entry of a map, as of now: what is past its end is gone, what changes is recorded. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/partition/maps/maps_internal.h"

enum { ENDED_FOR_ROOM_MAX = 16 };      /* entries ended to make room for one */

static void follow(struct maps *maps, uint64_t what)
{
    uint8_t content[8];
    put_u64(content, what);
    maps->trail = hash_xxh3(bytes_of(content, sizeof content), maps->trail);
}

/* ---- journal */

void map_row_journal(struct maps *maps, struct map_row *row, struct journal_record *record)
{
    if (row->journal == NULL)
        return;
    record->version = maps->version;
    record->log_time_ms = maps->log_time_ms;
    uint64_t oldest = journal_oldest(row->journal);
    map_journals_less(maps, row->journal);
    journal_append(row->journal, record);
    map_journals_more(maps, row->journal);
    maps->journal_dropped += journal_oldest(row->journal) - oldest;
    follow(maps, journal_trail(row->journal));
    maps->journal_version++;
}

static void record_change(struct maps *maps, const struct map_place *place, struct journal_record *record)
{
    if (place->row->journal == NULL)
        return;
    table_key_split(place->key, &record->key, &record->affinity);
    record->has_old_value = place->found && place->row->settings.journal.old_values;
    record->old_value = record->has_old_value ? place->present.value : BYTES_NONE;
    map_row_journal(maps, place->row, record);
}

/* ---- ends */

bool map_entry_ended(const struct maps *maps, const struct map_row *row, struct bytes key)
{
    uint64_t due_ms;
    return row->expiry != NULL && expiry_find(row->expiry, key, &due_ms) && due_ms <= maps->log_time_ms;
}

static void end_entry(struct maps *maps, const struct map_place *place)
{
    REQUIRE(place->found);
    record_change(maps, place, &(struct journal_record){.kind = JOURNAL_EXPIRED});
    follow(maps, place->present.hash);
    table_remove(place->row->table, place->key);
    expiry_remove(place->row->expiry, place->key);
    place->row->expirations++;
}

bool map_entry_end_one(struct maps *maps, struct map_row *row)
{
    struct table_key copy;
    struct map_place place = {.row = row};
    uint64_t due_ms;
    if (row->expiry == NULL || !expiry_first(row->expiry, &place.key, &due_ms) || due_ms > maps->log_time_ms)
        return false;
    /* The key is the index's own and goes with it. */
    memcpy(copy.data, place.key.data, place.key.size);
    place.key.data = copy.data;
    place.found = table_find(row->table, place.key, &place.present);
    end_entry(maps, &place);
    return true;
}

struct map_place map_entry_look(struct maps *maps, struct map_row *row, struct bytes key)
{
    struct map_place place = {.row = row, .key = key};
    place.found = row != NULL && table_find(row->table, key, &place.present);
    if (place.found && map_entry_ended(maps, row, key)) {
        end_entry(maps, &place);
        place = (struct map_place){.row = row, .key = key};
    }
    return place;
}

/* ---- limits */

static enum grid_err room(const struct map_place *place, struct bytes value)
{
    const struct map_row *row = place->row;
    const struct map_settings *settings = &row->settings;
    if (settings->entries_max != 0 && !place->found &&
        table_count(row->table) + row->adding_entries >= settings->entries_max)
        return GRID_ERR_MAP_FULL;
    uint64_t after = table_record_size(place->key.size, value.size);
    uint64_t before = place->found ? table_record_size(place->key.size, place->present.value.size) : 0;
    if (settings->bytes_max != 0 && after > before &&
        table_record_bytes(row->table) + row->adding_bytes + (after - before) > settings->bytes_max)
        return GRID_ERR_MAP_FULL;
    return GRID_ERR_OK;
}

enum grid_err map_entry_room(struct maps *maps, const struct map_place *place, struct bytes value)
{
    struct map_row *row = place->row;
    if (row == NULL || (row->settings.entries_max | row->settings.bytes_max) == 0)
        return GRID_ERR_OK;
    enum grid_err err = room(place, value);
    for (int i = 0; err != GRID_ERR_OK && i < ENDED_FOR_ROOM_MAX && map_entry_end_one(maps, row); i++)
        err = room(place, value);
    if (err != GRID_ERR_OK)
        return err;
    row->adding_entries += !place->found;
    uint64_t after = table_record_size(place->key.size, value.size);
    uint64_t before = place->found ? table_record_size(place->key.size, place->present.value.size) : 0;
    row->adding_bytes += after > before ? after - before : 0;
    return GRID_ERR_OK;
}

/* ---- changes */

static void set_end(struct maps *maps, const struct map_place *place, uint64_t ttl_ms)
{
    struct map_row *row = place->row;
    if (ttl_ms == 0) {
        if (row->expiry != NULL)
            expiry_remove(row->expiry, place->key);
        return;
    }
    expiry_set(map_row_expiry(maps, row), place->key, maps->log_time_ms + ttl_ms);
}

void map_entry_write(struct maps *maps, const struct map_place *place, struct bytes value, uint64_t ttl_ms)
{
    struct map_row *row = place->row;
    REQUIRE(row != NULL);
    uint64_t lasts_ms = ttl_ms == MAP_TTL_NONE ? 0 : ttl_ms != 0 ? ttl_ms : row->settings.ttl_ms;
    record_change(maps, place, &(struct journal_record){.kind = place->found ? JOURNAL_UPDATED : JOURNAL_ADDED,
                                                        .value = value, .ttl_ms = lasts_ms});
    table_set(row->table, place->key, value, maps->version);
    set_end(maps, place, lasts_ms);
    row->sets++;
}

void map_entry_erase(struct maps *maps, const struct map_place *place)
{
    struct map_row *row = place->row;
    REQUIRE(row != NULL && place->found);
    record_change(maps, place, &(struct journal_record){.kind = JOURNAL_REMOVED});
    table_remove(row->table, place->key);
    if (row->expiry != NULL)
        expiry_remove(row->expiry, place->key);
    row->removes++;
}
