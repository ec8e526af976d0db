/* cluster status, member list, partition list: what the nodes say of themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/arena.h"
#include "grid/base/memory.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/table.h"

enum { PATIENCE_MS = 2000 };               /* with a node that does not answer, while others do */

/* What one node said. */
struct node_view {
    struct survey *survey;
    uint32_t node;
    const char *address;
    bool answered;
    char state[32], version[32];
    uint32_t leaders, replicas;
    uint64_t uptime_ms, log_disk_bytes;
    struct grid_partition_status *partitions;
    size_t partitions_count;
};

struct survey {
    struct node_view *nodes;
    size_t count, left;
    bool done;
    uint32_t partitions;                   /* of the cluster */
    uint32_t *leaders;                     /* per partition: the node that says that it leads; 0 none */
    struct arena arena;
};

static void answered(struct survey *survey)
{
    survey->done = --survey->left == 0;
}

static void on_status(void *context, const struct grid_reply *reply)
{
    struct node_view *view = context;
    if (reply->outcome == GRID_OUTCOME_OK && reply->status != NULL) {
        const struct grid_node_status *status = reply->status;
        view->answered = true;
        snprintf(view->state, sizeof view->state, "%s", status->state);
        snprintf(view->version, sizeof view->version, "%s", status->version);
        view->replicas = status->replicas;
        view->uptime_ms = status->uptime_ms;
        view->log_disk_bytes = status->log_disk_bytes;
    }
    answered(view->survey);
}

/* Two nodes may both think that they lead, for a moment: the one of the higher term does. */
static void count_leaders(struct survey *survey)
{
    uint64_t *terms = arena_zero(&survey->arena, (survey->partitions + 1) * sizeof *terms);
    for (size_t n = 0; n < survey->count; n++)
        for (size_t i = 0; i < survey->nodes[n].partitions_count; i++) {
            const struct grid_partition_status *status = &survey->nodes[n].partitions[i];
            if (status->partition >= survey->partitions || strcmp(status->role, "leader") != 0 ||
                status->term < terms[status->partition])
                continue;
            terms[status->partition] = status->term;
            survey->leaders[status->partition] = survey->nodes[n].node;
        }
    for (uint32_t i = 0; i < survey->partitions; i++)
        for (size_t n = 0; n < survey->count; n++)
            survey->nodes[n].leaders += survey->leaders[i] == survey->nodes[n].node;
}

static void on_partitions(void *context, const struct grid_reply *reply)
{
    struct node_view *view = context;
    struct arena *arena = &view->survey->arena;
    if (reply->outcome == GRID_OUTCOME_OK && reply->partitions_count > 0) {
        view->partitions = arena_zero(arena, reply->partitions_count * sizeof *view->partitions);
        view->partitions_count = reply->partitions_count;
        for (size_t i = 0; i < reply->partitions_count; i++) {
            view->partitions[i] = reply->partitions[i];
            view->partitions[i].role = arena_text(arena, bytes_of_text(reply->partitions[i].role));
        }
    }
    answered(view->survey);
}

/* Asks every node for its status and its partitions, all at once. */
static int survey_take(struct ctl *ctl, struct survey *survey)
{
    const struct grid_member *members;
    int code = ctl_connect(ctl);
    *survey = (struct survey){0};
    arena_init(&survey->arena, 16 * 1024);
    if (code != EXIT_DONE)
        return code;
    survey->count = grid_client_members(ctl->client, &members);
    survey->partitions = grid_client_partition_count(ctl->client);
    survey->nodes = arena_zero(&survey->arena, (survey->count + 1) * sizeof *survey->nodes);
    survey->leaders = arena_zero(&survey->arena, (survey->partitions + 1) * sizeof *survey->leaders);
    survey->left = 2 * survey->count;
    for (size_t i = 0; i < survey->count; i++) {
        struct node_view *view = &survey->nodes[i];
        view->survey = survey;
        view->node = members[i].node;
        view->address = arena_text(&survey->arena, bytes_of_text(members[i].address));
        snprintf(view->state, sizeof view->state, "unreachable");
    }
    uint64_t patience = ctl->timeout_ms < PATIENCE_MS ? ctl->timeout_ms : PATIENCE_MS;
    for (size_t i = 0; i < survey->count; i++) {
        struct node_view *view = &survey->nodes[i];
        struct grid_call status = {.done = on_status, .context = view, .timeout_ms = patience};
        struct grid_call partitions = {.done = on_partitions, .context = view, .timeout_ms = patience};
        grid_client_node_status(ctl->client, view->node, &status);
        grid_client_partitions(ctl->client, view->node, &partitions);
    }
    if (survey->count > 0)
        ctl_wait(ctl, &survey->done);
    count_leaders(survey);
    return EXIT_DONE;
}

