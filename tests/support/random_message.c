#include "tests/support/random_message.h"

#include <string.h>

#include "grid/wire/level.h"

/* ---- values */

static bool half(struct prng *prng)
{
    return prng_range(prng, 0, 1) == 1;
}

uint64_t random_u64(struct prng *prng)
{
    switch (prng_range(prng, 0, 5)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    default: return prng_u64(prng) >> prng_range(prng, 0, 63);
    }
}

uint32_t random_u32(struct prng *prng)
{
    return (uint32_t)random_u64(prng);
}

static size_t random_size(struct prng *prng)
{
    switch (prng_range(prng, 0, 19)) {
    case 0:
    case 1:
    case 2: return 0;
    case 3: return (size_t)prng_range(prng, 120, 140);
    case 4: return prng_chance(prng, 50000) ? (size_t)prng_range(prng, 16370, 16400) : 1;
    default: return (size_t)prng_range(prng, 1, 12);
    }
}

struct bytes random_bytes(struct prng *prng, struct arena *arena)
{
    size_t size = random_size(prng);
    uint8_t *data = arena_alloc(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)prng_u64(prng);
    return bytes_of(data, size);
}

struct bytes random_text(struct prng *prng, struct arena *arena)
{
    static const char *const characters[] = {"a", "Z", "7", "-", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
                                             "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    size_t count = random_size(prng);
    char *data = arena_alloc(arena, 4 * count + 1);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *character = characters[prng_range(prng, 0, sizeof characters / sizeof *characters - 1)];
        memcpy(data + size, character, strlen(character));
        size += strlen(character);
    }
    return bytes_of(data, size);
}

/* ---- messages */

static struct message_names random_names(struct prng *prng, struct arena *arena)
{
    struct message_names names = {.count = (size_t)prng_range(prng, 0, 3)};
    for (size_t i = 0; i < names.count; i++)
        names.names[i] = random_text(prng, arena);
    return names;
}

static void random_hello(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct message_hello hello = {.protocol = random_u32(prng), .client_name = random_text(prng, arena),
                                  .protocols = {random_u32(prng), random_u32(prng)}, .features = random_names(prng, arena)};
    hello_encode(&hello, out);
}

static void random_peer_hello(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct bytes features[3];
    uint32_t members[3];
    uint8_t uuid[16];
    for (size_t i = 0; i < sizeof uuid; i++)
        uuid[i] = (uint8_t)prng_u64(prng);
    for (size_t i = 0; i < 3; i++) {
        features[i] = random_text(prng, arena);
        members[i] = random_u32(prng);
    }
    struct message_peer_hello hello = {
        .protocols = {random_u32(prng), random_u32(prng)}, .node = {random_u32(prng)}, .cluster_uuid = bytes_of(uuid, sizeof uuid),
        .incarnation = random_u64(prng), .features = features, .features_count = (size_t)prng_range(prng, 0, 3),
        .partitions = random_u32(prng), .version = random_text(prng, arena),
        .known = random_text(prng, arena), .lost = random_u32(prng), .members = members,
        .members_count = (size_t)prng_range(prng, 0, 3), .services = members, .services_count = (size_t)prng_range(prng, 0, 3)};
    peer_hello_encode(&hello, out);
}

