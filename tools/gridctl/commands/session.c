/* The connection to the cluster, and waiting. */
#include "grid/base/check.h"
#include "tools/gridctl/command.h"

struct ready { struct ctl *ctl; bool done; int code; };

static void on_ready(void *context, const struct grid_reply *reply)
{
    struct ready *ready = context;
    ready->done = true;
    if (reply->outcome == GRID_OUTCOME_OK)
        return;
    ctl_failed(ready->ctl, reply->outcome == GRID_OUTCOME_INVALID ? "not one cluster" : "cannot connect", reply);
    ready->code = reply->outcome == GRID_OUTCOME_INVALID ? EXIT_FAILED : EXIT_UNAVAILABLE;
}

void ctl_wait(struct ctl *ctl, const bool *done)
{
    while (!*done)
        uv_run(&ctl->loop, UV_RUN_ONCE);
}

int ctl_connect(struct ctl *ctl)
{
    struct ready ready = {.ctl = ctl};
    int code = ctl_find_endpoints(ctl);
    if (code != EXIT_DONE)
        return code;
    struct grid_options options = {.endpoints = ctl->endpoints, .endpoints_count = ctl->endpoints_count,
                                   .name = "gridctl", .timeout_ms = ctl->timeout_ms,
                                   .cluster_uuid = ctl->cluster[0] != 0 ? ctl->cluster : NULL};
    struct grid_call call = {.done = on_ready, .context = &ready};
    REQUIRE(ctl->client == NULL);
    HOLDS(uv_loop_init(&ctl->loop) == 0);
    ctl->client = grid_client_open(&ctl->loop, &options);
    grid_client_reach(ctl->client, &call);
    ctl_wait(ctl, &ready.done);
    return ready.code;
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

void ctl_close(struct ctl *ctl)
{
    bool closed = false;
    if (ctl->client == NULL)
        return;
    grid_client_close(ctl->client, on_closed, &closed);
    ctl_wait(ctl, &closed);
    uv_run(&ctl->loop, UV_RUN_DEFAULT);
    HOLDS(uv_loop_close(&ctl->loop) == 0);
    ctl->client = NULL;
}
