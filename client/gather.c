/* Requests that ask every partition. */
#include "client/core.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"

struct gather {
    struct client *client;
    struct buffer map;
    struct client_call call;
    uint32_t left;
    enum grid_err err;
    struct buffer note;                    /* of the first failure */
    uint64_t count;
};

static void finish(struct gather *gather)
{
    struct response response = {.err = gather->err, .count = gather->count};
    buffer_append_u8(&gather->note, 0);
    struct client_result result = {.err = gather->err, .response = &response, .note = (const char *)gather->note.data};
    gather->call.done(gather->call.context, &result);
    buffer_close(&gather->map);
    buffer_close(&gather->note);
    memory_free(gather);
}

static void counted(void *context, const struct client_result *result)
{
    struct gather *gather = context;
    REQUIRE(gather->left > 0);
    gather->count += result->response->count;
    if (result->err != GRID_ERR_OK && gather->err == GRID_ERR_OK) {
        gather->err = result->err;
        buffer_append_text(&gather->note, result->note);
    }
    if (--gather->left == 0)
        finish(gather);
}

static void ask_all(void *context, const struct client_result *result)
{
    struct gather *gather = context;
    gather->left = 1;
    if (result->err != GRID_ERR_OK) {
        counted(gather, result);
        return;
    }
    struct query query = {.kind = QUERY_SIZE, .map = buffer_bytes(&gather->map)};
    struct client_call each = {.done = counted, .context = gather, .deadline_ms = gather->call.deadline_ms};
    gather->left = client_partitions(gather->client);
    for (uint32_t i = 0, count = gather->left; i < count; i++)
        client_query(gather->client, (struct partition_id){i}, &query, &each);
}

void client_map_size(struct client *client, struct bytes map, const struct client_call *call)
{
    struct gather *gather = memory_zero(1, sizeof *gather);
    struct client_call ready = {.done = ask_all, .context = gather, .deadline_ms = call->deadline_ms};
    gather->client = client;
    gather->call = *call;
    buffer_append(&gather->map, map);
    client_ready(client, &ready);
}