static const struct message_member *random_members(struct prng *prng, struct arena *arena, size_t *ret_count)
{
    size_t count = (size_t)prng_range(prng, 0, 4);
    struct message_member *members = arena_zero(arena, (count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++)
        members[i] = (struct message_member){.node = {random_u32(prng)},
                                             .client_address = random_text(prng, arena),
                                             .peer_address = random_text(prng, arena)};
    *ret_count = count;
    return members;
}

static struct message_table some_table(struct prng *prng, struct arena *arena)
{
    struct message_table table = {.version = random_u64(prng), .partitions = random_u32(prng)};
    table.members = random_members(prng, arena, &table.members_count);
    table.leaders_count = (size_t)prng_range(prng, 0, 200);
    uint32_t *leaders = arena_zero(arena, (table.leaders_count + 1) * sizeof *leaders);
    for (size_t i = 0; i < table.leaders_count; i++)
        leaders[i] = random_u32(prng);
    table.leaders = leaders;
    return table;
}

static void random_table(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct message_table table = some_table(prng, arena);
    table_encode(&table, out);
}

static void random_welcome(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct message_welcome welcome = {.protocol = random_u32(prng), .cluster = random_text(prng, arena),
                                      .node = {random_u32(prng)}, .table = some_table(prng, arena),
                                      .cluster_uuid = random_bytes(prng, arena), .protocols = {random_u32(prng), random_u32(prng)},
                                      .features = random_names(prng, arena)};
    welcome_encode(&welcome, out);
}

static struct trace_context some_trace(struct prng *prng, struct arena *arena)
{
    if (half(prng))
        return (struct trace_context){0};
    return (struct trace_context){.correlation_id = random_text(prng, arena),
                                  .causation_id = random_text(prng, arena),
                                  .flow_id = random_text(prng, arena),
                                  .traceparent = random_text(prng, arena)};
}

static struct service_command some_service_command(struct prng *prng, struct arena *arena)
{
    return (struct service_command){.service = random_u32(prng), .type = random_u32(prng),
                                    .key = random_text(prng, arena), .affinity = random_text(prng, arena),
                                    .body = random_bytes(prng, arena), .trace = some_trace(prng, arena)};
}

static struct link_message some_link_message(struct prng *prng, struct arena *arena)
{
    struct link_message message = {.sequence = random_u64(prng), .command = some_service_command(prng, arena),
                                   .is_answer = half(prng), .answer_code = random_u32(prng),
                                   .answer_reference = random_u64(prng), .principal = random_text(prng, arena)};
    if (half(prng))
        message.reply_to = (struct reply_to){.service = random_u32(prng), .key = random_text(prng, arena),
                                             .affinity = random_text(prng, arena), .reference = random_u64(prng)};
    return message;
}

static void random_link_message(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct link_message message = some_link_message(prng, arena);
    link_message_encode(&message, out);
}

static struct deliver_command some_deliver(struct prng *prng, struct arena *arena)
{
    struct deliver_command deliver = {.source = random_u32(prng), .incarnation = random_u32(prng),
                                      .destination = random_u32(prng),
                                      .messages_count = (size_t)prng_range(prng, 0, 4)};
    struct link_message *messages = arena_zero(arena, (deliver.messages_count + 1) * sizeof *messages);
    for (size_t i = 0; i < deliver.messages_count; i++)
        messages[i] = some_link_message(prng, arena);
    deliver.messages = messages;
    return deliver;
}

static const uint32_t *some_services(struct prng *prng, struct arena *arena, size_t *ret_count)
{
    uint32_t *services = arena_alloc(arena, 3 * sizeof *services);
    *ret_count = (size_t)prng_range(prng, 0, 3);
    for (size_t i = 0; i < *ret_count; i++)
        services[i] = random_u32(prng);
    return services;
}

static struct genesis_command some_genesis(struct prng *prng, struct arena *arena)
{
    struct genesis_command genesis = {.cluster = random_text(prng, arena), .partitions = random_u32(prng),
                                      .table_seed = random_u64(prng), .settings_digest = random_u64(prng), .cluster_uuid = random_bytes(prng, arena),
                                      .level = half(prng) ? 0 : (uint32_t)prng_range(prng, LEVEL_FIRST, LEVEL_LAST)};
    genesis.members = random_members(prng, arena, &genesis.members_count);
    genesis.services = some_services(prng, arena, &genesis.services_count);
    return genesis;
}

static struct map_command some_map_command(struct prng *prng, struct arena *arena)
{
    return (struct map_command){.operation = (enum map_operation)prng_range(prng, MAP_SET, MAP_OPERATION_LAST),
                                .map = random_text(prng, arena), .key = random_bytes(prng, arena),
                                .affinity = random_bytes(prng, arena), .value = random_bytes(prng, arena),
                                .expected_version = random_u64(prng), .expected_value = random_bytes(prng, arena),
                                .ttl_ms = random_u64(prng)};
}

static struct map_batch some_batch(struct prng *prng, struct arena *arena)
{
    struct map_batch batch = {.operations_count = (size_t)prng_range(prng, 0, 5)};
    struct map_command *operations = arena_zero(arena, (batch.operations_count + 1) * sizeof *operations);
    for (size_t i = 0; i < batch.operations_count; i++)
        operations[i] = some_map_command(prng, arena);
    batch.operations = operations;
    return batch;
}

static struct map_settings some_settings(struct prng *prng)
{
    struct map_settings settings = {.ttl_ms = random_u64(prng), .entries_max = random_u64(prng),
                                    .bytes_max = random_u64(prng)};
    if (half(prng))
        settings.journal = (struct journal_settings){half(prng), half(prng), random_u64(prng), random_u64(prng),
                                                     random_u64(prng)};
    return settings;
}

static struct idempotency some_idempotency(struct prng *prng, struct arena *arena)
{
    if (half(prng))
        return (struct idempotency){0};
    return (struct idempotency){random_text(prng, arena), random_text(prng, arena), random_text(prng, arena),
                                random_bytes(prng, arena)};
}

static struct restore_command some_restore(struct prng *prng, struct arena *arena)
{
    return (struct restore_command){(enum restore_step)prng_range(prng, RESTORE_BEGIN, RESTORE_CHECK), random_u64(prng), random_u64(prng),
                                    random_bytes(prng, arena), random_u32(prng)};
}

static struct retention_limits some_limits(struct prng *prng)
{
    return (struct retention_limits){random_u64(prng), random_u64(prng), random_u64(prng)};
}

static const struct retention_status *some_retention(struct prng *prng, struct arena *arena, size_t *ret_count)
{
    size_t count = (size_t)prng_range(prng, 0, RETENTION_LAST);
    struct retention_status *all = arena_zero(arena, (count + 1) * sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = (struct retention_status){(enum retention_kind)prng_range(prng, 1, RETENTION_LAST), some_limits(prng), random_u64(prng),
                                           random_u64(prng), random_u64(prng), random_u64(prng)};
    *ret_count = count;
    return all;
}

static void random_command(struct prng *prng, struct arena *arena, struct buffer *out)
{
    static const enum command_kind kinds[] = {COMMAND_OPEN_SESSION, COMMAND_CLOSE_SESSION, COMMAND_MAP,
                                              COMMAND_SERVICE, COMMAND_GENESIS, COMMAND_DELIVER,
                                              COMMAND_ACKNOWLEDGE, COMMAND_ACTIVITY_RESULT, COMMAND_TICK,
                                              COMMAND_BATCH, COMMAND_CLEAR, COMMAND_CONFIGURE, COMMAND_DROP, COMMAND_RETAIN, COMMAND_RAISE_LEVEL, COMMAND_REGISTER, COMMAND_RESTORE};
    struct command command = {.session = random_u64(prng), .sequence = random_u64(prng),
                              .acknowledged_below = random_u64(prng),
                              .idempotency = some_idempotency(prng, arena),
                              .act_as = random_text(prng, arena),
                              .kind = kinds[prng_range(prng, 0, sizeof kinds / sizeof *kinds - 1)]};
    switch (command.kind) {
    case COMMAND_OPEN_SESSION: command.open_session.idle_ms = random_u64(prng); break;
    case COMMAND_MAP: command.map = some_map_command(prng, arena); break;
    case COMMAND_BATCH: command.batch = some_batch(prng, arena); break;
    case COMMAND_CLEAR: command.clear.map = random_text(prng, arena); break;
    case COMMAND_DROP: command.drop.map = random_text(prng, arena); break;
    case COMMAND_CONFIGURE:
        command.configure = (struct map_configure){random_text(prng, arena), some_settings(prng), random_u64(prng),
                                                   random_u64(prng)};
        break;
    case COMMAND_RETAIN:
        command.retain = (struct retain_command){(enum retention_kind)prng_range(prng, 1, RETENTION_LAST), some_limits(prng), random_u64(prng),
                                                 random_u64(prng)};
        break;
    case COMMAND_RAISE_LEVEL: command.raise_level.level = (uint32_t)prng_range(prng, 0, LEVEL_LAST); break;
    case COMMAND_SERVICE: command.service = some_service_command(prng, arena); break;
    case COMMAND_GENESIS: command.genesis = some_genesis(prng, arena); break;
    case COMMAND_DELIVER: command.deliver = some_deliver(prng, arena); break;
    case COMMAND_ACKNOWLEDGE:
        command.acknowledge = (struct acknowledge_command){random_u32(prng), random_u32(prng), random_u64(prng)};
        break;
    case COMMAND_ACTIVITY_RESULT:
        command.activity_result = (struct activity_result_command){
            random_u64(prng), random_u32(prng), random_text(prng, arena), random_text(prng, arena)};
        break;
    case COMMAND_REGISTER: command.registers.services = some_services(prng, arena, &command.registers.count); break;
    case COMMAND_RESTORE: command.restore = some_restore(prng, arena); break;
    case COMMAND_CLOSE_SESSION:
    case COMMAND_TICK:
    default: break;
    }
    command_encode(&command, out);
}

static void random_event(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct event_record event = {
        .event_id = random_text(prng, arena), .service = random_u32(prng), .type = random_u32(prng),
        .version = random_u32(prng), .event_type = random_text(prng, arena),
        .aggregate_type = random_text(prng, arena), .key = random_text(prng, arena), .sequence = random_u64(prng),
        .log_time_ms = random_u64(prng), .wall_time_ms = random_u64(prng), .trace = some_trace(prng, arena),
        .flow_type = random_text(prng, arena), .flow_step = random_u32(prng), .is_compensating = half(prng),
        .principal = random_text(prng, arena), .body = random_bytes(prng, arena)};
    event_record_encode(&event, out);
}

static void random_completion(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct completion_record completion = {
        .event_id = random_text(prng, arena), .status = random_u32(prng), .refusal_code = random_u32(prng),
        .refusal_reason = random_text(prng, arena), .log_time_ms = random_u64(prng), .sequence = random_u64(prng)};
    completion_record_encode(&completion, out);
}

static void random_query(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct query query = {.kind = (enum query_kind)prng_range(prng, QUERY_GET, QUERY_RETENTION),
                          .map = random_text(prng, arena), .key = random_bytes(prng, arena),
                          .affinity = random_bytes(prng, arena), .cursor_hash = random_u64(prng),
                          .cursor_key = random_bytes(prng, arena), .limit = random_u32(prng),
                          .key_prefix = random_bytes(prng, arena), .with_ttl = half(prng), .position = random_u64(prng),
                          .from = (enum journal_from)prng_range(prng, JOURNAL_OLDEST, JOURNAL_TIME),
                          .wait_ms = random_u64(prng),
                          .backup = {(enum backup_step)prng_range(prng, BACKUP_RESERVE, BACKUP_END), random_u64(prng), random_u64(prng)},
                          .restore = some_restore(prng, arena)};
    if (query.kind == QUERY_MAPS)
        query.map = BYTES_NONE;
    query_encode(&query, out);
}

static const struct journal_page *some_page(struct prng *prng, struct arena *arena)
{
    struct journal_page *page = arena_zero(arena, sizeof *page);
    *page = (struct journal_page){.records_count = (size_t)prng_range(prng, 0, 4), .next_sequence = random_u64(prng),
                                  .dropped_from = random_u64(prng), .dropped_to = random_u64(prng),
                                  .oldest_sequence = random_u64(prng)};
    struct journal_record *records = arena_zero(arena, (page->records_count + 1) * sizeof *records);
    for (size_t i = 0; i < page->records_count; i++)
        records[i] = (struct journal_record){
            .sequence = random_u64(prng), .kind = (enum journal_kind)prng_range(prng, JOURNAL_ADDED, JOURNAL_CLEARED),
            .key = random_bytes(prng, arena), .affinity = random_bytes(prng, arena),
            .value = random_bytes(prng, arena), .old_value = random_bytes(prng, arena), .has_old_value = half(prng),
            .version = random_u64(prng), .log_time_ms = random_u64(prng), .ttl_ms = random_u64(prng)};
    page->records = records;
    return page;
}

static const struct map_info *some_info(struct prng *prng, struct arena *arena)
{
    struct map_info *info = arena_zero(arena, sizeof *info);
    *info = (struct map_info){.exists = half(prng), .settings = some_settings(prng),
                              .settings_version = random_u64(prng), .entries = random_u64(prng),
                              .bytes = random_u64(prng), .expiring = random_u64(prng), .sets = random_u64(prng),
                              .removes = random_u64(prng), .expirations = random_u64(prng),
                              .journal_oldest = random_u64(prng), .journal_next = random_u64(prng),
                              .journal_bytes = random_u64(prng)};
    return info;
}

static const struct operation_result *some_results(struct prng *prng, struct arena *arena, size_t *ret_count)
{
    *ret_count = (size_t)prng_range(prng, 0, 4);
    struct operation_result *results = arena_zero(arena, (*ret_count + 1) * sizeof *results);
    for (size_t i = 0; i < *ret_count; i++)
        results[i] = (struct operation_result){half(prng), random_u64(prng)};
    return results;
}

static const struct map_summary *some_summaries(struct prng *prng, struct arena *arena, size_t *ret_count)
{
    *ret_count = half(prng) ? 0 : (size_t)prng_range(prng, 1, 4);
    struct map_summary *maps = arena_zero(arena, (*ret_count + 1) * sizeof *maps);
    for (size_t i = 0; i < *ret_count; i++)
        maps[i] = (struct map_summary){random_text(prng, arena), random_u64(prng), random_u64(prng), random_u64(prng), half(prng)};
    return maps;
}

static void random_response(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct response response = {
        .err = (enum grid_err)prng_range(prng, GRID_ERR_OK, GRID_ERR_MAP_FULL), .note = random_text(prng, arena),
        .found = half(prng), .value = random_bytes(prng, arena), .version = random_u64(prng),
        .count = random_u64(prng), .entries_count = (size_t)prng_range(prng, 0, 5), .more = half(prng),
        .cursor_hash = random_u64(prng), .cursor_key = random_bytes(prng, arena), .session = random_u64(prng),
        .index = random_u64(prng), .leader = random_u32(prng), .refusal_code = random_u32(prng),
        .refusal = random_text(prng, arena), .event_id = random_text(prng, arena), .sequence = random_u64(prng)};
    struct map_entry *entries = arena_zero(arena, (response.entries_count + 1) * sizeof *entries);
    for (size_t i = 0; i < response.entries_count; i++)
        entries[i] = (struct map_entry){.key = random_bytes(prng, arena), .affinity = random_bytes(prng, arena),
                                        .value = random_bytes(prng, arena), .version = random_u64(prng), .ttl_ms = random_u64(prng)};
    response.entries = entries;
    response.results = some_results(prng, arena, &response.results_count);
    response.journal = half(prng) ? some_page(prng, arena) : NULL;
    response.info = half(prng) ? some_info(prng, arena) : NULL;
    response.ttl_ms = random_u64(prng);
    response.retry_after_ms = random_u64(prng);
    response.no_leader_ms = random_u64(prng);
    response.maps = some_summaries(prng, arena, &response.maps_count);
    response.retention = some_retention(prng, arena, &response.retention_count);
    response_encode(&response, out);
}

static void random_admin_request(struct prng *prng, struct arena *arena, struct buffer *out)
{
    (void)arena;
    admin_request_encode(half(prng) ? ADMIN_STATUS : half(prng) ? ADMIN_PARTITIONS : ADMIN_SNAPSHOT, out);
}

static void random_admin_response(struct prng *prng, struct arena *arena, struct buffer *out)
{
    struct admin_response response = {.err = (enum grid_err)prng_range(prng, GRID_ERR_OK, GRID_ERR_MAP_FULL),
                                      .note = random_text(prng, arena), .has_status = half(prng),
                                      .partitions_count = (size_t)prng_range(prng, 0, 5)};
    const struct service_status services[] = {{random_u32(prng), random_text(prng, arena), random_u32(prng), random_text(prng, arena)},
                                              {random_u32(prng), random_text(prng, arena), 0, BYTES_NONE}};
    if (response.has_status)
        response.status = (struct node_status){
            .node = {random_u32(prng)}, .client_address = random_text(prng, arena),
            .state = random_text(prng, arena), .version = random_text(prng, arena), .leaders = random_u32(prng),
            .replicas = random_u32(prng), .uptime_ms = random_u64(prng), .log_disk_bytes = random_u64(prng),
            .log_memory_bytes = random_u64(prng), .reads = random_u64(prng), .level = random_u32(prng),
            .level_max = random_u32(prng), .services = services, .services_count = (size_t)prng_range(prng, 0, 2),
            .memory_bytes = random_u64(prng), .memory_max_bytes = random_u64(prng), .memory_used_bytes = random_u64(prng), .data_bytes = random_u64(prng), .disk_bytes = random_u64(prng)};
    struct partition_status *partitions = arena_zero(arena, (response.partitions_count + 1) * sizeof *partitions);
    for (size_t i = 0; i < response.partitions_count; i++)
        partitions[i] = (struct partition_status){
            .partition = random_u32(prng), .role = random_text(prng, arena), .term = random_u64(prng),
            .commit_index = random_u64(prng), .applied_index = random_u64(prng), .last_index = random_u64(prng),
            .leader = random_u32(prng), .entries = random_u64(prng), .sessions = random_u64(prng),
            .outbox_pending = random_u64(prng), .log_time_ms = random_u64(prng), .digest = random_u64(prng),
            .timers = random_u64(prng), .activities = random_u64(prng), .commands = random_u64(prng),
            .flows_started = random_u64(prng), .flows_ended = random_u64(prng),
            .level = random_u32(prng)};
    response.partitions = partitions;
    response.members = random_members(prng, arena, &response.members_count);
    admin_response_encode(&response, out);
}

/* ---- decoding and encoding again */

#define RECODE(prefix, type)                                                                                       \
    static enum grid_err prefix##_recode(struct bytes in, struct arena *arena, struct buffer *out)                 \
    {                                                                                                              \
        type message;                                                                                              \
        (void)arena;                                                                                               \
        enum grid_err err = DECODE(prefix);                                                                        \
        if (err == GRID_ERR_OK)                                                                                    \
            prefix##_encode(&message, out);                                                                        \
        return err;                                                                                                \
    }

#define DECODE(prefix) prefix##_decode(in, &message)
RECODE(hello, struct message_hello)
RECODE(link_message, struct link_message)
RECODE(event_record, struct event_record)
RECODE(completion_record, struct completion_record)
RECODE(query, struct query)
#undef DECODE
#define DECODE(prefix) prefix##_decode(in, arena, &message)
RECODE(peer_hello, struct message_peer_hello)
RECODE(welcome, struct message_welcome)
RECODE(table, struct message_table)
RECODE(command, struct command)
RECODE(response, struct response)
RECODE(admin_response, struct admin_response)
#undef DECODE

static enum grid_err admin_request_recode(struct bytes in, struct arena *arena, struct buffer *out)
{
    enum admin_kind kind;
    (void)arena;
    enum grid_err err = admin_request_decode(in, &kind);
    if (err == GRID_ERR_OK)
        admin_request_encode(kind, out);
    return err;
}

const struct message_codec MESSAGE_CODECS[] = {
    {"Hello", random_hello, hello_recode},
    {"PartitionTable", random_table, table_recode},
    {"Welcome", random_welcome, welcome_recode},
    {"Command", random_command, command_recode},
    {"LinkMessage", random_link_message, link_message_recode},
    {"Event", random_event, event_record_recode},
    {"Completion", random_completion, completion_record_recode},
    {"Query", random_query, query_recode},
    {"Response", random_response, response_recode},
    {"AdminRequest", random_admin_request, admin_request_recode},
    {"AdminResponse", random_admin_response, admin_response_recode},
    {"PeerHello", random_peer_hello, peer_hello_recode},
};
const size_t MESSAGE_CODECS_COUNT = sizeof MESSAGE_CODECS / sizeof *MESSAGE_CODECS;
