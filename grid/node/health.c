#include "grid/node/health.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

void health_init(struct health *health, uint32_t partitions, uint32_t election_timeout_ms, uint64_t now_ms)
{
    REQUIRE(partitions > 0 && election_timeout_ms > 0);
    *health = (struct health){.partitions = partitions, .patience_ms = HEALTH_ELECTIONS * election_timeout_ms,
                              .election_timeout_ms = election_timeout_ms,
                              .leaderless_ms = memory_zero(partitions, sizeof *health->leaderless_ms),
                              .leaderless = partitions};
    health->progress = memory_zero(partitions, sizeof *health->progress);
    for (uint32_t i = 0; i < partitions; i++)
        health->leaderless_ms[i] = now_ms;
}

void health_close(struct health *health)
{
    memory_free(health->leaderless_ms);
    memory_free(health->progress);
    *health = (struct health){0};
}

void health_leader(struct health *health, uint32_t partition, bool known, uint64_t now_ms)
{
    REQUIRE(partition < health->partitions && now_ms != HEALTH_LED);
    uint64_t *since_ms = &health->leaderless_ms[partition];
    if (known == (*since_ms == HEALTH_LED))
        return;
    *since_ms = known ? HEALTH_LED : now_ms;
    health->leaderless += known ? UINT32_MAX : 1;      /* one less, or one more */
}

void health_applied(struct health *health, uint32_t partition, uint64_t applied, uint64_t committed, uint64_t now_ms)
{
    REQUIRE(partition < health->partitions);
    struct health_progress *progress = &health->progress[partition];
    progress->lacks = committed > applied ? committed - applied : 0;
    if (progress->target == 0) {
        progress->target = committed;
        progress->since_ms = now_ms;
    }
    if (progress->target == 0 || applied < progress->target)
        return;
    progress->reached = true;
    progress->since_ms = now_ms;
    if (committed > progress->target)
        progress->target = committed;
}

static void look_at_progress(struct health *health, uint64_t now_ms)
{
    health->behind = 0;
    health->behind_entries = 0;
    health->all_reached = true;
    for (uint32_t i = 0; i < health->partitions; i++) {
        const struct health_progress *progress = &health->progress[i];
        bool behind = progress->target != 0 && now_ms - progress->since_ms >= HEALTH_BEHIND_MS;
        health->all_reached = health->all_reached && progress->reached;
        health->behind += behind;
        health->behind_entries += behind ? progress->lacks : 0;
    }
}

static uint64_t longest_without_leader(const struct health *health, uint64_t now_ms)
{
    uint64_t longest_ms = 0;
    for (uint32_t i = 0; health->leaderless != 0 && i < health->partitions; i++) {
        uint64_t since_ms = health->leaderless_ms[i];
        if (since_ms <= now_ms && now_ms - since_ms > longest_ms)
            longest_ms = now_ms - since_ms;
    }
    return longest_ms;
}

/* A disk with hardly any room alternates between full and not full; the state does not. */
static void look_at_disk(struct health *health, bool disk_full, uint64_t now_ms)
{
    if (disk_full || !health->full) {
        health->full = disk_full;
        health->room_since_ms = now_ms;
    } else if (now_ms - health->room_since_ms >= HEALTH_ROOM_MS) {
        health->full = false;
    }
}

/* One stall often follows another: the state stays for a while after the last. */
static void look_at_loop(struct health *health, uint64_t loop_late_ms, uint64_t now_ms)
{
    if (!health->was_ready || now_ms - health->late_at_ms >= HEALTH_LATE_MS)
        health->late_ms = 0;
    if (!health->was_ready || loop_late_ms <= health->election_timeout_ms)
        return;
    health->late_at_ms = now_ms;
    if (loop_late_ms > health->late_ms)
        health->late_ms = loop_late_ms;
}

