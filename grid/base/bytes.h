/* Byte views, growable buffers, and a bounds-checked reader. All integers on wire and disk are little endian.
 *
 * struct bytes borrows; struct buffer owns. Not thread safe. Buffers grow by doubling and abort when memory ends. */
#ifndef GRID_BASE_BYTES_H
#define GRID_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "grid/base/check.h"

struct bytes { const uint8_t *data; size_t size; };

#define BYTES_NONE ((struct bytes){0, 0})

static inline struct bytes bytes_of(const void *data, size_t size);
static inline struct bytes bytes_of_text(const char *text); /* without the closing zero; borrows */
struct bytes bytes_cut_text(struct bytes text, size_t size_max); /* of UTF-8 at most so much, cut between characters; borrows */
static inline bool bytes_equal(struct bytes a, struct bytes b);
int bytes_compare(struct bytes a, struct bytes b);        /* <0, 0, >0; as unsigned, shorter first */

struct buffer { uint8_t *data; size_t size, capacity; };  /* all zero is a valid empty buffer */

void buffer_close(struct buffer *buffer);                 /* frees and resets to empty */
static inline void buffer_clear(struct buffer *buffer);   /* size 0, keeps the memory */
static inline uint8_t *buffer_extend(struct buffer *buffer, size_t size); /* room for `size` more, counted; returns its start */
void buffer_truncate(struct buffer *buffer, size_t size); /* size must not exceed the present one */
void buffer_consume(struct buffer *buffer, size_t size);  /* drops from the front (moves the rest) */
static inline void buffer_append(struct buffer *buffer, struct bytes bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lines of help, at most HELP_WIDTH characters wide, so that argp leaves them as they are; for ASCII. A word that is wider than a line is cut behind '|' or ','. */
enum { HELP_WIDTH = 77, HELP_COLUMN = 29 };
void buffer_append_paragraph(struct buffer *buffer, const char *text, size_t indent);
/* A name at column 2, its meaning from HELP_COLUMN on; a name that is too long has lines of its own. */
void buffer_append_help(struct buffer *buffer, const char *name, const char *meaning);
static inline void buffer_append_u8(struct buffer *buffer, uint8_t value);
static inline void buffer_append_u16(struct buffer *buffer, uint16_t value);
static inline void buffer_append_u32(struct buffer *buffer, uint32_t value);
static inline void buffer_append_u64(struct buffer *buffer, uint64_t value);
static inline void buffer_append_sized(struct buffer *buffer, struct bytes bytes); /* u32 size, then the bytes */
static inline struct bytes buffer_bytes(const struct buffer *buffer); /* borrows until the next change */
void buffer_reserve(struct buffer *buffer, size_t size);  /* room for `size` more, not counted */
bool buffer_holds(const struct buffer *buffer);

static inline void put_u16(uint8_t *at, uint16_t value);
static inline void put_u32(uint8_t *at, uint32_t value);
static inline void put_u64(uint8_t *at, uint64_t value);
static inline uint16_t get_u16(const uint8_t *at);
static inline uint32_t get_u32(const uint8_t *at);
static inline uint64_t get_u64(const uint8_t *at);

/* Reads from the front of a view. After any read past the end `failed` is set, values are 0 and views empty; check
 * once at the end. */
struct reader { const uint8_t *at, *end; bool failed; };

static inline struct reader reader_of(struct bytes bytes);
static inline size_t reader_left(const struct reader *reader);
static inline uint8_t reader_u8(struct reader *reader);
static inline uint16_t reader_u16(struct reader *reader);
static inline uint32_t reader_u32(struct reader *reader);
static inline uint64_t reader_u64(struct reader *reader);
static inline struct bytes reader_take(struct reader *reader, size_t size); /* borrows from the view */
static inline struct bytes reader_sized(struct reader *reader);             /* u32 size, then the bytes */

/* Definitions. They stand here because every frame, record and message goes through them: the compiler turns each of
 * the shifts into one load or store, and a chain of reads into straight code. */

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

static inline struct bytes bytes_of_text(const char *text)
{
    REQUIRE(text != NULL);
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

static inline void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)value);
    put_u32(at + 4, (uint32_t)(value >> 32));
}

static inline uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

static inline uint8_t *buffer_extend(struct buffer *buffer, size_t size)
{
    if (buffer->data == NULL || size > buffer->capacity - buffer->size)
        buffer_reserve(buffer, size);
    uint8_t *start = buffer->data + buffer->size;
    buffer->size += size;
    return start;
}

static inline void buffer_append(struct buffer *buffer, struct bytes bytes)
{
    if (bytes.size != 0)
        memcpy(buffer_extend(buffer, bytes.size), bytes.data, bytes.size);
}

static inline void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
    *buffer_extend(buffer, sizeof value) = value;
}

static inline void buffer_append_u16(struct buffer *buffer, uint16_t value)
{
    put_u16(buffer_extend(buffer, sizeof value), value);
}

static inline void buffer_append_u32(struct buffer *buffer, uint32_t value)
{
    put_u32(buffer_extend(buffer, sizeof value), value);
}

static inline void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    put_u64(buffer_extend(buffer, sizeof value), value);
}

static inline void buffer_append_sized(struct buffer *buffer, struct bytes bytes)
{
    REQUIRE(bytes.size <= UINT32_MAX);
    buffer_append_u32(buffer, (uint32_t)bytes.size);
    buffer_append(buffer, bytes);
}

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->size);
}

static inline struct reader reader_of(struct bytes bytes)
{
    /* Adding even 0 to a null pointer is undefined. */
    return (struct reader){bytes.data, bytes.size == 0 ? bytes.data : bytes.data + bytes.size, false};
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The next `size` bytes, or NULL past the end; from then on nothing is left, so every later read fails too. */
static inline const uint8_t *reader_step(struct reader *reader, size_t size)
{
    if (size > reader_left(reader)) {
        reader->failed = true;
        reader->at = reader->end;
        return NULL;
    }
    const uint8_t *start = reader->at;
    if (size != 0)
        reader->at += size;
    return start;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    const uint8_t *at = reader_step(reader, sizeof(uint8_t));
    return at == NULL ? 0 : *at;
}

static inline uint16_t reader_u16(struct reader *reader)
{
    const uint8_t *at = reader_step(reader, sizeof(uint16_t));
    return at == NULL ? 0 : get_u16(at);
}

static inline uint32_t reader_u32(struct reader *reader)
{
    const uint8_t *at = reader_step(reader, sizeof(uint32_t));
    return at == NULL ? 0 : get_u32(at);
}

static inline uint64_t reader_u64(struct reader *reader)
{
    const uint8_t *at = reader_step(reader, sizeof(uint64_t));
    return at == NULL ? 0 : get_u64(at);
}

static inline struct bytes reader_take(struct reader *reader, size_t size)
{
    const uint8_t *at = reader_step(reader, size);
    return reader->failed ? BYTES_NONE : bytes_of(at, size);
}

static inline struct bytes reader_sized(struct reader *reader)
{
    return reader_take(reader, reader_u32(reader));
}

#endif
