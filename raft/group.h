/* Replicated groups: the interface of consensus for the rest of the tree. It contains no type of the Raft library (D2), so
 * that the library can be replaced.
 *
 * A group set hosts all groups of one loop over one shared log and one link per peer. Each group replicates opaque
 * commands and applies them in order on every replica through its machine.
 *
 * Threads: one loop. Callbacks run from the loop, never inside a call of these functions. Do not call group_propose and
 * group_read inside `apply`, `dropped` or `role` (defer to the end of the iteration).
 * Errors: a storage failure or a broken group calls `fatal` once; the owner must stop the process. */
#ifndef RAFT_GROUP_H
#define RAFT_GROUP_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/io/io.h"
#include "raft/wal/manifest.h"
#include "raft/peers/peers.h"

struct group;
struct group_set;

enum group_role {
    GROUP_FOLLOWER,
    GROUP_CANDIDATE,
    GROUP_LEADER,                 /* elected; nothing of its own term is committed yet: no reads, no proposals */
    GROUP_READY,                  /* leader with an entry of its own term committed and applied */
};

/* The state machine and the listeners of one group. `context` is passed back. */
struct group_machine {
    void *context;
    /* Entry `index` is committed. `token` is what this node gave to group_propose for exactly this entry, else NULL.
     * Must not fail and must be deterministic. `command` is borrowed. Entries that carry no command are not shown;
     * indexes therefore may skip. */
    void (*apply)(void *context, uint64_t index, uint64_t term, struct bytes command, void *token);
    /* A proposal of this node was cut off by a change of leader: its outcome is unknown (R2). */
    void (*dropped)(void *context, void *token);
    void (*role)(void *context, enum group_role role, uint64_t term);
    /* Whether this machine can apply the entry. Asked before apply, except of what this node proposed itself, and once in
     * group_set_start about each entry of the recovered log, committed or not. False stops the group on this node for
     * good: the entry and all after it stay unapplied and nothing more is said to other members; the machine tells its
     * owner why. Must not call back. NULL: it can apply everything. */
    bool (*admit)(void *context, uint64_t index, struct bytes command);
    /* Snapshots; all NULL: the machine has none, and its log keeps every entry. The bytes depend on the state alone: not on slices, history or replica.
     * Must not call back. One save and one load at a time. */
    /* Freezes the state as of the last applied entry; entries are applied meanwhile. NULL: not now (asked again later). */
    void *(*save_begin)(void *context);
    /* Appends some of the frozen state to `out`, about `budget` bytes; true: complete. From the loop, between entries. */
    bool (*save_next)(void *context, void *save, size_t budget, struct buffer *out);
    void (*save_end)(void *context, void *save);          /* complete or given up */
    /* Loads a whole state from the bytes of save_next, in order, cut anywhere. The present state stays until load_end with `take`. */
    void *(*load_begin)(void *context);
    enum grid_err (*load_next)(void *context, void *load, struct bytes piece);      /* CORRUPT, NOT_SUPPORTED (of a newer version, or a service is missing) */
    /* `take`: from now on the state is the loaded one; else it is dropped. Errors as load_next, with *ret_note (memory_free); then the present state stays. */
    enum grid_err (*load_end)(void *context, void *load, bool take, char **ret_note);
};

/* Shims that simulator runs may switch off to prove that they are needed; bit n = shim number of raft/README.md. */
struct group_shims { uint64_t disabled; };
/* The bit of a shim by its name in raft/README.md ("S1", "S1b", ...); false: there is no such shim. */
bool group_shim_parse(const char *name, uint64_t *ret_bit);

