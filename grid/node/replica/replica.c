#include "grid/node/replica/replica.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/replica/admission.h"
#include "grid/node/fullness.h"
#include "grid/node/ports/inflows.h"
#include "grid/node/replica/observer.h"
#include "grid/node/replica/parked.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/entry.h"

enum { TERMS_KEPT = 4 };

/* Commands that left, or will leave, in one entry, and who waits for them. */
struct proposal {
    struct replica *replica;
    struct proposal *next;             /* in the list of idle ones */
    struct waiter *waiters;            /* by ordinal */
    uint32_t count, capacity;
    uint64_t since_us;                 /* arrival of the first command */
    uint64_t proposed_us;              /* 0: not timed */
    uint64_t needs;                    /* taken from admission */
};

/* Reads that share one read index. */
struct read_batch {
    struct replica *replica;
    struct read_batch *next;           /* in the list of idle ones */
    struct group_read read;
    struct buffer queries;             /* u32 size, then the query, per waiter */
    struct waiter *waiters;
    uint32_t count, capacity;
    uint64_t since_us;
};

struct replica {
    struct replica_shared *shared;
    struct partition_id id;
    struct group *group;
    struct group_machine machine;
    struct partition *partition;
    bool ready;                        /* leader with everything applied that is in the log; leads: and serving */
    bool leads, genesis_checked, genesis_proposed, tick_proposed, activities_left;
    bool refused;                      /* an entry was not taken into the log: what it carried is asked for again at the tick */
    uint64_t leaderless_since_us;      /* 0: a leader is known */
    uint64_t terms_led[TERMS_KEPT];    /* by term modulo TERMS_KEPT: what was proposed in them was proposed here */
    struct log_time log_time;
    struct admission admission;
    struct buffer building, scratch;
    struct proposal *open, *idle;
    struct read_batch *reads, *reads_idle;
    uint64_t read_time_ms;             /* log time at which the reads under way are served */
    struct parked parked;              /* reads that wait for a journal's next record */
    uint64_t journal_seen;             /* version of the journals when they were looked at */
    struct deferred flush;
    struct outbox_host outbox_host;
    struct outbox_sender sender;
    uint64_t outbox_seen;
    struct activity_runner *runner;
    uint64_t activity_seen;
    struct inflows inflows;
    struct state_digests digests;
};

static void schedule(struct replica *replica)
{
    clock_defer(replica->shared->io->clock, &replica->flush);
}

static uint64_t now_us(const struct replica *replica)
{
    return clock_now_us(replica->shared->io->clock);
}

static struct log_time_now clocks_now(const struct replica *replica)
{
    struct clock *clock = replica->shared->io->clock;
    return (struct log_time_now){replica->shared->clocks, clock_now_us(clock), clock_wall_ms(clock)};
}

static uint64_t log_time_ms(struct replica *replica)
{
    struct log_time_now now = clocks_now(replica);
    return log_time_read(&replica->log_time, &now);
}

/* ---- answers */

static void answer_refusal(struct replica *replica, const struct waiter *waiter, const struct response *response)
{
    REQUIRE(response->err != GRID_ERR_OK);
    buffer_clear(&replica->scratch);
    response_encode(response, &replica->scratch);
    replica->shared->answer(replica->shared->context, waiter, replica->id.value, buffer_bytes(&replica->scratch));
}

static void answer_error(struct replica *replica, const struct waiter *waiter, enum grid_err err)
{
    struct response response = {.err = err, .leader = replica->group ? group_status(replica->group).leader.value : 0};
    /* Tells a client that this node is cut off, and not just in the middle of an election: it should ask others. */
    if (response.leader == 0 && replica->leaderless_since_us != 0)
        response.no_leader_ms = (now_us(replica) - replica->leaderless_since_us) / 1000;
    if (waiter->kind == WAITER_CLIENT)
        answer_refusal(replica, waiter, &response);
}

static void answer_full(struct replica *replica, const struct waiter *waiter, const struct fullness *fullness)
{
    struct replica_counters *counters = replica->shared->counters;
    if (waiter->kind != WAITER_CLIENT)
        return;
    (fullness->disk ? counters->disk_full : counters->log_full)->value++;
    answer_refusal(replica, waiter, &(struct response){.err = fullness->err, .leader = replica->shared->self.value,
                                                        .retry_after_ms = fullness->retry_after_ms, .note = fullness->note});
}

