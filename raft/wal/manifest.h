/* What a data directory knows of its log in a second place, and of the other nodes: the file `manifest` (docs/formats/manifest.md).
 *
 * - How far the log must reach: files that are missing at its end leave no trace in the log itself.
 * - Whether this node has lost state and which groups it does not hold again yet (raft/groups/rejoin.h).
 * - Of each peer the incarnation that this node shook hands with, and the furthest that it heard of that peer's log.
 *
 * Two copies of one page each, written in turn and never both at once, so that one of them is always whole. Opening blocks; saving
 * does not: the owner changes `content` and asks for a save, and everything that was changed before the call is on the disk
 * once `saved` has reached the number that the call returned. A failed write calls `failed` once, and nothing is saved any more.
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

/* What is remembered of the log of a node. All zero: nothing. */
struct peer_memory { uint64_t incarnation, epoch, position; };

struct manifest_content {
    uint64_t incarnation;              /* of the directory; 0: its first start never came that far */
    struct wal_floor floor;
    enum lost_state lost;
    uint8_t groups_left[PARTITIONS_MAX / 8];          /* that a node which lost state does not hold again yet */
    bool begun;                        /* it holds one of them again */
    /* With durability "os": the life of the system (storage.system_life) in which this node takes full part with a log whose end may not be
     * synced. 0: everything that it acknowledged was synced, or it is not known. */
    uint64_t unsynced_life;
    struct { struct node_id node; struct peer_memory memory; } peers[REPLICAS_MAX];
};

/* For a directory that has neither identity nor log: its first manifest. What a start that came no further has noted as lost stays
 * noted. Errors: CORRUPT (a manifest says that there was an identity, or is damaged), MISMATCH (a newer format), IO, NO_SPACE;
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

static inline bool manifest_group_left(const struct manifest_content *content, uint32_t group)
{
    return content->lost != LOST_NOTHING && (content->groups_left[group / 8] >> group % 8 & 1) != 0;
}
uint32_t manifest_groups_left(const struct manifest_content *content);
/* Begins: all of `groups` are left. */
void manifest_lose(struct manifest_content *content, uint32_t groups, enum lost_state lost);
void manifest_group_whole(struct manifest_content *content, uint32_t group);

#endif
