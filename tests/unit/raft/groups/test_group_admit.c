/* Entries that a machine does not admit: three nodes of the simulated world, one of them too old. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"
#include "tests/sim/world/world.h"
#include "tests/unit/raft/fake_disk.h"

enum { NODES = 3, GROUPS = 6, COMMANDS_MAX = 64 };
#define SECOND_US (UINT64_C(1000) * 1000)

struct node;

struct machine {
    struct node *node;
    uint64_t applied[COMMANDS_MAX];
    size_t applied_count, answered, dropped;
    uint64_t refused_index;
    enum group_role role;
};

struct node {
    struct cluster *cluster;
    struct node_id id;
    struct host *host;
    struct fake_disk *disk;
    struct io io;
    struct group_set *set;
    struct machine machines[GROUPS];
    unsigned fatals;
    uint64_t refuses;                          /* the command that it does not admit; 0: none */
    bool refused_start;
};

struct cluster {
    struct world *world;
    struct node nodes[NODES];
    size_t nodes_count;
    uint64_t log_memory_bytes_max;
    uint32_t heartbeat_ms;
    struct group_shims shims;
};

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct machine *machine = context;
    cr_assert(index > 1 && term != 0);
    cr_assert_eq(command.size, sizeof(uint64_t));
    cr_assert_lt(machine->applied_count, (size_t)COMMANDS_MAX);
    machine->applied[machine->applied_count++] = get_u64(command.data);
    if (token != NULL) {
        cr_assert_eq(token, machine);
        machine->answered++;
    }
}

static void on_dropped(void *context, void *token)
{
    struct machine *machine = context;
    cr_assert_eq(token, machine);
    machine->dropped++;
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct machine *machine = context;
    cr_assert_neq(term, 0);
    machine->role = role;
}

static bool on_admit(void *context, uint64_t index, struct bytes command)
{
    struct machine *machine = context;
    if (machine->node->refuses == 0 || get_u64(command.data) != machine->node->refuses)
        return true;
    machine->refused_index = index;
    return false;
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct node *node = context;
    cr_assert_neq(err, GRID_ERR_OK);
    cr_assert_neq(what[0], 0);
    node->fatals++;
}

static void open_node(void *context, struct host *host)
{
    struct node *node = context;
    struct peer_address members[NODES];
    for (size_t i = 0; i < node->cluster->nodes_count; i++) {
        members[i].id = node->cluster->nodes[i].id;
        snprintf(members[i].address, sizeof members[i].address, "n%u:1", members[i].id.value);
    }
    node->io = *host_io(host);
    node->io.storage = fake_disk_storage(node->disk);
    char *note = NULL;
    struct group_set_options options = {
        .io = &node->io,
        .logger = world_logger(node->cluster->world),
        .self = node->id,
        .peer_listen_address = members[node->id.value - 1].address,
        .members = members,
        .members_count = node->cluster->nodes_count,
        .log_owner = node->id.value,
        .groups = GROUPS,
        .sync = true,
        .log_memory_bytes_max = node->cluster->log_memory_bytes_max,
        .heartbeat_ms = node->cluster->heartbeat_ms,
        .shims = node->cluster->shims,
        .fatal = on_fatal,
        .context = node,
    };
    cr_assert_eq(group_set_open(&options, &node->set, &note), GRID_ERR_OK, "%s", note == NULL ? "" : note);
    for (uint32_t i = 0; i < GROUPS; i++) {
        node->machines[i] = (struct machine){.node = node};
        struct group_machine machine = {.context = &node->machines[i], .apply = on_apply, .dropped = on_dropped, .role = on_role, .admit = on_admit};
        group_attach(group_set_get(node->set, (struct partition_id){i}), &machine);
    }
    enum grid_err err = group_set_start(node->set, &note);
    node->refused_start = err == GRID_ERR_NOT_SUPPORTED;
    cr_assert(err == GRID_ERR_OK || (node->refused_start && node->refuses != 0));
    memory_free(note);
}

static void crash_node(void *context, struct host *host)
{
    (void)host;
    struct node *node = context;
    group_set_close(node->set);
    node->set = NULL;
    fake_disk_crash(node->disk);
}

static void cluster_open(struct cluster *cluster, size_t nodes_count, uint64_t seed)
{
    struct world_options options = {.seed = seed};
    *cluster = (struct cluster){.world = world_open(&options), .nodes_count = nodes_count};
    for (size_t i = 0; i < nodes_count; i++) {
        struct node *node = &cluster->nodes[i];
        *node = (struct node){.cluster = cluster, .id = {(uint32_t)i + 1}, .disk = fake_disk_open(false)};
        char name[8];
        snprintf(name, sizeof name, "n%zu", i + 1);
        struct host_owner owner = {.open = open_node, .crash = crash_node, .context = node};
        node->host = world_add_host(cluster->world, name, HOST_NODE, &owner);
    }
}

static void cluster_start(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->nodes_count; i++)
        host_start(cluster->nodes[i].host);
}

static void cluster_close(struct cluster *cluster)
{
    world_close(cluster->world);
    for (size_t i = 0; i < cluster->nodes_count; i++)
        fake_disk_close(cluster->nodes[i].disk);
}

static void run_for(struct cluster *cluster, uint64_t us)
{
    cr_assert(world_run(cluster->world, world_now_us(cluster->world) + us), "%s", world_reason(cluster->world));
}

