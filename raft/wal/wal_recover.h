/* Recovery of the shared log: scan, verify, fold, cut (docs/formats/wal.md, "Recovery").
 *
 * Blocking, at start-up only. Reads whole segments, one at a time, and writes nothing before the log is known to be
 * whole. Afterwards the tail is cut and everything that remains is durable. */
#ifndef RAFT_WAL_WAL_RECOVER_H
#define RAFT_WAL_WAL_RECOVER_H

#include "grid/io/storage.h"
#include "raft/wal/wal_fold.h"

enum { WAL_NAME_BYTES = 32 };

/* The flushes of one opening of the log end here. */
struct wal_epoch_end { uint64_t epoch, end; };

struct wal_recovery {
    uint64_t end;                             /* where the next flush begins */
    uint64_t epoch;                           /* the highest epoch found; 0 in a new log */
    struct wal_epoch_end *epochs;             /* ascending, of all openings of which a flush is there; memory_free */
    size_t epochs_count;
    bool tail_exists;
    uint64_t tail_base;                       /* of the segment that holds `end` */
};

/* Name of the segment that begins at stream position `base`. */
void wal_name(uint64_t base, char ret_name[WAL_NAME_BYTES]);
/* False for a file that is no segment. */
bool wal_name_parse(const char *name, uint64_t *ret_base);

struct wal_recover_options {
    struct storage *storage;
    uint64_t owner;                           /* whose log it must be; 0: anybody's */
    struct wal_floor floor;
    /* After each file: so many of all are read. NULL: nobody wants to know. */
    void (*progress)(void *context, size_t files, size_t files_all);
    void *context;
};

/* Folds the whole log of the storage into `fold`. Errors: CORRUPT (also when the log ends below the floor), IO, MISMATCH (a newer
 * format, or flushes of another than the owner); then *ret_note says what is wrong in which file at which offset (memory_free) and
 * nothing was changed but by a failing cut. */
enum grid_err wal_recover(const struct wal_recover_options *options, struct wal_fold *fold, struct wal_recovery *ret_recovery,
                          char **ret_note);

#endif
