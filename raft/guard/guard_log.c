#include "raft/guard/guard_log.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"

static size_t log_count(const struct raft_log *log)
{
    if (log->size == 0)
        return 0;
    return log->front <= log->back ? log->back - log->front : log->size - log->front + log->back;
}

uint64_t guard_log_last(const struct raft *raft)
{
    return raft->log.offset + log_count(&raft->log);
}

const struct raft_entry *guard_log_entry(const struct raft *raft, uint64_t index)
{
    const struct raft_log *log = &raft->log;
    if (index <= log->offset || index > guard_log_last(raft))
        return NULL;
    return &log->entries[(log->front + (size_t)(index - log->offset - 1)) % log->size];
}

uint64_t guard_log_term(const struct raft *raft, uint64_t index)
{
    if (index == 0)
        return 0;
    if (index == raft->log.snapshot.last_index)
        return raft->log.snapshot.last_term;
    const struct raft_entry *entry = guard_log_entry(raft, index);
    return entry == NULL ? 0 : entry->term;
}

uint32_t guard_log_voters(const struct raft *raft)
{
    uint32_t voters = 0;
    for (unsigned i = 0; i < raft->configuration.n; i++)
        voters += raft->configuration.servers[i].role == RAFT_VOTER;
    return voters;
}

unsigned guard_log_position(const struct raft *raft, uint64_t id)
{
    unsigned i = 0;
    while (i < raft->configuration.n && raft->configuration.servers[i].id != id)
        i++;
    return i;
}

bool guard_log_only_voter(const struct raft *raft)
{
    unsigned position = guard_log_position(raft, raft->id);
    return position < raft->configuration.n && raft->configuration.servers[position].role == RAFT_VOTER &&
           guard_log_voters(raft) == 1;
}

static void insert_ascending(uint64_t *numbers, size_t count, uint64_t number)
{
    size_t at = count;
    for (; at != 0 && numbers[at - 1] > number; at--)
        numbers[at] = numbers[at - 1];
    numbers[at] = number;
}

uint64_t guard_log_majority(const struct raft *raft, uint64_t id, uint64_t has)
{
    REQUIRE(raft->state == RAFT_LEADER);
    uint64_t matches[REPLICAS_MAX];
    size_t voters = 0;
    for (unsigned i = 0; i < raft->configuration.n; i++) {
        const struct raft_server *server = &raft->configuration.servers[i];
        uint64_t match = raft->leader_state.progress[i].match_index;
        if (server->role != RAFT_VOTER)
            continue;
        HOLDS(voters < REPLICAS_MAX);
        insert_ascending(matches, voters++, server->id == id && has > match ? has : match);
    }
    /* Ascending: this one and everything behind it are more than half. */
    return voters == 0 ? 0 : matches[(voters - 1) / 2];
}
