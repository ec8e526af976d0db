#include "grid/node/pipeline.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/admission.h"
#include "grid/node/fullness.h"
#include "grid/node/inflows.h"
#include "grid/node/observer.h"
#include "grid/node/parked.h"
#include "grid/partition/activities.h"
#include "grid/partition/entry.h"

enum { TERMS_KEPT = 4 };

/* Commands that left, or will leave, in one entry, and who waits for them. */
struct proposal {
    struct pipeline *pipeline;
    struct proposal *next;             /* in the list of idle ones */
    struct waiter *waiters;            /* by ordinal */
    uint32_t count, capacity;
    uint64_t since_us;                 /* arrival of the first command */
    uint64_t proposed_us;              /* 0: not timed */
    uint64_t needs;                    /* taken from admission */
};

/* Reads that share one read index. */
struct read_batch {
    struct pipeline *pipeline;
    struct read_batch *next;           /* in the list of idle ones */
    struct group_read read;
    struct buffer queries;             /* u32 size, then the query, per waiter */
    struct waiter *waiters;
    uint32_t count, capacity;
    uint64_t since_us;
};

struct pipeline {
    struct pipeline_shared *shared;
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

static void schedule(struct pipeline *pipeline)
{
    clock_defer(pipeline->shared->io->clock, &pipeline->flush);
}

static uint64_t now_us(const struct pipeline *pipeline)
{
    return clock_now_us(pipeline->shared->io->clock);
}

static struct log_time_now clocks_now(const struct pipeline *pipeline)
{
    struct clock *clock = pipeline->shared->io->clock;
    return (struct log_time_now){pipeline->shared->clocks, clock_now_us(clock), clock_wall_ms(clock)};
}

static uint64_t log_time_ms(struct pipeline *pipeline)
{
    struct log_time_now now = clocks_now(pipeline);
    return log_time_read(&pipeline->log_time, &now);
}

/* ---- answers */

static void answer_refusal(struct pipeline *pipeline, const struct waiter *waiter, const struct response *response)
{
    REQUIRE(response->err != GRID_ERR_OK);
    buffer_clear(&pipeline->scratch);
    response_encode(response, &pipeline->scratch);
    pipeline->shared->answer(pipeline->shared->context, waiter, pipeline->id.value, buffer_bytes(&pipeline->scratch));
}

static void answer_error(struct pipeline *pipeline, const struct waiter *waiter, enum grid_err err)
{
    struct response response = {.err = err, .leader = pipeline->group ? group_status(pipeline->group).leader.value : 0};
    /* Tells a client that this node is cut off, and not just in the middle of an election: it should ask others. */
    if (response.leader == 0 && pipeline->leaderless_since_us != 0)
        response.no_leader_ms = (now_us(pipeline) - pipeline->leaderless_since_us) / 1000;
    if (waiter->kind == WAITER_CLIENT)
        answer_refusal(pipeline, waiter, &response);
}

static void answer_full(struct pipeline *pipeline, const struct waiter *waiter, const struct fullness *fullness)
{
    struct pipeline_counters *counters = pipeline->shared->counters;
    if (waiter->kind != WAITER_CLIENT)
        return;
    (fullness->disk ? counters->disk_full : counters->log_full)->value++;
    answer_refusal(pipeline, waiter, &(struct response){.err = fullness->err, .leader = pipeline->shared->self.value,
                                                        .retry_after_ms = fullness->retry_after_ms, .note = fullness->note});
}

static void answer_all(struct pipeline *pipeline, const struct waiter *waiters, uint32_t count, enum grid_err err)
{
    for (uint32_t i = 0; i < count; i++)
        answer_error(pipeline, &waiters[i], err);
}

static void answer_messages(struct pipeline *pipeline, struct node_id to, uint32_t source, bool gap)
{
    uint64_t applied = partition_inbox_last(pipeline->partition, source);
    pipeline->shared->answer_messages(pipeline->shared->context, to, source, pipeline->id.value, applied, gap);
}

/* Command `ordinal` of an entry that this node proposed was applied. */
static void answered(void *context, uint32_t ordinal, struct bytes response)
{
    struct proposal *proposal = context;
    if (!proposal)
        return;
    HOLDS(ordinal < proposal->count);
    struct pipeline *pipeline = proposal->pipeline;
    const struct waiter *waiter = &proposal->waiters[ordinal];
    uint64_t begun_us;
    switch (waiter->kind) {
    case WAITER_CLIENT:
        begun_us = observer_answer_begin(pipeline->shared->observer);
        pipeline->shared->answer(pipeline->shared->context, waiter, pipeline->id.value, response);
        observer_answer_end(pipeline->shared->observer, begun_us);
        break;
    case WAITER_LINK:
        answer_messages(pipeline, (struct node_id){waiter->slot}, waiter->source, false);
        break;
    case WAITER_ACTIVITY:
        if (pipeline->runner)
            activity_runner_applied(pipeline->runner, waiter->request, response);
        break;
    case WAITER_TICK:
        pipeline->tick_proposed = false;
        break;
    case WAITER_NONE:
        break;
    }
}

/* ---- pack, stamp, propose */

static struct proposal *proposal_take(struct pipeline *pipeline)
{
    struct proposal *proposal = pipeline->idle;
    if (proposal) {
        pipeline->idle = proposal->next;
    } else {
        proposal = memory_zero(1, sizeof *proposal);
        proposal->pipeline = pipeline;
    }
    proposal->count = 0;
    proposal->needs = 0;
    proposal->since_us = now_us(pipeline);
    return proposal;
}

static void proposal_give(struct proposal *proposal)
{
    admission_give(&proposal->pipeline->admission, proposal->needs);
    proposal->next = proposal->pipeline->idle;
    proposal->pipeline->idle = proposal;
}

static void propose(struct pipeline *pipeline)
{
    struct proposal *proposal = pipeline->open;
    REQUIRE(proposal && proposal->count > 0 && proposal->count == entry_commands(&pipeline->building));
    pipeline->open = NULL;
    proposal->proposed_us = observer_proposed(pipeline->shared->observer, proposal->since_us);
    struct log_time_now now = clocks_now(pipeline);
    uint64_t time_ms = log_time_read(&pipeline->log_time, &now);
    entry_seal(&pipeline->building, time_ms, log_time_stamp_wall_ms(&pipeline->log_time, time_ms, &now));
    /* Room was checked where clients come in; what is packed beside them is never refused (R6). */
    enum grid_err err = group_propose(pipeline->group, GROUP_INTERNAL, buffer_bytes(&pipeline->building), proposal);
    buffer_clear(&pipeline->building);
    pipeline->shared->counters->entries->value++;
    if (err == GRID_ERR_OK)
        return;
    /* Refused before the log: surely not appended. */
    struct fullness fullness = fullness_of_disk(pipeline->shared->groups);
    for (uint32_t i = 0; err == GRID_ERR_LOG_FULL && i < proposal->count; i++)
        answer_full(pipeline, &proposal->waiters[i], &fullness);
    if (err != GRID_ERR_LOG_FULL)
        answer_all(pipeline, proposal->waiters, proposal->count, err == GRID_ERR_BUSY ? GRID_ERR_NOT_LEADER : err);
    pipeline->tick_proposed = false;
    inflows_clear(&pipeline->inflows);
    outbox_sender_repeat_acks(&pipeline->sender, now_us(pipeline));
    pipeline->refused = true;
    proposal_give(proposal);
}

static void pack(struct pipeline *pipeline, struct bytes command, uint32_t needs, const struct waiter *waiter)
{
    REQUIRE(pipeline->leads);
    if (!pipeline->open) {
        pipeline->open = proposal_take(pipeline);
        entry_begin(&pipeline->building, partition_level(pipeline->partition));
    }
    struct proposal *proposal = pipeline->open;
    if (proposal->count == proposal->capacity) {
        proposal->capacity = proposal->capacity ? proposal->capacity * 2 : 16;
        proposal->waiters = memory_resize(proposal->waiters, proposal->capacity * sizeof *proposal->waiters);
    }
    proposal->waiters[proposal->count++] = *waiter;
    proposal->needs += needs;
    entry_add(&pipeline->building, command);
    if (pipeline->building.size >= ENTRY_BYTES_AIM || proposal->count == ENTRY_COMMANDS_MAX)
        propose(pipeline);
    else
        schedule(pipeline);
}

static void pack_own(struct pipeline *pipeline, const struct command *command, enum waiter_kind kind, uint64_t id)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    pack(pipeline, buffer_bytes(&encoded), 0, &(struct waiter){.kind = kind, .request = id});
    buffer_close(&encoded);
}

