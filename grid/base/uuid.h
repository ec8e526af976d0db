/* UUIDs (RFC 9562): 16 bytes that name a cluster.
 *
 * Text is the canonical form, 8-4-4-4-12 hexadecimal digits; upper case is read and never written. Any version is taken.
 * Threads: none. */
#ifndef GRID_BASE_UUID_H
#define GRID_BASE_UUID_H

#include "grid/base/bytes.h"

enum { UUID_BYTES = 16, UUID_TEXT_BYTES = 36 };

struct uuid { uint8_t bytes[UUID_BYTES]; };
struct uuid_text { char text[UUID_TEXT_BYTES + 1]; };

/* False for every other form and for the nil UUID, which names nothing. */
bool uuid_parse(const char *text, struct uuid *ret_uuid);
struct uuid_text uuid_text_of(struct uuid uuid);
bool uuid_equal(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid uuid);
/* The same for the same name, for good: version 8, whose bytes are two XXH3 hashes of the name. */
struct uuid uuid_of_name(struct bytes name);
static inline struct bytes uuid_bytes(const struct uuid *uuid) { return bytes_of(uuid->bytes, UUID_BYTES); }  /* borrows */

#endif
