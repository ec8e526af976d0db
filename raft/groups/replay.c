#include "raft/groups/replay.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "raft/groups/groups_internal.h"

/* Applying may take long inside one callback: the clock is read there, too, but not for every entry. */
enum { CALLS_BETWEEN_LOOKS = 256 };

void replay_begin(struct group_set *set)
{
    set->replay = (struct replay){.since_ms = clock_now_ms(set->io->clock)};
    set->replay.said_ms = set->replay.since_ms;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        struct group *group = &set->groups[i];
        group->replay = (struct replay_group){.last = group_io_recovered(&group->guard.io), .at = guard_snapshot_index(&group->guard)};
        set->replay.entries += group->replay.last - group->replay.at;
    }
    set->replay.going_on = set->replay.entries > 0;
}

static void say_progress(struct group_set *set)
{
    struct replay *replay = &set->replay;
    uint64_t now_ms = clock_now_ms(set->io->clock);
    if (now_ms - replay->said_ms < REPLAY_SAY_EVERY_MS || replay->applied == replay->said_applied)
        return;
    replay->said_ms = now_ms;
    replay->said_applied = replay->applied;
    LOG_INFO(set->logger, "raft", "replay: %" PRIu64 " of %" PRIu64 " entries (%" PRIu64 " %%) applied after %" PRIu64 " s", replay->applied,
             replay->entries, replay->applied * 100 / replay->entries, (now_ms - replay->since_ms) / 1000);
}

static void advance(struct group *group, uint64_t index)
{
    uint64_t to = index < group->replay.last ? index : group->replay.last;
    group->set->replay.applied += to - group->replay.at;
    group->replay.at = to;
}

void replay_applied(struct group *group, uint64_t index)
{
    struct replay *replay = &group->set->replay;
    REQUIRE(replay->going_on && index > group->replay.at);
    advance(group, index);
    if (++replay->calls % CALLS_BETWEEN_LOOKS == 0)
        say_progress(group->set);
}

/* Entries that carry no command were not seen, and those that no leader had will not come. */
static bool is_done(struct group *group)
{
    uint64_t applied = guard_applied_index(&group->guard);
    if (applied > group->replay.at)
        advance(group, applied);
    if (applied < guard_last_index(&group->guard) && group->replay.at < group->replay.last)
        return false;
    advance(group, group->replay.last);
    return true;
}

void replay_tick(struct group_set *set)
{
    struct replay *replay = &set->replay;
    if (!replay->going_on)
        return;
    bool done = true;
    for (uint32_t i = 0; i < set->groups_count; i++)
        done = (set->groups[i].replay.at == set->groups[i].replay.last || is_done(&set->groups[i])) && done;
    if (!done) {
        say_progress(set);
        return;
    }
    uint64_t took_ms = clock_now_ms(set->io->clock) - replay->since_ms;
    HOLDS(replay->applied == replay->entries);
    replay->going_on = false;
    LOG_INFO(set->logger, "raft", "replay: all %" PRIu64 " entries applied after %" PRIu64 ".%03" PRIu64 " s", replay->entries, took_ms / 1000,
             took_ms % 1000);
}
