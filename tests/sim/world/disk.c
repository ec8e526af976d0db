#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tests/sim/world/disk_internal.h"

enum { SYSTEM_LIFE_FIRST = 100 };
#define DISK_CAPACITY_BYTES (8ull << 30)

struct disk_write {
    struct sim_disk *disk;
    struct disk_file *file;
    struct storage_write *write;           /* the caller's; only for its done */
    uint64_t offset;
    bool sync;
    enum grid_err err, spoilt;             /* spoilt: what it is to end with, if not OK */
    struct buffer data;
    struct disk_write *next_orphan;
};

/* storage.h leaves the handle opaque; here it is the file itself. */
static struct disk_file *file_of(struct file *file) { return (struct disk_file *)(void *)file; }
static struct sim_disk *disk_of(struct storage *storage) { return (struct sim_disk *)(void *)storage; }

/* ---- pages ---- */

void disk_file_reserve(struct disk_file *file, uint64_t size)
{
    size_t count = (size_t)((size + PAGE_BYTES - 1) / PAGE_BYTES);
    if (count > file->pages_count) {
        file->pages = memory_resize(file->pages, count * sizeof *file->pages);
        memset(file->pages + file->pages_count, 0, (count - file->pages_count) * sizeof *file->pages);
        file->pages_count = count;
    }
}

static void page_make_dirty(struct disk_file *file, size_t number)
{
    struct page *page = &file->pages[number];
    if (!page->dirty) {
        page->dirty = true;
        if (page->lost) {
            page->lost = false;
            file->lost_count--;
        } else {
            page->platter = page->present ? memory_copy(page->present, PAGE_BYTES) : NULL;
        }
        if (file->dirty_count == file->dirty_capacity) {
            file->dirty_capacity = file->dirty_capacity ? file->dirty_capacity * 2 : 16;
            file->dirty = memory_resize(file->dirty, file->dirty_capacity * sizeof *file->dirty);
        }
        file->dirty[file->dirty_count++] = (uint32_t)number;
    }
    if (!page->present)
        page->present = memory_zero(1, PAGE_BYTES);
}

void disk_file_put(struct disk_file *file, uint64_t offset, struct bytes data)
{
    disk_file_reserve(file, offset + data.size);
    while (data.size > 0) {
        size_t number = (size_t)(offset / PAGE_BYTES), within = (size_t)(offset % PAGE_BYTES);
        size_t size = PAGE_BYTES - within < data.size ? PAGE_BYTES - within : data.size;
        page_make_dirty(file, number);
        memcpy(file->pages[number].present + within, data.data, size);
        offset += size;
        data = bytes_of(data.data + size, data.size - size);
    }
    if (offset > file->size)
        file->size = offset;
}

void disk_file_sync(struct disk_file *file)
{
    for (size_t i = 0; i < file->dirty_count; i++) {
        struct page *page = &file->pages[file->dirty[i]];
        memory_free(page->platter);
        page->platter = NULL;
        page->dirty = false;
    }
    file->dirty_count = 0;
    file->platter_size = file->size;
    file->platter_name = true;
}

/* The sync fails: some of the pages reached the disk, the others never will. */
static void file_sync_fails(struct world *world, struct disk_file *file)
{
    for (size_t i = 0; i < file->dirty_count; i++) {
        struct page *page = &file->pages[file->dirty[i]];
        page->dirty = false;
        page->lost = world_draw_percent(world, CONCERN_DISK, 70);
        if (page->lost) {
            file->lost_count++;
            world->totals.pages_lost_by_sync++;
        } else {
            memory_free(page->platter);
            page->platter = NULL;
        }
    }
    file->dirty_count = 0;
}

/* What is read from now on comes from the platter, as storage.h promises of a file that is opened. */
static void file_forget_cache(struct disk_file *file)
{
    for (size_t i = 0; i < file->pages_count && file->lost_count > 0; i++) {
        struct page *page = &file->pages[i];
        if (page->lost) {
            memory_free(page->present);
            page->present = page->platter;
            page->platter = NULL;
            page->lost = false;
            file->lost_count--;
        }
    }
}

