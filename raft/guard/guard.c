#include "raft/guard/guard.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/guard/guard_configuration.h"
#include "raft/guard/guard_log.h"
#include "raft/guard/guard_message.h"
#include "raft/guard/guard_snapshot.h"
#include "raft/guard/raft_message.h"

enum {
    /* Patience with a leader whose link ended: long enough for a new connection and the heartbeat on it. */
    EARLY_HEARTBEATS_MIN = 2,
    EARLY_HEARTBEATS_MAX = 5,
    /* When all stand for the first time: turns far enough apart (`host_random`) for partitions to find the leader that is theirs. */
    FIRST_HEARTBEATS_MAX = 11,
    /* After that the usual election timeout again, for a partition that cannot elect a leader. */
    EARLY_ELECTIONS_MAX = 3,
    GIVEN_WAY_ELECTIONS = 2,
    /* A transfer: proposals go on for a heartbeat, and the target may have caught up in a gap between them. Then they wait, so that
     * it does, and it stands for election. What is not done by the end is given up. */
    TRANSFER_OFFER_HEARTBEATS = 1,
    TRANSFER_HEARTBEATS = 4,
    /* A heartbeat and its answer, and one of each that were lost; ticks are half a heartbeat apart. */
    RECENT_HEARTBEATS = 3,
};

/* The shims write private fields: another layout is another library. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct raft) == 656, "the consensus library is not version 0.15.0");
_Static_assert(sizeof(struct raft_log) == 72 && sizeof(struct raft_progress) == 56, "the library is not 0.15.0");

static struct guard *guard_of(struct raft *raft)
{
    struct guard *guard = raft->data;
    REQUIRE(guard != NULL && &guard->raft == raft);
    return guard;
}

bool guard_holds(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    if (guard->io.sends_count != 0 || guard->held_count > GUARD_HELD_MAX)
        return false;
    if (!guard->started || guard->broken)
        return true;
    uint64_t last = guard_log_last(raft);
    /* Without S12 the library counts writes of entries that are gone. */
    bool stored = raft->last_stored <= last || !guard_enabled(guard, GUARD_S12);
    return raft->last_applied <= raft->commit_index && raft->commit_index <= last && stored &&
           guard->io.next_index == last + 1 && guard->io.term == raft->current_term &&
           guard->io.vote == raft->voted_for;
}

/* ---- after every entry into the library */

static void break_down(struct guard *guard, const char *what)
{
    if (guard->broken)
        return;
    guard->broken = true;
    guard->options.events.broken(guard->options.events.context, what);
}

/* S21: the library believes that it sent everything. Back to a probe that goes on where the message started: the rest
 * follows with the answer, and until then no proposal gathers all that is missing once more. */
static void follow_cut(const struct guard *guard, struct raft_progress *progress, uint64_t first)
{
    HOLDS(first <= guard_log_last(&guard->raft));
    if (progress->match_index >= first)
        return;
    progress->state = GUARD_PROGRESS_PROBE;
    progress->next_index = first;
}

/* Nobody listens there: to believe it up to date costs nothing, while otherwise every proposal and every heartbeat would
 * gather all that is missing. It will refuse the first heartbeat that reaches it, and is probed from then on. */
static void follow_loss(const struct guard *guard, struct raft_progress *progress)
{
    progress->state = GUARD_PROGRESS_PIPELINE;
    progress->next_index = guard_log_last(&guard->raft) + 1;
}

/* S22: a probe may have gone below what the peer has, and then it would be sent a snapshot that brings no news, for ever. */
static void follow_match(struct raft_progress *progress)
{
    if (progress->state == GUARD_PROGRESS_SNAPSHOT && progress->match_index >= progress->snapshot_index) {
        progress->state = GUARD_PROGRESS_PROBE;
        progress->snapshot_index = 0;
    }
    if (progress->next_index <= progress->match_index)
        progress->next_index = progress->match_index + 1;
}

