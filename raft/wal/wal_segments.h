/* The segment files for writing: the current one, and those prepared ahead of it.
 *
 * Space is reserved in slices, so that the loop usually waits for one slice at most. If
 * the disk is full, `full` is set and the reservation is tried again every RETRY_US; reserved space stays usable.
 *
 * Borrows clock and storage. Single threaded. `wake` runs from the loop when there is space again. */
#ifndef RAFT_WAL_WAL_SEGMENTS_H
#define RAFT_WAL_WAL_SEGMENTS_H

#include "grid/io/clock.h"
#include "grid/io/storage.h"

struct wal_segment {
    uint64_t base, capacity;
    uint64_t prepared;                        /* bytes of it that are on disk, zero or written */
    struct file *file;
    struct wal_segment *next;
};

struct wal_segments {
    struct clock *clock;
    struct storage *storage;
    uint64_t segment_bytes, slice_bytes;
    struct wal_segment *first, *last;         /* ascending and without gaps; `first` is written to */
    uint64_t end;                             /* where the next segment to be made begins */
    enum grid_err error;                      /* set once by any error other than a full disk; nothing works after it */
    bool full;
    struct timer retry;
    void (*wake)(void *context);
    void *context;
};

/* Fills `segments`; clock, storage, segment_bytes, wake and context were set by the caller. */
void wal_segments_init(struct wal_segments *segments);
/* Opens the tail that recovery left, whose content ends at `end`, and prepares the rest of it. IO. */
enum grid_err wal_segments_adopt(struct wal_segments *segments, uint64_t base, uint64_t end);
/* Closes all files; none may have a write in flight. */
void wal_segments_close(struct wal_segments *segments);

/* The first position after the reserved space. */
uint64_t wal_segments_prepared(const struct wal_segments *segments);
/* The end of the segment that contains `position`, even if the file does not exist yet. */
uint64_t wal_segments_end(const struct wal_segments *segments, uint64_t position);
/* Reserves space until `position` is covered. NO_SPACE (the log tries again), IO. */
enum grid_err wal_segments_cover(struct wal_segments *segments, uint64_t position);
/* The same at the start of a log, where nothing needs all of it yet: with less room it is content with a slice. */
enum grid_err wal_segments_begin(struct wal_segments *segments, uint64_t position);
/* Reserves at most one slice towards `position`. */
void wal_segments_advance(struct wal_segments *segments, uint64_t position);
/* The segment for a flush of `size` bytes at `position`; closes earlier segments. NO_SPACE, IO. */
enum grid_err wal_segments_get(struct wal_segments *segments, uint64_t position, uint64_t size,
                               struct wal_segment **ret_segment);
bool wal_segments_holds(const struct wal_segments *segments);

#endif