static enum health_state decide(const struct health *health)
{
    if (health->signs.draining)
        return HEALTH_DRAINING;
    if (health->signs.rejoining)
        return HEALTH_REJOINING;
    if (!health->was_ready)
        return health->leaderless == 0 && health->behind != 0 ? HEALTH_CATCHING_UP : HEALTH_STARTING;
    bool lost = health->longest_ms >= health->patience_ms;
    /* What was lost is lost until every partition has a leader again. */
    if (lost || (health->state == HEALTH_NO_QUORUM && health->leaderless != 0))
        return HEALTH_NO_QUORUM;
    if (health->full)
        return HEALTH_DISK_FULL;
    if (health->behind != 0)
        return HEALTH_CATCHING_UP;
    if (health->signs.memory_full)
        return HEALTH_MEMORY_FULL;
    return health->late_ms != 0 ? HEALTH_LATE : HEALTH_READY;
}

bool health_look(struct health *health, struct health_signs signs, uint64_t now_ms)
{
    enum health_state before = health->state;
    health->signs = signs;
    health->longest_ms = longest_without_leader(health, now_ms);
    look_at_loop(health, signs.loop_late_ms, now_ms);
    look_at_progress(health, now_ms);
    health->was_ready = health->was_ready || (health->leaderless == 0 && !signs.rejoining && health->all_reached);
    look_at_disk(health, signs.disk_full, now_ms);
    health->state = decide(health);
    return health->state != before;
}

const char *health_name(enum health_state state)
{
    static const char *const names[HEALTH_STATES] = {
        [HEALTH_STARTING] = "starting", [HEALTH_REJOINING] = "rejoining", [HEALTH_READY] = "ready",
        [HEALTH_NO_QUORUM] = "noQuorum", [HEALTH_DISK_FULL] = "diskFull", [HEALTH_MEMORY_FULL] = "memoryFull", [HEALTH_DRAINING] = "draining",
        [HEALTH_LATE] = "late", [HEALTH_CATCHING_UP] = "catchingUp"};
    REQUIRE(state < HEALTH_STATES);
    return names[state];
}

void health_reason(const struct health *health, struct buffer *out)
{
    switch (health->state) {
    case HEALTH_STARTING:
        if (health->leaderless != 0)
            buffer_append_format(out, "%" PRIu32 " of %" PRIu32 " partitions have no leader yet that this node knows%s", health->leaderless,
                                 health->partitions, health->full ? "; its disk is full" : "");
        else
            buffer_append_text(out, "this node applies what its leaders have committed");
        break;
    case HEALTH_CATCHING_UP:
        buffer_append_format(out, "%" PRIu32 " of %" PRIu32 " partitions are %" PRIu64 " entries behind their leaders, which send what this node lacks",
                             health->behind, health->partitions, health->behind_entries);
        break;
    case HEALTH_REJOINING:
        buffer_append_text(out, "this node lost its log; it does not vote or acknowledge until it has caught up with the others");
        break;
    case HEALTH_NO_QUORUM:
        buffer_append_format(out, "%" PRIu32 " of %" PRIu32 " partitions have had no leader for %" PRIu64
                             " ms: a majority of the nodes must run and reach each other%s", health->leaderless, health->partitions,
                             health->longest_ms, health->full ? "; the disk of this node is full as well" : "");
        break;
    case HEALTH_DISK_FULL:
        buffer_append_text(out, "the disk of this node is full: it takes no writes, and serves reads of the partitions that it leads; free space in its data directory");
        break;
    case HEALTH_MEMORY_FULL:
        buffer_append_text(out, "the memory of this node is full (memory.max): the cluster refuses writes that add data, and takes reads and removes; "
                                "remove data, or restart the nodes, one at a time, with a higher memory.max");
        break;
    case HEALTH_DRAINING:
        buffer_append_text(out, "this node hands over its partitions before it stops");
        break;
    case HEALTH_LATE:
        buffer_append_format(out, "the loop of this node was late by %" PRIu64 " ms: it gets too little processor time; free the machine, or give the "
                                  "process more", health->late_ms);
        break;
    case HEALTH_READY:
    case HEALTH_STATES:
        break;
    }
}