static void answer_all(struct replica *replica, const struct waiter *waiters, uint32_t count, enum grid_err err)
{
    for (uint32_t i = 0; i < count; i++)
        answer_error(replica, &waiters[i], err);
}

static void answer_messages(struct replica *replica, struct node_id to, uint32_t source, bool gap)
{
    uint64_t applied = partition_inbox_last(replica->partition, source);
    replica->shared->answer_messages(replica->shared->context, to, source, replica->id.value, applied, gap);
}

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
        answer_messages(replica, (struct node_id){waiter->slot}, waiter->source, false);
        break;
    case WAITER_ACTIVITY:
        if (replica->runner)
            activity_runner_applied(replica->runner, waiter->request, response);
        break;
    case WAITER_TICK:
        replica->tick_proposed = false;
        break;
    case WAITER_NONE:
        break;
    }
}

/* ---- pack, stamp, propose */

static struct proposal *proposal_take(struct replica *replica)
{
    struct proposal *proposal = replica->idle;
    if (proposal) {
        replica->idle = proposal->next;
    } else {
        proposal = memory_zero(1, sizeof *proposal);
        proposal->replica = replica;
    }
    proposal->count = 0;
    proposal->needs = 0;
    proposal->since_us = now_us(replica);
    return proposal;
}

static void proposal_give(struct proposal *proposal)
{
    admission_give(&proposal->replica->admission, proposal->needs);
    proposal->next = proposal->replica->idle;
    proposal->replica->idle = proposal;
}

static void propose(struct replica *replica)
{
    struct proposal *proposal = replica->open;
    REQUIRE(proposal && proposal->count > 0 && proposal->count == entry_commands(&replica->building));
    replica->open = NULL;
    proposal->proposed_us = observer_proposed(replica->shared->observer, proposal->since_us);
    struct log_time_now now = clocks_now(replica);
    uint64_t time_ms = log_time_read(&replica->log_time, &now);
    entry_seal(&replica->building, time_ms, log_time_stamp_wall_ms(&replica->log_time, time_ms, &now));
    /* Room was checked where clients come in; what is packed beside them is never refused (R6). */
    enum grid_err err = group_propose(replica->group, buffer_bytes(&replica->building), proposal);
    buffer_clear(&replica->building);
    replica->shared->counters->entries->value++;
    if (err == GRID_ERR_OK)
        return;
    /* Refused before the log: surely not appended. */
    struct fullness fullness = fullness_of_disk(replica->shared->groups);
    for (uint32_t i = 0; err == GRID_ERR_LOG_FULL && i < proposal->count; i++)
        answer_full(replica, &proposal->waiters[i], &fullness);
    if (err != GRID_ERR_LOG_FULL)
        answer_all(replica, proposal->waiters, proposal->count, err == GRID_ERR_BUSY ? GRID_ERR_NOT_LEADER : err);
    replica->tick_proposed = false;
    inflows_clear(&replica->inflows);
    outbox_sender_repeat_acks(&replica->sender, now_us(replica));
    replica->refused = true;
    proposal_give(proposal);
}

static void pack(struct replica *replica, struct bytes command, uint32_t needs, const struct waiter *waiter)
{
    REQUIRE(replica->leads);
    if (!replica->open) {
        replica->open = proposal_take(replica);
        entry_begin(&replica->building, partition_level(replica->partition));
    }
    struct proposal *proposal = replica->open;
    if (proposal->count == proposal->capacity) {
        proposal->capacity = proposal->capacity ? proposal->capacity * 2 : 16;
        proposal->waiters = memory_resize(proposal->waiters, proposal->capacity * sizeof *proposal->waiters);
    }
    proposal->waiters[proposal->count++] = *waiter;
    proposal->needs += needs;
    entry_add(&replica->building, command);
    if (replica->building.size >= ENTRY_BYTES_AIM || proposal->count == ENTRY_COMMANDS_MAX)
        propose(replica);
    else
        schedule(replica);
}

static void pack_own(struct replica *replica, const struct command *command, enum waiter_kind kind, uint64_t id)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    pack(replica, buffer_bytes(&encoded), 0, &(struct waiter){.kind = kind, .request = id});
    buffer_close(&encoded);
}

