#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

/* ---- requests */

void admin_request_encode(enum admin_kind kind, struct buffer *out)
{
    REQUIRE(kind >= ADMIN_STATUS && kind <= ADMIN_SNAPSHOT);
    wire_nested_end(out, wire_nested_begin(out, kind, 0));
}

enum grid_err admin_request_decode(struct bytes in, enum admin_kind *ret_kind)
{
    uint32_t kind = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        if (kind != 0 || reader.field > ADMIN_SNAPSHOT || wire_bytes(&reader).size != 0)
            wire_unknown(&reader);
        kind = reader.field;
    }
    if (kind == 0)
        return GRID_ERR_MALFORMED;
    *ret_kind = (enum admin_kind)kind;
    return wire_end(&reader);
}

/* ---- status of a node */

static void service_status_put(struct buffer *out, uint32_t field, const struct service_status *status)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, status->number);
    wire_put_bytes(out, 2, status->name);
    wire_put_u64(out, 3, status->partitions);
    wire_put_bytes(out, 4, status->waits);
    wire_nested_end(out, nested);
}

static enum grid_err service_status_decode(struct bytes in, struct service_status *ret_status)
{
    struct service_status status = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: status.number = wire_u32(&reader); break;
        case 2: status.name = wire_text(&reader); break;
        case 3: status.partitions = wire_u32(&reader); break;
        case 4: status.waits = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_status = status;
    return wire_end(&reader);
}

static void service_take(struct wire_reader *reader, struct service_status *services, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, service_status_decode(in, &services[(*count)++]));
}

static void node_status_put(struct buffer *out, uint32_t field, const struct node_status *status)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, status->node.value);
    wire_put_bytes(out, 2, status->client_address);
    wire_put_bytes(out, 3, status->state);
    wire_put_u64(out, 4, status->leaders);
    wire_put_u64(out, 5, status->replicas);
    wire_put_u64(out, 6, status->uptime_ms);
    wire_put_u64(out, 7, status->log_disk_bytes);
    wire_put_u64(out, 8, status->log_memory_bytes);
    wire_put_bytes(out, 9, status->version);
    wire_put_u64(out, 10, status->reads);
    wire_put_u64(out, 14, status->level);
    wire_put_u64(out, 15, status->level_max);
    for (size_t i = 0; i < status->services_count; i++)
        service_status_put(out, 16, &status->services[i]);
    wire_put_u64(out, 17, status->memory_bytes);
    wire_put_u64(out, 18, status->memory_max_bytes);
    wire_put_u64(out, 19, status->data_bytes);
    wire_put_u64(out, 20, status->disk_bytes);
    wire_put_u64(out, 21, status->memory_used_bytes);
    wire_put_u64(out, 22, status->catching_up);
    wire_nested_end(out, nested);
}

static enum grid_err node_status_decode(struct bytes in, struct arena *arena, struct node_status *ret_status)
{
    struct node_status status = {0};
    struct wire_reader reader = wire_reader_of(in);
    size_t room = wire_count(&reader, 16, SERVICES_MAX);
    struct service_status *services = room > 0 ? arena_alloc(arena, room * sizeof *services) : NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: status.node.value = wire_u32(&reader); break;
        case 2: status.client_address = wire_text(&reader); break;
        case 3: status.state = wire_text(&reader); break;
        case 4: status.leaders = wire_u32(&reader); break;
        case 5: status.replicas = wire_u32(&reader); break;
        case 6: status.uptime_ms = wire_u64(&reader); break;
        case 7: status.log_disk_bytes = wire_u64(&reader); break;
        case 8: status.log_memory_bytes = wire_u64(&reader); break;
        case 9: status.version = wire_text(&reader); break;
        case 10: status.reads = wire_u64(&reader); break;
        case 14: status.level = wire_u32(&reader); break;
        case 15: status.level_max = wire_u32(&reader); break;
        case 16: service_take(&reader, services, &status.services_count); break;
        case 17: status.memory_bytes = wire_u64(&reader); break;
        case 18: status.memory_max_bytes = wire_u64(&reader); break;
        case 19: status.data_bytes = wire_u64(&reader); break;
        case 20: status.disk_bytes = wire_u64(&reader); break;
        case 21: status.memory_used_bytes = wire_u64(&reader); break;
        case 22: status.catching_up = wire_u32(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    status.services = services;
    *ret_status = status;
    return wire_end(&reader);
}

/* ---- status of a partition's replica */

static void lag_put(struct buffer *out, uint32_t field, const struct member_lag *lag)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, lag->node.value);
    wire_put_u64(out, 2, lag->entries);
    wire_put_bool(out, 3, lag->lacks);
    wire_put_bool(out, 4, lag->sending);
    wire_put_u64(out, 5, lag->sent_bytes);
    wire_put_u64(out, 6, lag->transfer_bytes);
    wire_nested_end(out, nested);
}

static enum grid_err lag_decode(struct bytes in, struct member_lag *ret_lag)
{
    struct member_lag lag = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: lag.node.value = wire_u32(&reader); break;
        case 2: lag.entries = wire_u64(&reader); break;
        case 3: lag.lacks = wire_bool(&reader); break;
        case 4: lag.sending = wire_bool(&reader); break;
        case 5: lag.sent_bytes = wire_u64(&reader); break;
        case 6: lag.transfer_bytes = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_lag = lag;
    return wire_end(&reader);
}

