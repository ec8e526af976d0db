/* backup list, backup verify. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "tools/gridctl/commands/backup/backup.h"
#include "tools/gridctl/terminal/table.h"

/* ---- verify */

int backup_verify(struct ctl *ctl)
{
    const char *directory = ctl->arguments[0];
    struct backup_manifest manifest;
    char note[BACKUP_NOTE_BYTES];
    if (!backup_manifest_read(directory, &manifest, note))
        return ctl_complain(ctl, EXIT_FAILED, "%s", note);
    bool good = backup_check(directory, &manifest, note);
    if (good)
        backup_show_result(ctl, "the backup is whole", &manifest);
    backup_manifest_close(&manifest);
    return good ? EXIT_DONE : ctl_complain(ctl, EXIT_FAILED, "the backup is damaged: %s", note);
}

/* ---- list */

struct listed { char *name; struct backup_manifest manifest; };
struct list { struct listed *rows; size_t count, capacity; };

static int by_time(const void *a, const void *b)
{
    const struct listed *left = a, *right = b;
    if (left->manifest.made_ms != right->manifest.made_ms)
        return left->manifest.made_ms < right->manifest.made_ms ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* Takes the name; a directory without a manifest is not listed, one with a damaged manifest is said. */
static void add(struct ctl *ctl, struct list *list, const char *folder, const char *name)
{
    char note[BACKUP_NOTE_BYTES];
    char *path = backup_path(folder, name), *manifest = backup_path(path, "manifest");
    struct listed listed = {.name = path};
    bool there = access(manifest, F_OK) == 0, good = there && backup_manifest_read(path, &listed.manifest, note);
    memory_free(manifest);
    if (there && !good)
        ctl_note(ctl, "%s", note);
    if (!good) {
        memory_free(path);
        return;
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->rows = memory_resize(list->rows, list->capacity * sizeof *list->rows);
    }
    list->rows[list->count++] = listed;
}

static const char *time_text(uint64_t ms, char text[static 32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, 32, "%" PRIu64, ms);
    return text;
}

static void show_json(struct ctl *ctl, const struct list *list)
{
    struct json json = ctl_json(ctl);
    char time[32];
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < list->count; i++) {
        const struct backup_manifest *manifest = &list->rows[i].manifest;
        json_put_object_begin(&json, NULL);
        json_put_string(&json, "directory", list->rows[i].name);
        json_put_string(&json, "time", time_text(manifest->made_ms, time));
        json_put_string(&json, "cluster", manifest->cluster);
        json_put_string(&json, "clusterUuid", uuid_text_of(manifest->cluster_uuid).text);
        json_put_unsigned(&json, "partitions", manifest->partitions);
        json_put_unsigned(&json, "entries", backup_manifest_entries(manifest));
        json_put_unsigned(&json, "bytes", backup_manifest_bytes(manifest));
        json_put_object_end(&json);
    }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

static void show_table(struct ctl *ctl, const struct list *list)
{
    static const char *const headers[] = {"DIRECTORY", "TIME", "CLUSTER", ">PARTITIONS", ">ENTRIES", ">SIZE", NULL};
    struct table_view *table = table_view_open(ctl, headers);
    char time[32];
    for (size_t i = 0; i < list->count; i++) {
        const struct backup_manifest *manifest = &list->rows[i].manifest;
        table_view_row(table);
        table_view_bytes(table, bytes_of_text(list->rows[i].name));
        table_view_cell(table, "%s", time_text(manifest->made_ms, time));
        table_view_bytes(table, bytes_of_text(manifest->cluster));
        table_view_cell(table, "%" PRIu32, manifest->partitions);
        table_view_cell(table, "%" PRIu64, backup_manifest_entries(manifest));
        table_view_cell(table, "%s", backup_size_text(backup_manifest_bytes(manifest)).text);
    }
    table_view_close(table, ctl);
}

int backup_list(struct ctl *ctl)
{
    const char *folder = ctl->arguments_count > 0 ? ctl->arguments[0] : ".";
    struct list list = {0};
    DIR *open = opendir(folder);
    if (open == NULL)
        return ctl_complain(ctl, EXIT_FAILED, "%s: cannot be read: %s", folder, strerror(errno));
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (entry->d_name[0] != '.')
            add(ctl, &list, folder, entry->d_name);
    closedir(open);
    if (list.count > 0)
        qsort(list.rows, list.count, sizeof *list.rows, by_time);
    if (ctl->json)
        show_json(ctl, &list);
    else if (list.count == 0)
        buffer_append_format(&ctl->out, "no backups in %s\n", folder);
    else
        show_table(ctl, &list);
    for (size_t i = 0; i < list.count; i++) {
        memory_free(list.rows[i].name);
        backup_manifest_close(&list.rows[i].manifest);
    }
    memory_free(list.rows);
    return EXIT_DONE;
}
