#include "tools/gridctl/commands/cluster/services.h"

#include <inttypes.h>

#include "tools/gridctl/terminal/table.h"

/* One service, as all nodes together say. */
struct service_view {
    const char *name, *waits;              /* waits: "" if nothing is known to be missing */
    uint32_t partitions;                   /* that have it: the node that has applied most */
};

static const struct grid_service_status *of_node(const struct node_view *node, uint32_t number)
{
    for (size_t i = 0; i < node->services_count; i++)
        if (node->services[i].number == number)
            return &node->services[i];
    return NULL;
}

/* The lowest number of a service above this one; 0: this one is the highest. */
static uint32_t number_after(const struct survey *survey, uint32_t number)
{
    uint32_t next = 0;
    for (size_t n = 0; n < survey->count; n++)
        for (size_t i = 0; i < survey->nodes[n].services_count; i++) {
            uint32_t other = survey->nodes[n].services[i].number;
            if (other > number && (next == 0 || other < next))
                next = other;
        }
    return next;
}

static struct service_view look(const struct survey *survey, uint32_t number)
{
    struct service_view view = {.name = "", .waits = ""};
    for (size_t n = 0; n < survey->count; n++) {
        const struct grid_service_status *status = of_node(&survey->nodes[n], number);
        if (status == NULL)
            continue;
        view.name = status->name;
        view.partitions = status->partitions > view.partitions ? status->partitions : view.partitions;
        view.waits = status->waits[0] != 0 ? status->waits : view.waits;
    }
    return view;
}

static void nodes_cell(struct table_view *table, const struct survey *survey, uint32_t number)
{
    struct buffer text = {0};
    for (size_t n = 0; n < survey->count; n++)
        if (of_node(&survey->nodes[n], number) != NULL)
            buffer_append_format(&text, "%s%" PRIu32, text.size > 0 ? "," : "", survey->nodes[n].node);
    table_view_cell(table, "%.*s", (int)text.size, (const char *)text.data);
    buffer_close(&text);
}

void services_show(struct ctl *ctl, const struct survey *survey)
{
    static const char *const headers[] = {">SERVICE", "NAME", "NODES", ">PARTITIONS", NULL};
    if (number_after(survey, 0) == 0)
        return;
    buffer_append_text(&ctl->out, "\n");
    struct table_view *table = table_view_open(ctl, headers);
    for (uint32_t number = number_after(survey, 0); number != 0; number = number_after(survey, number)) {
        struct service_view view = look(survey, number);
        table_view_row(table);
        table_view_cell(table, "%" PRIu32, number);
        table_view_cell(table, "%s", view.name);
        nodes_cell(table, survey, number);
        table_view_cell(table, "%" PRIu32 " of %" PRIu32, view.partitions, survey->partitions);
    }
    table_view_close(table, ctl);
    for (uint32_t number = number_after(survey, 0); number != 0; number = number_after(survey, number)) {
        struct service_view view = look(survey, number);
        if (view.partitions < survey->partitions)
            buffer_append_format(&ctl->out, "service %" PRIu32 " (%s) is not registered in all partitions: %s\n", number, view.name,
                                 view.waits[0] != 0 ? view.waits : "ask again in a moment");
    }
}

void services_json(struct json *json, const struct survey *survey)
{
    json_put_array_begin(json, "services");
    for (uint32_t number = number_after(survey, 0); number != 0; number = number_after(survey, number)) {
        struct service_view view = look(survey, number);
        json_put_object_begin(json, NULL);
        json_put_unsigned(json, "number", number);
        json_put_string(json, "name", view.name);
        json_put_array_begin(json, "nodes");
        for (size_t n = 0; n < survey->count; n++)
            if (of_node(&survey->nodes[n], number) != NULL)
                json_put_unsigned(json, NULL, survey->nodes[n].node);
        json_put_array_end(json);
        json_put_unsigned(json, "partitions", survey->partitions);
        json_put_unsigned(json, "registered", view.partitions);
        json_put_string(json, "waits", view.partitions < survey->partitions ? view.waits : "");
        json_put_object_end(json);
    }
    json_put_array_end(json);
}
