/* What goes to standard output and standard error: results in their format, notes, errors; and the exit code of an outcome. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "services/edge/json_read.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/terminal/text.h"
#include "tools/gridctl/terminal/yaml.h"

enum { MESSAGE_CHARACTERS_MAX = 4096 };

/* ---- errors and notes */

int ctl_exit_code(enum grid_outcome outcome)
{
    switch (outcome) {
    case GRID_OUTCOME_OK: return EXIT_DONE;
    case GRID_OUTCOME_UNAVAILABLE:
    case GRID_OUTCOME_CLOSED: return EXIT_UNAVAILABLE;
    case GRID_OUTCOME_UNKNOWN: return EXIT_UNKNOWN;
    case GRID_OUTCOME_INVALID:
    case GRID_OUTCOME_NOT_FOUND:
    case GRID_OUTCOME_ALREADY_EXISTS:
    case GRID_OUTCOME_VERSION_CONFLICT:
    case GRID_OUTCOME_LOG_FULL:
    case GRID_OUTCOME_TOO_LARGE:
    case GRID_OUTCOME_RESULT_NOT_KEPT:
    case GRID_OUTCOME_NOT_SUPPORTED:
    case GRID_OUTCOME_BUSY:
    case GRID_OUTCOME_MALFORMED:
    case GRID_OUTCOME_REFUSED:
    case GRID_OUTCOME_DENIED:
    case GRID_OUTCOME_IDEMPOTENCY_MISMATCH:
    case GRID_OUTCOME_MAP_FULL:
    case GRID_OUTCOME_FORKED:
    case GRID_OUTCOME_MEMORY_FULL:
    default: return EXIT_FAILED;
    }
}

static void to_standard_error(struct buffer *line)
{
    buffer_append_u8(line, '\n');
    fflush(stdout);
    fwrite(line->data, 1, line->size, stderr);
    buffer_close(line);
}

void ctl_error_json(struct buffer *out, const char *command, int code, const char *outcome, struct bytes message)
{
    struct json json = json_to(out, false);
    json_put_object_begin(&json, NULL);
    json_put_object_begin(&json, "error");
    json_put_string(&json, "command", command);
    json_put_string(&json, "outcome", outcome);
    json_put_text(&json, "message", message);
    json_put_number(&json, "exitStatus", code);
    json_put_object_end(&json);
    json_put_object_end(&json);
}

static void complain(const struct ctl *ctl, int code, const char *outcome, const char *format, va_list arguments)
{
    struct buffer line = {0}, message = {0};
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    HOLDS(size >= 0);
    vsnprintf((char *)buffer_extend(&message, (size_t)size + 1), (size_t)size + 1, format, arguments);
    buffer_truncate(&message, message.size - 1);
    if (ctl->json_errors) {
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", ctl->command->group, ctl->command->name[0] != 0 ? " " : "", ctl->command->name);
        ctl_error_json(&line, name, code, outcome, buffer_bytes(&message));
    } else {
        buffer_append_text(&line, "gridctl: ");
        if (ctl->command != NULL)
            buffer_append_format(&line, "%s%s%s: ", ctl->command->group, ctl->command->name[0] != 0 ? " " : "", ctl->command->name);
        text_show(&line, buffer_bytes(&message), MESSAGE_CHARACTERS_MAX);
    }
    buffer_close(&message);
    to_standard_error(&line);
}

static void complain_of(const struct ctl *ctl, int code, const char *outcome, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void complain_of(const struct ctl *ctl, int code, const char *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(ctl, code, outcome, format, arguments);
    va_end(arguments);
}

static const char *outcome_of(int code)
{
    return code == EXIT_USAGE ? "USAGE" : code == EXIT_UNAVAILABLE ? "UNAVAILABLE" : code == EXIT_UNKNOWN ? "UNKNOWN" : "FAILED";
}

int ctl_complain(const struct ctl *ctl, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(ctl, code, outcome_of(code), format, arguments);
    va_end(arguments);
    return code;
}

int ctl_find_nothing(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(ctl, EXIT_FAILED, "NOT_FOUND", format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int ctl_failed(const struct ctl *ctl, const char *what, const struct grid_reply *reply)
{
    int code = ctl_exit_code(reply->outcome);
    const char *name = reply->outcome == GRID_OUTCOME_REFUSED && reply->refusal != NULL && reply->refusal[0] != 0
                           ? reply->refusal : grid_outcome_name(reply->outcome);
    const char *text = reply->note[0] != 0 ? reply->note : grid_outcome_text(reply->outcome);
    complain_of(ctl, code, name, "%s%s%s: %s", what != NULL ? what : "", what != NULL ? ": " : "", name, text);
    return code;
}

void ctl_note(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;
    if (ctl->json_errors)
        return;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- results */

struct json ctl_json(struct ctl *ctl)
{
    return json_to(&ctl->out, ctl->color && ctl->output == OUTPUT_JSON);
}

void ctl_json_end(struct ctl *ctl)
{
    buffer_append_u8(&ctl->out, '\n');
}

static void convert(struct ctl *ctl, const struct json_value *value, struct buffer *out)
{
    if (ctl->output == OUTPUT_NDJSON) {
        for (const struct json_value *at = value->first; at != NULL; at = at->next) {
            buffer_append(out, at->raw);
            buffer_append_u8(out, '\n');
        }
        return;
    }
    if (ctl->documents++ > 0)
        buffer_append_text(out, "---\n");
    yaml_document(out, value);
}

/* Results are written as lines of JSON, each a document; what becomes of them depends on the format. */
static void convert_lines(struct ctl *ctl, struct buffer *out)
{
    struct arena arena;
    const char *reason;
    arena_init(&arena, 64 * 1024);
    for (size_t at = 0; at < ctl->out.size;) {
        const uint8_t *end = memchr(ctl->out.data + at, '\n', ctl->out.size - at);
        size_t size = end != NULL ? (size_t)(end - ctl->out.data) - at : ctl->out.size - at;
        struct bytes line = bytes_of(ctl->out.data + at, size);
        bool as_it_is = ctl->output == OUTPUT_NDJSON && (line.size == 0 || line.data[0] != '[');
        const struct json_value *value = as_it_is ? NULL : json_read(line, &arena, &reason);
        if (value != NULL)
            convert(ctl, value, out);
        else
            buffer_append(out, bytes_of(line.data, size + (end != NULL ? 1 : 0)));
        at += size + 1;
        arena_reset(&arena);
    }
    arena_close(&arena);
}

bool ctl_flush(struct ctl *ctl)
{
    struct buffer converted = {0};
    FILE *to = ctl->file != NULL ? ctl->file : stdout;
    bool converts = ctl->output == OUTPUT_YAML || ctl->output == OUTPUT_NDJSON;
    if (converts)
        convert_lines(ctl, &converted);
    const struct buffer *from = converts ? &converted : &ctl->out;
    bool written = from->size == 0 || fwrite(from->data, 1, from->size, to) == from->size;
    written = fflush(to) == 0 && written;
    int reason = errno;
    buffer_close(&converted);
    buffer_clear(&ctl->out);
    /* A reader that has ended (gridctl | head) is not an error. */
    if (!written && !ctl->unwritten && reason != EPIPE)
        ctl_complain(ctl, EXIT_FAILED, "cannot write to %s: %s", ctl->file != NULL ? ctl->file_name : "standard output", strerror(reason));
    ctl->unwritten = ctl->unwritten || !written;
    return written;
}