static void pack_ack(void *context, uint32_t destination, uint64_t applied)
{
    struct pipeline *pipeline = context;
    pipeline->shared->counters->acks->value++;
    struct acknowledge_command acknowledge = {destination, partition_incarnation(pipeline->partition), applied};
    pack_own(pipeline, &(struct command){.kind = COMMAND_ACKNOWLEDGE, .acknowledge = acknowledge}, WAITER_NONE, 0);
}

static void pack_genesis(struct pipeline *pipeline)
{
    struct buffer encoded = {0};
    pipeline->shared->genesis_encode(pipeline->shared->context, entropy_u64(pipeline->shared->io->entropy), &encoded);
    pack(pipeline, buffer_bytes(&encoded), 0, &(struct waiter){.kind = WAITER_NONE});
    buffer_close(&encoded);
    pipeline->genesis_proposed = true;
}

/* ---- reads */

static void serve(void *context, const struct query *query, const struct waiter *waiter)
{
    struct pipeline *pipeline = context;
    buffer_clear(&pipeline->scratch);
    partition_query(pipeline->partition, query, pipeline->read_time_ms, &pipeline->scratch);
    pipeline->shared->answer(pipeline->shared->context, waiter, pipeline->id.value, buffer_bytes(&pipeline->scratch));
}

