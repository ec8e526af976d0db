#include "tools/gridctl/commands/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/bulk_left.h"
#include "tools/gridctl/input/lines.h"

enum { READ_BYTES = 64 * 1024, BAR_WIDTH = 30, ERRORS_SHOWN = 20 };
#define DRAW_EVERY_NS (100ull * 1000 * 1000)

/* ---- how a line ends */

static void ended(struct bulk *bulk)
{
    REQUIRE(bulk->under_way > 0);
    bulk->under_way--;
}

void bulk_accept(struct bulk *bulk)
{
    bulk->accepted++;
    bulk->lost_in_a_row = 0;
    ended(bulk);
}

void bulk_find_there(struct bulk *bulk)
{
    REQUIRE(bulk->creates);
    bulk->already_there++;
    bulk->lost_in_a_row = 0;
    ended(bulk);
}

static char *copy(struct bytes text)
{
    char *copied = memory_zero(text.size + 1, 1);
    if (text.size > 0)
        memcpy(copied, text.data, text.size);
    return copied;
}

void bulk_keep_id(struct bulk *bulk, uint64_t line, const char *id, bool already_there)
{
    if (bulk->ids_count == bulk->ids_capacity) {
        bulk->ids_capacity = bulk->ids_capacity > 0 ? bulk->ids_capacity * 2 : 16;
        bulk->ids = memory_resize(bulk->ids, bulk->ids_capacity * sizeof *bulk->ids);
    }
    bulk->ids[bulk->ids_count++] = (struct bulk_id){line, copy(bytes_of_text(id)), already_there};
}

static void keep_error(struct bulk *bulk, uint64_t line, struct bytes reason)
{
    if (bulk->errors_count == bulk->errors_capacity) {
        bulk->errors_capacity = bulk->errors_capacity > 0 ? bulk->errors_capacity * 2 : 16;
        bulk->errors = memory_resize(bulk->errors, bulk->errors_capacity * sizeof *bulk->errors);
    }
    bulk->errors[bulk->errors_count++] = (struct bulk_error){line, copy(reason)};
}

void bulk_reject(struct bulk *bulk, uint64_t line, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    keep_error(bulk, line, bytes_of_text(text));
    bulk->rejected++;
    bulk->stopped = bulk->stopped || bulk->strict;
    ended(bulk);
}

/* Without a quorum every further line would wait for its deadline too. */
static void lose(struct bulk *bulk)
{
    bulk->stopped = bulk->stopped || ++bulk->lost_in_a_row >= BULK_LOST_MAX;
    ended(bulk);
}

void bulk_leave_unknown(struct bulk *bulk, uint64_t line, const char *what_to_do)
{
    char text[256];
    snprintf(text, sizeof text, "UNKNOWN: it may or may not have been applied; %s", what_to_do);
    keep_error(bulk, line, bytes_of_text(text));
    bulk->unknown++;
    lose(bulk);
}

static void leave_unavailable(struct bulk *bulk, uint64_t line, const char *name, const char *note)
{
    char text[512];
    snprintf(text, sizeof text, "%s: %s; it was not applied", name, note);
    keep_error(bulk, line, bytes_of_text(text));
    bulk->unavailable++;
    lose(bulk);
}

static bool is_unavailable(enum grid_outcome outcome)
{
    return outcome == GRID_OUTCOME_UNAVAILABLE || outcome == GRID_OUTCOME_BUSY || outcome == GRID_OUTCOME_CLOSED;
}

bool bulk_is_left(enum grid_outcome outcome)
{
    return is_unavailable(outcome) || outcome == GRID_OUTCOME_UNKNOWN;
}

void bulk_finish(struct bulk *bulk, uint64_t line, const struct grid_reply *reply)
{
    /* Applied, although the answer was lost: what counts is that it happened. */
    if (reply->outcome == GRID_OUTCOME_OK || reply->outcome == GRID_OUTCOME_RESULT_NOT_KEPT) {
        bulk_accept(bulk);
    } else if (reply->outcome == GRID_OUTCOME_UNKNOWN) {
        bulk_leave_unknown(bulk, line, "submit the line again");
    } else {
        const char *name = reply->outcome == GRID_OUTCOME_REFUSED && reply->refusal[0] != 0
                               ? reply->refusal : grid_outcome_name(reply->outcome);
        const char *note = reply->note[0] != 0 ? reply->note : grid_outcome_text(reply->outcome);
        if (is_unavailable(reply->outcome))
            leave_unavailable(bulk, line, name, note);
        else
            bulk_reject(bulk, line, "%s: %s", name, note);
    }
}

