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

void guard_log_snapshot(struct raft *raft, uint64_t index)
{
    uint64_t term = guard_log_term(raft, index);
    REQUIRE(term != 0 && index <= raft->last_applied && index >= raft->log.snapshot.last_index);
    raft->log.snapshot.last_index = index;
    raft->log.snapshot.last_term = term;
}

/* Drops one reference of the entry; true: it was the last one. A slot of the table holds all entries with one index, by term. */
static bool unreference(struct raft_log *log, uint64_t term, uint64_t index)
{
    struct raft_entry_ref *slot = &log->refs[(index - 1) % log->refs_size], *before = NULL;
    while (slot->term != term) {
        HOLDS(slot->index == index && slot->next != NULL);
        before = slot;
        slot = slot->next;
    }
    HOLDS(slot->index == index && slot->count != 0);
    if (--slot->count != 0)
        return false;
    struct raft_entry_ref *next = slot->next;
    if (before != NULL) {
        before->next = next;
        raft_free(slot);
    } else if (next != NULL) {
        *slot = *next;
        raft_free(next);
    }
    return true;
}

void guard_log_release(struct raft *raft, uint64_t index, void (*each)(void *context, size_t size), void *context)
{
    struct raft_log *log = &raft->log;
    REQUIRE(index <= log->snapshot.last_index);
    while (log->offset < index && log_count(log) != 0) {
        struct raft_entry *entry = &log->entries[log->front];
        log->front = log->front == log->size - 1 ? 0 : log->front + 1;
        log->offset++;
        each(context, entry->buf.len);
        /* Entries of a batch are copied one by one before they come into the log (wal and network). */
        HOLDS(entry->batch == NULL);
        if (unreference(log, entry->term, log->offset) && entry->buf.base != NULL)
            raft_free(entry->buf.base);
    }
    if (log_count(log) != 0)
        return;
    raft_free(log->entries);
    log->entries = NULL;
    log->size = log->front = log->back = 0;
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