static bool has_records(void *context, struct query *query)
{
    return !partition_journal_waits(((struct pipeline *)context)->partition, query);
}

static void refuse_parked(void *context, const struct query *query, const struct waiter *waiter)
{
    (void)query;
    answer_error(context, waiter, GRID_ERR_NOT_LEADER);
}

/* True: the read waits for a record. It was confirmed, and what comes later is committed before it is applied. */
static bool park(struct pipeline *pipeline, struct query *query, const struct waiter *waiter)
{
    if (query->kind != QUERY_JOURNAL || query->wait_ms == 0 || !pipeline->leads ||
        !partition_journal_waits(pipeline->partition, query))
        return false;
    uint64_t wait_ms = query->wait_ms < JOURNAL_WAIT_MS_MAX ? query->wait_ms : JOURNAL_WAIT_MS_MAX;
    pipeline->journal_seen = partition_journal_version(pipeline->partition);
    return parked_add(&pipeline->parked, query, waiter, now_us(pipeline) + wait_ms * 1000);
}

static void serve_parked(struct pipeline *pipeline)
{
    pipeline->journal_seen = partition_journal_version(pipeline->partition);
    pipeline->read_time_ms = log_time_ms(pipeline);
    parked_run(&pipeline->parked, now_us(pipeline), &(struct parked_serve){pipeline, has_records, serve});
}

/* The next reads of the batch; they were checked when they came in. */
static uint32_t decode_reads(const struct pipeline *pipeline, struct reader *encoded, uint32_t left,
                             struct query queries[PARTITION_AHEAD_MAX])
{
    uint32_t count = left < PARTITION_AHEAD_MAX ? left : PARTITION_AHEAD_MAX;
    for (uint32_t i = 0; i < count; i++)
        HOLDS(query_decode(reader_sized(encoded), &queries[i]) == GRID_ERR_OK);
    partition_query_ahead(pipeline->partition, queries, count);
    return count;
}

