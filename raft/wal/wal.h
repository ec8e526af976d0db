/* The shared write-ahead log of a node: all groups, one stream of records, group commit (D3).
 *
 * Format: docs/formats/wal.md. Segments "wal-<16 hex digits>" of a fixed size, preallocated and zero-filled; each flush
 * begins with a flush header (epoch, position, previous durable position) and holds whole records; every record carries
 * CRC32C, length, type, group, position and epoch, so stale bytes of an earlier life never match.
 *
 * Life: wal_open recovers (scan, verify, fold per group), wal_take hands each group its state once, then appends.
 * Appending copies into the pending flush; at the end of the loop iteration (and whenever a flush finishes) everything
 * pending is written and synced at once, off the loop. Positions (lsn) are bytes of the endless stream, strictly growing.
 * `durable` reports progress. A storage error calls `failed` once and nothing is ever acknowledged after it (I37).
 *
 * Compaction: a group notes its snapshots (wal_append_snapshot). Each segment begins with the state of all groups, so that the
 * log can begin there: wal_collect removes the oldest segment once no group needs an entry in it.
 *
 * Recovery: a bad record above the last durable position that any good flush header states is a torn tail and is cut
 * (durably, before anything is appended); below it the log is corrupt and wal_open refuses with CORRUPT and a note that
 * names file and offset. Single threaded. */
#ifndef RAFT_WAL_WAL_H
#define RAFT_WAL_WAL_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/io/clock.h"
#include "grid/io/storage.h"

struct wal;

/* What the log must contain according to the manifest: everything below `position`, written in `epoch` or before. */
struct wal_floor { uint64_t epoch, position; };

struct wal_entry {
    uint64_t term;
    uint16_t type;                          /* opaque here; the guard's */
    struct bytes data;
};

/* The newest snapshot of a group that the log names. Its file is durable; the log needs no entry up to `index`. */
struct wal_snapshot {
    uint64_t index, term;                   /* of its last entry; index 0: there is no snapshot */
    uint64_t configuration_index;
    struct bytes configuration;             /* as the entry at configuration_index has it; opaque here */
};

/* Where the flushes of one opening of the log end. */
struct wal_epoch_end { uint64_t epoch, end; };

/* What recovery found for one group. Entries are contiguous from first_index = snapshot.index + 1. */
struct wal_group_state {
    uint64_t term, vote;
    struct wal_snapshot snapshot;           /* its configuration is owned by the receiver: memory_free */
    uint64_t first_index;                   /* 1 when the group has no snapshot */
    struct wal_entry *entries;              /* owned by the receiver: memory_free for each data.data and the array */
    size_t entries_count;
};

struct wal_options {
    struct clock *clock;
    struct storage *storage;
    struct logger *logger;                  /* may be NULL */
    struct metric_registry *metrics;        /* may be NULL */
    uint32_t groups;                        /* group numbers 0 .. groups-1 */
    uint64_t owner;                         /* is in every flush; a log with another owner is refused. 0: not given */
    struct wal_floor floor;                 /* a log that ends below it is refused; zero: unknown */
    uint16_t epoch_step;                    /* added to this opening's epoch. With a random number, two copies of a log that are both continued have different epochs */
    uint64_t segment_bytes;                 /* 0: 64 MiB; a multiple of 4 KiB, at least 16 KiB and the largest record */
    bool sync;                              /* false: durability "os": entries are written, not synced; META is always synced */
    void (*durable)(void *context, uint64_t lsn);    /* everything up to lsn is durable; lsn has grown; may append */
    /* The first flush of this opening in a segment is synced. Nothing in the segment counts as durable before the manifest names a position
     * in it and the caller has called wal_segment_known. Must not close the log. NULL, or without `sync`: not needed. */
    void (*segment_begun)(void *context, uint64_t segment_end);
    void (*failed)(void *context, enum grid_err err, const char *what);
    void *context;
};

