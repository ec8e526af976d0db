/* Disk and network for one instance of the consensus library: its `struct raft_io` on top of the shared log.
 *
 * The library relies on these rules in addition to its documented ones (the others are in raft/guard/guard.c):
 * - writing term and vote does not block; the lsn of the record is kept, and no message of the group may leave the
 *   node before that record is durable (group_io_may_leave);
 * - append requests complete in order, only when durable, never inside the call;
 * - send requests complete right after the library has returned (group_io_complete_sends), never inside the call;
 * - sending an answer never fails, because the library would free its entries twice; sending AppendEntries never fails, because the
 *   library would collect the entries again for every proposal while a peer is disconnected (events.lost).
 *
 * One group_io_host per set, one group_io per group, embedded in its guard. Single threaded. */
#ifndef RAFT_GUARD_GROUP_IO_H
#define RAFT_GUARD_GROUP_IO_H

#include <raft.h>

#include "grid/base/ids.h"
#include "grid/base/limits.h"
#include "raft/wal/wal.h"

/* How the guard corrects what passes between library, disk and network. All functions are required. */
struct group_io_events {
    void *context;
    /* Called before the library loads the recovered log. */
    void (*before_load)(void *context, const struct wal_group_state *loaded);
    /* An append is durable (status 0) or failed; calls `done`. */
    void (*append_done)(void *context, struct raft_io_append *request, raft_io_append_cb done, uint64_t last_index, int status);
    /* Corrects an outgoing message; false: it must not leave. */
    bool (*outgoing)(void *context, struct raft_message *message);
    /* An AppendEntries to `to` was dropped: the link is down, or too many bytes wait on it. */
    void (*lost)(void *context, struct node_id to);
    /* Bytes of an entry in the library. */
    size_t (*entry_size)(void *context, uint64_t index);
    bool by_number;                            /* S6: the address of an answer may be garbage; only the node id is used */
};

enum group_io_link { GROUP_IO_UNKNOWN, GROUP_IO_DOWN, GROUP_IO_UP };

struct group_io_host {
    struct wal *wal;
    void *context;
    uint64_t (*now_ms)(void *context);
    /* Both bounds inclusive. */
    int (*random)(void *context, uint32_t group, int low, int high);
    enum group_io_link (*link)(void *context, struct node_id node);
    /* Copies. The message must not leave before the log is durable up to `hold_lsn`. The link is up. */
    void (*send)(void *context, uint32_t group, const struct raft_message *message, uint64_t hold_lsn);

    /* This node starts elections late, because other members are better leaders. */
    bool gives_way;

    /* Belongs to this module. */
    struct group_append *appends_first, *appends_last;
    struct wal_entry *scratch;
    size_t scratch_capacity;
    uint64_t entries_bytes;                    /* of all groups, in memory */
};

struct group_io_send { struct raft_io_send *request; raft_io_send_cb done; };
struct group_io_get { struct raft_io_snapshot_get *request; raft_io_snapshot_get_cb done; };

struct group_io {
    struct raft_io base;
    struct group_io_host *host;
    struct group_io_events events;
    uint32_t group;
    struct wal_group_state loaded;             /* until load; then only its snapshot, the newest one that the log names */
    uint64_t appended_bytes;                   /* of all entries that ever were in the log of this life, with their cost */
    uint64_t term, vote;
    uint64_t meta_lsn;                         /* of the newest term or vote */
    uint64_t next_index;                       /* of the next entry appended */
    uint32_t appends_count;                    /* in flight */
    uint64_t entries_bytes;
    struct group_io_send *sends;
    size_t sends_count, sends_capacity;
    struct group_io_get gets[REPLICAS_MAX];
    size_t gets_count;
    raft_io_tick_cb tick;
    raft_io_recv_cb receive;
};

/* Memory for one entry in addition to its payload: slot, reference, allocation. */
enum { GROUP_IO_ENTRY_BYTES = 96 };

/* Takes `state`. */
void group_io_init(struct group_io *io, struct group_io_host *host, const struct group_io_events *events, uint32_t group,
                   struct wal_group_state *state);
/* Frees the rest, if the library never ran or after it was closed. */
void group_io_close(struct group_io *io);
/* Whether recovery found a record of the group; if not, the group must be bootstrapped. */
bool group_io_fresh(const struct group_io *io);
/* The configuration that recovery found, in its first entry or the snapshot; empty: none. Only when not yet loaded. */
struct bytes group_io_configuration(const struct group_io *io);
/* Notes a snapshot whose file is durable; `install`: it replaces the log. Returns the lsn of the note. Copies the configuration. */
uint64_t group_io_note_snapshot(struct group_io *io, const struct wal_snapshot *snapshot, bool install);
/* An entry of `size` bytes left the memory. */
void group_io_release_entry(struct group_io *io, size_t size);
/* Every command that recovery found, in order; only before load. */
void group_io_each_command(const struct group_io *io, void (*each)(void *context, uint64_t index, struct bytes command), void *context);
uint64_t group_io_recovered(const struct group_io *io);    /* index of the last entry that recovery found; 0: none; only before load */
bool group_io_may_leave(const struct group_io *io);
void group_io_complete_sends(struct group_io *io);

/* Completes appends up to `lsn` through events.append_done. */
void group_io_durable(struct group_io_host *host, uint64_t lsn);
/* Completes every append in flight as failed, as it would happen without fail-stop (S10). */
void group_io_fail(struct group_io_host *host);
void group_io_host_close(struct group_io_host *host);

#endif