static void survey_close(struct survey *survey)
{
    arena_close(&survey->arena);
}

/* ---- cluster status */

static uint32_t with_leader(const struct survey *survey)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < survey->partitions; i++)
        count += survey->leaders[i] != 0;
    return count;
}

static bool is_healthy(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (strcmp(survey->nodes[i].state, "ready") != 0)
            return false;
    return survey->count > 0 && with_leader(survey) == survey->partitions;
}

static void status_json(struct ctl *ctl, const struct survey *survey)
{
    struct json json = ctl_json(ctl);
    json_put_object_begin(&json, NULL);
    json_put_array_begin(&json, "nodes");
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "id", node->node);
        json_put_string(&json, "address", node->address);
        json_put_string(&json, "state", node->state);
        json_put_unsigned(&json, "leaders", node->leaders);
        json_put_unsigned(&json, "replicas", node->replicas);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    json_put_object_begin(&json, "partitions");
    json_put_unsigned(&json, "total", survey->partitions);
    json_put_unsigned(&json, "withLeader", with_leader(survey));
    json_put_object_end(&json);
    json_put_bool(&json, "healthy", is_healthy(survey));
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

static void status_table(struct ctl *ctl, const struct survey *survey)
{
    static const char *const headers[] = {">NODE", "ADDRESS", "STATE", ">LEADERS", ">REPLICAS", NULL};
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        table_view_row(table);
        table_view_cell(table, "%" PRIu32, node->node);
        table_view_cell(table, "%s", node->address);
        table_view_cell(table, "%s", node->state);
        table_view_cell(table, "%" PRIu32, node->leaders);
        table_view_cell(table, "%" PRIu32, node->replicas);
    }
    table_view_close(table, ctl);
    buffer_append_format(&ctl->out, "\ncluster %s: %" PRIu32 " of %" PRIu32 " partitions have a leader; %s\n",
                         grid_client_cluster(ctl->client), with_leader(survey), survey->partitions,
                         is_healthy(survey) ? "healthy" : "not healthy");
}

int cluster_status(struct ctl *ctl)
{
    struct survey survey;
    int code = survey_take(ctl, &survey);
    if (code == EXIT_DONE && ctl->json)
        status_json(ctl, &survey);
    else if (code == EXIT_DONE)
        status_table(ctl, &survey);
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

/* ---- partition list */

/* The leader's own row, or the one of whatever replica answered. */
static const struct grid_partition_status *best_row(const struct survey *survey, uint32_t partition)
{
    const struct grid_partition_status *best = NULL;
    for (size_t n = 0; n < survey->count; n++)
        for (size_t i = 0; i < survey->nodes[n].partitions_count; i++) {
            const struct grid_partition_status *status = &survey->nodes[n].partitions[i];
            if (status->partition == partition && (best == NULL || survey->nodes[n].node == survey->leaders[partition]))
                best = status;
        }
    return best;
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
    json_put_object_end(json);
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
}

int partition_list(struct ctl *ctl)
{
    static const char *const headers[] = {">PARTITION", ">LEADER", ">TERM", ">APPLIED", ">ENTRIES", ">SESSIONS",
                                          ">OUTBOX", ">ACTIVITIES", NULL};
    struct survey survey;
    int code = survey_take(ctl, &survey);
    struct json json = ctl_json(ctl);
    struct table_view *table = code == EXIT_DONE && !ctl->json ? table_view_open(ctl, headers) : NULL;
    if (code == EXIT_DONE && ctl->json)
        json_put_array_begin(&json, NULL);
    for (uint32_t i = 0; code == EXIT_DONE && i < survey.partitions; i++) {
        const struct grid_partition_status *row = best_row(&survey, i);
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
