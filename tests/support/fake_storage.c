#include "tests/support/fake_storage.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"

enum { SECTOR_BYTES = 512, PAGE_BYTES = 4096, NAME_BYTES = 64, SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES };

enum sector {
    SECTOR_CLEAN,
    SECTOR_DIRTY,                             /* not on the platter yet */
    SECTOR_LOST,                              /* a sync failed: taken for clean, yet never on the platter */
};

struct file {
    struct file *next;                        /* in name order */
    char name[NAME_BYTES];
    struct buffer cache, platter;
    struct buffer sectors;                    /* enum sector of each sector of the cache */
    bool name_is_durable;
    bool busy;                                /* a write is in flight */
};

struct pending {
    struct pending *next;
    struct file *file;
    struct storage_write *write;
    struct storage_work *work;                /* or this; `file` is what it reads */
};

struct failure { uint64_t skip, times; enum grid_err err; };

struct fake_storage {
    struct storage storage;                   /* first */
    struct prng prng;
    struct file *files;
    struct pending *first, *last;
    uint64_t capacity;
    struct failure failures[FAKE_OPERATIONS];
    struct fake_counts counts;
};

static struct fake_storage *fake_of(struct storage *storage)
{
    return (struct fake_storage *)storage;
}

static enum grid_err count_call(struct fake_storage *fake, enum fake_operation operation)
{
    struct failure *failure = &fake->failures[operation];
    fake->counts.calls[operation]++;
    if (failure->times == 0)
        return GRID_ERR_OK;
    if (failure->skip > 0) {
        failure->skip--;
        return GRID_ERR_OK;
    }
    failure->times--;
    return failure->err;
}

static struct file **find(struct fake_storage *fake, const char *name)
{
    struct file **at = &fake->files;
    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    return at;
}

static bool matches(const struct file *file, const char *name)
{
    return file != NULL && strcmp(file->name, name) == 0;
}

static struct file *create(struct fake_storage *fake, const char *name)
{
    REQUIRE(strlen(name) < NAME_BYTES && strchr(name, '/') == NULL);
    struct file **at = find(fake, name);
    REQUIRE(!matches(*at, name));
    struct file *file = memory_zero(1, sizeof *file);
    memcpy(file->name, name, strlen(name) + 1);
    file->next = *at;
    *at = file;
    return file;
}

static void destroy(struct file **at)
{
    struct file *file = *at;
    REQUIRE(!file->busy);
    *at = file->next;
    buffer_close(&file->cache);
    buffer_close(&file->platter);
    buffer_close(&file->sectors);
    memory_free(file);
}

static void resize(struct buffer *buffer, size_t size)
{
    if (size < buffer->size)
        buffer_truncate(buffer, size);
    else if (size > buffer->size)
        memset(buffer_extend(buffer, size - buffer->size), 0, size - buffer->size);
}

static void resize_cache(struct file *file, size_t size)
{
    resize(&file->cache, size);
    resize(&file->sectors, (size + SECTOR_BYTES - 1) / SECTOR_BYTES);
}

/* Puts the sectors of one page of the cache on the platter; all of them or, when torn, a random choice. */
static void settle_page(struct fake_storage *fake, struct file *file, size_t page, bool torn)
{
    for (size_t i = 0; i < SECTORS_PER_PAGE; i++) {
        size_t sector = page * SECTORS_PER_PAGE + i, start = sector * SECTOR_BYTES;
        if (sector >= file->sectors.size || file->sectors.data[sector] != SECTOR_DIRTY)
            continue;
        if (torn && prng_chance(&fake->prng, 500000))
            continue;
        size_t end = start + SECTOR_BYTES < file->cache.size ? start + SECTOR_BYTES : file->cache.size;
        if (end > file->platter.size)
            resize(&file->platter, end);
        memcpy(file->platter.data + start, file->cache.data + start, end - start);
        file->sectors.data[sector] = SECTOR_CLEAN;
    }
}

static size_t pages_of(size_t size)
{
    return (size + PAGE_BYTES - 1) / PAGE_BYTES;
}

