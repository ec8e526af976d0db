#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/node/replica/observer.h"

/* ---- answers to what was applied */

/* Command `ordinal` of an entry that this node proposed was applied. */
static void answered(void *context, uint32_t ordinal, struct bytes response)
{
    struct proposal *proposal = context;
    if (!proposal)
        return;
    HOLDS(ordinal < proposal->count);
    struct replica *replica = proposal->replica;
    const struct waiter *waiter = &proposal->waiters[ordinal];
    uint64_t begun_us;
    switch (waiter->kind) {
    case WAITER_CLIENT:
        begun_us = observer_answer_begin(replica->shared->observer);
        replica->shared->answer(replica->shared->context, waiter, replica->id.value, response);
        observer_answer_end(replica->shared->observer, begun_us);
        break;
    case WAITER_LINK:
        replica_answer_messages(replica, (struct node_id){waiter->slot}, waiter->source, false);
        break;
    case WAITER_ACTIVITY:
        if (replica->runner)
            activity_runner_applied(replica->runner, waiter->request, response);
        break;
    case WAITER_TICK:
        replica->tick_proposed = false;
        break;
    case WAITER_REGISTER:
        replica->register_proposed = false;
        break;
    case WAITER_NONE:
    case WAITER_ACKNOWLEDGE:
        break;
    }
}

/* ---- the end of an iteration */

/* End of the loop iteration: what queued becomes an entry and a read. */
static void leave(void *context)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    struct genesis_command genesis;
    if (!replica->genesis_proposed && !partition_genesis(replica->partition, &genesis))
        replica_pack_genesis(replica);
    replica_pack_acks(replica);
    /* For the moment of a hand-over commands wait here: for its end, or for the tick after it was given up. */
    if (replica->open && !group_handing_over(replica->group))
        replica_propose(replica);
    replica_reads_send(replica);
}

/* Before it: what was applied has effects. Letters to replicas of this node are given out before those leave, so that one entry
 * takes what clients and other partitions have sent in the iteration. */
static void flush(void *context)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    if (!partition_closed(replica->partition)) {
        replica_messages_send(replica);
        replica_run_activities(replica);
    }
    if (replica->parked.count > 0 && replica->journal_seen != partition_journal_version(replica->partition))
        replica_serve_parked(replica);
    clock_defer(replica->shared->io->clock, &replica->leave);
}

/* ---- what the group reports */

static void check_genesis(struct replica *replica)
{
    struct genesis_command genesis;
    if (replica->genesis_checked || !partition_genesis(replica->partition, &genesis))
        return;
    replica->genesis_checked = true;
    const struct replica_shared *shared = replica->shared;
    /* First entries from before clusters had UUIDs name none. */
    if (genesis.cluster_uuid.size > 0 && !bytes_equal(genesis.cluster_uuid, uuid_bytes(&shared->cluster_uuid)))
        shared->fatal(shared->context, GRID_ERR_MISMATCH, "the first entry of a partition names another cluster than cluster_uuid: "
                                                          "this log was begun by another cluster");
    else if (genesis.partitions != shared->partitions)
        shared->fatal(shared->context, GRID_ERR_MISMATCH, "the first entry of a partition names another number of partitions: "
                                                          "set partitions to that of the cluster's first start");
}

static bool on_admit(void *context, uint64_t index, struct bytes entry)
{
    const struct replica *replica = context;
    return replica->shared->admit(replica->shared->context, replica->id.value, index, entry);
}

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct replica *replica = context;
    struct proposal *proposal = token;
    struct observer *observer = replica->shared->observer;
    bool counts = replica->terms_led[term % TERMS_KEPT] == term;
    uint64_t submitted = 0;
    if (counts)
        observer_apply_begin(observer, replica->partition, proposal ? proposal->proposed_us : 0);
    partition_apply(replica->partition, command, answered, proposal);
    bool restored = partition_restored(replica->partition) != replica->restored;
    if (counts)
        submitted = observer_apply_end(observer, replica->partition, !restored);
    if (!replica->ready || !replica->log_time.founded)
        log_time_apply(&replica->log_time, partition_log_time_ms(replica->partition), replica_now_us(replica));
    state_digests_add(&replica->digests, index, partition_digest(replica->partition));
    check_genesis(replica);
    if (restored)
        replica_restored(replica);
    if (proposal) {
        uint64_t us = replica_now_us(replica) - proposal->since_us;
        metric_observe_us(replica->shared->counters->commit_us, us);
        if (submitted > 0)
            observer_answered(observer, submitted, us);
        replica_proposal_give(proposal);
    }
    if (replica->leads)
        replica_schedule(replica);
}

static void on_dropped(void *context, void *token)
{
    struct replica *replica = context;
    struct proposal *proposal = token;
    replica->shared->counters->dropped->value += proposal->count;
    replica_answer_all(replica, proposal->waiters, proposal->count, GRID_ERR_UNKNOWN);
    replica_proposal_give(proposal);
}

