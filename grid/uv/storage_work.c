/* Pieces of work of the storage, in the thread pool: opening, reading, renaming and removing files without the loop. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

struct piece {
    uv_work_t work;
    struct uv_storage *storage;
    struct storage_work *caller;
    struct file *file;                 /* what was opened */
    enum grid_err result;
};

static enum grid_err create(struct storage *storage, const char *name, struct file **ret_file)
{
    struct file *file;
    enum grid_err err = storage->open(storage, name, true, &file);
    if (err != GRID_ERR_OK)
        return err;
    if (storage->size(storage, file) > 0)
        err = storage->truncate(storage, file, 0);
    if (err == GRID_ERR_OK)
        *ret_file = file;
    else
        storage->close(storage, file);
    return err;
}

/* Once the directory is synced, the new name is durable and the old one is gone. */
static enum grid_err rename_file(struct uv_storage *storage, const char *name, const char *to)
{
    if (renameat(storage->directory_fd, name, storage->directory_fd, to) != 0)
        return errno == ENOENT ? GRID_ERR_NOT_FOUND : errno == ENOSPC || errno == EDQUOT ? GRID_ERR_NO_SPACE : GRID_ERR_IO;
    return fsync(storage->directory_fd) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

static void run(uv_work_t *work)
{
    struct piece *piece = work->data;
    const struct storage_work *caller = piece->caller;
    struct storage *storage = &piece->storage->base;
    switch (caller->kind) {
    case STORAGE_OPEN: piece->result = storage->open(storage, caller->name, false, &piece->file); break;
    case STORAGE_CREATE: piece->result = create(storage, caller->name, &piece->file); break;
    case STORAGE_READ: piece->result = storage->read(storage, caller->file, caller->offset, caller->data, caller->size); break;
    case STORAGE_RENAME: piece->result = rename_file(piece->storage, caller->name, caller->to); break;
    case STORAGE_REMOVE: piece->result = storage->remove(storage, caller->name); break;
    }
}

static void done(uv_work_t *work, int status)
{
    struct piece *piece = work->data;
    struct storage_work *caller = piece->caller;
    enum grid_err err = status < 0 ? GRID_ERR_IO : piece->result;
    if (piece->file != NULL)
        caller->file = piece->file;
    memory_free(piece);
    caller->done(caller->context, err);
}

void uv_storage_work(struct storage *base, struct storage_work *caller)
{
    struct uv_storage *storage = (struct uv_storage *)base;
    struct piece *piece = memory_zero(1, sizeof *piece);
    REQUIRE(caller->done != NULL && (caller->kind == STORAGE_READ) == (caller->name == NULL));
    *piece = (struct piece){.work.data = piece, .storage = storage, .caller = caller};
    HOLDS(uv_queue_work(storage->loop, &piece->work, run, done) == 0);
}
