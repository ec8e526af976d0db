/* Files of a simulated disk, shared by the files that implement it. */
#ifndef TESTS_SIM_WORLD_DISK_INTERNAL_H
#define TESTS_SIM_WORLD_DISK_INTERNAL_H

#include "tests/sim/world/world_internal.h"

/* A file is a row of pages. Of a page that was written since the last sync the state on the platter is kept beside the
 * present one; a power cut chooses between them page by page, or sector by sector. A page that is absent is zero. */
enum { PAGE_BYTES = 4096, SECTOR_BYTES = 512 };

/* `lost`: a sync of it failed. The system takes it for clean, shows what was written until somebody makes it forget, and
 * no later sync writes it. */
struct page { uint8_t *present, *platter; bool dirty, lost; };

struct disk_write;

struct disk_file {
    char name[64];
    struct page *pages;
    size_t pages_count;
    uint64_t size, platter_size;
    bool platter_name;                     /* a power cut keeps the name */
    struct disk_file *next_removed;
    unsigned opens;
    struct disk_write *flying;
    uint32_t *dirty;                       /* numbers of dirty pages */
    size_t dirty_count, dirty_capacity;
    size_t lost_count;
};

struct disk_file *disk_file_find(const struct sim_disk *disk, const char *name);
struct disk_file *disk_file_create(struct sim_disk *disk, const char *name);
void disk_file_unlist(struct sim_disk *disk, struct disk_file *file);
void disk_file_free(struct disk_file *file);
void disk_file_reserve(struct disk_file *file, uint64_t size);
void disk_file_put(struct disk_file *file, uint64_t offset, struct bytes data);
void disk_file_sync(struct disk_file *file);
void disk_file_cut(struct disk_file *file, uint64_t size);

/* disk_damage.c. What is removed on purpose is damaged no more. */
void disk_forget_damage(struct sim_disk *disk, const char *name);

#endif
