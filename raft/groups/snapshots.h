/* When a group takes a snapshot, and what follows from it.
 *
 * A group is due when its log has grown by `bytes`, or by the size of its newest snapshot if that is more, or by `entries` since that snapshot, or when it
 * keeps the oldest segment of a log that has outgrown the snapshots, or holds most of the entries in a memory that fills up, or when somebody asked for one
 * (group_ask_snapshot). At most SNAPSHOTS_AT_ONCE groups of a node save at the same time; the one with the most
 * bytes comes first, and groups have slightly different thresholds, so that they are spread in time.
 *
 * A save: the machine freezes its state (save_begin), which is written in slices of SNAPSHOT_SLICE_BYTES, one in each iteration of the loop; the file
 * becomes durable; it is noted in the log; once the note is durable, the file before it goes, entries are released from memory in
 * slices, and segments of the log that nobody needs are removed, one at each tick. A crash at any point leaves the old snapshot or the new one; files
 * that the log does not name are removed at the start.
 *
 * On a full disk a save is given up and tried again later; any other failure stops the node.
 *
 * For the files that implement raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_SNAPSHOTS_H
#define RAFT_GROUPS_SNAPSHOTS_H

#include "grid/base/metric.h"
#include "grid/io/clock.h"
#include "raft/guard/guard_snapshot.h"
#include "raft/snapshot/snapshot_file.h"
#include "raft/snapshot/snapshot_writer.h"

struct group;
struct group_set;
struct group_set_options;

enum { SNAPSHOTS_AT_ONCE = 2 };

enum snapshot_step {
    SNAPSHOT_IDLE,
    SNAPSHOT_SAVING,              /* the machine gives its state */
    SNAPSHOT_FILING,              /* the file becomes durable */
    SNAPSHOT_NOTING,              /* its note becomes durable */
};

/* Part of a group. */
struct snapshot_group {
    enum snapshot_step step;
    void *save;                   /* the machine's, while SAVING */
    struct snapshot_writer *writer;           /* while SAVING and FILING */
    struct wal_snapshot head;     /* owns its configuration */
    uint64_t stray;               /* index of a file that was not wanted; 0: none */
    uint64_t before;              /* index of the snapshot that this one replaces; 0: none */
    uint64_t lsn;                 /* of the note */
    uint64_t mark, since;         /* bytes appended when the save began, and when the newest snapshot did */
    uint64_t began_ms, bytes;     /* of the save, and of its file */
    uint64_t file_bytes, taken_ms;            /* of the newest snapshot: its file, and when its save began; 0: not in this life */
    uint64_t again_ms;            /* the machine could not save (it is restored, or a backup is made): not before */
    struct group *next_release;   /* entries wait to be released */
    bool releasing;
    bool asked;                   /* a snapshot is wanted although the group is not due */
};

/* State of a set. */
struct snapshots {
    struct storage *storage;
    struct snapshot_files *files;
    uint64_t owner;
    uint64_t bytes, entries, trailing_bytes;
    uint64_t large_bytes;         /* past it a group that holds the log back takes a snapshot */
    struct group *running[SNAPSHOTS_AT_ONCE];
    struct group *releases;
    struct deferred work;
    struct timer rest;            /* until the next slice, if rest_us is not 0 */
    uint32_t slice_bytes, rest_us;
    struct buffer slice;
    uint64_t retry_ms;            /* after a full disk */
    uint32_t asked;               /* groups of which a snapshot was asked for */
    struct { struct metric_counter *taken, *installed, *written; struct metric_histogram *duration, *slice; } metrics;
};

void snapshots_open(struct group_set *set, const struct group_set_options *options);
/* Blocks. Every machine loads the snapshot that its group's log names. Before anything of the log is applied. Errors with *ret_note (memory_free). */
enum grid_err snapshots_load(struct group_set *set, char **ret_note);
void snapshots_tick(struct group_set *set);
/* By how many bytes the log of the group grows until its next snapshot, when the newest has `file_bytes` (0: it has none). Pure. A large state is so written
 * at most once for as many bytes of log: a node writes at most about twice what it logs, and at a start reads at most about twice its data. */
uint64_t snapshots_threshold(uint64_t bytes, uint64_t file_bytes, uint32_t group);
/* The log is durable up to `lsn`. */
void snapshots_durable(struct group_set *set, uint64_t lsn);
/* A snapshot of the leader, in a file of so many bytes, replaced the one up to `before` (0: none). */
void snapshots_installed(struct group *group, uint64_t before, uint64_t file_bytes);
/* A slice of work on a snapshot took from then until now: the loop did nothing else meanwhile. */
void snapshots_paused(struct group_set *set, uint64_t since_us);
/* Of the files that the log names, and of those that are being written. */
uint64_t snapshots_disk_bytes(const struct group_set *set);
/* A file that came and is not wanted. It is removed once the group has a newer snapshot: until then the group may make one of the same name. */
void snapshots_stray(struct group *group, uint64_t index);
/* Blocks. The machine reads the file of the head into `load`; what it is of is compared with the head. *ret_note (memory_free) says what is wrong. */
enum grid_err snapshots_read(struct group *group, const struct wal_snapshot *head, void *load, uint64_t *ret_file_bytes, char **ret_note);
/* Gives up what the group is saving. */
void snapshots_abandon(struct group *group);
void snapshots_close(struct group_set *set);

#endif
