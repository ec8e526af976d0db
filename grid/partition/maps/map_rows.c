/* Rows of the maps and the keys of their tables: what entries, names and maps as a whole have in common. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/maps/maps_internal.h"

struct bytes table_key_make(struct table_key *made, struct bytes key, struct bytes affinity)
{
    REQUIRE(key.size != 0 && key.size <= KEY_BYTES_MAX && affinity.size <= KEY_BYTES_MAX);
    size_t affinity_size = bytes_equal(key, affinity) ? 0 : affinity.size;
    put_u16(made->data, (uint16_t)affinity_size);
    if (affinity_size != 0)
        memcpy(made->data + 2, affinity.data, affinity_size);
    memcpy(made->data + 2 + affinity_size, key.data, key.size);
    return bytes_of(made->data, 2 + affinity_size + key.size);
}

void table_key_split(struct bytes made, struct bytes *ret_key, struct bytes *ret_affinity)
{
    size_t affinity_size = get_u16(made.data);
    HOLDS(made.size > 2 + affinity_size);
    *ret_affinity = bytes_of(made.data + 2, affinity_size);
    *ret_key = bytes_of(made.data + 2 + affinity_size, made.size - 2 - affinity_size);
}

struct table *maps_table(const struct maps *maps, struct map_id id)
{
    return map_row_get(maps, id)->table;
}

struct bytes maps_name(const struct maps *maps, struct map_id id)
{
    const struct map_row *row = map_row_get(maps, id);
    return bytes_of(row->name, row->name_size);
}

void map_row_refresh(struct maps *maps)
{
    maps->timed = 0;
    for (uint32_t i = 0; i < maps->count; i++) {
        struct map_row *row = &maps->rows[i];
        bool timed = row->expiry != NULL || row->journal != NULL;
        maps->timed += timed;
        row->plain = !timed && (row->settings.ttl_ms | row->settings.entries_max | row->settings.bytes_max) == 0;
    }
}

struct expiry *map_row_expiry(struct maps *maps, struct map_row *row)
{
    if (row->expiry == NULL) {
        row->expiry = expiry_open(hash_xxh3(bytes_of(row->name, row->name_size), ~maps->table_seed));
        map_row_refresh(maps);
    }
    return row->expiry;
}

struct journal_capacity map_journal_capacity(const struct maps *maps, const struct journal_settings *settings)
{
    const struct retention_limits *limits = &maps->journal_limits;
    return (struct journal_capacity){.entries = settings->entries_max != 0 ? settings->entries_max : limits->count,
                                     .bytes = settings->bytes_max != 0 ? settings->bytes_max : limits->bytes,
                                     .age_ms = settings->age_max_ms != 0 ? settings->age_max_ms : limits->age_ms};
}

void maps_limit_journals(struct maps *maps, const struct retention_limits *limits)
{
    REQUIRE(limits->count != 0 && limits->bytes != 0);
    maps->journal_limits = *limits;
    for (uint32_t i = 0; i < maps->count; i++) {
        struct map_row *row = &maps->rows[i];
        struct journal_capacity capacity = map_journal_capacity(maps, &row->settings.journal);
        if (row->journal != NULL)
            journal_resize(row->journal, &capacity);
    }
}

void maps_journals_kept(const struct maps *maps, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms)
{
    struct journal_record oldest;
    *ret_count = maps->journal_records;
    *ret_bytes = maps->journal_bytes;
    *ret_oldest_ms = UINT64_MAX;
    for (uint32_t i = 0; i < maps->count; i++) {
        const struct journal *journal = maps->rows[i].journal;
        if (journal != NULL && journal_find(journal, journal_oldest(journal), &oldest) && oldest.log_time_ms < *ret_oldest_ms)
            *ret_oldest_ms = oldest.log_time_ms;
    }
    *ret_oldest_ms = *ret_oldest_ms == UINT64_MAX ? 0 : *ret_oldest_ms;
}

uint64_t maps_journals_dropped(const struct maps *maps)
{
    return maps->journal_dropped;
}

void map_journals_less(struct maps *maps, const struct journal *journal)
{
    maps->journal_records -= journal_next(journal) - journal_oldest(journal);
    maps->journal_bytes -= journal_bytes(journal);
}

void map_journals_more(struct maps *maps, const struct journal *journal)
{
    maps->journal_records += journal_next(journal) - journal_oldest(journal);
    maps->journal_bytes += journal_bytes(journal);
}

size_t map_journal_trim(struct maps *maps, struct journal *journal, size_t count_max)
{
    map_journals_less(maps, journal);
    size_t dropped = journal_trim(journal, maps->log_time_ms, count_max);
    map_journals_more(maps, journal);
    maps->journal_dropped += dropped;
    return dropped;
}

/* ---- trash */

static void add(struct map_trashes *trashes, struct map_trash trash)
{
    if (trashes->count == trashes->capacity) {
        trashes->capacity = trashes->capacity * 2 + 4;
        trashes->list = memory_resize(trashes->list, trashes->capacity * sizeof *trashes->list);
    }
    trashes->list[trashes->count++] = trash;
}

/* Content that is frozen and not written yet moves to the snapshot; the trash owes as much. */
static void leave_to_save(struct map_save *save, struct map_trash *trash)
{
    for (uint32_t i = save->at; i < save->count; i++) {
        struct saved_row *row = &save->rows[i];
        if (trash->table != NULL && row->entries.table == trash->table) {
            row->owns_table = true;
            trash->owed.entries = table_count(trash->table);
            trash->owed.endings = trash->expiry != NULL ? expiry_count(trash->expiry) : 0;
            trash->owed.indexed = trash->expiry != NULL ? expiry_indexed(trash->expiry) : 0;
            /* An index that is younger than the frozen state came with a first ttl: no frozen entry is in it. */
            row->expiry = trash->expiry;
            trash->table = NULL;
            trash->expiry = NULL;
        }
        if (trash->journal != NULL && row->journal == trash->journal) {
            row->owns_journal = true;
            trash->owed.records = journal_next(trash->journal) - journal_oldest(trash->journal);
            trash->journal = NULL;
        }
    }
}

void map_trash_add(struct maps *maps, struct map_trash trash)
{
    if (maps->save != NULL)
        leave_to_save(maps->save, &trash);
    add(&maps->trash, trash);
}

void map_trash_close(struct map_trash *trash)
{
    table_close(trash->table);
    expiry_close(trash->expiry);
    journal_close(trash->journal);
}

static bool pay(uint64_t *owed, size_t budget)
{
    *owed -= *owed < budget ? *owed : budget;
    return *owed == 0;
}

bool map_trash_discard(struct map_trash *trash, size_t budget)
{
    return (trash->expiry == NULL || expiry_discard(trash->expiry, budget)) && pay(&trash->owed.endings, budget) &&
           pay(&trash->owed.indexed, budget) && (trash->table == NULL || table_discard(trash->table, budget)) &&
           pay(&trash->owed.entries, budget) && (trash->journal == NULL || journal_discard(trash->journal, budget)) &&
           pay(&trash->owed.records, budget);
}

void map_attic_add(struct maps *maps, struct map_trash trash)
{
    if (trash.table != NULL || trash.expiry != NULL || trash.journal != NULL)
        add(&maps->attic, trash);
}

bool map_attic_discard(struct maps *maps, size_t budget)
{
    if (maps->attic.count > 0 && map_trash_discard(&maps->attic.list[maps->attic.count - 1], budget))
        map_trash_close(&maps->attic.list[--maps->attic.count]);
    return maps->attic.count == 0;
}
