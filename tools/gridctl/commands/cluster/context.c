/* context add, use, list, remove; and the endpoints of a command that was given none. */
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/cluster/contexts.h"
#include "tools/gridctl/terminal/table.h"

static bool find_path(struct buffer *ret_path)
{
    return contexts_path(getenv("XDG_CONFIG_HOME"), getenv("HOME"), ret_path);
}

static int complain_of(struct ctl *ctl, struct buffer *reason)
{
    int code = ctl_complain(ctl, EXIT_USAGE, "%.*s", (int)reason->size, (const char *)reason->data);
    buffer_close(reason);
    return code;
}

static int no_such_context(struct ctl *ctl, const char *name)
{
    return ctl_complain(ctl, EXIT_USAGE, "there is no context %s; gridctl context list shows them", name);
}

/* Reads the file; an exit code. The path is the caller's to close, after a failure too. */
static int read_contexts(struct ctl *ctl, struct contexts *contexts, struct buffer *path)
{
    struct buffer reason = {0};
    *contexts = (struct contexts){0};
    if (!find_path(path))
        return ctl_complain(ctl, EXIT_USAGE, "neither XDG_CONFIG_HOME nor HOME names a folder for contexts");
    return contexts_read(contexts, (const char *)path->data, &reason) ? EXIT_DONE : complain_of(ctl, &reason);
}

/* Writes what was changed; closes both. */
static int finish(struct ctl *ctl, struct contexts *contexts, struct buffer *path, int code)
{
    struct buffer reason = {0};
    if (code == EXIT_DONE && !contexts_write(contexts, (const char *)path->data, &reason)) {
        complain_of(ctl, &reason);
        code = EXIT_FAILED;
    }
    contexts_close(contexts);
    buffer_close(path);
    return code;
}

/* ---- commands */

static bool same_context(const struct context *context, const char *endpoints, const char *cluster)
{
    const char *present = context->cluster != NULL ? context->cluster : "";
    return strcmp(context->endpoints, endpoints) == 0 && strcmp(present, cluster != NULL ? cluster : "") == 0;
}

static int add(struct ctl *ctl, struct contexts *contexts)
{
    const char *name = ctl->arguments[0], *endpoints = ctl->arguments[1], *cluster = ctl_option(ctl, "cluster", NULL);
    struct ctl scratch = {0};
    bool valid = ctl_take_endpoints(&scratch, endpoints);
    parse_close(&scratch);
    if (!contexts_name_valid(name))
        return ctl_complain(ctl, EXIT_USAGE, "a name has up to 64 letters, digits, '-', '_' and '.', unlike '%s'", name);
    if (!valid)
        return ctl_complain(ctl, EXIT_USAGE, "endpoints are HOST:PORT,HOST:PORT, unlike '%s'", endpoints);
    if (cluster != NULL && !contexts_cluster_valid(cluster))
        return ctl_complain(ctl, EXIT_USAGE, "--cluster is a UUID as cluster status shows it, unlike '%s'", cluster);
    const struct context *present = contexts_find(contexts, name);
    if (present != NULL && !same_context(present, endpoints, cluster) && !ctl_flag(ctl, "replace"))
        return ctl_complain(ctl, EXIT_FAILED, "there is a context %s already, with %s%s%s; --replace changes it", name, present->endpoints,
                            present->cluster != NULL ? " of cluster " : "", present->cluster != NULL ? present->cluster : "");
    if (!contexts_put(contexts, name, endpoints, cluster))
        return ctl_complain(ctl, EXIT_FAILED, "there are %d contexts already; remove one first", CONTEXTS_MAX);
    return EXIT_DONE;
}

int context_add(struct ctl *ctl)
{
    struct contexts contexts;
    struct buffer path = {0};
    int code = read_contexts(ctl, &contexts, &path);
    if (code == EXIT_DONE)
        code = add(ctl, &contexts);
    return finish(ctl, &contexts, &path, code);
}

