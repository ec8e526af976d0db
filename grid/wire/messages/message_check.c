#include "grid/wire/messages/message_check.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/level.h"

_Static_assert(KEY_BYTES_MAX == 4096 && VALUE_BYTES_MAX == 1048576 && MAP_NAME_BYTES_MAX == 128 && SCAN_PAGE_MAX == 1000 &&
                   BATCH_OPERATIONS_MAX == 128 && BATCH_BYTES_MAX == 2097152 && IDEMPOTENCY_TEXT_BYTES_MAX == 256,
               "the texts below name these bounds");

_Static_assert(RETENTION_FLOWS_MS_LEAST == 60000 && RETENTION_FLOWS_LEAST == 16 && RETENTION_KEYS_MS_LEAST == 300000 && RETENTION_KEYS_LEAST == 256 &&
                   RETENTION_SESSIONS_MS_LEAST == 60000 && RETENTION_SESSIONS_LEAST == 64 && RETENTION_BYTES_LEAST == 1048576 &&
                   RETENTION_COUNT_MOST == 100000000 && RETENTION_BYTES_MOST == 17179869184ull,
               "and these");

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

static enum grid_err check_ttl(uint64_t ttl_ms, const char **ret_text)
{
    if (ttl_ms > TTL_MS_MAX && ttl_ms != MAP_TTL_NONE)
        return refuse(GRID_ERR_INVALID, "ttl_ms: more than a hundred years", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_operation(const struct map_command *map, const char **ret_text)
{
    enum grid_err err = check_map_name(map->map, ret_text);
    if (err == GRID_ERR_OK)
        err = check_key(map->key, map->affinity, ret_text);
    if (err == GRID_ERR_OK)
        err = check_ttl(map->ttl_ms, ret_text);
    if (err != GRID_ERR_OK)
        return err;
    if (map->operation < MAP_SET || map->operation > MAP_OPERATION_LAST)
        return refuse(GRID_ERR_INVALID, "operation: unknown", ret_text);
    if (map->value.size > VALUE_BYTES_MAX || map->expected_value.size > VALUE_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "value: longer than 1048576 bytes", ret_text);
    if (is_pipeline_map(map->map))
        return refuse(GRID_ERR_DENIED, "map: only the pipeline writes maps of events, views and completions", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_map_command(const struct map_command *map, const char **ret_text)
{
    if (map->operation == MAP_CHECK_VERSION)
        return refuse(GRID_ERR_INVALID, "operation: a condition alone; it belongs into a batch", ret_text);
    return check_operation(map, ret_text);
}

/* A batch judges its conditions on the state before it, which says nothing about an entry that it writes twice. */
static bool is_named_before(const struct map_batch *batch, size_t place)
{
    const struct map_command *named = &batch->operations[place];
    for (size_t i = 0; i < place; i++)
        if (bytes_equal(batch->operations[i].key, named->key) && bytes_equal(batch->operations[i].map, named->map))
            return true;
    return false;
}

static enum grid_err check_batch(const struct map_batch *batch, const char **ret_text)
{
    size_t bytes = 0;
    if (batch->operations_count == 0)
        return refuse(GRID_ERR_INVALID, "operations: a batch needs at least one", ret_text);
    if (batch->operations_count > BATCH_OPERATIONS_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "operations: more than 128 in one batch", ret_text);
    struct bytes affinity = message_affinity(batch->operations[0].key, batch->operations[0].affinity);
    for (size_t i = 0; i < batch->operations_count; i++) {
        const struct map_command *operation = &batch->operations[i];
        enum grid_err err = check_operation(operation, ret_text);
        if (err != GRID_ERR_OK)
            return err;
        if (!bytes_equal(message_affinity(operation->key, operation->affinity), affinity))
            return refuse(GRID_ERR_INVALID, "operations: a batch is of one affinity", ret_text);
        if (is_named_before(batch, i))
            return refuse(GRID_ERR_INVALID, "operations: a batch names an entry once", ret_text);
        bytes += operation->key.size + operation->affinity.size + operation->value.size + operation->expected_value.size;
    }
    if (bytes > BATCH_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "operations: more than 2097152 bytes in one batch", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_clear(struct bytes map, const char **ret_text)
{
    enum grid_err err = check_map_name(map, ret_text);
    if (err == GRID_ERR_OK && is_pipeline_map(map))
        return refuse(GRID_ERR_DENIED, "map: only the pipeline writes maps of events, views and completions", ret_text);
    return err;
}

/* These maps belong to services; their numbers are fixed in the log of every partition. */
static enum grid_err check_drop(struct bytes map, const char **ret_text)
{
    enum grid_err err = check_map_name(map, ret_text);
    if (err == GRID_ERR_OK && is_pipeline_map(map))
        return refuse(GRID_ERR_DENIED, "map: names that end in .events, .view, .completions or .pending are the services'; "
                                       "such a map cannot be dropped", ret_text);
    return err;
}

static enum grid_err check_configure(const struct map_configure *configure, const char **ret_text)
{
    const struct map_settings *settings = &configure->settings;
    const struct journal_settings *journal = &settings->journal;
    enum grid_err err = check_map_name(configure->map, ret_text);
    if (err != GRID_ERR_OK)
        return err;
    if (settings->ttl_ms > TTL_MS_MAX || journal->age_max_ms > TTL_MS_MAX)
        return refuse(GRID_ERR_INVALID, "ttl_ms, age_max_ms: more than a hundred years", ret_text);
    if (journal->entries_max > JOURNAL_ENTRIES_MOST || journal->bytes_max > JOURNAL_BYTES_MOST)
        return refuse(GRID_ERR_INVALID, "journal: more than 100000000 entries or 16 GiB in one partition", ret_text);
    if (configure->expected_version == UINT64_MAX || configure->version == UINT64_MAX)
        return refuse(GRID_ERR_INVALID, "version: no number follows it", ret_text);
    if (is_pipeline_map(configure->map) && (settings->ttl_ms | settings->entries_max | settings->bytes_max) != 0)
        return refuse(GRID_ERR_DENIED, "map: of maps of the pipeline only the journal can be set", ret_text);
    return GRID_ERR_OK;
}

enum grid_err message_check_retention(enum retention_kind kind, const struct retention_limits *limits, const char **ret_text)
{
    *ret_text = "";
    if (limits->age_ms > TTL_MS_MAX || limits->count > RETENTION_COUNT_MOST || limits->bytes > RETENTION_BYTES_MOST)
        return refuse(GRID_ERR_INVALID, "limits: more than a hundred years, 100000000 or 16 GiB in one partition", ret_text);
    if (kind != RETENTION_FLOWS && (limits->count == 0 || limits->bytes == 0))
        return refuse(GRID_ERR_INVALID, "limits: clients cause as many of them as they like, so count and bytes need a bound", ret_text);
    switch (kind) {
    case RETENTION_COMPLETIONS:
    case RETENTION_JOURNALS: return GRID_ERR_OK;
    case RETENTION_FLOWS:
        if ((limits->age_ms != 0 && limits->age_ms < RETENTION_FLOWS_MS_LEAST) || (limits->count != 0 && limits->count < RETENTION_FLOWS_LEAST) ||
            (limits->bytes != 0 && limits->bytes < RETENTION_BYTES_LEAST))
            return refuse(GRID_ERR_INVALID, "flows: less than 60 s, 16 or 1 MiB; a client that waits for the end of one would not see it", ret_text);
        return GRID_ERR_OK;
    case RETENTION_KEYS:
        if ((limits->age_ms != 0 && limits->age_ms < RETENTION_KEYS_MS_LEAST) || limits->count < RETENTION_KEYS_LEAST ||
            limits->bytes < RETENTION_BYTES_LEAST)
            return refuse(GRID_ERR_INVALID, "keys: less than 5 minutes, 256 or 1 MiB; a write could be repeated after its key is forgotten, "
                                            "and would happen twice", ret_text);
        return GRID_ERR_OK;
    case RETENTION_SESSIONS:
        if ((limits->age_ms != 0 && limits->age_ms < RETENTION_SESSIONS_MS_LEAST) || limits->count < RETENTION_SESSIONS_LEAST ||
            limits->bytes < RETENTION_BYTES_LEAST)
            return refuse(GRID_ERR_INVALID, "sessions: less than 60 s, 64 or 1 MiB; clients would lose theirs while a write is under way, "
                                            "and not know its outcome", ret_text);
        return GRID_ERR_OK;
    }
    return refuse(GRID_ERR_INVALID, "kind: unknown", ret_text);
}

static enum grid_err check_retain(const struct retain_command *retain, const char **ret_text)
{
    if (retain->expected_version == UINT64_MAX || retain->version == UINT64_MAX)
        return refuse(GRID_ERR_INVALID, "version: no number follows it", ret_text);
    return message_check_retention(retain->kind, &retain->limits, ret_text);
}

static enum grid_err check_level(uint32_t level, const char **ret_text)
{
    if (level == 0)
        return refuse(GRID_ERR_INVALID, "level: counts from 1", ret_text);
    if (level > LEVEL_LAST)
        return refuse(GRID_ERR_NOT_SUPPORTED, "level: this version does not support it: upgrade all nodes first", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_idempotency(const struct command *command, const char **ret_text)
{
    const struct idempotency *idempotency = &command->idempotency;
    size_t all = idempotency->tenant.size + idempotency->route.size + idempotency->key.size +
                 idempotency->request_hash.size;
    if (all == 0)
        return GRID_ERR_OK;
    if (command->kind != COMMAND_MAP && command->kind != COMMAND_BATCH && command->kind != COMMAND_SERVICE)
        return refuse(GRID_ERR_INVALID, "idempotency: only for operations, batches and services", ret_text);
    if (idempotency->key.size == 0 || idempotency->request_hash.size == 0)
        return refuse(GRID_ERR_INVALID, "idempotency: key and request_hash are required", ret_text);
    if (idempotency->tenant.size > IDEMPOTENCY_TEXT_BYTES_MAX || idempotency->route.size > IDEMPOTENCY_TEXT_BYTES_MAX ||
        idempotency->key.size > IDEMPOTENCY_TEXT_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "idempotency: a text longer than 256 bytes", ret_text);
    if (idempotency->request_hash.size > IDEMPOTENCY_HASH_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "idempotency: request_hash longer than 32 bytes", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_service_command(const struct service_command *service, const char **ret_text)
{
    if (service->service == 0)
        return refuse(GRID_ERR_NOT_SUPPORTED, "service: a number is required", ret_text);
    if (service->type == 0)
        return refuse(GRID_ERR_INVALID, "type: a command number is required", ret_text);
    if (service->body.size > VALUE_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "body: longer than 1048576 bytes", ret_text);
    size_t trace = service->trace.correlation_id.size + service->trace.causation_id.size +
                   service->trace.flow_id.size + service->trace.traceparent.size;
    if (trace > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "trace: longer than 4096 bytes", ret_text);
    return check_key(service->key, service->affinity, ret_text);
}

/* Whose write it is: the session, its sequence, the key that makes it repeatable. */
static enum grid_err check_origin(const struct command *command, const char **ret_text)
{
    if (command->kind == COMMAND_OPEN_SESSION) {
        if (command->session != 0 || command->sequence != 0)
            return refuse(GRID_ERR_INVALID, "session: must be absent when one is opened", ret_text);
    } else if (command->kind < COMMAND_GENESIS) {
        if (command->session == 0)
            return refuse(GRID_ERR_INVALID, "session: a write needs one", ret_text);
        if (command->kind != COMMAND_CLOSE_SESSION && command->sequence == 0)
            return refuse(GRID_ERR_INVALID, "sequence: counts from 1", ret_text);
        if (command->kind != COMMAND_CLOSE_SESSION && command->acknowledged_below > command->sequence)
            return refuse(GRID_ERR_INVALID, "acknowledged_below: above the command's own sequence", ret_text);
    }
    return check_idempotency(command, ret_text);
}

enum grid_err message_check_command(const struct command *command, const char **ret_text)
{
    *ret_text = "";
    if (command->kind >= COMMAND_GENESIS && command->kind <= COMMAND_RESTORE)
        return refuse(GRID_ERR_DENIED, "body: a command that only nodes make", ret_text);
    if (command->act_as.size > 0)
        return refuse(GRID_ERR_NOT_SUPPORTED, "act_as: this cluster has no identities, so nobody can act for another", ret_text);
    enum grid_err err = check_origin(command, ret_text);
    if (err != GRID_ERR_OK)
        return err;
    switch (command->kind) {
    case COMMAND_OPEN_SESSION:
    case COMMAND_CLOSE_SESSION: return GRID_ERR_OK;
    case COMMAND_MAP: return check_map_command(&command->map, ret_text);
    case COMMAND_BATCH: return check_batch(&command->batch, ret_text);
    case COMMAND_CLEAR: return check_clear(command->clear.map, ret_text);
    case COMMAND_DROP: return check_drop(command->drop.map, ret_text);
    case COMMAND_CONFIGURE: return check_configure(&command->configure, ret_text);
    case COMMAND_RETAIN: return check_retain(&command->retain, ret_text);
    case COMMAND_RAISE_LEVEL: return check_level(command->raise_level.level, ret_text);
    case COMMAND_SERVICE: return check_service_command(&command->service, ret_text);
    case COMMAND_GENESIS:
    case COMMAND_DELIVER:
    case COMMAND_ACKNOWLEDGE:
    case COMMAND_ACTIVITY_RESULT:
    case COMMAND_TICK:
    case COMMAND_REGISTER:
    case COMMAND_RESTORE: break;
    }
    return refuse(GRID_ERR_INVALID, "body: unknown kind", ret_text);
}

static enum grid_err check_scan(const struct query *query, const char **ret_text)
{
    /* The table's key holds affinity, key and a size. */
    if (query->cursor_key.size > 2 * KEY_BYTES_MAX + 2)
        return refuse(GRID_ERR_TOO_LARGE, "cursor_key: longer than any key", ret_text);
    if (query->affinity.size > KEY_BYTES_MAX || query->key_prefix.size > KEY_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "affinity, key_prefix: longer than 4096 bytes", ret_text);
    return GRID_ERR_OK;
}

static enum grid_err check_restore(const struct restore_command *restore, const char **ret_text)
{
    if (restore->backup == 0)
        return refuse(GRID_ERR_INVALID, "backup: a number is required", ret_text);
    if (restore->piece.size > RESTORE_PIECE_BYTES_MAX)
        return refuse(GRID_ERR_TOO_LARGE, "piece: longer than 262144 bytes", ret_text);
    if ((restore->step == RESTORE_PART) != (restore->piece.size > 0))
        return refuse(GRID_ERR_INVALID, "piece: a part has one, nothing else does", ret_text);
    if ((restore->step == RESTORE_OPEN) != (restore->epoch > 0))
        return refuse(GRID_ERR_INVALID, "epoch: required when the partition is opened, and only then", ret_text);
    return GRID_ERR_OK;
}

enum grid_err message_check_query(const struct query *query, const char **ret_text)
{
    *ret_text = "";
    enum grid_err err = query->kind >= QUERY_MAPS ? GRID_ERR_OK : check_map_name(query->map, ret_text);
    if (err != GRID_ERR_OK)
        return err;
    if (query->limit > SCAN_PAGE_MAX)
        return refuse(GRID_ERR_INVALID, "limit: more than 1000", ret_text);
    switch (query->kind) {
    case QUERY_GET:
    case QUERY_CONTAINS: return check_key(query->key, query->affinity, ret_text);
    case QUERY_SIZE:
    case QUERY_DESCRIBE:
    case QUERY_MAPS:
    case QUERY_RETENTION: return GRID_ERR_OK;
    case QUERY_BACKUP:
        return query->backup.backup != 0 ? GRID_ERR_OK : refuse(GRID_ERR_INVALID, "backup: a number is required", ret_text);
    case QUERY_RESTORE: return check_restore(&query->restore, ret_text);
    case QUERY_SCAN: return check_scan(query, ret_text);
    case QUERY_JOURNAL:
        if (query->from < JOURNAL_OLDEST || query->from > JOURNAL_TIME)
            return refuse(GRID_ERR_INVALID, "from: oldest, newest, a sequence or a time", ret_text);
        return GRID_ERR_OK;
    }
    return refuse(GRID_ERR_INVALID, "body: unknown kind", ret_text);
}

struct bytes message_affinity(struct bytes key, struct bytes affinity)
{
    return affinity.size > 0 ? affinity : key;
}