static void read_done(void *context, enum grid_err err, uint64_t index)
{
    struct read_batch *batch = context;
    struct pipeline *pipeline = batch->pipeline;
    struct reader encoded = reader_of(buffer_bytes(&batch->queries));
    struct query queries[PARTITION_AHEAD_MAX];
    (void)index;
    metric_observe_us(pipeline->shared->counters->read_us, now_us(pipeline) - batch->since_us);
    if (err != GRID_ERR_OK)
        answer_all(pipeline, batch->waiters, batch->count, err);
    else
        pipeline->read_time_ms = log_time_ms(pipeline);
    for (uint32_t at = 0; err == GRID_ERR_OK && at < batch->count;) {
        uint32_t count = decode_reads(pipeline, &encoded, batch->count - at, queries);
        for (uint32_t i = 0; i < count; i++, at++)
            if (!park(pipeline, &queries[i], &batch->waiters[at]))
                serve(pipeline, &queries[i], &batch->waiters[at]);
    }
    batch->next = pipeline->reads_idle;
    pipeline->reads_idle = batch;
}

static struct read_batch *read_batch_take(struct pipeline *pipeline)
{
    struct read_batch *batch = pipeline->reads_idle;
    if (batch) {
        pipeline->reads_idle = batch->next;
    } else {
        batch = memory_zero(1, sizeof *batch);
        batch->pipeline = pipeline;
        batch->read = (struct group_read){.done = read_done, .context = batch};
    }
    buffer_clear(&batch->queries);
    batch->count = 0;
    batch->since_us = now_us(pipeline);
    return batch;
}

static void read_batch_free(struct read_batch *batch)
{
    buffer_close(&batch->queries);
    memory_free(batch->waiters);
    memory_free(batch);
}

void pipeline_query(struct pipeline *pipeline, struct bytes query, const struct waiter *waiter)
{
    pipeline->shared->counters->reads->value++;
    if (!pipeline->leads) {
        pipeline->shared->counters->not_leader->value++;
        answer_error(pipeline, waiter, GRID_ERR_NOT_LEADER);
        return;
    }
    if (!pipeline->reads)
        pipeline->reads = read_batch_take(pipeline);
    struct read_batch *batch = pipeline->reads;
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity ? batch->capacity * 2 : 16;
        batch->waiters = memory_resize(batch->waiters, batch->capacity * sizeof *batch->waiters);
    }
    batch->waiters[batch->count++] = *waiter;
    buffer_append_sized(&batch->queries, query);
    schedule(pipeline);
}

/* ---- outbox and activities of the led partition */

static void outbox_destinations(void *context, void (*each)(void *sender, uint32_t destination, uint64_t first, uint64_t last),
                                void *sender)
{
    partition_outbox_each(((struct pipeline *)context)->partition, each, sender);
}

static size_t outbox_read(void *context, uint32_t destination, uint64_t sequence, size_t bytes_max,
                          void (*each)(void *batch, uint64_t sequence, struct bytes message), void *batch)
{
    return partition_outbox_read(((struct pipeline *)context)->partition, destination, sequence, bytes_max, each, batch);
}

static bool outbox_send(void *context, uint32_t destination, const struct bytes *messages, size_t count)
{
    struct pipeline *pipeline = context;
    bool sent = pipeline->shared->send_messages(pipeline->shared->context, pipeline->id.value, destination,
                                                partition_incarnation(pipeline->partition), messages, count);
    if (sent)
        pipeline->shared->counters->messages_sent->value += count;
    return sent;
}