static void pack_ack(void *context, uint32_t destination, uint64_t applied)
{
    struct replica *replica = context;
    replica->shared->counters->acks->value++;
    struct acknowledge_command acknowledge = {destination, partition_incarnation(replica->partition), applied};
    pack_own(replica, &(struct command){.kind = COMMAND_ACKNOWLEDGE, .acknowledge = acknowledge}, WAITER_NONE, 0);
}

static void pack_genesis(struct replica *replica)
{
    struct buffer encoded = {0};
    replica->shared->genesis_encode(replica->shared->context, entropy_u64(replica->shared->io->entropy), &encoded);
    pack(replica, buffer_bytes(&encoded), 0, &(struct waiter){.kind = WAITER_NONE});
    buffer_close(&encoded);
    replica->genesis_proposed = true;
}

/* ---- reads */

static void serve(void *context, const struct query *query, const struct waiter *waiter)
{
    struct replica *replica = context;
    buffer_clear(&replica->scratch);
    partition_query(replica->partition, query, replica->read_time_ms, &replica->scratch);
    replica->shared->answer(replica->shared->context, waiter, replica->id.value, buffer_bytes(&replica->scratch));
}

static bool has_records(void *context, struct query *query)
{
    return !partition_journal_waits(((struct replica *)context)->partition, query);
}

static void refuse_parked(void *context, const struct query *query, const struct waiter *waiter)
{
    (void)query;
    answer_error(context, waiter, GRID_ERR_NOT_LEADER);
}

/* True: the read waits for a record. It was confirmed, and what comes later is committed before it is applied. */
static bool park(struct replica *replica, struct query *query, const struct waiter *waiter)
{
    if (query->kind != QUERY_JOURNAL || query->wait_ms == 0 || !replica->leads ||
        !partition_journal_waits(replica->partition, query))
        return false;
    uint64_t wait_ms = query->wait_ms < JOURNAL_WAIT_MS_MAX ? query->wait_ms : JOURNAL_WAIT_MS_MAX;
    replica->journal_seen = partition_journal_version(replica->partition);
    return parked_add(&replica->parked, query, waiter, now_us(replica) + wait_ms * 1000);
}

static void serve_parked(struct replica *replica)
{
    replica->journal_seen = partition_journal_version(replica->partition);
    replica->read_time_ms = log_time_ms(replica);
    parked_run(&replica->parked, now_us(replica), &(struct parked_serve){replica, has_records, serve});
}

/* The next reads of the batch; they were checked when they came in. */
static uint32_t decode_reads(const struct replica *replica, struct reader *encoded, uint32_t left,
                             struct query queries[PARTITION_AHEAD_MAX])
{
    uint32_t count = left < PARTITION_AHEAD_MAX ? left : PARTITION_AHEAD_MAX;
    for (uint32_t i = 0; i < count; i++)
        HOLDS(query_decode(reader_sized(encoded), &queries[i]) == GRID_ERR_OK);
    partition_query_ahead(replica->partition, queries, count);
    return count;
}

static void read_done(void *context, enum grid_err err, uint64_t index)
{
    struct read_batch *batch = context;
    struct replica *replica = batch->replica;
    struct reader encoded = reader_of(buffer_bytes(&batch->queries));
    struct query queries[PARTITION_AHEAD_MAX];
    (void)index;
    metric_observe_us(replica->shared->counters->read_us, now_us(replica) - batch->since_us);
    if (err != GRID_ERR_OK)
        answer_all(replica, batch->waiters, batch->count, err);
    else
        replica->read_time_ms = log_time_ms(replica);
    for (uint32_t at = 0; err == GRID_ERR_OK && at < batch->count;) {
        uint32_t count = decode_reads(replica, &encoded, batch->count - at, queries);
        for (uint32_t i = 0; i < count; i++, at++)
            if (!park(replica, &queries[i], &batch->waiters[at]))
                serve(replica, &queries[i], &batch->waiters[at]);
    }
    batch->next = replica->reads_idle;
    replica->reads_idle = batch;
}

static struct read_batch *read_batch_take(struct replica *replica)
{
    struct read_batch *batch = replica->reads_idle;
    if (batch) {
        replica->reads_idle = batch->next;
    } else {
        batch = memory_zero(1, sizeof *batch);
        batch->replica = replica;
        batch->read = (struct group_read){.done = read_done, .context = batch};
    }
    buffer_clear(&batch->queries);
    batch->count = 0;
    batch->since_us = now_us(replica);
    return batch;
}

