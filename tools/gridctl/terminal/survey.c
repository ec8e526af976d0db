#include "tools/gridctl/terminal/survey.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"

enum { PATIENCE_MS = 2000 };               /* with a node that does not answer, while others do */

/* ---- answers */

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

/* Only the leader's own word counts: another one may have been leader a moment ago. */
static void count_lags(struct survey *survey)
{
    for (uint32_t i = 0; i < survey->partitions; i++) {
        const struct grid_partition_status *row = survey_row(survey, i);
        for (size_t k = 0; row != NULL && survey->leaders[i] != 0 && k < row->lagging_count; k++)
            for (size_t n = 0; n < survey->count; n++) {
                bool is = survey->nodes[n].node == row->lagging[k].node;
                survey->nodes[n].lagging += is;
                survey->nodes[n].lag_entries += is ? row->lagging[k].entries : 0;
            }
    }
}

static void answered(struct survey *survey)
{
    if (--survey->left > 0)
        return;
    count_leaders(survey);
    count_lags(survey);
    survey->done = true;
}

static void take_services(struct node_view *view, const struct grid_node_status *status)
{
    struct arena *arena = &view->survey->arena;
    view->services_count = status->services_count;
    view->services = arena_zero(arena, (status->services_count + 1) * sizeof *view->services);
    for (size_t i = 0; i < status->services_count; i++) {
        view->services[i] = status->services[i];
        view->services[i].name = arena_text(arena, bytes_of_text(status->services[i].name));
        view->services[i].waits = arena_text(arena, bytes_of_text(status->services[i].waits));
    }
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
        view->reads = status->reads;
        view->level = status->level;
        view->level_max = status->level_max;
        view->memory_bytes = status->memory_bytes;
        view->memory_max_bytes = status->memory_max_bytes;
        view->memory_used_bytes = status->memory_used_bytes;
        view->data_bytes = status->data_bytes;
        view->disk_bytes = status->disk_bytes;
        view->catching_up = status->catching_up;
        take_services(view, status);
    }
    answered(view->survey);
}

static const struct grid_member_lag *take_lags(struct arena *arena, const struct grid_partition_status *status)
{
    struct grid_member_lag *lags = arena_zero(arena, (status->lagging_count + 1) * sizeof *lags);
    for (size_t i = 0; i < status->lagging_count; i++)
        lags[i] = status->lagging[i];
    return lags;
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
            view->partitions[i].lagging = take_lags(arena, &reply->partitions[i]);
        }
    }
    answered(view->survey);
}

/* ---- asking */

void survey_start(struct ctl *ctl, struct survey *survey)
{
    const struct grid_member *members;
    REQUIRE(ctl->client != NULL);
    *survey = (struct survey){0};
    arena_init(&survey->arena, 16 * 1024);
    survey->count = grid_client_members(ctl->client, &members);
    survey->partitions = grid_client_partition_count(ctl->client);
    survey->nodes = arena_zero(&survey->arena, (survey->count + 1) * sizeof *survey->nodes);
    survey->leaders = arena_zero(&survey->arena, (survey->partitions + 1) * sizeof *survey->leaders);
    survey->left = 2 * survey->count;
    survey->done = survey->left == 0;
    for (size_t i = 0; i < survey->count; i++) {
        struct node_view *view = &survey->nodes[i];
        view->survey = survey;
        view->node = members[i].node;
        view->address = arena_text(&survey->arena, bytes_of_text(members[i].address));
        snprintf(view->state, sizeof view->state, "down");
    }
    uint64_t patience = ctl->timeout_ms < PATIENCE_MS ? ctl->timeout_ms : PATIENCE_MS;
    for (size_t i = 0; i < survey->count; i++) {
        struct node_view *view = &survey->nodes[i];
        struct grid_call status = {.done = on_status, .context = view, .timeout_ms = patience};
        struct grid_call partitions = {.done = on_partitions, .context = view, .timeout_ms = patience};
        grid_client_node_status(ctl->client, view->node, &status);
        grid_client_partitions(ctl->client, view->node, &partitions);
    }
}

int survey_take(struct ctl *ctl, struct survey *survey)
{
    int code = ctl_connect(ctl);
    *survey = (struct survey){0};
    if (code != EXIT_DONE)
        return code;
    survey_start(ctl, survey);
    ctl_wait(ctl, &survey->done);
    return EXIT_DONE;
}

void survey_close(struct survey *survey)
{
    REQUIRE(survey->left == 0);
    if (survey->nodes != NULL)
        arena_close(&survey->arena);
    *survey = (struct survey){0};
}

/* ---- what it shows */

static const struct grid_partition_status *node_row(const struct node_view *node, uint32_t partition)
{
    /* Nodes answer in the order of the partitions. */
    if (partition < node->partitions_count && node->partitions[partition].partition == partition)
        return &node->partitions[partition];
    for (size_t i = 0; i < node->partitions_count; i++)
        if (node->partitions[i].partition == partition)
            return &node->partitions[i];
    return NULL;
}

uint32_t survey_with_leader(const struct survey *survey)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < survey->partitions; i++)
        count += survey->leaders[i] != 0;
    return count;
}

/* The answers are not of one moment: somebody may still name the leader before. */
static bool followed(const struct survey *survey, uint32_t partition)
{
    uint64_t term = 0;
    uint32_t leader = 0;
    size_t followers = 0, rows = 0;
    for (size_t n = 0; n < survey->count; n++) {
        const struct grid_partition_status *row = node_row(&survey->nodes[n], partition);
        if (row != NULL && row->leader != 0 && row->term >= term) {
            term = row->term;
            leader = row->leader;
        }
    }
    for (size_t n = 0; n < survey->count; n++) {
        const struct grid_partition_status *row = node_row(&survey->nodes[n], partition);
        rows += row != NULL;
        followers += row != NULL && (row->leader == leader || row->leader == 0 || row->term < term);
    }
    return rows == survey->count && followers > survey->count / 2;
}

bool survey_is_healthy(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (strcmp(survey->nodes[i].state, "ready") != 0)
            return false;
    for (uint32_t i = 0; i < survey->partitions; i++)
        if (!followed(survey, i))
            return false;
    return survey->count > 0;
}

const struct grid_partition_status *survey_row(const struct survey *survey, uint32_t partition)
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

uint32_t survey_level(const struct survey *survey)
{
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < survey->partitions; i++) {
        const struct grid_partition_status *row = survey_row(survey, i);
        if (row != NULL && (lowest == 0 || row->level < lowest))
            lowest = row->level;
    }
    return lowest;
}

uint32_t survey_level_supported(const struct survey *survey)
{
    uint32_t lowest = 0;
    for (size_t i = 0; i < survey->count; i++) {
        if (!survey->nodes[i].answered)
            return 0;
        if (lowest == 0 || survey->nodes[i].level_max < lowest)
            lowest = survey->nodes[i].level_max;
    }
    return lowest;
}