void disk_file_cut(struct disk_file *file, uint64_t size)
{
    for (size_t i = 0; i < file->pages_count; i++) {
        struct page *page = &file->pages[i];
        uint64_t start = (uint64_t)i * PAGE_BYTES;
        if (!page->present || start + PAGE_BYTES <= size) {
            continue;
        }
        if (start >= size) {
            memory_free(page->present);
            page->present = NULL;
            if (page->lost) {
                memory_free(page->platter);
                page->platter = NULL;
                page->lost = false;
                file->lost_count--;
            }
        } else {
            memset(page->present + (size - start), 0, (size_t)(PAGE_BYTES - (size - start)));
        }
    }
    file->size = size;
    disk_file_sync(file);
}

void disk_file_free(struct disk_file *file)
{
    for (size_t i = 0; i < file->pages_count; i++) {
        memory_free(file->pages[i].present);
        memory_free(file->pages[i].platter);
    }
    memory_free(file->pages);
    memory_free(file->dirty);
    memory_free(file);
}

/* ---- directory ---- */

static size_t file_position(const struct sim_disk *disk, const char *name)
{
    size_t at = 0;
    while (at < disk->files_count && strcmp(disk->files[at]->name, name) < 0)
        at++;
    return at;
}

struct disk_file *disk_file_find(const struct sim_disk *disk, const char *name)
{
    size_t at = file_position(disk, name);
    return at < disk->files_count && strcmp(disk->files[at]->name, name) == 0 ? disk->files[at] : NULL;
}

static void file_list(struct sim_disk *disk, struct disk_file *file)
{
    size_t at = file_position(disk, file->name);
    disk->files = memory_resize(disk->files, (disk->files_count + 1) * sizeof *disk->files);
    memmove(disk->files + at + 1, disk->files + at, (disk->files_count - at) * sizeof *disk->files);
    disk->files[at] = file;
    disk->files_count++;
}

struct disk_file *disk_file_create(struct sim_disk *disk, const char *name)
{
    struct disk_file *file = memory_zero(1, sizeof *file);
    REQUIRE(strlen(name) < sizeof file->name && !strchr(name, '/'));
    snprintf(file->name, sizeof file->name, "%s", name);
    file_list(disk, file);
    return file;
}

void disk_file_unlist(struct sim_disk *disk, struct disk_file *file)
{
    size_t at = file_position(disk, file->name);
    REQUIRE(at < disk->files_count && disk->files[at] == file);
    disk->files_count--;
    memmove(disk->files + at, disk->files + at + 1, (disk->files_count - at) * sizeof *disk->files);
}

static uint64_t used_bytes(const struct sim_disk *disk)
{
    uint64_t used = 0;
    for (size_t i = 0; i < disk->files_count; i++)
        used += disk->files[i]->size;
    return used;
}

/* ---- the interface ---- */

static enum grid_err disk_open(struct storage *storage, const char *name, bool create, struct file **ret_file)
{
    struct sim_disk *disk = disk_of(storage);
    struct disk_file *file = disk_file_find(disk, name);
    if (!file && !create)
        return GRID_ERR_NOT_FOUND;
    if (!file && disk->host->closing) {
        return GRID_ERR_IO;
    }
    if (!file) {
        file = disk_file_create(disk, name);
    }
    if (!disk->host->closing) {
        file_forget_cache(file);
        if (!disk->working && disk->host->up)
            (void)snapshot_steps_begin(disk->host, name, OPERATION_LOAD, 0);
    }
    file->opens++;
    *ret_file = (struct file *)(void *)file;
    return GRID_ERR_OK;
}

static void disk_close(struct storage *storage, struct file *handle)
{
    struct disk_file *file = file_of(handle);
    if (disk_of(storage)->host->closing)
        return;
    REQUIRE(file->opens > 0 && !file->flying);
    file->opens--;
}

static uint64_t disk_size(struct storage *storage, struct file *handle)
{
    (void)storage;
    return file_of(handle)->size;
}

