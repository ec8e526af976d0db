/* A shared log (raft/wal/wal.h) in memory that says when a record is durable: at once, or one by one as the test asks.
 *
 * Linked instead of raft/wal/wal.c. The options' storage must be that of a fake disk. */
#ifndef TESTS_UNIT_RAFT_FAKE_DISK_H
#define TESTS_UNIT_RAFT_FAKE_DISK_H

#include "grid/io/storage.h"
#include "raft/wal/wal.h"

struct fake_disk;

struct fake_disk *fake_disk_open(bool manual);
void fake_disk_close(struct fake_disk *disk);
struct storage *fake_disk_storage(struct fake_disk *disk);
/* Makes the `count` oldest records durable, with one report for each; stops when there are no more. */
void fake_disk_sync(struct fake_disk *disk, size_t count);
void fake_disk_sync_all(struct fake_disk *disk);
/* Term of entry `index` of group 0 as a crash now would leave it; 0 when there would be none. */
uint64_t fake_disk_durable_term(const struct fake_disk *disk, uint64_t index);
size_t fake_disk_pending(const struct fake_disk *disk);
void fake_disk_fill(struct fake_disk *disk, bool full);
void fake_disk_fail(struct fake_disk *disk);
/* Forgets what is not durable. Only while no log is open on it. */
void fake_disk_crash(struct fake_disk *disk);
/* Forgets durable records too: only the oldest `kept` are left, as in an older copy. Only while no log is open on it. */
void fake_disk_lose(struct fake_disk *disk, size_t kept);

#endif
