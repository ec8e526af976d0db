/* What clients send to maps: operations, atomic batches, clear, settings. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/partition/maps/maps_internal.h"

/* ---- what the operations are */

static bool writes(enum map_operation operation)
{
    switch (operation) {
    case MAP_SET:
    case MAP_COMPARE_AND_SET:
    case MAP_PUT:
    case MAP_PUT_IF_ABSENT:
    case MAP_REPLACE:
    case MAP_REPLACE_IF_SAME:
    case MAP_SET_TTL: return true;
    case MAP_REMOVE:
    case MAP_REMOVE_IF_SAME:
    case MAP_REMOVE_IF_VERSION:
    case MAP_TAKE:
    case MAP_CHECK_VERSION: break;
    }
    return false;
}

static bool erases(enum map_operation operation)
{
    return !writes(operation) && operation != MAP_CHECK_VERSION;
}

/* A command that cannot write must not use up a map's number. */
static bool may_write_anew(const struct map_command *command)
{
    return command->operation == MAP_SET || command->operation == MAP_PUT || command->operation == MAP_PUT_IF_ABSENT ||
           (command->operation == MAP_COMPARE_AND_SET && command->expected_version == 0);
}

static bool tells_old_value(enum map_operation operation)
{
    return operation == MAP_PUT || operation == MAP_REPLACE || operation == MAP_TAKE;
}

/* ---- conditions */

static enum grid_err judge(const struct map_command *command, const struct map_place *place)
{
    bool same_version = place->found ? place->present.version == command->expected_version
                                     : command->expected_version == 0;
    switch (command->operation) {
    case MAP_SET:
    case MAP_PUT:
    case MAP_REMOVE:
    case MAP_TAKE: return GRID_ERR_OK;
    case MAP_COMPARE_AND_SET:
    case MAP_CHECK_VERSION: return same_version ? GRID_ERR_OK : GRID_ERR_VERSION_CONFLICT;
    case MAP_PUT_IF_ABSENT: return place->found ? GRID_ERR_ALREADY_EXISTS : GRID_ERR_OK;
    case MAP_REPLACE:
    case MAP_SET_TTL: return place->found ? GRID_ERR_OK : GRID_ERR_NOT_FOUND;
    case MAP_REMOVE_IF_VERSION:
        if (place->found)
            return same_version ? GRID_ERR_OK : GRID_ERR_VERSION_CONFLICT;
        return GRID_ERR_NOT_FOUND;
    case MAP_REPLACE_IF_SAME:
    case MAP_REMOVE_IF_SAME:
        if (!place->found)
            return GRID_ERR_NOT_FOUND;
        return bytes_equal(place->present.value, command->expected_value) ? GRID_ERR_OK : GRID_ERR_VERSION_CONFLICT;
    }
    return GRID_ERR_INVALID;
}

static const char *reason(enum grid_err err)
{
    switch ((int)err) {
    case GRID_ERR_ALREADY_EXISTS: return "the entry is there";
    case GRID_ERR_NOT_FOUND: return "the entry is not there";
    case GRID_ERR_VERSION_CONFLICT: return "the entry is another one by now";
    case GRID_ERR_MAP_FULL: return "the map's limit of entries or bytes in this partition is reached";
    default: return "";
    }
}

/* What the table would abort on. The edge refuses it with better words (grid/wire/messages/message_check.h). */
static enum grid_err check(const struct map_command *command)
{
    if (command->key.size == 0)
        return GRID_ERR_INVALID;
    bool fits = command->key.size <= KEY_BYTES_MAX && command->affinity.size <= KEY_BYTES_MAX &&
                command->value.size <= VALUE_BYTES_MAX;
    return fits ? GRID_ERR_OK : GRID_ERR_TOO_LARGE;
}

/* ---- one operation */

static void keep_old(struct maps *maps, const struct map_place *place)
{
    buffer_clear(&maps->old);
    if (place->found)
        buffer_append(&maps->old, place->present.value);
}

/* Its conditions hold and there is room. Returns the entry's version afterwards. */
static uint64_t perform(struct maps *maps, const struct map_command *command, const struct map_place *place)
{
    if (writes(command->operation)) {
        struct bytes value = command->value;
        if (command->operation == MAP_SET_TTL) {
            keep_old(maps, place);
            value = buffer_bytes(&maps->old);
        }
        map_entry_write(maps, place, value, command->ttl_ms);
        return maps->version;
    }
    if (erases(command->operation)) {
        if (place->found)
            map_entry_erase(maps, place);
        return 0;
    }
    return place->present.version;
}

