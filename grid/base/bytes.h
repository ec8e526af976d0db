/* Byte views, growable buffers, and a bounds-checked reader. All integers on wire and disk are little endian.
 *
 * struct bytes borrows; struct buffer owns. Not thread safe. Buffers grow by doubling and abort when memory ends. */
#ifndef GRID_BASE_BYTES_H
#define GRID_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes { const uint8_t *data; size_t size; };

#define BYTES_NONE ((struct bytes){0, 0})

struct bytes bytes_of(const void *data, size_t size);
struct bytes bytes_of_text(const char *text);             /* without the closing zero; borrows */
bool bytes_equal(struct bytes a, struct bytes b);
int bytes_compare(struct bytes a, struct bytes b);        /* <0, 0, >0; as unsigned, shorter first */

struct buffer { uint8_t *data; size_t size, capacity; };  /* all zero is a valid empty buffer */

void buffer_close(struct buffer *buffer);                 /* frees and resets to empty */
void buffer_clear(struct buffer *buffer);                 /* size 0, keeps the memory */
uint8_t *buffer_extend(struct buffer *buffer, size_t size); /* room for `size` more, counted; returns its start */
void buffer_truncate(struct buffer *buffer, size_t size); /* size must not exceed the present one */
void buffer_consume(struct buffer *buffer, size_t size);  /* drops from the front (moves the rest) */
void buffer_append(struct buffer *buffer, struct bytes bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_append_u8(struct buffer *buffer, uint8_t value);
void buffer_append_u16(struct buffer *buffer, uint16_t value);
void buffer_append_u32(struct buffer *buffer, uint32_t value);
void buffer_append_u64(struct buffer *buffer, uint64_t value);
void buffer_append_sized(struct buffer *buffer, struct bytes bytes); /* u32 size, then the bytes */
struct bytes buffer_bytes(const struct buffer *buffer);   /* borrows until the next change */

void put_u16(uint8_t *at, uint16_t value);
void put_u32(uint8_t *at, uint32_t value);
void put_u64(uint8_t *at, uint64_t value);
uint16_t get_u16(const uint8_t *at);
uint32_t get_u32(const uint8_t *at);
uint64_t get_u64(const uint8_t *at);

/* Reads from the front of a view. After any read past the end `failed` is set, values are 0 and views empty; check
 * once at the end. */
struct reader { const uint8_t *at, *end; bool failed; };

struct reader reader_of(struct bytes bytes);
size_t reader_left(const struct reader *reader);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
struct bytes reader_take(struct reader *reader, size_t size); /* borrows from the view */
struct bytes reader_sized(struct reader *reader);             /* u32 size, then the bytes */

#endif
