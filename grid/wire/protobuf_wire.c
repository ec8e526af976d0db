#include "grid/wire/protobuf_wire.h"

#include <string.h>

#include "grid/base/check.h"

enum { TYPE_VARINT = 0, TYPE_FIXED64 = 1, TYPE_SIZED = 2, TYPE_FIXED32 = 5 };
enum { VARINT_BYTES_MAX = 10 };

/* ---- reading */

static void fail(struct wire_reader *reader)
{
    reader->failed = true;
    reader->at = reader->end;
}

static uint64_t varint_slow(struct wire_reader *reader)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < VARINT_BYTES_MAX && reader->at + i < reader->end; i++) {
        uint8_t byte = reader->at[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte >= 0x80)
            continue;
        /* A last byte of 0 is needless; the tenth byte has room for one bit. */
        if ((byte == 0 && i > 0) || (i == VARINT_BYTES_MAX - 1 && byte > 1))
            break;
        reader->at += i + 1;
        return value;
    }
    fail(reader);
    return 0;
}

static inline uint64_t varint(struct wire_reader *reader)
{
    if (reader->at < reader->end && *reader->at < 0x80)
        return *reader->at++;
    return varint_slow(reader);
}

/* The present field may come once and must have this wire type. */
static bool singular(struct wire_reader *reader, uint32_t type)
{
    REQUIRE(reader->field >= 1 && reader->field <= WIRE_FIELD_MAX);
    uint64_t bit = UINT64_C(1) << reader->field;
    if (reader->type == type && (reader->seen & bit) == 0) {
        reader->seen |= bit;
        return true;
    }
    fail(reader);
    return false;
}

static struct bytes sized(struct wire_reader *reader)
{
    uint64_t size = varint(reader);
    if (reader->failed || size > (uint64_t)(reader->end - reader->at)) {
        fail(reader);
        return BYTES_NONE;
    }
    struct bytes bytes = bytes_of(reader->at, (size_t)size);
    reader->at += size;
    return bytes;
}

struct wire_reader wire_reader_of(struct bytes in)
{
    /* Pointer arithmetic on a null pointer is undefined; an empty view may hold one. */
    static const uint8_t nothing;
    const uint8_t *start = in.size > 0 ? in.data : &nothing;
    REQUIRE(start != NULL);
    return (struct wire_reader){.at = start, .end = start + in.size};
}

bool wire_next(struct wire_reader *reader)
{
    if (reader->at == reader->end)
        return false;
    uint64_t tag = varint(reader);
    uint64_t field = tag >> 3;
    reader->field = reader->failed ? 0 : field <= UINT32_MAX ? (uint32_t)field : UINT32_MAX;
    if (field < 1 || field > WIRE_FIELD_MAX) {
        fail(reader);
        return false;
    }
    reader->type = (uint32_t)(tag & 7);
    return true;
}

enum grid_err wire_end(const struct wire_reader *reader)
{
    ENSURE(reader->at == reader->end);
    return reader->failed ? GRID_ERR_MALFORMED : GRID_ERR_OK;
}

void wire_unknown(struct wire_reader *reader)
{
    fail(reader);
}

void wire_check(struct wire_reader *reader, enum grid_err err)
{
    if (err != GRID_ERR_OK)
        fail(reader);
}

uint64_t wire_u64(struct wire_reader *reader)
{
    return singular(reader, TYPE_VARINT) ? varint(reader) : 0;
}

uint32_t wire_u32(struct wire_reader *reader)
{
    uint64_t value = wire_u64(reader);
    if (value <= UINT32_MAX)
        return (uint32_t)value;
    fail(reader);
    return 0;
}

bool wire_bool(struct wire_reader *reader)
{
    uint64_t value = wire_u64(reader);
    if (value > 1)
        fail(reader);
    return value == 1;
}

uint64_t wire_fixed64(struct wire_reader *reader)
{
    if (!singular(reader, TYPE_FIXED64) || reader->end - reader->at < 8) {
        fail(reader);
        return 0;
    }
    uint64_t value = get_u64(reader->at);
    reader->at += 8;
    return value;
}

struct bytes wire_bytes(struct wire_reader *reader)
{
    return singular(reader, TYPE_SIZED) ? sized(reader) : BYTES_NONE;
}

/* A zero byte would end the text early for code that reads it as a C string. */
bool wire_text_valid(struct bytes text)
{
    return wire_utf8_valid(text) && (text.size == 0 || memchr(text.data, 0, text.size) == NULL);
}

struct bytes wire_text(struct wire_reader *reader)
{
    struct bytes text = wire_bytes(reader);
    if (wire_text_valid(text))
        return text;
    fail(reader);
    return BYTES_NONE;
}

struct bytes wire_repeated(struct wire_reader *reader)
{
    if (reader->type == TYPE_SIZED)
        return sized(reader);
    fail(reader);
    return BYTES_NONE;
}