int context_use(struct ctl *ctl)
{
    struct contexts contexts;
    struct buffer path = {0};
    const char *name = ctl->arguments_count > 0 ? ctl->arguments[0] : NULL;
    int code = read_contexts(ctl, &contexts, &path);
    if (code == EXIT_DONE && name != NULL && contexts_find(&contexts, name) == NULL)
        code = no_such_context(ctl, name);
    if (code == EXIT_DONE)
        contexts_use(&contexts, name);
    return finish(ctl, &contexts, &path, code);
}

int context_remove(struct ctl *ctl)
{
    struct contexts contexts;
    struct buffer path = {0};
    int code = read_contexts(ctl, &contexts, &path);
    if (code == EXIT_DONE && contexts_find(&contexts, ctl->arguments[0]) == NULL)
        code = no_such_context(ctl, ctl->arguments[0]);
    if (code == EXIT_DONE)
        contexts_remove(&contexts, ctl->arguments[0]);
    return finish(ctl, &contexts, &path, code);
}

static bool is_current(const struct contexts *contexts, const struct context *context)
{
    return contexts->current != NULL && strcmp(contexts->current, context->name) == 0;
}

static void list_json(struct ctl *ctl, const struct contexts *contexts)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < contexts->count; i++) {
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "name", contexts->items[i].name);
        json_put_string(&json, "endpoints", contexts->items[i].endpoints);
        if (contexts->items[i].cluster != NULL)
            json_put_string(&json, "cluster", contexts->items[i].cluster);
        json_put_bool(&json, "current", is_current(contexts, &contexts->items[i]));
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

int context_list(struct ctl *ctl)
{
    static const char *const headers[] = {"CONTEXT", "ENDPOINTS", "CLUSTER", "CURRENT", NULL};
    struct contexts contexts;
    struct buffer path = {0};
    int code = read_contexts(ctl, &contexts, &path);
    buffer_close(&path);
    if (code == EXIT_DONE && ctl->json) {
        list_json(ctl, &contexts);
    } else if (code == EXIT_DONE) {
        struct table_view *table = table_view_open(ctl, headers);
        for (size_t i = 0; i < contexts.count; i++) {
            table_view_row(table);
            table_view_cell(table, "%s", contexts.items[i].name);
            table_view_cell(table, "%s", contexts.items[i].endpoints);
            table_view_cell(table, "%s", contexts.items[i].cluster != NULL ? contexts.items[i].cluster : "");
            table_view_cell(table, "%s", is_current(&contexts, &contexts.items[i]) ? "yes" : "");
        }
        table_view_close(table, ctl);
    }
    contexts_close(&contexts);
    return code;
}

/* ---- endpoints of other commands */

static const char *named_context(const struct ctl *ctl, const struct contexts *contexts)
{
    const char *variable = getenv("GRIDIRON_CONTEXT");
    if (ctl->context != NULL)
        return ctl->context;
    return variable != NULL && variable[0] != 0 ? variable : contexts->current;
}

int ctl_find_endpoints(struct ctl *ctl)
{
    struct contexts contexts = {0};
    struct buffer path = {0}, reason = {0};
    if (ctl->endpoints_count > 0)
        return EXIT_DONE;
    bool good = !find_path(&path) || contexts_read(&contexts, (const char *)path.data, &reason);
    buffer_close(&path);
    if (!good)
        return complain_of(ctl, &reason);
    const char *name = named_context(ctl, &contexts);
    const struct context *context = name != NULL ? contexts_find(&contexts, name) : NULL;
    int code = EXIT_DONE;
    if (name != NULL && context == NULL)
        code = no_such_context(ctl, name);
    else
        HOLDS(ctl_take_endpoints(ctl, context != NULL ? context->endpoints : ENDPOINTS_DEFAULT));
    if (context != NULL && context->cluster != NULL)
        snprintf(ctl->cluster, sizeof ctl->cluster, "%s", context->cluster);
    contexts_close(&contexts);
    return code;
}