static void read_batch_free(struct read_batch *batch)
{
    buffer_close(&batch->queries);
    memory_free(batch->waiters);
    memory_free(batch);
}

void replica_query(struct replica *replica, struct bytes query, const struct waiter *waiter)
{
    replica->shared->counters->reads->value++;
    if (!replica->leads) {
        replica->shared->counters->not_leader->value++;
        answer_error(replica, waiter, GRID_ERR_NOT_LEADER);
        return;
    }
    if (!replica->reads)
        replica->reads = read_batch_take(replica);
    struct read_batch *batch = replica->reads;
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity ? batch->capacity * 2 : 16;
        batch->waiters = memory_resize(batch->waiters, batch->capacity * sizeof *batch->waiters);
    }
    batch->waiters[batch->count++] = *waiter;
    buffer_append_sized(&batch->queries, query);
    schedule(replica);
}

/* ---- outbox and activities of the led partition */

static void outbox_destinations(void *context, void (*each)(void *sender, uint32_t destination, uint64_t first, uint64_t last),
                                void *sender)
{
    partition_outbox_each(((struct replica *)context)->partition, each, sender);
}

static size_t outbox_read(void *context, uint32_t destination, uint64_t sequence, size_t bytes_max,
                          void (*each)(void *batch, uint64_t sequence, struct bytes message), void *batch)
{
    return partition_outbox_read(((struct replica *)context)->partition, destination, sequence, bytes_max, each, batch);
}

static bool outbox_send(void *context, uint32_t destination, const struct bytes *messages, size_t count)
{
    struct replica *replica = context;
    bool sent = replica->shared->send_messages(replica->shared->context, replica->id.value, destination,
                                                partition_incarnation(replica->partition), messages, count);
    if (sent)
        replica->shared->counters->messages_sent->value += count;
    return sent;
}

static void outbox_stopped(void *context, const struct outbox_link *link, uint64_t applied)
{
    struct replica *replica = context;
    replica->shared->link_stopped(replica->shared->context, replica->id.value, link, applied);
}

static void activity_answered(void *context, uint64_t id, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    replica->shared->counters->activities_answered->value++;
    struct activity_result_command result = {id, (uint32_t)outcome, body, note};
    pack_own(replica, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_ACTIVITY, id);
}

/* So that people see why it takes so long; the activity itself goes on. */
static void activity_postponed(void *context, uint64_t id)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    replica->shared->counters->activities_postponed->value++;
    struct activity_result_command result = {.activity = id, .outcome = ACTIVITY_POSTPONED};
    pack_own(replica, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_NONE, 0);
}

static void run_activities(struct replica *replica)
{
    struct partition_activity next;
    replica->activities_left = false;
    if (replica->shared->destinations_count == 0)
        return;
    while (partition_activity_next(replica->partition, replica->activity_seen, &next)) {
        if (!replica->runner)
            replica->runner = activity_runner_open(&(struct activity_runner_options){
                .clock = replica->shared->io->clock, .jitter = replica->shared->prng,
                .destinations = replica->shared->destinations, .destinations_count = replica->shared->destinations_count,
                .answered = activity_answered, .postponed = activity_postponed, .context = replica});
        struct activity activity = {.id = next.id, .service = next.service, .kind = next.kind, .key = next.key, .request = next.request};
        if (!activity_runner_start(replica->runner, &activity)) {
            replica->activities_left = true;
            return;
        }
        replica->activity_seen = next.id;
    }
}