static void make_durable(struct fake_storage *fake, struct file *file)
{
    for (size_t page = 0; page < pages_of(file->cache.size); page++)
        settle_page(fake, file, page, false);
    resize(&file->platter, file->cache.size);
    file->name_is_durable = true;
}

static void drop_cache(struct file *file)
{
    resize_cache(file, file->platter.size);
    if (file->platter.size == 0)
        return;
    memcpy(file->cache.data, file->platter.data, file->platter.size);
    memset(file->sectors.data, SECTOR_CLEAN, file->sectors.size);
}

/* How likely an unsynced page is to survive differs from crash to crash: all, none and anything between happen. */
static uint32_t survival(struct fake_storage *fake)
{
    static const uint32_t CHANCES[] = {0, 100000, 500000, 900000, 1000000};
    return CHANCES[prng_range(&fake->prng, 0, sizeof CHANCES / sizeof *CHANCES - 1)];
}

static void settle_randomly(struct fake_storage *fake, struct file *file)
{
    uint32_t chance = survival(fake);
    for (size_t page = 0; page < pages_of(file->cache.size); page++)
        if (prng_chance(&fake->prng, chance))
            settle_page(fake, file, page, prng_chance(&fake->prng, 200000));
    for (size_t sector = 0; sector < file->sectors.size; sector++)
        if (file->sectors.data[sector] == SECTOR_DIRTY)
            file->sectors.data[sector] = SECTOR_LOST;
}

static void write_to_cache(struct file *file, uint64_t offset, struct bytes data)
{
    if (data.size == 0)
        return;
    if (offset + data.size > file->cache.size)
        resize_cache(file, (size_t)offset + data.size);
    memcpy(file->cache.data + offset, data.data, data.size);
    for (size_t sector = (size_t)offset / SECTOR_BYTES; sector * SECTOR_BYTES < offset + data.size; sector++)
        file->sectors.data[sector] = SECTOR_DIRTY;
}

/* A write that was interrupted: any of its pages made it to the cache. */
static void write_partly(struct fake_storage *fake, struct file *file, const struct storage_write *write)
{
    uint32_t chance = survival(fake);
    for (size_t at = 0; at < write->data.size;) {
        size_t in_page = PAGE_BYTES - (size_t)((write->offset + at) % PAGE_BYTES);
        size_t size = in_page < write->data.size - at ? in_page : write->data.size - at;
        if (prng_chance(&fake->prng, chance))
            write_to_cache(file, write->offset + at, bytes_of(write->data.data + at, size));
        at += size;
    }
}

static enum grid_err open_file(struct storage *storage, const char *name, bool may_create, struct file **ret_file)
{
    struct fake_storage *fake = fake_of(storage);
    enum grid_err err = count_call(fake, FAKE_OPEN);
    if (err != GRID_ERR_OK)
        return err;
    struct file *file = *find(fake, name);
    if (!matches(file, name) && !may_create)
        return GRID_ERR_NOT_FOUND;
    if (!matches(file, name)) {
        *ret_file = create(fake, name);
        return GRID_ERR_OK;
    }
    for (size_t page = 0; page < pages_of(file->cache.size); page++)
        settle_page(fake, file, page, false);
    drop_cache(file);
    *ret_file = file;
    return GRID_ERR_OK;
}

static void close_file(struct storage *storage, struct file *file)
{
    (void)storage;
    REQUIRE(!file->busy);
}

static uint64_t size_of(struct storage *storage, struct file *file)
{
    (void)storage;
    return file->cache.size;
}

static enum grid_err read_file(struct storage *storage, struct file *file, uint64_t offset, uint8_t *data, size_t size)
{
    enum grid_err err = count_call(fake_of(storage), FAKE_READ);
    if (err != GRID_ERR_OK)
        return err;
    if (offset > file->cache.size || size > file->cache.size - offset)
        return GRID_ERR_IO;
    if (size > 0)
        memcpy(data, file->cache.data + offset, size);
    return GRID_ERR_OK;
}

