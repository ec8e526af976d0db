/* map batch: one operation a line, all or nothing. Nothing is sent unless every line is good. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/limits.h"
#include "tools/gridctl/input/lines.h"
#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/input/map_line.h"

enum { READ_BYTES = 64 * 1024, ERRORS_MAX = 20 };

struct batch {
    struct ctl *ctl;
    struct grid_operation operations[BATCH_OPERATIONS_MAX];
    uint64_t lines[BATCH_OPERATIONS_MAX];  /* where each was read */
    size_t count, errors;
    struct arena arena;                    /* what the operations borrow from */
};

/* ---- reading */

static void complain(struct batch *batch, uint64_t line, const char *reason)
{
    if (batch->errors++ < ERRORS_MAX)
        ctl_complain(batch->ctl, EXIT_FAILED, "line %" PRIu64 ": %s", line, reason);
}

static void add_line(struct batch *batch, const struct line *line)
{
    struct map_line read;
    const char *reason;
    if (line->too_long) {
        complain(batch, line->number, "longer than any operation");
    } else if (!map_line_batch(arena_copy(&batch->arena, line->text), &batch->arena, &read, &reason)) {
        complain(batch, line->number, reason);
    } else if (batch->count == BATCH_OPERATIONS_MAX) {
        complain(batch, line->number, arena_format(&batch->arena, "a batch has at most %d operations", BATCH_OPERATIONS_MAX));
    } else {
        if (!read.has_affinity)
            read.operation.key.affinity = grid_text(ctl_option(batch->ctl, "affinity", ""));
        batch->lines[batch->count] = line->number;
        batch->operations[batch->count++] = read.operation;
    }
}

static struct grid_bytes affinity_of(const struct grid_operation *operation)
{
    return operation->key.affinity.size > 0 ? operation->key.affinity : operation->key.key;
}

static bool same(struct grid_bytes a, struct grid_bytes b)
{
    return bytes_equal(bytes_of(a.data, a.size), bytes_of(b.data, b.size));
}

static bool same_entry(const struct ctl *ctl, const struct grid_operation *a, const struct grid_operation *b)
{
    const char *map_a = a->map != NULL ? a->map : map_name(ctl), *map_b = b->map != NULL ? b->map : map_name(ctl);
    return same(a->key.key, b->key.key) && strcmp(map_a, map_b) == 0;
}

/* What a node refuses without saying in which line it is. */
static void check_together(struct batch *batch)
{
    for (size_t i = 1; i < batch->count; i++) {
        const struct grid_operation *operation = &batch->operations[i];
        if (!same(affinity_of(operation), affinity_of(&batch->operations[0])))
            complain(batch, batch->lines[i], arena_format(&batch->arena, "another affinity than line %" PRIu64 "; a batch is of one (--affinity, or "
                                                          "\"affinity\" in each line; without one it is the key)", batch->lines[0]));
        for (size_t before = 0; before < i; before++)
            if (same_entry(batch->ctl, operation, &batch->operations[before])) {
                complain(batch, batch->lines[i], arena_format(&batch->arena, "the same entry as line %" PRIu64 "; a batch names an entry once",
                                                              batch->lines[before]));
                break;
            }
    }
}

static int read_batch(struct batch *batch, int file, const char *name)
{
    struct lines lines = {.number = 0};
    struct line line;
    ssize_t size = 1;
    while (size > 0 && batch->errors < ERRORS_MAX) {
        uint8_t *room = lines_room(&lines, READ_BYTES);
        do
            size = read(file, room, READ_BYTES);
        while (size < 0 && errno == EINTR);
        if (size < 0)
            ctl_complain(batch->ctl, EXIT_FAILED, "%s: %s", name, strerror(errno));
        lines_add(&lines, READ_BYTES, size > 0 ? (size_t)size : 0);
        while (batch->errors < ERRORS_MAX && lines_next(&lines, size == 0, &line))
            add_line(batch, &line);
    }
    lines_close(&lines);
    if (size < 0)
        return EXIT_FAILED;
    if (batch->errors == 0)
        check_together(batch);
    if (batch->errors > 0)
        return ctl_complain(batch->ctl, EXIT_FAILED, "nothing was written");
    if (batch->count == 0)
        return ctl_complain(batch->ctl, EXIT_FAILED, "%s: there is no operation in it", name);
    return EXIT_DONE;
}

/* ---- sending */

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

