#include "raft/guard/guard_snapshot.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/guard/guard_log.h"
#include "raft/guard/guard_message.h"

/* ---- own snapshots */

uint64_t guard_snapshot_index(const struct guard *guard)
{
    return guard->io.loaded.snapshot.index;
}

static struct bytes configuration_of(const struct guard *guard)
{
    const struct wal_snapshot *newest = &guard->io.loaded.snapshot;
    if (newest->index != 0)
        return newest->configuration;
    const struct raft_entry *entry = guard_log_entry(&guard->raft, guard->raft.configuration_index);
    REQUIRE(entry != NULL && entry->type == RAFT_CHANGE);
    return bytes_of(entry->buf.base, entry->buf.len);
}

struct wal_snapshot guard_snapshot_head(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    if (!guard->started || guard->broken || guard->frozen || raft->last_applied <= guard_snapshot_index(guard))
        return (struct wal_snapshot){0};
    HOLDS(raft->configuration_index == 1 && raft->configuration_uncommitted_index == 0);
    return (struct wal_snapshot){raft->last_applied, guard_log_term(raft, raft->last_applied), raft->configuration_index,
                                 configuration_of(guard)};
}

uint64_t guard_snapshot_note(struct guard *guard, const struct wal_snapshot *snapshot)
{
    REQUIRE(snapshot->index <= guard->raft.last_applied && snapshot->index > guard_snapshot_index(guard));
    return group_io_note_snapshot(&guard->io, snapshot, false);
}

/* How far the member that is furthest behind is, among those that answer. */
static uint64_t furthest_behind(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; raft->state == RAFT_LEADER && i < raft->configuration.n; i++) {
        const struct raft_progress *progress = &raft->leader_state.progress[i];
        bool answers = guard->answered_ms[i] != 0 && progress->state != GUARD_PROGRESS_SNAPSHOT;
        if (raft->configuration.servers[i].id != raft->id && answers && progress->match_index < least)
            least = progress->match_index;
    }
    return least;
}

void guard_snapshot_noted(struct guard *guard, uint64_t trailing_bytes)
{
    struct raft *raft = &guard->raft;
    uint64_t index = guard_snapshot_index(guard), behind = furthest_behind(guard), kept = 0;
    guard_log_snapshot(raft, index);
    const struct raft_entry *entry;
    while ((entry = guard_log_entry(raft, index)) != NULL) {
        kept += GROUP_IO_ENTRY_BYTES + entry->buf.len;
        if (kept > (index > behind ? TRAILING_SLOW * trailing_bytes : trailing_bytes))
            break;
        index--;
    }
    if (guard->release_to < index)
        guard->release_to = index;
}

static void count_released(void *context, size_t size)
{
    group_io_release_entry(context, size);
}

bool guard_release(struct guard *guard, size_t max)
{
    struct raft *raft = &guard->raft;
    uint64_t to = guard->release_to < raft->log.offset + max ? guard->release_to : raft->log.offset + max;
    if (guard->broken || to <= raft->log.offset)
        return false;
    guard_log_release(raft, to, count_released, &guard->io);
    HOLDS(guard_holds(guard));
    return raft->log.offset < guard->release_to;
}

bool guard_peer_lacks(const struct guard *guard, struct node_id node)
{
    const struct raft *raft = &guard->raft;
    unsigned position = guard_log_position(raft, node.value);
    return guard->started && !guard->broken && raft->state == RAFT_LEADER && position < raft->configuration.n &&
           raft->leader_state.progress[position].state == GUARD_PROGRESS_SNAPSHOT;
}

/* ---- snapshots of a leader */

static bool follows(const struct guard *guard, const struct guard_install *install)
{
    return guard->started && !guard->broken && guard->raft.state == RAFT_FOLLOWER && guard->raft.current_term == install->term;
}

/* B17: an index alone says nothing; the entry there may be of another term. */
static bool has_all(const struct guard *guard, const struct guard_install *install)
{
    const struct raft *raft = &guard->raft;
    return raft->commit_index >= install->index ||
           (raft->last_stored >= install->index && guard_log_term(raft, install->index) == install->last_term);
}

static void answer(struct guard *guard, const struct guard_install *install)
{
    struct group_io *io = &guard->io;
    guard_message_verified(guard, install->term, install->index);
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES_RESULT, .server_id = install->from.value};
    message.append_entries_result = (struct raft_append_entries_result){.term = install->term, .last_log_index = install->index};
    if (io->host->link(io->host->context, install->from) == GROUP_IO_UP)
        io->host->send(io->host->context, io->group, &message, io->meta_lsn);
}

/* The leader is heard, as with a heartbeat: term, timer, and a candidate steps down. It says nothing about what is committed. */
static void hear_leader(struct guard *guard, const struct guard_install *install)
{
    uint64_t term = guard->heard_term, commit = guard->heard_commit;
    struct node_id from = guard->heard_from;
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES, .server_id = install->from.value};
    message.append_entries = (struct raft_append_entries){.term = install->term};
    guard_message_deliver(guard, &message);
    guard->heard_term = term;
    guard->heard_commit = commit;
    guard->heard_from = from;
    guard_settle(guard);
}

bool guard_install_needless(struct guard *guard, const struct guard_install *install)
{
    if (guard->broken || !guard->started || guard->frozen || install->term < guard->raft.current_term)
        return false;
    hear_leader(guard, install);
    if (!follows(guard, install) || !has_all(guard, install))
        return false;
    answer(guard, install);
    return true;
}

bool guard_install_wanted(struct guard *guard, const struct guard_install *install)
{
    return !guard_install_needless(guard, install) && !guard->frozen && follows(guard, install);
}

void guard_install_freeze(struct guard *guard)
{
    guard->frozen = true;
}

void guard_install_thaw(struct guard *guard)
{
    guard->frozen = false;
}

enum guard_install_step guard_install_step(struct guard *guard, const struct guard_install *install)
{
    REQUIRE(guard->frozen);
    if (guard->raft.state == RAFT_LEADER || has_all(guard, install)) {
        guard->frozen = false;
        return GUARD_INSTALL_OVERTAKEN;
    }
    return guard->io.appends_count == 0 ? GUARD_INSTALL_READY : GUARD_INSTALL_WAITS;
}

uint64_t guard_install_note(struct guard *guard, const struct wal_snapshot *snapshot)
{
    REQUIRE(guard->frozen && guard->io.appends_count == 0);
    return group_io_note_snapshot(&guard->io, snapshot, true);
}

void guard_install_end(struct guard *guard, const struct guard_install *install)
{
    REQUIRE(guard->frozen && guard->io.appends_count == 0);
    struct group_io *io = &guard->io;
    struct guard_options options = guard->options;
    struct group_io_host *host = io->host;
    uint32_t group = io->group;
    bool apart = guard->apart;
    const struct wal_snapshot *noted = &io->loaded.snapshot;
    struct bytes configuration = bytes_of(memory_copy(noted->configuration.data, noted->configuration.size), noted->configuration.size);
    struct wal_group_state state = {.term = io->term, .vote = io->vote, .snapshot = *noted, .first_index = noted->index + 1};
    state.snapshot.configuration = configuration;
    host->entries_bytes -= io->entries_bytes;
    guard_close(guard);
    guard_init(guard, &options, host, group, &state);
    guard->apart = apart;
    guard_start(guard);
    if (follows(guard, install))
        answer(guard, install);
}
