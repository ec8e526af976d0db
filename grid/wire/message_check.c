#include "grid/wire/message_check.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"

_Static_assert(KEY_BYTES_MAX == 4096 && VALUE_BYTES_MAX == 1048576 && MAP_NAME_BYTES_MAX == 128 && SCAN_PAGE_MAX == 1000,
               "the texts below name these bounds");

static enum grid_err refuse(enum grid_err err, const char *text, const char **ret_text)
{
    REQUIRE(err != GRID_ERR_OK);
    *ret_text = text;
    return err;
}

static bool name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static enum grid_err check_map_name(struct bytes name, const char **ret_text)
{
    if (name.size == 0)
        return refuse(GRID_ERR_INVALID, "map: a name is required", ret_text);
    if (name.size > MAP_NAME_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "map: longer than 128 bytes", ret_text);
    for (size_t i = 0; i < name.size; i++)
        if (!name_character(name.data[i]))
            return refuse(GRID_ERR_INVALID, "map: only A-Z a-z 0-9 . _ - may stand in a name", ret_text);
    return GRID_ERR_OK;
}

static bool ends_with(struct bytes name, const char *suffix)
{
    struct bytes wanted = bytes_of_text(suffix);
    return name.size >= wanted.size &&
           bytes_equal(bytes_of(name.data + (name.size - wanted.size), wanted.size), wanted);
}

static bool is_pipeline_map(struct bytes name)
{
    return ends_with(name, ".events") || ends_with(name, ".view") || ends_with(name, ".completions") ||
           ends_with(name, ".pending");
}

static enum grid_err check_key(struct bytes key, struct bytes affinity, const char **ret_text)
{
    if (key.size == 0)
        return refuse(GRID_ERR_INVALID, "key: must not be empty", ret_text);
    if (key.size > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "key: longer than 4096 bytes", ret_text);
    if (affinity.size > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "affinity: longer than 4096 bytes", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_map_command(const struct map_command *map, const char **ret_text)
{
    enum grid_err err = check_map_name(map->map, ret_text);
    if (err == GRID_ERR_OK)
        err = check_key(map->key, map->affinity, ret_text);
    if (err != GRID_ERR_OK)
        return err;
    if (map->operation < MAP_SET || map->operation > MAP_COMPARE_AND_SET)
        return refuse(GRID_ERR_INVALID, "operation: unknown", ret_text);
    if (map->value.size > VALUE_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "value: longer than 1048576 bytes", ret_text);
    if (is_pipeline_map(map->map))
        return refuse(GRID_ERR_DENIED, "map: only the pipeline writes maps of events, views and completions", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_service_command(const struct service_command *service, uint32_t services_max,
                                           const char **ret_text)
{
    if (service->service == 0 || service->service > services_max)
        return refuse(GRID_ERR_NOT_SUPPORTED, "service: unknown number", ret_text);
    if (service->type == 0)
        return refuse(GRID_ERR_INVALID, "type: a command number is required", ret_text);
    if (service->body.size > VALUE_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "body: longer than 1048576 bytes", ret_text);
    size_t trace = service->trace.correlation_id.size + service->trace.causation_id.size +
                   service->trace.saga_id.size + service->trace.traceparent.size;
    if (trace > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "trace: longer than 4096 bytes", ret_text);
    return check_key(service->key, service->affinity, ret_text);
}

enum grid_err message_check_command(const struct command *command, uint32_t services_max, const char **ret_text)
{
    *ret_text = "";
    if (command->kind != COMMAND_OPEN_SESSION && command->kind < COMMAND_GENESIS) {
        if (command->session == 0)
            return refuse(GRID_ERR_INVALID, "session: a write needs one", ret_text);
        if (command->kind != COMMAND_CLOSE_SESSION && command->sequence == 0)
            return refuse(GRID_ERR_INVALID, "sequence: counts from 1", ret_text);
        if (command->kind != COMMAND_CLOSE_SESSION && command->acknowledged_below > command->sequence)
            return refuse(GRID_ERR_INVALID, "acknowledged_below: above the command's own sequence", ret_text);
    }
    switch (command->kind) {
    case COMMAND_OPEN_SESSION:
        if (command->session != 0 || command->sequence != 0)
            return refuse(GRID_ERR_INVALID, "session: must be absent when one is opened", ret_text);
        return GRID_ERR_OK;
    case COMMAND_CLOSE_SESSION: return GRID_ERR_OK;
    case COMMAND_MAP: return check_map_command(&command->map, ret_text);
    case COMMAND_SERVICE: return check_service_command(&command->service, services_max, ret_text);
    case COMMAND_GENESIS:
    case COMMAND_DELIVER:
    case COMMAND_ACKNOWLEDGE:
    case COMMAND_ACTIVITY_RESULT:
    case COMMAND_TICK: return refuse(GRID_ERR_DENIED, "body: a command that only nodes make", ret_text);
    default: return refuse(GRID_ERR_INVALID, "body: unknown kind", ret_text);
    }
}

enum grid_err message_check_query(const struct query *query, const char **ret_text)
{
    *ret_text = "";
    enum grid_err err = check_map_name(query->map, ret_text);
    if (err != GRID_ERR_OK || query->kind == QUERY_SIZE)
        return err;
    if (query->kind == QUERY_GET)
        return check_key(query->key, query->affinity, ret_text);
    if (query->kind != QUERY_SCAN)
        return refuse(GRID_ERR_INVALID, "body: unknown kind", ret_text);
    /* The table's key holds affinity, key and a size. */
    if (query->cursor_key.size > 2 * KEY_BYTES_MAX + 2)
        return refuse(GRID_ERR_TOO_LARGE, "cursor_key: longer than any key", ret_text);
    if (query->affinity.size > KEY_BYTES_MAX || query->key_prefix.size > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "affinity, key_prefix: longer than 4096 bytes", ret_text);
    if (query->limit > SCAN_PAGE_MAX)
        return refuse(GRID_ERR_INVALID, "limit: more than 1000", ret_text);
    return GRID_ERR_OK;
}

struct bytes message_affinity(struct bytes key, struct bytes affinity)
{
    return affinity.size > 0 ? affinity : key;
}
