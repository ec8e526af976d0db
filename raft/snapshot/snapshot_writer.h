/* Writes one snapshot file while the node serves: pieces of state come in, blocks go to the disk off the loop, in bounded memory.
 *
 * The file is "snap-....part" until everything of it is synced; then it is renamed, durably, and `done` says OK. So a file with the final name is
 * whole, at any moment and after any crash. If the disk is full, the writer removes its part and reports that; another may begin at
 * once. Any other failure is reported at once, and the part stays for the next start. Only one writer of a (group, index) at a time.
 *
 * Life: open, add while there is room, finish; then `done` comes, and the writer is gone. abandon ends it at any time before: no callback comes
 * after it, and the file does not appear, unless it was just being renamed.
 * The storage must still complete what is in flight before it is closed. Single threaded; callbacks run from the loop, never from inside a call. */
#ifndef RAFT_SNAPSHOT_SNAPSHOT_WRITER_H
#define RAFT_SNAPSHOT_SNAPSHOT_WRITER_H

#include "grid/io/storage.h"
#include "raft/snapshot/snapshot_format.h"

struct snapshot_writer;

struct snapshot_writer_options {
    struct storage *storage;
    struct snapshot_head head;                /* copied, with its configuration */
    void (*room)(void *context);              /* there is room again after there was not; may add. May be NULL */
    /* NO_SPACE: try again later. IO, CLOSED: as for any write to the storage. `sum` is set with OK and borrowed for the call. */
    void (*done)(void *context, enum grid_err err, const struct snapshot_sum *sum);
    void *context;
};

struct snapshot_writer *snapshot_writer_open(const struct snapshot_writer_options *options);
/* Bytes that may be added now; 0: wait for `room`, which comes once after each 0. The last piece may be larger than that: the memory is bounded by
 * SNAPSHOT_WRITER_BYTES and one piece. */
size_t snapshot_writer_room(struct snapshot_writer *writer);
void snapshot_writer_add(struct snapshot_writer *writer, struct bytes piece);  /* copies; only while there is room */
uint64_t snapshot_writer_written(const struct snapshot_writer *writer);        /* bytes of the file that are on the disk, or on their way */
void snapshot_writer_finish(struct snapshot_writer *writer);                   /* nothing may be added after it */
void snapshot_writer_abandon(struct snapshot_writer *writer);

#endif
