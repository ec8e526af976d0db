/* map set, put, put-if-absent, replace, cas, remove, take, ttl, batch, clear, contains. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/gridctl/commands/map.h"

enum { BATCH_MAX = 128 };

bool map_ttl(const struct ctl *ctl, const char *text, uint64_t *ret_ttl_ms)
{
    char *end;
    if (strcmp(text, "none") == 0) {
        *ret_ttl_ms = GRID_TTL_NONE;
        return true;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || value == 0) {
        ctl_complain(ctl, EXIT_USAGE, "a ttl is a number of milliseconds, or none, not '%s'", text);
        return false;
    }
    *ret_ttl_ms = value;
    return true;
}

/* ---- what is shown */

static void show_write(struct ctl *ctl, const struct grid_reply *reply, bool old)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        if (old && reply->found)
            buffer_append_format(&ctl->out, "%.*s\n", (int)reply->value.size, (const char *)reply->value.data);
        else if (reply->version != 0)
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

static void show_plain(struct ctl *ctl, const struct grid_reply *reply)
{
    show_write(ctl, reply, false);
}

static void show_old(struct ctl *ctl, const struct grid_reply *reply)
{
    show_write(ctl, reply, true);
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

static int operate(struct ctl *ctl, struct grid_operation *operation, const struct grid_idempotency *idempotency,
                   void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show);
    operation->key = map_key(ctl);
    call.idempotency = idempotency;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_operate(ctl->client, map_name(ctl), operation, &call);
    return map_finish(ctl, &asked);
}

/* With the value, the ttl and the idempotency key of the command line. */
static int write_value(struct ctl *ctl, struct grid_operation *operation,
                       void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    struct grid_idempotency idempotency = {.tenant = "gridctl", .key = ctl_option(ctl, "idempotency-key", NULL)};
    const char *ttl = ctl_option(ctl, "ttl", NULL);
    operation->value = grid_text(ctl->arguments[1]);
    if (ttl != NULL && !map_ttl(ctl, ttl, &operation->ttl_ms))
        return EXIT_USAGE;
    return operate(ctl, operation, idempotency.key != NULL ? &idempotency : NULL, show);
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
    }
    return operate(ctl, &operation, NULL, show_plain);
}

int map_take(struct ctl *ctl)
{
    return operate(ctl, &(struct grid_operation){.kind = GRID_TAKE}, NULL, show_old);
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
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_found);
    struct grid_key key = map_key(ctl);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_contains(ctl->client, map_name(ctl), &key, &call);
    return map_finish(ctl, &asked);
}

int map_clear(struct ctl *ctl)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_cleared);
    if (!ctl_flag(ctl, "yes"))
        return ctl_complain(ctl, EXIT_USAGE, "removes every entry of map \"%s\"; say --yes", map_name(ctl));
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_clear(ctl->client, map_name(ctl), &call);
    return map_finish(ctl, &asked);
}

/* ---- batches: one operation a line */

struct batch {
    struct grid_operation operations[BATCH_MAX];
    json_t *lines[BATCH_MAX];              /* what the operations borrow from */
    size_t count;
};

static bool operation_kind(const char *name, enum grid_operation_kind *ret_kind)
{
    static const char *const names[] = {
        [GRID_SET] = "set", [GRID_REMOVE] = "remove", [GRID_COMPARE_AND_SET] = "cas",
        [GRID_PUT_IF_ABSENT] = "put-if-absent", [GRID_REPLACE] = "replace", [GRID_REPLACE_IF_SAME] = "replace-if-same",
        [GRID_REMOVE_IF_SAME] = "remove-if-same", [GRID_REMOVE_IF_VERSION] = "remove-if-version",
        [GRID_SET_TTL] = "set-ttl", [GRID_CHECK_VERSION] = "check-version"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            *ret_kind = (enum grid_operation_kind)i;
            return true;
        }
    }
    return false;
}

static struct grid_bytes text_of(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);
    return (struct grid_bytes){json_string_value(value), json_string_length(value)};
}

