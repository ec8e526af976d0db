#include "tests/sim/cluster/time_oracle.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/group.h"

enum {
    RATE_TENTH = 10, DRIFT_PPM_MOST = 600,
    READING_MS = 120,                  /* of one leader: a wall clock that jumps slews what passed since its last reading, half a second */
    HAND_OVER_MS = 1000, APART_PARTS = 5,   /* or a fifth of the time for which the next leader has heard nothing: two clocks may slew in opposite directions */
    OUTAGE_MS = 1000,
    TRUSTED_AFTER_US = 5000000,        /* healed so long, members have told each other their clocks */
    DUE_US = 2000000, LEADS_SINCE_US = 3000000,
};

/* One partition. */
struct line {
    bool begun, estimated;             /* estimated: the last look saw a leader that was not sure */
    uint64_t at_us;                    /* true time of the last look at a leader that was */
    uint64_t low_us, high_us;          /* log time then */
    size_t member;
    uint64_t term, incarnations[16];   /* of the members that had a note then; 0: it had none */
    uint64_t near_us[16];              /* true time when the note of the member was last near the leader's log time; 0: it has none */
    uint64_t since_us;                 /* true time since when this leader leads */
    uint64_t entry_ms, entry_us;       /* log time of the last entry that was seen, and when it was new */
    uint32_t clocks;                   /* that the leader knew at the last look */
    bool trusted;                      /* all clocks were known and most of them right when that was stamped */
    bool not_early;                    /* the leader cannot have stamped it too early */
    uint64_t jumped_ms;                /* what log time gained on true time in all */
    uint64_t due_ms, due_us;           /* what the last look found overdue, and since when: a change of settings makes the past due */
};

struct time_oracle {
    struct run *run;
    struct cluster *cluster;
    struct line *lines;
    uint64_t healed_us;                /* true time since when no faults come; 0: they do */
};

struct time_oracle *time_oracle_open(struct run *run, struct cluster *cluster)
{
    struct time_oracle *oracle = memory_zero(1, sizeof *oracle);
    oracle->run = run;
    oracle->cluster = cluster;
    oracle->lines = memory_zero(run->partitions, sizeof *oracle->lines);
    REQUIRE(run->nodes <= sizeof oracle->lines->incarnations / sizeof *oracle->lines->incarnations);
    return oracle;
}

void time_oracle_close(struct time_oracle *oracle)
{
    memory_free(oracle->lines);
    memory_free(oracle);
}

/* ---- what is to be expected */

/* What the line may be by now. */
static void advance(struct line *line, uint64_t now_us)
{
    uint64_t passed = now_us - line->at_us, slack = passed / RATE_TENTH + passed * DRIFT_PPM_MOST / 1000000;
    line->low_us += passed - slack;
    line->high_us += passed + slack;
    line->at_us = now_us;
}

/* In a healed world it does not matter which clock is wrong: they are the same before and after an outage. */
static bool clocks_are_right(const struct time_oracle *oracle)
{
    const struct world *world = oracle->run->world;
    return world_most_clocks_right(world) || (oracle->healed_us != 0 && world_now_us(world) - oracle->healed_us > TRUSTED_AFTER_US);
}

static size_t still_noted(const struct time_oracle *oracle, const struct line *line)
{
    size_t count = 0;
    for (size_t i = 0; i < oracle->run->nodes; i++) {
        count += line->incarnations[i] != 0 && cluster_node(oracle->cluster, i) && cluster_incarnation(oracle->cluster, i) == line->incarnations[i];
    }
    return count;
}

static bool is_near(uint64_t left_ms, uint64_t right_ms)
{
    return left_ms < right_ms + HAND_OVER_MS && right_ms < left_ms + HAND_OVER_MS;
}

