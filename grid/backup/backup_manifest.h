/* The file `manifest` of a backup: what it is of, and one line for each partition's file (docs/formats/backup.md). Written last, so a directory that has one is a
 * whole backup. Owns its rows. Single threaded; no I/O. */
#ifndef GRID_BACKUP_BACKUP_MANIFEST_H
#define GRID_BACKUP_BACKUP_MANIFEST_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/uuid.h"

enum { BACKUP_MANIFEST_BYTES_MAX = 1024 * 1024, BACKUP_CLUSTER_BYTES = 256, BACKUP_FILE_NAME_BYTES = 32 };

/* The file of one partition; hash: of its end record, bytes: of state. */
struct backup_file { uint64_t index, term, entries, bytes, hash; };

struct backup_manifest {
    struct uuid cluster_uuid;
    char cluster[BACKUP_CLUSTER_BYTES];    /* its name */
    uint64_t made_ms;                      /* wall time, since 1970 */
    uint32_t level, epoch;                 /* the highest of the partitions; restore epoch */
    uint32_t partitions;
    struct backup_file *files;             /* by partition */
};

struct backup_file_name { char text[BACKUP_FILE_NAME_BYTES]; };

void backup_manifest_encode(const struct backup_manifest *manifest, struct buffer *out);
/* CORRUPT, or MISMATCH (a newer format), with a note (memory_free). On success to be closed. */
enum grid_err backup_manifest_decode(struct bytes text, struct backup_manifest *ret_manifest, char **ret_note);
void backup_manifest_close(struct backup_manifest *manifest);
struct backup_file_name backup_file_name(const struct backup_manifest *manifest, uint32_t partition);
uint64_t backup_manifest_entries(const struct backup_manifest *manifest);
uint64_t backup_manifest_bytes(const struct backup_manifest *manifest);
/* Names the backup in a restore; never 0. */
uint64_t backup_manifest_id(const struct backup_manifest *manifest);

#endif
