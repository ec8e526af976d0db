/* Inside of the faces: replies made of the core's results. Shared by face*.c, scan.c and blocking*.c only. */
#ifndef CLIENT_FACES_FACE_H
#define CLIENT_FACES_FACE_H

#include "client/core/core.h"
#include "client/grid_client.h"

struct client *face_core(struct grid_client *client);
struct arena *face_arena(struct grid_client *client);
/* This process is a child of the one that opened the client: calls that are made from now on say so. */
bool face_forked(struct grid_client *client);
/* Runs the application's callback; it may close the client or the scan. */
void face_answer(struct grid_client *client, const struct grid_call *call, const struct grid_reply *reply);
/* The core's call that runs the application's, and frees itself then. */
struct client_call face_call(struct grid_client *client, const struct grid_call *call);

/* face_values.c */
struct bytes face_bytes(struct grid_bytes bytes);
struct grid_bytes face_public(struct bytes bytes);
struct bytes face_optional(const char *text);              /* NULL: empty */
struct client_key face_key(const struct grid_key *key);
struct idempotency face_idempotency(const struct grid_idempotency *from);     /* NULL: none */
/* The reply of a result, in the arena, which it empties first: valid until the next one. */
void face_reply(struct arena *arena, const struct client_result *result, struct grid_reply *ret_reply);

#endif
