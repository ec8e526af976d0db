/* The application's values of the core's, and the other way round: keys, replies, idempotency keys. Knows no client. */
#include "client/faces/face.h"

#include <string.h>

#include "grid/base/hash.h"

/* ---- small things */

struct grid_bytes grid_text(const char *text)
{
    return (struct grid_bytes){text, strlen(text)};
}

struct grid_key grid_key_text(const char *key)
{
    return (struct grid_key){.key = grid_text(key)};
}

struct bytes face_bytes(struct grid_bytes bytes)
{
    return bytes_of(bytes.data, bytes.size);
}

struct grid_bytes face_public(struct bytes bytes)
{
    return (struct grid_bytes){bytes.data, bytes.size};
}

struct bytes face_optional(const char *text)
{
    return text != NULL ? bytes_of_text(text) : BYTES_NONE;
}

struct client_key face_key(const struct grid_key *key)
{
    return (struct client_key){face_bytes(key->key), face_bytes(key->affinity)};
}

/* ---- idempotency keys */

struct idempotency face_idempotency(const struct grid_idempotency *from)
{
    if (from == NULL)
        return (struct idempotency){0};
    return (struct idempotency){.tenant = face_optional(from->tenant), .route = face_optional(from->route),
                                .key = face_optional(from->key), .request_hash = face_bytes(from->request_hash)};
}

void grid_derived_id(const struct grid_idempotency *idempotency, char ret_id[33])
{
    static const char digits[] = "0123456789abcdef";
    struct idempotency from = face_idempotency(idempotency);
    struct buffer text = {0};
    buffer_append_sized(&text, from.tenant);
    buffer_append_sized(&text, from.route);
    buffer_append(&text, from.key);
    uint64_t halves[2] = {hash_xxh3(buffer_bytes(&text), 1), hash_xxh3(buffer_bytes(&text), 2)};
    for (int i = 0; i < 32; i++)
        ret_id[i] = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    ret_id[32] = 0;
    buffer_close(&text);
}

/* ---- replies */

static const struct grid_service_status *services_of(struct arena *arena, const struct node_status *from)
{
    struct grid_service_status *services = arena_zero(arena, (from->services_count + 1) * sizeof *services);
    for (size_t i = 0; i < from->services_count; i++)
        services[i] = (struct grid_service_status){
            .number = from->services[i].number, .name = arena_text(arena, from->services[i].name),
            .partitions = from->services[i].partitions, .waits = arena_text(arena, from->services[i].waits)};
    return services;
}

static const struct grid_node_status *node_status_of(struct arena *arena, const struct node_status *from)
{
    struct grid_node_status *status = arena_zero(arena, sizeof *status);
    *status = (struct grid_node_status){
        .node = from->node.value, .address = arena_text(arena, from->client_address),
        .state = arena_text(arena, from->state), .version = arena_text(arena, from->version),
        .leaders = from->leaders, .replicas = from->replicas, .uptime_ms = from->uptime_ms,
        .log_disk_bytes = from->log_disk_bytes, .log_memory_bytes = from->log_memory_bytes,
        .reads = from->reads, .level = from->level, .level_max = from->level_max,
        .services = services_of(arena, from), .services_count = from->services_count,
        .memory_bytes = from->memory_bytes, .memory_max_bytes = from->memory_max_bytes, .memory_used_bytes = from->memory_used_bytes, .data_bytes = from->data_bytes,
        .disk_bytes = from->disk_bytes, .catching_up = from->catching_up};
    return status;
}

static const struct grid_member_lag *lags_of(struct arena *arena, const struct partition_status *from)
{
    struct grid_member_lag *lags = arena_zero(arena, (from->lagging_count + 1) * sizeof *lags);
    for (size_t i = 0; i < from->lagging_count; i++)
        lags[i] = (struct grid_member_lag){from->lagging[i].node.value, from->lagging[i].entries, from->lagging[i].lacks, from->lagging[i].sending,
                                           from->lagging[i].sent_bytes, from->lagging[i].transfer_bytes};
    return lags;
}