static enum grid_err disk_read(struct storage *storage, struct file *handle, uint64_t offset, uint8_t *data, size_t size)
{
    (void)storage;
    struct disk_file *file = file_of(handle);
    if (offset > file->size || size > file->size - offset)
        return GRID_ERR_IO;
    while (size > 0) {
        size_t number = (size_t)(offset / PAGE_BYTES), within = (size_t)(offset % PAGE_BYTES);
        size_t part = PAGE_BYTES - within < size ? PAGE_BYTES - within : size;
        const uint8_t *present = number < file->pages_count ? file->pages[number].present : NULL;
        if (present) {
            memcpy(data, present + within, part);
        } else {
            memset(data, 0, part);
        }
        data += part;
        offset += part;
        size -= part;
    }
    return GRID_ERR_OK;
}

void sim_disk_note_failure(struct sim_disk *disk)
{
    disk->failed = true;
    disk->failed_us = disk->host->world->now_us;
    disk->host->world->totals.disk_errors++;
}

static enum grid_err failed(struct sim_disk *disk, enum fault fault)
{
    sim_disk_note_failure(disk);
    fault_happened(disk->host->world, fault);
    return GRID_ERR_IO;
}

/* Every change of the disk may fail, not only writes. */
static enum grid_err change_error(struct sim_disk *disk, bool sync)
{
    if (disk->fail_write_always)
        return failed(disk, FAULT_WRITE_ERROR_LASTING);
    if (disk->fail_write_once) {
        disk->fail_write_once = false;
        return failed(disk, FAULT_WRITE_ERROR);
    }
    if (disk->fail_sync_once && sync) {
        disk->fail_sync_once = false;
        return failed(disk, FAULT_SYNC_ERROR);
    }
    return GRID_ERR_OK;
}

static enum grid_err no_space(struct sim_disk *disk)
{
    fault_happened(disk->host->world, FAULT_DISK_FULL);
    return GRID_ERR_NO_SPACE;
}

static enum grid_err write_error(struct sim_disk *disk, const struct disk_write *write)
{
    bool sync_would_fail = disk->fail_sync_once;
    if (disk->full && write->offset + write->data.size > write->file->size)
        return no_space(disk);
    enum grid_err err = change_error(disk, write->sync);
    if (err != GRID_ERR_OK && sync_would_fail && !disk->fail_sync_once) {
        disk_file_put(write->file, write->offset, buffer_bytes(&write->data)); /* in the cache, where it looks well */
        file_sync_fails(disk->host->world, write->file);
    } else if (err != GRID_ERR_OK && world_draw_percent(disk->host->world, CONCERN_DISK, 50)) {
        size_t size = (size_t)world_draw(disk->host->world, CONCERN_DISK, 0, write->data.size);
        disk_file_put(write->file, write->offset, bytes_of(write->data.data, size)); /* it is not known how far it came */
    }
    return err;
}

static void write_free(struct disk_write *write)
{
    buffer_close(&write->data);
    memory_free(write);
}

/* It is not known how far it came. */
static void put_some(struct disk_write *write)
{
    if (world_draw_percent(write->disk->host->world, CONCERN_STEPS, 50)) {
        size_t size = (size_t)world_draw(write->disk->host->world, CONCERN_STEPS, 0, write->data.size);
        disk_file_put(write->file, write->offset, bytes_of(write->data.data, size));
    }
}

static void write_finish(struct disk_write *write)
{
    write->file->flying = NULL;
    write->err = write->spoilt != GRID_ERR_OK ? write->spoilt : write_error(write->disk, write);
    if (write->spoilt != GRID_ERR_OK)
        put_some(write);
    if (write->spoilt == GRID_ERR_IO)
        sim_disk_note_failure(write->disk);
    if (write->err == GRID_ERR_OK) {
        snapshot_steps_done(write->disk->host, write->file->name, OPERATION_WRITE, write->file->size);
        disk_file_put(write->file, write->offset, buffer_bytes(&write->data));
        if (write->sync) {
            disk_file_sync(write->file);
        }
    }
}

static void run_written(struct world *world, void *context)
{
    struct disk_write *write = context;
    struct storage_write *caller = write->write;
    write_finish(write);
    enum grid_err err = write->err;
    world_trace_event(world, TRACE_WRITE, write->disk->host->number, write->offset);
    world_trace_bytes(world, buffer_bytes(&write->data));
    write_free(write);
    caller->done(caller->context, err);
}

static void discard_write(void *context) { write_free(context); }

