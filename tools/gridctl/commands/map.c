/* map get, size, scan; and what all commands of maps share. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/wire/protobuf_wire.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/map.h"
#include "tools/gridctl/terminal/table.h"

const char *map_name(const struct ctl *ctl)
{
    return ctl_option(ctl, "map", "default");
}

struct grid_key map_key(const struct ctl *ctl)
{
    return (struct grid_key){.key = grid_text(ctl->arguments[0]), .affinity = grid_text(ctl_option(ctl, "affinity", ""))};
}

void map_replied(void *context, const struct grid_reply *reply)
{
    struct map_asked *asked = context;
    asked->done = true;
    asked->code = EXIT_DONE;
    if (reply->outcome != GRID_OUTCOME_OK)
        asked->code = ctl_failed(asked->ctl, NULL, reply);
    else
        asked->show(asked->ctl, reply);
}

struct grid_call map_call(struct ctl *ctl, struct map_asked *asked,
                          void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    *asked = (struct map_asked){.ctl = ctl, .show = show};
    return (struct grid_call){.done = map_replied, .context = asked};
}

int map_finish(struct ctl *ctl, struct map_asked *asked)
{
    ctl_wait(ctl, &asked->done);
    return asked->code;
}

/* ---- what is shown */

/* Text where it is text; else {"base64": …}, so that nothing is lost. */
void map_json_value(struct json *json, const char *name, struct grid_bytes value)
{
    struct bytes bytes = bytes_of(value.data, value.size);
    if (wire_utf8_valid(bytes)) {
        json_put_text(json, name, bytes);
        return;
    }
    json_put_object_begin(json, name);
    json_put_base64(json, "base64", bytes);
    json_put_object_end(json);
}

static void show_value(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (ctl->json) {
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "key", ctl->arguments[0]);
        json_put_bool(&json, "found", reply->found);
        if (reply->found) {
            map_json_value(&json, "value", reply->value);
            json_put_unsigned(&json, "version", reply->version);
            if (reply->ttl_ms != 0)
                json_put_unsigned(&json, "ttlMs", reply->ttl_ms);
        }
        json_put_object_end(&json);
        ctl_json_end(ctl);
    } else if (reply->found) {
        map_print_value(ctl, reply->value);
    }
}

static void show_count(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        buffer_append_format(&ctl->out, "%" PRIu64 "\n", reply->count);
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_string(&json, "map", map_name(ctl));
    json_put_unsigned(&json, "size", reply->count);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

/* ---- commands */

struct got { struct map_asked asked; bool found; };

static void on_get(void *context, const struct grid_reply *reply)
{
    struct got *got = context;
    got->found = reply->found;
    map_replied(&got->asked, reply);
}

int map_get(struct ctl *ctl)
{
    struct got got = {0};
    struct grid_call call = map_call(ctl, &got.asked, show_value);
    struct grid_key key = map_key(ctl);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    call.done = on_get;
    call.context = &got;
    grid_client_get(ctl->client, map_name(ctl), &key, &call);
    code = map_finish(ctl, &got.asked);
    if (code == EXIT_DONE && !got.found)
        return ctl_complain(ctl, EXIT_FAILED, "no such key: %s", ctl->arguments[0]);
    return code;
}

int map_size(struct ctl *ctl)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_count);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_size(ctl->client, map_name(ctl), &call);
    return map_finish(ctl, &asked);
}

/* ---- scan */

struct shown {
    struct ctl *ctl;
    struct json json;
    struct table_view *table;
    uint64_t left;                         /* entries that may still be shown */
    bool done, more;
    int code;
};

static void show_entry(struct shown *shown, const struct grid_entry *entry)
{
    if (shown->table != NULL) {
        table_view_row(shown->table);
        table_view_cell(shown->table, "%.*s", (int)entry->key.size, (const char *)entry->key.data);
        table_view_cell(shown->table, "%" PRIu64, entry->version);
        table_view_cell(shown->table, "%.*s", (int)(entry->value.size < 200 ? entry->value.size : 200),
                        (const char *)entry->value.data);
        return;
    }
    json_put_object_begin(&shown->json, NULL);
    map_json_value(&shown->json, "key", entry->key);
    if (entry->affinity.size > 0)
        map_json_value(&shown->json, "affinity", entry->affinity);
    map_json_value(&shown->json, "value", entry->value);
    json_put_unsigned(&shown->json, "version", entry->version);
    json_put_object_end(&shown->json);
}

static void on_page(void *context, const struct grid_reply *reply)
{
    struct shown *shown = context;
    shown->done = true;
    shown->more = reply->more;
    if (reply->outcome != GRID_OUTCOME_OK)
        shown->code = ctl_failed(shown->ctl, NULL, reply);
    for (size_t i = 0; i < reply->entries_count && shown->left > 0; i++, shown->left--)
        show_entry(shown, &reply->entries[i]);
}

int map_scan(struct ctl *ctl)
{
    static const char *const headers[] = {"KEY", ">VERSION", "VALUE", NULL};
    struct shown shown = {.ctl = ctl};
    struct grid_call call = {.done = on_page, .context = &shown};
    struct grid_scan_options options = {.map = map_name(ctl), .affinity = grid_text(ctl_option(ctl, "affinity", "")),
                                        .key_prefix = grid_text(ctl_option(ctl, "prefix", ""))};
    if (!ctl_number(ctl, "limit", 100, UINT64_MAX, &shown.left))
        return EXIT_USAGE;
    if (shown.left == 0)
        shown.left = UINT64_MAX;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    shown.json = ctl_json(ctl);
    if (ctl->json)
        json_put_array_begin(&shown.json, NULL);
    else
        shown.table = table_view_open(ctl, headers);
    struct grid_scan *scan = grid_scan_open(ctl->client, &options);
    do {
        shown.done = false;
        grid_scan_next(scan, &call);
        ctl_wait(ctl, &shown.done);
    } while (shown.code == EXIT_DONE && shown.more && shown.left > 0);
    grid_scan_close(scan);
    if (shown.table != NULL)
        table_view_close(shown.table, ctl);
    if (ctl->json) {
        json_put_array_end(&shown.json);
        ctl_json_end(ctl);
    }
    return shown.code;
}