static void follow_sends(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        uint64_t first = guard->cut_first[i];
        bool lost = guard->lost[i];
        guard->cut_first[i] = 0;
        guard->lost[i] = false;
        if (raft->state != RAFT_LEADER || i >= raft->configuration.n)
            continue;
        struct raft_progress *progress = &raft->leader_state.progress[i];
        if (lost)
            follow_loss(guard, progress);
        else if (first != 0)
            follow_cut(guard, progress, first);
        if (guard_enabled(guard, GUARD_S22) && raft->configuration.servers[i].id != raft->id)
            follow_match(progress);
    }
}

static void barrier_done(struct raft_barrier *barrier, int status)
{
    struct guard *guard = barrier->data;
    if (status == 0)
        guard->ready_term = guard->raft.current_term;
}

static void finish_calls(struct guard *guard)
{
    group_io_complete_sends(&guard->io);
    follow_sends(guard);
}

/* S2: the first entry of the own term, written before any answer is looked at. */
static void take_lead(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    /* What is left of a transfer in an earlier leadership would refuse the barrier. */
    raft->transfer = NULL;
    guard->transfer_target = (struct node_id){0};
    guard->tick_ms = guard->io.base.time(&guard->io.base);
    memset(guard->answered_ms, 0, sizeof guard->answered_ms);
    guard->barrier_term = raft->current_term;
    guard->barrier.data = guard;
    if (raft_barrier(raft, &guard->barrier, barrier_done) != 0)
        break_down(guard, "the barrier of a new leader was refused");
    finish_calls(guard);
}

static void look_after(struct guard *guard)
{
    finish_calls(guard);
    if (guard->refused)
        guard->broken = true;
    else if (guard->raft.state == RAFT_UNAVAILABLE)
        break_down(guard, guard->raft.errmsg[0] != 0 ? guard->raft.errmsg : "the consensus library gave up");
    else if (guard->raft.state == RAFT_LEADER && guard->barrier_term != guard->raft.current_term)
        take_lead(guard);
}

static void transfer_done(struct raft_transfer *transfer)
{
    struct guard *guard = transfer->data;
    guard->transfer_target = (struct node_id){0};
}

/* The library waits for an election timeout and refuses proposals meanwhile: give it an earlier start time. */
static void hasten_end(struct guard *guard)
{
    unsigned patience_ms = TRANSFER_HEARTBEATS * guard->options.heartbeat_ms;
    if (guard->raft.transfer != NULL && guard_enabled(guard, GUARD_S9) && patience_ms < guard->options.election_timeout_ms)
        guard->raft.transfer->start -= guard->options.election_timeout_ms - patience_ms;
}

static void begin_transfer(struct guard *guard)
{
    guard->transfer.data = guard;
    if (raft_transfer(&guard->raft, &guard->transfer, guard->transfer_target.value, transfer_done) != 0)
        guard->transfer_target = (struct node_id){0};
    else
        hasten_end(guard);
    finish_calls(guard);
}

/* S9: the library would ask the target to stand for election before it holds the whole log, and never ask again. */
static void pursue_transfer(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    if (guard->transfer_target.value == 0 || raft->transfer != NULL)
        return;
    if (raft->state != RAFT_LEADER) {
        guard->transfer_target = (struct node_id){0};
        return;
    }
    unsigned position = guard_log_position(raft, guard->transfer_target.value);
    HOLDS(position < raft->configuration.n);
    if (!guard_enabled(guard, GUARD_S9) ||
        raft->leader_state.progress[position].match_index == guard_log_last(raft))
        begin_transfer(guard);
}

static void tell(struct guard *guard)
{
    bool ready = guard_ready(guard);
    if (guard->state_told == guard->raft.state && guard->term_told == guard->raft.current_term &&
        guard->ready_told == ready)
        return;
    guard->state_told = guard->raft.state;
    guard->term_told = guard->raft.current_term;
    guard->ready_told = ready;
    guard->options.events.changed(guard->options.events.context);
}

void guard_settle(struct guard *guard)
{
    look_after(guard);
    while (!guard->broken && guard->held_count != 0 && !guard_message_holding(guard)) {
        guard_message_release(guard);
        look_after(guard);
    }
    if (!guard->broken)
        pursue_transfer(guard);
    HOLDS(guard_holds(guard));
    tell(guard);
}

/* ---- state machine */