uint64_t sim_disk_latency(struct sim_disk *disk, size_t size)
{
    struct world *world = disk->host->world;
    uint64_t delay_us = world_draw(world, CONCERN_DISK, world->plan.write_low_us, world->plan.write_high_us) + size / 500;
    if (!fault_on(world, FAULT_SLOW_DISK))
        return delay_us;
    bool slow = prng_chance(world_concern(world, CONCERN_DISK), world->plan.slow_write_ppm);
    if (slow || disk->slow_until_us > world->now_us) {
        fault_happened(world, FAULT_SLOW_DISK);
        delay_us += world_draw(world, CONCERN_DISK, 10000, 400000);
    }
    return delay_us;
}

static void disk_write(struct storage *storage, struct file *handle, struct storage_write *caller)
{
    struct sim_disk *disk = disk_of(storage);
    struct disk_file *file = file_of(handle);
    struct world *world = disk->host->world;
    if (disk->host->closing)
        return;
    REQUIRE(disk->host->up && !file->flying && file->opens > 0);
    struct disk_write *write = memory_zero(1, sizeof *write);
    *write = (struct disk_write){.disk = disk, .file = file, .write = caller, .offset = caller->offset,
                                 .sync = caller->sync};
    buffer_append(&write->data, caller->data);
    file->flying = write;
    world->totals.disk_writes++;
    world->totals.disk_bytes += caller->data.size;
    struct event event = {.host = disk->host, .run = run_written, .discard = discard_write, .context = write};
    uint64_t latency_us = sim_disk_latency(disk, caller->data.size);
    world_push(world, &event, latency_us);
    write->spoilt = snapshot_steps_begin(disk->host, file->name, OPERATION_WRITE, latency_us);
    sim_disk_doom(disk, latency_us);
}

static enum grid_err disk_allocate(struct storage *storage, struct file *handle, uint64_t size)
{
    struct sim_disk *disk = disk_of(storage);
    struct disk_file *file = file_of(handle);
    if (disk->host->closing || size <= file->size)
        return GRID_ERR_OK;
    if (disk->full) {
        return no_space(disk);
    }
    enum grid_err err = change_error(disk, true);
    if (err != GRID_ERR_OK) {
        return err;
    }
    disk_file_reserve(file, size);
    file->size = file->platter_size = size;
    file->platter_name = true;
    return GRID_ERR_OK;
}

static enum grid_err disk_truncate(struct storage *storage, struct file *handle, uint64_t size)
{
    if (disk_of(storage)->host->closing) {
        return GRID_ERR_OK;
    }
    REQUIRE(!file_of(handle)->flying);
    enum grid_err err = change_error(disk_of(storage), true);
    if (err == GRID_ERR_OK) {
        disk_file_cut(file_of(handle), size);
    }
    return err;
}

static void forget_file(struct sim_disk *disk, struct disk_file *file)
{
    disk_file_unlist(disk, file);
    if (file->opens == 0) {
        disk_file_free(file);
    } else {
        file->next_removed = disk->removed; /* the handle stays good until the life ends */
        disk->removed = file;
    }
}

static enum grid_err disk_remove(struct storage *storage, const char *name)
{
    struct sim_disk *disk = disk_of(storage);
    struct disk_file *file = disk_file_find(disk, name);
    if (disk->host->closing) {
        return GRID_ERR_OK;
    }
    disk_forget_damage(disk, name);
    if (!file) {
        return GRID_ERR_NOT_FOUND;
    }
    enum grid_err err = disk->working ? GRID_ERR_OK : snapshot_steps_begin(disk->host, name, OPERATION_REMOVE, 0);
    if (err == GRID_ERR_IO)
        sim_disk_note_failure(disk);
    err = err == GRID_ERR_OK ? change_error(disk, true) : err;
    if (err != GRID_ERR_OK) {
        return err;
    }
    forget_file(disk, file);
    return GRID_ERR_OK;
}

