#include "grid/partition/maps.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/message_check.h"

enum {
    /* Entries looked at for one page, whether the filters let them through or not. */
    SCAN_VISITS_MAX = 4096,
    /* A page is closed when it passes this many bytes, so that it fits a frame whatever its values. */
    SCAN_PAGE_BYTES_AIM = 1024 * 1024,
};

_Static_assert(SCAN_PAGE_BYTES_AIM + VALUE_BYTES_MAX + 4 * KEY_BYTES_MAX + 64 * SCAN_PAGE_MAX < FRAME_BODY_BYTES_MAX,
               "a page fits a frame");

struct map_row { uint8_t *name; size_t name_size; struct table *table; };

struct maps {
    uint64_t table_seed;
    struct table *numbers;             /* name -> u32 id */
    struct map_row *rows;              /* of id 1, 2, ... */
    uint32_t count, capacity;
};

/* ---- keys of the tables */

struct table_key { size_t size; uint8_t data[2 + 2 * KEY_BYTES_MAX]; };

static struct bytes table_key_make(struct table_key *made, struct bytes key, struct bytes affinity)
{
    REQUIRE(key.size != 0 && key.size <= KEY_BYTES_MAX && affinity.size <= KEY_BYTES_MAX);
    size_t affinity_size = bytes_equal(key, affinity) ? 0 : affinity.size;
    put_u16(made->data, (uint16_t)affinity_size);
    if (affinity_size != 0)
        memcpy(made->data + 2, affinity.data, affinity_size);
    memcpy(made->data + 2 + affinity_size, key.data, key.size);
    return bytes_of(made->data, 2 + affinity_size + key.size);
}

static void table_key_split(struct bytes made, struct bytes *ret_key, struct bytes *ret_affinity)
{
    size_t affinity_size = get_u16(made.data);
    HOLDS(made.size > 2 + affinity_size);
    *ret_affinity = bytes_of(made.data + 2, affinity_size);
    *ret_key = bytes_of(made.data + 2 + affinity_size, made.size - 2 - affinity_size);
}

/* ---- life cycle and names */

struct maps *maps_open(uint64_t table_seed)
{
    struct maps *maps = memory_zero(1, sizeof *maps);
    maps->table_seed = table_seed;
    maps->numbers = table_open(table_seed);
    return maps;
}

void maps_close(struct maps *maps)
{
    if (maps == NULL)
        return;
    for (uint32_t i = 0; i < maps->count; i++) {
        table_close(maps->rows[i].table);
        memory_free(maps->rows[i].name);
    }
    table_close(maps->numbers);
    memory_free(maps->rows);
    memory_free(maps);
}

struct map_id maps_find(const struct maps *maps, struct bytes name)
{
    struct table_entry entry;
    if (name.size == 0 || !table_find(maps->numbers, name, &entry))
        return (struct map_id){0};
    return (struct map_id){get_u32(entry.value.data)};
}

enum grid_err maps_ensure(struct maps *maps, struct bytes name, struct map_id *ret_id)
{
    struct map_id id = maps_find(maps, name);
    if (id.value == 0) {
        if (name.size == 0)
            return GRID_ERR_INVALID;
        if (maps->count == MAPS_PER_PARTITION_MAX || name.size > MAP_NAME_BYTES_MAX)
            return GRID_ERR_TOO_LARGE;
        if (maps->count == maps->capacity) {
            maps->capacity = maps->capacity * 2 + 8;
            maps->rows = memory_resize(maps->rows, maps->capacity * sizeof *maps->rows);
        }
        /* Each map has an order of its own: copying one map into another in order of a scan would otherwise fill the
         * second from one end, which makes its runs long. */
        struct table *table = table_open(hash_xxh3(name, maps->table_seed));
        maps->rows[maps->count++] = (struct map_row){memory_copy(name.data, name.size), name.size, table};
        id.value = maps->count;
        uint8_t number[4];
        put_u32(number, id.value);
        table_set(maps->numbers, name, bytes_of(number, sizeof number), 0);
    }
    *ret_id = id;
    return GRID_ERR_OK;
}

