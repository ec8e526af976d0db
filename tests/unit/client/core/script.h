/* A client whose nodes are played by the test: nodes "n1:7400" .. "n3:7400", all time in the test's hand.
 *
 * The client is opened with the endpoints of nodes 1 and 2. Partition p is led by node p % 3 + 1 in the first table. */
#ifndef TESTS_UNIT_CLIENT_CORE_SCRIPT_H
#define TESTS_UNIT_CLIENT_CORE_SCRIPT_H

#include "client/core/core.h"
#include "grid/wire/frame.h"
#include "grid/wire/messages/message.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

enum { SCRIPT_NODES = 3, SCRIPT_PARTITIONS = 4 };

struct script {
    struct fake_clock clock;
    struct fake_transport transport;
    struct entropy entropy;
    struct io io;
    struct client *client;
    uint32_t leaders[SCRIPT_PARTITIONS];
    const char *first_at;                  /* address of node 1 in tables; NULL: "n1:7400" */
    struct arena arena;                    /* of what was decoded for the test */
};

/* What a node received. Borrowed until the next script_ call. */
struct heard {
    enum frame_type type;
    uint32_t partition;
    uint64_t request;
    struct bytes body;                     /* as on the wire */
    struct command command;
    struct query query;
};

/* An outcome, filled in by the callback that script_call hands out. */
struct outcome {
    int calls;
    enum grid_err err;
    uint64_t version, count;
    bool found;
    char value[64], note[1024], refusal[64], state[32];
};

void script_open(struct script *script);
void script_open_with(struct script *script, const struct client_options *options);
void script_close(struct script *script);
/* Ends the loop iteration and checks the client's invariants. */
void script_run(struct script *script);
void script_advance(struct script *script, uint64_t us);
/* Node accepts what was dialled, reads the greeting and sends its welcome. */
void script_welcome(struct script *script, uint32_t node);
/* The same, but the node says that it belongs to this cluster. */
void script_welcome_to(struct script *script, uint32_t node, const char *cluster);
/* The same, and what else the welcome says but the table; a node that is given stands behind the other one's address. */
void script_welcome_as(struct script *script, uint32_t node, const struct message_welcome *said);
void script_refuse(struct script *script, uint32_t node);      /* refuses what was dialled */
bool script_is_dialled(struct script *script, uint32_t node);
bool script_is_up(struct script *script, uint32_t node);
void script_cut(struct script *script, uint32_t node);         /* ends the connection */
void script_table(struct script *script, uint32_t node);       /* pushes script->leaders */
/* Next frame that the node received; false: none. */
bool script_hear(struct script *script, uint32_t node, struct heard *ret_heard);
bool script_is_silent(struct script *script, uint32_t node);
void script_answer(struct script *script, uint32_t node, const struct heard *heard, const struct response *response);
void script_answer_err(struct script *script, uint32_t node, const struct heard *heard, enum grid_err err, uint32_t leader);
void script_admin(struct script *script, uint32_t node, const struct heard *heard, const struct admin_response *response);
void script_say(struct script *script, uint32_t node, struct bytes data);
/* The partition's leader answers OpenSession with this session. */
void script_session(struct script *script, uint32_t node, uint64_t session);
struct client_call script_call(struct outcome *outcome);
/* A key of this partition, from a fixed place of its own. */
struct client_key script_key(uint32_t partition);
void script_set(struct script *script, uint32_t partition, struct outcome *outcome);
void script_get(struct script *script, uint32_t partition, struct outcome *outcome);

#endif
