#include "tools/gridctl/commands/shop/event_table.h"

#include <inttypes.h>

#include "services/edge/views.h"
#include "tools/gridctl/terminal/table.h"

static bool has_principals(const struct bytes *values, size_t count, struct arena *arena)
{
    struct view_event event;
    for (size_t i = 0; i < count; i++)
        if (view_event(values[i], arena, &event) && event.principal[0] != 0)
            return true;
    return false;
}

static void show_table(struct ctl *ctl, const struct bytes *values, size_t count, struct arena *arena)
{
    bool principals = has_principals(values, count, arena);
    const char *const headers[] = {">SEQUENCE", "TIME", "TYPE", "EVENT", "SAGA", principals ? "PRINCIPAL" : NULL, NULL};
    struct table_view *table = table_view_open(ctl, headers);
    struct view_event event;
    for (size_t i = 0; i < count; i++) {
        if (!view_event(values[i], arena, &event))
            continue;
        table_view_row(table);
        table_view_cell(table, "%" PRIu64, event.sequence);
        table_view_cell(table, "%s", event.time);
        table_view_cell(table, "%s", event.type);
        table_view_cell(table, "%s", event.id);
        table_view_cell(table, "%s", event.saga);
        if (principals)
            table_view_cell(table, "%s", event.principal);
    }
    table_view_close(table, ctl);
}

static void show_json(struct ctl *ctl, const struct bytes *values, size_t count, struct arena *arena)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < count; i++)
        event_json(&json, values[i], arena);
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

void events_show(struct ctl *ctl, const struct bytes *values, size_t count)
{
    struct arena arena;
    arena_init(&arena, 4096);
    if (ctl->json)
        show_json(ctl, values, count, &arena);
    else
        show_table(ctl, values, count, &arena);
    arena_close(&arena);
}
