/* The file `manifest` of a data directory: a second record of the end of its log, and what is known of the other nodes (docs/formats/manifest.md).
 *
 * - How far the log must reach: the log itself does not show that files at its end are missing.
 * - Whether this node has lost state, and which groups are not whole yet (raft/groups/rejoin.h).
 * - For each peer: its incarnation at the last handshake, and the highest known position of its log.
 *
 * Two copies of one page each are written alternately, never at the same time, so that one of them is always undamaged. Opening blocks; saving
 * does not: the owner changes `content` and requests a save; all changes before the call are on the disk
 * once `saved` has reached the number that the call returned. A failed write calls `failed` once; nothing is saved after it.
 *
 * Single threaded. */
#ifndef RAFT_WAL_MANIFEST_H
#define RAFT_WAL_MANIFEST_H

#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/base/limits.h"
#include "grid/io/storage.h"
#include "raft/wal/wal.h"

struct manifest;

enum lost_state {
    LOST_NOTHING = 0,
    LOST_TAIL = 1,                     /* the end of the log: terms and votes are there (durability "os" after a power cut) */
    LOST_ALL = 2,                      /* everything: a new incarnation that has promised nothing yet */
};

/* What this node remembers about another node's log. All zero: nothing. */
struct peer_memory { uint64_t incarnation, epoch, position; };

struct manifest_content {
    uint64_t incarnation;              /* of the directory; 0: its first start ended before it was known */
    struct wal_floor floor;
    enum lost_state lost;
    uint8_t groups_left[PARTITIONS_MAX / 8];          /* groups that are not whole yet, after a loss of state */
    bool begun;                        /* at least one of them is whole again */
    /* With durability "os": the life of the system (storage.system_life) in which this node takes full part with a log whose end may not be
     * synced. 0: everything that it acknowledged was synced, or it is not known. */
    uint64_t unsynced_life;
    struct { struct node_id node; struct peer_memory memory; } peers[REPLICAS_MAX];
};

/* For a directory that has neither identity nor log: its first manifest. If an earlier start recorded a loss and then ended, the record
 * stays. Errors: CORRUPT (a manifest says that there was an identity, or is damaged), MISMATCH (a newer format), IO, NO_SPACE;
 * *ret_note (memory_free) says what and what to do, but for the last two. */
enum grid_err manifest_begin(struct storage *storage, uint32_t groups, enum lost_state lost, char **ret_note);
/* Errors: CORRUPT (missing, damaged, of another incarnation), MISMATCH (a newer format), IO; *ret_note says what and what to do.
 * `may_be_missing`: a directory from before there were manifests, or one that was just begun. */
enum grid_err manifest_open(struct storage *storage, uint64_t incarnation, bool may_be_missing, struct manifest **ret_manifest,
                            char **ret_note);
void manifest_close(struct manifest *manifest);
/* Each at most once, before the first save. */
void manifest_listen(struct manifest *manifest, void (*saved)(void *context, uint64_t number), void (*failed)(void *context),
                     void *context);

struct manifest_content *manifest_content(struct manifest *manifest);
/* NULL when `node` was never met and there is no place left. */
struct peer_memory *manifest_peer(struct manifest *manifest, struct node_id node);
uint64_t manifest_save(struct manifest *manifest);
uint64_t manifest_saved(const struct manifest *manifest);

/* One copy of MANIFEST_COPY_BYTES, for tools. NULL, or what is wrong with it; a newer format is wrong, too. */
enum { MANIFEST_COPY_BYTES = 4096 };
const char *manifest_copy_get(struct bytes copy, uint64_t *ret_sequence, struct manifest_content *ret_content);

static inline bool manifest_group_left(const struct manifest_content *content, uint32_t group)
{
    return content->lost != LOST_NOTHING && (content->groups_left[group / 8] >> group % 8 & 1) != 0;
}
uint32_t manifest_groups_left(const struct manifest_content *content);
/* Begins: all of `groups` are left. */
void manifest_lose(struct manifest_content *content, uint32_t groups, enum lost_state lost);
void manifest_group_whole(struct manifest_content *content, uint32_t group);

#endif