struct table *maps_table(const struct maps *maps, struct map_id id)
{
    REQUIRE(id.value >= 1 && id.value <= maps->count);
    return maps->rows[id.value - 1].table;
}

uint32_t maps_count(const struct maps *maps)
{
    return maps->count;
}

struct bytes maps_name(const struct maps *maps, struct map_id id)
{
    REQUIRE(id.value >= 1 && id.value <= maps->count);
    return bytes_of(maps->rows[id.value - 1].name, maps->rows[id.value - 1].name_size);
}

/* ---- typed access */

bool maps_get(const struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct table_entry *ret_entry)
{
    struct table_key made;
    return table_find(maps_table(maps, id), table_key_make(&made, key, affinity), ret_entry);
}

void maps_set(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity, struct bytes value, uint64_t version)
{
    REQUIRE(value.size <= VALUE_BYTES_MAX);
    struct table_key made;
    table_set(maps_table(maps, id), table_key_make(&made, key, affinity), value, version);
}

bool maps_remove(struct maps *maps, struct map_id id, struct bytes key, struct bytes affinity)
{
    struct table_key made;
    return table_remove(maps_table(maps, id), table_key_make(&made, key, affinity));
}

/* ---- a client's command */

static void set(struct maps *maps, struct map_id id, const struct map_command *command, uint64_t version, struct response *response)
{
    struct table_key made;
    struct bytes key = table_key_make(&made, command->key, command->affinity);
    response->found = !table_set(maps_table(maps, id), key, command->value, version);
    response->version = version;
}

static void compare_and_set(struct maps *maps, struct map_id id, const struct map_command *command, uint64_t version,
                            struct response *response)
{
    struct table_entry present = {0};
    bool found = id.value != 0 && maps_get(maps, id, command->key, command->affinity, &present);
    if (found ? present.version == command->expected_version : command->expected_version == 0) {
        set(maps, id, command, version, response);
        return;
    }
    response->err = GRID_ERR_VERSION_CONFLICT;
    response->found = found;
    response->version = present.version;
}

/* What the table would abort on. The edge refuses it with better words (grid/wire/message_check.h). */
static enum grid_err check(const struct map_command *command)
{
    if (command->key.size == 0)
        return GRID_ERR_INVALID;
    bool fits = command->key.size <= KEY_BYTES_MAX && command->affinity.size <= KEY_BYTES_MAX &&
                command->value.size <= VALUE_BYTES_MAX;
    return fits ? GRID_ERR_OK : GRID_ERR_TOO_LARGE;
}

struct map_place maps_fetch_slot(const struct maps *maps, const struct map_command *command)
{
    struct map_place place = {0};
    struct table_key made;
    if (check(command) != GRID_ERR_OK)
        return place;
    struct map_id id = maps_find(maps, command->map);
    if (id.value == 0)
        return place;
    place.table = maps_table(maps, id);
    place.hash = table_hash(place.table, table_key_make(&made, command->key, command->affinity));
    table_fetch_slot(place.table, place.hash);
    return place;
}

void maps_fetch_record(struct map_place place)
{
    if (place.table != NULL)
        table_fetch_record(place.table, place.hash);
}

void maps_command(struct maps *maps, const struct map_command *command, uint64_t version, struct response *response)
{
    REQUIRE(version != 0);
    response->err = check(command);
    if (response->err != GRID_ERR_OK)
        return;
    /* A command that cannot write must not use up a map's number. */
    struct map_id id = maps_find(maps, command->map);
    bool may_write = command->operation == MAP_SET ||
                     (command->operation == MAP_COMPARE_AND_SET && command->expected_version == 0);
    if (id.value == 0 && may_write) {
        response->err = maps_ensure(maps, command->map, &id);
        if (response->err != GRID_ERR_OK) {
            response->note = bytes_of_text("map: no further map can be made here");
            return;
        }
    }
    switch (command->operation) {
    case MAP_SET: set(maps, id, command, version, response); return;
    case MAP_COMPARE_AND_SET: compare_and_set(maps, id, command, version, response); return;
    case MAP_REMOVE:
        response->found = id.value != 0 && maps_remove(maps, id, command->key, command->affinity);
        return;
    }
    response->err = GRID_ERR_INVALID;
}