static void outbox_stopped(void *context, const struct outbox_link *link, uint64_t applied)
{
    struct pipeline *pipeline = context;
    pipeline->shared->link_stopped(pipeline->shared->context, pipeline->id.value, link, applied);
}

static void activity_answered(void *context, uint64_t id, enum payment_outcome outcome, struct bytes transaction, struct bytes reason)
{
    struct pipeline *pipeline = context;
    if (!pipeline->leads)
        return;
    pipeline->shared->counters->activities_answered->value++;
    struct activity_result_command result = {id, (uint32_t)outcome, transaction, reason};
    pack_own(pipeline, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_ACTIVITY, id);
}

/* So that people see why a charge takes so long; the activity itself goes on. */
static void activity_postponed(void *context, uint64_t id)
{
    struct pipeline *pipeline = context;
    if (!pipeline->leads)
        return;
    pipeline->shared->counters->activities_postponed->value++;
    struct activity_result_command result = {.activity = id, .outcome = ACTIVITY_POSTPONED};
    pack_own(pipeline, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_NONE, 0);
}

static void run_activities(struct pipeline *pipeline)
{
    struct partition_activity next;
    pipeline->activities_left = false;
    if (!pipeline->shared->io->sink)
        return;
    while (partition_activity_next(pipeline->partition, pipeline->activity_seen, &next)) {
        if (!pipeline->runner)
            pipeline->runner = activity_runner_open(&(struct activity_runner_options){
                .clock = pipeline->shared->io->clock, .sink = pipeline->shared->io->sink,
                .jitter = pipeline->shared->prng, .breaker = pipeline->shared->breaker,
                .retries = pipeline->shared->retries,
                .answered = activity_answered, .postponed = activity_postponed, .context = pipeline});
        struct activity activity = {.id = next.id, .operation = (enum payment_operation)next.operation, .key = next.key,
                                    .order = next.order, .currency = next.currency, .amount_minor = next.amount_minor};
        if (!activity_runner_start(pipeline->runner, &activity)) {
            pipeline->activities_left = true;
            return;
        }
        pipeline->activity_seen = next.id;
    }
}

/* End of the loop iteration: everything that queued leaves. */
static void flush(void *context)
{
    struct pipeline *pipeline = context;
    if (!pipeline->leads)
        return;
    struct genesis_command genesis;
    if (!pipeline->genesis_proposed && !partition_genesis(pipeline->partition, &genesis))
        pack_genesis(pipeline);
    if (pipeline->open || outbox_sender_ack_due(&pipeline->sender, now_us(pipeline)))
        outbox_sender_take_acks(&pipeline->sender, pack_ack, pipeline);
    /* For the moment of a hand-over commands wait here: for its end, or for the tick after it was given up. */
    if (pipeline->open && !group_handing_over(pipeline->group))
        propose(pipeline);
    if (pipeline->reads) {
        struct read_batch *batch = pipeline->reads;
        pipeline->reads = NULL;
        group_read(pipeline->group, &batch->read);
    }
    uint64_t version = partition_outbox_version(pipeline->partition);
    if (version != pipeline->outbox_seen) {
        pipeline->outbox_seen = version;
        outbox_sender_run(&pipeline->sender, now_us(pipeline));
    }
    run_activities(pipeline);
    if (pipeline->parked.count > 0 && pipeline->journal_seen != partition_journal_version(pipeline->partition))
        serve_parked(pipeline);
}

/* ---- what the group reports */

