/* map load: {"key": ..., "value": ...} a line. */
#include "grid/base/memory.h"
#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/input/map_line.h"

struct loading { struct bulk *bulk; uint64_t line; };

static void on_set(void *context, const struct grid_reply *reply)
{
    struct loading *loading = context;
    bulk_finish(loading->bulk, loading->line, reply);
    memory_free(loading);
}

static void start_line(struct bulk *bulk, void *context, uint64_t number, struct bytes text)
{
    struct arena *arena = context;
    struct map_line line;
    const char *reason;
    arena_reset(arena);
    if (!map_line_load(text, arena, &line, &reason)) {
        bulk_reject(bulk, number, "%s", reason);
        return;
    }
    struct loading *loading = memory_zero(1, sizeof *loading);
    *loading = (struct loading){bulk, number};
    struct grid_call call = {.done = on_set, .context = loading};
    grid_client_operate(bulk->ctl->client, ctl_option(bulk->ctl, "map", "default"), &line.operation, &call);
}

int map_load(struct ctl *ctl)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    int code = bulk_run(ctl, &(struct bulk_plan){.noun = "entries", .start = start_line, .context = &arena});
    arena_close(&arena);
    return code;
}
