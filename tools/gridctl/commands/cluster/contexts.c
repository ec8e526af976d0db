#include "tools/gridctl/commands/cluster/contexts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/uuid.h"
#include "services/edge/fields.h"
#include "services/edge/json.h"
#include "tools/gridctl/command.h"

static char *copy_text(const char *text)
{
    return memory_copy(text, strlen(text) + 1);
}

bool contexts_path(const char *xdg, const char *home, struct buffer *ret_path)
{
    /* The specification of these folders wants what is not absolute to be ignored. */
    if (xdg != NULL && xdg[0] == '/')
        buffer_append_format(ret_path, "%s/gridiron/contexts.json", xdg);
    else if (home != NULL && home[0] == '/')
        buffer_append_format(ret_path, "%s/.config/gridiron/contexts.json", home);
    else
        return false;
    buffer_append_u8(ret_path, 0);
    return true;
}

/* ---- the list */

bool contexts_name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t size = strlen(name);
    return size > 0 && size <= CONTEXT_NAME_BYTES_MAX && strspn(name, allowed) == size;
}

/* Where the name stands, or would stand. */
static size_t place_of(const struct contexts *contexts, const char *name)
{
    size_t at = 0;
    while (at < contexts->count && strcmp(contexts->items[at].name, name) < 0)
        at++;
    return at;
}

static bool stands_at(const struct contexts *contexts, size_t at, const char *name)
{
    return at < contexts->count && strcmp(contexts->items[at].name, name) == 0;
}

const struct context *contexts_find(const struct contexts *contexts, const char *name)
{
    size_t at = place_of(contexts, name);
    return stands_at(contexts, at, name) ? &contexts->items[at] : NULL;
}

bool contexts_cluster_valid(const char *cluster)
{
    struct uuid uuid;
    return uuid_parse(cluster, &uuid);
}

static void free_texts(struct context *context)
{
    memory_free(context->name);
    memory_free(context->endpoints);
    memory_free(context->cluster);
}

bool contexts_put(struct contexts *contexts, const char *name, const char *endpoints, const char *cluster)
{
    size_t at = place_of(contexts, name);
    REQUIRE(contexts_name_valid(name) && (cluster == NULL || contexts_cluster_valid(cluster)));
    struct context made = {copy_text(name), copy_text(endpoints), cluster != NULL ? copy_text(cluster) : NULL};
    if (stands_at(contexts, at, name)) {
        free_texts(&contexts->items[at]);
        contexts->items[at] = made;
        return true;
    }
    if (contexts->count == CONTEXTS_MAX) {
        free_texts(&made);
        return false;
    }
    memmove(&contexts->items[at + 1], &contexts->items[at], (contexts->count - at) * sizeof contexts->items[0]);
    contexts->items[at] = made;
    contexts->count++;
    return true;
}

void contexts_remove(struct contexts *contexts, const char *name)
{
    size_t at = place_of(contexts, name);
    REQUIRE(stands_at(contexts, at, name));
    if (contexts->current != NULL && strcmp(contexts->current, name) == 0)
        contexts_use(contexts, NULL);
    free_texts(&contexts->items[at]);
    contexts->count--;
    memmove(&contexts->items[at], &contexts->items[at + 1], (contexts->count - at) * sizeof contexts->items[0]);
}

void contexts_use(struct contexts *contexts, const char *name)
{
    REQUIRE(name == NULL || contexts_find(contexts, name) != NULL);
    char *current = name != NULL ? copy_text(name) : NULL;
    memory_free(contexts->current);
    contexts->current = current;
}

void contexts_close(struct contexts *contexts)
{
    for (size_t i = 0; i < contexts->count; i++)
        free_texts(&contexts->items[i]);
    memory_free(contexts->current);
    *contexts = (struct contexts){0};
}

/* ---- reading */

static bool endpoints_valid(const char *endpoints)
{
    struct ctl ctl = {0};
    bool valid = ctl_take_endpoints(&ctl, endpoints);
    parse_close(&ctl);
    return valid;
}

static void read_context(struct contexts *contexts, struct fields *file, const struct json_value *value, const char *path)
{
    struct fields fields;
    const char *reason;
    fields_begin_at(&fields, value, path, file->arena);
    const char *name = fields_required_text(&fields, "name"), *endpoints = fields_required_text(&fields, "endpoints"),
               *cluster = fields_text(&fields, "cluster", NULL);
    if (!fields_end(&fields, &reason))
        fields_fail_as(file, reason);
    else if (!contexts_name_valid(name))
        fields_fail(file, "contexts", "a name has up to 64 letters, digits, '-', '_' and '.'");
    else if (!endpoints_valid(endpoints))
        fields_fail(file, "contexts", "endpoints are HOST:PORT,HOST:PORT");
    else if (cluster != NULL && !contexts_cluster_valid(cluster))
        fields_fail(file, "contexts", "cluster is a UUID");
    else if (contexts_find(contexts, name) != NULL)
        fields_fail(file, "contexts", "a name is repeated");
    else if (!contexts_put(contexts, name, endpoints, cluster))
        fields_fail(file, "contexts", "more than 256");
}