static int fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *command, void **result)
{
    struct guard *guard = fsm->data;
    /* The library counts an entry as applied only after this call. */
    uint64_t index = guard->raft.last_applied + 1;
    const struct guard_events *events = &guard->options.events;
    struct bytes entry = bytes_of(command->base, command->len);
    /* The library stops at an entry whose application fails, without counting it, and may come again with it. */
    if (guard->refused || (events->admit != NULL && !events->admit(events->context, index, entry))) {
        guard->refused = true;
        return RAFT_BUSY;
    }
    events->apply(events->context, index, guard_log_term(&guard->raft, index), entry);
    *result = NULL;
    return 0;
}

static int fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer *buffers[], unsigned *count)
{
    /* The guard takes them (guard_snapshot.h): the library would do so only right after it has applied an entry. */
    (void)fsm;
    (void)buffers;
    (void)count;
    return RAFT_BUSY;
}

static int fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buffer)
{
    /* The machine has its state from the file: the buffer is a formality. */
    (void)fsm;
    raft_free(buffer->base);
    return 0;
}

/* ---- configuration */

bool guard_members_match(const struct guard *guard, const struct node_id *members, size_t members_count)
{
    uint64_t ids[REPLICAS_MAX];
    size_t count = guard_configuration_ids(group_io_configuration(&guard->io), ids);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < members_count; j++)
            found += ids[i] == members[j].value;
    return count == members_count && found == count;
}

/* ---- what the library's disk and wire report */

static void before_load(void *context, const struct wal_group_state *loaded)
{
    struct guard *guard = context;
    uint64_t ids[REPLICAS_MAX];
    (void)loaded;
    if (!guard_enabled(guard, GUARD_S14) || group_io_configuration(&guard->io).size == 0)
        return;
    /* S14: the library makes a single voter leader at once, in the term of its earlier life. */
    size_t count = guard_configuration_ids(group_io_configuration(&guard->io), ids);
    if (count != 1 || ids[0] != guard->options.self.value)
        return;
    guard->io.base.set_term(&guard->io.base, guard->io.term + 1);
    guard->io.base.set_vote(&guard->io.base, ids[0]);
}

static void append_done(void *context, struct raft_io_append *request, raft_io_append_cb done, uint64_t last_index, int status)
{
    struct guard *guard = context;
    if (status == 0)
        guard_message_stored(guard, last_index);
    done(request, status);
    guard_settle(guard);
}

static bool outgoing(void *context, struct raft_message *message)
{
    return guard_message_leave(context, message);
}

static void lost(void *context, struct node_id to)
{
    guard_message_lost(context, to);
}

static size_t entry_size(void *context, uint64_t index)
{
    const struct guard *guard = context;
    const struct raft_entry *entry = guard_log_entry(&guard->raft, index);
    REQUIRE(entry != NULL);
    return entry->buf.len;
}

/* ---- life */

void guard_init(struct guard *guard, const struct guard_options *options, struct group_io_host *host, uint32_t group,
                struct wal_group_state *state)
{
    REQUIRE(options->self.value != 0 && options->heartbeat_ms != 0);
    REQUIRE(options->heartbeat_ms < options->election_timeout_ms && options->election_timeout_ms < INT_MAX / 2);
    *guard = (struct guard){.options = *options, .state_told = RAFT_FOLLOWER};
    guard->fsm = (struct raft_fsm){.version = 1, .data = guard, .apply = fsm_apply, .snapshot = fsm_snapshot,
                                   .restore = fsm_restore};
    struct group_io_events events = {
        .context = guard, .before_load = before_load, .append_done = append_done, .outgoing = outgoing, .lost = lost,
        .entry_size = entry_size, .by_number = guard_enabled(guard, GUARD_S6)};
    group_io_init(&guard->io, host, &events, group, state);
    guard->term_told = guard->io.term;
    char address[24];
    snprintf(address, sizeof address, "%u", options->self.value);
    int failed = raft_init(&guard->raft, &guard->io.base, &guard->fsm, options->self.value, address);
    REQUIRE(failed == 0);
    guard->raft.data = guard;
    raft_set_election_timeout(&guard->raft, options->election_timeout_ms);
    raft_set_heartbeat_timeout(&guard->raft, options->heartbeat_ms);
    raft_set_pre_vote(&guard->raft, true);
    raft_set_snapshot_threshold(&guard->raft, UINT_MAX);
}

