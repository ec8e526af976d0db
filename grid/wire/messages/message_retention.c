/* Settings of retention, and what is kept now. */
#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

static void limits_put(struct buffer *out, uint32_t field, const struct retention_limits *limits)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, limits->age_ms);
    wire_put_u64(out, 2, limits->count);
    wire_put_u64(out, 3, limits->bytes);
    wire_nested_end(out, nested);
}

static enum grid_err limits_decode(struct bytes in, struct retention_limits *ret_limits)
{
    struct retention_limits limits = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: limits.age_ms = wire_u64(&reader); break;
        case 2: limits.count = wire_u64(&reader); break;
        case 3: limits.bytes = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_limits = limits;
    return wire_end(&reader);
}

static enum retention_kind kind_of(struct wire_reader *reader, uint32_t number)
{
    if (number < RETENTION_COMPLETIONS || number > RETENTION_LAST)
        wire_unknown(reader);
    return (enum retention_kind)number;
}

void retain_encode(const struct retain_command *retain, struct buffer *out)
{
    wire_put_u64(out, 1, retain->kind);
    limits_put(out, 2, &retain->limits);
    wire_put_u64(out, 3, retain->expected_version);
    wire_put_u64(out, 4, retain->version);
}

enum grid_err retain_decode(struct bytes in, struct retain_command *ret_retain)
{
    struct retain_command retain = {0};
    uint32_t kind = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: kind = wire_u32(&reader); break;
        case 2: wire_check(&reader, limits_decode(wire_bytes(&reader), &retain.limits)); break;
        case 3: retain.expected_version = wire_u64(&reader); break;
        case 4: retain.version = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    retain.kind = kind_of(&reader, kind);
    *ret_retain = retain;
    return wire_end(&reader);
}

void retention_status_put(struct buffer *out, uint32_t field, const struct retention_status *status)
{
    struct wire_nested nested = wire_nested_begin(out, field, 0);
    wire_put_u64(out, 1, status->kind);
    limits_put(out, 2, &status->limits);
    wire_put_u64(out, 3, status->version);
    wire_put_u64(out, 4, status->count);
    wire_put_u64(out, 5, status->bytes);
    wire_put_u64(out, 6, status->oldest_ms);
    wire_nested_end(out, nested);
}

static enum grid_err status_decode(struct bytes in, struct retention_status *ret_status)
{
    struct retention_status status = {0};
    uint32_t kind = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: kind = wire_u32(&reader); break;
        case 2: wire_check(&reader, limits_decode(wire_bytes(&reader), &status.limits)); break;
        case 3: status.version = wire_u64(&reader); break;
        case 4: status.count = wire_u64(&reader); break;
        case 5: status.bytes = wire_u64(&reader); break;
        case 6: status.oldest_ms = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    status.kind = kind_of(&reader, kind);
    *ret_status = status;
    return wire_end(&reader);
}

void retention_status_take(struct wire_reader *outer, struct arena *arena, struct response *response)
{
    struct bytes in = wire_repeated(outer);
    struct retention_status *all = (struct retention_status *)(uintptr_t)response->retention;
    if (outer->failed || response->retention_count == RETENTION_LAST) {
        wire_unknown(outer);
        return;
    }
    if (all == NULL)
        response->retention = all = arena_alloc(arena, RETENTION_LAST * sizeof *all);
    wire_check(outer, status_decode(in, &all[response->retention_count++]));
}
