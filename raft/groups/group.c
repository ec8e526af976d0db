#include "raft/group.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"

bool group_shim_parse(const char *name, uint64_t *ret_bit)
{
    static const struct { const char *name; enum guard_shim shim; } SHIMS[] = {
        {"S1", GUARD_S1},   {"S1b", GUARD_S1B}, {"S2", GUARD_S2},   {"S3", GUARD_S3},   {"S3b", GUARD_S3B},
        {"S4", GUARD_S4},   {"S5", GUARD_S5},   {"S6", GUARD_S6},   {"S7", GUARD_S7},   {"S9", GUARD_S9},
        {"S10", GUARD_S10}, {"S12", GUARD_S12}, {"S13", GUARD_S13}, {"S14", GUARD_S14}, {"S17", GUARD_S17},
        {"S21", GUARD_S21}, {"S22", GUARD_S22}, {"S23", GUARD_S23}, {"S24", GUARD_S24},
    };
    REQUIRE(name != NULL && ret_bit != NULL);
    for (size_t i = 0; i < sizeof SHIMS / sizeof *SHIMS; i++)
        if (strcmp(SHIMS[i].name, name) == 0) {
            *ret_bit = UINT64_C(1) << SHIMS[i].shim;
            return true;
        }
    return false;
}

/* ---- what the guard reports */

static bool own_proposal(const struct group *group, uint64_t index)
{
    const struct proposal *first = group->proposals_first;
    return first != NULL && first->request.index == index && guard_role(&group->guard) == GUARD_LEADER;
}

static bool on_admit(void *context, uint64_t index, struct bytes command)
{
    struct group *group = context;
    if (group->machine.admit == NULL || own_proposal(group, index))
        return true;
    group->set->inside = true;
    bool admitted = group->machine.admit(group->machine.context, index, command);
    group->set->inside = false;
    return admitted;
}

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command)
{
    struct group *group = context;
    void *token = NULL;
    if (own_proposal(group, index)) {
        /* Proposals of an earlier leadership have been dropped when it ended. */
        HOLDS(term == guard_term(&group->guard));
        token = group->proposals_first->token;
    }
    group->set->inside = true;
    group->machine.apply(group->machine.context, index, term, command, token);
    group->set->inside = false;
    if (group->replay.at != group->replay.last)
        replay_applied(group, index);
}

static enum group_role role_of(const struct group *group)
{
    if (guard_ready(&group->guard))
        return GROUP_READY;
    switch (guard_role(&group->guard)) {
    case GUARD_LEADER:
        return GROUP_LEADER;
    case GUARD_CANDIDATE:
        return GROUP_CANDIDATE;
    case GUARD_FOLLOWER:
        return GROUP_FOLLOWER;
    }
    UNREACHABLE("a guard has one of three roles");
}

static void on_changed(void *context)
{
    struct group *group = context;
    enum group_role role = role_of(group);
    uint64_t term = guard_term(&group->guard);
    if (role != GROUP_READY || term != group->term_told)
        group_reads_fail(group, GRID_ERR_NOT_LEADER);
    if (group->role_told == role && group->term_told == term)
        return;
    group->role_told = role;
    group->term_told = term;
    group->set->inside = true;
    group->machine.role(group->machine.context, role, term);
    group->set->inside = false;
}

static void on_broken(void *context, const char *what)
{
    struct group *group = context;
    group_set_fail(group->set, GRID_ERR_UNAVAILABLE, what);
}

void group_init(struct group *group, struct group_set *set, uint32_t number, struct wal_group_state *state)
{
    *group = (struct group){.set = set, .number = number};
    struct guard_options options = {
        .self = set->self,
        .disabled = set->shims.disabled,
        .election_timeout_ms = set->election_timeout_ms,
        .heartbeat_ms = set->heartbeat_ms,
        .append_entries_max = set->append_entries_max,
        .events = {.context = group, .admit = on_admit, .apply = on_apply, .changed = on_changed, .broken = on_broken},
    };
    guard_init(&group->guard, &options, &set->host, number, state);
    group->term_told = guard_term(&group->guard);
    rejoin_group_init(group);
}

struct admission { struct group *group; bool all; };

static void admit_recovered(void *context, uint64_t index, struct bytes command)
{
    struct admission *admission = context;
    const struct group_machine *machine = &admission->group->machine;
    admission->all = admission->all && machine->admit(machine->context, index, command);
}

bool group_admits_log(struct group *group)
{
    struct admission admission = {group, true};
    if (group->machine.admit != NULL)
        group_io_each_command(&group->guard.io, admit_recovered, &admission);
    return admission.all;
}

/* ---- proposals */

static void drop(struct group *group, struct proposal *proposal)
{
    void *token = proposal->token;
    raft_free(proposal);
    group->set->inside = true;
    group->machine.dropped(group->machine.context, token);
    group->set->inside = false;
}