void guard_bootstrap(struct guard *guard, const struct node_id *members, size_t members_count)
{
    REQUIRE(!guard->started && group_io_fresh(&guard->io));
    struct raft_configuration configuration;
    raft_configuration_init(&configuration);
    int failed = 0;
    for (size_t i = 0; i < members_count && failed == 0; i++) {
        char address[24];
        snprintf(address, sizeof address, "%u", members[i].value);
        failed = raft_configuration_add(&configuration, members[i].value, address, RAFT_VOTER);
    }
    if (failed == 0)
        failed = raft_bootstrap(&guard->raft, &configuration);
    raft_configuration_close(&configuration);
    REQUIRE(failed == 0);
}

void guard_start(struct guard *guard)
{
    REQUIRE(!guard->started);
    guard->started = true;
    if (raft_start(&guard->raft) != 0)
        break_down(guard, "the consensus library did not start");
    guard_settle(guard);
}

static void close_done(struct raft *raft)
{
    guard_of(raft)->started = false;
}

void guard_close(struct guard *guard)
{
    guard->broken = true;
    raft_close(&guard->raft, close_done);
    ENSURE(!guard->started);
    group_io_close(&guard->io);
    memory_free(guard->held);
    guard->held = NULL;
    guard->held_count = 0;
}

/* ---- entries into the library */

void guard_receive(struct guard *guard, struct raft_message *message)
{
    if (guard->broken || !guard->started || guard->frozen) {
        raft_message_free(message);
        return;
    }
    guard_message_deliver(guard, message);
    guard_settle(guard);
}

static bool timer_expired(struct guard *guard, unsigned timeout_ms)
{
    struct raft *raft = &guard->raft;
    return guard->io.base.time(&guard->io.base) - raft->election_timer_start >= timeout_ms;
}

/* S14: a single voter that is about to elect itself needs a new term and its own vote first. */
static void prepare_lone_election(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    if (!guard_enabled(guard, GUARD_S14) || raft->state != RAFT_FOLLOWER || !guard_log_only_voter(raft))
        return;
    if (!timer_expired(guard, raft->follower_state.randomized_election_timeout))
        return;
    guard->io.base.set_term(&guard->io.base, raft->current_term + 1);
    guard->io.base.set_vote(&guard->io.base, raft->id);
    raft->current_term++;
    raft->voted_for = raft->id;
}

/* S17: every further round starts with a pre-vote again and has no leave to disturb a leader. */
static void prepare_next_round(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    if (!guard_enabled(guard, GUARD_S17) || raft->state != RAFT_CANDIDATE)
        return;
    if (!timer_expired(guard, raft->candidate_state.randomized_election_timeout))
        return;
    raft->candidate_state.in_pre_vote = raft->pre_vote;
    raft->candidate_state.disrupt_leader = false;
}

static void draw_early_election(struct guard *guard, int heartbeats_max)
{
    int heartbeat_ms = (int)guard->options.heartbeat_ms;
    int wait_ms = guard->io.base.random(&guard->io.base, EARLY_HEARTBEATS_MIN * heartbeat_ms,
                                        heartbeats_max * heartbeat_ms);
    guard->early_at_ms = guard->io.base.time(&guard->io.base) + (raft_time)wait_ms;
    guard->early_term = guard->raft.current_term;
}

void guard_set_apart(struct guard *guard, bool apart)
{
    guard->apart = apart;
}

bool guard_caught_up(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    return guard->started && !guard->broken && raft->state == RAFT_FOLLOWER && guard->heard_term == raft->current_term &&
           guard->heard_from.value != 0 && raft->commit_index >= guard->heard_commit && raft->commit_index <= raft->last_stored &&
           guard_log_term(raft, raft->commit_index) == raft->current_term;
}

void guard_vote_for_leader(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    REQUIRE(guard_caught_up(guard) && guard->apart);
    HOLDS(raft->voted_for == 0 || raft->voted_for == guard->heard_from.value);
    if (raft->voted_for != 0)
        return;
    guard->io.base.set_vote(&guard->io.base, guard->heard_from.value);
    raft->voted_for = guard->heard_from.value;
}