static void enqueue(struct fake_storage *fake, struct pending content)
{
    struct pending *pending = memory_alloc(sizeof *pending);
    *pending = content;
    if (fake->last == NULL)
        fake->first = pending;
    else
        fake->last->next = pending;
    fake->last = pending;
}

static void write_file(struct storage *storage, struct file *file, struct storage_write *write)
{
    REQUIRE(!file->busy);
    file->busy = true;
    enqueue(fake_of(storage), (struct pending){.file = file, .write = write});
}

static void work_file(struct storage *storage, struct storage_work *work)
{
    enqueue(fake_of(storage), (struct pending){.file = work->file, .work = work});
}

static enum grid_err grow(struct fake_storage *fake, struct file *file, uint64_t size)
{
    if (size > file->cache.size && size - file->cache.size > fake->capacity - fake_storage_used(fake))
        return GRID_ERR_NO_SPACE;
    if (size > file->cache.size)
        resize_cache(file, (size_t)size);
    return GRID_ERR_OK;
}

static enum grid_err allocate_file(struct storage *storage, struct file *file, uint64_t size)
{
    enum grid_err err = count_call(fake_of(storage), FAKE_ALLOCATE);
    if (err == GRID_ERR_OK)
        err = grow(fake_of(storage), file, size);
    if (err == GRID_ERR_OK)
        make_durable(fake_of(storage), file);
    return err;
}

static enum grid_err truncate_file(struct storage *storage, struct file *file, uint64_t size)
{
    enum grid_err err = count_call(fake_of(storage), FAKE_TRUNCATE);
    if (err != GRID_ERR_OK)
        return err;
    REQUIRE(!file->busy && size <= file->cache.size);
    resize_cache(file, (size_t)size);
    make_durable(fake_of(storage), file);
    return GRID_ERR_OK;
}

static enum grid_err remove_file(struct storage *storage, const char *name)
{
    struct fake_storage *fake = fake_of(storage);
    enum grid_err err = count_call(fake, FAKE_REMOVE);
    if (err != GRID_ERR_OK)
        return err;
    struct file **at = find(fake, name);
    if (!matches(*at, name))
        return GRID_ERR_NOT_FOUND;
    destroy(at);
    return GRID_ERR_OK;
}

static enum grid_err rename_file(struct fake_storage *fake, const char *name, const char *to)
{
    enum grid_err err = count_call(fake, FAKE_RENAME);
    struct file **at = find(fake, name), *file = *at;
    if (err != GRID_ERR_OK || strcmp(name, to) == 0)
        return err;
    if (!matches(file, name))
        return GRID_ERR_NOT_FOUND;
    *at = file->next;
    at = find(fake, to);
    if (matches(*at, to))
        destroy(at);
    memcpy(file->name, to, strlen(to) + 1);
    file->name_is_durable = true;
    file->next = *at;
    *at = file;
    return GRID_ERR_OK;
}

static enum grid_err perform(struct fake_storage *fake, struct storage_work *work)
{
    struct storage *storage = &fake->storage;
    enum grid_err err;
    switch (work->kind) {
    case STORAGE_OPEN: return open_file(storage, work->name, false, &work->file);
    case STORAGE_CREATE:
        err = open_file(storage, work->name, true, &work->file);
        return err == GRID_ERR_OK && work->file->cache.size > 0 ? truncate_file(storage, work->file, 0) : err;
    case STORAGE_READ: return read_file(storage, work->file, work->offset, work->data, work->size);
    case STORAGE_RENAME: return rename_file(fake, work->name, work->to);
    case STORAGE_REMOVE: return remove_file(storage, work->name);
    }
    UNREACHABLE("a kind of work");
}

static enum grid_err put_file(struct storage *storage, const char *name, struct bytes content)
{
    struct fake_storage *fake = fake_of(storage);
    enum grid_err err = count_call(fake, FAKE_PUT);
    if (err != GRID_ERR_OK)
        return err;
    if (content.size > fake->capacity - fake_storage_used(fake))
        return GRID_ERR_NO_SPACE;
    fake_storage_store(fake, name, content);
    return GRID_ERR_OK;
}

