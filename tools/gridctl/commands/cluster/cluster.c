/* cluster status, member list: what the nodes say of themselves. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/gridctl/terminal/survey.h"
#include "tools/gridctl/terminal/table.h"

/* ---- cluster status */

static void status_json(struct ctl *ctl, const struct survey *survey)
{
    struct json json = ctl_json(ctl);
    json_put_object_begin(&json, NULL);
    json_put_string(&json, "cluster", grid_client_cluster(ctl->client));
    json_put_string(&json, "clusterUuid", grid_client_cluster_uuid(ctl->client));
    json_put_array_begin(&json, "nodes");
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "id", node->node);
        json_put_string(&json, "address", node->address);
        json_put_string(&json, "state", node->state);
        json_put_unsigned(&json, "leaders", node->leaders);
        json_put_unsigned(&json, "replicas", node->replicas);
        json_put_unsigned(&json, "level", node->level);
        json_put_unsigned(&json, "memoryBytes", node->memory_bytes);
        json_put_unsigned(&json, "memoryMaxBytes", node->memory_max_bytes);
        json_put_unsigned(&json, "memoryUsedBytes", node->memory_used_bytes);
        json_put_unsigned(&json, "dataBytes", node->data_bytes);
        json_put_unsigned(&json, "diskBytes", node->disk_bytes);
        json_put_unsigned(&json, "catchingUpPartitions", node->catching_up);
        json_put_unsigned(&json, "laggingPartitions", node->lagging);
        json_put_unsigned(&json, "lagEntries", node->lag_entries);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    json_put_object_begin(&json, "partitions");
    json_put_unsigned(&json, "total", survey->partitions);
    json_put_unsigned(&json, "withLeader", survey_with_leader(survey));
    json_put_object_end(&json);
    json_put_unsigned(&json, "level", survey_level(survey));
    json_put_bool(&json, "healthy", survey_is_healthy(survey));
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

/* What is used, with its bound if it has one: "812 of 6400". */
static void memory_cell(struct table_view *table, const struct node_view *node)
{
    if (node->memory_max_bytes == 0)
        table_view_cell(table, "%" PRIu64, node->memory_used_bytes >> 20);
    else
        table_view_cell(table, "%" PRIu64 " of %" PRIu64, node->memory_used_bytes >> 20, node->memory_max_bytes >> 20);
}

/* One line for each node that is behind. */
static void status_lags(struct ctl *ctl, const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        if (node->lagging != 0)
            buffer_append_format(&ctl->out, "node %" PRIu32 " is behind in %" PRIu32 " partitions, by %" PRIu64 " entries; `gridctl partition list` shows which\n",
                                 node->node, node->lagging, node->lag_entries);
    }
}

static void status_table(struct ctl *ctl, const struct survey *survey)
{
    static const char *const headers[] = {">NODE", "ADDRESS", "STATE", ">LEADERS", ">REPLICAS", ">LEVEL", ">MEMORY MiB", ">DATA MiB", ">DISK MiB",
                                          ">LAGGING", NULL};
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        table_view_row(table);
        table_view_cell(table, "%" PRIu32, node->node);
        table_view_cell(table, "%s", node->address);
        table_view_cell(table, "%s", node->state);
        table_view_cell(table, "%" PRIu32, node->leaders);
        table_view_cell(table, "%" PRIu32, node->replicas);
        table_view_cell(table, "%" PRIu32, node->level);
        memory_cell(table, node);
        table_view_cell(table, "%" PRIu64, node->data_bytes >> 20);
        table_view_cell(table, "%" PRIu64, node->disk_bytes >> 20);
        table_view_cell(table, "%" PRIu32, node->lagging);
    }
    table_view_close(table, ctl);
    const char *uuid = grid_client_cluster_uuid(ctl->client);
    buffer_append_format(&ctl->out, "\ncluster %s%s%s%s: %" PRIu32 " of %" PRIu32 " partitions have a leader; %s\n",
                         grid_client_cluster(ctl->client), uuid[0] != 0 ? " (" : "", uuid, uuid[0] != 0 ? ")" : "", survey_with_leader(survey), survey->partitions,
                         survey_is_healthy(survey) ? "healthy" : "not healthy");
    status_lags(ctl, survey);
}

int cluster_status(struct ctl *ctl)
{
    struct survey survey;
    int code = survey_take(ctl, &survey);
    if (code == EXIT_DONE && ctl->json)
        status_json(ctl, &survey);
    else if (code == EXIT_DONE)
        status_table(ctl, &survey);
    if (code == EXIT_DONE && !survey_is_healthy(&survey))
        code = EXIT_FAILED;
    survey_close(&survey);
    return code;
}

/* ---- member list */

static void members_json(struct ctl *ctl, const struct survey *survey)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "id", node->node);
        json_put_string(&json, "address", node->address);
        json_put_string(&json, "state", node->state);
        json_put_string(&json, "version", node->version);
        json_put_unsigned(&json, "uptimeMs", node->uptime_ms);
        json_put_unsigned(&json, "logDiskBytes", node->log_disk_bytes);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

int member_list(struct ctl *ctl)
{
    static const char *const headers[] = {">NODE", "ADDRESS", "STATE", "VERSION", ">UPTIME s", ">LOG MiB", NULL};
    struct survey survey;
    int code = survey_take(ctl, &survey);
    if (code == EXIT_DONE && ctl->json) {
        members_json(ctl, &survey);
    } else if (code == EXIT_DONE) {
        struct table_view *table = table_view_open(ctl, headers);
        for (size_t i = 0; i < survey.count; i++) {
            const struct node_view *node = &survey.nodes[i];
            table_view_row(table);
            table_view_cell(table, "%" PRIu32, node->node);
            table_view_cell(table, "%s", node->address);
            table_view_cell(table, "%s", node->state);
            table_view_cell(table, "%s", node->version);
            table_view_cell(table, "%" PRIu64, node->uptime_ms / 1000);
            table_view_cell(table, "%" PRIu64, node->log_disk_bytes >> 20);
        }
        table_view_close(table, ctl);
    }
    survey_close(&survey);
    return code;
}