static void note_members(const struct time_oracle *oracle, uint32_t number, struct line *line, uint64_t leader_ms)
{
    for (size_t i = 0; i < oracle->run->nodes; i++) {
        const struct node *node = cluster_node(oracle->cluster, i);
        struct node_log_time time = node ? node_log_time(node, (struct partition_id){number}) : (struct node_log_time){.grade = LOG_TIME_NONE};
        bool noted = time.grade == LOG_TIME_NOTED;
        line->incarnations[i] = noted ? cluster_incarnation(oracle->cluster, i) : 0;
        if (!noted) {
            line->near_us[i] = 0;
        } else if (!cluster_paused(oracle->cluster, i) && is_near(time.time_ms, leader_ms)) {
            line->near_us[i] = world_now_us(oracle->run->world);
        }
    }
}

static uint64_t hand_over_ms(const struct line *line, size_t member, uint64_t now_us)
{
    uint64_t apart_ms = line->near_us[member] != 0 ? (now_us - line->near_us[member]) / 1000 / APART_PARTS : 0;
    return apart_ms > HAND_OVER_MS ? apart_ms : HAND_OVER_MS;
}

/* ---- judging */

static void judge(struct time_oracle *oracle, uint32_t number, const struct line *line, uint64_t time_ms, uint64_t slack_ms,
                  const char *what)
{
    uint64_t low_ms = line->low_us / 1000, high_ms = line->high_us / 1000;
    if (time_ms + slack_ms < low_ms) {
        world_fail(oracle->run->world, "I30: partition %u: %s log time is %" PRIu64 " ms late", number, what, low_ms - time_ms);
    } else if (time_ms > high_ms + slack_ms) {
        world_fail(oracle->run->world, "I30: partition %u: %s log time is %" PRIu64 " ms early", number, what, time_ms - high_ms);
    }
}

static void judge_outage(struct time_oracle *oracle, uint32_t number, const struct line *line, uint64_t time_ms)
{
    struct world *world = oracle->run->world;
    if (line->trusted && clocks_are_right(oracle)) {
        judge(oracle, number, line, time_ms, OUTAGE_MS, "after an outage of all");
        run_count(oracle->run, "outages timed", 1);
        SOMETIMES(world, "log time outlives an outage of all");
    } else if (line->not_early && world_most_clocks_right(world) && time_ms > line->high_us / 1000) {
        judge(oracle, number, line, time_ms, OUTAGE_MS, "with one wrong clock");
    }
}

static void judge_leader(struct time_oracle *oracle, uint32_t number, struct line *line, size_t member, bool same, uint64_t time_ms)
{
    struct run *run = oracle->run;
    if (same && !line->estimated) {
        judge(oracle, number, line, time_ms, READING_MS, "under one leader");
    } else if (still_noted(oracle, line) > run->nodes / 2) {
        judge(oracle, number, line, time_ms, hand_over_ms(line, member, world_now_us(run->world)), "after a change of leader");
        run_count(run, "changes of leader timed", 1);
        SOMETIMES(run->world, "log time outlives its leader");
    } else {
        judge_outage(oracle, number, line, time_ms);
    }
    line->jumped_ms += time_ms > line->high_us / 1000 ? time_ms - line->high_us / 1000 : 0;
}

uint64_t time_oracle_jumped_ms(const struct time_oracle *oracle, uint32_t partition)
{
    return oracle->lines[partition].jumped_ms;
}

/* What is due ends soon, once somebody leads in peace. */
static void judge_due(struct time_oracle *oracle, uint32_t number, struct line *line, const struct partition *partition, uint64_t time_ms)
{
    uint64_t due_ms, now_us = world_now_us(oracle->run->world);
    bool peace = oracle->healed_us != 0 && now_us - oracle->healed_us > LEADS_SINCE_US && now_us - line->since_us > LEADS_SINCE_US;
    if (!peace || !partition_next_due_ms(partition, &due_ms) || due_ms == 0 || due_ms >= time_ms) {
        line->due_ms = 0;
    } else if (line->due_ms != due_ms) {
        line->due_ms = due_ms;
        line->due_us = now_us;
    } else if (now_us - line->due_us > DUE_US) {
        world_fail(oracle->run->world, "I30: partition %u: what was due at %" PRIu64 " is not done at %" PRIu64, number, due_ms, time_ms);
    }
}

