/* Validation of clients' messages, before the log (R8). Pure.
 *
 * Each returns OK or the error to answer with, and a static text that names the field and the bound. */
#ifndef GRID_WIRE_MESSAGES_MESSAGE_CHECK_H
#define GRID_WIRE_MESSAGES_MESSAGE_CHECK_H

#include "grid/wire/messages/message.h"

/* A client's command: kinds that only nodes make are DENIED; writes need a session and a sequence from 1 except
 * open_session; keys 1..KEY_BYTES_MAX, affinity <= KEY_BYTES_MAX, values <= VALUE_BYTES_MAX, map names 1..MAP_NAME_BYTES_MAX
 * of [A-Za-z0-9._-]; maps that contain ".events", ".view", ".completions", ".pending" as suffix are the pipeline's: DENIED to write;
 * service number not 0 (the partition checks whether the service exists), body <= VALUE_BYTES_MAX. */
enum grid_err message_check_command(const struct command *command, const char **ret_text);
/* Limits that no setting may go below or above: keys and sessions are what makes writes happen once (R3). */
enum grid_err message_check_retention(enum retention_kind kind, const struct retention_limits *limits, const char **ret_text);
enum grid_err message_check_query(const struct query *query, const char **ret_text);
/* The affinity bytes that place a key: the affinity, or the key when it is empty. */
struct bytes message_affinity(struct bytes key, struct bytes affinity);

#endif
