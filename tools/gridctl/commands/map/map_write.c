/* map set, put, put-if-absent, replace, cas, remove, take, ttl, clear, contains. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/duration.h"
#include "grid/base/limits.h"
#include "tools/gridctl/commands/map/map.h"

bool map_ttl(const struct ctl *ctl, const char *text, uint64_t *ret_ttl_ms)
{
    uint64_t ttl_ms = 0;
    if (strcmp(text, "none") == 0) {
        *ret_ttl_ms = GRID_TTL_NONE;
        return true;
    }
    if (duration_parse(bytes_of_text(text), &ttl_ms) && ttl_ms > 0 && ttl_ms <= TTL_MS_MAX) {
        *ret_ttl_ms = ttl_ms;
        return true;
    }
    ctl_complain(ctl, EXIT_USAGE, "a ttl is a number of milliseconds from 1, a duration like 10s or 2h, or none, not '%s'; "
                                  "at most a hundred years", text);
    return false;
}

/* ---- what is shown */

static void show_write(struct ctl *ctl, const struct grid_reply *reply, bool old)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        if (reply->version != 0)
            buffer_append_format(&ctl->out, "version %" PRIu64 "\n", reply->version);
        else
            buffer_append_text(&ctl->out, reply->found ? "removed\n" : "was not there\n");
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_string(&json, "key", ctl->arguments[0]);
    if (reply->version != 0)
        json_put_unsigned(&json, "version", reply->version);
    else
        json_put_bool(&json, "removed", reply->found);
    if (old && reply->found)
        map_json_value(&json, "oldValue", reply->value);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

/* The value from before stands alone on standard output, so that it can be used; all else goes to standard error. */
static void show_old(struct ctl *ctl, const struct grid_reply *reply)
{
    if (ctl->json) {
        show_write(ctl, reply, true);
        return;
    }
    if (reply->found)
        map_print_value(ctl, reply->value);
    if (reply->version != 0)
        ctl_note(ctl, "version %" PRIu64 "%s", reply->version, reply->found ? "" : "; there was no entry before");
}

static void show_plain(struct ctl *ctl, const struct grid_reply *reply)
{
    show_write(ctl, reply, false);
}

