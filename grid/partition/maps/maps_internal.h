/* Private to the maps: shared only by maps.c and the map_*.c files. */
#ifndef GRID_PARTITION_MAPS_MAPS_INTERNAL_H
#define GRID_PARTITION_MAPS_MAPS_INTERNAL_H

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/journal/journal.h"
#include "grid/partition/maps/maps.h"
#include "grid/store/expiry.h"
#include "grid/store/table_freeze.h"

/* Without a name: its map was dropped, and the number is not used again yet. Then everything except `removing` is zero. */
struct map_row {
    uint8_t *name;
    size_t name_size;
    struct table *table;
    struct expiry *expiry;             /* NULL: no entry ever had a ttl */
    struct journal *journal;           /* NULL: off */
    uint64_t journal_next;             /* while it is off: number of the next record; 0: it was never on */
    bool plain;                        /* no ttl, journal or limit: a write is a write to the table */
    uint64_t settings_version;
    struct map_settings settings;
    uint64_t sets, removes, expirations;
    uint64_t adding_entries, adding_bytes;     /* of the batch being judged */
    bool removing;                     /* dropped, but its memory is not freed completely, so its number is not used again */
};

/* Former content of a map, freed in small parts. `number`: the number of the dropped map; 0: the map was only cleared.
 * When the number comes back and when a Tick has work follow from how much is left, so that is replicated state. What is owed
 * counts like content: a snapshot has, or had, the content itself. */
struct map_trash {
    struct table *table;
    struct expiry *expiry;
    struct journal *journal;
    struct map_id number;
    struct map_owed { uint64_t endings, indexed, entries, records; } owed;
};

struct map_trashes { struct map_trash *list; size_t count, capacity; };

/* One map of a frozen state. */
struct saved_row {
    struct table_freeze entries;       /* of the table that the map had */
    struct expiry *expiry;
    struct journal *journal;
    bool owns_table, owns_journal;     /* the map was cleared or dropped, or its journal switched off: freed once they are written */
};

struct map_save {
    struct buffer heads;               /* the first record, then that of each number */
    size_t heads_at;                   /* bytes of it that are written */
    struct buffer trash;               /* records */
    struct saved_row *rows;
    uint32_t count, at;                /* rows; the one being written */
    bool row_open;                     /* its first record is written */
};

struct map_load {
    uint32_t rows;                     /* that are still to come; likewise below */
    uint64_t entries, records, trash;  /* of the last row; of the journal of the last row */
    struct table_fill fill;
};

struct maps {
    uint64_t table_seed;
    struct table *numbers;             /* name -> u32 id */
    struct map_row *rows;              /* of id 1, 2, ... */
    uint32_t count, capacity;          /* of rows */
    uint32_t named, free;              /* rows with a name; rows whose number can be given to another map */
    /* Upper bounds over all dropped maps: settings versions and journal numbers of a new map continue above them, so that
     * they cannot be confused with those of an old map with the same name. */
    uint64_t settings_floor, journal_floor, expirations_dropped;
    struct map_id recent;              /* the map of the last command, which is found by comparing one name; 0: none */
    uint32_t timed;                    /* rows with an index of expiries or a journal */
    uint64_t version, log_time_ms, trail, journal_version;
    struct retention_limits journal_limits;    /* of journals whose map's settings say 0 */
    uint64_t journal_records, journal_bytes;   /* sums over all journals */
    uint64_t journal_dropped;          /* records, on this node; not replicated */
    struct map_trashes trash;          /* the last one is freed first */
    struct map_trashes attic;          /* memory that a snapshot needed; not replicated */
    struct map_save *save;             /* NULL: not frozen */
    struct map_load *load;             /* NULL: not being loaded */
    struct buffer old;                 /* the old value, for the answer of the present operation */
    struct operation_result results[BATCH_OPERATIONS_MAX];
};

struct table_key { size_t size; uint8_t data[2 + 2 * KEY_BYTES_MAX]; };

struct bytes table_key_make(struct table_key *made, struct bytes key, struct bytes affinity);
void table_key_split(struct bytes made, struct bytes *ret_key, struct bytes *ret_affinity);

static inline struct map_row *map_row_get(const struct maps *maps, struct map_id id)
{
    REQUIRE(id.value >= 1 && id.value <= maps->count);
    return &maps->rows[id.value - 1];
}

/* map_rows.c */
void map_row_refresh(struct maps *maps);                   /* updates plain and timed after an index or a journal was added or removed */
void map_trash_add(struct maps *maps, struct map_trash trash);     /* a frozen state keeps what it needs of it */
void map_trash_close(struct map_trash *trash);
bool map_trash_discard(struct map_trash *trash, size_t budget);    /* frees up to `budget` items of each kind; true: nothing is left */
void map_attic_add(struct maps *maps, struct map_trash trash);
bool map_attic_discard(struct maps *maps, size_t budget);          /* true: it is empty */
/* What a journal with these settings may keep. */
struct journal_capacity map_journal_capacity(const struct maps *maps, const struct journal_settings *settings);
/* Around each change of a journal, and when one comes or goes: the sums over all of them. */
void map_journals_less(struct maps *maps, const struct journal *journal);
void map_journals_more(struct maps *maps, const struct journal *journal);
size_t map_journal_trim(struct maps *maps, struct journal *journal, size_t count_max);
struct expiry *map_row_expiry(struct maps *maps, struct map_row *row);     /* opens it if there is no index of expiries yet */

/* map_names.c */
void map_number_give(struct maps *maps, struct map_id id); /* the memory of the dropped map is freed */

/* ---- map_entries.c: one entry, as of now */

struct map_place {
    struct map_row *row;               /* NULL: the map does not exist */
    struct bytes key;                  /* of the table */
    bool found;
    struct table_entry present;
};

bool map_entry_ended(const struct maps *maps, const struct map_row *row, struct bytes key);
/* Finds the entry; removes it first if it has expired. */
struct map_place map_entry_look(struct maps *maps, struct map_row *row, struct bytes key);
/* MAP_FULL: the value does not fit the map's limits. Removes expired entries if that makes room. */
enum grid_err map_entry_room(struct maps *maps, const struct map_place *place, struct bytes value);
void map_entry_write(struct maps *maps, const struct map_place *place, struct bytes value, uint64_t ttl_ms);
void map_entry_erase(struct maps *maps, const struct map_place *place);
/* Removes the row's first entry if it has expired. */
bool map_entry_end_one(struct maps *maps, struct map_row *row);
void map_row_journal(struct maps *maps, struct map_row *row, struct journal_record *record);


/* map_save.c */
void maps_freeze(void *maps);
bool maps_save(void *maps, size_t size_max, struct buffer *out);
void maps_thaw(void *maps);
enum { RECORD_ROW = 2, RECORD_ENTRY = 3, RECORD_ENDING_ENTRY = 4, RECORD_JOURNAL = 5, RECORD_TRASH = 6 };
enum { ROW_FREE = 0, ROW_REMOVING = 1, ROW_NAMED = 2 };

#endif
