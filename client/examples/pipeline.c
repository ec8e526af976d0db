/* Sets many keys on its own loop, with up to 1,000 under way, then counts them.
 *
 *     build/bin/example-pipeline 127.0.0.1:7400 100000 */
#include <errno.h>
#include <grid_client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { UNDER_WAY = 1000 };

struct load {
    struct grid_client *client;
    uint64_t wanted, asked, done, unknown, failed, counted;
};

static void on_set(void *context, const struct grid_reply *reply);

static void set_next(struct load *load)
{
    char key[32];
    struct grid_call call = {.done = on_set, .context = load};
    snprintf(key, sizeof key, "key-%" PRIu64, load->asked++);
    struct grid_key identity = grid_key_text(key);
    grid_client_set(load->client, "pipeline", &identity, grid_text("value"), &call);
}

static void on_size(void *context, const struct grid_reply *reply)
{
    struct load *load = context;
    load->counted = reply->count;
    grid_client_close(load->client, NULL, NULL);
}

/* One comes back, one leaves: callbacks may make calls. */
static void on_set(void *context, const struct grid_reply *reply)
{
    struct load *load = context;
    load->done++;
    load->unknown += reply->outcome == GRID_OUTCOME_UNKNOWN;
    load->failed += reply->outcome != GRID_OUTCOME_OK && reply->outcome != GRID_OUTCOME_UNKNOWN;
    if (load->asked < load->wanted) {
        set_next(load);
    } else if (load->done == load->wanted) {
        struct grid_call call = {.done = on_size, .context = load};
        grid_client_size(load->client, "pipeline", &call);
    }
}

int main(int count, char **arguments)
{
    uv_loop_t loop;
    struct load load = {0};
    char *end = NULL;
    errno = 0;
    if (count == 3)
        load.wanted = strtoull(arguments[2], &end, 10);
    if (count != 3 || errno != 0 || *end != 0 || load.wanted == 0) {
        fprintf(stderr, "usage: %s HOST:PORT KEYS\n", arguments[0]);
        return 2;
    }
    uv_loop_init(&loop);
    const char *endpoint = arguments[1];
    struct grid_options options = {.endpoints = &endpoint, .endpoints_count = 1, .name = "pipeline"};
    load.client = grid_client_open(&loop, &options);
    uint64_t began = uv_hrtime();
    for (int i = 0; i < UNDER_WAY && load.asked < load.wanted; i++)
        set_next(&load);
    uv_run(&loop, UV_RUN_DEFAULT);
    uint64_t took_ms = (uv_hrtime() - began) / 1000000;
    uv_loop_close(&loop);
    printf("%" PRIu64 " keys in %" PRIu64 " ms; %" PRIu64 " failed, %" PRIu64 " unknown; the map holds %" PRIu64 "\n",
           load.done, took_ms, load.failed, load.unknown, load.counted);
    return load.unknown > 0 ? 4 : load.failed > 0 ? 1 : 0;
}
