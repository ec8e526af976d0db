/* The asynchronous face: the core on the caller's libuv loop. */
#include "client/faces/face.h"

#include <string.h>
#include <uv.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_io.h"

struct grid_client {
    struct uv_io *uv_io;
    struct client *core;
    struct arena arena;                    /* of the present reply */
    struct arena members_arena;
    struct uuid_text uuid;
    uv_idle_t ending;                      /* waits until the other handles are closed */
    int rounds;
    uint32_t answering;                    /* callbacks of the application that run now */
    void (*closed)(void *context);
    void *closed_context;
};

/* A call of the application on its way. */
struct pending_call { struct grid_client *client; struct grid_call call; };

/* ---- small things */

struct client *face_core(struct grid_client *client)
{
    return client->core;
}

struct arena *face_arena(struct grid_client *client)
{
    return &client->arena;
}

bool face_forked(struct grid_client *client)
{
    if (!uv_io_forked(client->uv_io))
        return false;
    if (client->core != NULL)
        client_disown(client->core);
    return true;
}

/* ---- replies */

void face_answer(struct grid_client *client, const struct grid_call *call, const struct grid_reply *reply)
{
    client->answering++;
    call->done(call->context, reply);
    client->answering--;
}

static void answered(void *context, const struct client_result *result)
{
    struct pending_call *pending = context;
    struct grid_client *client = pending->client;
    struct grid_call call = pending->call;
    struct grid_reply reply;
    face_reply(&client->arena, result, &reply);
    memory_free(pending);
    face_answer(client, &call, &reply);
}

struct client_call face_call(struct grid_client *client, const struct grid_call *call)
{
    struct pending_call *pending = memory_zero(1, sizeof *pending);
    REQUIRE(call->done != NULL);
    (void)face_forked(client);
    *pending = (struct pending_call){client, *call};
    return (struct client_call){.done = answered, .context = pending, .deadline_ms = call->timeout_ms};
}

/* ---- calls */

void grid_client_ready(struct grid_client *client, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_ready(client->core, &inner);
}

void grid_client_reach(struct grid_client *client, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_reach(client->core, &inner);
}

void grid_client_command(struct grid_client *client, const struct grid_command *command, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct command whole = {.kind = COMMAND_SERVICE, .idempotency = face_idempotency(call->idempotency)};
    whole.service = (struct service_command){
        .service = command->service, .type = command->type, .key = bytes_of_text(command->key),
        .affinity = face_optional(command->affinity), .body = face_bytes(command->body),
        .trace = {.correlation_id = face_optional(command->correlation_id),
                  .traceparent = face_optional(command->traceparent)}};
    client_command(client->core, &whole, &inner);
}

void grid_client_backup(struct grid_client *client, uint32_t partition, const struct grid_backup *step, const struct grid_call *call)
{
    struct query query = {.kind = QUERY_BACKUP, .backup = {(enum backup_step)step->step, step->backup, step->offset}};
    struct client_call inner = face_call(client, call);
    client_query(face_core(client), (struct partition_id){partition}, &query, &inner);
}

void grid_client_restore(struct grid_client *client, uint32_t partition, const struct grid_restore *step, const struct grid_call *call)
{
    struct query query = {.kind = QUERY_RESTORE, .restore = {(enum restore_step)step->step, step->backup, step->offset, face_bytes(step->piece), step->epoch}};
    struct client_call inner = face_call(client, call);
    client_query(face_core(client), (struct partition_id){partition}, &query, &inner);
}

void grid_client_raise_level(struct grid_client *client, uint32_t level, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_raise_level(face_core(client), level, &inner);
}

void grid_client_retention(struct grid_client *client, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_retention(face_core(client), &inner);
}

void grid_client_retain(struct grid_client *client, enum grid_retention_kind kind, const struct grid_retention_limits *limits,
                        uint64_t expected_version, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    struct retention_limits wanted = {.age_ms = limits->age_ms, .count = limits->count, .bytes = limits->bytes};
    client_retain(face_core(client), (enum retention_kind)kind, &wanted, expected_version, &inner);
}

