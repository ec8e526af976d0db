/* map load: {"key": ..., "value": ...} a line. */
#include "grid/base/memory.h"
#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/input/map_line.h"

struct loading { struct bulk *bulk; uint64_t line; struct buffer text; };   /* text: kept for --failed-to */

static void write_left(void *context, struct bytes text, struct buffer *out)
{
    (void)context;
    buffer_append(out, text);
    buffer_append_u8(out, '\n');
}

static void on_set(void *context, const struct grid_reply *reply)
{
    struct loading *loading = context;
    if (loading->text.size > 0 && bulk_is_left(reply->outcome))
        bulk_keep_left(loading->bulk, loading->line, buffer_bytes(&loading->text));
    bulk_finish(loading->bulk, loading->line, reply);
    buffer_close(&loading->text);
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
    *loading = (struct loading){.bulk = bulk, .line = number};
    if (bulk->failed_to != NULL)
        write_left(NULL, text, &loading->text);
    struct grid_call call = {.done = on_set, .context = loading};
    grid_client_operate(bulk->ctl->client, ctl_option(bulk->ctl, "map", "default"), &line.operation, &call);
}

int map_load(struct ctl *ctl)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    int code = bulk_run(ctl, &(struct bulk_plan){.noun = "entries", .repeat = "running it again with the same file is safe: it writes the same values", .start = start_line,
                                              .write_left = write_left, .context = &arena});
    arena_close(&arena);
    return code;
}
