/* The maps of a partition: names numbered in the partition's own log, one table per map.
 *
 * An entry's identity is (affinity, key); an affinity equal to the key is the same as none. The table's key is
 * u16 affinity size (0: none), affinity, key. Copies everything; entries are borrowed until the next change. */
#ifndef GRID_PARTITION_MAPS_H
#define GRID_PARTITION_MAPS_H

#include "grid/base/arena.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/store/table.h"
#include "grid/wire/message.h"

struct maps;

struct maps *maps_open(uint64_t table_seed);
void maps_close(struct maps *maps);
/* Finds a map by name; id 0 when it does not exist. */
struct map_id maps_find(const struct maps *maps, struct bytes name);
/* Finds or numbers a map. TOO_LARGE past MAPS_PER_PARTITION_MAX. */
enum grid_err maps_ensure(struct maps *maps, struct bytes name, struct map_id *ret_id);
struct table *maps_table(const struct maps *maps, struct map_id id);
uint32_t maps_count(const struct maps *maps);
struct bytes maps_name(const struct maps *maps, struct map_id id);

/* Typed access used by the pipeline; `version` is the partition's commit counter. */
bool maps_get(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct table_entry *ret_entry);
void maps_set(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct bytes value, uint64_t version);
bool maps_remove(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity);

/* Where a client's command will look, for fetching memory ahead: first the slot, then (maps_fetch_record) the record. */
struct map_place { const struct table *table; uint64_t hash; };     /* table NULL: nowhere yet */
struct map_place maps_fetch_slot(const struct maps *maps, const struct map_command *command);
void maps_fetch_record(struct map_place place);
/* A client's map command. */
void maps_command(struct maps *maps, const struct map_command *command, uint64_t version, struct response *response);
void maps_query(const struct maps *maps, const struct query *query, struct arena *arena, struct response *response);

uint64_t maps_entries(const struct maps *maps);
uint64_t maps_bytes(const struct maps *maps);
uint64_t maps_digest(const struct maps *maps);
void maps_holds(const struct maps *maps);

#endif
