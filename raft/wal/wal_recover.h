/* Recovery of the shared log: scan, verify, fold, cut (docs/formats/wal.md, "Recovery").
 *
 * Blocking, at start-up only. Reads whole segments, one at a time, and writes nothing before the whole log is
 * checked. Then it cuts the tail; everything that remains is durable. */
#ifndef RAFT_WAL_WAL_RECOVER_H
#define RAFT_WAL_WAL_RECOVER_H

#include "grid/io/storage.h"
#include "raft/wal/wal_fold.h"

enum { WAL_NAME_BYTES = 32 };

struct wal_recovery {
    uint64_t end;                             /* where the next flush begins */
    uint64_t epoch;                           /* the highest epoch found; 0 in a new log */
    struct wal_epoch_end *epochs;             /* ascending, of all openings with at least one flush; memory_free */
    size_t epochs_count;
    uint64_t epochs_forgotten;                /* openings up to this epoch are not listed any more; 0: all are */
    uint16_t version;                         /* newest format version found; 0 in a new log */
    bool tail_exists;
    uint64_t tail_base;                       /* base of the segment that contains `end` */
};

/* Name of the segment that begins at stream position `base`. */
void wal_name(uint64_t base, char ret_name[WAL_NAME_BYTES]);
/* False: the file is not a segment. */
bool wal_name_parse(const char *name, uint64_t *ret_base);

struct wal_recover_options {
    struct storage *storage;
    uint64_t owner;                           /* the owner that the log must have; 0: any */
    struct wal_floor floor;
    /* Called after each file with the number of files read and of all files. NULL: not called. */
    void (*progress)(void *context, size_t files, size_t files_all);
    void *context;
};

/* Folds the whole log of the storage into `fold`. Errors: CORRUPT (also if the log ends below the floor), IO, MISMATCH (a newer
 * format, or flushes of another owner); then *ret_note says what is wrong in which file at which offset (memory_free), and
 * nothing was changed, unless the cut itself failed. */
enum grid_err wal_recover(const struct wal_recover_options *options, struct wal_fold *fold, struct wal_recovery *ret_recovery,
                          char **ret_note);

#endif
