/* level show, level raise: the feature level of the cluster (docs/guides/upgrading.md). */
#include <inttypes.h>

#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/cluster/services.h"
#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/terminal/survey.h"
#include "tools/gridctl/terminal/table.h"

/* ---- level show */

static void show_json(struct ctl *ctl, const struct survey *survey)
{
    struct json json = ctl_json(ctl);
    json_put_object_begin(&json, NULL);
    json_put_unsigned(&json, "level", survey_level(survey));
    json_put_unsigned(&json, "supported", survey_level_supported(survey));
    json_put_array_begin(&json, "nodes");
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "id", node->node);
        json_put_string(&json, "state", node->state);
        json_put_string(&json, "version", node->version);
        json_put_unsigned(&json, "level", node->level);
        json_put_unsigned(&json, "levelMax", node->level_max);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    services_json(&json, survey);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

static void advise(struct ctl *ctl, const struct survey *survey)
{
    uint32_t level = survey_level(survey), supported = survey_level_supported(survey);
    buffer_append_format(&ctl->out, "\ncluster %s: level %" PRIu32 "; ", grid_client_cluster(ctl->client), level);
    if (supported == 0)
        buffer_append_text(&ctl->out, "not every node answers, so the level that all nodes support is unknown\n");
    else if (supported > level)
        buffer_append_format(&ctl->out, "all nodes support %" PRIu32 ": raise it with gridctl level raise\n", supported);
    else
        buffer_append_text(&ctl->out, "all nodes together support no higher level\n");
}

static void show_table(struct ctl *ctl, const struct survey *survey)
{
    static const char *const headers[] = {">NODE", "ADDRESS", "STATE", "VERSION", ">LEVEL", ">SUPPORTS", NULL};
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < survey->count; i++) {
        const struct node_view *node = &survey->nodes[i];
        table_view_row(table);
        table_view_cell(table, "%" PRIu32, node->node);
        table_view_cell(table, "%s", node->address);
        table_view_cell(table, "%s", node->state);
        table_view_cell(table, "%s", node->version);
        table_view_cell(table, "%" PRIu32, node->level);
        table_view_cell(table, "%" PRIu32, node->level_max);
    }
    table_view_close(table, ctl);
    advise(ctl, survey);
    services_show(ctl, survey);
}

int level_show(struct ctl *ctl)
{
    struct survey survey;
    int code = survey_take(ctl, &survey);
    if (code == EXIT_DONE && ctl->json)
        show_json(ctl, &survey);
    else if (code == EXIT_DONE)
        show_table(ctl, &survey);
    survey_close(&survey);
    return code;
}

/* ---- level raise */

static void show_raised(struct ctl *ctl, const struct grid_reply *reply)
{
    if (ctl->json) {
        struct json json = ctl_json(ctl);
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "level", reply->version);
        json_put_object_end(&json);
        ctl_json_end(ctl);
        return;
    }
    buffer_append_format(&ctl->out, "level %" PRIu64 " in all partitions; nodes that do not support it cannot join any more\n", reply->version);
}

struct raised { struct map_asked asked; uint32_t level; };

static void on_raised(void *context, const struct grid_reply *reply)
{
    struct raised *raised = context;
    if (reply->outcome != GRID_OUTCOME_OK || reply->version <= raised->level) {
        map_replied(&raised->asked, reply);
        return;
    }
    raised->asked.done = true;
    raised->asked.code = ctl_complain(raised->asked.ctl, EXIT_FAILED, "the cluster is at level %" PRIu64 " already, and cannot go back to %" PRIu32,
                                      reply->version, raised->level);
}

/* Not named: the highest that any node supports. A node that is older or away refuses it, with a name. */
static uint32_t highest_supported(const struct survey *survey)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < survey->count; i++)
        if (survey->nodes[i].answered && survey->nodes[i].level_max > highest)
            highest = survey->nodes[i].level_max;
    return highest;
}

static int choose(struct ctl *ctl, uint32_t *ret_level)
{
    struct survey survey;
    if (ctl->arguments_count > 0) {
        uint64_t level;
        if (!parse_number(ctl->arguments[0], UINT8_MAX, &level) || level < 1)
            return ctl_complain(ctl, EXIT_USAGE, "LEVEL is a number from 1 to 255, not '%s'", ctl->arguments[0]);
        *ret_level = (uint32_t)level;
        return ctl_connect(ctl);
    }
    int code = survey_take(ctl, &survey);
    *ret_level = highest_supported(&survey);
    if (code == EXIT_DONE && survey_level_supported(&survey) == 0)
        code = ctl_complain(ctl, EXIT_UNAVAILABLE, "not every node answers, so the level that all nodes support is unknown: start the missing nodes first");
    survey_close(&survey);
    return code;
}

int level_raise(struct ctl *ctl)
{
    struct raised raised = {.level = 0};
    struct grid_call call = map_call(ctl, &raised.asked, show_raised);
    int code = choose(ctl, &raised.level);
    if (code != EXIT_DONE)
        return code;
    call.done = on_raised;
    call.context = &raised;
    grid_client_raise_level(ctl->client, raised.level, &call);
    return map_finish(ctl, &raised.asked);
}