struct group_set_options {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;      /* may be NULL */
    struct node_id self;
    const char *peer_listen_address;
    const struct peer_address *members;   /* static voters of every group; copied */
    size_t members_count;
    struct uuid cluster_uuid;
    uint64_t incarnation;                 /* of the data directory */
    uint64_t log_owner;                   /* is in every flush of the log: a log with another owner is refused */
    uint64_t features;                    /* of this node, for its links */
    const uint32_t *services;             /* numbers of the services of its program, for its links; copied */
    size_t services_count;
    enum compress_mode compression;
    uint32_t packed_bytes_min;            /* frames below it are sent plain; 0: the usual bound */
    const char *version;                  /* of the program, for people; may be NULL */
    struct manifest *manifest;            /* borrowed until close; NULL: nothing about log and peers is remembered (tests) */
    uint32_t groups;
    bool sync;                            /* durability: fsync (true) or os */
    uint32_t election_timeout_ms;         /* 0: 1000; spread to twice that */
    uint32_t heartbeat_ms;                /* 0: 100; ticks run at half of it */
    uint64_t log_disk_bytes_max;          /* 0: LOG_DISK_BYTES_DEFAULT */
    uint64_t log_memory_bytes_max;        /* 0: LOG_MEMORY_BYTES_DEFAULT */
    uint64_t segment_bytes;               /* 0: default of the log */
    uint64_t snapshot_bytes;              /* a group takes a snapshot when its log has grown by so much, or by the size of its last one if that is more; 0: SNAPSHOT_BYTES_DEFAULT */
    uint64_t snapshot_entries;            /* or by so many entries; 0: SNAPSHOT_ENTRIES_DEFAULT */
    uint64_t trailing_bytes;              /* of entries kept in memory behind a snapshot, for members that are a little behind; 0: SNAPSHOT_TRAILING_BYTES_DEFAULT */
    uint64_t transfer_bytes_per_second;   /* of snapshots to one member; 0: as fast as the link takes it */
    uint32_t snapshot_slice_bytes;        /* of a snapshot in one go; 0: SNAPSHOT_SLICE_BYTES. For tests, as is the next one */
    uint32_t snapshot_rest_us;            /* between two slices; 0: the loop's other work */
    uint32_t append_entries_max;          /* in one message to a member; 0: APPEND_ENTRIES_MAX. For tests (S21) */
    uint64_t room_bytes;                  /* the disk counts as full if the log has less room than this; 0: ENTRY_BYTES_MAX */
    struct group_shims shims;             /* all zero in production */
    void (*fatal)(void *context, enum grid_err err, const char *what);
    void *context;
};

/* Recovers the log and creates the groups, not yet running. Errors: CORRUPT, IO, MISMATCH, INVALID; *ret_note says what
 * and where (memory_free). Life: open -> group_attach for each -> group_set_start -> ... -> group_set_close. */
enum grid_err group_set_open(const struct group_set_options *options, struct group_set **ret_set, char **ret_note);
/* Attaches the machine of a group; required for every group before start. Borrows it until close. */
void group_attach(struct group *group, const struct group_machine *machine);
/* Listens for peers and starts all groups (bootstrapping those without state) at the end of the loop iteration.
 * First every machine loads the snapshot of its group, which blocks. NOT_SUPPORTED: a machine does not admit an entry of the log or its snapshot; CORRUPT, IO: a
 * snapshot is damaged or missing; then nothing was started. Else errors as transport_listen. */
enum grid_err group_set_start(struct group_set *set, char **ret_note);
/* Whether group_set_start got past the snapshots: an error after that is one of listening, or an entry that is not admitted. */
bool group_set_loaded(const struct group_set *set);
/* Stops everything at once; every outstanding proposal is dropped, every read ends with CLOSED. Safe after fatal and
 * inside it. The one place where callbacks run from inside a call. */
void group_set_close(struct group_set *set);
struct group *group_set_get(struct group_set *set, struct partition_id partition);
struct peers *group_set_peers(struct group_set *set);
/* Groups in which this node has lost state and takes no part in votes until it is whole again (raft/groups/rejoin.h); 0 usually. */
uint32_t group_set_rejoining(const struct group_set *set);

/* Proposes one entry; `command` is copied. OK means queued: exactly one of apply(token) or dropped(token) follows. Bounds in bytes are not
 * checked here: messages between partitions, acknowledgements and timers are never refused because of them (R6). The caller checks group_set_log_full
 * before it accepts a client's command. Errors: NOT_LEADER (not GROUP_READY), LOG_FULL (group_set_room is not FREE), TOO_LARGE, BUSY
 * (group_handing_over), UNAVAILABLE (after fatal). Token must not be NULL. */
enum grid_err group_propose(struct group *group, struct bytes command, void *token);

/* A linearizable read point (read index confirmed by a majority at the transport, D9). `done` runs exactly once, when
 * this replica has applied everything up to the read index, or with NOT_LEADER / UNAVAILABLE. */
