/* map config, map stats. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/terminal/table.h"

/* ---- what is shown */

static void json_settings(struct json *json, const struct grid_map_info *info)
{
    const struct grid_map_settings *settings = &info->settings;
    json_put_unsigned(json, "version", info->settings_version);
    json_put_unsigned(json, "ttlMs", settings->ttl_ms);
    json_put_unsigned(json, "entriesMax", settings->entries_max);
    json_put_unsigned(json, "bytesMax", settings->bytes_max);
    json_put_object_begin(json, "journal");
    json_put_bool(json, "enabled", settings->journal);
    json_put_bool(json, "oldValues", settings->journal_old_values);
    json_put_unsigned(json, "entriesMax", settings->journal_entries_max);
    json_put_unsigned(json, "bytesMax", settings->journal_bytes_max);
    json_put_unsigned(json, "ageMaxMs", settings->journal_age_max_ms);
    json_put_object_end(json);
}

static void row(struct table_view *table, const char *name, uint64_t value, const char *meaning)
{
    table_view_row(table);
    table_view_cell(table, "%s", name);
    if (value == 0 && meaning != NULL)
        table_view_cell(table, "%s", meaning);
    else
        table_view_cell(table, "%" PRIu64, value);
}

static void show_settings(struct ctl *ctl, const struct grid_reply *reply)
{
    static const char *const headers[] = {"SETTING", ">VALUE", NULL};
    const struct grid_map_info *info = reply->info;
    const struct grid_map_settings *settings = &info->settings;
    if (ctl->json) {
        struct json json = ctl_json(ctl);
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "map", map_name(ctl));
        json_settings(&json, info);
        json_put_unsigned(&json, "partitionsConfigured", info->partitions_configured);
        json_put_object_end(&json);
        ctl_json_end(ctl);
        return;
    }
    struct table_view *table = table_view_open(ctl, headers);
    row(table, "version", info->settings_version, "never configured");
    row(table, "ttl, ms", settings->ttl_ms, "none");
    row(table, "entries of a partition, at most", settings->entries_max, "no bound");
    row(table, "bytes of a partition, at most", settings->bytes_max, "no bound");
    row(table, "journal", 0, settings->journal ? "on" : "off");
    row(table, "journal: old values", 0, settings->journal_old_values ? "kept" : "not kept");
    row(table, "journal: records of a partition", settings->journal_entries_max, "see retention list");
    row(table, "journal: bytes of a partition", settings->journal_bytes_max, "see retention list");
    row(table, "journal: age, ms", settings->journal_age_max_ms, "see retention list");
    table_view_close(table, ctl);
}

static void show_stats(struct ctl *ctl, const struct grid_reply *reply)
{
    static const char *const headers[] = {"STATISTIC", ">VALUE", NULL};
    const struct grid_map_info *info = reply->info;
    const struct { const char *name, *json; uint64_t value; } rows[] = {
        {"entries", "entries", info->entries}, {"bytes of records", "bytes", info->bytes},
        {"entries with a ttl", "expiring", info->expiring}, {"writes", "sets", info->sets},
        {"removals", "removes", info->removes}, {"expirations", "expirations", info->expirations},
        {"journal records kept", "journalRecords", info->journal_records},
        {"journal bytes kept", "journalBytes", info->journal_bytes}};
    if (ctl->json) {
        struct json json = ctl_json(ctl);
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "map", map_name(ctl));
        json_put_bool(&json, "exists", info->exists);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            json_put_unsigned(&json, rows[i].json, rows[i].value);
        json_put_object_end(&json);
        ctl_json_end(ctl);
        return;
    }
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        row(table, rows[i].name, rows[i].value, NULL);
    table_view_close(table, ctl);
}

/* ---- settings */

/* What the map has now, to change a part of it. */
struct current { bool done; int code; struct ctl *ctl; struct grid_map_info info; };

static void on_current(void *context, const struct grid_reply *reply)
{
    struct current *current = context;
    current->done = true;
    if (reply->outcome != GRID_OUTCOME_OK)
        current->code = ctl_failed(current->ctl, NULL, reply);
    else
        current->info = *reply->info;
}

static int read_current(struct ctl *ctl, struct current *current)
{
    struct grid_call call = {.done = on_current, .context = current};
    *current = (struct current){.ctl = ctl};
    grid_client_map_info(ctl->client, map_name(ctl), &call);
    ctl_wait(ctl, &current->done);
    return current->code;
}

