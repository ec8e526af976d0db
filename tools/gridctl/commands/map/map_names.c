/* map list, drop. */
#include <inttypes.h>

#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/terminal/table.h"

static void list_json(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < reply->maps_count; i++) {
        const struct grid_map_summary *map = &reply->maps[i];
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "name", map->name);
        json_put_unsigned(&json, "entries", map->entries);
        json_put_unsigned(&json, "bytes", map->bytes);
        json_put_bool(&json, "configured", map->settings_version != 0);
        json_put_unsigned(&json, "settingsVersion", map->settings_version);
        json_put_bool(&json, "journal", map->journal);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

static void show_maps(struct ctl *ctl, const struct grid_reply *reply)
{
    static const char *const headers[] = {"MAP", ">ENTRIES", ">BYTES", "SETTINGS", "JOURNAL", NULL};
    if (ctl->json) {
        list_json(ctl, reply);
        return;
    }
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < reply->maps_count; i++) {
        const struct grid_map_summary *map = &reply->maps[i];
        table_view_row(table);
        table_view_cell(table, "%s", map->name);
        table_view_cell(table, "%" PRIu64, map->entries);
        table_view_cell(table, "%" PRIu64, map->bytes);
        table_view_cell(table, "%s", map->settings_version != 0 ? "yes" : "no");
        table_view_cell(table, "%s", map->journal ? "on" : "off");
    }
    table_view_close(table, ctl);
}

int map_list(struct ctl *ctl)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_maps);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_map_list(ctl->client, &call);
    return map_finish(ctl, &asked);
}

/* ---- drop */

struct dropped { struct map_asked asked; bool found; };

static void show_dropped(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (ctl->json) {
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "map", ctl->arguments[0]);
        json_put_bool(&json, "dropped", reply->found);
        json_put_unsigned(&json, "entries", reply->count);
        json_put_object_end(&json);
        ctl_json_end(ctl);
    } else if (reply->found) {
        buffer_append_format(&ctl->out, "dropped map %s with %" PRIu64 " entries\n", ctl->arguments[0], reply->count);
    }
}

static void on_dropped(void *context, const struct grid_reply *reply)
{
    struct dropped *dropped = context;
    dropped->found = reply->found;
    map_replied(&dropped->asked, reply);
}

int map_drop(struct ctl *ctl)
{
    struct dropped dropped = {0};
    struct grid_call call = map_call(ctl, &dropped.asked, show_dropped);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    call.done = on_dropped;
    call.context = &dropped;
    grid_client_drop(ctl->client, ctl->arguments[0], &call);
    code = map_finish(ctl, &dropped.asked);
    if (code == EXIT_DONE && !dropped.found)
        return ctl_find_nothing(ctl, "no such map: %s", ctl->arguments[0]);
    return code;
}