struct group_read {
    void (*done)(void *context, enum grid_err err, uint64_t index);
    void *context;
    struct group_read *next;              /* belongs to the group until done */
};
void group_read(struct group *group, struct group_read *read);

/* Hands leadership to another voter as soon as that has the whole log. For a heartbeat, proposals are still accepted; after that, or once the target
 * has everything, they get BUSY until the target leads or the transfer is given up, some heartbeats after its start. Errors: NOT_LEADER, INVALID,
 * BUSY (another transfer), UNAVAILABLE (not group_peer_recent, or it has lost state). Completion shows as a role change. */
enum grid_err group_transfer(struct group *group, struct node_id target);
/* Whether a transfer is under way: requested, neither complete nor given up. */
bool group_transferring(const struct group *group);
/* A proposal would get BUSY now, but only for a short time: keep it and try again. */
bool group_handing_over(struct group *group);
/* Whether this node leads the group and the member answered it within the last three heartbeats. */
bool group_peer_recent(struct group *group, struct node_id node);
/* Number of entries that the member has not acknowledged. Only on the leader. */
uint64_t group_peer_lag(const struct group *group, struct node_id node);

/* Whether there is room for entries. */
enum group_room {
    GROUP_ROOM_FREE,
    GROUP_ROOM_OWN_FULL,          /* the disk of this node is full */
    GROUP_ROOM_OTHERS_FULL,       /* this node has room, but no majority has */
};
enum group_room group_set_room(const struct group_set *set);
/* Whether leadership may be handed to a member: it is this node or connected, and has not said that its disk is full. */
bool group_set_has_room(const struct group_set *set, struct node_id member);
/* The disk of this node is full and its groups are being handed to members with room: a request that is repeated soon finds another leader. */
bool group_set_handing_over(const struct group_set *set);

struct group_status {
    enum group_role role;
    uint64_t term, commit_index, applied_index, last_index;
    uint64_t leader_commit_index;         /* as the leader last said it; 0: it has not, since the link to it came up */
    uint64_t snapshot_index;              /* of the newest snapshot whose note in the log is durable; 0: none */
    uint64_t snapshot_bytes;              /* of its file */
    uint64_t snapshot_taken_ms;           /* clock_now_ms when it began; 0: before the start, or it came from a leader */
    uint64_t log_bytes;                   /* of entries behind it, which a start reads */
    struct node_id leader;                /* 0 when unknown */
    uint32_t voters;
};
struct group_status group_status(const struct group *group);
/* Asks for a snapshot of what is applied now, as soon as none of the group is under way; those that were asked for come before the others. Nothing happens
 * if the newest snapshot has everything. */
void group_ask_snapshot(struct group *group);

/* A member that is behind its leader. */
struct group_lag {
    struct node_id node;
    uint64_t entries;                     /* that it has not acknowledged */
    bool lacks;                           /* the leader no longer keeps what it needs next: it needs the snapshot */
    bool sending;                         /* which is on its way: */
    uint64_t sent_bytes, transfer_bytes;  /* written there, of so many; 0 of 0: it is only offered yet */
};
/* On the leader: members that lack the snapshot, are GROUP_LAG_ENTRIES behind, or are behind and do not answer. On others 0. */
enum { GROUP_LAG_ENTRIES = 1000 };
size_t group_lagging(struct group *group, struct group_lag ret_lags[REPLICAS_MAX]);
uint64_t group_set_log_disk_bytes(const struct group_set *set);
/* Of transfers of snapshots, since the start. */
struct group_set_transfers { uint64_t sent_bytes, received_bytes, begun, resumed; };
struct group_set_transfers group_set_transfers(const struct group_set *set);
/* Of the files of snapshots: those the log names, those that are written, and those that are received. */
uint64_t group_set_snapshot_disk_bytes(const struct group_set *set);
/* Position of the oldest byte that the log has; what was before it is in snapshots. */
uint64_t group_set_log_begin(const struct group_set *set);
uint64_t group_set_log_memory_bytes(const struct group_set *set);
/* log_disk_bytes_max or log_memory_bytes_max is reached: accept no more commands from clients. */
bool group_set_log_full(const struct group_set *set);

#endif
