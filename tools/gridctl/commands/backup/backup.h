/* What backup create, list, verify and restore share: the files of a backup, and requests to all partitions.
 *
 * A backup is a directory (docs/formats/backup.md). It is written under the name DIR.part, which gets its final name at the end. */
#ifndef TOOLS_GRIDCTL_COMMANDS_BACKUP_BACKUP_H
#define TOOLS_GRIDCTL_COMMANDS_BACKUP_BACKUP_H

#include "grid/backup/backup_manifest.h"
#include "grid/backup/backup_state.h"
#include "raft/snapshot/snapshot_format.h"
#include "tools/gridctl/command.h"

enum { BACKUP_NOTE_BYTES = 512 };

/* ---- files (backup_files.c); false: it failed, which `note` says for people */

/* The file of one partition while it is written. It is open only during a call: there may be more partitions than descriptors. */
struct backup_writer {
    char *path;
    struct buffer chunk;                   /* a chunk that is not full, behind the place for its head */
    struct snapshot_sum sum;
};

char *backup_path(const char *directory, const char *name);        /* "DIR/name"; memory_free */
char *backup_part_directory(const char *directory);                /* where it is written; memory_free */
/* An empty directory for writing; what an earlier attempt left there is removed. */
bool backup_directory_make(const char *directory, char *note);
void backup_directory_remove(const char *directory);               /* with its files; what is no file of a backup stays */
/* Syncs it and gives it its final name, which must be free. */
bool backup_directory_finish(const char *part, const char *directory, char *note);
bool backup_file_write(const char *path, struct bytes content, char *note);    /* whole, and synced */

bool backup_writer_open(struct backup_writer *writer, const char *directory, const char *name, const struct snapshot_head *head, char *note);
bool backup_writer_add(struct backup_writer *writer, struct bytes state, char *note);
bool backup_writer_finish(struct backup_writer *writer, char *note);       /* synced; sum is that of the whole */
void backup_writer_close(struct backup_writer *writer);

bool backup_manifest_read(const char *directory, struct backup_manifest *ret_manifest, char *note);
/* Reads the state of a partition, checks the file against the manifest, and gives each piece to `each` once it is checked. */
bool backup_file_read(const char *directory, const struct backup_manifest *manifest, uint32_t partition,
                      enum grid_err (*each)(void *context, struct bytes piece), void *context, char *note);
/* Everything: each file, each state, and whether they belong together. */
bool backup_check(const char *directory, const struct backup_manifest *manifest, char *note);

/* ---- requests to all partitions (backup_calls.c) */

struct backup_calls;
struct backup_call { struct backup_calls *calls; uint32_t partition; bool under_way; };
struct backup_calls {
    struct ctl *ctl;
    uint32_t partitions, left;
    struct backup_call *each;              /* by partition: contexts */
    /* Takes a reply that is OK; false: that failed, which stands in `note`. NULL: nothing to do. */
    bool (*take)(void *context, uint32_t partition, const struct grid_reply *reply);
    void *context;
    bool done;
    enum grid_outcome outcome;             /* the first that was not OK */
    uint32_t failed;                       /* its partition */
    char note[BACKUP_NOTE_BYTES];
};

void backup_calls_open(struct backup_calls *calls, struct ctl *ctl);
void backup_calls_close(struct backup_calls *calls);
/* The same step at all partitions; waits. Whether all were OK. */
bool backup_calls_backup(struct backup_calls *calls, const struct grid_backup *step);
bool backup_calls_restore(struct backup_calls *calls, const struct grid_restore *step);
/* For other requests: the call of one; it counts as left until its reply is here. */
struct grid_call backup_call_of(struct backup_calls *calls, uint32_t partition);
void backup_calls_begin(struct backup_calls *calls);
bool backup_calls_wait(struct backup_calls *calls);
int backup_calls_failed(const struct backup_calls *calls, const char *what);   /* says what failed; an exit code */

/* ---- what people see (backup_show.c) */
/* "{partitions, entries, bytes}", or a sentence that begins with `what`. */
void backup_show_result(struct ctl *ctl, const char *what, const struct backup_manifest *manifest);
void backup_show_progress(const struct ctl *ctl, const char *what, uint64_t bytes, uint64_t total);   /* total 0: not known */
void backup_end_progress(const struct ctl *ctl);
/* "12.3 MiB". */
struct backup_size_text { char text[32]; };
struct backup_size_text backup_size_text(uint64_t bytes);

#endif
