/* The files of a backup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/backup/backup_cut.h"
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/backup/backup.h"

static const char MANIFEST[] = "manifest";
enum { READ_BYTES = 1024 * 1024 };

static bool fail(char *note, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(char *note, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, BACKUP_NOTE_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- directories */

char *backup_path(const char *directory, const char *name)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/%s", directory, name);
    buffer_append_u8(&path, 0);
    return (char *)path.data;
}

char *backup_part_directory(const char *directory)
{
    struct buffer path = {0};
    buffer_append_text(&path, directory);
    while (path.size > 1 && path.data[path.size - 1] == '/')
        buffer_truncate(&path, path.size - 1);
    buffer_append_text(&path, ".part");
    buffer_append_u8(&path, 0);
    return (char *)path.data;
}

static bool is_of_backup(const char *name)
{
    return strcmp(name, MANIFEST) == 0 || strncmp(name, "snap-", 5) == 0;
}

void backup_directory_remove(const char *directory)
{
    DIR *open = opendir(directory);
    for (struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;) {
        char *path = backup_path(directory, entry->d_name);
        if (is_of_backup(entry->d_name))
            (void)unlink(path);
        memory_free(path);
    }
    if (open != NULL)
        closedir(open);
    (void)rmdir(directory);
}

bool backup_directory_make(const char *directory, char *note)
{
    backup_directory_remove(directory);
    return mkdir(directory, 0750) == 0 || fail(note, "%s: cannot be created: %s", directory, strerror(errno));
}

static bool sync_path(const char *path, char *note)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (!synced)
        (void)fail(note, "%s: cannot be synced: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return synced;
}

bool backup_directory_finish(const char *part, const char *directory, char *note)
{
    if (!sync_path(part, note))
        return false;
    /* rename would take the place of an empty directory. */
    if (access(directory, F_OK) == 0)
        return fail(note, "%s: exists by now; the backup stands in %s", directory, part);
    if (rename(part, directory) != 0)
        return fail(note, "%s: cannot be renamed to %s: %s", part, directory, strerror(errno));
    char *above = backup_path(directory, "..");
    bool synced = sync_path(above, note);
    memory_free(above);
    return synced;
}

/* ---- writing */

static bool write_all(const char *path, int flags, struct bytes content, bool sync, char *note)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0640);
    bool good = fd >= 0;
    for (size_t at = 0; good && at < content.size;) {
        ssize_t written = write(fd, content.data + at, content.size - at);
        good = written > 0 || (written < 0 && errno == EINTR);
        at += written > 0 ? (size_t)written : 0;
    }
    good = good && (!sync || fsync(fd) == 0);
    if (!good)
        (void)fail(note, "%s: cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

bool backup_file_write(const char *path, struct bytes content, char *note)
{
    return write_all(path, O_CREAT | O_EXCL, content, true, note);
}

bool backup_writer_open(struct backup_writer *writer, const char *directory, const char *name, const struct snapshot_head *head, char *note)
{
    struct buffer bytes = {0};
    *writer = (struct backup_writer){.path = backup_path(directory, name)};
    snapshot_head_put(&bytes, head);
    writer->sum = (struct snapshot_sum){.hash = snapshot_head_hash(head), .file_bytes = bytes.size};
    (void)buffer_extend(&writer->chunk, SNAPSHOT_CHUNK_HEAD_BYTES);
    bool good = write_all(writer->path, O_CREAT | O_EXCL, buffer_bytes(&bytes), false, note);
    buffer_close(&bytes);
    return good;
}

/* Moves the chunk that is being filled to `out`. */
static void seal(struct backup_writer *writer, struct buffer *out)
{
    struct buffer *chunk = &writer->chunk;
    struct bytes payload = bytes_of(chunk->data + SNAPSHOT_CHUNK_HEAD_BYTES, chunk->size - SNAPSHOT_CHUNK_HEAD_BYTES);
    if (payload.size == 0)
        return;
    snapshot_chunk_seal(chunk->data, payload, writer->sum.payload_bytes);
    writer->sum.hash = snapshot_chunk_hash(writer->sum.hash, payload);
    writer->sum.payload_bytes += payload.size;
    writer->sum.chunks++;
    writer->sum.file_bytes += chunk->size;
    buffer_append(out, buffer_bytes(chunk));
    buffer_truncate(chunk, SNAPSHOT_CHUNK_HEAD_BYTES);
}

bool backup_writer_add(struct backup_writer *writer, struct bytes state, char *note)
{
    struct buffer out = {0};
    while (state.size > 0) {
        size_t room = SNAPSHOT_CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES - writer->chunk.size, taken = state.size < room ? state.size : room;
        buffer_append(&writer->chunk, bytes_of(state.data, taken));
        state = bytes_of(state.data + taken, state.size - taken);
        if (taken == room)
            seal(writer, &out);
    }
    bool good = out.size == 0 || write_all(writer->path, O_APPEND, buffer_bytes(&out), false, note);
    buffer_close(&out);
    return good;
}

bool backup_writer_finish(struct backup_writer *writer, char *note)
{
    struct buffer out = {0};
    seal(writer, &out);
    snapshot_end_put(&out, &writer->sum);
    writer->sum.file_bytes += SNAPSHOT_END_BYTES;
    bool good = write_all(writer->path, O_APPEND, buffer_bytes(&out), true, note);
    buffer_close(&out);
    return good;
}

void backup_writer_close(struct backup_writer *writer)
{
    memory_free(writer->path);
    buffer_close(&writer->chunk);
    *writer = (struct backup_writer){0};
}

/* ---- reading */

bool backup_manifest_read(const char *directory, struct backup_manifest *ret_manifest, char *note)
{
    char *path = backup_path(directory, MANIFEST), *why = NULL;
    struct buffer text = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL && errno == ENOENT)
        (void)fail(note, "%s: is no backup, or one that was not finished: it has no file manifest", directory);
    else if (file == NULL)
        (void)fail(note, "%s: cannot be read: %s", path, strerror(errno));
    bool good = file != NULL;
    if (good) {
        size_t size = fread(buffer_extend(&text, BACKUP_MANIFEST_BYTES_MAX + 1), 1, BACKUP_MANIFEST_BYTES_MAX + 1, file);
        buffer_truncate(&text, size);
        good = !ferror(file) || fail(note, "%s: cannot be read", path);
        fclose(file);
    }
    if (good && backup_manifest_decode(buffer_bytes(&text), ret_manifest, &why) != GRID_ERR_OK)
        good = fail(note, "%s: %s", path, why);
    memory_free(why);
    buffer_close(&text);
    memory_free(path);
    return good;
}

