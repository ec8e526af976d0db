/* Damage to files of the log that are closed and synced, which recovery must refuse. */
#include <string.h>

#include "grid/base/memory.h"
#include "tests/sim/world/disk_internal.h"

static struct disk_file *file_twin(const struct disk_file *file)
{
    struct disk_file *twin = memory_zero(1, sizeof *twin);
    memcpy(twin->name, file->name, sizeof twin->name);
    twin->size = twin->platter_size = file->size;
    twin->platter_name = true;
    disk_file_reserve(twin, file->size);
    for (size_t i = 0; i < file->pages_count; i++) {
        twin->pages[i].present = file->pages[i].present ? memory_copy(file->pages[i].present, PAGE_BYTES) : NULL;
    }
    return twin;
}

/* Size of the flush of the log that begins with this page (docs/formats/wal.md); 0: none does. */
static size_t flush_size(const struct disk_file *file, size_t number)
{
    const struct page *page = number < file->pages_count ? &file->pages[number] : NULL;
    if (!page || !page->present || page->dirty || page->lost || memcmp(page->present + 4, "GWAL", 4) != 0) {
        return 0;
    }
    size_t size = get_u32(page->present + 12);
    return size <= file->size - (uint64_t)number * PAGE_BYTES ? size : 0;
}

/* A segment is closed when the one after it begins with a flush that is on the platter. */
static struct disk_file *closed_segment(struct sim_disk *disk)
{
    struct world *world = disk->host->world;
    struct disk_file *found[64];
    size_t count = 0;
    for (size_t i = 0; i + 1 < disk->files_count && count < 64; i++) {
        struct disk_file *file = disk->files[i], *next = disk->files[i + 1];
        bool log = memcmp(file->name, "wal-", 4) == 0 && memcmp(next->name, "wal-", 4) == 0;
        if (log && file->dirty_count == 0 && file->lost_count == 0 && flush_size(file, 0) > 0 && flush_size(next, 0) > 0) {
            found[count++] = file;
        }
    }
    return count > 0 ? found[world_draw(world, CONCERN_DISK, 0, count - 1)] : NULL;
}

/* Without the oldest file the log may be as good as with it: what was in it is in snapshots, and the next one begins with the state of all. */
static bool may_be_spared(const struct sim_disk *disk, const struct disk_file *file)
{
    enum { FIRST_RECORD_TYPE_AT = 64 + 8, TYPE_EPOCHS = 7 };
    for (size_t i = 0; i + 1 < disk->files_count; i++) {
        if (disk->files[i] == file) {
            const uint8_t *next = disk->files[i + 1]->pages[0].present;
            bool oldest = i == 0 || memcmp(disk->files[i - 1]->name, "wal-", 4) != 0;
            return oldest && next && get_u16(next + FIRST_RECORD_TYPE_AT) == TYPE_EPOCHS;
        }
    }
    return false;
}

static size_t pick_flush(struct world *world, const struct disk_file *file)
{
    size_t at = (size_t)world_draw(world, CONCERN_DISK, 0, file->pages_count - 1);
    while (flush_size(file, at) == 0) {
        at = at + 1 < file->pages_count ? at + 1 : 0;
    }
    return at;
}

static void damage_file(struct sim_disk *disk, struct disk_file *file, enum disk_damage damage)
{
    struct world *world = disk->host->world;
    size_t flush = pick_flush(world, file), other = pick_flush(world, file);
    size_t size = flush_size(file, flush);
    if (damage == DAMAGE_MISDIRECTED && flush == other) {
        damage = DAMAGE_BIT; /* there may be one flush only */
    }
    switch (damage) {
    case DAMAGE_MISDIRECTED: memcpy(file->pages[flush].present, file->pages[other].present, PAGE_BYTES); break;
    case DAMAGE_BIT: {
        uint64_t bit = world_draw(world, CONCERN_DISK, 0, 8 * (size < PAGE_BYTES ? size : PAGE_BYTES) - 1);
        file->pages[flush].present[bit / 8] ^= (uint8_t)(1u << bit % 8);
        break;
    }
    case DAMAGE_CUT: disk_file_cut(file, (uint64_t)flush * PAGE_BYTES + world_draw(world, CONCERN_DISK, 0, size - 1)); break;
    case DAMAGE_GONE:
        disk_file_unlist(disk, file);
        file->next_removed = disk->removed;
        disk->removed = file;
        break;
    }
}

bool disk_damage(struct host *host, enum disk_damage damage)
{
    static const char *const said[] = {"a bit turns in", "a flush lands in the wrong place of", "the end is missing of", "there is no more"};
    struct sim_disk *disk = &host->disk;
    struct disk_file *file = closed_segment(disk);
    if (!file) {
        return false;
    }
    struct disk_file *twin = file_twin(file);
    if (damage == DAMAGE_GONE && may_be_spared(disk, file)) {
        damage = DAMAGE_BIT;
    }
    world_say(host->world, "%s: %s %s", host->name, said[damage], file->name);
    host->world->totals.files_damaged++;
    damage_file(disk, file, damage);
    twin->next_removed = disk->damaged;
    disk->damaged = twin;
    return true;
}

bool disk_damaged(const struct host *host) { return host->disk.damaged != NULL; }

void disk_repair(struct host *host)
{
    struct sim_disk *disk = &host->disk;
    while (disk->damaged) {
        struct disk_file *twin = disk->damaged;
        disk->damaged = twin->next_removed;
        struct disk_file *file = disk_file_find(disk, twin->name);
        if (!file) {
            file = disk_file_create(disk, twin->name);
        }
        /* A handle that is open stays good. */
        disk_file_cut(file, 0);
        for (size_t i = 0; i < twin->pages_count; i++) {
            if (twin->pages[i].present) {
                disk_file_put(file, (uint64_t)i * PAGE_BYTES, bytes_of(twin->pages[i].present, PAGE_BYTES));
            }
        }
        disk_file_sync(file);
        file->size = file->platter_size = twin->size;
        disk_file_free(twin);
    }
}

void disk_forget_damage(struct sim_disk *disk, const char *name)
{
    struct disk_file **at = &disk->damaged;
    while (*at) {
        struct disk_file *twin = *at;
        if (strcmp(twin->name, name) == 0) {
            *at = twin->next_removed;
            disk_file_free(twin);
        } else {
            at = &twin->next_removed;
        }
    }
}
