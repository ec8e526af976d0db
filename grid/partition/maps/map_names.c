/* Names of maps and their numbers in this partition; dropping a map. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/maps/maps_internal.h"

enum { ROWS_MAX = 2 * MAPS_PER_PARTITION_MAX };    /* with those that are dropped and not freed yet */

struct map_id maps_find(const struct maps *maps, struct bytes name)
{
    struct table_entry entry;
    if (maps->recent.value != 0 && bytes_equal(maps_name(maps, maps->recent), name))
        return maps->recent;
    if (name.size == 0 || !table_find(maps->numbers, name, &entry))
        return (struct map_id){0};
    return (struct map_id){get_u32(entry.value.data)};
}

/* ---- numbers */

uint32_t maps_room(const struct maps *maps)
{
    uint32_t names = MAPS_PER_PARTITION_MAX - maps->named, numbers = maps->free + ROWS_MAX - maps->count;
    return names < numbers ? names : numbers;
}

const char *maps_full_note(const struct maps *maps)
{
    if (maps->named == MAPS_PER_PARTITION_MAX)
        return "map: this partition already has 4096 map names; drop one with: gridctl map drop NAME";
    return "map: too many dropped maps of this partition are not freed yet; try again in a moment";
}

_Static_assert(MAPS_PER_PARTITION_MAX == 4096, "the text above names this bound");

static struct map_id take_number(struct maps *maps)
{
    if (maps->free > 0) {
        uint32_t place = 0;
        while (maps->rows[place].name != NULL || maps->rows[place].removing)
            place++;
        maps->free--;
        return (struct map_id){place + 1};
    }
    if (maps->count == maps->capacity) {
        maps->capacity = maps->capacity * 2 + 8;
        maps->rows = memory_resize(maps->rows, maps->capacity * sizeof *maps->rows);
    }
    return (struct map_id){++maps->count};
}

void map_number_give(struct maps *maps, struct map_id id)
{
    if (id.value == 0)
        return;
    struct map_row *row = map_row_get(maps, id);
    HOLDS(row->name == NULL && row->removing);
    row->removing = false;
    maps->free++;
}

enum grid_err maps_ensure(struct maps *maps, struct bytes name, struct map_id *ret_id)
{
    struct map_id id = maps_find(maps, name);
    if (id.value == 0) {
        if (name.size == 0)
            return GRID_ERR_INVALID;
        if (maps_room(maps) == 0 || name.size > MAP_NAME_BYTES_MAX)
            return GRID_ERR_TOO_LARGE;
        id = take_number(maps);
        /* Each map has an order of its own: copying one map into another in order of a scan would otherwise fill the
         * second from one end, which makes its runs long. */
        struct table *table = table_open(hash_xxh3(name, maps->table_seed));
        maps->rows[id.value - 1] = (struct map_row){
            .name = memory_copy(name.data, name.size), .name_size = name.size, .table = table, .plain = true,
            .journal_next = maps->journal_floor};
        maps->named++;
        uint8_t number[4];
        put_u32(number, id.value);
        table_set(maps->numbers, name, bytes_of(number, sizeof number), 0);
    }
    *ret_id = id;
    return GRID_ERR_OK;
}

/* ---- the end of a map */

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A reader of its journal is told that it does not exist or, once the name has a journal again, that records are missing (I25). */
static void keep_floors(struct maps *maps, const struct map_row *row)
{
    maps->settings_floor = most(maps->settings_floor, row->settings_version);
    maps->journal_floor = most(maps->journal_floor, row->journal != NULL ? journal_next(row->journal) : row->journal_next);
    maps->expirations_dropped += row->expirations;
    maps->journal_version++;
}

void maps_drop(struct maps *maps, struct bytes name, struct response *response)
{
    struct map_id id = maps_find(maps, name);
    if (id.value == 0)
        return;
    struct map_row *row = map_row_get(maps, id);
    uint64_t ended = row->expiry != NULL ? expiry_count_due(row->expiry, maps->log_time_ms) : 0;
    response->found = true;
    response->count = table_count(row->table) - ended;
    keep_floors(maps, row);
    if (row->journal != NULL)
        map_journals_less(maps, row->journal);
    /* Freeing takes as long as there are entries: Ticks do that. A number that came back before would belong to both. */
    map_trash_add(maps, (struct map_trash){.table = row->table, .expiry = row->expiry, .journal = row->journal, .number = id});
    HOLDS(table_remove(maps->numbers, name));
    memory_free(row->name);
    *row = (struct map_row){.removing = true};
    maps->named--;
    maps->recent = (struct map_id){0};
    map_row_refresh(maps);
}