enum grid_err sim_disk_rename(struct sim_disk *disk, const char *name, const char *to)
{
    struct disk_file *file = disk_file_find(disk, name), *old = disk_file_find(disk, to);
    enum grid_err err = file ? change_error(disk, true) : GRID_ERR_NOT_FOUND;
    if (err != GRID_ERR_OK || file == old)
        return err;
    if (old)
        forget_file(disk, old);
    disk_file_unlist(disk, file);
    snprintf(file->name, sizeof file->name, "%s", to);
    file_list(disk, file);
    file->platter_name = true;
    return GRID_ERR_OK;
}

static enum grid_err disk_put(struct storage *storage, const char *name, struct bytes content)
{
    struct sim_disk *disk = disk_of(storage);
    if (disk->host->closing) {
        return GRID_ERR_OK;
    }
    if (disk->full) {
        return no_space(disk);
    }
    enum grid_err err = snapshot_steps_begin(disk->host, name, OPERATION_CREATE, 0);
    if (err == GRID_ERR_IO)
        sim_disk_note_failure(disk);
    err = err == GRID_ERR_OK ? change_error(disk, true) : err;
    if (err != GRID_ERR_OK) {
        return err;
    }
    struct disk_file *file = disk_file_find(disk, name);
    if (!file) {
        file = disk_file_create(disk, name);
    }
    disk_file_cut(file, 0);
    disk_file_put(file, 0, content);
    disk_file_sync(file);
    return GRID_ERR_OK;
}

static enum grid_err disk_get(struct storage *storage, const char *name, struct buffer *ret_content)
{
    struct disk_file *file = disk_file_find(disk_of(storage), name);
    if (!file) {
        return GRID_ERR_NOT_FOUND;
    }
    buffer_clear(ret_content);
    uint8_t *data = buffer_extend(ret_content, (size_t)file->size);
    return disk_read(storage, (struct file *)(void *)file, 0, data, (size_t)file->size);
}

static enum grid_err disk_list(struct storage *storage, void (*each)(void *context, const char *name), void *context)
{
    struct sim_disk *disk = disk_of(storage);
    size_t count = disk->files_count;
    char (*names)[64] = memory_zero(count ? count : 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        memcpy(names[i], disk->files[i]->name, sizeof *names);
    }
    for (size_t i = 0; i < count; i++) {
        each(context, names[i]);
    }
    memory_free(names);
    return GRID_ERR_OK;
}

static uint64_t disk_free_bytes(struct storage *storage)
{
    struct sim_disk *disk = disk_of(storage);
    uint64_t used = used_bytes(disk);
    return disk->full || used > disk->capacity_bytes ? 0 : disk->capacity_bytes - used;
}

void disk_break(struct host *host, enum disk_error error)
{
    struct sim_disk *disk = &host->disk;
    disk->fail_write_once = error == DISK_WRITE_ONCE || (error != DISK_SOUND && disk->fail_write_once);
    disk->fail_write_always = error == DISK_WRITE_ALWAYS || (error != DISK_SOUND && disk->fail_write_always);
    disk->fail_sync_once = error == DISK_SYNC_ONCE || (error != DISK_SOUND && disk->fail_sync_once);
    disk->full = error == DISK_FULL || (error != DISK_SOUND && disk->full);
}

bool disk_failed(const struct host *host) { return host->disk.failed; }

bool disk_ignored(const struct host *host)
{
    return host->up && host->disk.failed && host->disk.failed_us < host->world->now_us && !host_paused(host);
}

void disk_wipe(struct host *host)
{
    struct sim_disk *disk = &host->disk;
    REQUIRE(!host->up);
    disk_repair(host);
    while (disk->files_count > 0) {
        struct disk_file *file = disk->files[disk->files_count - 1];
        disk_file_unlist(disk, file);
        disk_file_free(file);
    }
    host->disks_lost++;
    host->rejoins = true;
}

/* ---- crashes ---- */

static void page_lose(struct world *world, struct page *page)
{
    static const uint8_t zero[PAGE_BYTES];
    const uint8_t *platter = page->platter ? page->platter : zero;
    bool tears = world->plan.on[FAULT_TORN_SECTOR], loses = world->plan.on[FAULT_LOST_PAGES];
    bool torn = tears && (!loses || world_draw_percent(world, CONCERN_DISK, 50));
    if (!torn) {
        world->totals.pages_lost++;
        fault_happened(world, FAULT_LOST_PAGES);
        memcpy(page->present, platter, PAGE_BYTES);
        return;
    }
    world->totals.pages_torn++;
    fault_happened(world, FAULT_TORN_SECTOR);
    for (size_t at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
        if (world_draw_percent(world, CONCERN_DISK, 50)) {
            memcpy(page->present + at, platter + at, SECTOR_BYTES);
        }
    }
}