static enum grid_err get_file(struct storage *storage, const char *name, struct buffer *ret_content)
{
    struct fake_storage *fake = fake_of(storage);
    enum grid_err err = count_call(fake, FAKE_GET);
    if (err != GRID_ERR_OK)
        return err;
    struct file *file = *find(fake, name);
    if (!matches(file, name))
        return GRID_ERR_NOT_FOUND;
    buffer_clear(ret_content);
    buffer_append(ret_content, buffer_bytes(&file->cache));
    return GRID_ERR_OK;
}

static enum grid_err list_files(struct storage *storage, void (*each)(void *context, const char *name), void *context)
{
    struct fake_storage *fake = fake_of(storage);
    enum grid_err err = count_call(fake, FAKE_LIST);
    if (err != GRID_ERR_OK)
        return err;
    for (struct file *file = fake->files; file != NULL; file = file->next)
        each(context, file->name);
    return GRID_ERR_OK;
}

static uint64_t free_bytes(struct storage *storage)
{
    return fake_of(storage)->capacity - fake_storage_used(fake_of(storage));
}

struct fake_storage *fake_storage_open(uint64_t seed)
{
    struct fake_storage *fake = memory_zero(1, sizeof *fake);
    fake->storage = (struct storage){
        .open = open_file, .close = close_file, .size = size_of, .read = read_file, .write = write_file,
        .allocate = allocate_file, .truncate = truncate_file, .work = work_file, .remove = remove_file, .put = put_file,
        .get = get_file, .list = list_files, .free_bytes = free_bytes,
    };
    fake->capacity = UINT64_MAX;
    prng_init(&fake->prng, seed);
    return fake;
}

static struct pending *take_pending(struct fake_storage *fake)
{
    struct pending *pending = fake->first;
    if (pending == NULL)
        return NULL;
    fake->first = pending->next;
    if (fake->first == NULL)
        fake->last = NULL;
    if (pending->write != NULL)
        pending->file->busy = false;
    return pending;
}

void fake_storage_close(struct fake_storage *fake)
{
    REQUIRE(fake->first == NULL);
    while (fake->files != NULL)
        destroy(&fake->files);
    memory_free(fake);
}

struct storage *fake_storage_io(struct fake_storage *fake)
{
    return &fake->storage;
}

static enum grid_err finish(struct fake_storage *fake, struct file *file, const struct storage_write *write)
{
    enum grid_err err = count_call(fake, FAKE_WRITE);
    if (err == GRID_ERR_OK && write->offset + write->data.size > file->cache.size)
        err = grow(fake, file, write->offset + write->data.size);
    if (err != GRID_ERR_OK) {
        write_partly(fake, file, write);
        return err;
    }
    write_to_cache(file, write->offset, write->data);
    fake->counts.bytes_written += write->data.size;
    if (!write->sync)
        return GRID_ERR_OK;
    err = count_call(fake, FAKE_SYNC);
    if (err == GRID_ERR_OK)
        make_durable(fake, file);
    else
        settle_randomly(fake, file);
    return err;
}

bool fake_storage_complete(struct fake_storage *fake)
{
    struct pending *pending = take_pending(fake);
    if (pending == NULL)
        return false;
    struct storage_write *write = pending->write;
    struct storage_work *work = pending->work;
    enum grid_err err = work != NULL ? perform(fake, work) : finish(fake, pending->file, write);
    memory_free(pending);
    if (work != NULL)
        work->done(work->context, err);
    else
        write->done(write->context, err);
    return true;
}

size_t fake_storage_pending(const struct fake_storage *fake)
{
    size_t count = 0;
    for (const struct pending *pending = fake->first; pending != NULL; pending = pending->next)
        count++;
    return count;
}