static bool check_sum(const struct snapshot_checker *checker, const struct backup_manifest *manifest, uint32_t partition, const char *path, char *note)
{
    const struct backup_file *file = &manifest->files[partition];
    if (!checker->complete)
        return fail(note, "%s: the file is too short: its end is missing", path);
    if (checker->head.group != partition || checker->head.index != file->index || checker->head.term != file->term ||
        checker->sum.payload_bytes != file->bytes || checker->sum.hash != file->hash)
        return fail(note, "%s: the file is not the one that the manifest names", path);
    return true;
}

bool backup_file_read(const char *directory, const struct backup_manifest *manifest, uint32_t partition,
                      enum grid_err (*each)(void *context, struct bytes piece), void *context, char *note)
{
    char *path = backup_path(directory, backup_file_name(manifest, partition).text), *what = NULL;
    struct snapshot_checker checker;
    FILE *file = fopen(path, "rb");
    uint8_t *block = memory_alloc(READ_BYTES);
    snapshot_checker_init(&checker, each, context);
    enum grid_err err = GRID_ERR_OK;
    note[0] = 0;
    bool good = file != NULL || fail(note, "%s: cannot be read: %s", path, strerror(errno));
    for (size_t size; good && err == GRID_ERR_OK && (size = fread(block, 1, READ_BYTES, file)) > 0;)
        err = snapshot_checker_add(&checker, bytes_of(block, size), &what);
    if (good && err != GRID_ERR_OK)
        good = note[0] != 0 ? false : fail(note, "%s: %s", path, what != NULL ? what : grid_err_text(err));
    good = good && (!ferror(file) || fail(note, "%s: cannot be read", path)) && check_sum(&checker, manifest, partition, path, note);
    if (file != NULL)
        fclose(file);
    snapshot_checker_close(&checker);
    memory_free(block);
    memory_free(what);
    memory_free(path);
    return good;
}

/* ---- checking all of it */

struct checked { struct backup_state *state; char *note; const char *directory; uint32_t partition; };

static enum grid_err on_piece(void *context, struct bytes piece)
{
    struct checked *checked = context;
    char *why = NULL;
    enum grid_err err = backup_state_add(checked->state, piece, &why);
    if (err != GRID_ERR_OK)
        (void)fail(checked->note, "%s: partition %u: %s", checked->directory, checked->partition, why);
    memory_free(why);
    return err;
}

static bool check_file(const char *directory, const struct backup_manifest *manifest, uint32_t partition, struct backup_state *state, char *note)
{
    struct checked checked = {state, note, directory, partition};
    if (!backup_file_read(directory, manifest, partition, on_piece, &checked, note))
        return false;
    if (!state->complete || state->entries != manifest->files[partition].entries || state->level > manifest->level || state->epoch != manifest->epoch)
        return fail(note, "%s: partition %u: the state is not the one that the manifest describes", directory, partition);
    return true;
}

bool backup_check(const char *directory, const struct backup_manifest *manifest, char *note)
{
    struct backup_state *states = memory_zero(manifest->partitions, sizeof *states);
    char *why = NULL;
    bool good = true;
    for (uint32_t i = 0; i < manifest->partitions; i++)
        backup_state_init(&states[i]);
    for (uint32_t i = 0; i < manifest->partitions && good; i++)
        good = check_file(directory, manifest, i, &states[i], note);
    if (good && backup_cut_check(states, manifest->partitions, &why) != GRID_ERR_OK)
        good = fail(note, "%s: %s", directory, why);
    memory_free(why);
    for (uint32_t i = 0; i < manifest->partitions; i++)
        backup_state_close(&states[i]);
    memory_free(states);
    return good;
}
