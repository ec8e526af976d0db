/* Pieces of work of a disk (grid/io/storage.h): each takes its time, and a crash meanwhile leaves it done or not. */
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tests/sim/world/disk_internal.h"

struct disk_work {
    struct sim_disk *disk;
    struct storage_work *caller;
    enum grid_err spoilt;                  /* what it is to end with, if not OK */
    struct disk_work *next;
};

static enum grid_err create(struct storage *storage, const char *name, struct file **ret_file)
{
    struct file *file;
    enum grid_err err = storage->open(storage, name, true, &file);
    if (err != GRID_ERR_OK) {
        return err;
    }
    if (storage->size(storage, file) > 0) {
        err = storage->truncate(storage, file, 0);
    }
    if (err == GRID_ERR_OK) {
        *ret_file = file;
    } else {
        storage->close(storage, file);
    }
    return err;
}

static enum grid_err perform(struct sim_disk *disk, struct storage_work *caller)
{
    struct storage *storage = &disk->storage;
    switch (caller->kind) {
    case STORAGE_OPEN: return storage->open(storage, caller->name, false, &caller->file);
    case STORAGE_CREATE: return create(storage, caller->name, &caller->file);
    case STORAGE_READ: return storage->read(storage, caller->file, caller->offset, caller->data, caller->size);
    case STORAGE_RENAME: return sim_disk_rename(disk, caller->name, caller->to);
    case STORAGE_REMOVE: return storage->remove(storage, caller->name);
    }
    UNREACHABLE("a kind of work");
}

static enum disk_operation operation_of(const struct storage_work *caller)
{
    switch (caller->kind) {
    case STORAGE_OPEN: return OPERATION_OPEN;
    case STORAGE_CREATE: return OPERATION_CREATE;
    case STORAGE_READ: return OPERATION_READ;
    case STORAGE_RENAME: return OPERATION_RENAME;
    case STORAGE_REMOVE: return OPERATION_REMOVE;
    }
    UNREACHABLE("a kind of work");
}

static const char *name_of(const struct storage_work *caller)
{
    return caller->kind == STORAGE_READ ? ((const struct disk_file *)(void *)caller->file)->name : caller->name;
}

/* What is read in vain to be sent is the business of the transfer; after any other error the node must end (I37). */
static enum grid_err fail(struct sim_disk *disk, const struct storage_work *caller, enum grid_err err)
{
    bool reads = caller->kind == STORAGE_OPEN || caller->kind == STORAGE_READ;
    if (err == GRID_ERR_IO && !(reads && strstr(name_of(caller), ".recv") == NULL))
        sim_disk_note_failure(disk);
    return err;
}

static enum grid_err finish(struct sim_disk *disk, struct storage_work *caller, enum grid_err spoilt)
{
    if (spoilt != GRID_ERR_OK)
        return fail(disk, caller, spoilt);
    disk->working = true;
    enum grid_err err = perform(disk, caller);
    disk->working = false;
    uint64_t size = err == GRID_ERR_OK && caller->kind == STORAGE_OPEN ? disk->storage.size(&disk->storage, caller->file) : 0;
    if (err == GRID_ERR_OK)
        snapshot_steps_done(disk->host, name_of(caller), operation_of(caller), size);
    return err;
}

static void run_work(struct world *world, void *context)
{
    struct disk_work *work = context;
    struct sim_disk *disk = work->disk;
    struct storage_work *caller = work->caller;
    struct disk_work **at = &disk->works;
    while (*at != work) {
        at = &(*at)->next;
    }
    *at = work->next;
    enum grid_err err = finish(disk, caller, work->spoilt);
    memory_free(work);
    world_trace_event(world, TRACE_WRITE, disk->host->number, caller->kind);
    caller->done(caller->context, err);
}

void sim_disk_doom(struct sim_disk *disk, uint64_t latency_us)
{
    struct world *world = disk->host->world;
    if (disk->host->doom.armed) {
        disk->host->doom.armed = false;
        world_at(world, world_draw(world, CONCERN_DISK, 0, latency_us), fault_crash, disk->host);
    }
}

static void put_first(struct disk_work **list, struct disk_work *work)
{
    work->next = *list;
    *list = work;
}

void sim_disk_work(struct storage *storage, struct storage_work *caller)
{
    struct sim_disk *disk = (struct sim_disk *)(void *)storage;
    struct world *world = disk->host->world;
    struct disk_work *work = memory_zero(1, sizeof *work);
    *work = (struct disk_work){.disk = disk, .caller = caller};
    if (disk->host->closing) {
        put_first(&disk->works_ended, work);
        return;
    }
    REQUIRE(disk->host->up);
    put_first(&disk->works, work);
    struct event event = {.host = disk->host, .run = run_work, .discard = memory_free, .context = work};
    uint64_t latency_us = sim_disk_latency(disk, caller->size);
    world_push(world, &event, latency_us);
    work->spoilt = snapshot_steps_begin(disk->host, name_of(caller), operation_of(caller), latency_us);
    sim_disk_doom(disk, latency_us);
}

/* What changes names has happened or not. */
void sim_disk_work_crash(struct sim_disk *disk)
{
    while (disk->works) {
        struct disk_work *work = disk->works;
        struct storage_work *caller = work->caller;
        disk->works = work->next;
        bool changes = caller->kind != STORAGE_OPEN && caller->kind != STORAGE_READ;
        if (changes && world_draw_percent(disk->host->world, CONCERN_DISK, 50)) {
            (void)perform(disk, caller);
        }
        struct disk_work *ended = memory_zero(1, sizeof *ended); /* the pending event frees the first one */
        *ended = (struct disk_work){.disk = disk, .caller = caller};
        put_first(&disk->works_ended, ended);
    }
}

void sim_disk_work_return(struct sim_disk *disk)
{
    while (disk->works_ended) {
        struct disk_work *work = disk->works_ended;
        struct storage_work *caller = work->caller;
        disk->works_ended = work->next;
        memory_free(work);
        caller->done(caller->context, GRID_ERR_CLOSED);
    }
}
