/* retention list, retention set: what partitions keep for a limited time (docs/guides/retention.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/duration.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/terminal/table.h"

/* The core calls them flows, whatever a service makes of them. */
static const char *const names[] = {
    [GRID_RETENTION_COMPLETIONS] = "completions", [GRID_RETENTION_FLOWS] = "sagas", [GRID_RETENTION_KEYS] = "keys",
    [GRID_RETENTION_SESSIONS] = "sessions", [GRID_RETENTION_JOURNALS] = "journals"};

/* ---- retention list */

static void list_json(struct ctl *ctl, const struct grid_reply *reply)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < reply->retention_count; i++) {
        const struct grid_retention *kept = &reply->retention[i];
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "kind", names[kept->kind]);
        json_put_unsigned(&json, "count", kept->count);
        json_put_unsigned(&json, "bytes", kept->bytes);
        json_put_unsigned(&json, "oldestMs", kept->oldest_ms);
        json_put_unsigned(&json, "partitionCount", kept->count_highest);
        json_put_unsigned(&json, "partitionBytes", kept->bytes_highest);
        json_put_object_begin(&json, "limits");
        json_put_unsigned(&json, "ageMs", kept->limits.age_ms);
        json_put_unsigned(&json, "count", kept->limits.count);
        json_put_unsigned(&json, "bytes", kept->limits.bytes);
        json_put_object_end(&json);
        json_put_unsigned(&json, "version", kept->version);
        json_put_unsigned(&json, "partitionsSet", kept->partitions_set);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

/* As people say it, like 7d or 1h30m; seconds only below a day. */
static void duration_cell(struct table_view *table, uint64_t ms, const char *zero)
{
    static const struct { const char *unit; uint64_t ms; } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    char text[64] = "";
    size_t shown = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && shown < 2; i++) {
        if (ms >= units[i].ms) {
            size_t size = strlen(text);
            snprintf(text + size, sizeof text - size, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
            ms %= units[i].ms;
            shown++;
        }
    }
    table_view_cell(table, "%s", shown == 0 ? zero : text);
}

static void number_cell(struct table_view *table, uint64_t number)
{
    if (number == 0)
        table_view_cell(table, "none");
    else
        table_view_cell(table, "%" PRIu64, number);
}

static void show_list(struct ctl *ctl, const struct grid_reply *reply)
{
    static const char *const headers[] = {"KIND", ">COUNT", ">BYTES", ">OLDEST", ">FULLEST: COUNT", ">BYTES", ">LIMITS: AGE", ">COUNT", ">BYTES", NULL};
    if (ctl->json) {
        list_json(ctl, reply);
        return;
    }
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < reply->retention_count; i++) {
        const struct grid_retention *kept = &reply->retention[i];
        table_view_row(table);
        table_view_cell(table, "%s", names[kept->kind]);
        table_view_cell(table, "%" PRIu64, kept->count);
        table_view_cell(table, "%" PRIu64, kept->bytes);
        duration_cell(table, kept->oldest_ms, "-");
        table_view_cell(table, "%" PRIu64, kept->count_highest);
        table_view_cell(table, "%" PRIu64, kept->bytes_highest);
        duration_cell(table, kept->limits.age_ms, "none");
        number_cell(table, kept->limits.count);
        number_cell(table, kept->limits.bytes);
    }
    table_view_close(table, ctl);
    uint32_t partitions = grid_client_partition_count(ctl->client);
    for (size_t i = 0; i < reply->retention_count; i++)
        if (reply->retention[i].partitions_set < partitions)
            buffer_append_format(&ctl->out, "\n%" PRIu32 " of %" PRIu32 " partitions do not have these limits of %s: set them again\n",
                                 partitions - reply->retention[i].partitions_set, partitions, names[reply->retention[i].kind]);
    buffer_append_text(&ctl->out, "\nlimits are those of one partition; FULLEST is the partition that has the most\n");
}

static int list(struct ctl *ctl)
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show_list);
    grid_client_retention(ctl->client, &call);
    return map_finish(ctl, &asked);
}

int retention_list(struct ctl *ctl)
{
    int code = ctl_connect(ctl);
    return code == EXIT_DONE ? list(ctl) : code;
}

/* ---- retention set */

static bool is_none(const char *text)
{
    return strcmp(text, "none") == 0;
}

static bool age(const struct ctl *ctl, uint64_t *ret_ms)
{
    const char *text = ctl_option(ctl, "age", NULL);
    if (text == NULL)
        return true;
    *ret_ms = 0;
    if (is_none(text) || (duration_parse(bytes_of_text(text), ret_ms) && *ret_ms > 0))
        return true;
    ctl_complain(ctl, EXIT_USAGE, "--age is a number of milliseconds, a duration like 10m or 7d, or none, not '%s'", text);
    return false;
}