static void cut_power(struct fake_storage *fake)
{
    for (struct file **at = &fake->files; *at != NULL;) {
        struct file *file = *at;
        settle_randomly(fake, file);
        drop_cache(file);
        if (!file->name_is_durable && prng_chance(&fake->prng, 500000)) {
            destroy(at);
            continue;
        }
        file->name_is_durable = true;
        at = &file->next;
    }
}

void fake_storage_crash(struct fake_storage *fake, enum fake_crash crash)
{
    struct pending *interrupted = fake->first;
    for (struct pending *pending = interrupted; pending != NULL; pending = pending->next) {
        if (pending->work != NULL) {
            if (pending->work->kind != STORAGE_OPEN && pending->work->kind != STORAGE_READ && prng_chance(&fake->prng, 500000))
                (void)perform(fake, pending->work);
            continue;
        }
        write_partly(fake, pending->file, pending->write);
        pending->file->busy = false;
    }
    fake->first = fake->last = NULL;
    while (interrupted != NULL) {
        struct pending *pending = interrupted;
        interrupted = pending->next;
        if (pending->work != NULL)
            pending->work->done(pending->work->context, GRID_ERR_CLOSED);
        else
            pending->write->done(pending->write->context, GRID_ERR_CLOSED);
        memory_free(pending);
    }
    if (crash == FAKE_CRASH_POWER)
        cut_power(fake);
}

void fake_storage_fail(struct fake_storage *fake, enum fake_operation operation, uint64_t skip, uint64_t times,
                       enum grid_err err)
{
    REQUIRE(operation < FAKE_OPERATIONS && err != GRID_ERR_OK);
    fake->failures[operation] = (struct failure){.skip = skip, .times = times, .err = err};
}

void fake_storage_set_capacity(struct fake_storage *fake, uint64_t bytes)
{
    REQUIRE(bytes >= fake_storage_used(fake));
    fake->capacity = bytes;
}

uint64_t fake_storage_used(const struct fake_storage *fake)
{
    uint64_t used = 0;
    for (const struct file *file = fake->files; file != NULL; file = file->next)
        used += file->cache.size;
    return used;
}

struct fake_counts fake_storage_counts(const struct fake_storage *fake)
{
    return fake->counts;
}

static struct file *get_existing(const struct fake_storage *fake, const char *name)
{
    struct file *file = fake->files;
    while (file != NULL && !matches(file, name))
        file = file->next;
    REQUIRE(file != NULL);
    return file;
}

bool fake_storage_has(const struct fake_storage *fake, const char *name)
{
    for (const struct file *file = fake->files; file != NULL; file = file->next)
        if (matches(file, name))
            return true;
    return false;
}

struct bytes fake_storage_content(const struct fake_storage *fake, const char *name)
{
    return buffer_bytes(&get_existing(fake, name)->cache);
}

void fake_storage_store(struct fake_storage *fake, const char *name, struct bytes content)
{
    struct file *file = fake_storage_has(fake, name) ? get_existing(fake, name) : create(fake, name);
    resize_cache(file, 0);
    buffer_clear(&file->platter);
    write_to_cache(file, 0, content);
    make_durable(fake, file);
}

void fake_storage_flip(struct fake_storage *fake, const char *name, uint64_t offset, uint8_t mask)
{
    struct file *file = get_existing(fake, name);
    REQUIRE(offset < file->cache.size && offset < file->platter.size && mask != 0);
    file->cache.data[offset] ^= mask;
    file->platter.data[offset] ^= mask;
}

void fake_storage_patch(struct fake_storage *fake, const char *name, uint64_t offset, struct bytes content)
{
    struct file *file = get_existing(fake, name);
    REQUIRE(offset + content.size <= file->cache.size && offset + content.size <= file->platter.size);
    memmove(file->cache.data + offset, content.data, content.size);
    memmove(file->platter.data + offset, file->cache.data + offset, content.size);
}

void fake_storage_delete(struct fake_storage *fake, const char *name)
{
    struct file **at = find(fake, name);
    REQUIRE(matches(*at, name));
    destroy(at);
}