const uint32_t *wire_packed_u32(struct wire_reader *reader, struct arena *arena, size_t count_max, size_t *ret_count)
{
    struct bytes packed = wire_bytes(reader);
    size_t count = 0;
    for (size_t i = 0; i < packed.size; i++)
        count += packed.data[i] < 0x80;
    *ret_count = 0;
    if (count > count_max)
        fail(reader);
    if (reader->failed || packed.size == 0)
        return NULL;
    uint32_t *values = arena_alloc(arena, (count + 1) * sizeof *values);
    struct wire_reader elements = wire_reader_of(packed);
    size_t used = 0;
    while (elements.at < elements.end && used < count) {
        uint64_t value = varint(&elements);
        if (value > UINT32_MAX)
            fail(&elements);
        values[used++] = (uint32_t)value;
    }
    if (elements.failed || elements.at != elements.end) {
        fail(reader);
        return NULL;
    }
    ENSURE(used == count);
    *ret_count = count;
    return values;
}

void wire_skip(struct wire_reader *reader)
{
    size_t fixed = reader->type == TYPE_FIXED64 ? 8 : reader->type == TYPE_FIXED32 ? 4 : 0;
    if (reader->type == TYPE_SIZED)
        sized(reader);
    else if (reader->type == TYPE_VARINT)
        varint(reader);
    else if (fixed > 0 && (size_t)(reader->end - reader->at) >= fixed)
        reader->at += fixed;
    else
        fail(reader);
}

size_t wire_count(struct wire_reader *reader, uint32_t field, size_t count_max)
{
    struct wire_reader ahead = *reader;
    size_t count = 0;
    while (wire_next(&ahead)) {
        wire_skip(&ahead);
        count += ahead.field == field;
    }
    if (!ahead.failed && count <= count_max)
        return count;
    fail(reader);
    return 0;
}

/* Bytes that follow the first one of a sequence and the range of the second byte, or false for a byte that starts none
 * (Unicode 15, table 3-7). */
static bool utf8_lead(uint8_t lead, uint32_t *ret_more, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    *ret_more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    return lead >= 0xc2 && lead <= 0xf4;
}

bool wire_utf8_valid(struct bytes text)
{
    size_t i = 0;
    while (i < text.size) {
        uint8_t lead = text.data[i++];
        if (lead < 0x80)
            continue;
        uint32_t more;
        uint8_t low, high;
        if (!utf8_lead(lead, &more, &low, &high) || text.size - i < more)
            return false;
        if (text.data[i] < low || text.data[i] > high)
            return false;
        for (uint32_t k = 1; k < more; k++)
            if ((text.data[i + k] & 0xc0) != 0x80)
                return false;
        i += more;
    }
    return true;
}

/* ---- writing */

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

static void varint_write(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at = (uint8_t)value;
}

static void put_varint(struct buffer *out, uint64_t value)
{
    varint_write(buffer_extend(out, varint_size(value)), value);
}

static void put_tag(struct buffer *out, uint32_t field, uint32_t type)
{
    REQUIRE(field >= 1 && field <= WIRE_FIELD_MAX);
    put_varint(out, (uint64_t)field << 3 | type);
}

void wire_put_u64(struct buffer *out, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(out, field, TYPE_VARINT);
    put_varint(out, value);
}

void wire_put_bool(struct buffer *out, uint32_t field, bool value)
{
    wire_put_u64(out, field, value ? 1 : 0);
}

void wire_put_fixed64(struct buffer *out, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    put_tag(out, field, TYPE_FIXED64);
    buffer_append_u64(out, value);
}

void wire_put_bytes(struct buffer *out, uint32_t field, struct bytes value)
{
    if (value.size > 0)
        wire_put_element(out, field, value);
}

void wire_put_element(struct buffer *out, uint32_t field, struct bytes value)
{
    put_tag(out, field, TYPE_SIZED);
    put_varint(out, value.size);
    buffer_append(out, value);
}

void wire_put_packed_u32(struct buffer *out, uint32_t field, const uint32_t *values, size_t count)
{
    if (count == 0)
        return;
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += varint_size(values[i]);
    put_tag(out, field, TYPE_SIZED);
    put_varint(out, size);
    for (size_t i = 0; i < count; i++)
        put_varint(out, values[i]);
}

struct wire_nested wire_nested_begin(struct buffer *out, uint32_t field, size_t size_guess)
{
    put_tag(out, field, TYPE_SIZED);
    size_t prefix = varint_size(size_guess);
    buffer_extend(out, prefix);
    return (struct wire_nested){.start = out->size, .prefix = prefix};
}

void wire_nested_end(struct buffer *out, struct wire_nested nested)
{
    REQUIRE(nested.start >= nested.prefix && out->size >= nested.start);
    size_t size = out->size - nested.start;
    size_t needed = varint_size(size);
    size_t at = nested.start - nested.prefix;
    if (needed > nested.prefix)
        buffer_extend(out, needed - nested.prefix);
    if (needed != nested.prefix)
        memmove(out->data + at + needed, out->data + nested.start, size);
    varint_write(out->data + at, size);
    buffer_truncate(out, at + needed + size);
}
