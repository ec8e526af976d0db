/* JSON of protobuf messages, driven by their descriptors: no code per message.
 *
 * Two styles. CANONICAL is protobuf's own mapping (ProtoJSON): 64-bit numbers as strings, enum names in full, bytes in
 * base64, fields with their default left out. EDGE is what this system's interfaces speak: money (`…_minor`) as a decimal
 * string in the digits of the message's currency ("129.90"), times (`…_ms`) as RFC 3339 or null, numbers as numbers,
 * enum names without their prefix, every field present; what only the replicated state needs (`request_digest`,
 * `…_log_ms`, `created_event_id`) is left out. Names are lowerCamelCase in both. */
#ifndef SERVICES_EDGE_PROTO_JSON_H
#define SERVICES_EDGE_PROTO_JSON_H

#include "services/edge/json.h"

struct ProtobufCEnumDescriptor;

enum proto_json_style { PROTO_JSON_CANONICAL, PROTO_JSON_EDGE };

/* `message` is a generated struct. `only`: names (in JSON) of the fields of the outermost message that are wanted, closed
 * by NULL, or NULL for all. Nesting up to 8 messages. */
void proto_json(struct json *json, const char *name, const void *message, enum proto_json_style style,
                const char *const *only);
/* Name of an enum's value without prefix, "CONFIRMED"; NULL for 0 and unknown numbers. Borrows from the descriptor. */
const char *proto_enum_name(const struct ProtobufCEnumDescriptor *descriptor, int value);
/* The number of a name without prefix, in any case; 0 when the enum has no such name. */
int proto_enum_value(const struct ProtobufCEnumDescriptor *descriptor, const char *name);

#endif
