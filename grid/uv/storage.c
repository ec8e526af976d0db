/* O_DIRECT and pwritev2 are the system's own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

enum { ZERO_BYTES = 256 * 1024, PAGE_BYTES = 4096, DIRECT_BYTES = 1024 * 1024 };

/* Synced writes of whole pages go past the system's cache (direct_fd): nobody reads a log before the next start, and
 * copying it there costs more than everything else in a write. */
struct file {
    struct uv_storage *storage;
    int fd, direct_fd;                 /* direct_fd: -1 where the file system has no such thing */
    struct storage_write *write;       /* in flight */
    uv_work_t work;
    enum grid_err result;
    bool unsynced;                     /* something was written that no sync has covered yet */
    void *pages_memory;                /* NULL so far, or memory that holds `pages` */
    uint8_t *pages;                    /* DIRECT_BYTES at an aligned address */
    uv_mutex_t filling;                /* held while the file is being extended */
    bool fill_failed;                  /* and it is not known which part of it reached the disk */
    uv_work_t reserve_work;
    uint64_t reserve_bytes;
    bool reserving;
    bool closing;                      /* close was called while a write or a reservation was in flight */
};

static struct uv_storage *storage_of(struct storage *storage)
{
    return (struct uv_storage *)storage;
}

static enum grid_err err_of_errno(void)
{
    /* Without a free descriptor nothing was changed either, and the state ends without help, like a full disk. */
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE;
    return errno == ENOENT ? GRID_ERR_NOT_FOUND : errno == EFBIG ? GRID_ERR_TOO_LARGE : full ? GRID_ERR_NO_SPACE : GRID_ERR_IO;
}

