/* A disk in memory that does what disks do at the worst moment (grid/io/storage.h).
 *
 * Each file has two contents: what running processes see and what is on the platter. Writes and pieces of work wait until the test
 * completes them, oldest first; a rename or a removal under way at a crash has happened or not. A power cut keeps an arbitrary part of what was not synced: each 4 KiB page by itself,
 * now and then only some of its 512-byte sectors; a killed process leaves what it wrote in the cache, unsynced. All
 * choices come from the seed.
 *
 * Opening a file syncs it and drops the cache: data that a failed sync left only in the cache cannot be read afterwards.
 * The order in which names become durable: a new file is there for good once anything durable was done to it.
 * Ownership: fake_storage_open to fake_storage_close; every write and piece of work gets its `done`, at a crash with CLOSED. Close what
 * uses the storage before the crash. Single threaded. */
#ifndef TESTS_SUPPORT_FAKE_STORAGE_H
#define TESTS_SUPPORT_FAKE_STORAGE_H

#include "grid/io/storage.h"

struct fake_storage;

enum fake_crash {
    FAKE_CRASH_PROCESS,                       /* kill -9: the system's cache survives */
    FAKE_CRASH_POWER,                         /* only what was synced is sure to survive */
};

enum fake_operation {
    FAKE_OPEN, FAKE_READ, FAKE_WRITE, FAKE_SYNC, FAKE_ALLOCATE, FAKE_TRUNCATE, FAKE_REMOVE, FAKE_LIST, FAKE_PUT, FAKE_GET, FAKE_RENAME,
    FAKE_OPERATIONS,
};

struct fake_counts { uint64_t calls[FAKE_OPERATIONS], bytes_written; };

struct fake_storage *fake_storage_open(uint64_t seed);
void fake_storage_close(struct fake_storage *fake);
struct storage *fake_storage_io(struct fake_storage *fake);

/* Finishes the oldest write or piece of work; false when none waits. */
bool fake_storage_complete(struct fake_storage *fake);
size_t fake_storage_pending(const struct fake_storage *fake);
void fake_storage_crash(struct fake_storage *fake, enum fake_crash crash);

/* The next `times` calls of the operation after `skip` good ones fail. A failed write or sync leaves any part of the
 * data behind; data of a failed sync is never written again. */
void fake_storage_fail(struct fake_storage *fake, enum fake_operation operation, uint64_t skip, uint64_t times,
                       enum grid_err err);
/* Size of the disk, files may not grow past it in sum (NO_SPACE). Default: no bound. */
void fake_storage_set_capacity(struct fake_storage *fake, uint64_t bytes);
uint64_t fake_storage_used(const struct fake_storage *fake);
struct fake_counts fake_storage_counts(const struct fake_storage *fake);

/* Hands of fate: content as on the platter and in the cache at once. Files need not be open. */
bool fake_storage_has(const struct fake_storage *fake, const char *name);
struct bytes fake_storage_content(const struct fake_storage *fake, const char *name); /* borrows until the next call */
void fake_storage_store(struct fake_storage *fake, const char *name, struct bytes content); /* creates or replaces */
void fake_storage_flip(struct fake_storage *fake, const char *name, uint64_t offset, uint8_t mask);
void fake_storage_patch(struct fake_storage *fake, const char *name, uint64_t offset, struct bytes content);
void fake_storage_delete(struct fake_storage *fake, const char *name);

#endif