/* Messages over a link are from the node that was at its other end at that time. */
static void forget_heard(struct guard *guard, struct node_id node)
{
    if (node_id_equal(guard->heard_from, node))
        guard->heard_from = (struct node_id){0};
}

bool guard_link_ended(struct guard *guard, struct node_id node)
{
    struct raft *raft = &guard->raft;
    forget_heard(guard, node);
    if (guard->broken || !guard->started || raft->state != RAFT_FOLLOWER || node.value == 0 ||
        raft->follower_state.current_leader.id != node.value)
        return false;
    /* The library keeps the address and frees it with the state. */
    raft->follower_state.current_leader.id = 0;
    guard->early_elections = EARLY_ELECTIONS_MAX;
    draw_early_election(guard, EARLY_HEARTBEATS_MAX);
    return true;
}

void guard_link_began(struct guard *guard, struct node_id node)
{
    if (guard->broken || !guard->started || !guard_enabled(guard, GUARD_S24))
        return;
    guard_message_forget(guard, node);
}

static void stand_early_once(struct guard *guard)
{
    if (guard->early_elections != 0)
        return;
    guard->early_elections = 1;
    draw_early_election(guard, FIRST_HEARTBEATS_MAX);
}

void guard_links_complete(struct guard *guard)
{
    bool led = guard->raft.state == RAFT_LEADER || guard_leader(guard).value != 0;
    if (!guard->broken && guard->started && !led)
        stand_early_once(guard);
}

void guard_links_suffice(struct guard *guard)
{
    if (!guard->broken && guard->started && guard->raft.state == RAFT_CANDIDATE)
        stand_early_once(guard);
}

/* Lets the library's timer run out where an early election is due. */
static void hurry(struct guard *guard)
{
    struct raft *raft = &guard->raft;
    if (guard->early_elections == 0)
        return;
    if (guard_leader(guard).value != 0) {
        guard->early_elections = 0;
        return;
    }
    /* Another candidate was faster and gets the time to win. */
    if (raft->current_term != guard->early_term)
        draw_early_election(guard, EARLY_HEARTBEATS_MAX);
    uint64_t now_ms = guard->io.base.time(&guard->io.base);
    if (now_ms < guard->early_at_ms)
        return;
    unsigned patience_ms = raft->state == RAFT_FOLLOWER ? raft->follower_state.randomized_election_timeout
                                                        : raft->candidate_state.randomized_election_timeout;
    raft->election_timer_start = now_ms - patience_ms;
    guard->early_elections--;
    draw_early_election(guard, EARLY_HEARTBEATS_MAX);
}

static void expire_transfer(struct guard *guard)
{
    uint64_t now_ms = guard->io.base.time(&guard->io.base);
    if (guard->transfer_target.value != 0 && guard->raft.transfer == NULL &&
        now_ms - guard->transfer_started_ms >= TRANSFER_HEARTBEATS * guard->options.heartbeat_ms)
        guard->transfer_target = (struct node_id){0};
}

/* With a full disk this node starts elections two election timeouts later, after all members with room. */
static bool gives_way(const struct guard *guard)
{
    const struct raft *raft = &guard->raft;
    if (!guard->io.host->gives_way || raft->state != RAFT_FOLLOWER)
        return false;
    uint64_t patience_ms = (uint64_t)GIVEN_WAY_ELECTIONS * guard->options.election_timeout_ms +
                           raft->follower_state.randomized_election_timeout;
    return guard->io.host->now_ms(guard->io.host->context) - raft->election_timer_start < patience_ms;
}

void guard_tick(struct guard *guard)
{
    if (guard->broken || !guard->started || guard->frozen)
        return;
    guard->tick_ms = guard->io.base.time(&guard->io.base);
    expire_transfer(guard);
    /* S5: entries that are on their way to the disk count neither as had nor as not had. */
    if (guard_enabled(guard, GUARD_S5) && guard->raft.state == RAFT_FOLLOWER && guard->io.appends_count != 0)
        return;
    /* A node that has lost state does not stand for election. */
    if (guard->apart && guard->raft.state == RAFT_FOLLOWER)
        guard->raft.election_timer_start = guard->io.base.time(&guard->io.base);
    else if (gives_way(guard))
        return;
    else
        hurry(guard);
    prepare_lone_election(guard);
    prepare_next_round(guard);
    guard->io.tick(&guard->io.base);
    guard_settle(guard);
}

