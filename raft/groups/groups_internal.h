/* Shared by the files that implement raft/group.h: the set, its groups, and waiting reads. */
#ifndef RAFT_GROUPS_GROUPS_INTERNAL_H
#define RAFT_GROUPS_GROUPS_INTERNAL_H

#include "grid/base/prng.h"
#include "raft/group.h"
#include "raft/guard/guard.h"
#include "raft/groups/rejoin.h"
#include "raft/groups/catch_up.h"
#include "raft/groups/held.h"
#include "raft/groups/install.h"
#include "raft/groups/replay.h"
#include "raft/groups/room.h"
#include "raft/groups/snapshots.h"

/* A proposal that the library has accepted; in the order of the entries. */
struct proposal {
    struct raft_apply request;               /* must be first: the library returns it */
    struct group *group;
    void *token;
    struct proposal *next;
};

/* Reads that share one confirmation. */
struct read_batch {
    struct read_batch *next;
    struct group_read *reads;
    uint64_t sequence, index, started_ms;
    enum grid_err err;                       /* once finished */
};

struct read_queue { struct group_read *first, *last; };

struct group {
    struct group_set *set;
    uint32_t number;
    struct group_machine machine;
    bool attached;
    struct guard guard;
    struct proposal *proposals_first, *proposals_last;
    enum group_role role_told;
    uint64_t term_told;
    /* Reads without a confirmation round yet; then batches, oldest first. */
    struct read_queue reads_new;
    struct read_batch *batches_first, *batches_last;
    uint64_t read_sequence;
    uint64_t confirmed[REPLICAS_MAX];        /* by member: highest sequence confirmed in `confirmed_term` */
    uint64_t confirmed_term;
    struct group *next_asking;
    bool asking;
    struct rejoin_group rejoin;
    struct replay_group replay;
    struct snapshot_group snapshot;
    struct install_group install;
};

struct group_set {
    struct io *io;
    struct logger *logger;
    struct node_id self;
    struct node_id members[REPLICAS_MAX];
    size_t members_count;
    struct group_shims shims;
    uint32_t election_timeout_ms, heartbeat_ms;
    uint32_t append_entries_max;
    uint64_t disk_bytes_max, memory_bytes_max;
    void (*fatal)(void *context, enum grid_err err, const char *what);
    void *context;

    struct peers *peers;
    struct wal *wal;
    struct rejoin rejoin;
    struct group_io_host host;
    struct prng prng;
    struct group *groups;
    uint32_t groups_count;
    struct timer tick_timer;
    struct deferred start_deferred, reads_deferred, fatal_deferred;
    struct held held;                        /* frames that wait for the log */
    struct room room;
    struct replay replay;
    struct snapshots snapshots;
    struct catch_up catch_up;
    uint32_t installs;                       /* groups that install a snapshot */
    struct metric_gauge *held_gauge;         /* NULL without metrics */
    struct group *asking_first;
    struct read_batch *finished_first, *finished_last;
    struct buffer rows;                      /* scratch of confirmations */
    bool loaded, running, failed, closing;
    /* True inside apply, dropped or role, where proposals and reads are not allowed. */
    bool inside;
    enum grid_err failed_err;
    char failed_what[400];
};

/* group.c */
void group_init(struct group *group, struct group_set *set, uint32_t number, struct wal_group_state *state);
void group_drop_proposals(struct group *group);
bool group_admits_log(struct group *group);         /* the machine, the recovered log; before start only */

/* group_failure.c: stops everything and reports once, from the loop. */
void group_set_fail(struct group_set *set, enum grid_err err, const char *what);

/* group_members.c. Position among the members, or their number. */
size_t group_set_position(const struct group_set *set, struct node_id node);
/* Where a whole frame is written that must not leave before the log is durable up to `lsn` (held_put). */
struct buffer *group_set_hold(struct group_set *set, uint32_t group, struct node_id to, enum held_kind kind, uint64_t lsn);

/* group_reads.c */
void group_reads_register(struct group_set *set);
/* Leadership is lost: ends every read of the group with this error. */
void group_reads_fail(struct group *group, enum grid_err err);
/* Repeats unanswered confirmations and ends reads that took too long. */
void group_reads_tick(struct group_set *set);
/* Ends all reads at once, for close. */
void group_reads_close(struct group_set *set);

#endif
