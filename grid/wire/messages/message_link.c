#include "grid/wire/messages/messages_internal.h"

enum { SMALL_FIELDS_BYTES = 48 };      /* tags, sizes and numbers of a service command, about */

/* ---- trace context */

void trace_put(struct buffer *out, uint32_t field, const struct trace_context *trace)
{
    size_t size = trace->correlation_id.size + trace->causation_id.size + trace->flow_id.size + trace->traceparent.size;
    if (size == 0)
        return;
    struct wire_nested nested = wire_nested_begin(out, field, size + 8);
    wire_put_bytes(out, 1, trace->correlation_id);
    wire_put_bytes(out, 2, trace->causation_id);
    wire_put_bytes(out, 3, trace->flow_id);
    wire_put_bytes(out, 4, trace->traceparent);
    wire_nested_end(out, nested);
}

enum grid_err trace_decode(struct bytes in, struct trace_context *ret_trace)
{
    struct trace_context trace = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: trace.correlation_id = wire_text(&reader); break;
        case 2: trace.causation_id = wire_text(&reader); break;
        case 3: trace.flow_id = wire_text(&reader); break;
        case 4: trace.traceparent = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_trace = trace;
    return wire_end(&reader);
}

/* ---- service command */

size_t service_command_size_guess(const struct service_command *command)
{
    return command->key.size + command->affinity.size + command->body.size + SMALL_FIELDS_BYTES;
}

void service_command_encode(const struct service_command *command, struct buffer *out)
{
    wire_put_u64(out, 1, command->service);
    wire_put_u64(out, 2, command->type);
    wire_put_bytes(out, 3, command->key);
    wire_put_bytes(out, 4, command->affinity);
    wire_put_bytes(out, 5, command->body);
    trace_put(out, 6, &command->trace);
}

enum grid_err service_command_decode(struct bytes in, struct service_command *ret_command)
{
    struct service_command command = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: command.service = wire_u32(&reader); break;
        case 2: command.type = wire_u32(&reader); break;
        case 3: command.key = wire_text(&reader); break;
        case 4: command.affinity = wire_text(&reader); break;
        case 5: command.body = wire_bytes(&reader); break;
        case 6: wire_check(&reader, trace_decode(wire_bytes(&reader), &command.trace)); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_command = command;
    return wire_end(&reader);
}

/* ---- link message */

static void reply_to_put(struct buffer *out, uint32_t field, const struct reply_to *reply)
{
    if (reply->service == 0 && reply->key.size == 0 && reply->affinity.size == 0 && reply->reference == 0)
        return;
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, reply->service);
    wire_put_bytes(out, 2, reply->key);
    wire_put_bytes(out, 3, reply->affinity);
    wire_put_u64(out, 4, reply->reference);
    wire_nested_end(out, nested);
}

static enum grid_err reply_to_decode(struct bytes in, struct reply_to *ret_reply)
{
    struct reply_to reply = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: reply.service = wire_u32(&reader); break;
        case 2: reply.key = wire_text(&reader); break;
        case 3: reply.affinity = wire_text(&reader); break;
        case 4: reply.reference = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_reply = reply;
    return wire_end(&reader);
}

void link_message_encode(const struct link_message *message, struct buffer *out)
{
    wire_put_u64(out, 1, message->sequence);
    struct wire_nested nested = wire_nested_begin(out, 2, service_command_size_guess(&message->command));
    service_command_encode(&message->command, out);
    wire_nested_end(out, nested);
    reply_to_put(out, 3, &message->reply_to);
    wire_put_bool(out, 4, message->is_answer);
    wire_put_u64(out, 5, message->answer_code);
    wire_put_u64(out, 6, message->answer_reference);
    wire_put_bytes(out, 7, message->principal);
}

enum grid_err link_message_decode(struct bytes in, struct link_message *ret_message)
{
    struct link_message message = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: message.sequence = wire_u64(&reader); break;
        case 2: wire_check(&reader, service_command_decode(wire_bytes(&reader), &message.command)); break;
        case 3: wire_check(&reader, reply_to_decode(wire_bytes(&reader), &message.reply_to)); break;
        case 4: message.is_answer = wire_bool(&reader); break;
        case 5: message.answer_code = wire_u32(&reader); break;
        case 6: message.answer_reference = wire_u64(&reader); break;
        case 7: message.principal = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_message = message;
    return wire_end(&reader);
}