void grid_client_node_status(struct grid_client *client, uint32_t node, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_admin(client->core, (struct node_id){node}, ADMIN_STATUS, &inner);
}

void grid_client_partitions(struct grid_client *client, uint32_t node, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_admin(client->core, (struct node_id){node}, ADMIN_PARTITIONS, &inner);
}

void grid_client_take_snapshot(struct grid_client *client, uint32_t node, uint32_t partition, const struct grid_call *call)
{
    struct client_call inner = face_call(client, call);
    client_take_snapshot(client->core, (struct node_id){node}, partition, &inner);
}

size_t grid_client_pending(const struct grid_client *client)
{
    return client_pending(client->core);
}

size_t grid_client_members(struct grid_client *client, const struct grid_member **ret_members)
{
    size_t count;
    const struct message_member *from = client_members(client->core, &count);
    arena_reset(&client->members_arena);
    struct grid_member *members = arena_zero(&client->members_arena, (count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++)
        members[i] = (struct grid_member){from[i].node.value,
                                          arena_text(&client->members_arena, from[i].client_address)};
    *ret_members = members;
    return count;
}

uint32_t grid_client_partition_count(const struct grid_client *client)
{
    return client_partitions(client->core);
}

const char *grid_client_cluster_uuid(struct grid_client *client)
{
    struct uuid uuid = client_cluster_uuid(client->core);
    client->uuid = uuid_text_of(uuid);
    return uuid_is_nil(uuid) ? "" : client->uuid.text;
}

const char *grid_client_cluster(const struct grid_client *client)
{
    return client_cluster(client->core);
}

/* ---- life */

struct grid_client *grid_client_open(struct uv_loop_s *loop, const struct grid_options *options)
{
    struct grid_client *client = memory_zero(1, sizeof *client);
    struct client_options core = {.endpoints = options->endpoints, .endpoints_count = options->endpoints_count,
                                  .name = options->name, .deadline_ms = options->timeout_ms,
                                  .attempt_ms = options->attempt_ms, .pending_max = options->pending_max};
    /* What is no UUID stays nil, and names no cluster. */
    struct uuid cluster = {{0}};
    if (options->cluster_uuid != NULL) {
        (void)uuid_parse(options->cluster_uuid, &cluster);
        core.cluster_uuid = &cluster;
    }
    client->uv_io = uv_io_open(loop);
    arena_init(&client->arena, 4096);
    arena_init(&client->members_arena, 1024);
    client->core = client_open(uv_io_io(client->uv_io), &core);
    uv_idle_init(loop, &client->ending);
    client->ending.data = client;
    return client;
}

static void free_client(uv_handle_t *handle)
{
    struct grid_client *client = handle->data;
    void (*closed)(void *) = client->closed;
    void *context = client->closed_context;
    uv_io_free(client->uv_io);
    arena_close(&client->arena);
    arena_close(&client->members_arena);
    memory_free(client);
    if (closed != NULL)
        closed(context);
}

static void end_core(struct grid_client *client)
{
    struct client *core = client->core;
    client->core = NULL;
    client_close(core);
    uv_io_close(client->uv_io);
}

/* Handles end in the closing phase of this iteration, or of the first one when the loop does not run now; the second
 * call of an idle handle lies behind both. */
static void when_ended(uv_idle_t *handle)
{
    struct grid_client *client = handle->data;
    if (client->core != NULL) {
        end_core(client);
        return;
    }
    if (++client->rounds < 2)
        return;
    uv_idle_stop(handle);
    uv_close((uv_handle_t *)handle, free_client);
}

void grid_client_close(struct grid_client *client, void (*closed)(void *context), void *context)
{
    client->closed = closed;
    client->closed_context = context;
    /* From inside a callback the core is still at work with what it answers: it ends in the loop's next turn. */
    if (client->answering == 0)
        end_core(client);
    uv_idle_start(&client->ending, when_ended);
}
