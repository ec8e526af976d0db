/* partition list: where each partition is, what it holds, its snapshot and log, and which members are behind. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/gridctl/terminal/survey.h"
#include "tools/gridctl/terminal/table.h"


static void lags_json(struct json *json, const struct grid_partition_status *row)
{
    json_put_array_begin(json, "lagging");
    for (size_t i = 0; i < row->lagging_count; i++) {
        const struct grid_member_lag *lag = &row->lagging[i];
        json_put_object_begin(json, NULL);
        json_put_unsigned(json, "node", lag->node);
        json_put_unsigned(json, "entries", lag->entries);
        json_put_bool(json, "needsSnapshot", lag->lacks);
        json_put_bool(json, "sending", lag->sending);
        json_put_unsigned(json, "sentBytes", lag->sent_bytes);
        json_put_unsigned(json, "bytes", lag->transfer_bytes);
        json_put_object_end(json);
    }
    json_put_array_end(json);
}

static void partition_json(struct json *json, const struct survey *survey, const struct grid_partition_status *row)
{
    char digest[20];
    snprintf(digest, sizeof digest, "%016" PRIx64, row->digest);
    json_put_object_begin(json, NULL);
    json_put_unsigned(json, "partition", row->partition);
    json_put_unsigned(json, "leader", survey->leaders[row->partition]);
    json_put_unsigned(json, "term", row->term);
    json_put_unsigned(json, "commitIndex", row->commit_index);
    json_put_unsigned(json, "appliedIndex", row->applied_index);
    json_put_unsigned(json, "lastIndex", row->last_index);
    json_put_unsigned(json, "entries", row->entries);
    json_put_unsigned(json, "sessions", row->sessions);
    json_put_unsigned(json, "outboxPending", row->outbox_pending);
    json_put_unsigned(json, "timers", row->timers);
    json_put_unsigned(json, "activities", row->activities);
    json_put_time(json, "logTime", row->log_time_ms);
    json_put_string(json, "digest", digest);
    json_put_unsigned(json, "snapshotIndex", row->snapshot_index);
    json_put_unsigned(json, "snapshotBytes", row->snapshot_bytes);
    json_put_unsigned(json, "snapshotAgeMs", row->snapshot_age_ms);
    json_put_unsigned(json, "logBytes", row->log_bytes);
    lags_json(json, row);
    json_put_object_end(json);
}

/* "2: 1200" is behind by entries; "3: snapshot 45%" gets the snapshot, or waits for it. */
static void lag_text(const struct grid_member_lag *lag, char *text, size_t size)
{
    if (lag->sending && lag->transfer_bytes != 0)
        snprintf(text, size, "%" PRIu32 ": snapshot %" PRIu64 "%%", lag->node, lag->sent_bytes * 100 / lag->transfer_bytes);
    else if (lag->lacks || lag->sending)
        snprintf(text, size, "%" PRIu32 ": snapshot", lag->node);
    else
        snprintf(text, size, "%" PRIu32 ": %" PRIu64, lag->node, lag->entries);
}

static void lags_cell(struct table_view *table, const struct grid_partition_status *row)
{
    char text[256] = "-", one[64];
    size_t used = 0;
    for (size_t i = 0; i < row->lagging_count && used + sizeof one < sizeof text; i++) {
        lag_text(&row->lagging[i], one, sizeof one);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : ", ", one);
    }
    table_view_cell(table, "%s", text);
}

static void snapshot_cells(struct table_view *table, const struct grid_partition_status *row)
{
    if (row->snapshot_index == 0) {
        for (int i = 0; i < 3; i++)
            table_view_cell(table, "-");
    } else {
        table_view_cell(table, "%" PRIu64, row->snapshot_index);
        table_view_cell(table, "%" PRIu64, row->snapshot_bytes >> 10);
        table_view_cell(table, "%" PRIu64, row->snapshot_age_ms / 1000);
    }
    table_view_cell(table, "%" PRIu64, row->log_bytes >> 10);
}

static void partition_cells(struct table_view *table, const struct survey *survey,
                            const struct grid_partition_status *row)
{
    uint32_t leader = survey->leaders[row->partition];
    table_view_row(table);
    table_view_cell(table, "%" PRIu32, row->partition);
    if (leader != 0)
        table_view_cell(table, "%" PRIu32, leader);
    else
        table_view_cell(table, "none");
    table_view_cell(table, "%" PRIu64, row->term);
    table_view_cell(table, "%" PRIu64, row->applied_index);
    table_view_cell(table, "%" PRIu64, row->entries);
    table_view_cell(table, "%" PRIu64, row->sessions);
    table_view_cell(table, "%" PRIu64, row->outbox_pending);
    table_view_cell(table, "%" PRIu64, row->activities);
    snapshot_cells(table, row);
    lags_cell(table, row);
}

int partition_list(struct ctl *ctl)
{
    static const char *const headers[] = {">PARTITION", ">LEADER", ">TERM", ">APPLIED", ">ENTRIES", ">SESSIONS",
                                          ">OUTBOX", ">ACTIVITIES", ">SNAPSHOT", ">KiB", ">AGE s", ">LOG KiB", "LAGGING", NULL};
    struct survey survey;
    int code = survey_take(ctl, &survey);
    struct json json = ctl_json(ctl);
    struct table_view *table = code == EXIT_DONE && !ctl->json ? table_view_open(ctl, headers) : NULL;
    if (code == EXIT_DONE && ctl->json)
        json_put_array_begin(&json, NULL);
    for (uint32_t i = 0; code == EXIT_DONE && i < survey.partitions; i++) {
        const struct grid_partition_status *row = survey_row(&survey, i);
        if (row != NULL && table != NULL)
            partition_cells(table, &survey, row);
        else if (row != NULL)
            partition_json(&json, &survey, row);
    }
    if (table != NULL)
        table_view_close(table, ctl);
    if (code == EXIT_DONE && ctl->json) {
        json_put_array_end(&json);
        ctl_json_end(ctl);
    }
    survey_close(&survey);
    return code;
}