static void check_genesis(struct pipeline *pipeline)
{
    struct genesis_command genesis;
    if (pipeline->genesis_checked || !partition_genesis(pipeline->partition, &genesis))
        return;
    pipeline->genesis_checked = true;
    const struct pipeline_shared *shared = pipeline->shared;
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
    const struct pipeline *pipeline = context;
    return pipeline->shared->admit(pipeline->shared->context, pipeline->id.value, index, entry);
}

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct pipeline *pipeline = context;
    struct proposal *proposal = token;
    struct observer *observer = pipeline->shared->observer;
    bool counts = pipeline->terms_led[term % TERMS_KEPT] == term;
    uint64_t submitted = 0;
    if (counts)
        observer_apply_begin(observer, pipeline->partition, proposal ? proposal->proposed_us : 0);
    partition_apply(pipeline->partition, command, answered, proposal);
    if (counts)
        submitted = observer_apply_end(observer, pipeline->partition);
    if (!pipeline->ready)
        log_time_apply(&pipeline->log_time, partition_log_time_ms(pipeline->partition), now_us(pipeline));
    state_digests_add(&pipeline->digests, index, partition_digest(pipeline->partition));
    check_genesis(pipeline);
    if (proposal) {
        uint64_t us = now_us(pipeline) - proposal->since_us;
        metric_observe_us(pipeline->shared->counters->commit_us, us);
        if (submitted > 0)
            observer_answered(observer, submitted, us);
        proposal_give(proposal);
    }
    if (pipeline->leads)
        schedule(pipeline);
}

static void on_dropped(void *context, void *token)
{
    struct pipeline *pipeline = context;
    struct proposal *proposal = token;
    pipeline->shared->counters->dropped->value += proposal->count;
    answer_all(pipeline, proposal->waiters, proposal->count, GRID_ERR_UNKNOWN);
    proposal_give(proposal);
}

static void lead_when_time_is_known(struct pipeline *pipeline)
{
    struct log_time_now now = clocks_now(pipeline);
    const struct partition *partition = pipeline->partition;
    if (!pipeline->ready || pipeline->leads ||
        !log_time_lead(&pipeline->log_time, partition_log_time_ms(partition), partition_wall_time_ms(partition), &now))
        return;
    pipeline->leads = true;
    pipeline->genesis_proposed = pipeline->tick_proposed = false;
    pipeline->outbox_seen = 0;         /* the first flush looks at everything (R10) */
    pipeline->activity_seen = 0;
    schedule(pipeline);
}

static void resign(struct pipeline *pipeline)
{
    pipeline->leads = false;
    inflows_clear(&pipeline->inflows);
    outbox_sender_close(&pipeline->sender);
    if (pipeline->runner)
        activity_runner_close(pipeline->runner);
    pipeline->runner = NULL;
    if (pipeline->open) {
        answer_all(pipeline, pipeline->open->waiters, pipeline->open->count, GRID_ERR_NOT_LEADER);
        proposal_give(pipeline->open);
        pipeline->open = NULL;
        buffer_clear(&pipeline->building);
    }
    if (pipeline->reads) {
        struct read_batch *batch = pipeline->reads;
        pipeline->reads = NULL;
        read_done(batch, GRID_ERR_NOT_LEADER, 0);
    }
    parked_run(&pipeline->parked, UINT64_MAX, &(struct parked_serve){pipeline, has_records, refuse_parked});
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct pipeline *pipeline = context;
    struct log_time_now now = clocks_now(pipeline);
    bool elected = role == GROUP_LEADER || role == GROUP_READY;
    pipeline->ready = role == GROUP_READY;
    if (pipeline->ready)
        pipeline->terms_led[term % TERMS_KEPT] = term;
    if (!pipeline->ready && pipeline->leads)
        resign(pipeline);
    if (!elected)
        log_time_follow(&pipeline->log_time, &now);
    else if (!pipeline->log_time.elected || !pipeline->ready)
        log_time_elect(&pipeline->log_time, &now);
    lead_when_time_is_known(pipeline);
    pipeline->shared->role_changed(pipeline->shared->context, pipeline->id.value);
}

/* ---- life */

