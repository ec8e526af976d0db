/* One directory of files: the core's interface.
 *
 * Blocking calls are for the start (and for log segments, which are opened and removed from the loop). Writes and pieces of
 * `work` are asynchronous: they run off the loop, `done` runs on it and never from inside the call. A synced write is durable only
 * once it is done; pages of unsynced writes reach the disk in any order or not at all. A file has at most one write and one
 * read in flight. When the process ends, `done` gets CLOSED for what is in flight; nothing may be asked of the storage then.
 * Names are plain (no '/'). A failed write or sync leaves the file in an unknown state: the caller stops the node. */
#ifndef GRID_IO_STORAGE_H
#define GRID_IO_STORAGE_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

struct storage;
struct file;

/* One write: `data` at `offset`, then fdatasync when `sync`. The request and the data are borrowed until done. */
struct storage_write {
    uint64_t offset;
    struct bytes data;
    bool sync;
    void (*done)(void *context, enum grid_err err);
    void *context;
    void *internal;                                           /* belongs to the implementation */
};

enum storage_kind {
    STORAGE_OPEN,                                             /* `name`, which exists; sets `file`. As open */
    STORAGE_CREATE,                                           /* the same, empty: a file of that name loses its content. The name is not durable yet */
    STORAGE_READ,                                             /* exactly `size` bytes of `file` at `offset` to `data`; IO when it is shorter */
    STORAGE_RENAME,                                           /* `name` becomes `to`, whose old file is gone. Durable once done; sync the content before */
    STORAGE_REMOVE,                                           /* `name`. Durable once done; NOT_FOUND */
};

/* One piece of other work off the loop. The request, names and data are borrowed until done. A rename or a removal
 * in flight when the process ends has happened completely or not at all. After IO it may have happened or not. */
struct storage_work {
    enum storage_kind kind;
    const char *name, *to;
    struct file *file;
    uint64_t offset;
    uint8_t *data;
    size_t size;
    void (*done)(void *context, enum grid_err err);
    void *context;
    void *internal;                                           /* belongs to the implementation */
};

struct storage {
    /* Opens for reading and writing; creates (size 0) when `create`. NOT_FOUND, IO; INVALID: a directory. */
    enum grid_err (*open)(struct storage *storage, const char *name, bool create, struct file **ret_file);
    void (*close)(struct storage *storage, struct file *file); /* not while a write or a read is in flight */
    uint64_t (*size)(struct storage *storage, struct file *file);
    /* Reads exactly data->size bytes; IO when the file is shorter. */
    enum grid_err (*read)(struct storage *storage, struct file *file, uint64_t offset, uint8_t *data, size_t size);
    void (*write)(struct storage *storage, struct file *file, struct storage_write *write);
    void (*work)(struct storage *storage, struct storage_work *work);
    /* Reserves and zero-fills up to `size`, durable on return. NO_SPACE, IO. */
    enum grid_err (*allocate)(struct storage *storage, struct file *file, uint64_t size);
    /* Cuts the file to `size`, durable on return. */
    enum grid_err (*truncate)(struct storage *storage, struct file *file, uint64_t size);
    enum grid_err (*remove)(struct storage *storage, const char *name); /* durable on return */
    /* Whole small file, atomically replaced, durable on return. */
    enum grid_err (*put)(struct storage *storage, const char *name, struct bytes content);
    enum grid_err (*get)(struct storage *storage, const char *name, struct buffer *ret_content); /* NOT_FOUND, IO */
    /* Calls `each` for every file, in name order. */
    enum grid_err (*list)(struct storage *storage, void (*each)(void *context, const char *name), void *context);
    uint64_t (*free_bytes)(struct storage *storage);
    /* Starts the work of allocate off the loop; true once it has ended, so that allocate returns the result at once.
     * May be NULL: allocate does all the work. A write may be in flight meanwhile. */
    bool (*reserve)(struct storage *storage, struct file *file, uint64_t size);
    const char *place;                                        /* path of the directory, for people; may be NULL */
    /* Identifies the boot of the system: while it is equal, no written data is lost, even if it was not synced. 0: unknown;
     * never 1. */
    uint64_t system_life;
};

#endif