static enum grid_err sync_directory(struct uv_storage *storage)
{
    return fsync(storage->directory_fd) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err write_all(int fd, uint64_t offset, struct bytes data)
{
    while (data.size > 0) {
        ssize_t written = pwrite(fd, data.data, data.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return err_of_errno();
        data.data += written;
        data.size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return GRID_ERR_OK;
}

/* ---- files */

/* After a failed sync the system takes pages for clean that never reached the disk. A process that starts again must not
 * read them as if they were stored: what is still dirty is synced, and everything is read from the disk. */
static bool forget_cache(int fd)
{
    return fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
}

static enum grid_err open_(struct storage *base, const char *name, bool create, struct file **ret_file)
{
    struct uv_storage *storage = storage_of(base);
    int fd = openat(storage->directory_fd, name, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0640);
    if (fd < 0)
        return errno == EISDIR ? GRID_ERR_INVALID : err_of_errno();
    if (create ? sync_directory(storage) != GRID_ERR_OK : !forget_cache(fd)) {
        close(fd);
        return GRID_ERR_IO;
    }
    struct file *file = memory_zero(1, sizeof *file);
    file->storage = storage;
    file->fd = fd;
    file->direct_fd = openat(storage->directory_fd, name, O_WRONLY | O_CLOEXEC | O_DIRECT);
    file->work.data = file->reserve_work.data = file;
    HOLDS(uv_mutex_init(&file->filling) == 0);
    *ret_file = file;
    return GRID_ERR_OK;
}

static void file_free(struct file *file)
{
    close(file->fd);
    if (file->direct_fd >= 0)
        close(file->direct_fd);
    uv_mutex_destroy(&file->filling);
    memory_free(file->pages_memory);
    memory_free(file);
}

static void close_(struct storage *base, struct file *file)
{
    (void)base;
    if (file->write || file->reserving)
        file->closing = true; /* the thread pool still has it */
    else
        file_free(file);
}

static uint64_t size_(struct storage *base, struct file *file)
{
    struct stat status;
    (void)base;
    return fstat(file->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static enum grid_err read_(struct storage *base, struct file *file, uint64_t offset, uint8_t *data, size_t size)
{
    (void)base;
    while (size > 0) {
        ssize_t got = pread(file->fd, data, size, (off_t)offset);
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

/* ---- writes past the cache */

/* One piece, written and synced in one call. Negative: nothing was written. */
static ssize_t write_piece(struct file *file, uint64_t offset, struct bytes piece)
{
    /* The system takes aligned addresses only. */
    memcpy(file->pages, piece.data, piece.size);
    struct iovec part = {.iov_base = file->pages, .iov_len = piece.size};
    ssize_t written;
    do
        written = pwritev2(file->direct_fd, &part, 1, (off_t)offset, RWF_DSYNC);
    while (written < 0 && errno == EINTR);
    return written;
}

static bool can_write_direct(struct file *file, const struct storage_write *write)
{
    if (file->direct_fd < 0 || file->unsynced || write->data.size == 0 || write->offset % PAGE_BYTES != 0 ||
        write->data.size % PAGE_BYTES != 0)
        return false;
    if (file->pages_memory == NULL) {
        file->pages_memory = memory_alloc(DIRECT_BYTES + PAGE_BYTES);
        file->pages = (uint8_t *)file->pages_memory + PAGE_BYTES - (uintptr_t)file->pages_memory % PAGE_BYTES;
    }
    return true;
}

/* False: not possible here, nothing was written; the other way is left. */
static bool write_direct(struct file *file, const struct storage_write *write, enum grid_err *ret_result)
{
    if (!can_write_direct(file, write))
        return false;
    *ret_result = GRID_ERR_OK;
    for (size_t done = 0; done < write->data.size;) {
        size_t left = write->data.size - done;
        ssize_t written = write_piece(file, write->offset + done,
                                      bytes_of(write->data.data + done, left < DIRECT_BYTES ? left : DIRECT_BYTES));
        if (written < 0 && done == 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
            close(file->direct_fd);
            file->direct_fd = -1;
            return false;
        }
        if (written <= 0 || written % PAGE_BYTES != 0) {
            *ret_result = written < 0 ? err_of_errno() : GRID_ERR_IO;
            return true;
        }
        done += (size_t)written;
    }
    return true;
}

static void write_work(uv_work_t *work)
{
    struct file *file = work->data;
    const struct storage_write *write = file->write;
    if (write->sync && write_direct(file, write, &file->result))
        return;
    file->unsynced = true;
    file->result = write_all(file->fd, write->offset, write->data);
    if (file->result != GRID_ERR_OK || !write->sync)
        return;
    if (fdatasync(file->fd) != 0)
        file->result = GRID_ERR_IO;
    else
        file->unsynced = false;
}

static void write_done(uv_work_t *work, int status)
{
    struct file *file = work->data;
    struct storage_write *write = file->write;
    file->write = NULL;
    if (!file->closing)
        write->done(write->context, status < 0 ? GRID_ERR_IO : file->result);
    else if (!file->reserving)
        file_free(file);
}

static void write_(struct storage *base, struct file *file, struct storage_write *write)
{
    struct uv_storage *storage = storage_of(base);
    REQUIRE(!file->write && !file->closing);
    file->write = write;
    HOLDS(uv_queue_work(storage->loop, &file->work, write_work, write_done) == 0);
}

/* ---- space ahead */

static enum grid_err fill(struct file *file, uint64_t size)
{
    static const alignas(PAGE_BYTES) uint8_t zeros[ZERO_BYTES];
    uint64_t at = size_(NULL, file);
    if (at >= size)
        return GRID_ERR_OK;
    /* Reserving first makes a full disk show before anything is written; writing zeros makes later syncs cheap. */
    int reserved = posix_fallocate(file->fd, (off_t)at, (off_t)(size - at));
    if (reserved == ENOSPC || reserved == EDQUOT || reserved == EFBIG)
        return GRID_ERR_NO_SPACE;
    bool direct = file->direct_fd >= 0 && at % PAGE_BYTES == 0 && size % PAGE_BYTES == 0;
    while (at < size) {
        size_t part = size - at < ZERO_BYTES ? (size_t)(size - at) : ZERO_BYTES;
        enum grid_err err = write_all(direct ? file->direct_fd : file->fd, at, bytes_of(zeros, part));
        if (err != GRID_ERR_OK)
            return err;
        at += part;
    }
    return fsync(file->fd) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err allocate(struct storage *base, struct file *file, uint64_t size)
{
    (void)base;
    uv_mutex_lock(&file->filling);
    enum grid_err err = file->fill_failed ? GRID_ERR_IO : fill(file, size);
    file->fill_failed = err != GRID_ERR_OK && err != GRID_ERR_NO_SPACE;
    uv_mutex_unlock(&file->filling);
    return err;
}

/* Whatever goes wrong here shows again in the allocate that follows. */
static void reserve_run(uv_work_t *work)
{
    struct file *file = work->data;
    (void)allocate(NULL, file, file->reserve_bytes);
}

static void reserve_done(uv_work_t *work, int status)
{
    struct file *file = work->data;
    (void)status;
    file->reserving = false;
    if (file->closing && !file->write)
        file_free(file);
}

static bool reserve(struct storage *base, struct file *file, uint64_t size)
{
    struct uv_storage *storage = storage_of(base);
    REQUIRE(!file->closing);
    if (file->reserving)
        return false;
    if (file->reserve_bytes >= size)
        return true;
    file->reserving = true;
    file->reserve_bytes = size;
    HOLDS(uv_queue_work(storage->loop, &file->reserve_work, reserve_run, reserve_done) == 0);
    return false;
}

static enum grid_err truncate_(struct storage *base, struct file *file, uint64_t size)
{
    (void)base;
    return ftruncate(file->fd, (off_t)size) == 0 && fsync(file->fd) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err remove_(struct storage *base, const char *name)
{
    struct uv_storage *storage = storage_of(base);
    return unlinkat(storage->directory_fd, name, 0) == 0 ? sync_directory(storage) : err_of_errno();
}

/* ---- whole small files */

static enum grid_err put(struct storage *base, const char *name, struct bytes content)
{
    struct uv_storage *storage = storage_of(base);
    char temporary[256];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", name) >= (int)sizeof temporary)
        return GRID_ERR_INVALID;
    int fd = openat(storage->directory_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_of_errno();
    enum grid_err err = write_all(fd, 0, content);
    if (err == GRID_ERR_OK && fsync(fd) != 0)
        err = GRID_ERR_IO;
    close(fd);
    if (err == GRID_ERR_OK && renameat(storage->directory_fd, temporary, storage->directory_fd, name) != 0)
        err = GRID_ERR_IO;
    if (err != GRID_ERR_OK) {
        unlinkat(storage->directory_fd, temporary, 0);
        return err;
    }
    return sync_directory(storage);
}

static enum grid_err get(struct storage *base, const char *name, struct buffer *ret_content)
{
    struct file *file;
    enum grid_err err = open_(base, name, false, &file);
    if (err != GRID_ERR_OK)
        return err == GRID_ERR_INVALID ? GRID_ERR_IO : err;
    uint64_t size = size_(base, file);
    size_t before = ret_content->size;
    err = read_(base, file, 0, buffer_extend(ret_content, size), size);
    if (err != GRID_ERR_OK)
        buffer_truncate(ret_content, before);
    close_(base, file);
    return err;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum grid_err uv_storage_list(struct storage *base, void (*each)(void *context, const char *name), void *context)
{
    struct uv_storage *storage = storage_of(base);
    DIR *directory = opendir(storage->directory);
    char **names = NULL;
    size_t count = 0, capacity = 0;
    if (!directory)
        return GRID_ERR_IO;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            names = memory_resize(names, capacity * sizeof *names);
        }
        names[count++] = memory_copy(entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(directory);
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        each(context, names[i]);
        memory_free(names[i]);
    }
    memory_free(names);
    return GRID_ERR_OK;
}

static uint64_t free_bytes(struct storage *base)
{
    struct statvfs status;
    return fstatvfs(storage_of(base)->directory_fd, &status) == 0 ? (uint64_t)status.f_bavail * status.f_frsize : 0;
}

/* ---- life */

/* The kernel draws a number at every boot. */
static uint64_t system_life(void)
{
    uint8_t text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return size <= 0 ? 0 : hash_xxh3(bytes_of(text, (size_t)size), 0) | 2;
}

enum grid_err uv_storage_init(struct uv_storage *storage, uv_loop_t *loop, const char *directory, char **ret_note)
{
    *storage = (struct uv_storage){
        .base = {.open = open_, .close = close_, .size = size_, .read = read_, .write = write_, .allocate = allocate, .reserve = reserve,
                 .truncate = truncate_, .remove = remove_, .work = uv_storage_work, .put = put, .get = get, .list = uv_storage_list, .free_bytes = free_bytes},
        .loop = loop, .directory = memory_copy(directory, strlen(directory) + 1)};
    storage->base.place = storage->directory;
    storage->base.system_life = system_life();
    if (uv_directory_make(directory, ret_note) != GRID_ERR_OK) {
        memory_free(storage->directory);
        return GRID_ERR_IO;
    }
    storage->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* One node per directory: two on the same log would destroy it. The lock is of the open file: it also keeps two of
     * one process apart, and ends with the process. */
    int lock_fd = storage->directory_fd < 0 ? -1 : openat(storage->directory_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock_fd < 0 || flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        *ret_note = err_note("data directory %s: %s", directory,
                            lock_fd < 0 ? strerror(errno) : "another process uses it; stop that one or choose another directory");
        if (lock_fd >= 0)
            close(lock_fd);
        if (storage->directory_fd >= 0)
            close(storage->directory_fd);
        memory_free(storage->directory);
        return GRID_ERR_IO;
    }
    storage->lock_fd = lock_fd;
    return GRID_ERR_OK;
}

void uv_storage_free(struct uv_storage *storage)
{
    if (storage->directory_fd >= 0)
        close(storage->directory_fd);
    if (storage->lock_fd >= 0)
        close(storage->lock_fd);
    memory_free(storage->directory);
}