/* The wall time of an entry is then that of a wrong clock, until all are known: of two, the one nearer to log time counts. A leader founds log time with
 * its own clock if it knows no other. */
static bool is_behind(const struct time_oracle *oracle, uint64_t entry_ms, uint32_t clocks)
{
    return clocks < oracle->run->nodes && entry_ms + OUTAGE_MS < world_wall_ms(oracle->run->world);
}

static void look_at_entries(struct time_oracle *oracle, struct line *line, const struct partition *partition, uint32_t clocks)
{
    uint64_t entry_ms = partition_log_time_ms(partition);
    if (entry_ms > line->entry_ms) {
        line->entry_ms = entry_ms;
        line->entry_us = world_now_us(oracle->run->world);
        line->trusted = clocks == oracle->run->nodes && line->clocks == clocks && clocks_are_right(oracle);
        line->not_early = clocks > 1 && line->clocks > 1 && !is_behind(oracle, entry_ms, clocks);
    }
    line->clocks = clocks;
}

static void look(struct time_oracle *oracle, uint32_t number, size_t member, uint64_t term)
{
    struct line *line = &oracle->lines[number];
    struct partition_id id = {number};
    const struct node *node = cluster_node(oracle->cluster, member);
    struct node_log_time time = node_log_time(node, id);
    bool same = line->begun && line->member == member && line->term == term && line->incarnations[member] != 0 &&
                line->incarnations[member] == cluster_incarnation(oracle->cluster, member);
    if (time.grade != LOG_TIME_NOTED) {
        line->estimated = true;
        line->entry_ms = partition_log_time_ms(node_partition(node, id)); /* its stamps are as good as those before */
        line->clocks = 0;
        return;
    }
    if (line->begun) {
        advance(line, world_now_us(oracle->run->world));
        judge_leader(oracle, number, line, member, same, time.time_ms);
    }
    line->clocks = same ? line->clocks : 0;
    line->since_us = same ? line->since_us : world_now_us(oracle->run->world);
    line->begun = true;
    line->estimated = false;
    line->at_us = world_now_us(oracle->run->world);
    line->low_us = line->high_us = time.time_ms * 1000;
    line->member = member;
    line->term = term;
    note_members(oracle, number, line, time.time_ms);
    judge_due(oracle, number, line, node_partition(node, id), time.time_ms);
    look_at_entries(oracle, line, node_partition(node, id), time.clocks);
}

static bool faults_come(const struct world *world)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (fault_on(world, (enum fault)i)) {
            return true;
        }
    }
    return false;
}

void time_oracle_look(struct time_oracle *oracle)
{
    struct world *world = oracle->run->world;
    if (faults_come(world)) {
        oracle->healed_us = 0;
    } else if (oracle->healed_us == 0) {
        oracle->healed_us = world_now_us(world);
    }
    for (uint32_t number = 0; number < oracle->run->partitions && !world_failed(world); number++) {
        size_t leader = oracle->run->nodes;
        uint64_t term = 0;
        for (size_t i = 0; i < oracle->run->nodes; i++) {
            struct node *node = cluster_node(oracle->cluster, i);
            struct group_status status = node ? group_status(node_group(node, (struct partition_id){number})) : (struct group_status){0};
            if (node && node_log_time(node, (struct partition_id){number}).leads && status.term > term) {
                leader = i;
                term = status.term;
            }
        }
        /* A process that stands still reads no clock; it is judged when it goes on, by all that has passed. */
        if (leader < oracle->run->nodes && !cluster_paused(oracle->cluster, leader)) {
            look(oracle, number, leader, term);
        }
    }
}
