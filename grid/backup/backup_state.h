/* What a backup must know of the saved state of one partition (docs/formats/snapshot.md, "The payload"): how far messages between partitions have come, and
 * a few numbers. The other records are only counted.
 *
 * Reads pieces cut anywhere, in order, and trusts none of it: sizes, sections, and the hash over all records are checked; a node checks the rest when it loads
 * the state. Owns its arrays. Single threaded; no time. */
#ifndef GRID_BACKUP_BACKUP_STATE_H
#define GRID_BACKUP_BACKUP_STATE_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

/* Messages to or of `partition`: up to `low` they are removed from the outbox, up to `high` they were written. Of an inbox, both are the last applied message. */
struct backup_link { uint32_t partition; uint64_t low, high; };
struct backup_links { struct backup_link *rows; size_t count, capacity; };

struct backup_state {
    uint32_t partition, partitions;    /* its number; of its cluster, 0 before the first entry */
    uint32_t level, epoch;             /* feature level, restore epoch */
    uint64_t entries;                  /* of all maps */
    uint64_t bytes;                    /* read so far */
    struct backup_links sent, received;    /* ordered by partition */
    bool complete;                     /* the last record was read */
    /* Private. */
    struct buffer part;
    uint8_t section;
    uint64_t records, digest;
};

void backup_state_init(struct backup_state *state);
void backup_state_close(struct backup_state *state);
/* CORRUPT, or NOT_SUPPORTED (written by a newer version); *ret_note names the byte (memory_free). Then only close. */
enum grid_err backup_state_add(struct backup_state *state, struct bytes piece, char **ret_note);
/* The link with a partition, or one without messages. */
struct backup_link backup_links_find(const struct backup_links *links, uint32_t partition);

#endif