static void read_list(struct contexts *contexts, struct fields *file)
{
    const struct json_value *list = fields_get(file, "contexts");
    size_t number = 0;
    if (list == NULL)
        return;
    if (list->kind != JSON_KIND_ARRAY) {
        fields_fail(file, "contexts", "must be a list in brackets");
        return;
    }
    for (const struct json_value *each = list->first; each != NULL && file->reason == NULL; each = each->next) {
        char path[48];
        snprintf(path, sizeof path, "contexts[%zu].", number++);
        read_context(contexts, file, each, arena_text(file->arena, bytes_of_text(path)));
    }
}

static bool read_text(struct contexts *contexts, struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct fields file;
    *contexts = (struct contexts){0};
    fields_begin(&file, text, arena);
    const char *current = fields_text(&file, "current", NULL);
    read_list(contexts, &file);
    if (file.reason == NULL && current != NULL && contexts_find(contexts, current) == NULL)
        fields_fail(&file, "current", "is not one of the contexts");
    if (!fields_end(&file, ret_reason)) {
        contexts_close(contexts);
        return false;
    }
    contexts_use(contexts, current);
    return true;
}

bool contexts_read(struct contexts *contexts, const char *path, struct buffer *reason)
{
    FILE *file = fopen(path, "rb");
    struct buffer text = {0};
    struct arena arena;
    const char *why = NULL;
    *contexts = (struct contexts){0};
    if (file == NULL) {
        if (errno == ENOENT || errno == ENOTDIR)
            return true;
        buffer_append_format(reason, "%s: %s", path, strerror(errno));
        return false;
    }
    size_t got = fread(buffer_extend(&text, CONTEXTS_FILE_BYTES_MAX + 1), 1, CONTEXTS_FILE_BYTES_MAX + 1, file);
    buffer_truncate(&text, got);
    bool failed = ferror(file) != 0, good = false;
    fclose(file);
    arena_init(&arena, 4096);
    if (failed)
        buffer_append_format(reason, "%s: cannot be read", path);
    else if (got > CONTEXTS_FILE_BYTES_MAX)
        buffer_append_format(reason, "%s: larger than 1 MiB", path);
    else if (!(good = read_text(contexts, buffer_bytes(&text), &arena, &why)))
        buffer_append_format(reason, "%s: %s; correct the file or remove it", path, why);
    arena_close(&arena);
    buffer_close(&text);
    return good;
}

/* ---- writing */

static bool make_folders(const char *path, struct buffer *reason)
{
    char *folder = copy_text(path);
    bool good = true;
    for (char *slash = strchr(folder + 1, '/'); good && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        good = mkdir(folder, 0700) == 0 || errno == EEXIST;
        if (!good)
            buffer_append_format(reason, "%s: cannot be created: %s", folder, strerror(errno));
        *slash = '/';
    }
    memory_free(folder);
    return good;
}

static void append_json(const struct contexts *contexts, struct buffer *out)
{
    struct json json = json_to(out, true);
    json_put_object_begin(&json, NULL);
    if (contexts->current != NULL)
        json_put_string(&json, "current", contexts->current);
    else
        json_put_null(&json, "current");
    json_put_array_begin(&json, "contexts");
    for (size_t i = 0; i < contexts->count; i++) {
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "name", contexts->items[i].name);
        json_put_string(&json, "endpoints", contexts->items[i].endpoints);
        if (contexts->items[i].cluster != NULL)
            json_put_string(&json, "cluster", contexts->items[i].cluster);
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    json_put_object_end(&json);
    buffer_append_u8(out, '\n');
}

static bool write_all(int fd, const struct buffer *text)
{
    for (size_t done = 0; done < text->size;) {
        ssize_t written = write(fd, text->data + done, text->size - done);
        if (written < 0 && errno != EINTR)
            return false;
        done += written > 0 ? (size_t)written : 0;
    }
    return fsync(fd) == 0;
}

bool contexts_write(const struct contexts *contexts, const char *path, struct buffer *reason)
{
    struct buffer text = {0}, temporary = {0};
    if (!make_folders(path, reason))
        return false;
    append_json(contexts, &text);
    buffer_append_format(&temporary, "%s.XXXXXX", path);
    buffer_append_u8(&temporary, 0);
    char *name = (char *)temporary.data;
    int fd = mkstemp(name);
    bool good = fd >= 0 && write_all(fd, &text);
    if (fd >= 0)
        good = close(fd) == 0 && good && rename(name, path) == 0;
    if (!good) {
        buffer_append_format(reason, "%s: cannot be written: %s", path, strerror(errno));
        if (fd >= 0)
            unlink(name);
    }
    buffer_close(&temporary);
    buffer_close(&text);
    return good;
}