static bool count(const struct ctl *ctl, uint64_t *ret_count)
{
    const char *text = ctl_option(ctl, "count", NULL);
    if (text == NULL)
        return true;
    *ret_count = 0;
    if (is_none(text) || (parse_number(text, UINT64_MAX, ret_count) && *ret_count > 0))
        return true;
    ctl_complain(ctl, EXIT_USAGE, "--count is a number from 1, or none, not '%s'", text);
    return false;
}

static bool size_parse(const char *text, uint64_t *ret_bytes)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    char digits[24] = "";
    size_t length = strspn(text, "0123456789");
    uint64_t number;
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text + length, units[i]) == 0 && parse_number(digits, UINT64_MAX >> (10 * i), &number)) {
            *ret_bytes = number << (10 * i);
            return number > 0;
        }
    return false;
}

static bool bytes(const struct ctl *ctl, uint64_t *ret_bytes)
{
    const char *text = ctl_option(ctl, "bytes", NULL);
    if (text == NULL)
        return true;
    *ret_bytes = 0;
    if (is_none(text) || size_parse(text, ret_bytes))
        return true;
    ctl_complain(ctl, EXIT_USAGE, "--bytes is a number from 1, a size like 64MiB or 1GiB, or none, not '%s'", text);
    return false;
}

/* What the command line names; the rest stays. */
static bool change(const struct ctl *ctl, struct grid_retention_limits *limits)
{
    return age(ctl, &limits->age_ms) && count(ctl, &limits->count) && bytes(ctl, &limits->bytes);
}

struct current { bool done; int code; struct ctl *ctl; enum grid_retention_kind kind; struct grid_retention kept; };

static void on_current(void *context, const struct grid_reply *reply)
{
    struct current *current = context;
    current->done = true;
    if (reply->outcome != GRID_OUTCOME_OK)
        current->code = ctl_failed(current->ctl, NULL, reply);
    else
        current->kept = reply->retention[current->kind - 1];
}

struct setting { struct map_asked asked; uint64_t expected_version; };

static void show_nothing(struct ctl *ctl, const struct grid_reply *reply)
{
    (void)ctl;
    (void)reply;
}

static void on_set(void *context, const struct grid_reply *reply)
{
    struct setting *setting = context;
    struct grid_reply told = *reply;
    char note[160];
    if (reply->outcome == GRID_OUTCOME_VERSION_CONFLICT) {
        snprintf(note, sizeof note, "the limits have version %" PRIu64 ", not %" PRIu64 "; look at them with gridctl retention list -o json",
                 reply->version, setting->expected_version);
        told.note = note;
    }
    map_replied(&setting->asked, &told);
}

static int set(struct ctl *ctl, enum grid_retention_kind kind, const struct grid_retention_limits *limits, uint64_t expected_version)
{
    struct setting setting = {.expected_version = expected_version};
    struct grid_call call = map_call(ctl, &setting.asked, show_nothing);
    call.done = on_set;
    call.context = &setting;
    grid_client_retain(ctl->client, kind, limits, expected_version, &call);
    return map_finish(ctl, &setting.asked);
}

static enum grid_retention_kind kind_named(const char *text)
{
    for (int kind = GRID_RETENTION_COMPLETIONS; kind <= GRID_RETENTION_JOURNALS; kind++)
        if (strcmp(names[kind], text) == 0)
            return (enum grid_retention_kind)kind;
    return strcmp(text, "flows") == 0 ? GRID_RETENTION_FLOWS : (enum grid_retention_kind)0;
}

int retention_set(struct ctl *ctl)
{
    struct current current = {.ctl = ctl, .kind = kind_named(ctl->arguments[0])};
    struct grid_call call = {.done = on_current, .context = &current};
    struct grid_retention_limits checked = {0};
    uint64_t expected = 0;
    if (current.kind == 0)
        return ctl_complain(ctl, EXIT_USAGE, "KIND is completions, sagas, keys, sessions or journals, not '%s'", ctl->arguments[0]);
    if (!ctl_flag(ctl, "age") && !ctl_flag(ctl, "count") && !ctl_flag(ctl, "bytes"))
        return ctl_complain(ctl, EXIT_USAGE, "name at least one limit: --age, --count or --bytes");
    if (!change(ctl, &checked) || !ctl_number(ctl, "expect", 0, UINT64_MAX, &expected))
        return EXIT_USAGE;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    grid_client_retention(ctl->client, &call);
    ctl_wait(ctl, &current.done);
    if (current.code != EXIT_DONE)
        return current.code;
    (void)change(ctl, &current.kept.limits);
    code = set(ctl, current.kind, &current.kept.limits, ctl_flag(ctl, "expect") ? expected : current.kept.version);
    return code == EXIT_DONE ? list(ctl) : code;
}
