/* The maps of a partition: names numbered in the partition's own log, one table per map.
 *
 * An entry's identity is (affinity, key); an affinity equal to the key is the same as none. The table's key is
 * u16 affinity size (0: none), affinity, key.
 *
 * In addition to its table a map may have settings (versioned, in the log), an index of expiries, and a journal of its
 * changes. From the log time of its expiry on, an entry counts as missing, like a removed one; a Tick or the next write to it
 * removes it from the table. Reads change nothing.
 *
 *     maps.c           access of the pipeline; all maps together
 *     map_names.c      names and their numbers; dropping a map
 *     map_entries.c    one entry: found, written, erased, ended; with its journal record
 *     map_commands.c   what clients send: operations, batches, clear, settings
 *     map_reads.c      queries
 *     map_save.c, map_load.c   snapshots
 *
 * Copies everything; returned views are borrowed until the next change. Single threaded; time is log time. */
#ifndef GRID_PARTITION_MAPS_MAPS_H
#define GRID_PARTITION_MAPS_MAPS_H

#include "grid/base/arena.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/partition/component.h"
#include "grid/store/table.h"
#include "grid/wire/messages/message.h"

struct maps;

struct maps *maps_open(uint64_t table_seed);
void maps_close(struct maps *maps);
/* Sets commit counter and log time of the following changes. Neither decreases. */
void maps_now(struct maps *maps, uint64_t version, uint64_t log_time_ms);
/* Finds a map by name; id 0 when it does not exist. */
struct map_id maps_find(const struct maps *maps, struct bytes name);
/* Finds or numbers a map. TOO_LARGE past MAPS_PER_PARTITION_MAX; maps_full_note says what to do. */
enum grid_err maps_ensure(struct maps *maps, struct bytes name, struct map_id *ret_id);
struct table *maps_table(const struct maps *maps, struct map_id id);
bool maps_numbered(const struct maps *maps, struct map_id id);     /* a map has this number */
uint32_t maps_count(const struct maps *maps);              /* that have a name */
uint32_t maps_room(const struct maps *maps);               /* names that still find a number */
const char *maps_full_note(const struct maps *maps);       /* why maps_ensure said TOO_LARGE */
struct bytes maps_name(const struct maps *maps, struct map_id id);

/* Typed access used by the pipeline; `version` is the partition's commit counter. Limits do not apply to it. */
bool maps_get(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct table_entry *ret_entry);
void maps_set(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct bytes value, uint64_t version);
bool maps_remove(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity);

/* The place that a client's command will use, to prefetch memory: first the slot, then (maps_fetch_record) the record. */
struct map_ahead { const struct table *table; uint64_t hash; };     /* table NULL: nowhere yet */
struct map_ahead maps_fetch_slot(const struct maps *maps, const struct map_command *command);
struct map_ahead maps_fetch_query(const struct maps *maps, const struct query *query);
/* For an entry that will be read or written; the map must exist. */
struct map_ahead maps_fetch_entry(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity);
void maps_fetch_record(struct map_ahead ahead);

/* A client's commands; they were checked (message_check). Answers borrow from the maps until the next command. */
void maps_command(struct maps *maps, const struct map_command *command, uint64_t version, struct response *response);
void maps_batch(struct maps *maps, const struct map_batch *batch, struct response *response);
void maps_clear(struct maps *maps, struct bytes name, struct response *response);
/* Removes the map with its settings and its journal. Its number can be used again once all its memory is freed. */
void maps_drop(struct maps *maps, struct bytes name, struct response *response);
void maps_configure(struct maps *maps, const struct map_configure *configure, struct response *response);
/* The remaining ttl is counted from `time_ms`, or from the last entry if that is later. */
void maps_query(const struct maps *maps, const struct query *query, uint64_t time_ms, struct arena *arena,
                struct response *response);

/* Removes expired entries in (due, map, key) order, then old records of journals, and frees the trash; at most `budget` items in all. */
void maps_tick(struct maps *maps, size_t budget);
bool maps_next_due_ms(const struct maps *maps, uint64_t *ret_due_ms);      /* false: nothing for a Tick to do, ever */

/* True: a read of a journal has no records yet; the query then contains the sequence that it waits for. */
bool maps_journal_waits(const struct maps *maps, struct query *query);
uint64_t maps_journal_version(const struct maps *maps);    /* grows with every record, and when a journal is switched */
/* Running hash of changes that no answer shows: appended records, expired entries. */
uint64_t maps_trail(const struct maps *maps);

/* One map now: memory with journal and index of expiries; operations since the first entry of the log. Borrowed for the call. */
struct map_count { struct bytes name; uint64_t entries, bytes, sets, removes, expirations; };
void maps_each(const struct maps *maps, void (*each)(void *context, const struct map_count *count), void *context);

/* What is under way in the background, in how many maps: cleared or dropped and not freed yet; entries have ended and are still there; the
 * table grows. */
struct map_upkeep { uint64_t clearing, expiring, resizing; };
struct map_upkeep maps_upkeep(const struct maps *maps);

uint64_t maps_entries(const struct maps *maps);            /* with expired entries that are not removed yet */
uint64_t maps_bytes(const struct maps *maps);
/* What journals keep whose map's settings say 0. */
void maps_limit_journals(struct maps *maps, const struct retention_limits *limits);
/* The records of all journals, their bytes, and the log time of the oldest record, or 0 without records. Finding the oldest reads every map's journal. */
void maps_journals_kept(const struct maps *maps, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms);
uint64_t maps_journals_dropped(const struct maps *maps);   /* records, on this node since the maps were opened */
/* Expired entries, and the bytes of journals, over all maps. */
void maps_count_up(const struct maps *maps, uint64_t *ret_expirations, uint64_t *ret_journal_bytes);
uint64_t maps_digest(const struct maps *maps);
void maps_holds(const struct maps *maps);

/* Frozen in time by the number of maps: about a microsecond each. A map that is cleared or dropped, and a journal that is switched off,
 * are kept until they are written. */
extern const struct component maps_component;

#endif