static void show_found(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        buffer_append_text(&ctl->out, reply->found ? "yes\n" : "no\n");
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_string(&json, "key", ctl->arguments[0]);
    json_put_bool(&json, "found", reply->found);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

static void show_cleared(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        buffer_append_format(&ctl->out, "removed %" PRIu64 " entries\n", reply->count);
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_string(&json, "map", map_name(ctl));
    json_put_unsigned(&json, "removed", reply->count);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

/* ---- one operation */

/* An operation, for the message when its condition fails. */
struct operated { struct map_asked asked; const struct grid_operation *operation; };

/* The message for a failed condition names both versions: that of the entry, and the expected one. */
static void on_operated(void *context, const struct grid_reply *reply)
{
    struct operated *operated = context;
    const struct grid_operation *operation = operated->operation;
    struct grid_reply told = *reply;
    char note[120];
    if (reply->outcome != GRID_OUTCOME_VERSION_CONFLICT) {
        map_replied(&operated->asked, reply);
        return;
    }
    bool by_value = operation->kind == GRID_REPLACE_IF_SAME || operation->kind == GRID_REMOVE_IF_SAME;
    if (by_value)
        snprintf(note, sizeof note, "the entry has another value; its version is %" PRIu64, reply->version);
    else if (reply->version == 0)
        snprintf(note, sizeof note, "the entry does not exist; you expected version %" PRIu64, operation->expected_version);
    else if (operation->expected_version == 0)
        snprintf(note, sizeof note, "the entry exists: its version is %" PRIu64, reply->version);
    else
        snprintf(note, sizeof note, "the entry has changed: its version is %" PRIu64 ", not %" PRIu64, reply->version,
                 operation->expected_version);
    told.note = note;
    map_replied(&operated->asked, &told);
}

static int operate(struct ctl *ctl, struct grid_operation *operation, const struct grid_idempotency *idempotency,
                   void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    struct operated operated = {.operation = operation};
    struct grid_call call = map_call(ctl, &operated.asked, show);
    call.done = on_operated;
    operation->key = map_key(ctl);
    call.idempotency = idempotency;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_operate(ctl->client, map_name(ctl), operation, &call);
    return map_finish(ctl, &operated.asked);
}

/* With the value, the ttl and the idempotency key of the command line. */
static int write_value(struct ctl *ctl, struct grid_operation *operation,
                       void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    struct grid_idempotency idempotency = {.tenant = "gridctl", .key = ctl_option(ctl, "idempotency-key", NULL)};
    const char *ttl = ctl_option(ctl, "ttl", NULL);
    struct buffer room = {0};
    if (ttl != NULL && !map_ttl(ctl, ttl, &operation->ttl_ms))
        return EXIT_USAGE;
    int code = map_read_value(ctl, &room, &operation->value);
    if (code == EXIT_DONE)
        code = operate(ctl, operation, idempotency.key != NULL ? &idempotency : NULL, show);
    buffer_close(&room);
    return code;
}

int map_set(struct ctl *ctl)
{
    return write_value(ctl, &(struct grid_operation){.kind = GRID_SET}, show_plain);
}

int map_put(struct ctl *ctl)
{
    return write_value(ctl, &(struct grid_operation){.kind = GRID_PUT}, show_old);
}

int map_put_if_absent(struct ctl *ctl)
{
    return write_value(ctl, &(struct grid_operation){.kind = GRID_PUT_IF_ABSENT}, show_plain);
}

int map_replace(struct ctl *ctl)
{
    struct grid_operation operation = {.kind = GRID_REPLACE};
    if (!ctl_flag(ctl, "if-value"))
        return write_value(ctl, &operation, show_old);
    operation.kind = GRID_REPLACE_IF_SAME;
    operation.expected_value = grid_text(ctl_option(ctl, "if-value", ""));
    return write_value(ctl, &operation, show_plain);
}

int map_cas(struct ctl *ctl)
{
    struct grid_operation operation = {.kind = GRID_COMPARE_AND_SET};
    if (!ctl_flag(ctl, "version"))
        return ctl_complain(ctl, EXIT_USAGE, "--version is required; 0 means that the key must not exist");
    if (!ctl_number(ctl, "version", 0, UINT64_MAX, &operation.expected_version))
        return EXIT_USAGE;
    return write_value(ctl, &operation, show_plain);
}

int map_remove(struct ctl *ctl)
{
    struct grid_operation operation = {.kind = GRID_REMOVE};
    if (ctl_flag(ctl, "if-value") && ctl_flag(ctl, "if-version"))
        return ctl_complain(ctl, EXIT_USAGE, "--if-value or --if-version, not both");
    if (ctl_flag(ctl, "if-value")) {
        operation.kind = GRID_REMOVE_IF_SAME;
        operation.expected_value = grid_text(ctl_option(ctl, "if-value", ""));
    } else if (ctl_flag(ctl, "if-version")) {
        operation.kind = GRID_REMOVE_IF_VERSION;
        if (!ctl_number(ctl, "if-version", 0, UINT64_MAX, &operation.expected_version))
            return EXIT_USAGE;
        if (operation.expected_version == 0)
            return ctl_complain(ctl, EXIT_USAGE, "--if-version is at least 1: an entry that exists has a version");
    }
    return operate(ctl, &operation, NULL, show_plain);
}

/* One operation or question whose answer may be that there is no such entry. */
struct sought { struct map_asked asked; bool found; };

static void on_sought(void *context, const struct grid_reply *reply)
{
    struct sought *sought = context;
    sought->found = reply->found;
    map_replied(&sought->asked, reply);
}

int map_take(struct ctl *ctl)
{
    struct sought sought = {0};
    struct grid_operation operation = {.kind = GRID_TAKE, .key = map_key(ctl)};
    struct grid_call call = map_call(ctl, &sought.asked, show_old);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    call.done = on_sought;
    call.context = &sought;
    grid_client_operate(ctl->client, map_name(ctl), &operation, &call);
    code = map_finish(ctl, &sought.asked);
    if (code == EXIT_DONE && !sought.found)
        return ctl_find_nothing(ctl, "no such key: %s", ctl->arguments[0]);
    return code;
}

int map_set_ttl(struct ctl *ctl)
{
    struct grid_operation operation = {.kind = GRID_SET_TTL};
    if (!map_ttl(ctl, ctl->arguments[1], &operation.ttl_ms))
        return EXIT_USAGE;
    return operate(ctl, &operation, NULL, show_plain);
}

int map_contains(struct ctl *ctl)
{
    struct sought sought = {0};
    struct grid_call call = map_call(ctl, &sought.asked, show_found);
    struct grid_key key = map_key(ctl);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    call.done = on_sought;
    call.context = &sought;
    grid_client_contains(ctl->client, map_name(ctl), &key, &call);
    code = map_finish(ctl, &sought.asked);
    return code == EXIT_DONE && !sought.found ? EXIT_FAILED : code;
}

int map_clear(struct ctl *ctl)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_cleared);
    if (!ctl_flag(ctl, "yes"))
        return ctl_complain(ctl, EXIT_USAGE, "this removes every entry of map \"%s\"; add --yes to do it", map_name(ctl));
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_clear(ctl->client, map_name(ctl), &call);
    return map_finish(ctl, &asked);
}
