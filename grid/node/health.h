/* The state of a node, as its status, /health/ready and metrics say it: steady enough to act on.
 *
 *   starting   not ready since its start: it replays its log, has no links, or some partition has no leader that it knows
 *   rejoining  it lost its log and does not count until it has caught up
 *   ready      takes reads and writes, its own or by naming the leader
 *   noQuorum   was ready; of some partition it has known no leader for HEALTH_ELECTIONS election timeouts
 *   diskFull   its disk takes no entries: it refuses writes, and serves reads of what it leads
 *   memoryFull its memory has reached its bound: writes that add data are refused in the whole cluster
 *   late       its loop was late by more than an election timeout within the last HEALTH_LATE_MS: it gets too little processor time
 *   draining   hands over before a stop
 *
 * One election is no change of state: it takes up to two election timeouts. noQuorum ends when every partition has a leader;
 * diskFull ends when there has been room for HEALTH_ROOM_MS; memoryFull, as memory_use.h says. When several apply, the first of draining, rejoining, starting,
 * noQuorum, diskFull, memoryFull, late is said, because what it stands for includes what follows.
 *
 * late: whatever a node does waits for its loop. One that was late by an election timeout has lost its leaderships to others, its
 * answers came late, and the next stall is likely. The state lets clients and load balancers go elsewhere meanwhile. A node that
 * starts may be late, because it replays its log; that does not count. A node that gets no time at all answers nobody.
 *
 * Pure: decisions from what it is told, and the time as an argument. Single threaded. */
#ifndef GRID_NODE_HEALTH_H
#define GRID_NODE_HEALTH_H

#include "grid/base/bytes.h"

enum { HEALTH_ELECTIONS = 5, HEALTH_ROOM_MS = 1000, HEALTH_LATE_MS = 5000 };

enum health_state {
    HEALTH_STARTING,
    HEALTH_REJOINING,
    HEALTH_READY,
    HEALTH_NO_QUORUM,
    HEALTH_DISK_FULL,
    HEALTH_MEMORY_FULL,
    HEALTH_DRAINING,
    HEALTH_LATE,
    HEALTH_STATES,
};

/* What is so at a moment, beside leaders. */
struct health_signs {
    bool draining, rejoining, disk_full, memory_full;
    uint64_t loop_late_ms;             /* by how much the loop is late */
};

struct health {
    enum health_state state;
    uint32_t partitions, patience_ms, election_timeout_ms;
    uint64_t *leaderless_ms;           /* by partition: since when; HEALTH_LED when it has a leader */
    uint32_t leaderless;               /* partitions without a leader now */
    uint64_t longest_ms;               /* the longest of them has been without for so long */
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
/* Looks at everything; whether the state changed. */
bool health_look(struct health *health, struct health_signs signs, uint64_t now_ms);

const char *health_name(enum health_state state);
/* One sentence for people why the node is not ready; nothing when it is. */
void health_reason(const struct health *health, struct buffer *out);

#endif
