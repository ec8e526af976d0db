#include "raft/guard/guard_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/guard/guard_log.h"
#include "raft/guard/raft_message.h"

/* ---- AppendEntries in */

static bool would_truncate(const struct raft *raft, const struct raft_append_entries *append)
{
    for (unsigned i = 0; i < append->n_entries; i++) {
        uint64_t term = guard_log_term(raft, append->prev_log_index + 1 + i);
        if (term != 0 && term != append->entries[i].term)
            return true;
    }
    return false;
}

void guard_message_verified(struct guard *guard, uint64_t term, uint64_t index)
{
    if (guard->verified_term != term) {
        guard->verified_term = term;
        guard->verified_index = 0;
    }
    if (guard->verified_index < index)
        guard->verified_index = index;
}

/* The leader's own word on what is committed. S21 lowers it to the end of a message that was cut; such a one says nothing. */
static void hear_commit(struct guard *guard, struct node_id from, const struct raft_append_entries *append)
{
    uint64_t end = append->prev_log_index + append->n_entries;
    if (append->n_entries != 0 && append->leader_commit >= end)
        return;
    if (guard->heard_term == append->term && node_id_equal(guard->heard_from, from) && guard->heard_commit >= append->leader_commit)
        return;
    guard->heard_term = append->term;
    guard->heard_from = from;
    guard->heard_commit = append->leader_commit;
}

/* S13: what lies below the snapshot is not in the log any more; the library would append it at the end. The snapshot is committed, so
 * every leader of this term or a later one has the same entries. */
static void skip_snapshot(const struct raft *raft, struct raft_append_entries *append)
{
    uint64_t last = raft->log.snapshot.last_index;
    if (append->prev_log_index >= last)
        return;
    uint64_t below = last - append->prev_log_index;
    unsigned gone = below < append->n_entries ? (unsigned)below : append->n_entries;
    append->prev_log_index = last;
    append->prev_log_term = raft->log.snapshot.last_term;
    if (gone == 0)
        return;
    append->n_entries -= gone;
    memmove(append->entries, append->entries + gone, append->n_entries * sizeof *append->entries);
    if (append->n_entries != 0)
        return;
    /* Not moved: the first one still names the batch of all. */
    raft_free(append->entries[0].batch);
    raft_free(append->entries);
    append->entries = NULL;
}

static bool accept_append(struct guard *guard, struct node_id from, struct raft_append_entries *append)
{
    const struct raft *raft = &guard->raft;
    if (append->term < raft->current_term)
        return true;
    /* A second leader of our own term cannot be; the library would write over its leader's state. */
    if (raft->state == RAFT_LEADER && append->term == raft->current_term)
        return false;
    hear_commit(guard, from, append);
    if (guard_enabled(guard, GUARD_S13))
        skip_snapshot(raft, append);
    uint64_t end = append->prev_log_index + append->n_entries;
    if (guard_enabled(guard, GUARD_S13) && append->leader_commit > end)
        append->leader_commit = end;
    if (append->prev_log_index != 0 && guard_log_term(raft, append->prev_log_index) != append->prev_log_term)
        return true;
    /* S12: the writes in flight would be counted for the entries that replace them. The leader sends again. */
    if (guard_enabled(guard, GUARD_S12) && guard->io.appends_count != 0 && would_truncate(raft, append))
        return false;
    guard_message_verified(guard, append->term, end);
    return true;
}

/* ---- AppendEntriesResult in */

static void advance_commit(struct guard *guard, uint64_t id, uint64_t has, uint64_t stored)
{
    struct raft *raft = &guard->raft;
    uint64_t index = guard_log_majority(raft, id, has);
    if (index > stored)
        index = stored;
    if (index > raft->commit_index && guard_log_term(raft, index) == raft->current_term)
        raft->commit_index = index;
}

bool guard_message_holding(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    return guard_enabled(guard, GUARD_S2) && raft->state == RAFT_LEADER &&
           guard_log_term(raft, raft->last_stored) < raft->current_term;
}

static void hold(struct guard *guard, struct node_id from, const struct raft_append_entries_result *result)
{
    /* More than fit are lost like any message; the next heartbeat brings the same news. */
    if (guard->held_count == GUARD_HELD_MAX)
        return;
    if (guard->held == NULL)
        guard->held = memory_zero(GUARD_HELD_MAX, sizeof *guard->held);
    guard->held[guard->held_count++] = (struct guard_held){from, *result};
}

/* S23: the peer had everything up to `match_index` and does not have `rejected` any more: it has lost log. The library takes
 * that for an old answer, every time. Lowering what is believed of a peer is always safe: what is committed stays so. Going on
 * from the refused index is what the library does by itself when it believes nothing. */