static struct node *leader_of(struct cluster *cluster, uint32_t group)
{
    struct node *leader = NULL;
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        struct node *node = &cluster->nodes[i];
        if (node->set == NULL || node->machines[group].role != GROUP_READY)
            continue;
        cr_assert_null(leader, "two nodes are ready to lead group %u", group);
        leader = node;
    }
    return leader;
}

static struct group *group_at(struct node *node, uint32_t group)
{
    return group_set_get(node->set, (struct partition_id){group});
}

struct proposal_plan { struct node *node; uint32_t group; uint64_t first, count; enum grid_err err; };

static void run_proposals(struct world *world, void *context)
{
    (void)world;
    struct proposal_plan *plan = context;
    for (uint64_t i = 0; i < plan->count && plan->err == GRID_ERR_OK; i++) {
        uint8_t command[sizeof(uint64_t)];
        put_u64(command, plan->first + i);
        plan->err = group_propose(group_at(plan->node, plan->group), bytes_of(command, sizeof command),
                                  &plan->node->machines[plan->group]);
    }
}

static enum grid_err propose(struct cluster *cluster, struct node *node, uint32_t group, uint64_t first, uint64_t count)
{
    struct proposal_plan plan = {node, group, first, count, GRID_ERR_OK};
    host_at(node->host, 0, run_proposals, &plan);
    run_for(cluster, 200 * 1000);
    return plan.err;
}

static void assert_applied(const struct node *node, uint32_t group, uint64_t first, size_t count)
{
    const struct machine *machine = &node->machines[group];
    cr_assert_eq(machine->applied_count, count, "node %u applied %zu", node->id.value, machine->applied_count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(machine->applied[i], first + i);
}

Test(group_admit, stands_still_before_an_entry_that_its_machine_does_not_admit)
{
    struct cluster cluster;
    cluster_open(&cluster, NODES, 21);
    cluster_start(&cluster);
    run_for(&cluster, 4 * SECOND_US);
    struct node *leader = leader_of(&cluster, 0), *old = &cluster.nodes[leader == &cluster.nodes[0] ? 1 : 0];
    old->refuses = 5;
    cr_assert_eq(propose(&cluster, leader, 0, 1, 10), GRID_ERR_OK);
    run_for(&cluster, 2 * SECOND_US);
    assert_applied(old, 0, 1, 4);
    cr_assert_eq(old->machines[0].refused_index, group_status(group_at(old, 0)).applied_index + 1, "not counted as applied");
    cr_assert_eq(old->fatals, 0u, "nothing failed");
    for (size_t i = 0; i < NODES; i++)
        if (&cluster.nodes[i] != old)
            assert_applied(&cluster.nodes[i], 0, 1, 10);
    struct node *other = leader_of(&cluster, 1);
    cr_assert_eq(propose(&cluster, other, 1, 100, 10), GRID_ERR_OK);
    run_for(&cluster, SECOND_US);
    assert_applied(old, 1, 100, 10);
    cluster_close(&cluster);
}

Test(group_admit, does_not_start_with_a_log_that_its_machine_does_not_admit)
{
    struct cluster cluster;
    cluster_open(&cluster, NODES, 22);
    cluster_start(&cluster);
    run_for(&cluster, 4 * SECOND_US);
    struct node *leader = leader_of(&cluster, 0), *old = &cluster.nodes[leader == &cluster.nodes[0] ? 1 : 0];
    cr_assert_eq(propose(&cluster, leader, 0, 1, 10), GRID_ERR_OK);
    host_crash(old->host, CRASH_KILL);
    old->refuses = 5;
    host_start(old->host);
    run_for(&cluster, SECOND_US);
    cr_assert(old->refused_start);
    cr_assert_eq(old->machines[0].applied_count, 0u);
    cr_assert_gt(old->machines[0].refused_index, 1u);
    host_crash(old->host, CRASH_KILL);
    old->refuses = 0;
    host_start(old->host);
    run_for(&cluster, 3 * SECOND_US);
    assert_applied(old, 0, 1, 10);
    cluster_close(&cluster);
}

/* It has the entry in its log, wins an election with it, and may not serve: somebody else does. */
Test(group_admit, a_leader_that_does_not_admit_an_entry_gives_way)
{
    struct cluster cluster;
    cluster_open(&cluster, NODES, 23);
    cluster_start(&cluster);
    run_for(&cluster, 4 * SECOND_US);
    struct node *leader = leader_of(&cluster, 0);
    for (size_t i = 0; i < NODES; i++)
        if (&cluster.nodes[i] != leader)
            net_cut(cluster.world, cluster.nodes[i].host, leader->host, 60 * SECOND_US, false);
    cr_assert_eq(propose(&cluster, leader, 0, 1, 1), GRID_ERR_OK);
    struct node *old = &cluster.nodes[leader == &cluster.nodes[0] ? 1 : 0];
    old->refuses = 1;
    net_mend(cluster.world);
    host_crash(leader->host, CRASH_KILL);
    run_for(&cluster, 10 * SECOND_US);
    host_start(leader->host);
    run_for(&cluster, 10 * SECOND_US);
    assert_applied(old, 0, 1, 0);
    struct node *next = leader_of(&cluster, 0);
    cr_assert(next != NULL && next != old);
    cr_assert_eq(propose(&cluster, next, 0, 2, 3), GRID_ERR_OK);
    assert_applied(next, 0, 1, 4);
    cluster_close(&cluster);
}
