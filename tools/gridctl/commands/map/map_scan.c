/* map scan and map export: entries of a map; as lines they are what map load and map import read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/commands/pager.h"
#include "tools/gridctl/terminal/table.h"

struct shown {
    struct ctl *ctl;
    struct json json;
    struct table_view *table;
    uint64_t count;
};

/* A line of NDJSON holds what map load takes and nothing else: no version, which belongs to this cluster. */
static int show_json(struct shown *shown, const struct grid_entry *entry)
{
    bool line = shown->ctl->output == OUTPUT_NDJSON;
    json_put_object_begin(&shown->json, NULL);
    map_json_value(&shown->json, "key", entry->key);
    if (entry->affinity.size > 0)
        map_json_value(&shown->json, "affinity", entry->affinity);
    map_json_value(&shown->json, "value", entry->value);
    if (!line)
        json_put_unsigned(&shown->json, "version", entry->version);
    if (entry->ttl_ms != 0)
        json_put_unsigned(&shown->json, "ttlMs", entry->ttl_ms);
    json_put_object_end(&shown->json);
    if (line)
        ctl_json_end(shown->ctl);
    return EXIT_DONE;
}

static int show_entry(void *context, const struct grid_entry *entry)
{
    struct shown *shown = context;
    shown->count++;
    if (shown->table == NULL)
        return show_json(shown, entry);
    table_view_row(shown->table);
    table_view_bytes(shown->table, bytes_of(entry->key.data, entry->key.size));
    table_view_bytes(shown->table, bytes_of(entry->affinity.data, entry->affinity.size));
    table_view_cell(shown->table, "%" PRIu64, entry->version);
    table_view_bytes(shown->table, bytes_of(entry->value.data, entry->value.size));
    return EXIT_DONE;
}

static void begin(struct ctl *ctl, void *context)
{
    static const char *const headers[] = {"KEY", "AFFINITY", ">VERSION", "VALUE", NULL};
    struct shown *shown = context;
    shown->json = ctl_json(ctl);
    if (!ctl->json)
        shown->table = table_view_open(ctl, headers);
    else if (ctl->output != OUTPUT_NDJSON)
        json_put_array_begin(&shown->json, NULL);
}

static void end(struct ctl *ctl, void *context)
{
    struct shown *shown = context;
    if (shown->table != NULL) {
        table_view_close(shown->table, ctl);
    } else if (ctl->output != OUTPUT_NDJSON) {
        json_put_array_end(&shown->json);
        ctl_json_end(ctl);
    }
}

int map_scan(struct ctl *ctl)
{
    struct shown shown = {.ctl = ctl};
    struct pager_plan plan = {.map = map_name(ctl), .affinity = grid_text(ctl_option(ctl, "affinity", "")),
                              .key_prefix = grid_text(ctl_option(ctl, "prefix", "")), .ttl = ctl->json, .context = &shown,
                              .begin = begin, .show = show_entry, .end = end};
    return pager_run(ctl, &plan);
}

/* ---- export */

static int export_all(struct ctl *ctl, struct shown *shown)
{
    struct pager_plan plan = {.map = map_name(ctl), .affinity = grid_text(ctl_option(ctl, "affinity", "")),
                              .key_prefix = grid_text(ctl_option(ctl, "prefix", "")), .ttl = true, .all = true, .context = shown,
                              .begin = begin, .show = show_entry, .end = end};
    int code = pager_run(ctl, &plan);
    return ctl_flush(ctl) || code != EXIT_DONE ? code : EXIT_FAILED;
}

/* A file appears under its name when it is whole; until then it has another one, that messages do not name. */
static int export_to_file(struct ctl *ctl, struct shown *shown, const char *path)
{
    struct buffer part = {0};
    buffer_append_format(&part, "%s.part", path);
    buffer_append_u8(&part, 0);
    const char *name = (const char *)part.data;
    int code = EXIT_FAILED;
    ctl->file_name = path;
    ctl->file = fopen(name, "wxe");
    if (ctl->file == NULL && errno == EEXIST) {
        ctl_complain(ctl, EXIT_FAILED, "%s: another export writes it, or one was interrupted: then remove %s", path, name);
    } else if (ctl->file == NULL) {
        ctl_complain(ctl, EXIT_FAILED, "%s: %s", path, strerror(errno));
    } else {
        code = export_all(ctl, shown);
        bool closed = fclose(ctl->file) == 0;
        if (code == EXIT_DONE && (!closed || rename(name, path) != 0))
            code = ctl_complain(ctl, EXIT_FAILED, "%s: %s", path, strerror(errno));
        if (code != EXIT_DONE)
            remove(name);
    }
    ctl->file = NULL;
    ctl->file_name = NULL;
    buffer_close(&part);
    return code;
}

int map_export(struct ctl *ctl)
{
    struct shown shown = {.ctl = ctl};
    const char *path = ctl_option(ctl, "file", "-");
    /* The lines are the same whatever the format; -o says how errors look. */
    ctl->json = true;
    ctl->output = OUTPUT_NDJSON;
    int code = strcmp(path, "-") == 0 ? export_all(ctl, &shown) : export_to_file(ctl, &shown, path);
    if (code == EXIT_DONE)
        ctl_note(ctl, "%" PRIu64 " entries of map %s exported", shown.count, map_name(ctl));
    return code;
}
