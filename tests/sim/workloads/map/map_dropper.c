#include "tests/sim/workloads/map/map_dropper.h"

enum { PAUSE_US_LEAST = 300000, PAUSE_US_MOST = 6000000 };

static void pause_then_drop(struct map_dropper *dropper);

static void note(struct map_dropper *dropper, const struct wgl_operation *common)
{
    for (uint32_t i = 0; i < dropper->keys_count; i++) {
        struct wgl_operation operation = *common;
        operation.key = i;
        if (client_partition_of(dropper->client, bytes_of_text(dropper->keys[i])).value == dropper->partition)
            dropper->record(dropper->context, &operation);
    }
}

static void on_dropped(void *context, const struct client_result *result)
{
    struct map_dropper *dropper = context;
    struct world *world = host_world(dropper->host);
    struct wgl_operation operation = {.kind = WGL_REMOVE, .client = dropper->number, .called = dropper->called_us,
                                      .returned = world_now_us(world), .blind = true};
    if (result->err == GRID_ERR_UNKNOWN || result->err == GRID_ERR_RESULT_NOT_KEPT) {
        operation.returned = WGL_NEVER;
        note(dropper, &operation);
    } else if (result->err == GRID_ERR_OK) {
        operation.blind = result->response->found;
        note(dropper, &operation);
        if (result->response->count > 0)
            SOMETIMES(world, "a map is dropped while it is written");
    }
    if (!client_closing(dropper->client))
        pause_then_drop(dropper);
}

static void run_drop(struct world *world, void *context)
{
    struct map_dropper *dropper = context;
    struct client_call call = {.done = on_dropped, .context = dropper};
    struct command command = {.kind = COMMAND_DROP, .drop = {bytes_of_text(dropper->map)}};
    uint32_t partitions = client_partitions(dropper->client);
    if (*dropper->draining)
        return;
    if (partitions == 0) {
        pause_then_drop(dropper);
        return;
    }
    dropper->partition = (uint32_t)prng_range(world_prng(world), 0, partitions - 1);
    dropper->called_us = world_now_us(world);
    client_command_at(dropper->client, (struct partition_id){dropper->partition}, &command, &call);
}

static void pause_then_drop(struct map_dropper *dropper)
{
    uint64_t pause_us = prng_range(world_prng(host_world(dropper->host)), PAUSE_US_LEAST, PAUSE_US_MOST);
    host_at(dropper->host, pause_us, run_drop, dropper);
}

void map_dropper_begin(struct map_dropper *dropper)
{
    pause_then_drop(dropper);
}
