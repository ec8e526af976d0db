#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"

void replica_answer_refusal(struct replica *replica, const struct waiter *waiter, const struct response *response)
{
    REQUIRE(response->err != GRID_ERR_OK);
    buffer_clear(&replica->scratch);
    response_encode(response, &replica->scratch);
    replica->shared->answer(replica->shared->context, waiter, replica->id.value, buffer_bytes(&replica->scratch));
}

void replica_answer_error(struct replica *replica, const struct waiter *waiter, enum grid_err err)
{
    struct response response = {.err = err, .leader = replica->group ? group_status(replica->group).leader.value : 0};
    /* Tells a client that this node is cut off, and not just in the middle of an election: it should ask others. */
    if (response.leader == 0 && replica->leaderless_since_us != 0)
        response.no_leader_ms = (replica_now_us(replica) - replica->leaderless_since_us) / 1000;
    if (waiter->kind == WAITER_CLIENT)
        replica_answer_refusal(replica, waiter, &response);
}

void replica_answer_full(struct replica *replica, const struct waiter *waiter, const struct fullness *fullness)
{
    struct replica_counters *counters = replica->shared->counters;
    if (waiter->kind != WAITER_CLIENT)
        return;
    struct metric_counter *const reasons[] = {[FULLNESS_BOUND] = counters->log_full, [FULLNESS_DISK] = counters->disk_full,
                                              [FULLNESS_MEMORY] = counters->memory_full, [FULLNESS_MEMBER_MEMORY] = counters->member_memory_full};
    reasons[fullness->reason]->value++;
    /* A client from before this error would take it for damage; BUSY it repeats. */
    enum grid_err err = fullness->err == GRID_ERR_MEMORY_FULL && !waiter->knows_memory_full ? GRID_ERR_BUSY : fullness->err;
    replica_answer_refusal(replica, waiter, &(struct response){.err = err, .leader = replica->shared->self.value,
                                                        .retry_after_ms = fullness->retry_after_ms, .note = fullness->note});
}

void replica_answer_all(struct replica *replica, const struct waiter *waiters, uint32_t count, enum grid_err err)
{
    for (uint32_t i = 0; i < count; i++)
        replica_answer_error(replica, &waiters[i], err);
}
