/* The protobuf encoding, as far as the grid's messages need it: varint, fixed64, length-delimited, packed uint32.
 *
 * Strict by design: a reader fails for good (`failed`) at the first wrong wire type, varint of more than ten bytes or
 * with needless bytes, value out of range, singular field seen twice, invalid UTF-8 or a zero in text, field that the caller does
 * not know (but where the caller skips it), or length past the end. After a failure every value is 0 or empty and wire_next says false, so a caller
 * checks once, at wire_end. Reading borrows from the input.
 *
 * Writers append to a buffer. Following proto3, the `wire_put_*` of singular fields write nothing for 0, false or empty.
 * Field numbers are 1..63: each reader remembers in one word which singular fields it has seen. */
#ifndef GRID_WIRE_PROTOBUF_WIRE_H
#define GRID_WIRE_PROTOBUF_WIRE_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"
#include "grid/base/err.h"

enum { WIRE_FIELD_MAX = 63 };

struct wire_reader {
    const uint8_t *at, *end;
    uint64_t seen;                     /* bit n: singular field n was read */
    uint32_t field;                    /* set by wire_next, also to a number above WIRE_FIELD_MAX, at which it fails */
    uint32_t type;                     /* wire type of that field */
    bool failed;
};

/* Example: while (wire_next(&reader)) switch (reader.field) { case 1: x = wire_u32(&reader); break;
 * default: wire_unknown(&reader); } return wire_end(&reader); */
struct wire_reader wire_reader_of(struct bytes in);
bool wire_next(struct wire_reader *reader);                   /* false at the end or after a failure */
enum grid_err wire_end(const struct wire_reader *reader);     /* OK or MALFORMED */
void wire_unknown(struct wire_reader *reader);                /* the field is not in the schema: fails */
void wire_skip(struct wire_reader *reader);                   /* the same if newer senders may add fields: continues after it */

uint64_t wire_u64(struct wire_reader *reader);
uint32_t wire_u32(struct wire_reader *reader);
bool wire_bool(struct wire_reader *reader);
uint64_t wire_fixed64(struct wire_reader *reader);
struct bytes wire_bytes(struct wire_reader *reader);
struct bytes wire_text(struct wire_reader *reader);           /* bytes that must be UTF-8 without a zero */
struct bytes wire_repeated(struct wire_reader *reader);       /* one element of a repeated message field */
/* A packed repeated uint32; the array lives in the arena. More than `count_max` elements fail. */
const uint32_t *wire_packed_u32(struct wire_reader *reader, struct arena *arena, size_t count_max, size_t *ret_count);
/* How often the repeated field `field` still follows, for the size of its array; does not move the reader. Fails the reader
 * and returns 0 if it is more than `count_max` or the input is damaged, so that an array is never too small. */
size_t wire_count(struct wire_reader *reader, uint32_t field, size_t count_max);
/* Fails the reader when `err` is not OK: for nested messages. */
void wire_check(struct wire_reader *reader, enum grid_err err);

bool wire_utf8_valid(struct bytes text);
bool wire_text_valid(struct bytes text);                      /* UTF-8 without a zero */

void wire_put_u64(struct buffer *out, uint32_t field, uint64_t value);
void wire_put_bool(struct buffer *out, uint32_t field, bool value);
void wire_put_fixed64(struct buffer *out, uint32_t field, uint64_t value);
void wire_put_bytes(struct buffer *out, uint32_t field, struct bytes value);
void wire_put_element(struct buffer *out, uint32_t field, struct bytes value);   /* of a repeated field: written also when empty */
void wire_put_packed_u32(struct buffer *out, uint32_t field, const uint32_t *values, size_t count);

/* A nested message, written in place: begin, append its fields to `out`, end. Written also when empty. `size_guess` is
 * about how many bytes the body takes: a guess in the wrong power of 128 costs one move of the body, nothing else. */
struct wire_nested { size_t start, prefix; };
struct wire_nested wire_nested_begin(struct buffer *out, uint32_t field, size_t size_guess);
void wire_nested_end(struct buffer *out, struct wire_nested nested);

#endif
