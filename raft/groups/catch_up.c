#include "raft/groups/catch_up.h"

#include <inttypes.h>

#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"
#include "raft/groups/install.h"
#include "raft/snapshot/transfers.h"

/* ---- a file is offered, and complete, here */

static bool is_known(void *context, struct node_id from, const struct transfer_what *what)
{
    struct group_set *set = context;
    return !set->failed && !set->closing && group_install_needless(&set->groups[what->group], from, what->leader_term, what->index, what->term);
}

static void on_complete(void *context, struct node_id from, uint64_t leader_term, const struct snapshot_head *head)
{
    struct group_set *set = context;
    struct wal_snapshot snapshot = {head->index, head->term, head->configuration_index, head->configuration};
    if (!set->failed && !set->closing)
        group_install(&set->groups[head->group], from, leader_term, &snapshot);
}

static void on_failed(void *context, enum grid_err err)
{
    group_set_fail(context, err, "writing a snapshot of another node failed");
}

/* ---- what is sent next */

static bool leads_on(const struct group_set *set, const struct catch_up_member *member)
{
    const struct guard *guard = &set->groups[member->group].guard;
    return guard_role(guard) == GUARD_LEADER && guard_term(guard) == member->term;
}

static bool begin(struct group_set *set, size_t position, uint32_t number, uint64_t now_ms)
{
    struct catch_up_member *member = &set->catch_up.members[position];
    struct wal_snapshot head;
    uint64_t term;
    if (now_ms < member->not_before_ms[number] || !group_peer_lacks(&set->groups[number], set->members[position], &term, &head))
        return false;
    if (!peers_feature(set->peers, set->members[position], FEATURE_SNAPSHOTS)) {
        member->not_before_ms[number] = now_ms + CATCH_UP_SAY_MS;
        LOG_WARN(set->logger, "raft", "partition %" PRIu32 ": node %" PRIu32 " lacks entries that only snapshots have, and its version takes none: "
                 "upgrade it", number, set->members[position].value);
        return false;
    }
    if (!transfers_send(set->catch_up.transfers, set->members[position], number, term, head.index))
        return false;
    member->sending = true;
    member->group = number;
    member->term = term;
    member->index = head.index;
    member->turn = (number + 1) % set->groups_count;
    return true;
}

static void serve(struct group_set *set, size_t position, uint64_t now_ms)
{
    struct catch_up_member *member = &set->catch_up.members[position];
    if (member->sending && !leads_on(set, member)) {
        transfers_stop(set->catch_up.transfers, set->members[position], member->group);
        member->sending = false;
    }
    if (member->sending || !peers_up(set->peers, set->members[position]))
        return;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        if (begin(set, position, (member->turn + i) % set->groups_count, now_ms))
            return;
    }
}

/* ---- a transfer has ended */

static void report(const struct group_set *set, struct node_id to, uint32_t group, uint64_t index, enum grid_err err)
{
    if (err == GRID_ERR_OK || err == GRID_ERR_UNAVAILABLE)
        return;
    const char *what = err == GRID_ERR_NO_SPACE  ? "the disk of that node is full"
                       : err == GRID_ERR_REFUSED ? "that node refuses the file"
                                                 : "the file of this node is damaged or missing";
    LOG_WARN(set->logger, "raft", "partition %" PRIu32 ": the snapshot up to entry %" PRIu64 " did not reach node %" PRIu32 ": %s (%s)", group, index,
             to.value, what, grid_err_text(err));
}

static void on_ended(void *context, struct node_id to, uint32_t group, uint64_t index, enum grid_err err)
{
    struct group_set *set = context;
    struct catch_up_member *member = &set->catch_up.members[group_set_position(set, to)];
    member->sending = false;
    if (err != GRID_ERR_UNAVAILABLE)
        member->not_before_ms[group] = clock_now_us(set->io->clock) / 1000 + CATCH_UP_PAUSE_MS;
    report(set, to, group, index, err);
    /* The next one at once, unless the link is down. */
    if (err != GRID_ERR_UNAVAILABLE && !set->failed && !set->closing)
        serve(set, group_set_position(set, to), clock_now_us(set->io->clock) / 1000);
}

/* ---- ticks */

void catch_up_tick(struct group_set *set)
{
    uint64_t now_ms = clock_now_us(set->io->clock) / 1000;
    transfers_tick(set->catch_up.transfers);
    for (size_t i = 0; i < set->members_count && !set->failed; i++) {
        if (!node_id_equal(set->members[i], set->self))
            serve(set, i, now_ms);
    }
}

/* ---- who is behind */

static struct group_lag lag_of(const struct group *group, size_t position)
{
    const struct group_set *set = group->set;
    const struct catch_up_member *member = &set->catch_up.members[position];
    struct group_lag lag = {.node = set->members[position]};
    lag.entries = guard_peer_lag(&group->guard, lag.node);
    lag.lacks = guard_peer_lacks(&group->guard, lag.node);
    lag.sending = member->sending && member->group == group->number &&
                  transfers_progress(set->catch_up.transfers, lag.node, &lag.sent_bytes, &lag.transfer_bytes);
    return lag;
}

size_t group_lagging(struct group *group, struct group_lag ret_lags[REPLICAS_MAX])
{
    const struct group_set *set = group->set;
    size_t count = 0;
    for (size_t i = 0; guard_role(&group->guard) == GUARD_LEADER && i < set->members_count; i++) {
        if (node_id_equal(set->members[i], set->self))
            continue;
        struct group_lag lag = lag_of(group, i);
        if (lag.lacks || lag.sending || lag.entries >= GROUP_LAG_ENTRIES || (lag.entries != 0 && !guard_peer_recent(&group->guard, lag.node)))
            ret_lags[count++] = lag;
    }
    return count;
}

struct group_set_transfers group_set_transfers(const struct group_set *set)
{
    struct transfers_counts counts = transfers_counts(set->catch_up.transfers);
    return (struct group_set_transfers){counts.sent_bytes, counts.received_bytes, counts.begun, counts.resumed};
}

uint64_t group_set_snapshot_disk_bytes(const struct group_set *set)
{
    return snapshots_disk_bytes(set) + transfers_received_bytes(set->catch_up.transfers);
}

/* ---- life */

void catch_up_open(struct group_set *set, const struct group_set_options *options)
{
    for (size_t i = 0; i < set->members_count; i++)
        set->catch_up.members[i].not_before_ms = memory_zero(options->groups, sizeof(uint64_t));
    set->catch_up.transfers = transfers_open(&(struct transfers_options){
        .peers = set->peers, .clock = set->io->clock, .storage = set->io->storage, .files = set->snapshots.files, .owner = options->log_owner,
        .groups = options->groups, .bytes_per_second = options->transfer_bytes_per_second, .known = is_known, .complete = on_complete, .ended = on_ended,
        .failed = on_failed, .context = set});
}

void catch_up_close(struct group_set *set)
{
    if (set->catch_up.transfers == NULL)
        return;
    transfers_close(set->catch_up.transfers);
    for (size_t i = 0; i < set->members_count; i++)
        memory_free(set->catch_up.members[i].not_before_ms);
}
