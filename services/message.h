/* Bodies of commands, events and views: generated protobuf types over an arena. The only place that packs and unpacks.
 *
 * A message is a `void` pointer to a generated struct; its descriptor is in the service's table. Unpacked messages
 * and everything they point to live in the arena and are never freed one by one. No time, no threads. */
#ifndef SERVICES_MESSAGE_H
#define SERVICES_MESSAGE_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"

struct ProtobufCMessageDescriptor;

/* Reads bytes that this system wrote. NULL: the bytes are not such a message. */
void *message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct bytes in, struct arena *arena);
/* Reads bytes from outside. NULL: as above, or an unknown field, or text that is not UTF-8. */
void *message_unpack_strict(const struct ProtobufCMessageDescriptor *descriptor, struct bytes in, struct arena *arena);
/* Appends the encoding; equal messages have equal encodings. */
void message_pack(const void *message, struct buffer *out);
struct bytes message_pack_arena(const void *message, struct arena *arena);

#endif
