/* Messages that stand inside others. Shared by the message_*.c files of this folder only; encoders write the fields
 * without tag and size of the message itself. */
#ifndef GRID_WIRE_MESSAGE_PARTS_H
#define GRID_WIRE_MESSAGE_PARTS_H

#include "grid/wire/message.h"
#include "grid/wire/protobuf_wire.h"

void member_put(struct buffer *out, uint32_t field, const struct message_member *members, size_t count);
/* Reads the next member of an array that member_array made. */
void member_take(struct wire_reader *reader, struct message_member *members, size_t *count);
/* Room for all members of the repeated `field`; NULL for none. Fails the reader past NODES_MAX. */
struct message_member *member_array(struct wire_reader *reader, uint32_t field, struct arena *arena);

/* An error number of the list; fails the reader for any other. */
enum grid_err wire_err(struct wire_reader *reader);

void trace_put(struct buffer *out, uint32_t field, const struct trace_context *trace);   /* nothing when empty */
enum grid_err trace_decode(struct bytes in, struct trace_context *ret_trace);

void service_command_encode(const struct service_command *command, struct buffer *out);
size_t service_command_size_guess(const struct service_command *command);
enum grid_err service_command_decode(struct bytes in, struct service_command *ret_command);

#endif
