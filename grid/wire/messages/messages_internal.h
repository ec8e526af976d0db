/* Messages inside other messages. Shared only by the message_*.c files of this folder; encoders write the fields
 * without tag and size of the message itself. */
#ifndef GRID_WIRE_MESSAGES_MESSAGES_INTERNAL_H
#define GRID_WIRE_MESSAGES_MESSAGES_INTERNAL_H

#include "grid/wire/messages/message.h"
#include "grid/wire/protobuf_wire.h"

void member_put(struct buffer *out, uint32_t field, const struct message_member *members, size_t count);
/* Reads the next member of an array that member_array made. */
void member_take(struct wire_reader *reader, struct message_member *members, size_t *count);
/* Room for all members of the repeated `field`; NULL for none. Fails the reader past NODES_MAX. */
struct message_member *member_array(struct wire_reader *reader, uint32_t field, struct arena *arena);

/* Names of features: written as they come; read into an array of the arena, at most FEATURES_SAID_MAX. */
void names_put(struct buffer *out, uint32_t field, const struct bytes *names, size_t count);
struct bytes *names_array(struct wire_reader *reader, uint32_t field, struct arena *arena);
void names_take(struct wire_reader *reader, struct bytes *names, size_t *count);

/* An error number of the list; fails the reader for any other. */
enum grid_err wire_err(struct wire_reader *reader);

void trace_put(struct buffer *out, uint32_t field, const struct trace_context *trace);   /* nothing when empty */
enum grid_err trace_decode(struct bytes in, struct trace_context *ret_trace);

void service_command_encode(const struct service_command *command, struct buffer *out);
size_t service_command_size_guess(const struct service_command *command);
enum grid_err service_command_decode(struct bytes in, struct service_command *ret_command);

/* message_map.c */
size_t map_command_size_guess(const struct map_command *map);
void map_command_encode(const struct map_command *map, struct buffer *out);
enum grid_err map_command_decode(struct bytes in, struct map_command *ret_map);
void map_batch_encode(const struct map_batch *batch, struct buffer *out);
enum grid_err map_batch_decode(struct bytes in, struct arena *arena, struct map_batch *ret_batch);
enum grid_err map_name_decode(struct bytes in, struct bytes *ret_map);     /* a message of field 1 alone */
void map_settings_put(struct buffer *out, uint32_t field, const struct map_settings *settings);
enum grid_err map_settings_decode(struct bytes in, struct map_settings *ret_settings);
void map_summary_put(struct buffer *out, uint32_t field, const struct map_summary *summary);
void map_summary_take(struct wire_reader *outer, struct arena *arena, struct response *response);    /* the next of them */
void map_configure_encode(const struct map_configure *configure, struct buffer *out);
enum grid_err map_configure_decode(struct bytes in, struct map_configure *ret_configure);
/* message_retention.c */
void retain_encode(const struct retain_command *retain, struct buffer *out);
enum grid_err retain_decode(struct bytes in, struct retain_command *ret_retain);
void retention_status_put(struct buffer *out, uint32_t field, const struct retention_status *status);
void retention_status_take(struct wire_reader *outer, struct arena *arena, struct response *response);   /* the next of them */
void idempotency_put(struct buffer *out, uint32_t field, const struct idempotency *idempotency); /* nothing when empty */
enum grid_err idempotency_decode(struct bytes in, struct idempotency *ret_idempotency);

/* message_backup.c */
void backup_encode(const struct backup_query *backup, struct buffer *out);
enum grid_err backup_decode(struct bytes in, struct backup_query *ret_backup);
void restore_encode(const struct restore_command *restore, struct buffer *out);
enum grid_err restore_decode(struct bytes in, struct restore_command *ret_restore);

/* message_journal.c; what is taken lives in the arena */
void journal_page_put(struct buffer *out, uint32_t field, const struct journal_page *page);
const struct journal_page *journal_page_take(struct wire_reader *outer, struct arena *arena);
void map_info_put(struct buffer *out, uint32_t field, const struct map_info *info);
const struct map_info *map_info_take(struct wire_reader *outer, struct arena *arena);
void result_put(struct buffer *out, uint32_t field, const struct operation_result *result);
void result_take(struct wire_reader *outer, struct operation_result *results, size_t *count);

#endif