/* ---- progress */

static void draw(struct bulk *bulk, bool last)
{
    uint64_t now = uv_hrtime();
    uint64_t ended_lines = bulk->accepted + bulk->already_there + bulk->rejected + bulk->unavailable + bulk->unknown;
    if (!bulk->progress || (!last && now - bulk->drawn_ns < DRAW_EVERY_NS))
        return;
    bulk->drawn_ns = now;
    uint64_t rate = ended_lines * 1000 / ((now - bulk->began_ns) / 1000000 + 1);
    if (bulk->lines_total > 0) {
        int filled = (int)(ended_lines * BAR_WIDTH / bulk->lines_total);
        fprintf(stderr, "\r[%.*s%.*s] %" PRIu64 "/%" PRIu64 " %s, %" PRIu64 "/s ", filled,
                "##############################", BAR_WIDTH - filled, "..............................", ended_lines,
                bulk->lines_total, bulk->noun, rate);
    } else {
        fprintf(stderr, "\r%" PRIu64 " %s, %" PRIu64 "/s ", ended_lines, bulk->noun, rate);
    }
    if (last)
        fputc('\n', stderr);
    fflush(stderr);
}

/* ---- reading */

static void wait_below(struct bulk *bulk, uint64_t most)
{
    while (bulk->under_way > most) {
        uv_run(&bulk->ctl->loop, UV_RUN_ONCE);
        draw(bulk, false);
    }
}

static void take_line(struct bulk *bulk, const struct line *line)
{
    bulk->submitted++;
    bulk->under_way++;
    if (line->too_long)
        bulk_reject(bulk, line->number, "longer than %d bytes", LINE_BYTES_MAX);
    else
        bulk->start(bulk, bulk->context, line->number, line->text);
    wait_below(bulk, BULK_UNDER_WAY - 1);
}

/* While nothing can be read the loop must not stand still, or answers would look late, and Ctrl-C would do nothing. */
static void wait_readable(struct bulk *bulk, int file)
{
    struct pollfd poll_row = {.fd = file, .events = POLLIN};
    while (!bulk->stopped && poll(&poll_row, 1, 0) <= 0) {
        uv_run(&bulk->ctl->loop, UV_RUN_NOWAIT);
        poll(&poll_row, 1, bulk->under_way > 0 ? 5 : 50);
        draw(bulk, false);
    }
}

static int read_all(struct bulk *bulk, int file)
{
    struct lines lines = {.number = 0};
    struct line line;
    ssize_t size = 1;
    while (size > 0 && !bulk->stopped) {
        wait_readable(bulk, file);
        uint8_t *room = lines_room(&lines, READ_BYTES);
        do
            size = read(file, room, READ_BYTES);
        while (size < 0 && errno == EINTR);
        lines_add(&lines, READ_BYTES, size > 0 ? (size_t)size : 0);
        /* What a failed read leaves behind may be half a line. */
        while (!bulk->stopped && lines_next(&lines, size == 0, &line))
            take_line(bulk, &line);
    }
    int code = size < 0 ? ctl_complain(bulk->ctl, EXIT_FAILED, "%s: %s", ctl_option(bulk->ctl, "file", "-"), strerror(errno)) : EXIT_DONE;
    wait_below(bulk, 0);
    /* After a failed read the rest is not known; then an older file may be the only one that has it. */
    if (code == EXIT_DONE && bulk->failed_to != NULL)
        code = bulk_write_left(bulk, &lines, file);
    lines_close(&lines);
    return code;
}

/* No node can be reached: every line is left. */
static void leave_all(struct bulk *bulk, int file)
{
    struct lines lines = {.number = 0};
    bulk->stopped = true;
    if (bulk_write_left(bulk, &lines, file) == EXIT_DONE)
        ctl_note(bulk->ctl, "nothing was started; all %" PRIu64 " lines are in %s", bulk->not_started, bulk->failed_to);
    lines_close(&lines);
}