struct pipeline *pipeline_open(struct pipeline_shared *shared, struct partition_id id, const struct service_registry *services)
{
    struct pipeline *pipeline = memory_zero(1, sizeof *pipeline);
    pipeline->shared = shared;
    pipeline->id = id;
    pipeline->admission.load_max = shared->load_max;
    pipeline->group = group_set_get(shared->groups, id);
    pipeline->partition = partition_open(&(struct partition_options){.id = id, .services = services,
                                                                      .reads = shared->partition_reads, .scratch = shared->partition_scratch});
    pipeline->flush = (struct deferred){.run = flush, .context = pipeline};
    pipeline->outbox_host = (struct outbox_host){.context = pipeline, .destinations = outbox_destinations,
                                                 .read = outbox_read, .send = outbox_send, .stopped = outbox_stopped};
    outbox_sender_init(&pipeline->sender, &pipeline->outbox_host);
    pipeline->machine = (struct group_machine){.context = pipeline, .admit = on_admit, .apply = on_apply, .dropped = on_dropped, .role = on_role};
    group_attach(pipeline->group, &pipeline->machine);
    return pipeline;
}

static void proposal_free(struct proposal *proposal)
{
    memory_free(proposal->waiters);
    memory_free(proposal);
}

/* The group set is closed by now: every proposal and read came back. What is left was never proposed. */
void pipeline_close(struct pipeline *pipeline)
{
    pipeline->group = NULL;
    pipeline->parked.count = 0;        /* whoever waited is gone */
    resign(pipeline);
    clock_undefer(pipeline->shared->io->clock, &pipeline->flush);
    while (pipeline->idle) {
        struct proposal *proposal = pipeline->idle;
        pipeline->idle = proposal->next;
        proposal_free(proposal);
    }
    while (pipeline->reads_idle) {
        struct read_batch *batch = pipeline->reads_idle;
        pipeline->reads_idle = batch->next;
        read_batch_free(batch);
    }
    partition_close(pipeline->partition);
    buffer_close(&pipeline->building);
    buffer_close(&pipeline->scratch);
    parked_close(&pipeline->parked);
    inflows_close(&pipeline->inflows);
    memory_free(pipeline);
}

struct partition *pipeline_partition(const struct pipeline *pipeline)
{
    return pipeline->partition;
}

struct group *pipeline_group(const struct pipeline *pipeline)
{
    return pipeline->group;
}

size_t pipeline_links_stopped(const struct pipeline *pipeline)
{
    return outbox_sender_stopped(&pipeline->sender);
}

bool pipeline_leads(const struct pipeline *pipeline)
{
    return pipeline->leads;
}

struct log_time *pipeline_log_time(struct pipeline *pipeline)
{
    return &pipeline->log_time;
}

void pipeline_log_time_known(struct pipeline *pipeline)
{
    if (pipeline->ready && !pipeline->leads) {
        lead_when_time_is_known(pipeline);
        pipeline->shared->role_changed(pipeline->shared->context, pipeline->id.value);
    }
}

/* ---- what arrives */

static bool refuse_full(struct pipeline *pipeline, const struct waiter *waiter)
{
    const struct pipeline_shared *shared = pipeline->shared;
    struct fullness fullness;
    if (!fullness_look(shared->groups, (struct fullness_bounds){shared->log_disk_bytes_max, shared->log_memory_bytes_max}, &fullness))
        return false;
    answer_full(pipeline, waiter, &fullness);
    return true;
}

static void refuse_admission(struct pipeline *pipeline, const struct waiter *waiter)
{
    static const char note[] = "admission: the partition has as much work under way as it may";
    pipeline->shared->counters->not_admitted->value++;
    answer_refusal(pipeline, waiter, &(struct response){.err = GRID_ERR_BUSY, .leader = pipeline->shared->self.value,
                                                        .retry_after_ms = ADMISSION_RETRY_MS, .note = bytes_of_text(note)});
}

