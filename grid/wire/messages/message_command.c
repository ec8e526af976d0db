#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

/* ---- bodies */

static void genesis_encode(const struct genesis_command *genesis, struct buffer *out)
{
    wire_put_bytes(out, 1, genesis->cluster);
    wire_put_u64(out, 2, genesis->partitions);
    member_put(out, 3, genesis->members, genesis->members_count);
    wire_put_u64(out, 4, genesis->table_seed);
    wire_put_u64(out, 5, genesis->settings_digest);
    wire_put_bytes(out, 6, genesis->cluster_uuid);
    wire_put_u64(out, 7, genesis->level);
    wire_put_packed_u32(out, 8, genesis->services, genesis->services_count);
}

static enum grid_err genesis_decode(struct bytes in, struct arena *arena, struct genesis_command *ret_genesis)
{
    struct genesis_command genesis = {0};
    struct wire_reader reader = wire_reader_of(in);
    struct message_member *members = member_array(&reader, 3, arena);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: genesis.cluster = wire_text(&reader); break;
        case 2: genesis.partitions = wire_u32(&reader); break;
        case 3: member_take(&reader, members, &genesis.members_count); break;
        case 4: genesis.table_seed = wire_u64(&reader); break;
        case 5: genesis.settings_digest = wire_u64(&reader); break;
        case 6: genesis.cluster_uuid = wire_bytes(&reader); break;
        case 7: genesis.level = wire_u32(&reader); break;
        case 8: genesis.services = wire_packed_u32(&reader, arena, SERVICES_MAX, &genesis.services_count); break;
        default: wire_unknown(&reader);
        }
    }
    genesis.members = members;
    *ret_genesis = genesis;
    return wire_end(&reader);
}

static void deliver_encode(const struct deliver_command *deliver, struct buffer *out)
{
    wire_put_u64(out, 1, deliver->source);
    wire_put_u64(out, 2, deliver->incarnation);
    wire_put_u64(out, 3, deliver->destination);
    for (size_t i = 0; i < deliver->messages_count; i++) {
        const struct link_message *message = &deliver->messages[i];
        struct wire_nested nested = wire_nested_begin(out, 4, service_command_size_guess(&message->command));
        link_message_encode(message, out);
        wire_nested_end(out, nested);
    }
}

static enum grid_err deliver_decode(struct bytes in, struct arena *arena, struct deliver_command *ret_deliver)
{
    struct deliver_command deliver = {0};
    struct wire_reader reader = wire_reader_of(in);
    size_t room = wire_count(&reader, 4, DELIVER_MESSAGES_MAX);
    struct link_message *messages = room > 0 ? arena_alloc(arena, room * sizeof *messages) : NULL;
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: deliver.source = wire_u32(&reader); break;
        case 2: deliver.incarnation = wire_u32(&reader); break;
        case 3: deliver.destination = wire_u32(&reader); break;
        case 4: {
            struct bytes message = wire_repeated(&reader);
            if (!reader.failed)
                wire_check(&reader, link_message_decode(message, &messages[deliver.messages_count++]));
            break;
        }
        default: wire_unknown(&reader);
        }
    }
    deliver.messages = messages;
    *ret_deliver = deliver;
    return wire_end(&reader);
}

static enum grid_err acknowledge_decode(struct bytes in, struct acknowledge_command *ret_acknowledge)
{
    struct acknowledge_command acknowledge = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: acknowledge.destination = wire_u32(&reader); break;
        case 2: acknowledge.incarnation = wire_u32(&reader); break;
        case 3: acknowledge.sequence = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_acknowledge = acknowledge;
    return wire_end(&reader);
}

static enum grid_err activity_result_decode(struct bytes in, struct activity_result_command *ret_result)
{
    struct activity_result_command result = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: result.activity = wire_u64(&reader); break;
        case 2: result.outcome = wire_u32(&reader); break;
        case 3: result.body = wire_bytes(&reader); break;
        case 4: result.note = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_result = result;
    return wire_end(&reader);
}

static enum grid_err open_session_decode(struct bytes in, uint64_t *ret_idle_ms)
{
    struct wire_reader reader = wire_reader_of(in);
    *ret_idle_ms = 0;
    while (wire_next(&reader)) {
        if (reader.field == 1)
            *ret_idle_ms = wire_u64(&reader);
        else
            wire_unknown(&reader);
    }
    return wire_end(&reader);
}

static enum grid_err raise_level_decode(struct bytes in, uint32_t *ret_level)
{
    struct wire_reader reader = wire_reader_of(in);
    *ret_level = 0;
    while (wire_next(&reader)) {
        if (reader.field == 1)
            *ret_level = wire_u32(&reader);
        else
            wire_unknown(&reader);
    }
    return wire_end(&reader);
}

static enum grid_err register_decode(struct bytes in, struct arena *arena, struct command *command)
{
    struct wire_reader reader = wire_reader_of(in);
    command->registers.count = 0;
    while (wire_next(&reader)) {
        if (reader.field == 1)
            command->registers.services = wire_packed_u32(&reader, arena, SERVICES_MAX, &command->registers.count);
        else
            wire_unknown(&reader);
    }
    return wire_end(&reader);
}

/* ---- the command itself */

static size_t body_size_guess(const struct command *command)
{
    if (command->kind == COMMAND_MAP)
        return map_command_size_guess(&command->map);
    if (command->kind == COMMAND_RESTORE)
        return command->restore.piece.size;
    return command->kind == COMMAND_SERVICE ? service_command_size_guess(&command->service) : 0;
}

