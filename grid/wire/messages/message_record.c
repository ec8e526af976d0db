#include "grid/wire/messages/messages_internal.h"

void event_record_encode(const struct event_record *event, struct buffer *out)
{
    wire_put_bytes(out, 1, event->event_id);
    wire_put_u64(out, 2, event->service);
    wire_put_u64(out, 3, event->type);
    wire_put_u64(out, 4, event->version);
    wire_put_bytes(out, 5, event->event_type);
    wire_put_bytes(out, 6, event->aggregate_type);
    wire_put_bytes(out, 7, event->key);
    wire_put_u64(out, 8, event->sequence);
    wire_put_u64(out, 9, event->log_time_ms);
    wire_put_u64(out, 10, event->wall_time_ms);
    trace_put(out, 11, &event->trace);
    wire_put_bytes(out, 12, event->flow_type);
    wire_put_u64(out, 13, event->flow_step);
    wire_put_bool(out, 14, event->is_compensating);
    wire_put_bytes(out, 15, event->body);
    wire_put_bytes(out, 16, event->principal);
}

enum grid_err event_record_decode(struct bytes in, struct event_record *ret_event)
{
    struct event_record event = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: event.event_id = wire_text(&reader); break;
        case 2: event.service = wire_u32(&reader); break;
        case 3: event.type = wire_u32(&reader); break;
        case 4: event.version = wire_u32(&reader); break;
        case 5: event.event_type = wire_text(&reader); break;
        case 6: event.aggregate_type = wire_text(&reader); break;
        case 7: event.key = wire_text(&reader); break;
        case 8: event.sequence = wire_u64(&reader); break;
        case 9: event.log_time_ms = wire_u64(&reader); break;
        case 10: event.wall_time_ms = wire_u64(&reader); break;
        case 11: wire_check(&reader, trace_decode(wire_bytes(&reader), &event.trace)); break;
        case 12: event.flow_type = wire_text(&reader); break;
        case 13: event.flow_step = wire_u32(&reader); break;
        case 14: event.is_compensating = wire_bool(&reader); break;
        case 15: event.body = wire_bytes(&reader); break;
        case 16: event.principal = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_event = event;
    return wire_end(&reader);
}

void completion_record_encode(const struct completion_record *completion, struct buffer *out)
{
    wire_put_bytes(out, 1, completion->event_id);
    wire_put_u64(out, 2, completion->status);
    wire_put_u64(out, 3, completion->refusal_code);
    wire_put_bytes(out, 4, completion->refusal_reason);
    wire_put_u64(out, 5, completion->log_time_ms);
    wire_put_u64(out, 6, completion->sequence);
}

enum grid_err completion_record_decode(struct bytes in, struct completion_record *ret_completion)
{
    struct completion_record completion = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: completion.event_id = wire_text(&reader); break;
        case 2: completion.status = wire_u32(&reader); break;
        case 3: completion.refusal_code = wire_u32(&reader); break;
        case 4: completion.refusal_reason = wire_text(&reader); break;
        case 5: completion.log_time_ms = wire_u64(&reader); break;
        case 6: completion.sequence = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_completion = completion;
    return wire_end(&reader);
}