/* The plain map's plain write, which is most of all writes. */
static bool set_plain(struct maps *maps, struct map_row *row, const struct map_command *command, struct response *response)
{
    struct table_key made;
    if (command->operation != MAP_SET || !row->plain || (command->ttl_ms != 0 && command->ttl_ms != MAP_TTL_NONE))
        return false;
    struct bytes key = table_key_make(&made, command->key, command->affinity);
    response->found = !table_set(row->table, key, command->value, maps->version);
    response->version = maps->version;
    row->sets++;
    return true;
}

static void operate(struct maps *maps, struct map_row *row, const struct map_command *command, struct response *response)
{
    struct table_key made;
    struct map_place place = map_entry_look(maps, row, table_key_make(&made, command->key, command->affinity));
    enum grid_err err = judge(command, &place);
    if (row != NULL)
        row->adding_entries = row->adding_bytes = 0;
    if (err == GRID_ERR_OK && writes(command->operation) && command->operation != MAP_SET_TTL)
        err = map_entry_room(maps, &place, command->value);
    response->err = err;
    response->found = place.found;
    if (tells_old_value(command->operation) || err == GRID_ERR_ALREADY_EXISTS) {
        keep_old(maps, &place);
        response->value = buffer_bytes(&maps->old);
    }
    if (err != GRID_ERR_OK) {
        response->note = bytes_of_text(reason(err));
        response->version = place.present.version;
        return;
    }
    response->version = perform(maps, command, &place);
}

static enum grid_err row_for(struct maps *maps, const struct map_command *command, struct map_row **ret_row)
{
    struct map_id id = maps_find(maps, command->map);
    *ret_row = NULL;
    if (id.value == 0 && may_write_anew(command)) {
        enum grid_err err = maps_ensure(maps, command->map, &id);
        if (err != GRID_ERR_OK)
            return err;
    }
    if (id.value != 0)
        *ret_row = map_row_get(maps, id);
    maps->recent = id;
    return GRID_ERR_OK;
}

void maps_command(struct maps *maps, const struct map_command *command, uint64_t version, struct response *response)
{
    REQUIRE(version != 0);
    struct map_row *row = NULL;
    maps->version = version;
    response->err = check(command);
    if (response->err != GRID_ERR_OK)
        return;
    response->err = row_for(maps, command, &row);
    if (response->err != GRID_ERR_OK)
        response->note = bytes_of_text(maps_full_note(maps));
    else if (row == NULL || !set_plain(maps, row, command, response))
        operate(maps, row, command, response);
}

/* ---- batches: everything is judged, then everything is done */

static enum grid_err judge_in_batch(struct maps *maps, const struct map_command *operation)
{
    struct table_key made;
    struct map_id id = maps_find(maps, operation->map);
    struct map_row *row = id.value != 0 ? map_row_get(maps, id) : NULL;
    enum grid_err err = check(operation);
    if (err != GRID_ERR_OK)
        return err;
    struct map_place place = map_entry_look(maps, row, table_key_make(&made, operation->key, operation->affinity));
    err = judge(operation, &place);
    if (err == GRID_ERR_OK && writes(operation->operation) && operation->operation != MAP_SET_TTL)
        err = map_entry_room(maps, &place, operation->value);
    return err;
}

static void refuse_batch(struct response *response, enum grid_err err, size_t place, const char *note)
{
    response->err = err;
    response->count = place;
    response->note = bytes_of_text(note);
}

static void begin_room(struct maps *maps, const struct map_batch *batch)
{
    for (size_t i = 0; i < batch->operations_count; i++) {
        struct map_id id = maps_find(maps, batch->operations[i].map);
        if (id.value != 0)
            map_row_get(maps, id)->adding_entries = map_row_get(maps, id)->adding_bytes = 0;
    }
}

