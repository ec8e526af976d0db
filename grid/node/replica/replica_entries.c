#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/node/replica/observer.h"

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
    proposal->needs = proposal->bytes = 0;
    proposal->links = 0;
    proposal->since_us = replica_now_us(replica);
    return proposal;
}

void replica_proposal_give(struct proposal *proposal)
{
    struct replica *replica = proposal->replica;
    admission_give(&replica->admission, proposal->needs);
    HOLDS(replica->in_flight_bytes >= proposal->bytes);
    replica->in_flight_bytes -= proposal->bytes;
    HOLDS(replica->links_in_flight >= proposal->links);
    replica->links_in_flight -= proposal->links;
    proposal->next = replica->idle;
    replica->idle = proposal;
    if (replica->links_settled != NULL && replica->links_in_flight == 0)
        replica->links_settled(replica);
}

void replica_propose(struct replica *replica)
{
    struct proposal *proposal = replica->open;
    REQUIRE(proposal && proposal->count > 0 && proposal->count == entry_commands(&replica->building));
    replica->open = NULL;
    proposal->proposed_us = observer_proposed(replica->shared->observer, proposal->since_us);
    struct log_time_now now = replica_clocks(replica);
    uint64_t time_ms = log_time_read(&replica->log_time, &now);
    entry_seal(&replica->building, time_ms, log_time_stamp_wall_ms(&replica->log_time, time_ms, &now));
    /* Room was checked when the clients' commands arrived; other commands in the entry are never refused (R6). */
    enum grid_err err = group_propose(replica->group, buffer_bytes(&replica->building), proposal);
    buffer_clear(&replica->building);
    replica->shared->counters->entries->value++;
    if (err == GRID_ERR_OK)
        return;
    /* Refused before the log: surely not appended. */
    struct fullness fullness = fullness_of_disk(replica->shared->groups);
    for (uint32_t i = 0; err == GRID_ERR_LOG_FULL && i < proposal->count; i++)
        replica_answer_full(replica, &proposal->waiters[i], &fullness);
    if (err != GRID_ERR_LOG_FULL)
        replica_answer_all(replica, proposal->waiters, proposal->count, err == GRID_ERR_BUSY ? GRID_ERR_NOT_LEADER : err);
    replica->tick_proposed = replica->register_proposed = false;
    inflows_clear(&replica->inflows);
    outbox_sender_repeat_acks(&replica->sender, replica_now_us(replica));
    replica->refused = true;
    replica_proposal_give(proposal);
}

void replica_pack(struct replica *replica, struct bytes command, uint32_t needs, const struct waiter *waiter)
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
    proposal->bytes += command.size;
    replica->in_flight_bytes += command.size;
    bool moves = waiter->kind == WAITER_LINK || waiter->kind == WAITER_ACKNOWLEDGE;
    proposal->links += moves;
    replica->links_in_flight += moves;
    entry_add(&replica->building, command);
    if (replica->building.size >= ENTRY_BYTES_AIM || proposal->count == ENTRY_COMMANDS_MAX)
        replica_propose(replica);
    else
        replica_schedule(replica);
}

void replica_pack_own(struct replica *replica, const struct command *command, enum waiter_kind kind, uint64_t id)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    replica_pack(replica, buffer_bytes(&encoded), 0, &(struct waiter){.kind = kind, .request = id});
    buffer_close(&encoded);
}

void replica_pack_genesis(struct replica *replica)
{
    struct buffer encoded = {0};
    replica->shared->genesis_encode(replica->shared->context, entropy_u64(replica->shared->io->entropy), &encoded);
    replica_pack(replica, buffer_bytes(&encoded), 0, &(struct waiter){.kind = WAITER_NONE});
    buffer_close(&encoded);
    replica->genesis_proposed = true;
}

void replica_register(struct replica *replica, const uint32_t *numbers, size_t count)
{
    REQUIRE(replica->leads && count > 0);
    if (replica->register_proposed || partition_closed(replica->partition))
        return;
    replica->register_proposed = true;
    replica_pack_own(replica, &(struct command){.kind = COMMAND_REGISTER, .registers = {numbers, count}}, WAITER_REGISTER, 0);
}

void replica_entries_resign(struct replica *replica)
{
    if (!replica->open)
        return;
    replica_answer_all(replica, replica->open->waiters, replica->open->count, GRID_ERR_NOT_LEADER);
    replica_proposal_give(replica->open);
    replica->open = NULL;
    buffer_clear(&replica->building);
}

void replica_entries_close(struct replica *replica)
{
    while (replica->idle) {
        struct proposal *proposal = replica->idle;
        replica->idle = proposal->next;
        memory_free(proposal->waiters);
        memory_free(proposal);
    }
    buffer_close(&replica->building);
}

/* ---- commands of clients */

static bool refuse_full(struct replica *replica, bool grows, const struct waiter *waiter)
{
    const struct replica_shared *shared = replica->shared;
    struct fullness fullness;
    if (!fullness_look(shared->groups, &fullness) && !(grows && fullness_of_memory(shared->memory, &fullness)))
        return false;
    replica_answer_full(replica, waiter, &fullness);
    return true;
}

static void refuse_admission(struct replica *replica, const struct waiter *waiter)
{
    static const char note[] = "admission: the partition has as much work under way as it may";
    replica->shared->counters->not_admitted->value++;
    replica_answer_refusal(replica, waiter, &(struct response){.err = GRID_ERR_BUSY, .leader = replica->shared->self.value,
                                                        .retry_after_ms = ADMISSION_RETRY_MS, .note = bytes_of_text(note)});
}

static void refuse_in_flight(struct replica *replica, const struct waiter *waiter)
{
    static const char note[] = "in flight: too many bytes of writes to this partition wait for a majority of the disks";
    replica->shared->counters->in_flight_full->value++;
    replica_answer_refusal(replica, waiter, &(struct response){.err = GRID_ERR_BUSY, .leader = replica->shared->self.value,
                                                        .retry_after_ms = ADMISSION_RETRY_MS, .note = bytes_of_text(note)});
}

static void refuse_closed(struct replica *replica, const struct waiter *waiter)
{
    static const char note[] = "the cluster is being restored from a backup";
    replica_answer_refusal(replica, waiter, &(struct response){.err = GRID_ERR_BUSY, .leader = replica->shared->self.value,
                                                        .retry_after_ms = ADMISSION_RETRY_MS, .note = bytes_of_text(note)});
}

void replica_command(struct replica *replica, struct bytes command, struct admission_needs needs, const struct waiter *waiter)
{
    struct replica_counters *counters = replica->shared->counters;
    counters->commands->value++;
    if (!replica->leads) {
        counters->not_leader->value++;
        replica_answer_error(replica, waiter, GRID_ERR_NOT_LEADER);
    } else if (partition_closed(replica->partition) && !needs.restores) {
        refuse_closed(replica, waiter);
    } else if (refuse_full(replica, needs.grows, waiter)) {
        return;
    } else if (replica->in_flight_bytes >= PARTITION_IN_FLIGHT_BYTES_MAX) {
        refuse_in_flight(replica, waiter);
    } else if (needs.work > 0 && !admission_take(&replica->admission, partition_load(replica->partition), needs.work)) {
        refuse_admission(replica, waiter);
    } else {
        replica_pack(replica, command, needs.work, waiter);
    }
}