/* End of the loop iteration: everything that queued leaves. */
static void flush(void *context)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    struct genesis_command genesis;
    if (!replica->genesis_proposed && !partition_genesis(replica->partition, &genesis))
        pack_genesis(replica);
    if (replica->open || outbox_sender_ack_due(&replica->sender, now_us(replica)))
        outbox_sender_take_acks(&replica->sender, pack_ack, replica);
    /* For the moment of a hand-over commands wait here: for its end, or for the tick after it was given up. */
    if (replica->open && !group_handing_over(replica->group))
        propose(replica);
    if (replica->reads) {
        struct read_batch *batch = replica->reads;
        replica->reads = NULL;
        group_read(replica->group, &batch->read);
    }
    uint64_t version = partition_outbox_version(replica->partition);
    if (version != replica->outbox_seen) {
        replica->outbox_seen = version;
        outbox_sender_run(&replica->sender, now_us(replica));
    }
    run_activities(replica);
    if (replica->parked.count > 0 && replica->journal_seen != partition_journal_version(replica->partition))
        serve_parked(replica);
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
    if (counts)
        submitted = observer_apply_end(observer, replica->partition);
    if (!replica->ready)
        log_time_apply(&replica->log_time, partition_log_time_ms(replica->partition), now_us(replica));
    state_digests_add(&replica->digests, index, partition_digest(replica->partition));
    check_genesis(replica);
    if (proposal) {
        uint64_t us = now_us(replica) - proposal->since_us;
        metric_observe_us(replica->shared->counters->commit_us, us);
        if (submitted > 0)
            observer_answered(observer, submitted, us);
        proposal_give(proposal);
    }
    if (replica->leads)
        schedule(replica);
}

static void on_dropped(void *context, void *token)
{
    struct replica *replica = context;
    struct proposal *proposal = token;
    replica->shared->counters->dropped->value += proposal->count;
    answer_all(replica, proposal->waiters, proposal->count, GRID_ERR_UNKNOWN);
    proposal_give(proposal);
}

static void lead_when_time_is_known(struct replica *replica)
{
    struct log_time_now now = clocks_now(replica);
    const struct partition *partition = replica->partition;
    if (!replica->ready || replica->leads ||
        !log_time_lead(&replica->log_time, partition_log_time_ms(partition), partition_wall_time_ms(partition), &now))
        return;
    replica->leads = true;
    replica->genesis_proposed = replica->tick_proposed = false;
    replica->outbox_seen = 0;         /* the first flush looks at everything (R10) */
    replica->activity_seen = 0;
    schedule(replica);
}

static void resign(struct replica *replica)
{
    replica->leads = false;
    inflows_clear(&replica->inflows);
    outbox_sender_close(&replica->sender);
    if (replica->runner)
        activity_runner_close(replica->runner);
    replica->runner = NULL;
    if (replica->open) {
        answer_all(replica, replica->open->waiters, replica->open->count, GRID_ERR_NOT_LEADER);
        proposal_give(replica->open);
        replica->open = NULL;
        buffer_clear(&replica->building);
    }
    if (replica->reads) {
        struct read_batch *batch = replica->reads;
        replica->reads = NULL;
        read_done(batch, GRID_ERR_NOT_LEADER, 0);
    }
    parked_run(&replica->parked, UINT64_MAX, &(struct parked_serve){replica, has_records, refuse_parked});
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct replica *replica = context;
    struct log_time_now now = clocks_now(replica);
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
    replica->outbox_host = (struct outbox_host){.context = replica, .destinations = outbox_destinations,
                                                 .read = outbox_read, .send = outbox_send, .stopped = outbox_stopped};
    outbox_sender_init(&replica->sender, &replica->outbox_host);
    replica->machine = (struct group_machine){.context = replica, .admit = on_admit, .apply = on_apply, .dropped = on_dropped, .role = on_role};
    group_attach(replica->group, &replica->machine);
    return replica;
}

static void proposal_free(struct proposal *proposal)
{
    memory_free(proposal->waiters);
    memory_free(proposal);
}

