/* The storage of a node that is only to be checked (uv_node_io_options.dry): reads are real, everything else goes as far as it
 * takes to know whether it would succeed. Files get the sizes that they would have; nothing is ever written, made or removed,
 * apart from a directory that is missing, which is made and removed again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

struct file {
    int fd;                            /* -1: it would have been created */
    uint64_t size;
};

static struct uv_storage *storage_of(struct storage *storage)
{
    return (struct uv_storage *)storage;
}

/* Whether files may be created in the directory; it is one that is missing, or errno says why not. */
static bool may_create(const struct uv_storage *storage)
{
    return storage->directory_fd < 0 || faccessat(storage->directory_fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

static enum grid_err open_(struct storage *base, const char *name, bool create, struct file **ret_file)
{
    struct uv_storage *storage = storage_of(base);
    struct stat status = {0};
    bool nothing = storage->directory_fd < 0 || storage->emptied;
    int fd = nothing ? -1 : openat(storage->directory_fd, name, O_RDWR | O_CLOEXEC);
    bool missing = nothing || (fd < 0 && errno == ENOENT);
    if (missing && !create)
        return GRID_ERR_NOT_FOUND;
    if (!missing && fd < 0 && errno == EISDIR)
        return GRID_ERR_INVALID;
    if (missing ? !may_create(storage) : fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0)
            close(fd);
        return GRID_ERR_IO;
    }
    struct file *file = memory_zero(1, sizeof *file);
    *file = (struct file){.fd = fd, .size = (uint64_t)status.st_size};
    *ret_file = file;
    return GRID_ERR_OK;
}

static void close_(struct storage *base, struct file *file)
{
    (void)base;
    if (file->fd >= 0)
        close(file->fd);
    memory_free(file);
}

static uint64_t size_(struct storage *base, struct file *file)
{
    (void)base;
    return file->size;
}

static enum grid_err read_(struct storage *base, struct file *file, uint64_t offset, uint8_t *data, size_t size)
{
    (void)base;
    while (size > 0) {
        ssize_t got = file->fd < 0 ? 0 : pread(file->fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return GRID_ERR_IO;
        data += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return GRID_ERR_OK;
}

static void write_(struct storage *base, struct file *file, struct storage_write *write)
{
    (void)base;
    (void)file;
    (void)write;
    UNREACHABLE("writes come from the loop, which does not run");
}

static void work_(struct storage *base, struct storage_work *work)
{
    (void)base;
    (void)work;
    UNREACHABLE("work comes from the loop, which does not run");
}

static enum grid_err resize(struct storage *base, struct file *file, uint64_t size)
{
    (void)base;
    file->size = size;
    return GRID_ERR_OK;
}

static enum grid_err remove_(struct storage *base, const char *name)
{
    (void)name;
    return may_create(storage_of(base)) ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err put(struct storage *base, const char *name, struct bytes content)
{
    (void)name;
    (void)content;
    return may_create(storage_of(base)) ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err get(struct storage *base, const char *name, struct buffer *ret_content)
{
    struct file *file;
    enum grid_err err = open_(base, name, false, &file);
    if (err != GRID_ERR_OK)
        return err == GRID_ERR_INVALID ? GRID_ERR_IO : err;
    size_t before = ret_content->size, size = (size_t)file->size;
    err = read_(base, file, 0, buffer_extend(ret_content, size), size);
    if (err != GRID_ERR_OK)
        buffer_truncate(ret_content, before);
    close_(base, file);
    return err;
}

static enum grid_err list(struct storage *base, void (*each)(void *context, const char *name), void *context)
{
    const struct uv_storage *storage = storage_of(base);
    return storage->directory_fd < 0 || storage->emptied ? GRID_ERR_OK : uv_storage_list(base, each, context);
}

static uint64_t free_bytes(struct storage *base)
{
    (void)base;
    return UINT64_MAX;
}

/* The directory is there: could its lock be taken? Taken it is given back at the end of the process. */
static bool lock(struct uv_storage *storage, const char **ret_reason)
{
    storage->lock_fd = openat(storage->directory_fd, ".lock", O_RDWR | O_CLOEXEC);
    if (storage->lock_fd < 0 && (errno != ENOENT || !may_create(storage))) {
        *ret_reason = strerror(errno);
        return false;
    }
    *ret_reason = "another process uses it; stop that one or choose another directory";
    return storage->lock_fd < 0 || flock(storage->lock_fd, LOCK_EX | LOCK_NB) == 0;
}

enum grid_err uv_dry_storage_init(struct uv_storage *storage, const char *directory, char **ret_note)
{
    const char *reason = NULL;
    *storage = (struct uv_storage){
        .base = {.open = open_, .close = close_, .size = size_, .read = read_, .write = write_, .work = work_, .allocate = resize, .truncate = resize,
                 .remove = remove_, .put = put, .get = get, .list = list, .free_bytes = free_bytes},
        .directory = memory_copy(directory, strlen(directory) + 1), .directory_fd = -1, .lock_fd = -1};
    storage->base.place = storage->directory;
    bool made = mkdir(directory, 0750) == 0;
    if (made)
        rmdir(directory);
    else if (errno != EEXIST)
        *ret_note = err_note("data directory %s: cannot be created: %s", directory, strerror(errno));
    else if ((storage->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        *ret_note = err_note("data directory %s: %s", directory, strerror(errno));
    else if (!lock(storage, &reason))
        *ret_note = err_note("data directory %s: %s", directory, reason);
    if (*ret_note == NULL)
        return GRID_ERR_OK;
    uv_storage_free(storage);
    return GRID_ERR_IO;
}