static void file_power_cut(struct world *world, struct disk_file *file)
{
    uint32_t percent = (uint32_t)world_draw(world, CONCERN_DISK, 0, 4) * 25;
    for (size_t i = 0; i < file->dirty_count; i++) {
        if (world_draw_percent(world, CONCERN_DISK, percent)) {
            page_lose(world, &file->pages[file->dirty[i]]);
        }
    }
    if (file->platter_size < file->size && world_draw_percent(world, CONCERN_DISK, 50)) {
        disk_file_cut(file, file->platter_size);
    }
}

/* A write that was under way when its process died: the system may have begun it. */
static void file_abandon(struct world *world, struct disk_file *file)
{
    struct disk_write *write = file->flying;
    file->flying = NULL;
    if (write) {
        write->next_orphan = write->disk->orphans;
        write->disk->orphans = write;
    }
    if (write && world_draw_percent(world, CONCERN_DISK, 85)) {
        size_t size = write->data.size;
        if (world_draw_percent(world, CONCERN_DISK, 50)) {
            size = (size_t)world_draw(world, CONCERN_DISK, 0, size);
        }
        disk_file_put(file, write->offset, bytes_of(write->data.data, size));
    }
}

static void free_removed(struct sim_disk *disk)
{
    while (disk->removed) {
        struct disk_file *next = disk->removed->next_removed;
        disk_file_free(disk->removed);
        disk->removed = next;
    }
}

void sim_disk_crash(struct sim_disk *disk, enum crash_kind kind)
{
    snapshot_steps_crash(disk->host, kind);
    sim_disk_work_crash(disk);
    disk->storage.system_life += kind == CRASH_POWER;
    struct world *world = disk->host->world;
    disk->failed = disk->fail_write_once = disk->fail_sync_once = false;
    free_removed(disk);
    for (size_t i = 0; i < disk->files_count;) {
        struct disk_file *file = disk->files[i];
        file_abandon(world, file);
        if (kind == CRASH_POWER) {
            file_forget_cache(file);
        }
        if (kind == CRASH_POWER && (world->plan.on[FAULT_LOST_PAGES] || world->plan.on[FAULT_TORN_SECTOR])) {
            file_power_cut(world, file);
        }
        bool lost = kind == CRASH_POWER && !file->platter_name && world_draw_percent(world, CONCERN_DISK, 50);
        if (kind == CRASH_POWER && !lost) {
            disk_file_sync(file); /* what is left is what the platter holds */
        }
        file->opens = 0;
        if (lost) {
            disk_file_unlist(disk, file);
            disk_file_free(file);
        } else {
            i++;
        }
    }
}

/* The caller lent its request until `done`; a process that ends is given it back. */
void sim_disk_return(struct sim_disk *disk)
{
    REQUIRE(disk->host->closing);
    while (disk->orphans) {
        struct disk_write *write = disk->orphans;
        disk->orphans = write->next_orphan; /* the pending event frees it */
        write->write->done(write->write->context, GRID_ERR_CLOSED);
    }
    sim_disk_work_return(disk);
}

void sim_disk_init(struct sim_disk *disk, struct host *host)
{
    disk->storage = (struct storage){disk_open, disk_close, disk_size, disk_read, disk_write, sim_disk_work, disk_allocate,
                                     disk_truncate, disk_remove, disk_put, disk_get, disk_list, disk_free_bytes, NULL, NULL, SYSTEM_LIFE_FIRST};
    disk->host = host;
    disk->capacity_bytes = DISK_CAPACITY_BYTES;
}

void sim_disk_close(struct sim_disk *disk)
{
    free_removed(disk);
    disk_repair(disk->host);
    for (size_t i = 0; i < disk->files_count; i++) {
        disk_file_free(disk->files[i]);
    }
    memory_free(disk->files);
}
