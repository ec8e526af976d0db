/* The same on many entries: one request each, under way together. */
#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"

struct many;
struct one { struct many *many; size_t place; };

struct many {
    enum client_many what;
    struct client_call call;
    size_t count, left, found, done;
    struct one *ones;
    enum grid_err *outcomes;
    struct map_entry *entries;             /* GET_ALL: those found; keys and values in the arena */
    struct arena arena;
    enum grid_err err;
    char *note;
};

static void finish(struct many *many)
{
    struct response response = {.err = many->err, .count = many->what == CLIENT_PUT_ALL ? many->done : many->found,
                                .entries = many->entries};
    struct client_result result = {.err = many->err, .response = &response, .note = many->note,
                                   .outcomes = many->outcomes, .outcomes_count = many->count};
    size_t kept = 0;
    for (size_t i = 0; many->what == CLIENT_GET_ALL && i < many->count; i++)
        if (many->entries[i].version != 0)
            many->entries[kept++] = many->entries[i];
    response.entries_count = kept;
    many->call.done(many->call.context, &result);
    arena_close(&many->arena);
    memory_free(many);
}

static void fail(struct many *many, const struct client_result *result)
{
    if (many->err != GRID_ERR_OK)
        return;
    many->err = result->err;
    many->note = arena_text(&many->arena, bytes_of_text(result->note));
}

static void one_done(void *context, const struct client_result *result)
{
    struct one *one = context;
    struct many *many = one->many;
    const struct response *response = result->response;
    REQUIRE(many->left > 0);
    many->outcomes[one->place] = result->err;
    if (result->err != GRID_ERR_OK)
        fail(many, result);
    many->done += result->err == GRID_ERR_OK;
    many->found += response->found;
    if (many->what == CLIENT_GET_ALL && response->found) {
        many->entries[one->place].value = arena_copy(&many->arena, response->value);
        many->entries[one->place].version = response->version;
    }
    if (--many->left == 0)
        finish(many);
}

static void nothing_asked(void *context, const struct client_result *result)
{
    struct many *many = context;
    if (result->err != GRID_ERR_OK)
        fail(many, result);
    finish(many);
}

static void ask(struct client *client, struct many *many, struct bytes map, const struct map_entry *entry, size_t place)
{
    struct client_call call = {.done = one_done, .context = &many->ones[place], .deadline_ms = many->call.deadline_ms};
    struct client_key key = {entry->key, entry->affinity};
    many->ones[place] = (struct one){many, place};
    switch (many->what) {
    case CLIENT_PUT_ALL: client_map_set(client, map, &key, entry->value, &call); break;
    case CLIENT_REMOVE_ALL: client_map_remove(client, map, &key, &call); break;
    case CLIENT_GET_ALL:
        many->entries[place] = (struct map_entry){.key = arena_copy(&many->arena, entry->key),
                                                  .affinity = arena_copy(&many->arena, entry->affinity)};
        client_map_get(client, map, &key, &call);
        break;
    }
}

void client_map_many(struct client *client, enum client_many what, struct bytes map, const struct map_entry *entries,
                     size_t count, const struct client_call *call)
{
    struct many *many = memory_zero(1, sizeof *many);
    *many = (struct many){.what = what, .call = *call, .count = count, .left = count};
    arena_init(&many->arena, 4096);
    many->note = arena_text(&many->arena, BYTES_NONE);
    many->ones = arena_zero(&many->arena, (count + 1) * sizeof *many->ones);
    many->outcomes = arena_zero(&many->arena, (count + 1) * sizeof *many->outcomes);
    if (what == CLIENT_GET_ALL)
        many->entries = arena_zero(&many->arena, (count + 1) * sizeof *many->entries);
    if (count == 0) {
        struct client_call ready = {.done = nothing_asked, .context = many, .deadline_ms = call->deadline_ms};
        client_ready(client, &ready);
    }
    for (size_t i = 0; i < count; i++)
        ask(client, many, map, &entries[i], i);
}