static void pop_proposal(struct group *group, const struct proposal *proposal)
{
    REQUIRE(group->proposals_first == proposal);
    group->proposals_first = proposal->next;
    if (group->proposals_first == NULL)
        group->proposals_last = NULL;
}

/* The library calls back in the order of the entries, applied or given up. */
static void proposal_done(struct raft_apply *request, int status, void *result)
{
    (void)result;
    struct proposal *proposal = (struct proposal *)request;
    struct group *group = proposal->group;
    pop_proposal(group, proposal);
    if (status == 0)
        raft_free(proposal);
    else
        drop(group, proposal);
}

void group_drop_proposals(struct group *group)
{
    while (group->proposals_first != NULL) {
        struct proposal *proposal = group->proposals_first;
        pop_proposal(group, proposal);
        drop(group, proposal);
    }
}

/* A disk that is really full refuses everybody: what cannot be written cannot be promised (I38). */
static bool disk_has_room(const struct group_set *set, size_t size)
{
    return wal_has_room(set->wal, size + GROUP_IO_ENTRY_BYTES);
}

enum grid_err group_propose(struct group *group, struct bytes command, void *token)
{
    struct group_set *set = group->set;
    REQUIRE(token != NULL && !set->inside);
    if (set->failed || set->closing)
        return GRID_ERR_UNAVAILABLE;
    if (!guard_ready(&group->guard))
        return GRID_ERR_NOT_LEADER;
    if (command.size > ENTRY_BYTES_MAX)
        return GRID_ERR_TOO_LARGE;
    if (group_set_room(set) != GROUP_ROOM_FREE || !disk_has_room(set, command.size))
        return GRID_ERR_LOG_FULL;
    if (guard_handing_over(&group->guard))
        return GRID_ERR_BUSY;
    struct proposal *proposal = raft_calloc(1, sizeof *proposal);
    REQUIRE(proposal != NULL);
    proposal->group = group;
    proposal->token = token;
    if (group->proposals_last == NULL)
        group->proposals_first = proposal;
    else
        group->proposals_last->next = proposal;
    group->proposals_last = proposal;
    guard_propose(&group->guard, &proposal->request, command, proposal_done);
    return GRID_ERR_OK;
}

/* ---- the rest */

enum grid_err group_transfer(struct group *group, struct node_id target)
{
    struct group_set *set = group->set;
    REQUIRE(!set->inside);
    if (set->failed || set->closing || !guard_ready(&group->guard))
        return GRID_ERR_NOT_LEADER;
    if (node_id_equal(target, set->self) || group_set_position(set, target) == set->members_count)
        return GRID_ERR_INVALID;
    if (guard_transferring(&group->guard))
        return GRID_ERR_BUSY;
    if (set->rejoin.peers[group_set_position(set, target)].lost != LOST_NOTHING)
        return GRID_ERR_UNAVAILABLE;
    if (!group_peer_recent(group, target))
        return GRID_ERR_UNAVAILABLE;
    guard_transfer(&group->guard, target);
    return GRID_ERR_OK;
}

bool group_transferring(const struct group *group)
{
    return guard_transferring(&group->guard);
}

bool group_handing_over(struct group *group)
{
    return guard_handing_over(&group->guard);
}

bool group_peer_recent(struct group *group, struct node_id node)
{
    return peers_up(group->set->peers, node) && guard_peer_recent(&group->guard, node);
}

uint64_t group_peer_lag(const struct group *group, struct node_id node)
{
    return guard_peer_lag(&group->guard, node);
}

void group_attach(struct group *group, const struct group_machine *machine)
{
    REQUIRE(!group->attached && machine->apply != NULL && machine->dropped != NULL && machine->role != NULL);
    bool saves = machine->save_begin != NULL, loads = machine->load_begin != NULL;
    REQUIRE(saves == (machine->save_next != NULL) && saves == (machine->save_end != NULL) && saves == loads);
    REQUIRE(loads == (machine->load_next != NULL) && loads == (machine->load_end != NULL));
    group->machine = *machine;
    group->attached = true;
}

/* While a note becomes durable the one before still counts: a power cut would leave that. */
static uint64_t durable_snapshot(const struct group *group)
{
    if (group->snapshot.step == SNAPSHOT_NOTING)
        return group->snapshot.before;
    return group->install.step == INSTALL_NOTING ? group->install.before : guard_snapshot_index(&group->guard);
}

struct group_status group_status(const struct group *group)
{
    const struct guard *guard = &group->guard;
    return (struct group_status){
        .role = role_of(group),
        .term = guard_term(guard),
        .commit_index = guard_commit_index(guard),
        .applied_index = guard_applied_index(guard),
        .last_index = guard_last_index(guard),
        .leader_commit_index = guard_leader_commit(guard),
        .snapshot_index = durable_snapshot(group),
        .snapshot_bytes = group->snapshot.file_bytes,
        .snapshot_taken_ms = group->snapshot.taken_ms,
        .log_bytes = guard->io.appended_bytes - group->snapshot.since,
        .leader = guard_leader(guard),
        .voters = guard_voters(guard),
    };
}