static bool add_operation(struct ctl *ctl, struct batch *batch, const char *text, size_t size)
{
    json_error_t error;
    if (batch->count == BATCH_MAX) {
        ctl_complain(ctl, EXIT_FAILED, "a batch has at most %d operations", BATCH_MAX);
        return false;
    }
    json_t *line = json_loadb(text, size, 0, &error);
    struct grid_operation *operation = &batch->operations[batch->count];
    batch->lines[batch->count++] = line;
    if (!json_is_object(line) || !operation_kind(json_string_value(json_object_get(line, "op")), &operation->kind) ||
        !json_is_string(json_object_get(line, "key"))) {
        ctl_complain(ctl, EXIT_FAILED, "operation %zu: an object with \"op\" (set, remove, cas, put-if-absent, replace, "
                     "replace-if-same, remove-if-same, remove-if-version, set-ttl, check-version) and \"key\"", batch->count);
        return false;
    }
    operation->key = (struct grid_key){text_of(line, "key"), text_of(line, "affinity")};
    operation->value = text_of(line, "value");
    operation->expected_value = text_of(line, "expectedValue");
    operation->expected_version = (uint64_t)json_integer_value(json_object_get(line, "expectedVersion"));
    operation->ttl_ms = (uint64_t)json_integer_value(json_object_get(line, "ttlMs"));
    operation->map = json_string_value(json_object_get(line, "map"));
    if (operation->key.affinity.size == 0)
        operation->key.affinity = grid_text(ctl_option(ctl, "affinity", ""));
    return true;
}

static bool read_batch(struct ctl *ctl, struct batch *batch, struct buffer *text, FILE *from)
{
    char part[4096];
    for (size_t size; (size = fread(part, 1, sizeof part, from)) > 0;)
        buffer_append(text, bytes_of(part, size));
    buffer_append_u8(text, 0);
    for (char *line = (char *)text->data; *line != 0;) {
        size_t size = strcspn(line, "\n");
        if (strspn(line, " \t\r") < size && !add_operation(ctl, batch, line, size))
            return false;
        line += size + (line[size] == '\n');
    }
    return true;
}

static void show_batch(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        buffer_append_format(&ctl->out, "%zu operations, version %" PRIu64 "\n", reply->results_count, reply->version);
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_unsigned(&json, "version", reply->version);
    json_put_array_begin(&json, "results");
    for (size_t i = 0; i < reply->results_count; i++) {
        json_put_object_begin(&json, NULL);
        json_put_bool(&json, "found", reply->results[i].found);
        json_put_unsigned(&json, "version", reply->results[i].version);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

static void on_batch(void *context, const struct grid_reply *reply)
{
    struct map_asked *asked = context;
    char what[64];
    asked->done = true;
    asked->code = EXIT_DONE;
    snprintf(what, sizeof what, "operation %zu", reply->failed + 1);
    if (reply->outcome != GRID_OUTCOME_OK)
        asked->code = ctl_failed(asked->ctl, what, reply);
    else
        asked->show(asked->ctl, reply);
}

static int send_batch(struct ctl *ctl, const struct batch *batch)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_batch);
    call.done = on_batch;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_batch(ctl->client, map_name(ctl), batch->operations, batch->count, &call);
    return map_finish(ctl, &asked);
}

int map_batch(struct ctl *ctl)
{
    struct batch batch = {.count = 0};
    const char *name = ctl_option(ctl, "file", "-");
    FILE *from = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (from == NULL)
        return ctl_complain(ctl, EXIT_FAILED, "%s: %s", name, strerror(errno));
    struct buffer text = {0};
    int code = read_batch(ctl, &batch, &text, from) ? send_batch(ctl, &batch) : EXIT_FAILED;
    buffer_close(&text);
    for (size_t i = 0; i < batch.count; i++)
        json_decref(batch.lines[i]);
    if (from != stdin)
        fclose(from);
    return code;
}
