/* cluster watch: what the cluster does, live on a terminal, one line an interval elsewhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "tools/gridctl/bench/rates.h"
#include "tools/gridctl/terminal/screen.h"
#include "tools/gridctl/terminal/table.h"

enum { INTERVAL_DEFAULT = 1, INTERVAL_MAX = 3600, SECOND_MS = 1000, NUMBER_BYTES = 32 };

#define BOLD "\x1b[1m"
#define GREEN "\x1b[32m"
#define RED "\x1b[31m"
#define PLAIN "\x1b[0m"

struct watch {
    struct ctl *ctl;
    struct screen screen;
    uv_timer_t timer;
    struct survey surveys[2];              /* the latest and the one before, in turns */
    uint64_t taken_us[2];
    uint64_t interval, count, shown;
    bool live, due, timer_closed;
};

/* ---- the two latest surveys */

static size_t latest(const struct watch *watch)
{
    return (size_t)(watch->shown % 2);
}

static const struct survey *before(const struct watch *watch)
{
    return watch->shown > 0 ? &watch->surveys[1 - latest(watch)] : NULL;
}

static uint64_t elapsed_us(const struct watch *watch)
{
    return watch->shown > 0 ? watch->taken_us[latest(watch)] - watch->taken_us[1 - latest(watch)] : 0;
}

/* ---- numbers for people */

/* With a comma at every third digit. */
static const char *grouped(uint64_t number, char ret_text[NUMBER_BYTES])
{
    char digits[NUMBER_BYTES];
    size_t size = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number), at = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            ret_text[at++] = ',';
        ret_text[at++] = digits[i];
    }
    ret_text[at] = 0;
    return ret_text;
}

static void put_figure(struct watch *watch, const char *name, uint64_t number, bool known, const char *unit)
{
    char text[NUMBER_BYTES];
    const struct ctl *ctl = watch->ctl;
    buffer_append_format(&watch->ctl->out, "%-12s %s%15s%s%s%s\n", name, ctl->color ? BOLD : "",
                         known ? grouped(number, text) : "-", ctl->color ? PLAIN : "", unit[0] != 0 ? " " : "", unit);
}

static const char *time_now(char ret_text[TIME_TEXT_BYTES])
{
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    time_format((uint64_t)now.tv_sec * SECOND_MS, ret_text);
    /* Whole seconds: "….000Z" would promise more. */
    snprintf(strchr(ret_text, '.'), sizeof "Z", "Z");
    return ret_text;
}

/* ---- the screen */

static void put_head(struct watch *watch, const struct survey *survey, const struct rates *rates)
{
    struct ctl *ctl = watch->ctl;
    bool healthy = survey_is_healthy(survey);
    const char *color = !ctl->color ? "" : healthy ? GREEN : RED;
    char time[TIME_TEXT_BYTES];
    buffer_append_format(&ctl->out, "cluster %s: %s%s%s   %s   every %" PRIu64 " s, q quits\n", grid_client_cluster(ctl->client),
                         color, healthy ? "healthy" : "not healthy", ctl->color ? PLAIN : "", time_now(time), watch->interval);
    buffer_append_format(&ctl->out, "%" PRIu32 " of %" PRIu32 " nodes are ready, %" PRIu32 " of %" PRIu32
                         " partitions have a leader\n\n", rates->ready, rates->nodes, survey_with_leader(survey),
                         survey->partitions);
}

static void put_nodes(struct watch *watch, const struct survey *survey)
{
    static const char *const headers[] = {">NODE", "ADDRESS", "STATE", ">LEADERS", ">READS/s", ">LOG MiB", ">UPTIME s", NULL};
    char text[NUMBER_BYTES];
    struct table_view *table = table_view_open(watch->ctl, headers);
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        table_view_row(table);
        table_view_cell(table, "%" PRIu32, node->node);
        table_view_cell(table, "%s", node->address);
        table_view_cell(table, "%s", node->state);
        table_view_cell(table, "%" PRIu32, node->leaders);
        table_view_cell(table, "%s", elapsed_us(watch) == 0 ? "-"
                        : grouped(rates_node_reads(node, before(watch), elapsed_us(watch)), text));
        table_view_cell(table, "%" PRIu64, node->log_disk_bytes >> 20);
        table_view_cell(table, "%" PRIu64, node->uptime_ms / SECOND_MS);
    }
    table_view_close(table, watch->ctl);
}

static void put_screen(struct watch *watch, const struct survey *survey, const struct rates *rates)
{
    bool known = rates->elapsed_us > 0;
    put_head(watch, survey, rates);
    put_nodes(watch, survey);
    buffer_append_u8(&watch->ctl->out, '\n');
    put_figure(watch, "commands", rates->commands, known, "a second");
    put_figure(watch, "reads", rates->reads, known, "a second");
    put_figure(watch, "sagas", rates->sagas_active, true, "active");
    put_figure(watch, "", rates->sagas_ended, known, "ended a second");
    put_figure(watch, "log", rates->log_bytes, true, "bytes on disk");
    put_figure(watch, "outbox", rates->outbox_pending, true, "messages pending");
}

/* ---- lines */