void pipeline_command(struct pipeline *pipeline, struct bytes command, uint32_t needs, const struct waiter *waiter)
{
    struct pipeline_counters *counters = pipeline->shared->counters;
    counters->commands->value++;
    if (!pipeline->leads) {
        counters->not_leader->value++;
        answer_error(pipeline, waiter, GRID_ERR_NOT_LEADER);
    } else if (refuse_full(pipeline, waiter)) {
        return;
    } else if (needs > 0 && !admission_take(&pipeline->admission, partition_load(pipeline->partition), needs)) {
        refuse_admission(pipeline, waiter);
    } else {
        pack(pipeline, command, needs, waiter);
    }
}

void pipeline_messages(struct pipeline *pipeline, struct bytes command, const struct deliver_command *deliver, struct node_id from)
{
    struct pipeline_counters *counters = pipeline->shared->counters;
    if (!pipeline->leads || deliver->messages_count == 0)
        return; /* the sender repeats, to whoever leads by then */
    uint64_t first = deliver->messages[0].sequence, last = deliver->messages[deliver->messages_count - 1].sequence;
    uint64_t applied = partition_inbox_last(pipeline->partition, deliver->source);
    uint64_t proposed = inflows_proposed(&pipeline->inflows, deliver->source), known = proposed > applied ? proposed : applied;
    counters->messages_received->value += deliver->messages_count;
    if (first > known + 1) {
        counters->messages_gap->value++;
        answer_messages(pipeline, from, deliver->source, true);
    } else if (last <= known) {
        counters->messages_duplicate->value += deliver->messages_count;
        if (last <= applied)
            answer_messages(pipeline, from, deliver->source, false);
    } else {
        inflows_raise(&pipeline->inflows, deliver->source, last);
        pack(pipeline, command, 0, &(struct waiter){.kind = WAITER_LINK, .slot = from.value, .source = deliver->source});
    }
}

void pipeline_messages_answer(struct pipeline *pipeline, uint32_t destination, uint64_t applied, bool gap)
{
    if (!pipeline->leads)
        return;
    outbox_sender_answer(&pipeline->sender, destination, applied, gap, now_us(pipeline));
    pipeline->outbox_seen = 0;         /* the window moved: look again */
    schedule(pipeline);
}

void pipeline_rewind(struct pipeline *pipeline)
{
    if (!pipeline->leads)
        return;
    outbox_sender_rewind(&pipeline->sender);
    pipeline->outbox_seen = 0;
    schedule(pipeline);
}

static void watch_leader(struct pipeline *pipeline)
{
    if (group_status(pipeline->group).leader.value != 0)
        pipeline->leaderless_since_us = 0;
    else if (pipeline->leaderless_since_us == 0)
        pipeline->leaderless_since_us = now_us(pipeline);
}

void pipeline_tick(struct pipeline *pipeline)
{
    uint64_t due_ms;
    watch_leader(pipeline);
    pipeline_log_time_known(pipeline);
    if (!pipeline->leads)
        return;
    if (!pipeline->tick_proposed && partition_next_due_ms(pipeline->partition, &due_ms) && due_ms <= log_time_ms(pipeline)) {
        pipeline->tick_proposed = true;
        pipeline->shared->counters->ticks->value++;
        pack_own(pipeline, &(struct command){.kind = COMMAND_TICK}, WAITER_TICK, 0);
    }
    if (pipeline->open)
        schedule(pipeline);
    if (outbox_sender_waiting(&pipeline->sender)) {
        pipeline->outbox_seen = 0;
        schedule(pipeline);
    }
    if (pipeline->refused) {
        /* The genesis or an activity's result may have been refused with its entry: once more, with the same keys. */
        pipeline->refused = pipeline->genesis_proposed = false;
        if (pipeline->runner)
            activity_runner_close(pipeline->runner);
        pipeline->runner = NULL;
        pipeline->activity_seen = 0;
        pipeline->activities_left = true;
    }
    if (pipeline->activities_left)
        schedule(pipeline);
    if (pipeline->parked.count > 0)
        serve_parked(pipeline);
}

const struct state_digests *pipeline_digests(const struct pipeline *pipeline)
{
    return &pipeline->digests;
}