/* The group set is closed by now: every proposal and read came back. What is left was never proposed. */
void replica_close(struct replica *replica)
{
    replica->group = NULL;
    replica->parked.count = 0;        /* the clients that waited are gone */
    resign(replica);
    clock_undefer(replica->shared->io->clock, &replica->flush);
    while (replica->idle) {
        struct proposal *proposal = replica->idle;
        replica->idle = proposal->next;
        proposal_free(proposal);
    }
    while (replica->reads_idle) {
        struct read_batch *batch = replica->reads_idle;
        replica->reads_idle = batch->next;
        read_batch_free(batch);
    }
    partition_close(replica->partition);
    buffer_close(&replica->building);
    buffer_close(&replica->scratch);
    parked_close(&replica->parked);
    inflows_close(&replica->inflows);
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

size_t replica_links_stopped(const struct replica *replica)
{
    return outbox_sender_stopped(&replica->sender);
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

/* ---- what arrives */

static bool refuse_full(struct replica *replica, const struct waiter *waiter)
{
    const struct replica_shared *shared = replica->shared;
    struct fullness fullness;
    if (!fullness_look(shared->groups, &fullness))
        return false;
    answer_full(replica, waiter, &fullness);
    return true;
}

static void refuse_admission(struct replica *replica, const struct waiter *waiter)
{
    static const char note[] = "admission: the partition has as much work under way as it may";
    replica->shared->counters->not_admitted->value++;
    answer_refusal(replica, waiter, &(struct response){.err = GRID_ERR_BUSY, .leader = replica->shared->self.value,
                                                        .retry_after_ms = ADMISSION_RETRY_MS, .note = bytes_of_text(note)});
}

void replica_command(struct replica *replica, struct bytes command, uint32_t needs, const struct waiter *waiter)
{
    struct replica_counters *counters = replica->shared->counters;
    counters->commands->value++;
    if (!replica->leads) {
        counters->not_leader->value++;
        answer_error(replica, waiter, GRID_ERR_NOT_LEADER);
    } else if (refuse_full(replica, waiter)) {
        return;
    } else if (needs > 0 && !admission_take(&replica->admission, partition_load(replica->partition), needs)) {
        refuse_admission(replica, waiter);
    } else {
        pack(replica, command, needs, waiter);
    }
}

void replica_messages(struct replica *replica, struct bytes command, const struct deliver_command *deliver, struct node_id from)
{
    struct replica_counters *counters = replica->shared->counters;
    if (!replica->leads || deliver->messages_count == 0)
        return; /* the sender repeats, to the leader of that time */
    uint64_t first = deliver->messages[0].sequence, last = deliver->messages[deliver->messages_count - 1].sequence;
    uint64_t applied = partition_inbox_last(replica->partition, deliver->source);
    uint64_t proposed = inflows_proposed(&replica->inflows, deliver->source), known = proposed > applied ? proposed : applied;
    counters->messages_received->value += deliver->messages_count;
    if (first > known + 1) {
        counters->messages_gap->value++;
        answer_messages(replica, from, deliver->source, true);
    } else if (last <= known) {
        counters->messages_duplicate->value += deliver->messages_count;
        if (last <= applied)
            answer_messages(replica, from, deliver->source, false);
    } else {
        inflows_raise(&replica->inflows, deliver->source, last);
        pack(replica, command, 0, &(struct waiter){.kind = WAITER_LINK, .slot = from.value, .source = deliver->source});
    }
}

void replica_messages_answer(struct replica *replica, uint32_t destination, uint64_t applied, bool gap)
{
    if (!replica->leads)
        return;
    outbox_sender_answer(&replica->sender, destination, applied, gap, now_us(replica));
    replica->outbox_seen = 0;         /* the window moved: look again */
    schedule(replica);
}

void replica_rewind(struct replica *replica)
{
    if (!replica->leads)
        return;
    outbox_sender_rewind(&replica->sender);
    replica->outbox_seen = 0;
    schedule(replica);
}

static void watch_leader(struct replica *replica)
{
    if (group_status(replica->group).leader.value != 0)
        replica->leaderless_since_us = 0;
    else if (replica->leaderless_since_us == 0)
        replica->leaderless_since_us = now_us(replica);
}

void replica_tick(struct replica *replica)
{
    uint64_t due_ms;
    watch_leader(replica);
    replica_log_time_known(replica);
    if (!replica->leads)
        return;
    if (!replica->tick_proposed && partition_next_due_ms(replica->partition, &due_ms) && due_ms <= log_time_ms(replica)) {
        replica->tick_proposed = true;
        replica->shared->counters->ticks->value++;
        pack_own(replica, &(struct command){.kind = COMMAND_TICK}, WAITER_TICK, 0);
    }
    if (replica->open)
        schedule(replica);
    if (outbox_sender_waiting(&replica->sender)) {
        replica->outbox_seen = 0;
        schedule(replica);
    }
    if (replica->refused) {
        /* The genesis or an activity's result may have been refused with its entry: once more, with the same keys. */
        replica->refused = replica->genesis_proposed = false;
        if (replica->runner)
            activity_runner_close(replica->runner);
        replica->runner = NULL;
        replica->activity_seen = 0;
        replica->activities_left = true;
    }
    if (replica->activities_left)
        schedule(replica);
    if (replica->parked.count > 0)
        serve_parked(replica);
}

const struct state_digests *replica_digests(const struct replica *replica)
{
    return &replica->digests;
}
