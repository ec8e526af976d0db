/* The state of a node, as its status, /health/ready and metrics say it: steady enough to act on.
 *
 *   starting   not ready since its start: it replays its log, has no links, or some partition has no leader that it knows
 *   rejoining  it lost its log and does not count until it has caught up
 *   ready      takes reads and writes, its own or by naming the leader
 *   noQuorum   was ready; of some partition it has known no leader for HEALTH_ELECTIONS election timeouts
 *   catchingUp some replica is behind: HEALTH_BEHIND_MS ago its leader had committed entries that it has not applied yet
 *   diskFull   its disk takes no entries: it refuses writes, and serves reads of what it leads
 *   memoryFull its memory has reached its bound: writes that add data are refused in the whole cluster
 *   late       its loop was late by more than an election timeout within the last HEALTH_LATE_MS: it gets too little processor time
 *   draining   hands over before a stop
 *
 * One election is no change of state: it takes up to two election timeouts. noQuorum ends when every partition has a leader;
 * diskFull ends when there has been room for HEALTH_ROOM_MS; memoryFull, as memory_use.h says. When several apply, the first of draining, rejoining, starting,
 * noQuorum, diskFull, catchingUp, memoryFull, late is said, because what it stands for includes what follows.
 *
 * A node is ready for the first time only once each replica has applied what its leader had committed when it was first heard. Until then it is
 * starting, or catchingUp if that takes longer than HEALTH_BEHIND_MS. A replica that is always a little behind is not catching up: it applies, in time, what
 * was committed a moment ago.
 *
 * late: whatever a node does waits for its loop. One that was late by an election timeout has lost its leaderships to others, its
 * answers came late, and the next stall is likely. The state lets clients and load balancers go elsewhere meanwhile. A node that
 * starts may be late, because it replays its log; that does not count. A node that gets no time at all answers nobody.
 *
 * Pure: decisions from what it is told, and the time as an argument. Single threaded. */
#ifndef GRID_NODE_HEALTH_H
#define GRID_NODE_HEALTH_H

#include "grid/base/bytes.h"

enum { HEALTH_ELECTIONS = 5, HEALTH_ROOM_MS = 1000, HEALTH_LATE_MS = 5000, HEALTH_BEHIND_MS = 3000 };

enum health_state {
    HEALTH_STARTING,
    HEALTH_REJOINING,
    HEALTH_READY,
    HEALTH_NO_QUORUM,
    HEALTH_DISK_FULL,
    HEALTH_MEMORY_FULL,
    HEALTH_DRAINING,
    HEALTH_LATE,
    HEALTH_CATCHING_UP,
    HEALTH_STATES,
};

/* What is so at a moment, beside leaders. */
struct health_signs {
    bool draining, rejoining, disk_full, memory_full;
    uint64_t loop_late_ms;             /* by how much the loop is late */
};

/* How far a replica is. */
struct health_progress {
    uint64_t target;                   /* the leader had committed so much at since_ms; 0: it has said nothing yet */
    uint64_t since_ms;
    uint64_t lacks;                    /* entries between what is applied and what is committed, at the last look */
    bool reached;                      /* a target, once */
};

struct health {
    enum health_state state;
    uint32_t partitions, patience_ms, election_timeout_ms;
    uint64_t *leaderless_ms;           /* by partition: since when; HEALTH_LED when it has a leader */
    uint32_t leaderless;               /* partitions without a leader now */
    uint64_t longest_ms;               /* the longest of them has been without for so long */
    struct health_progress *progress;  /* by partition */
    uint32_t behind;                   /* partitions whose target is older than HEALTH_BEHIND_MS */
    uint64_t behind_entries;
    bool all_reached;
    bool was_ready, full;
    uint64_t room_since_ms;
    uint64_t late_ms, late_at_ms;      /* the worst delay of the loop lately, and when the last bad one was seen; 0: none */
    struct health_signs signs;         /* of the last look */
};

#define HEALTH_LED UINT64_MAX

/* No partition has a leader yet. */
void health_init(struct health *health, uint32_t partitions, uint32_t election_timeout_ms, uint64_t now_ms);
void health_close(struct health *health);
/* Whether this node knows a leader of the partition, or leads it and may serve. */
void health_leader(struct health *health, uint32_t partition, bool known, uint64_t now_ms);
/* The replica of the partition has applied so much of what the leader said to be committed; 0: it has said nothing. */
void health_applied(struct health *health, uint32_t partition, uint64_t applied, uint64_t committed, uint64_t now_ms);
/* Looks at everything; whether the state changed. */
bool health_look(struct health *health, struct health_signs signs, uint64_t now_ms);

const char *health_name(enum health_state state);
/* One sentence for people why the node is not ready; nothing when it is. */
void health_reason(const struct health *health, struct buffer *out);

#endif