/* How many lines a plain file has; 0 for everything else. */
static uint64_t count_lines(int file)
{
    uint8_t part[READ_BYTES];
    uint64_t lines = 0;
    ssize_t size;
    bool blank = true;
    if (lseek(file, 0, SEEK_SET) != 0)
        return 0;
    while ((size = read(file, part, sizeof part)) > 0)
        for (ssize_t i = 0; i < size; i++) {
            lines += part[i] == '\n' && !blank;
            blank = part[i] == '\n' || (blank && (part[i] == ' ' || part[i] == '\t' || part[i] == '\r'));
        }
    lines += !blank;
    return lseek(file, 0, SEEK_SET) == 0 ? lines : 0;
}

/* ---- the summary */

static int by_line(const void *left, const void *right)
{
    const struct bulk_error *a = left, *b = right;
    return a->line < b->line ? -1 : a->line > b->line;
}

static int ids_by_line(const void *left, const void *right)
{
    const struct bulk_id *a = left, *b = right;
    return a->line < b->line ? -1 : a->line > b->line;
}

static void ids_json(const struct bulk *bulk, struct json *json)
{
    json_put_array_begin(json, "ids");
    for (size_t i = 0; i < bulk->ids_count; i++) {
        json_put_object_begin(json, NULL);
        json_put_unsigned(json, "line", bulk->ids[i].line);
        json_put_string(json, "id", bulk->ids[i].id);
        json_put_bool(json, "alreadyThere", bulk->ids[i].already_there);
        json_put_object_end(json);
    }
    json_put_array_end(json);
}

static void summary_json(const struct bulk *bulk)
{
    struct json json = ctl_json(bulk->ctl);
    json_put_object_begin(&json, NULL);
    json_put_unsigned(&json, "submitted", bulk->submitted);
    json_put_unsigned(&json, "accepted", bulk->accepted);
    if (bulk->creates)
        json_put_unsigned(&json, "alreadyThere", bulk->already_there);
    json_put_unsigned(&json, "rejected", bulk->rejected);
    json_put_unsigned(&json, "unavailable", bulk->unavailable);
    json_put_unsigned(&json, "unknown", bulk->unknown);
    json_put_bool(&json, "stopped", bulk->stopped);
    json_put_array_begin(&json, "errors");
    for (size_t i = 0; i < bulk->errors_count; i++) {
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "line", bulk->errors[i].line);
        json_put_string(&json, "reason", bulk->errors[i].reason);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    if (bulk->creates)
        ids_json(bulk, &json);
    json_put_object_end(&json);
    ctl_json_end(bulk->ctl);
}

static void ids_text(const struct bulk *bulk)
{
    struct buffer *out = &bulk->ctl->out;
    size_t there = 0;
    for (size_t i = 0; i < bulk->ids_count; i++) {
        const struct bulk_id *made = &bulk->ids[i];
        there += made->already_there;
        buffer_append_format(out, "line %" PRIu64 ": %s%s\n", made->line, made->id, made->already_there ? " (already there)" : "");
    }
    if (there > 0)
        buffer_append_format(out, "%zu lines without an id were submitted before: their ids are derived from their bytes. "
                             "--new-ids makes fresh ones.\n", there);
}

static void summary_table(const struct bulk *bulk)
{
    struct buffer *out = &bulk->ctl->out;
    ids_text(bulk);
    for (size_t i = 0; i < bulk->errors_count && i < ERRORS_SHOWN; i++)
        ctl_note(bulk->ctl, "line %" PRIu64 ": %s", bulk->errors[i].line, bulk->errors[i].reason);
    if (bulk->errors_count > ERRORS_SHOWN)
        ctl_note(bulk->ctl, "... and %zu more (-o json shows all)", bulk->errors_count - ERRORS_SHOWN);
    buffer_append_format(out, "%" PRIu64 " %s submitted: %" PRIu64 " accepted, ", bulk->submitted, bulk->noun, bulk->accepted);
    if (bulk->creates)
        buffer_append_format(out, "%" PRIu64 " already there, ", bulk->already_there);
    buffer_append_format(out, "%" PRIu64 " rejected, %" PRIu64 " unavailable, %" PRIu64 " unknown\n", bulk->rejected, bulk->unavailable,
                         bulk->unknown);
}

/* Why it ended before the end of its input, and what to do. */
static void say_stopped(const struct bulk *bulk)
{
    const char *why = bulk->interrupted ? "interrupted" : bulk->lost_in_a_row >= BULK_LOST_MAX
                          ? "no node could take the last lines (see gridctl cluster status)" : "a line was rejected";
    if (bulk->failed_to != NULL)
        ctl_note(bulk->ctl, "stopped before the end: %s; %zu lines that may be repeated and %" PRIu64 " that were not started are in %s", why,
                 bulk->left_count, bulk->not_started, bulk->failed_to);
    else
        ctl_note(bulk->ctl, "stopped before the end: %s; %s", why, bulk->repeat);
}