/* Blocks; afterwards everything recovered is durable. Errors: CORRUPT, IO, MISMATCH (a newer format, another owner). *ret_note is a
 * text for people, set on failure (memory_free). */
enum grid_err wal_open(const struct wal_options *options, struct wal **ret_wal, char **ret_note);
/* Does not wait: the storage must still complete a write in flight before it is closed
 * (and before the log is opened again); callbacks stop. May be called from inside `durable` and `failed`. */
void wal_close(struct wal *wal);
bool wal_empty(const struct wal *wal);                            /* recovery found no record */
/* Once for each group, before anything is appended to it. */
void wal_take(struct wal *wal, uint32_t group, struct wal_group_state *ret_state);

/* Each returns the lsn after the record: durable once durable >= lsn. Data is copied. A record that contradicts earlier
 * ones (a decreasing term, entries that leave a gap or overwrite, a truncation outside the log) is a bug of the
 * caller, because recovery would treat it as damage. On a full disk a META replaces an older one of its
 * group that waits to be written: terms may change for hours without growth of the log in memory. */
uint64_t wal_append_meta(struct wal *wal, uint32_t group, uint64_t term, uint64_t vote);
uint64_t wal_append_entries(struct wal *wal, uint32_t group, uint64_t first_index, const struct wal_entry *entries, size_t count);
uint64_t wal_append_truncate(struct wal *wal, uint32_t group, uint64_t index); /* entries >= index are gone */
/* The file of the snapshot is durable, and its index is one of the log's entries or an earlier snapshot: entries up to there are not needed from
 * the moment at which this record is durable. Older programs cannot read the log from here on (format version 2). */
uint64_t wal_append_snapshot(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot);
/* The file of the snapshot is durable: it replaces all entries of the group, those behind it, too. Its index is above that of the last snapshot. */
uint64_t wal_append_install(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot);
/* Removes the oldest segment if every group is durably done with it. True: call again, for the next one. */
bool wal_collect(struct wal *wal);
/* Whether the group has entries in the oldest segment that its newest noted snapshot does not cover: it keeps the segment from being removed. */
bool wal_holds_back(const struct wal *wal, uint32_t group);

/* Whether entries with `bytes` bytes of data, plus 16 for each entry, may be appended. False when the disk is full: a
 * leader stops proposing and a follower drops appends, both before they append (I38). Smaller entries may still fit; a reserve
 * is kept for terms, votes and truncations; the log tries every 100 ms whether space was freed. */
bool wal_has_room(struct wal *wal, size_t bytes);

/* The same for entries that a new leader needs (barriers): they may use half of the reserve. */
bool wal_has_reserve(struct wal *wal, size_t bytes);

/* What the disk must give before wal_has_room says yes to `bytes`; 0: nothing. */
uint64_t wal_room_missing(const struct wal *wal, size_t bytes);

uint64_t wal_durable(const struct wal *wal);
/* For the floor of the next start: everything below it is synced, with any durability. A multiple of a page. */
uint64_t wal_synced(const struct wal *wal);
uint64_t wal_epoch(const struct wal *wal);                        /* of this opening */
uint64_t wal_epoch_end(const struct wal *wal, uint64_t epoch);    /* where the flushes of an earlier opening end; 0: this log never had a flush of it; UINT64_MAX: too long ago */
uint64_t wal_segment(const struct wal *wal);                      /* the beginning of the current segment */
/* The answer to segment_begun: the floor of the next start lies in this segment. May call `durable`. */
void wal_segment_known(struct wal *wal, uint64_t segment_end);
uint64_t wal_end(const struct wal *wal);                          /* lsn of everything appended so far */
uint64_t wal_begin(const struct wal *wal);                        /* where the oldest segment begins */
uint64_t wal_disk_bytes(const struct wal *wal);                   /* used bytes of live segments, without space that is reserved ahead */
bool wal_holds(const struct wal *wal);

#endif
