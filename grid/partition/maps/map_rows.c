/* Rows of the maps and the keys of their tables: what entries, names and maps as a whole have in common. */
#include "grid/base/check.h"
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

void map_trash_add(struct maps *maps, struct map_trash trash)
{
    if (maps->trash_count == maps->trash_capacity) {
        maps->trash_capacity = maps->trash_capacity * 2 + 4;
        maps->trash = memory_resize(maps->trash, maps->trash_capacity * sizeof *maps->trash);
    }
    maps->trash[maps->trash_count++] = trash;
}

void map_trash_close(struct map_trash *trash)
{
    table_close(trash->table);
    expiry_close(trash->expiry);
    journal_close(trash->journal);
}
