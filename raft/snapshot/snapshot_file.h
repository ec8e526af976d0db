/* The snapshot files of a data directory: names, reading at the start, removal, and pins that hold a removal back.
 *
 * "snap-<8 hex digits group>-<16 hex digits index>" is a whole file (docs/formats/snapshot.md); with ".part" a writer makes it
 * (snapshot_writer.h), with ".recv" it comes from another node (transfer_receiver.h). Single threaded. */
#ifndef RAFT_SNAPSHOT_SNAPSHOT_FILE_H
#define RAFT_SNAPSHOT_SNAPSHOT_FILE_H

#include "grid/io/storage.h"
#include "raft/snapshot/snapshot_format.h"

enum { SNAPSHOT_NAME_BYTES = 40 };

enum snapshot_kind { SNAPSHOT_WHOLE, SNAPSHOT_PART, SNAPSHOT_RECEIVED };

void snapshot_name(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index, enum snapshot_kind kind);
/* False: the name of something else. */
bool snapshot_name_parse(const char *name, uint32_t *ret_group, uint64_t *ret_index, enum snapshot_kind *ret_kind);

/* ---- reading; blocks: for the start, and for an install of a small state */

/* Head and sum of a file. Owns the configuration's bytes. */
struct snapshot_info {
    struct snapshot_head head;
    struct snapshot_sum sum;
};
void snapshot_info_close(struct snapshot_info *info);

/* Who takes the content; each may be NULL. */
struct snapshot_taker {
    enum grid_err (*head)(void *context, const struct snapshot_head *head);   /* first; an error ends the reading and is returned */
    enum grid_err (*piece)(void *context, struct bytes piece);                /* of a chunk whose checksum matched; borrowed; likewise */
    void *context;
};
/* Which file; `owner`: of this node's log, another one in the file is refused; 0: any. */
struct snapshot_wanted { uint32_t group; uint64_t index, owner; };
/* Reads the whole file and verifies everything of it. Only with OK the pieces are a state: until then the taker must be able to drop
 * them. NOT_FOUND, IO, CORRUPT, MISMATCH (a newer format, another owner or another
 * snapshot than the name says), or the taker's error; *ret_note (memory_free), set with the first four, names file and offset.
 * `ret_info` may be NULL. */
enum grid_err snapshot_file_read(struct storage *storage, const struct snapshot_wanted *wanted, const struct snapshot_taker *taker,
                                 struct snapshot_info *ret_info, char **ret_note);

/* Calls `each` for every snapshot file in the directory, of any kind, in name order. Blocks. */
enum grid_err snapshot_files_list(struct storage *storage, void (*each)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind),
                                  void *context);
/* At the start, before anything else touches them: removes all parts, and every other file that `keep` does not want. Blocks. */
enum grid_err snapshot_files_clean(struct storage *storage, bool (*keep)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind),
                                   void *context, size_t *ret_removed);

/* ---- removal while the node serves */

struct snapshot_files;

/* Borrows the storage. `failed`: a removal failed with something else than NOT_FOUND; may be NULL. */
struct snapshot_files *snapshot_files_open(struct storage *storage, void (*failed)(void *context, enum grid_err err), void *context);
/* Does not wait: the storage must complete removals in flight. Those that a pin holds back stay for the next start. */
void snapshot_files_close(struct snapshot_files *files);
/* Removes a whole file off the loop, once no pin is on it. */
void snapshot_files_remove(struct snapshot_files *files, uint32_t group, uint64_t index);
/* A transfer reads the file; pins are counted. */
void snapshot_files_pin(struct snapshot_files *files, uint32_t group, uint64_t index);
void snapshot_files_unpin(struct snapshot_files *files, uint32_t group, uint64_t index);
/* Removals that are not done yet; those that wait for a pin are among them. */
size_t snapshot_files_leaving(const struct snapshot_files *files);

#endif
