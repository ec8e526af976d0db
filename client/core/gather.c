/* Requests that concern every partition: sizes, clearing, dropping, settings and statistics, lists, the feature level, retention. */
#include <stdlib.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum gather_kind { GATHER_SIZE, GATHER_CLEAR, GATHER_DESCRIBE, GATHER_CONFIGURE, GATHER_DROP, GATHER_LIST, GATHER_RAISE_LEVEL,
                   GATHER_RETENTION, GATHER_RETAIN };

struct gather {
    struct client *client;
    enum gather_kind kind;
    struct buffer map;
    struct map_settings settings;          /* configure */
    uint64_t expected_version, version;    /* raise level: the lowest of all partitions */
    uint32_t level;                        /* raise level */
    struct retain_command retain;          /* retain */
    struct client_retention retention[RETENTION_LAST];     /* by kind, from 1 */
    struct client_call call;
    uint32_t left;
    enum grid_err err;
    struct buffer note;                    /* of the first failure */
    uint64_t count;
    struct map_info info;                  /* describe */
    bool found;                            /* drop: somewhere */
    struct map_summary *maps;              /* list: of all partitions, one after the other; names in the arena */
    size_t maps_count, maps_capacity;
    struct arena arena;
};

/* ---- lists */

static void add_maps(struct gather *gather, const struct response *response)
{
    for (size_t i = 0; i < response->maps_count; i++) {
        if (gather->maps_count == gather->maps_capacity) {
            gather->maps_capacity = gather->maps_capacity * 2 + 64;
            gather->maps = memory_resize(gather->maps, gather->maps_capacity * sizeof *gather->maps);
        }
        gather->maps[gather->maps_count] = response->maps[i];
        gather->maps[gather->maps_count++].name = arena_copy(&gather->arena, response->maps[i].name);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct map_summary *left = a, *right = b;
    return bytes_compare(left->name, right->name);
}

/* One line a name: sums, and the newest settings. */
static void merge_maps(struct gather *gather)
{
    struct map_summary *maps = gather->maps;
    size_t count = 0;
    if (gather->maps_count > 0)
        qsort(maps, gather->maps_count, sizeof *maps, by_name);
    for (size_t i = 0; i < gather->maps_count; i++) {
        if (count == 0 || !bytes_equal(maps[count - 1].name, maps[i].name)) {
            maps[count++] = maps[i];
            continue;
        }
        struct map_summary *sum = &maps[count - 1];
        sum->entries += maps[i].entries;
        sum->bytes += maps[i].bytes;
        sum->journal = sum->journal || maps[i].journal;
        if (maps[i].settings_version > sum->settings_version)
            sum->settings_version = maps[i].settings_version;
    }
    gather->maps_count = count;
}

/* ---- retention */

/* Limits are those of the newest settings; how many partitions have them tells whether a change reached all. */
static void add_retention(struct gather *gather, const struct response *response)
{
    for (size_t i = 0; i < response->retention_count; i++) {
        const struct retention_status *status = &response->retention[i];
        struct client_retention *sum = &gather->retention[status->kind - 1];
        if (sum->partitions == 0 || status->version > sum->sum.version) {
            sum->sum.kind = status->kind;
            sum->sum.limits = status->limits;
            sum->sum.version = status->version;
            sum->partitions = 0;
        }
        sum->partitions += status->version == sum->sum.version;
        sum->sum.count += status->count;
        sum->sum.bytes += status->bytes;
        sum->sum.oldest_ms = status->oldest_ms > sum->sum.oldest_ms ? status->oldest_ms : sum->sum.oldest_ms;
        sum->count_highest = status->count > sum->count_highest ? status->count : sum->count_highest;
        sum->bytes_highest = status->bytes > sum->bytes_highest ? status->bytes : sum->bytes_highest;
    }
}

/* ---- every kind */

static void finish(struct gather *gather)
{
    if (gather->err == GRID_ERR_OK)
        merge_maps(gather);
    else
        gather->maps_count = 0;
    struct response response = {.err = gather->err, .count = gather->count, .version = gather->version,
                                .found = gather->found, .maps = gather->maps, .maps_count = gather->maps_count,
                                .info = gather->kind == GATHER_DESCRIBE ? &gather->info : NULL};
    buffer_append_u8(&gather->note, 0);
    struct client_result result = {.err = gather->err, .response = &response, .note = (const char *)gather->note.data};
    if (gather->kind == GATHER_RETENTION && gather->err == GRID_ERR_OK)
        result.retention = gather->retention;
    gather->call.done(gather->call.context, &result);
    buffer_close(&gather->map);
    buffer_close(&gather->note);
    arena_close(&gather->arena);
    memory_free(gather->maps);
    memory_free(gather);
}

static void fail(struct gather *gather, const struct client_result *result)
{
    if (gather->err != GRID_ERR_OK)
        return;
    gather->err = result->err;
    buffer_append_text(&gather->note, result->note);
}

static void add_info(struct gather *gather, const struct map_info *info)
{
    struct map_info *sum = &gather->info;
    if (info->settings_version > sum->settings_version) {
        sum->settings = info->settings;
        sum->settings_version = info->settings_version;
        gather->count = 0;
    }
    gather->count += info->settings_version == sum->settings_version;
    sum->exists = sum->exists || info->exists;
    sum->entries += info->entries;
    sum->bytes += info->bytes;
    sum->expiring += info->expiring;
    sum->sets += info->sets;
    sum->removes += info->removes;
    sum->expirations += info->expirations;
    /* Over all partitions only how many there are means something. */
    sum->journal_next += info->journal_next - info->journal_oldest;
    sum->journal_bytes += info->journal_bytes;
}

static void counted(void *context, const struct client_result *result)
{
    struct gather *gather = context;
    REQUIRE(gather->left > 0);
    if (result->err != GRID_ERR_OK)
        fail(gather, result);
    else if (gather->kind == GATHER_DESCRIBE && result->response->info != NULL)
        add_info(gather, result->response->info);
    else if (gather->kind == GATHER_LIST)
        add_maps(gather, result->response);
    else if (gather->kind == GATHER_RETENTION)
        add_retention(gather, result->response);
    else if (gather->kind == GATHER_RAISE_LEVEL)
        gather->version = gather->version == 0 || result->response->version < gather->version ? result->response->version : gather->version;
    else
        gather->count += result->response->count;
    gather->found = gather->found || (result->err == GRID_ERR_OK && result->response->found);
    if (--gather->left == 0)
        finish(gather);
}

/* False: it is a command. */
static bool query_of(const struct gather *gather, struct query *ret_query)
{
    *ret_query = (struct query){.map = buffer_bytes(&gather->map)};
    switch (gather->kind) {
    case GATHER_SIZE: ret_query->kind = QUERY_SIZE; return true;
    case GATHER_DESCRIBE: ret_query->kind = QUERY_DESCRIBE; return true;
    case GATHER_LIST: ret_query->kind = QUERY_MAPS; return true;
    case GATHER_RETENTION: ret_query->kind = QUERY_RETENTION; return true;
    case GATHER_CLEAR:
    case GATHER_CONFIGURE:
    case GATHER_DROP:
    case GATHER_RAISE_LEVEL:
    case GATHER_RETAIN: break;
    }
    return false;
}

static struct command command_of(const struct gather *gather)
{
    struct bytes map = buffer_bytes(&gather->map);
    struct command command = {.kind = COMMAND_CLEAR, .clear = {map}};
    if (gather->kind == GATHER_DROP) {
        command = (struct command){.kind = COMMAND_DROP, .drop = {map}};
    } else if (gather->kind == GATHER_CONFIGURE) {
        command.kind = COMMAND_CONFIGURE;
        command.configure = (struct map_configure){.map = map, .settings = gather->settings, .version = gather->version,
                                                   .expected_version = gather->version == 0 ? gather->expected_version : 0};
    } else if (gather->kind == GATHER_RAISE_LEVEL) {
        command.kind = COMMAND_RAISE_LEVEL;
        command.raise_level.level = gather->level;
    } else if (gather->kind == GATHER_RETAIN) {
        command.kind = COMMAND_RETAIN;
        command.retain = gather->retain;
        command.retain.version = gather->version;
        command.retain.expected_version = gather->version == 0 ? gather->expected_version : 0;
    }
    return command;
}

static void ask(struct gather *gather, struct partition_id partition)
{
    struct client_call each = {.done = counted, .context = gather, .deadline_ms = gather->call.deadline_ms};
    struct query query;
    if (query_of(gather, &query)) {
        client_query(gather->client, partition, &query, &each);
        return;
    }
    struct command command = command_of(gather);
    client_command_at(gather->client, partition, &command, &each);
}

static void ask_all(struct gather *gather)
{
    gather->left = client_partitions(gather->client);
    for (uint32_t i = 0, count = gather->left; i < count; i++)
        ask(gather, (struct partition_id){i});
}

/* The partition of the map's name, or partition 0, has decided; the others follow. It is asked once more with them, which changes nothing. */
static void decided(void *context, const struct client_result *result)
{
    struct gather *gather = context;
    gather->version = result->response->version;
    if (result->err == GRID_ERR_OK) {
        ask_all(gather);
        return;
    }
    fail(gather, result);
    finish(gather);
}

static void begin(void *context, const struct client_result *result)
{
    struct gather *gather = context;
    if (result->err != GRID_ERR_OK) {
        fail(gather, result);
        finish(gather);
        return;
    }
    if (gather->kind != GATHER_CONFIGURE && gather->kind != GATHER_RETAIN) {
        ask_all(gather);
        return;
    }
    struct client_call first = {.done = decided, .context = gather, .deadline_ms = gather->call.deadline_ms};
    struct command command = command_of(gather);
    struct partition_id home = gather->kind == GATHER_RETAIN ? (struct partition_id){0}
                                                             : client_partition_of(gather->client, buffer_bytes(&gather->map));
    client_command_at(gather->client, home, &command, &first);
}

static struct gather *gather_new(struct client *client, enum gather_kind kind, struct bytes map,
                                 const struct client_call *call)
{
    struct gather *gather = memory_zero(1, sizeof *gather);
    gather->client = client;
    gather->kind = kind;
    gather->call = *call;
    buffer_append(&gather->map, map);
    arena_init(&gather->arena, 4096);
    return gather;
}

static void gather_start(struct gather *gather)
{
    struct client_call ready = {.done = begin, .context = gather, .deadline_ms = gather->call.deadline_ms};
    client_ready(gather->client, &ready);
}

void client_map_size(struct client *client, struct bytes map, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_SIZE, map, call));
}