static void lag_take(struct wire_reader *reader, struct member_lag *lags, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, lag_decode(in, &lags[(*count)++]));
}

static void partition_status_put(struct buffer *out, uint32_t field, const struct partition_status *status)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, status->partition);
    wire_put_bytes(out, 2, status->role);
    wire_put_u64(out, 3, status->term);
    wire_put_u64(out, 4, status->commit_index);
    wire_put_u64(out, 5, status->applied_index);
    wire_put_u64(out, 6, status->last_index);
    wire_put_u64(out, 7, status->leader);
    wire_put_u64(out, 8, status->entries);
    wire_put_u64(out, 9, status->sessions);
    wire_put_u64(out, 10, status->outbox_pending);
    wire_put_u64(out, 11, status->log_time_ms);
    wire_put_fixed64(out, 12, status->digest);
    wire_put_u64(out, 13, status->timers);
    wire_put_u64(out, 14, status->activities);
    wire_put_u64(out, 15, status->commands);
    wire_put_u64(out, 16, status->flows_started);
    wire_put_u64(out, 17, status->flows_ended);
    wire_put_u64(out, 20, status->level);
    wire_put_u64(out, 21, status->snapshot_index);
    wire_put_u64(out, 22, status->snapshot_bytes);
    wire_put_u64(out, 23, status->snapshot_age_ms);
    wire_put_u64(out, 24, status->log_bytes);
    for (size_t i = 0; i < status->lagging_count; i++)
        lag_put(out, 25, &status->lagging[i]);
    wire_nested_end(out, nested);
}

static enum grid_err partition_status_decode(struct bytes in, struct arena *arena, struct partition_status *ret_status)
{
    struct partition_status status = {0};
    struct wire_reader reader = wire_reader_of(in);
    size_t room = wire_count(&reader, 25, REPLICAS_MAX);
    struct member_lag *lags = room > 0 ? arena_alloc(arena, room * sizeof *lags) : NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: status.partition = wire_u32(&reader); break;
        case 2: status.role = wire_text(&reader); break;
        case 3: status.term = wire_u64(&reader); break;
        case 4: status.commit_index = wire_u64(&reader); break;
        case 5: status.applied_index = wire_u64(&reader); break;
        case 6: status.last_index = wire_u64(&reader); break;
        case 7: status.leader = wire_u32(&reader); break;
        case 8: status.entries = wire_u64(&reader); break;
        case 9: status.sessions = wire_u64(&reader); break;
        case 10: status.outbox_pending = wire_u64(&reader); break;
        case 11: status.log_time_ms = wire_u64(&reader); break;
        case 12: status.digest = wire_fixed64(&reader); break;
        case 13: status.timers = wire_u64(&reader); break;
        case 14: status.activities = wire_u64(&reader); break;
        case 15: status.commands = wire_u64(&reader); break;
        case 16: status.flows_started = wire_u64(&reader); break;
        case 17: status.flows_ended = wire_u64(&reader); break;
        case 20: status.level = wire_u32(&reader); break;
        case 21: status.snapshot_index = wire_u64(&reader); break;
        case 22: status.snapshot_bytes = wire_u64(&reader); break;
        case 23: status.snapshot_age_ms = wire_u64(&reader); break;
        case 24: status.log_bytes = wire_u64(&reader); break;
        case 25: lag_take(&reader, lags, &status.lagging_count); break;
        default: wire_unknown(&reader);
        }
    }
    status.lagging = lags;
    *ret_status = status;
    return wire_end(&reader);
}

/* ---- answers */

void admin_response_encode(const struct admin_response *response, struct buffer *out)
{
    wire_put_u64(out, 1, response->err);
    wire_put_bytes(out, 2, response->note);
    if (response->has_status)
        node_status_put(out, 3, &response->status);
    for (size_t i = 0; i < response->partitions_count; i++)
        partition_status_put(out, 4, &response->partitions[i]);
    member_put(out, 5, response->members, response->members_count);
}

static void status_take(struct wire_reader *reader, struct arena *arena, struct admin_response *response)
{
    response->has_status = true;
    wire_check(reader, node_status_decode(wire_bytes(reader), arena, &response->status));
}

static void partition_take(struct wire_reader *reader, struct arena *arena, struct partition_status *partitions, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, partition_status_decode(in, arena, &partitions[(*count)++]));
}

enum grid_err admin_response_decode(struct bytes in, struct arena *arena, struct admin_response *ret_response)
{
    struct admin_response response = {0};
    struct wire_reader reader = wire_reader_of(in);
    struct message_member *members = member_array(&reader, 5, arena);
    size_t room = wire_count(&reader, 4, PARTITIONS_MAX);
    struct partition_status *partitions = room > 0 ? arena_alloc(arena, room * sizeof *partitions) : NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: response.err = wire_err(&reader); break;
        case 2: response.note = wire_text(&reader); break;
        case 3: status_take(&reader, arena, &response); break;
        case 4: partition_take(&reader, arena, partitions, &response.partitions_count); break;
        case 5: member_take(&reader, members, &response.members_count); break;
        default: wire_unknown(&reader);
        }
    }
    response.partitions = partitions;
    response.members = members;
    *ret_response = response;
    return wire_end(&reader);
}