static void body_encode(const struct command *command, struct buffer *out)
{
    switch (command->kind) {
    case COMMAND_OPEN_SESSION: wire_put_u64(out, 1, command->open_session.idle_ms); break;
    case COMMAND_CLOSE_SESSION: break;
    case COMMAND_MAP: map_command_encode(&command->map, out); break;
    case COMMAND_BATCH: map_batch_encode(&command->batch, out); break;
    case COMMAND_CLEAR: wire_put_bytes(out, 1, command->clear.map); break;
    case COMMAND_DROP: wire_put_bytes(out, 1, command->drop.map); break;
    case COMMAND_CONFIGURE: map_configure_encode(&command->configure, out); break;
    case COMMAND_RETAIN: retain_encode(&command->retain, out); break;
    case COMMAND_RAISE_LEVEL: wire_put_u64(out, 1, command->raise_level.level); break;
    case COMMAND_SERVICE: service_command_encode(&command->service, out); break;
    case COMMAND_GENESIS: genesis_encode(&command->genesis, out); break;
    case COMMAND_DELIVER: deliver_encode(&command->deliver, out); break;
    case COMMAND_ACKNOWLEDGE:
        wire_put_u64(out, 1, command->acknowledge.destination);
        wire_put_u64(out, 2, command->acknowledge.incarnation);
        wire_put_u64(out, 3, command->acknowledge.sequence);
        break;
    case COMMAND_ACTIVITY_RESULT:
        wire_put_u64(out, 1, command->activity_result.activity);
        wire_put_u64(out, 2, command->activity_result.outcome);
        wire_put_bytes(out, 3, command->activity_result.body);
        wire_put_bytes(out, 4, command->activity_result.note);
        break;
    case COMMAND_TICK: break;
    case COMMAND_RESTORE: restore_encode(&command->restore, out); break;
    case COMMAND_REGISTER: wire_put_packed_u32(out, 1, command->registers.services, command->registers.count); break;
    default: UNREACHABLE("a command of no kind");
    }
}

void command_encode(const struct command *command, struct buffer *out)
{
    REQUIRE(command->kind != 0);
    wire_put_u64(out, 1, command->session);
    wire_put_u64(out, 2, command->sequence);
    wire_put_u64(out, 3, command->acknowledged_below);
    idempotency_put(out, 4, &command->idempotency);
    wire_put_bytes(out, 5, command->act_as);
    struct wire_nested nested = wire_nested_begin(out, command->kind, body_size_guess(command));
    body_encode(command, out);
    wire_nested_end(out, nested);
}

static enum grid_err body_decode(struct bytes in, struct arena *arena, struct command *command)
{
    switch (command->kind) {
    case COMMAND_OPEN_SESSION: return open_session_decode(in, &command->open_session.idle_ms);
    case COMMAND_MAP: return map_command_decode(in, &command->map);
    case COMMAND_BATCH: return map_batch_decode(in, arena, &command->batch);
    case COMMAND_CLEAR: return map_name_decode(in, &command->clear.map);
    case COMMAND_DROP: return map_name_decode(in, &command->drop.map);
    case COMMAND_CONFIGURE: return map_configure_decode(in, &command->configure);
    case COMMAND_RETAIN: return retain_decode(in, &command->retain);
    case COMMAND_RAISE_LEVEL: return raise_level_decode(in, &command->raise_level.level);
    case COMMAND_SERVICE: return service_command_decode(in, &command->service);
    case COMMAND_GENESIS: return genesis_decode(in, arena, &command->genesis);
    case COMMAND_DELIVER: return deliver_decode(in, arena, &command->deliver);
    case COMMAND_ACKNOWLEDGE: return acknowledge_decode(in, &command->acknowledge);
    case COMMAND_ACTIVITY_RESULT: return activity_result_decode(in, &command->activity_result);
    case COMMAND_REGISTER: return register_decode(in, arena, command);
    case COMMAND_RESTORE: return restore_decode(in, &command->restore);
    case COMMAND_CLOSE_SESSION:
    case COMMAND_TICK: return in.size == 0 ? GRID_ERR_OK : GRID_ERR_MALFORMED;
    default: return GRID_ERR_MALFORMED;
    }
}

enum grid_err command_decode(struct bytes in, struct arena *arena, struct command *ret_command)
{
    struct command command = {0};
    struct bytes body = BYTES_NONE;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: command.session = wire_u64(&reader); break;
        case 2: command.sequence = wire_u64(&reader); break;
        case 3: command.acknowledged_below = wire_u64(&reader); break;
        case 4: wire_check(&reader, idempotency_decode(wire_bytes(&reader), &command.idempotency)); break;
        case 5: command.act_as = wire_text(&reader); break;
        default:
            /* One body only, of whichever kind; body_decode refuses a kind that does not exist. */
            if (command.kind != 0)
                wire_unknown(&reader);
            command.kind = (enum command_kind)reader.field;
            body = wire_bytes(&reader);
        }
    }
    enum grid_err err = wire_end(&reader);
    if (err == GRID_ERR_OK)
        err = body_decode(body, arena, &command);
    *ret_command = command;
    return err;
}

void command_encode_deliver(uint32_t source, uint32_t incarnation, uint32_t destination, const struct bytes *messages,
                            size_t count, struct buffer *out)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += messages[i].size + 4;
    struct wire_nested body = wire_nested_begin(out, COMMAND_DELIVER, size + 16);
    wire_put_u64(out, 1, source);
    wire_put_u64(out, 2, incarnation);
    wire_put_u64(out, 3, destination);
    for (size_t i = 0; i < count; i++)
        wire_put_bytes(out, 4, messages[i]);
    wire_nested_end(out, body);
}