void client_map_clear(struct client *client, struct bytes map, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_CLEAR, map, call));
}

void client_map_drop(struct client *client, struct bytes map, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_DROP, map, call));
}

void client_map_list(struct client *client, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_LIST, BYTES_NONE, call));
}

void client_map_describe(struct client *client, struct bytes map, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_DESCRIBE, map, call));
}

void client_map_configure(struct client *client, struct bytes map, const struct map_settings *settings,
                          uint64_t expected_version, const struct client_call *call)
{
    struct gather *gather = gather_new(client, GATHER_CONFIGURE, map, call);
    gather->settings = *settings;
    gather->expected_version = expected_version;
    gather_start(gather);
}

void client_raise_level(struct client *client, uint32_t level, const struct client_call *call)
{
    struct gather *gather = gather_new(client, GATHER_RAISE_LEVEL, BYTES_NONE, call);
    gather->level = level;
    gather_start(gather);
}

void client_retention(struct client *client, const struct client_call *call)
{
    gather_start(gather_new(client, GATHER_RETENTION, BYTES_NONE, call));
}

void client_retain(struct client *client, enum retention_kind kind, const struct retention_limits *limits, uint64_t expected_version,
                   const struct client_call *call)
{
    struct gather *gather = gather_new(client, GATHER_RETAIN, BYTES_NONE, call);
    gather->retain = (struct retain_command){.kind = kind, .limits = *limits};
    gather->expected_version = expected_version;
    gather_start(gather);
}
