/* Results and progress of backups. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/gridctl/commands/backup/backup.h"

struct backup_size_text backup_size_text(uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    struct backup_size_text text;
    unsigned unit = 0;
    uint64_t tenths = bytes * 10 / 1024;
    for (; tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        tenths /= 1024;
    if (bytes < 1024)
        snprintf(text.text, sizeof text.text, "%" PRIu64 " bytes", bytes);
    else
        snprintf(text.text, sizeof text.text, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
    return text;
}

void backup_show_result(struct ctl *ctl, const char *what, const struct backup_manifest *manifest)
{
    uint64_t entries = backup_manifest_entries(manifest), bytes = backup_manifest_bytes(manifest);
    if (!ctl->json) {
        buffer_append_format(&ctl->out, "%s: %" PRIu32 " partitions, %" PRIu64 " entries, %s\n", what, manifest->partitions, entries, backup_size_text(bytes).text);
        return;
    }
    struct json json = ctl_json(ctl);
    json_put_object_begin(&json, NULL);
    json_put_unsigned(&json, "partitions", manifest->partitions);
    json_put_unsigned(&json, "entries", entries);
    json_put_unsigned(&json, "bytes", bytes);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

static bool shows_progress(const struct ctl *ctl)
{
    return isatty(STDERR_FILENO) && !ctl->json_errors;
}

void backup_show_progress(const struct ctl *ctl, const char *what, uint64_t bytes, uint64_t total)
{
    if (shows_progress(ctl) && total == 0)
        fprintf(stderr, "\r%s: %s\033[K", what, backup_size_text(bytes).text);
    else if (shows_progress(ctl))
        fprintf(stderr, "\r%s: %s of %s\033[K", what, backup_size_text(bytes).text, backup_size_text(total).text);
}

void backup_end_progress(const struct ctl *ctl)
{
    if (shows_progress(ctl))
        fputs("\r\033[K", stderr);
}