static const struct grid_partition_status *partitions_of(struct arena *arena, const struct admin_response *admin)
{
    struct grid_partition_status *partitions = arena_zero(arena, (admin->partitions_count + 1) * sizeof *partitions);
    for (size_t i = 0; i < admin->partitions_count; i++) {
        const struct partition_status *from = &admin->partitions[i];
        partitions[i] = (struct grid_partition_status){
            .partition = from->partition, .role = arena_text(arena, from->role), .leader = from->leader,
            .term = from->term, .commit_index = from->commit_index, .applied_index = from->applied_index,
            .last_index = from->last_index, .entries = from->entries, .sessions = from->sessions,
            .outbox_pending = from->outbox_pending, .log_time_ms = from->log_time_ms, .digest = from->digest,
            .timers = from->timers, .activities = from->activities, .commands = from->commands,
            .flows_started = from->flows_started, .flows_ended = from->flows_ended,
            .level = from->level, .snapshot_index = from->snapshot_index, .snapshot_bytes = from->snapshot_bytes,
            .snapshot_age_ms = from->snapshot_age_ms, .log_bytes = from->log_bytes,
            .lagging = from->lagging_count == 0 ? NULL : lags_of(arena, from), .lagging_count = from->lagging_count};
    }
    return partitions;
}

static const struct grid_entry *entries_of(struct arena *arena, const struct response *response)
{
    struct grid_entry *entries = arena_zero(arena, (response->entries_count + 1) * sizeof *entries);
    for (size_t i = 0; i < response->entries_count; i++) {
        const struct map_entry *from = &response->entries[i];
        entries[i] = (struct grid_entry){face_public(from->key), face_public(from->affinity),
                                         face_public(from->value), from->version, from->ttl_ms};
    }
    return entries;
}

static const struct grid_map_info *info_of(struct arena *arena, const struct client_result *result)
{
    const struct map_info *from = result->response->info;
    struct grid_map_info *info = arena_zero(arena, sizeof *info);
    const struct journal_settings *journal = &from->settings.journal;
    *info = (struct grid_map_info){
        .exists = from->exists, .settings_version = from->settings_version,
        .partitions_configured = (uint32_t)result->response->count, .entries = from->entries, .bytes = from->bytes,
        .expiring = from->expiring, .sets = from->sets, .removes = from->removes, .expirations = from->expirations,
        .journal_records = from->journal_next - from->journal_oldest, .journal_bytes = from->journal_bytes,
        .settings = {.ttl_ms = from->settings.ttl_ms, .entries_max = from->settings.entries_max,
                     .bytes_max = from->settings.bytes_max, .journal = journal->enabled,
                     .journal_old_values = journal->old_values, .journal_entries_max = journal->entries_max,
                     .journal_bytes_max = journal->bytes_max, .journal_age_max_ms = journal->age_max_ms}};
    return info;
}

static const struct grid_map_summary *maps_of(struct arena *arena, const struct response *response)
{
    struct grid_map_summary *maps = arena_zero(arena, response->maps_count * sizeof *maps);
    for (size_t i = 0; i < response->maps_count; i++) {
        const struct map_summary *from = &response->maps[i];
        maps[i] = (struct grid_map_summary){.name = arena_text(arena, from->name), .entries = from->entries,
                                            .bytes = from->bytes, .settings_version = from->settings_version,
                                            .journal = from->journal};
    }
    return maps;
}