void guard_propose(struct guard *guard, struct raft_apply *request, struct bytes command, raft_apply_cb done)
{
    REQUIRE(guard_ready(guard) && !guard_handing_over(guard) && !guard->broken);
    struct raft_buffer buffer = {.base = raft_malloc(command.size + 1), .len = command.size};
    REQUIRE(buffer.base != NULL);
    if (command.size != 0)
        memcpy(buffer.base, command.data, command.size);
    if (raft_apply(&guard->raft, request, &buffer, 1, done) != 0) {
        raft_free(buffer.base);
        break_down(guard, "a proposal was refused by the consensus library");
    }
    guard_settle(guard);
}

void guard_transfer(struct guard *guard, struct node_id target)
{
    REQUIRE(guard_ready(guard) && !guard_transferring(guard) && !guard->broken);
    REQUIRE(target.value != guard->options.self.value);
    guard->transfer_target = target;
    guard->transfer_started_ms = guard->io.base.time(&guard->io.base);
    guard_settle(guard);
}

/* ---- questions */

enum guard_role guard_role(const struct guard *guard)
{
    switch (guard->raft.state) {
    case RAFT_LEADER:
        return GUARD_LEADER;
    case RAFT_CANDIDATE:
        return GUARD_CANDIDATE;
    default:
        return GUARD_FOLLOWER;
    }
}

bool guard_ready(const struct guard *guard)
{
    return guard->started && !guard->refused && guard->raft.state == RAFT_LEADER &&
           guard->ready_term == guard->raft.current_term;
}

bool guard_transferring(const struct guard *guard)
{
    return guard->transfer_target.value != 0 || guard->raft.transfer != NULL;
}

bool guard_handing_over(struct guard *guard)
{
    if (guard->raft.transfer != NULL)
        return true;
    return guard->transfer_target.value != 0 && guard->io.base.time(&guard->io.base) - guard->transfer_started_ms >=
                                                    TRANSFER_OFFER_HEARTBEATS * guard->options.heartbeat_ms;
}

bool guard_peer_recent(struct guard *guard, struct node_id node)
{
    unsigned position = guard_log_position(&guard->raft, node.value);
    if (guard->raft.state != RAFT_LEADER || position >= guard->raft.configuration.n || guard->answered_ms[position] == 0)
        return false;
    uint64_t since_ms = guard->io.base.time(&guard->io.base) + 1 - guard->answered_ms[position];
    return since_ms <= RECENT_HEARTBEATS * guard->options.heartbeat_ms;
}

uint64_t guard_peer_lag(const struct guard *guard, struct node_id node)
{
    unsigned position = guard_log_position(&guard->raft, node.value);
    REQUIRE(guard->raft.state == RAFT_LEADER && position < guard->raft.configuration.n);
    return guard_log_last(&guard->raft) - guard->raft.leader_state.progress[position].match_index;
}

uint64_t guard_term(const struct guard *guard)
{
    return guard->io.term;
}

uint64_t guard_commit_index(const struct guard *guard)
{
    return guard->raft.commit_index;
}

uint64_t guard_leader_commit(const struct guard *guard)
{
    if (guard->raft.state == RAFT_LEADER)
        return guard->raft.commit_index;
    return guard->heard_term == guard->io.term && guard->heard_from.value != 0 ? guard->heard_commit : 0;
}

uint64_t guard_applied_index(const struct guard *guard)
{
    return guard->raft.last_applied;
}

uint64_t guard_last_index(const struct guard *guard)
{
    return guard->started ? guard_log_last(&guard->raft) : group_io_recovered(&guard->io);
}

struct node_id guard_leader(const struct guard *guard)
{
    if (guard->raft.state == RAFT_LEADER)
        return guard->options.self;
    if (guard->raft.state == RAFT_FOLLOWER)
        return (struct node_id){(uint32_t)guard->raft.follower_state.current_leader.id};
    return (struct node_id){0};
}

uint32_t guard_voters(const struct guard *guard)
{
    return guard_log_voters(&guard->raft);
}
