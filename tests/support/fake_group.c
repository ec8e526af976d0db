#include "tests/support/fake_group.h"

#include "grid/base/check.h"

/* ---- the test's side */

void fake_group_init(struct group_set *set)
{
    *set = (struct group_set){0};
    set->group.status.voters = 3;
}

void fake_group_close(struct group_set *set)
{
    while (set->group.proposals_count > 0)
        fake_group_drop(set);
    fake_group_read(set, GRID_ERR_CLOSED);
}

void fake_group_lead(struct group_set *set, uint64_t term)
{
    struct group *group = &set->group;
    group->status = (struct group_status){.role = GROUP_READY, .term = term, .leader = {1}, .voters = 3, .applied_index = group->status.applied_index};
    group->machine->role(group->machine->context, GROUP_READY, term);
}

void fake_group_follow(struct group_set *set, uint64_t term, uint32_t leader)
{
    struct group *group = &set->group;
    group->status.role = GROUP_FOLLOWER;
    group->status.term = term;
    group->status.leader = (struct node_id){leader};
    group->machine->role(group->machine->context, GROUP_FOLLOWER, term);
}

static struct fake_proposal take_oldest(struct group *group)
{
    REQUIRE(group->proposals_count > 0);
    struct fake_proposal oldest = group->proposals[0];
    group->proposals_count--;
    for (size_t i = 0; i < group->proposals_count; i++)
        group->proposals[i] = group->proposals[i + 1];
    return oldest;
}

void fake_group_commit(struct group_set *set)
{
    struct group *group = &set->group;
    struct fake_proposal oldest = take_oldest(group);
    group->machine->apply(group->machine->context, ++group->status.applied_index, group->status.term, buffer_bytes(&oldest.entry), oldest.token);
    buffer_close(&oldest.entry);
}

void fake_group_commit_all(struct group_set *set)
{
    while (set->group.proposals_count > 0)
        fake_group_commit(set);
}

void fake_group_apply(struct group_set *set, struct bytes entry)
{
    struct group *group = &set->group;
    group->machine->apply(group->machine->context, ++group->status.applied_index, group->status.term, entry, NULL);
}

void fake_group_drop(struct group_set *set)
{
    struct fake_proposal oldest = take_oldest(&set->group);
    set->group.machine->dropped(set->group.machine->context, oldest.token);
    buffer_close(&oldest.entry);
}

void fake_group_read(struct group_set *set, enum grid_err err)
{
    struct group *group = &set->group;
    size_t count = group->reads_count;
    group->reads_count = 0;
    for (size_t i = 0; i < count; i++)
        group->reads[i]->done(group->reads[i]->context, err, group->status.applied_index);
}

/* ---- the replica's side */

struct group *group_set_get(struct group_set *set, struct partition_id partition)
{
    (void)partition;
    return &set->group;
}

void group_attach(struct group *group, const struct group_machine *machine)
{
    group->machine = machine;
}

enum grid_err group_propose(struct group *group, struct bytes command, void *token)
{
    REQUIRE(token != NULL && group->proposals_count < FAKE_PROPOSALS_MAX);
    if (group->refuses != GRID_ERR_OK)
        return group->refuses;
    struct fake_proposal *proposal = &group->proposals[group->proposals_count++];
    *proposal = (struct fake_proposal){.token = token};
    buffer_append(&proposal->entry, command);
    group->proposed++;
    return GRID_ERR_OK;
}

void group_read(struct group *group, struct group_read *read)
{
    REQUIRE(group->reads_count < FAKE_READS_MAX);
    group->reads[group->reads_count++] = read;
}

bool group_handing_over(struct group *group)
{
    return group->handing_over;
}

struct group_status group_status(const struct group *group)
{
    return group->status;
}

enum group_room group_set_room(const struct group_set *set)
{
    return set->room;
}

bool group_set_handing_over(const struct group_set *set)
{
    return set->handing_over;
}

bool group_set_log_full(const struct group_set *set)
{
    return set->log_full;
}

void group_ask_snapshot(struct group *group)
{
    group->snapshots_asked++;
}