void maps_batch(struct maps *maps, const struct map_batch *batch, struct response *response)
{
    REQUIRE(batch->operations_count >= 1 && batch->operations_count <= BATCH_OPERATIONS_MAX);
    struct map_row *row;
    begin_room(maps, batch);
    for (size_t i = 0; i < batch->operations_count; i++) {
        enum grid_err err = judge_in_batch(maps, &batch->operations[i]);
        if (err != GRID_ERR_OK) {
            refuse_batch(response, err, i, reason(err));
            return;
        }
    }
    for (size_t i = 0; i < batch->operations_count; i++) {
        enum grid_err err = row_for(maps, &batch->operations[i], &row);
        if (err != GRID_ERR_OK) {
            refuse_batch(response, err, i, maps_full_note(maps));
            return;
        }
    }
    for (size_t i = 0; i < batch->operations_count; i++) {
        const struct map_command *operation = &batch->operations[i];
        struct table_key made;
        HOLDS(row_for(maps, operation, &row) == GRID_ERR_OK);
        struct map_place place = map_entry_look(maps, row, table_key_make(&made, operation->key, operation->affinity));
        maps->results[i].found = place.found;
        maps->results[i].version = perform(maps, operation, &place);
    }
    response->results = maps->results;
    response->results_count = batch->operations_count;
    response->version = maps->version;
}

/* ---- clear */

void maps_clear(struct maps *maps, struct bytes name, struct response *response)
{
    struct map_id id = maps_find(maps, name);
    if (id.value == 0)
        return;
    struct map_row *row = map_row_get(maps, id);
    uint64_t ended = row->expiry != NULL ? expiry_count_due(row->expiry, maps->log_time_ms) : 0;
    response->count = table_count(row->table) - ended;
    response->version = maps->version;
    if (table_count(row->table) == 0)
        return;
    map_row_journal(maps, row, &(struct journal_record){.kind = JOURNAL_CLEARED});
    row->removes += response->count;
    /* Freeing takes as long as there are entries: Ticks do that, and this entry takes no longer than any other. */
    map_trash_add(maps, (struct map_trash){.table = row->table, .expiry = row->expiry});
    row->table = table_open(hash_xxh3(name, maps->table_seed));
    row->expiry = NULL;
    map_row_refresh(maps);
}

/* ---- settings */

static bool settings_equal(const struct map_settings *a, const struct map_settings *b)
{
    const struct journal_settings *left = &a->journal, *right = &b->journal;
    return a->ttl_ms == b->ttl_ms && a->entries_max == b->entries_max && a->bytes_max == b->bytes_max &&
           left->enabled == right->enabled && left->old_values == right->old_values &&
           left->entries_max == right->entries_max && left->bytes_max == right->bytes_max &&
           left->age_max_ms == right->age_max_ms;
}

static void switch_journal(struct maps *maps, struct map_row *row)
{
    const struct journal_settings *settings = &row->settings.journal;
    struct journal_capacity capacity = map_journal_capacity(maps, settings);
    if (settings->enabled && row->journal != NULL) {
        journal_resize(row->journal, &capacity);
    } else if (settings->enabled) {
        /* Changes while the journal was off have no sequences; one sequence is skipped, so that a reader sees a gap. */
        row->journal = journal_open(row->journal_next + 1, &capacity);
    } else if (row->journal != NULL) {
        row->journal_next = journal_next(row->journal);
        map_journals_less(maps, row->journal);
        map_trash_add(maps, (struct map_trash){.journal = row->journal});
        row->journal = NULL;
    }
    maps->journal_version++;
}

static void adopt(struct maps *maps, struct map_row *row, const struct map_settings *settings, uint64_t version)
{
    REQUIRE(version > row->settings_version);
    row->settings = *settings;
    row->settings_version = version;
    switch_journal(maps, row);
    map_row_refresh(maps);
}

/* Above what any partition may still have of a map of this name that was dropped. */
static uint64_t next_version(const struct maps *maps, const struct map_row *row)
{
    return (row->settings_version != 0 ? row->settings_version : maps->settings_floor) + 1;
}

void maps_configure(struct maps *maps, const struct map_configure *configure, struct response *response)
{
    struct map_id id;
    response->err = maps_ensure(maps, configure->map, &id);
    if (response->err != GRID_ERR_OK) {
        response->note = bytes_of_text(maps_full_note(maps));
        return;
    }
    struct map_row *row = map_row_get(maps, id);
    bool equal = settings_equal(&configure->settings, &row->settings);
    if (configure->version == 0) {
        if (configure->expected_version == row->settings_version && !(equal && row->settings_version != 0))
            adopt(maps, row, &configure->settings, next_version(maps, row));
        else if (!equal)
            response->err = GRID_ERR_VERSION_CONFLICT;
    } else if (configure->version > row->settings_version) {
        adopt(maps, row, &configure->settings, configure->version);
    } else if (configure->version == row->settings_version && !equal) {
        response->err = GRID_ERR_MISMATCH;
    }
    response->version = row->settings_version;
}
