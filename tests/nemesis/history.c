#include "tests/nemesis/history.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/memory.h"

static const char *const kind_names[] = {[WGL_GET] = "get", [WGL_SET] = "set", [WGL_REMOVE] = "remove",
                                         [WGL_COMPARE_AND_SET] = "compareAndSet"};

bool history_open(struct history *history, const char *path)
{
    *history = (struct history){0};
    if (path != NULL)
        history->file = fopen(path, "w");
    return path == NULL || history->file != NULL;
}

void history_close(struct history *history)
{
    if (history->file != NULL)
        fclose(history->file);
    memory_free(history->operations);
    *history = (struct history){0};
}

static void write_line(FILE *file, const struct wgl_operation *operation)
{
    fprintf(file, "{\"client\":%" PRIu32 ",\"operation\":\"%s\",\"key\":%" PRIu64 ",\"calledUs\":%" PRIu64, operation->client,
            kind_names[operation->kind], operation->key, operation->called);
    if (operation->kind != WGL_GET && operation->kind != WGL_REMOVE)
        fprintf(file, ",\"value\":%" PRIu64, operation->value);
    if (operation->kind == WGL_COMPARE_AND_SET)
        fprintf(file, ",\"expectedVersion\":%" PRIu64, operation->expected);
    if (operation->returned == WGL_NEVER) {
        fprintf(file, ",\"outcome\":\"unknown\"}\n");
        return;
    }
    fprintf(file, ",\"returnedUs\":%" PRIu64 ",\"outcome\":\"%s\",\"found\":%s,\"version\":%" PRIu64, operation->returned,
            operation->conflict ? "conflict" : "done", operation->found ? "true" : "false", operation->version);
    if (operation->kind == WGL_GET && operation->found)
        fprintf(file, ",\"read\":%" PRIu64, operation->value);
    fprintf(file, "}\n");
}

void history_add(struct history *history, const struct wgl_operation *operation)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity > 0 ? history->capacity * 2 : 4096;
        history->operations = memory_resize(history->operations, history->capacity * sizeof *history->operations);
    }
    history->operations[history->count++] = *operation;
    if (history->file != NULL)
        write_line(history->file, operation);
}

enum answer history_answer(const struct client_result *result, struct wgl_operation *operation)
{
    const struct response *response = result->response;
    if (result->err == GRID_ERR_UNKNOWN || result->err == GRID_ERR_RESULT_NOT_KEPT) {
        operation->returned = WGL_NEVER;
        return operation->kind == WGL_GET ? ANSWER_NOTHING : ANSWER_UNKNOWN;
    }
    operation->conflict = result->err == GRID_ERR_VERSION_CONFLICT;
    if (result->err != GRID_ERR_OK && !operation->conflict)
        return ANSWER_NOTHING;
    operation->found = response->found;
    operation->version = operation->kind == WGL_REMOVE ? 0 : response->version;
    if (operation->kind == WGL_GET)
        operation->value = response->found && response->value.size == 8 ? get_u64(response->value.data) : 0;
    return ANSWER_DONE;
}

enum wgl_verdict history_check(const struct history *history, struct findings *findings)
{
    struct wgl_report report = {0};
    enum wgl_verdict verdict = wgl_check(history->operations, history->count, &report);
    if (verdict == WGL_VIOLATION)
        findings_add(findings, "I23: register %" PRIu64 " is not linearizable (calledUs and returnedUs in brackets): %.*s",
                     report.key, (int)report.text.size, (const char *)report.text.data);
    wgl_report_close(&report);
    return verdict;
}

/* ---- wrong histories */

const char *history_spoil_name(enum history_spoil spoil)
{
    static const char *const names[] = {[SPOIL_STALE_READ] = "a stale read", [SPOIL_LOST_WRITE] = "a lost write",
                                        [SPOIL_PHANTOM] = "a value from nowhere",
                                        [SPOIL_TWO_WINNERS] = "two winners of one compare-and-set"};
    return names[spoil];
}

static bool writes(const struct wgl_operation *operation)
{
    return (operation->kind == WGL_SET || operation->kind == WGL_COMPARE_AND_SET) && !operation->conflict &&
           operation->returned != WGL_NEVER;
}

/* The newest write of the key that had ended before `limit`; NULL: none. */
static struct wgl_operation *write_before(const struct history *history, uint64_t key, uint64_t limit)
{
    struct wgl_operation *newest = NULL;
    for (size_t i = 0; i < history->count; i++) {
        struct wgl_operation *each = &history->operations[i];
        if (each->key == key && writes(each) && each->returned < limit && (newest == NULL || each->version > newest->version))
            newest = each;
    }
    return newest;
}

/* The last read of a key that has two writes behind it, one after the other; it is given the older one's value. */
static bool make_stale(struct history *copy, bool forget_versions)
{
    for (size_t i = copy->count; i-- > 0;) {
        struct wgl_operation *read = &copy->operations[i];
        if (read->kind != WGL_GET || !read->found)
            continue;
        const struct wgl_operation *newer = write_before(copy, read->key, read->called);
        const struct wgl_operation *older = newer == NULL ? NULL : write_before(copy, read->key, newer->called);
        if (older == NULL)
            continue;
        uint64_t key = read->key;
        read->value = older->value;
        read->version = older->version;
        for (size_t j = 0; forget_versions && j < copy->count; j++)
            if (copy->operations[j].key == key)
                copy->operations[j].version = 0;
        return true;
    }
    return false;
}

static bool make_phantom(struct history *copy)
{
    for (size_t i = copy->count; i-- > 0;) {
        struct wgl_operation *read = &copy->operations[i];
        if (read->kind == WGL_GET && read->found) {
            read->value = UINT64_MAX;
            return true;
        }
    }
    return false;
}

static bool make_two_winners(struct history *copy)
{
    for (size_t i = copy->count; i-- > 0;) {
        const struct wgl_operation *winner = &copy->operations[i];
        if (winner->kind != WGL_COMPARE_AND_SET || !writes(winner) || winner->expected == 0)
            continue;
        for (size_t j = 0; j < copy->count; j++) {
            struct wgl_operation *other = &copy->operations[j];
            if (other->kind == WGL_COMPARE_AND_SET && other->conflict && other->key == winner->key &&
                other->called > winner->returned) {
                other->conflict = false;
                other->expected = winner->expected;
                other->version++;
                return true;
            }
        }
    }
    return false;
}

bool history_spoil(const struct history *history, enum history_spoil spoil, struct history *ret_copy)
{
    struct history copy = {.count = history->count, .capacity = history->count,
                           .operations = memory_copy(history->operations, history->count * sizeof *history->operations)};
    bool made = false;
    switch (spoil) {
    case SPOIL_STALE_READ: made = make_stale(&copy, false); break;
    case SPOIL_LOST_WRITE: made = make_stale(&copy, true); break;
    case SPOIL_PHANTOM: made = make_phantom(&copy); break;
    case SPOIL_TWO_WINNERS: made = make_two_winners(&copy); break;
    case HISTORY_SPOILS: break;
    }
    if (made)
        *ret_copy = copy;
    else
        history_close(&copy);
    return made;
}
