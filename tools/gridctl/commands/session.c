/* The connection to the cluster, and waiting. */
#include "grid/base/check.h"
#include "tools/gridctl/command.h"

struct ready { bool done; enum grid_outcome outcome; };

static void on_ready(void *context, const struct grid_reply *reply)
{
    struct ready *ready = context;
    ready->done = true;
    ready->outcome = reply->outcome;
}

void ctl_wait(struct ctl *ctl, const bool *done)
{
    while (!*done)
        uv_run(&ctl->loop, UV_RUN_ONCE);
}

int ctl_connect(struct ctl *ctl)
{
    struct ready ready = {0};
    int code = ctl_find_endpoints(ctl);
    if (code != EXIT_DONE)
        return code;
    struct grid_options options = {.endpoints = ctl->endpoints, .endpoints_count = ctl->endpoints_count,
                                   .name = "gridctl", .timeout_ms = ctl->timeout_ms};
    struct grid_call call = {.done = on_ready, .context = &ready};
    REQUIRE(ctl->client == NULL);
    HOLDS(uv_loop_init(&ctl->loop) == 0);
    ctl->client = grid_client_open(&ctl->loop, &options);
    grid_client_ready(ctl->client, &call);
    ctl_wait(ctl, &ready.done);
    if (ready.outcome == GRID_OUTCOME_OK)
        return EXIT_DONE;
    struct buffer list = {0};
    for (size_t i = 0; i < ctl->endpoints_count; i++)
        buffer_append_format(&list, "%s%s", i > 0 ? ", " : "", ctl->endpoints[i]);
    if (ready.outcome == GRID_OUTCOME_BUSY)
        ctl_complain(ctl, EXIT_UNAVAILABLE, "no room: %.*s takes no further connections (clients.connections_max, clients.per_address_max)",
                     (int)list.size, (const char *)list.data);
    else
        ctl_complain(ctl, EXIT_UNAVAILABLE, "no node answers at %.*s", (int)list.size, (const char *)list.data);
    buffer_close(&list);
    return EXIT_UNAVAILABLE;
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

int ctl_exit_code(enum grid_outcome outcome)
{
    switch (outcome) {
    case GRID_OUTCOME_OK: return EXIT_DONE;
    case GRID_OUTCOME_UNAVAILABLE:
    case GRID_OUTCOME_CLOSED: return EXIT_UNAVAILABLE;
    case GRID_OUTCOME_UNKNOWN: return EXIT_UNKNOWN;
    case GRID_OUTCOME_INVALID:
    case GRID_OUTCOME_NOT_FOUND:
    case GRID_OUTCOME_ALREADY_EXISTS:
    case GRID_OUTCOME_VERSION_CONFLICT:
    case GRID_OUTCOME_LOG_FULL:
    case GRID_OUTCOME_TOO_LARGE:
    case GRID_OUTCOME_RESULT_NOT_KEPT:
    case GRID_OUTCOME_NOT_SUPPORTED:
    case GRID_OUTCOME_BUSY:
    case GRID_OUTCOME_MALFORMED:
    case GRID_OUTCOME_REFUSED:
    case GRID_OUTCOME_DENIED:
    case GRID_OUTCOME_IDEMPOTENCY_MISMATCH:
    case GRID_OUTCOME_MAP_FULL:
    case GRID_OUTCOME_FORKED:
    default: return EXIT_FAILED;
    }
}