/* Of these the reply says which operation it was. */
static bool is_condition(enum grid_outcome outcome)
{
    return outcome == GRID_OUTCOME_NOT_FOUND || outcome == GRID_OUTCOME_ALREADY_EXISTS ||
           outcome == GRID_OUTCOME_VERSION_CONFLICT;
}

struct sent {
    struct map_asked asked;
    const struct batch *batch;
    size_t failed;
    bool conflict, read, found;            /* read: the entry of the conflict was read afterwards */
    uint64_t version;
};

static void name_operation(const struct sent *sent, char *what, size_t size)
{
    snprintf(what, size, "line %" PRIu64 ", operation %zu", sent->batch->lines[sent->failed], sent->failed + 1);
}

static void on_batch(void *context, const struct grid_reply *reply)
{
    struct sent *sent = context;
    char what[80];
    if (!is_condition(reply->outcome) || reply->failed >= sent->batch->count) {
        map_replied(&sent->asked, reply);
        return;
    }
    sent->asked.done = true;
    sent->failed = reply->failed;
    sent->conflict = reply->outcome == GRID_OUTCOME_VERSION_CONFLICT;
    if (sent->conflict)
        return;
    name_operation(sent, what, sizeof what);
    sent->asked.code = ctl_failed(sent->asked.ctl, what, reply);
}

static void on_read(void *context, const struct grid_reply *reply)
{
    struct sent *sent = context;
    sent->asked.done = true;
    sent->read = reply->outcome == GRID_OUTCOME_OK;
    sent->found = reply->found;
    sent->version = reply->version;
}

static void describe(const struct sent *sent, const struct grid_operation *operation, char *note, size_t size)
{
    bool by_value = operation->kind == GRID_REPLACE_IF_SAME || operation->kind == GRID_REMOVE_IF_SAME;
    if (by_value && sent->read && sent->found)
        snprintf(note, size, "the entry had another value; its version is %" PRIu64 " now", sent->version);
    else if (by_value)
        snprintf(note, size, "the entry had another value");
    else if (sent->read && !sent->found && operation->expected_version != 0)
        snprintf(note, size, "the entry does not exist; you expected version %" PRIu64, operation->expected_version);
    else if (sent->read && sent->found && operation->expected_version == 0)
        snprintf(note, size, "the entry exists: its version is %" PRIu64 " now", sent->version);
    else if (sent->read && sent->found && sent->version != operation->expected_version)
        snprintf(note, size, "the entry's version is %" PRIu64 " now, not %" PRIu64, sent->version, operation->expected_version);
    else
        snprintf(note, size, "the entry's version was not %" PRIu64, operation->expected_version);
}

/* The answer to a batch names the operation alone; the entry's state is read for the message. */
static int say_conflict(struct ctl *ctl, struct sent *sent)
{
    const struct grid_operation *operation = &sent->batch->operations[sent->failed];
    struct grid_call call = {.done = on_read, .context = sent};
    char note[160], what[80];
    struct grid_reply told = {.outcome = GRID_OUTCOME_VERSION_CONFLICT, .note = note};
    sent->asked.done = false;
    grid_client_get(ctl->client, operation->map != NULL ? operation->map : map_name(ctl), &operation->key, &call);
    ctl_wait(ctl, &sent->asked.done);
    describe(sent, operation, note, sizeof note);
    name_operation(sent, what, sizeof what);
    return ctl_failed(ctl, what, &told);
}

static int send_batch(struct ctl *ctl, const struct batch *batch)
{
    struct sent sent = {.batch = batch};
    struct grid_call call = map_call(ctl, &sent.asked, show_batch);
    call.done = on_batch;
    call.context = &sent;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_batch(ctl->client, map_name(ctl), batch->operations, batch->count, &call);
    code = map_finish(ctl, &sent.asked);
    return sent.conflict ? say_conflict(ctl, &sent) : code;
}

int map_batch(struct ctl *ctl)
{
    struct batch batch = {.ctl = ctl};
    const char *name = ctl_option(ctl, "file", "-");
    bool is_input = strcmp(name, "-") == 0;
    int file = is_input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return ctl_complain(ctl, EXIT_FAILED, "%s: %s", name, strerror(errno));
    arena_init(&batch.arena, 64 * 1024);
    int code = read_batch(&batch, file, is_input ? "standard input" : name);
    if (code == EXIT_DONE)
        code = send_batch(ctl, &batch);
    arena_close(&batch.arena);
    if (!is_input)
        close(file);
    return code;
}