static int summarize(struct bulk *bulk)
{
    HOLDS(bulk->submitted == bulk->accepted + bulk->already_there + bulk->rejected + bulk->unavailable + bulk->unknown);
    if (bulk->errors_count > 0)
        qsort(bulk->errors, bulk->errors_count, sizeof *bulk->errors, by_line);
    if (bulk->ids_count > 0)
        qsort(bulk->ids, bulk->ids_count, sizeof *bulk->ids, ids_by_line);
    if (bulk->ctl->json)
        summary_json(bulk);
    else
        summary_table(bulk);
    if (bulk->stopped)
        say_stopped(bulk);
    if (bulk->unknown > 0)
        return EXIT_UNKNOWN;
    if (bulk->unavailable > 0)
        return EXIT_UNAVAILABLE;
    return bulk->rejected > 0 || bulk->interrupted ? EXIT_FAILED : EXIT_DONE;
}

/* ---- Ctrl-C */

struct interrupts { uv_signal_t handle; struct bulk *bulk; bool closed; };

/* The first one ends the reading; what is under way is waited for. The second one ends the process, as ever. */
static void on_interrupt(uv_signal_t *handle, int number)
{
    struct bulk *bulk = ((struct interrupts *)handle->data)->bulk;
    (void)number;
    bulk->stopped = true;
    bulk->interrupted = true;
    ctl_note(bulk->ctl, "interrupted: waiting for %" PRIu64 " lines that are under way; Ctrl-C again ends at once", bulk->under_way);
    uv_signal_stop(handle);
}

static void on_handle_closed(uv_handle_t *handle)
{
    ((struct interrupts *)handle->data)->closed = true;
}

static int read_with_interrupts(struct bulk *bulk, int file)
{
    struct interrupts interrupts = {.bulk = bulk};
    HOLDS(uv_signal_init(&bulk->ctl->loop, &interrupts.handle) == 0);
    interrupts.handle.data = &interrupts;
    uv_signal_start(&interrupts.handle, on_interrupt, SIGINT);
    int code = read_all(bulk, file);
    uv_close((uv_handle_t *)&interrupts.handle, on_handle_closed);
    ctl_wait(bulk->ctl, &interrupts.closed);
    return code;
}

static void bulk_close(struct bulk *bulk)
{
    for (size_t i = 0; i < bulk->errors_count; i++)
        memory_free(bulk->errors[i].reason);
    for (size_t i = 0; i < bulk->ids_count; i++)
        memory_free(bulk->ids[i].id);
    for (size_t i = 0; i < bulk->left_count; i++)
        buffer_close(&bulk->left[i].text);
    memory_free(bulk->left);
    memory_free(bulk->errors);
    memory_free(bulk->ids);
}

int bulk_run(struct ctl *ctl, const struct bulk_plan *plan)
{
    struct bulk bulk = {.ctl = ctl, .start = plan->start, .context = plan->context, .noun = plan->noun, .creates = plan->creates,
                        .repeat = plan->repeat, .write_left = plan->write_left, .failed_to = ctl_option(ctl, "failed-to", NULL),
                        .strict = ctl_flag(ctl, "strict"), .began_ns = uv_hrtime()};
    const char *path = ctl_option(ctl, "file", NULL);
    if (path == NULL)
        return ctl_complain(ctl, EXIT_USAGE, "--file FILE is required; - is standard input");
    bool is_input = strcmp(path, "-") == 0;
    int file = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return ctl_complain(ctl, EXIT_FAILED, "%s: %s", path, strerror(errno));
    bulk.progress = ctl_flag(ctl, "progress") || (isatty(STDERR_FILENO) && !ctl->json);
    bulk.lines_total = bulk.progress && !is_input ? count_lines(file) : 0;
    int code = ctl_connect(ctl);
    if (code == EXIT_DONE) {
        int reading = read_with_interrupts(&bulk, file);
        draw(&bulk, true);
        code = summarize(&bulk);
        if (code == EXIT_DONE)
            code = reading;
    } else if (bulk.failed_to != NULL) {
        leave_all(&bulk, file);
    }
    if (!is_input)
        close(file);
    bulk_close(&bulk);
    return code;
}