/* ---- reads */

static bool passes(const struct query *query, struct bytes key, struct bytes affinity)
{
    struct bytes prefix = query->key_prefix;
    if (key.size < prefix.size || !bytes_equal(bytes_of(key.data, prefix.size), prefix))
        return false;
    return query->affinity.size == 0 || bytes_equal(message_affinity(key, affinity), query->affinity);
}

static void scan(const struct table *table, const struct query *query, struct arena *arena, struct response *response)
{
    uint32_t limit = query->limit == 0 || query->limit > SCAN_PAGE_MAX ? SCAN_PAGE_MAX : query->limit;
    struct map_entry *entries = arena_alloc(arena, limit * sizeof *entries);
    struct table_entry at = {.key = query->cursor_key, .hash = query->cursor_hash}, next;
    size_t count = 0, bytes = 0;
    response->entries = entries;
    for (uint32_t visits = 0; table_next(table, at.hash, at.key, &next); visits++) {
        if (count == limit || visits == SCAN_VISITS_MAX || bytes >= SCAN_PAGE_BYTES_AIM) {
            response->more = true;
            response->cursor_hash = at.hash;
            response->cursor_key = at.key;
            break;
        }
        at = next;
        struct map_entry entry = {.value = at.value, .version = at.version};
        table_key_split(at.key, &entry.key, &entry.affinity);
        if (!passes(query, entry.key, entry.affinity))
            continue;
        bytes += at.key.size + at.value.size;
        entries[count++] = entry;
    }
    response->entries_count = count;
}

void maps_query(const struct maps *maps, const struct query *query, struct arena *arena, struct response *response)
{
    struct map_id id = maps_find(maps, query->map);
    if (id.value == 0)
        return;
    struct table_entry entry;
    switch (query->kind) {
    case QUERY_GET:
        response->found = maps_get(maps, id, query->key, query->affinity, &entry);
        if (response->found) {
            response->value = entry.value;
            response->version = entry.version;
        }
        return;
    case QUERY_SIZE: response->count = table_count(maps_table(maps, id)); return;
    case QUERY_SCAN: scan(maps_table(maps, id), query, arena, response); return;
    }
    response->err = GRID_ERR_INVALID;
}

/* ---- whole */

uint64_t maps_entries(const struct maps *maps)
{
    uint64_t entries = 0;
    for (uint32_t i = 0; i < maps->count; i++)
        entries += table_count(maps->rows[i].table);
    return entries;
}

uint64_t maps_bytes(const struct maps *maps)
{
    uint64_t bytes = table_memory_bytes(maps->numbers);
    for (uint32_t i = 0; i < maps->count; i++)
        bytes += table_memory_bytes(maps->rows[i].table);
    return bytes;
}

uint64_t maps_digest(const struct maps *maps)
{
    uint64_t digest = maps->count;
    for (uint32_t i = 0; i < maps->count; i++) {
        uint8_t content[8];
        put_u64(content, table_digest(maps->rows[i].table));
        digest = hash_xxh3(bytes_of(content, sizeof content), hash_xxh3(maps_name(maps, (struct map_id){i + 1}), digest));
    }
    return digest;
}

void maps_holds(const struct maps *maps)
{
    HOLDS(maps->count <= MAPS_PER_PARTITION_MAX && table_count(maps->numbers) == maps->count);
    for (uint32_t i = 0; i < maps->count; i++) {
        HOLDS(maps_find(maps, maps_name(maps, (struct map_id){i + 1})).value == i + 1);
        table_holds(maps->rows[i].table);
    }
}