static void lead_when_time_is_known(struct replica *replica)
{
    struct log_time_now now = replica_clocks(replica);
    const struct partition *partition = replica->partition;
    if (!replica->ready || replica->leads ||
        !log_time_lead(&replica->log_time, partition_log_time_ms(partition), partition_wall_time_ms(partition), &now))
        return;
    replica->leads = true;
    replica->genesis_proposed = replica->tick_proposed = replica->register_proposed = false;
    replica->outbox_seen = 0;         /* the first flush looks at everything (R10) */
    replica->activity_seen = 0;
    replica_schedule(replica);
}

static void resign(struct replica *replica)
{
    replica->leads = false;
    replica_backup_resign(replica);
    replica_messages_resign(replica);
    replica_activities_resign(replica);
    replica_entries_resign(replica);
    replica_reads_resign(replica);
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct replica *replica = context;
    struct log_time_now now = replica_clocks(replica);
    bool elected = role == GROUP_LEADER || role == GROUP_READY;
    replica->ready = role == GROUP_READY;
    if (replica->ready)
        replica->terms_led[term % TERMS_KEPT] = term;
    if (!replica->ready && replica->leads)
        resign(replica);
    if (!elected)
        log_time_follow(&replica->log_time, &now);
    else if (!replica->log_time.elected || !replica->ready)
        log_time_elect(&replica->log_time, &now);
    lead_when_time_is_known(replica);
    replica->shared->role_changed(replica->shared->context, replica->id.value);
}

/* ---- life */

struct replica *replica_open(struct replica_shared *shared, struct partition_id id, const struct service_registry *services)
{
    struct replica *replica = memory_zero(1, sizeof *replica);
    replica->shared = shared;
    replica->id = id;
    replica->admission.load_max = shared->load_max;
    replica->group = group_set_get(shared->groups, id);
    replica->partition = partition_open(&(struct partition_options){.id = id, .services = services,
                                                                      .reads = shared->partition_reads, .scratch = shared->partition_scratch});
    replica->flush = (struct deferred){.run = flush, .context = replica};
    replica->leave = (struct deferred){.run = leave, .context = replica};
    replica_messages_open(replica);
    replica->machine = (struct group_machine){.context = replica, .admit = on_admit, .apply = on_apply, .dropped = on_dropped, .role = on_role};
    replica_snapshots_open(replica);
    group_attach(replica->group, &replica->machine);
    return replica;
}

/* The group set is closed by now: every proposal and read came back. What is left was never proposed. */
void replica_close(struct replica *replica)
{
    replica->group = NULL;
    replica->parked.count = 0;        /* the clients that waited are gone */
    resign(replica);
    clock_undefer(replica->shared->io->clock, &replica->flush);
    clock_undefer(replica->shared->io->clock, &replica->leave);
    replica_entries_close(replica);
    replica_reads_close(replica);
    partition_close(replica->partition);
    buffer_close(&replica->scratch);
    inflows_close(&replica->inflows);
    memory_free(replica->missed);
    memory_free(replica);
}

struct partition *replica_partition(const struct replica *replica)
{
    return replica->partition;
}

struct group *replica_group(const struct replica *replica)
{
    return replica->group;
}

bool replica_leads(const struct replica *replica)
{
    return replica->leads;
}

struct log_time *replica_log_time(struct replica *replica)
{
    return &replica->log_time;
}

void replica_log_time_known(struct replica *replica)
{
    if (replica->ready && !replica->leads) {
        lead_when_time_is_known(replica);
        replica->shared->role_changed(replica->shared->context, replica->id.value);
    }
}

/* ---- ticks */

static void watch_leader(struct replica *replica)
{
    if (group_status(replica->group).leader.value != 0)
        replica->leaderless_since_us = 0;
    else if (replica->leaderless_since_us == 0)
        replica->leaderless_since_us = replica_now_us(replica);
}

void replica_tick(struct replica *replica)
{
    uint64_t due_ms;
    watch_leader(replica);
    replica_log_time_known(replica);
    if (!replica->leads)
        return;
    replica_backup_tick(replica);
    if (!replica->tick_proposed && !partition_closed(replica->partition) && partition_next_due_ms(replica->partition, &due_ms) && due_ms <= replica_log_time_ms(replica)) {
        replica->tick_proposed = true;
        replica->shared->counters->ticks->value++;
        replica_pack_own(replica, &(struct command){.kind = COMMAND_TICK}, WAITER_TICK, 0);
    }
    if (replica->open)
        replica_schedule(replica);
    replica_messages_tick(replica);
    if (replica->refused) {
        /* The genesis or an activity's result may have been refused with its entry: once more, with the same keys. */
        replica->refused = replica->genesis_proposed = false;
        replica_activities_again(replica);
    }
    if (replica->activities_left)
        replica_schedule(replica);
    if (replica->parked.count > 0)
        replica_serve_parked(replica);
}

const struct state_digests *replica_digests(const struct replica *replica)
{
    return &replica->digests;
}
