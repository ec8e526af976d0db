#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

static void serve(void *context, const struct query *query, const struct waiter *waiter)
{
    struct replica *replica = context;
    if (query->kind == QUERY_BACKUP) {
        replica_backup_step(replica, &query->backup, waiter);
        return;
    }
    buffer_clear(&replica->scratch);
    partition_query(replica->partition, query, replica->read_time_ms, &replica->scratch);
    replica->shared->answer(replica->shared->context, waiter, replica->id.value, buffer_bytes(&replica->scratch));
}

/* ---- reads that wait for a record */

static bool has_records(void *context, struct query *query)
{
    return !partition_journal_waits(((struct replica *)context)->partition, query);
}

static void refuse_parked(void *context, const struct query *query, const struct waiter *waiter)
{
    (void)query;
    replica_answer_error(context, waiter, GRID_ERR_NOT_LEADER);
}

/* True: the read waits for a record. It was confirmed, and what comes later is committed before it is applied. */
static bool park(struct replica *replica, struct query *query, const struct waiter *waiter)
{
    if (query->kind != QUERY_JOURNAL || query->wait_ms == 0 || !replica->leads ||
        !partition_journal_waits(replica->partition, query))
        return false;
    uint64_t wait_ms = query->wait_ms < JOURNAL_WAIT_MS_MAX ? query->wait_ms : JOURNAL_WAIT_MS_MAX;
    replica->journal_seen = partition_journal_version(replica->partition);
    return parked_add(&replica->parked, query, waiter, replica_now_us(replica) + wait_ms * 1000);
}

void replica_serve_parked(struct replica *replica)
{
    replica->journal_seen = partition_journal_version(replica->partition);
    replica->read_time_ms = replica_log_time_ms(replica);
    parked_run(&replica->parked, replica_now_us(replica), &(struct parked_serve){replica, has_records, serve});
}

/* ---- batches */

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
    metric_observe_us(replica->shared->counters->read_us, replica_now_us(replica) - batch->since_us);
    if (err != GRID_ERR_OK)
        replica_answer_all(replica, batch->waiters, batch->count, err);
    else
        replica->read_time_ms = replica_log_time_ms(replica);
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
    batch->since_us = replica_now_us(replica);
    return batch;
}

void replica_query(struct replica *replica, struct bytes query, const struct waiter *waiter)
{
    replica->shared->counters->reads->value++;
    if (!replica->leads) {
        replica->shared->counters->not_leader->value++;
        replica_answer_error(replica, waiter, GRID_ERR_NOT_LEADER);
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
    replica_schedule(replica);
}

void replica_reads_send(struct replica *replica)
{
    struct read_batch *batch = replica->reads;
    if (!batch)
        return;
    replica->reads = NULL;
    group_read(replica->group, &batch->read);
}

void replica_reads_resign(struct replica *replica)
{
    struct read_batch *batch = replica->reads;
    replica->reads = NULL;
    if (batch)
        read_done(batch, GRID_ERR_NOT_LEADER, 0);
    parked_run(&replica->parked, UINT64_MAX, &(struct parked_serve){replica, has_records, refuse_parked});
}

void replica_reads_close(struct replica *replica)
{
    while (replica->reads_idle) {
        struct read_batch *batch = replica->reads_idle;
        replica->reads_idle = batch->next;
        buffer_close(&batch->queries);
        memory_free(batch->waiters);
        memory_free(batch);
    }
    parked_close(&replica->parked);
}