static bool on_or_off(const struct ctl *ctl, const char *name, bool *changed, bool *setting)
{
    const char *value = ctl_option(ctl, name, NULL);
    if (value == NULL)
        return true;
    *changed = true;
    *setting = strcmp(value, "on") == 0;
    if (*setting || strcmp(value, "off") == 0)
        return true;
    ctl_complain(ctl, EXIT_USAGE, "--%s is on or off, not '%s'", name, value);
    return false;
}

static bool number(const struct ctl *ctl, const char *name, bool *changed, uint64_t *setting)
{
    *changed = *changed || ctl_flag(ctl, name);
    return ctl_number(ctl, name, *setting, UINT64_MAX, setting);
}

/* Whatever the command line names; the rest stays. */
static bool change(const struct ctl *ctl, struct grid_map_settings *settings, bool *ret_changed)
{
    bool changed = false;
    const char *ttl = ctl_option(ctl, "ttl", NULL);
    if (ttl != NULL && !map_ttl(ctl, ttl, &settings->ttl_ms))
        return false;
    if (settings->ttl_ms == GRID_TTL_NONE)
        settings->ttl_ms = 0;
    bool good = on_or_off(ctl, "journal", &changed, &settings->journal) &&
                on_or_off(ctl, "journal-old-values", &changed, &settings->journal_old_values) &&
                number(ctl, "entries-max", &changed, &settings->entries_max) &&
                number(ctl, "bytes-max", &changed, &settings->bytes_max) &&
                number(ctl, "journal-entries", &changed, &settings->journal_entries_max) &&
                number(ctl, "journal-bytes", &changed, &settings->journal_bytes_max) &&
                ctl_duration(ctl, "journal-age", settings->journal_age_max_ms, UINT64_MAX, &settings->journal_age_max_ms);
    changed = changed || ctl_flag(ctl, "journal-age");
    *ret_changed = changed || ttl != NULL;
    return good;
}

static void show_nothing(struct ctl *ctl, const struct grid_reply *reply)
{
    (void)ctl;
    (void)reply;
}

struct configured { struct map_asked asked; uint64_t expected_version; };

static void on_configured(void *context, const struct grid_reply *reply)
{
    struct configured *configured = context;
    struct grid_reply told = *reply;
    char note[160];
    if (reply->outcome == GRID_OUTCOME_VERSION_CONFLICT) {
        snprintf(note, sizeof note, "the settings have version %" PRIu64 ", not %" PRIu64 "; look at them with gridctl map config, and change them "
                                    "with their version", reply->version, configured->expected_version);
        told.note = note;
    }
    map_replied(&configured->asked, &told);
}

static int configure(struct ctl *ctl, const struct grid_map_settings *settings, uint64_t expected_version)
{
    struct configured configured = {.expected_version = expected_version};
    struct grid_call call = map_call(ctl, &configured.asked, show_nothing);
    call.done = on_configured;
    call.context = &configured;
    grid_client_configure(ctl->client, map_name(ctl), settings, expected_version, &call);
    return map_finish(ctl, &configured.asked);
}

static int show_info(struct ctl *ctl, void (*show)(struct ctl *ctl, const struct grid_reply *reply))
{
    struct map_asked asked;
    struct grid_call call = map_call(ctl, &asked, show);
    grid_client_map_info(ctl->client, map_name(ctl), &call);
    return map_finish(ctl, &asked);
}

int map_config(struct ctl *ctl)
{
    struct current current;
    struct grid_map_settings checked = {0};
    bool changed;
    uint64_t expected = 0;
    if (!change(ctl, &checked, &changed) || !ctl_number(ctl, "expect", 0, UINT64_MAX, &expected))
        return EXIT_USAGE;
    if (!changed && ctl_flag(ctl, "expect"))
        return ctl_complain(ctl, EXIT_USAGE, "--expect is for a change, and no setting is named");
    int code = ctl_connect(ctl);
    if (code == EXIT_DONE && changed) {
        code = read_current(ctl, &current);
        if (code == EXIT_DONE && change(ctl, &current.info.settings, &changed))
            code = configure(ctl, &current.info.settings,
                             ctl_flag(ctl, "expect") ? expected : current.info.settings_version);
    }
    return code == EXIT_DONE ? show_info(ctl, show_settings) : code;
}

int map_stats(struct ctl *ctl)
{
    int code = ctl_connect(ctl);
    return code == EXIT_DONE ? show_info(ctl, show_stats) : code;
}