static void follow_lost_log(const struct raft *raft, struct raft_progress *progress, uint64_t rejected)
{
    if (rejected > progress->match_index || rejected > guard_log_last(raft))
        return;
    progress->match_index = 0;
    progress->state = GUARD_PROGRESS_PROBE;
    progress->next_index = rejected + 1;
}

static bool accept_result(struct guard *guard, struct node_id from, const struct raft_append_entries_result *result)
{
    struct raft *raft = &guard->raft;
    if (raft->state != RAFT_LEADER || result->term != raft->current_term)
        return true;
    unsigned position = guard_log_position(raft, from.value);
    if (position == raft->configuration.n)
        return true;
    guard->answered_ms[position] = guard->tick_ms + 1;
    if (guard_message_holding(guard)) {
        hold(guard, from, result);
        return false;
    }
    struct raft_progress *progress = &raft->leader_state.progress[position];
    if (result->rejected != 0) {
        if (guard_enabled(guard, GUARD_S23))
            follow_lost_log(raft, progress, result->rejected);
        /* S4: the next probe leaves now, not with the next heartbeat. While it gets a snapshot, a peer refuses every heartbeat. */
        if (guard_enabled(guard, GUARD_S4) && progress->state != GUARD_PROGRESS_SNAPSHOT)
            progress->last_send = 0;
        return true;
    }
    uint64_t last = guard_log_last(raft);
    uint64_t has = result->last_log_index < last ? result->last_log_index : last;
    /* Without news the library would not apply what is committed here. */
    if (guard_enabled(guard, GUARD_S3) && has > progress->match_index)
        advance_commit(guard, from.value, has, raft->last_stored);
    return true;
}

static void drop_held(struct guard *guard, struct node_id from)
{
    size_t kept = 0;
    for (size_t i = 0; i < guard->held_count; i++)
        if (!node_id_equal(guard->held[i].from, from))
            guard->held[kept++] = guard->held[i];
    guard->held_count = kept;
}

void guard_message_forget(struct guard *guard, struct node_id node)
{
    struct raft *raft = &guard->raft;
    drop_held(guard, node);
    unsigned position = guard_log_position(raft, node.value);
    if (raft->state != RAFT_LEADER || position == raft->configuration.n)
        return;
    struct raft_progress *progress = &raft->leader_state.progress[position];
    progress->match_index = 0;
    progress->state = GUARD_PROGRESS_PROBE;
    progress->next_index = guard_log_last(raft) + 1;
    progress->last_send = 0;
}

void guard_message_stored(struct guard *guard, uint64_t last_index)
{
    struct raft *raft = &guard->raft;
    if (!guard_enabled(guard, GUARD_S3B) || raft->state != RAFT_LEADER)
        return;
    if (last_index > raft->last_stored && guard_log_term(raft, last_index) == raft->current_term)
        advance_commit(guard, raft->id, last_index, last_index);
}

/* ---- the other kinds in */

static bool accept_vote(const struct guard *guard, const struct raft_request_vote *vote)
{
    const struct raft *raft = &guard->raft;
    if (guard->apart)
        return false;
    /* S7: the target of our own transfer is no exception to one vote a term. */
    bool voted_otherwise = vote->term == raft->current_term && raft->voted_for != 0 &&
                           raft->voted_for != vote->candidate_id;
    return !(guard_enabled(guard, GUARD_S7) && !vote->pre_vote && raft->transfer != NULL && voted_otherwise);
}

static bool accept_timeout_now(const struct guard *guard)
{
    if (guard->apart)
        return false;
    if (guard_enabled(guard, GUARD_S5) && guard->io.appends_count != 0)
        return false;
    return !(guard_enabled(guard, GUARD_S14) && guard_log_voters(&guard->raft) <= 1);
}

static uint64_t term_of(const struct raft_message *message)
{
    switch (message->type) {
    case RAFT_IO_APPEND_ENTRIES: return message->append_entries.term;
    case RAFT_IO_APPEND_ENTRIES_RESULT: return message->append_entries_result.term;
    case RAFT_IO_REQUEST_VOTE: return message->request_vote.term;
    case RAFT_IO_REQUEST_VOTE_RESULT: return message->request_vote_result.term;
    case RAFT_IO_TIMEOUT_NOW: return message->timeout_now.term;
    default: return 0;
    }
}

/* A term that is taken is durable, and the next election must have room above it. Each election adds 1, after a pre-vote that
 * a majority grants: no member is so far behind an honest one. */
static bool is_reachable(const struct guard *guard, uint64_t term)
{
    return term <= guard->raft.current_term || term - guard->raft.current_term <= RAFT_TERM_STEP_MAX;
}