static void page_of(struct arena *arena, const struct client_result *result, struct grid_reply *reply)
{
    const struct journal_page *page = result->response->journal;
    struct grid_journal_record *records = arena_zero(arena, (page->records_count + 1) * sizeof *records);
    for (size_t i = 0; i < page->records_count; i++) {
        const struct journal_record *from = &page->records[i];
        records[i] = (struct grid_journal_record){
            .sequence = from->sequence, .kind = (enum grid_journal_kind)from->kind, .key = face_public(from->key),
            .affinity = face_public(from->affinity), .value = face_public(from->value),
            .old_value = face_public(from->old_value), .has_old_value = from->has_old_value, .version = from->version,
            .log_time_ms = from->log_time_ms, .ttl_ms = from->ttl_ms};
    }
    reply->records = records;
    reply->records_count = page->records_count;
    reply->dropped_from = page->dropped_from;
    reply->dropped_to = page->dropped_to;
    reply->partition = result->partition;
}

static const enum grid_outcome *outcomes_of(struct arena *arena, const struct client_result *result)
{
    enum grid_outcome *outcomes = arena_zero(arena, (result->outcomes_count + 1) * sizeof *outcomes);
    for (size_t i = 0; i < result->outcomes_count; i++)
        outcomes[i] = (enum grid_outcome)result->outcomes[i];
    return outcomes;
}

static const struct grid_result_of_one *results_of(struct arena *arena, const struct response *response)
{
    struct grid_result_of_one *results = arena_zero(arena, (response->results_count + 1) * sizeof *results);
    for (size_t i = 0; i < response->results_count; i++)
        results[i] = (struct grid_result_of_one){response->results[i].found, response->results[i].version};
    return results;
}

static const struct grid_retention *retention_of(struct arena *arena, const struct client_retention *from)
{
    struct grid_retention *retention = arena_zero(arena, RETENTION_LAST * sizeof *retention);
    for (size_t i = 0; i < RETENTION_LAST; i++) {
        const struct retention_status *sum = &from[i].sum;
        retention[i] = (struct grid_retention){
            .kind = (enum grid_retention_kind)(i + 1), .limits = {sum->limits.age_ms, sum->limits.count, sum->limits.bytes},
            .version = sum->version, .partitions_set = from[i].partitions, .count = sum->count, .bytes = sum->bytes,
            .count_highest = from[i].count_highest, .bytes_highest = from[i].bytes_highest, .oldest_ms = sum->oldest_ms};
    }
    return retention;
}

static void map_reply(struct arena *arena, const struct client_result *result, struct grid_reply *reply)
{
    const struct response *response = result->response;
    reply->failed = (size_t)response->count;
    if (response->info != NULL)
        reply->info = info_of(arena, result);
    if (response->maps_count > 0) {
        reply->maps = maps_of(arena, response);
        reply->maps_count = response->maps_count;
    }
    if (response->journal != NULL)
        page_of(arena, result, reply);
    if (result->outcomes_count > 0) {
        reply->outcomes = outcomes_of(arena, result);
        reply->outcomes_count = result->outcomes_count;
    }
    if (response->results_count > 0) {
        reply->results = results_of(arena, response);
        reply->results_count = response->results_count;
    }
}

void face_reply(struct arena *arena, const struct client_result *result, struct grid_reply *ret_reply)
{
    const struct response *response = result->response;
    arena_reset(arena);
    *ret_reply = (struct grid_reply){
        .outcome = (enum grid_outcome)result->err, .note = result->note, .found = response->found,
        .value = face_public(response->value), .version = response->version, .count = response->count,
        .entries = entries_of(arena, response), .entries_count = response->entries_count, .more = response->more,
        .refusal_code = response->refusal_code, .refusal = arena_text(arena, response->refusal),
        .event_id = arena_text(arena, response->event_id), .sequence = response->sequence, .ttl_ms = response->ttl_ms};
    map_reply(arena, result, ret_reply);
    if (result->retention != NULL) {
        ret_reply->retention = retention_of(arena, result->retention);
        ret_reply->retention_count = RETENTION_LAST;
    }
    if (result->admin != NULL && result->admin->has_status)
        ret_reply->status = node_status_of(arena, &result->admin->status);
    if (result->admin != NULL) {
        ret_reply->partitions = partitions_of(arena, result->admin);
        ret_reply->partitions_count = result->admin->partitions_count;
    }
}
