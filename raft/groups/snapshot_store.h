/* Snapshot files as the group set uses them: one file is written whole, then it is durable under its name; it is read whole at a start.
 *
 * For the files that implement raft/group.h. Single threaded. */
#ifndef RAFT_GROUPS_SNAPSHOT_STORE_H
#define RAFT_GROUPS_SNAPSHOT_STORE_H

#include "grid/io/clock.h"
#include "grid/io/storage.h"
#include "raft/wal/wal.h"

struct snapshot_file;

struct snapshot_place { struct clock *clock; struct storage *storage; uint64_t owner; uint32_t group; };

/* `done` runs from the loop once after snapshot_file_finish: OK: the file is durable. The head is copied. */
struct snapshot_file *snapshot_file_begin(const struct snapshot_place *place, const struct wal_snapshot *head,
                                          void (*done)(void *context, enum grid_err err), void *context);
/* Whether more may be added now. */
bool snapshot_file_room(const struct snapshot_file *file);
void snapshot_file_add(struct snapshot_file *file, struct bytes bytes);
void snapshot_file_finish(struct snapshot_file *file);
/* Before `done`: it will not run. After it: frees the file's memory. */
void snapshot_file_close(struct snapshot_file *file);

/* Blocks. Passes the content in pieces, in order, while `each` says OK. Errors: CORRUPT, MISMATCH, IO, NOT_FOUND, what `each` said; *ret_note
 * (memory_free) says what is wrong with the file. */
enum grid_err snapshot_file_load(const struct snapshot_place *place, const struct wal_snapshot *head,
                                 enum grid_err (*each)(void *context, struct bytes piece), void *context, char **ret_note);
/* OK also when there is no such file. */
enum grid_err snapshot_file_remove(const struct snapshot_place *place, uint64_t index);
/* Blocks. Removes every snapshot file that `keep` does not want. */
enum grid_err snapshot_files_clean(struct storage *storage, bool (*keep)(void *context, uint32_t group, uint64_t index), void *context);

#endif
