/* map get, size; and what all commands of maps share. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/wire/protobuf_wire.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/map/map.h"

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

void map_json_value(struct json *json, const char *name, struct grid_bytes value)
{
    struct bytes bytes = bytes_of(value.data, value.size);
    char coded[64];
    if (wire_utf8_valid(bytes)) {
        json_put_text(json, name, bytes);
        return;
    }
    snprintf(coded, sizeof coded, "%sBase64", name);
    json_put_base64(json, coded, bytes);
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
        return ctl_find_nothing(ctl, "no such key: %s", ctl->arguments[0]);
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