static void put_line(struct watch *watch, const struct survey *survey, const struct rates *rates)
{
    char time[TIME_TEXT_BYTES];
    buffer_append_format(&watch->ctl->out,
                         "%s nodes %" PRIu32 "/%" PRIu32 " leaders %" PRIu32 "/%" PRIu32 " commands/s %" PRIu64
                         " reads/s %" PRIu64 " sagas %" PRIu64 " ended/s %" PRIu64 " log %" PRIu64 " outbox %" PRIu64 "\n",
                         time_now(time), rates->ready, rates->nodes, survey_with_leader(survey), survey->partitions,
                         rates->commands, rates->reads, rates->sagas_active, rates->sagas_ended, rates->log_bytes, rates->outbox_pending);
}

static void put_json(struct watch *watch, const struct survey *survey, const struct rates *rates)
{
    struct json json = json_to(&watch->ctl->out, false);
    uv_timeval64_t now;
    uv_gettimeofday(&now);
    json_put_object_begin(&json, NULL);
    json_put_time(&json, "time", (uint64_t)now.tv_sec * SECOND_MS + (uint64_t)now.tv_usec / 1000);
    json_put_array_begin(&json, "nodes");
    for (size_t i = 0; i < survey->count; i++) {
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "id", survey->nodes[i].node);
        json_put_string(&json, "state", survey->nodes[i].state);
        json_put_unsigned(&json, "leaders", survey->nodes[i].leaders);
        json_put_unsigned(&json, "readsPerSecond", rates_node_reads(&survey->nodes[i], before(watch), elapsed_us(watch)));
        json_put_unsigned(&json, "logDiskBytes", survey->nodes[i].log_disk_bytes);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    json_put_unsigned(&json, "partitions", survey->partitions);
    json_put_unsigned(&json, "withLeader", survey_with_leader(survey));
    json_put_unsigned(&json, "commandsPerSecond", rates->commands);
    json_put_unsigned(&json, "readsPerSecond", rates->reads);
    json_put_unsigned(&json, "sagasActive", rates->sagas_active);
    json_put_unsigned(&json, "sagasEndedPerSecond", rates->sagas_ended);
    json_put_unsigned(&json, "logDiskBytes", rates->log_bytes);
    json_put_unsigned(&json, "outboxPending", rates->outbox_pending);
    json_put_object_end(&json);
    ctl_json_end(watch->ctl);
}

/* Lines need a survey before them: the first one shows nothing. */
static bool show(struct watch *watch)
{
    const struct survey *survey = &watch->surveys[latest(watch)];
    struct rates rates = rates_of(survey, before(watch), elapsed_us(watch));
    struct buffer *out = &watch->ctl->out;
    if (watch->live)
        put_screen(watch, survey, &rates);
    else if (rates.elapsed_us > 0 && watch->ctl->json)
        put_json(watch, survey, &rates);
    else if (rates.elapsed_us > 0)
        put_line(watch, survey, &rates);
    if (!watch->live)
        return ctl_flush(watch->ctl);
    bool written = screen_draw(&watch->screen, buffer_bytes(out));
    buffer_clear(out);
    return written;
}

/* ---- the loop */

static void on_due(uv_timer_t *timer)
{
    ((struct watch *)timer->data)->due = true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    ((struct watch *)handle->data)->timer_closed = true;
}

/* Runs the loop until the flag is true; false: the user wants to go. */
static bool wait_for(struct watch *watch, const bool *flag)
{
    while (!*flag && !watch->screen.quit)
        uv_run(&watch->ctl->loop, UV_RUN_ONCE);
    return !watch->screen.quit;
}

/* One survey and what it shows; false: the end. `ret_code` is left alone unless something failed. */
static bool turn(struct watch *watch, int *ret_code)
{
    struct survey *survey = &watch->surveys[latest(watch)];
    survey_close(survey);
    survey_start(watch->ctl, survey);
    if (!wait_for(watch, &survey->done))
        return false;
    watch->taken_us[latest(watch)] = uv_hrtime() / 1000;
    if (!show(watch)) {
        *ret_code = EXIT_FAILED;
        return false;
    }
    watch->shown++;
    /* Lines begin with the second survey. */
    return watch->count == 0 || watch->shown < watch->count + (watch->live ? 0 : 1);
}

static void watch_close(struct watch *watch)
{
    uv_close((uv_handle_t *)&watch->timer, on_timer_closed);
    ctl_wait(watch->ctl, &watch->timer_closed);
    screen_close(&watch->screen);
    /* Ends what is still asked, so that nothing points into the surveys. */
    ctl_close(watch->ctl);
    survey_close(&watch->surveys[0]);
    survey_close(&watch->surveys[1]);
}

int cluster_watch(struct ctl *ctl)
{
    struct watch watch = {.ctl = ctl, .live = isatty(STDOUT_FILENO) && !ctl->json};
    if (!ctl_seconds(ctl, "interval", INTERVAL_DEFAULT, INTERVAL_MAX, &watch.interval) ||
        !ctl_number(ctl, "count", 0, UINT32_MAX, &watch.count))
        return EXIT_USAGE;
    if (watch.interval == 0)
        return ctl_complain(ctl, EXIT_USAGE, "--interval is at least 1");
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    HOLDS(uv_timer_init(&ctl->loop, &watch.timer) == 0);
    watch.timer.data = &watch;
    screen_open(&watch.screen, &ctl->loop, watch.live);
    uv_timer_start(&watch.timer, on_due, watch.interval * SECOND_MS, watch.interval * SECOND_MS);
    while (turn(&watch, &code) && wait_for(&watch, &watch.due))
        watch.due = false;
    watch_close(&watch);
    return code;
}