static bool accept(struct guard *guard, struct raft_message *message)
{
    if (!is_reachable(guard, term_of(message)))
        return false;
    switch (message->type) {
    case RAFT_IO_APPEND_ENTRIES:
        return accept_append(guard, (struct node_id){(uint32_t)message->server_id}, &message->append_entries);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
        return accept_result(guard, (struct node_id){(uint32_t)message->server_id}, &message->append_entries_result);
    case RAFT_IO_REQUEST_VOTE:
        return accept_vote(guard, &message->request_vote);
    case RAFT_IO_REQUEST_VOTE_RESULT:
        return true;
    case RAFT_IO_TIMEOUT_NOW:
        return accept_timeout_now(guard);
    default:
        UNREACHABLE("the codec lets no other kind in");
    }
}

void guard_message_deliver(struct guard *guard, struct raft_message *message)
{
    char address[24];
    snprintf(address, sizeof address, "%llu", message->server_id);
    if (!accept(guard, message)) {
        raft_message_free(message);
        return;
    }
    message->server_address = address;
    guard->io.receive(&guard->io.base, message);
    /* The library has copied the address where it wanted it. */
    message->server_address = NULL;
}

void guard_message_release(struct guard *guard)
{
    REQUIRE(guard->held_count != 0);
    struct guard_held first = guard->held[0];
    guard->held_count--;
    memmove(guard->held, guard->held + 1, guard->held_count * sizeof *guard->held);
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES_RESULT, .server_id = first.from.value};
    message.append_entries_result = first.result;
    guard_message_deliver(guard, &message);
}

/* ---- out */

/* S4: where the leader should look next: in front of the conflicting term, in one step. */
static uint64_t rejection_hint(const struct raft *raft, uint64_t rejected)
{
    uint64_t conflicting = guard_log_term(raft, rejected);
    uint64_t index = rejected - 1;
    while (index > raft->commit_index && guard_log_term(raft, index) == conflicting)
        index--;
    return index;
}

static bool correct_result(const struct guard *guard, struct raft_append_entries_result *result)
{
    const struct raft *raft = &guard->raft;
    if (result->rejected != 0) {
        bool ours = raft->state == RAFT_FOLLOWER && result->term == raft->current_term;
        if (guard_enabled(guard, GUARD_S4) && ours && result->last_log_index >= result->rejected)
            result->last_log_index = rejection_hint(raft, result->rejected);
        return true;
    }
    if (guard_enabled(guard, GUARD_S1)) {
        if (guard->verified_term != result->term)
            return false;
        if (result->last_log_index > guard->verified_index)
            result->last_log_index = guard->verified_index;
    }
    if (guard_enabled(guard, GUARD_S1B) && result->last_log_index > raft->last_stored)
        result->last_log_index = raft->last_stored;
    /* What is committed is so without this node: the leader learns where to go on, and counts nothing. */
    if (guard->apart && result->last_log_index > raft->commit_index)
        result->last_log_index = raft->commit_index;
    return true;
}

/* S21: entries that fit one message; at least one. */
static unsigned entries_that_fit(const struct guard *guard, const struct raft_append_entries *append)
{
    unsigned most = guard->options.append_entries_max != 0 ? guard->options.append_entries_max : APPEND_ENTRIES_MAX;
    unsigned count = 0;
    size_t size = 0;
    while (count < append->n_entries && count < most && size < APPEND_BYTES_MAX)
        size += append->entries[count++].buf.len;
    return count;
}

static void cut_append(struct guard *guard, uint64_t to, struct raft_append_entries *append)
{
    unsigned count = entries_that_fit(guard, append);
    unsigned position = guard_log_position(&guard->raft, to);
    if (!guard_enabled(guard, GUARD_S21) || count == append->n_entries || position >= REPLICAS_MAX)
        return;
    append->n_entries = count;
    uint64_t end = append->prev_log_index + count;
    if (append->leader_commit > end)
        append->leader_commit = end;
    guard->cut_first[position] = append->prev_log_index + 1;
}

void guard_message_lost(struct guard *guard, struct node_id to)
{
    unsigned position = guard_log_position(&guard->raft, to.value);
    if (position < REPLICAS_MAX)
        guard->lost[position] = true;
}

bool guard_message_leave(struct guard *guard, struct raft_message *message)
{
    struct raft_request_vote_result *vote = &message->request_vote_result;
    switch (message->type) {
    case RAFT_IO_APPEND_ENTRIES:
        cut_append(guard, message->server_id, &message->append_entries);
        return true;
    case RAFT_IO_APPEND_ENTRIES_RESULT:
        return correct_result(guard, &message->append_entries_result);
    case RAFT_IO_REQUEST_VOTE_RESULT:
        /* S17: a refusal that repeats the asked term hides from the candidate that it is behind. */
        if (guard_enabled(guard, GUARD_S17) && vote->pre_vote == raft_tribool_true && !vote->vote_granted &&
            vote->term < guard->raft.current_term)
            vote->term = guard->raft.current_term;
        return true;
    default:
        return true;
    }
}
