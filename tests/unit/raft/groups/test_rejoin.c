/* A node that has lost state takes no part until it is whole again (docs/adr/0013-lost-state-is-rejoined.md). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/wire/messages/message.h"
#include "raft/group.h"
#include "raft/guard/guard_log.h"
#include "tests/sim/world/world.h"
#include "tests/unit/raft/bench.h"

#define TERMS(...) ((const uint64_t[]){__VA_ARGS__})

/* ---- one instance that stands apart */

Test(rejoin, a_node_that_stands_apart_grants_no_vote)
{
    for (unsigned apart = 0; apart < 2; apart++) {
        struct bench *bench = bench_open(3, 0);
        guard_set_apart(&bench->guard, apart);
        for (unsigned pre = 0; pre < 2; pre++)
            bench_ask_vote(bench, 1, &(struct raft_request_vote){.term = 5, .candidate_id = 1, .last_log_index = 9, .last_log_term = 4,
                                                                 .pre_vote = pre == 0});
        bench_sync_all(bench);
        cr_assert_eq(bench_count(bench, RAFT_IO_REQUEST_VOTE_RESULT, 1), apart ? 0u : 2u);
        bench_close(bench);
    }
}

Test(rejoin, a_node_that_stands_apart_never_stands_for_election)
{
    for (unsigned apart = 0; apart < 2; apart++) {
        struct bench *bench = bench_open(3, 0);
        guard_set_apart(&bench->guard, apart);
        for (unsigned i = 0; i < 100; i++)
            bench_tick(bench, 100);
        cr_assert_eq(guard_role(&bench->guard), apart ? GUARD_FOLLOWER : GUARD_CANDIDATE);
        uint64_t term = guard_term(&bench->guard);
        bench_timeout_now(bench, 1, term, guard_last_index(&bench->guard), 1);
        cr_assert(!apart || guard_role(&bench->guard) == GUARD_FOLLOWER);
        bench_close(bench);
    }
}

Test(rejoin, a_node_that_stands_apart_acknowledges_only_what_is_committed)
{
    for (unsigned apart = 0; apart < 2; apart++) {
        struct bench *bench = bench_open(3, 0);
        guard_set_apart(&bench->guard, apart);
        bench_append(bench, &(struct bench_append){.from = 1, .term = 2, .prev = 1, .prev_term = 1, .count = 4,
                                                   .terms = TERMS(2, 2, 2, 2), .commit = 3});
        bench_sync_all(bench);
        const struct raft_message *answer = bench_last(bench, RAFT_IO_APPEND_ENTRIES_RESULT, 1);
        cr_assert_not_null(answer);
        cr_assert_eq(answer->append_entries_result.rejected, 0u);
        cr_assert_eq(answer->append_entries_result.last_log_index, apart ? 3u : 5u);
        bench_close(bench);
    }
}

Test(rejoin, is_caught_up_with_an_entry_of_the_leaders_own_term_and_not_before)
{
    struct bench *bench = bench_open(3, 0);
    guard_set_apart(&bench->guard, true);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 1, .prev_term = 1, .count = 2, .terms = TERMS(2, 3), .commit = 2});
    bench_sync_all(bench);
    cr_assert(!guard_caught_up(&bench->guard), "committed, but by an earlier leader");
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 3, .prev_term = 3, .commit = 3});
    cr_assert(guard_caught_up(&bench->guard));
    guard_link_ended(&bench->guard, (struct node_id){1});
    cr_assert(!guard_caught_up(&bench->guard), "what was said over a link that ended counts no more");
    bench_close(bench);
}

Test(rejoin, a_message_that_was_cut_says_nothing_of_what_is_committed)
{
    struct bench *bench = bench_open(3, 0);
    guard_set_apart(&bench->guard, true);
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 1, .prev_term = 1, .count = 2, .terms = TERMS(3, 3), .commit = 3});
    bench_sync_all(bench);
    cr_assert(!guard_caught_up(&bench->guard));
    bench_append(bench, &(struct bench_append){.from = 1, .term = 3, .prev = 3, .prev_term = 3, .commit = 9});
    cr_assert(!guard_caught_up(&bench->guard), "the leader has committed more than is here");
    bench_close(bench);
}

/* ---- a cluster with manifests */

enum { NODES = 3, GROUPS = 6, COMMANDS_MAX = 64 };
#define SECOND_US (UINT64_C(1000) * 1000)

struct node;
struct machine { struct node *node; uint64_t applied[COMMANDS_MAX]; size_t applied_count, answered; enum group_role role; };

struct node {
    struct world *world;
    struct node_id id;
    struct host *host;
    struct fake_disk *disk;
    struct io io;
    struct manifest *manifest;
    struct group_set *set;
    struct machine machines[GROUPS];
    uint64_t incarnation, system_life;
    enum lost_state create;                    /* what the next manifest begins with */
    struct node_id remembers_of;               /* and remembers; 0: nobody */
    struct peer_memory remembers;
    bool made, os;
    unsigned fatals;
    char what[512];
};

struct cluster { struct world *world; struct node nodes[NODES]; };

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct machine *machine = context;
    (void)index;
    (void)term;
    machine->applied[machine->applied_count++] = get_u64(command.data);
    machine->answered += token != NULL;
}

static void on_dropped(void *context, void *token)
{
    (void)context;
    (void)token;
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct machine *machine = context;
    (void)term;
    machine->role = role;
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct node *node = context;
    (void)err;
    node->fatals++;
    snprintf(node->what, sizeof node->what, "%s", what);
}

static void open_node(void *context, struct host *host)
{
    struct node *node = context;
    struct peer_address members[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        members[i].id.value = i + 1;
        snprintf(members[i].address, sizeof members[i].address, "n%u:1", i + 1);
    }
    char *note = NULL;
    node->io = *host_io(host);
    if (!node->made)
        node->io.storage->remove(node->io.storage, "manifest"); /* wiped; it is on another disk than the log here */
    if (!node->made)
        cr_assert_eq(manifest_begin(node->io.storage, GROUPS, node->create, &note), GRID_ERR_OK);
    node->made = true;
    cr_assert_eq(manifest_open(node->io.storage, node->incarnation, false, &node->manifest, &note), GRID_ERR_OK, "%s", note ? note : "");
    if (node->remembers_of.value != 0)
        *manifest_peer(node->manifest, node->remembers_of) = node->remembers;
    node->io.storage = fake_disk_storage(node->disk);
    node->io.storage->system_life = node->system_life;
    struct group_set_options options = {
        .io = &node->io, .logger = world_logger(node->world), .self = node->id, .peer_listen_address = members[node->id.value - 1].address,
        .members = members, .members_count = NODES, .incarnation = node->incarnation, .manifest = node->manifest, .groups = GROUPS,
        .sync = !node->os, .fatal = on_fatal, .context = node};
    cr_assert_eq(group_set_open(&options, &node->set, &note), GRID_ERR_OK, "%s", note ? note : "");
    for (uint32_t i = 0; i < GROUPS; i++) {
        node->machines[i] = (struct machine){.node = node};
        group_attach(group_set_get(node->set, (struct partition_id){i}), &(struct group_machine){.context = &node->machines[i], .apply = on_apply, .dropped = on_dropped, .role = on_role});
    }
    cr_assert_eq(group_set_start(node->set, &note), GRID_ERR_OK);
}

static void close_node(void *context, struct host *host)
{
    struct node *node = context;
    (void)host;
    group_set_close(node->set);
    manifest_close(node->manifest);
    node->set = NULL;
    fake_disk_crash(node->disk);
}

static void run_for(struct cluster *cluster, uint64_t us)
{
    cr_assert(world_run(cluster->world, world_now_us(cluster->world) + us), "%s", world_reason(cluster->world));
}

static void begin(struct cluster *cluster, uint64_t seed, bool os)
{
    *cluster = (struct cluster){.world = world_open(&(struct world_options){.seed = seed})};
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *node = &cluster->nodes[i];
        *node = (struct node){.world = cluster->world, .id = {i + 1}, .disk = fake_disk_open(false), .incarnation = 100 + i, .os = os};
        char name[8];
        snprintf(name, sizeof name, "n%u", i + 1);
        node->host = world_add_host(cluster->world, name, HOST_NODE, &(struct host_owner){.open = open_node, .crash = close_node, .context = node});
        host_start(node->host);
    }
    run_for(cluster, 4 * SECOND_US);
}

static void finish(struct cluster *cluster)
{
    world_close(cluster->world);
    for (size_t i = 0; i < NODES; i++)
        fake_disk_close(cluster->nodes[i].disk);
}

static struct node *leader_of(struct cluster *cluster, uint32_t group)
{
    for (size_t i = 0; i < NODES; i++)
        if (cluster->nodes[i].set != NULL && cluster->nodes[i].machines[group].role == GROUP_READY)
            return &cluster->nodes[i];
    return NULL;
}

struct plan { struct node *node; uint32_t group; uint64_t command; enum grid_err err; };

static void run_propose(struct world *world, void *context)
{
    (void)world;
    struct plan *plan = context;
    uint8_t command[8];
    put_u64(command, plan->command);
    plan->err = group_propose(group_set_get(plan->node->set, (struct partition_id){plan->group}), bytes_of(command, 8),
                              &plan->node->machines[plan->group]);
}

static void propose(struct cluster *cluster, uint32_t group, uint64_t command)
{
    struct plan plan = {leader_of(cluster, group), group, command, GRID_ERR_OK};
    cr_assert_not_null(plan.node);
    host_at(plan.node->host, 0, run_propose, &plan);
    run_for(cluster, 200 * 1000);
    cr_assert_eq(plan.err, GRID_ERR_OK);
}

/* The disk is replaced by an empty one. */
static void wipe(struct node *node, enum lost_state create)
{
    if (host_up(node->host))
        host_crash(node->host, CRASH_KILL);
    fake_disk_lose(node->disk, 0);
    node->incarnation += 1000;
    node->made = false;
    node->create = create;
}

Test(rejoin, a_node_that_lost_everything_becomes_whole_and_takes_part_again)
{
    struct cluster cluster;
    begin(&cluster, 1, false);
    for (uint32_t group = 0; group < GROUPS; group++)
        propose(&cluster, group, 7 + group);
    struct node *node = &cluster.nodes[1];
    wipe(node, LOST_ALL);
    host_start(node->host);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    run_for(&cluster, 3 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    for (uint32_t group = 0; group < GROUPS; group++) {
        cr_assert_eq(node->machines[group].applied_count, 1u);
        cr_assert_eq(node->machines[group].applied[0], 7u + group);
    }
    /* It is a voter again: one of the others may die now. */
    host_crash(cluster.nodes[0].host, CRASH_KILL);
    run_for(&cluster, 4 * SECOND_US);
    for (uint32_t group = 0; group < GROUPS; group++)
        propose(&cluster, group, 50 + group);
    finish(&cluster);
}

Test(rejoin, waits_for_all_others_and_elects_nobody_meanwhile)
{
    struct cluster cluster;
    begin(&cluster, 2, false);
    propose(&cluster, 0, 1);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    host_crash(leader->host, CRASH_KILL);
    wipe(node, LOST_ALL);
    host_start(node->host);
    run_for(&cluster, 10 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    cr_assert_null(leader_of(&cluster, 0), "elected with the vote of a node that has forgotten its votes");
    host_start(leader->host);
    run_for(&cluster, 4 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    cr_assert_eq(node->machines[0].applied_count, 1u);
    finish(&cluster);
}

Test(rejoin, goes_on_after_a_crash_in_the_middle)
{
    struct cluster cluster;
    begin(&cluster, 3, false);
    propose(&cluster, 0, 1);
    struct node *node = &cluster.nodes[1];
    wipe(node, LOST_ALL);
    host_crash(cluster.nodes[2].host, CRASH_KILL);
    host_start(node->host);
    run_for(&cluster, SECOND_US);
    host_crash(node->host, CRASH_POWER);
    host_start(node->host);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    host_start(cluster.nodes[2].host);
    run_for(&cluster, 4 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    host_crash(node->host, CRASH_POWER);
    host_start(node->host);
    cr_assert_eq(group_set_rejoining(node->set), 0u, "it was whole, durably");
    finish(&cluster);
}

/* I33 */
Test(rejoin, an_emptied_node_is_refused_and_stops)
{
    struct cluster cluster;
    begin(&cluster, 4, false);
    propose(&cluster, 0, 1);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    wipe(node, LOST_NOTHING);
    host_start(node->host);
    run_for(&cluster, SECOND_US);
    cr_assert_eq(node->fatals, 1u);
    cr_assert_not_null(strstr(node->what, "--rejoin"));
    cr_assert_eq(node->machines[0].applied_count, 0u, "nobody let it in");
    finish(&cluster);
}

/* F37 */
Test(rejoin, an_older_copy_is_noticed_by_what_the_others_remember)
{
    struct cluster cluster;
    begin(&cluster, 5, false);
    for (uint64_t i = 0; i < 10; i++)
        propose(&cluster, 0, i);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    host_crash(node->host, CRASH_KILL);
    fake_disk_lose(node->disk, 3 * GROUPS);
    host_start(node->host);
    run_for(&cluster, SECOND_US);
    cr_assert_eq(node->fatals, 1u);
    cr_assert_not_null(strstr(node->what, "older copy"));
    cr_assert_not_null(strstr(node->what, "--rejoin"));
    finish(&cluster);
}

Test(rejoin, a_life_that_was_replaced_never_comes_back)
{
    struct cluster cluster;
    begin(&cluster, 6, false);
    struct node *node = &cluster.nodes[1];
    uint64_t old = node->incarnation;
    wipe(node, LOST_ALL);
    host_start(node->host);
    run_for(&cluster, 3 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    /* The old disk turns up again. */
    wipe(node, LOST_NOTHING);
    node->incarnation = old;
    host_start(node->host);
    run_for(&cluster, SECOND_US);
    cr_assert_eq(node->fatals, 1u);
    finish(&cluster);
}

/* The manifest of the old life remembers others as they were then. What a life that was replaced believes of them counts for nothing. */
Test(rejoin, a_life_that_was_replaced_stops_nobody_else)
{
    struct cluster cluster;
    begin(&cluster, 9, false);
    struct node *stale = &cluster.nodes[1], *other = &cluster.nodes[2];
    uint64_t old = stale->incarnation, old_other = other->incarnation;
    struct node *both[] = {stale, other};
    for (size_t i = 0; i < 2; i++) {
        wipe(both[i], LOST_ALL);
        host_start(both[i]->host);
        run_for(&cluster, 3 * SECOND_US);
        cr_assert_eq(group_set_rejoining(both[i]->set), 0u);
    }
    wipe(stale, LOST_NOTHING);
    stale->incarnation = old;
    stale->remembers = (struct peer_memory){.incarnation = old_other};
    stale->remembers_of = other->id;
    host_start(stale->host);
    run_for(&cluster, SECOND_US);
    cr_assert_eq(stale->fatals, 1u);
    cr_assert_eq(other->fatals, 0u, "%s", other->what);
    cr_assert_eq(cluster.nodes[0].fatals, 0u);
    propose(&cluster, 0, 5);
    finish(&cluster);
}

/* ---- the link of a life that was replaced still brings something */

enum { LATE_EVERY_US = 100 };
struct late { struct node *of; struct host *host; struct conn *conn; const char *to; bool closed; size_t said; };

static void on_late_open(void *context, struct conn *conn)
{
    struct late *late = context;
    static const uint32_t members[NODES] = {1, 2, 3};
    struct uuid cluster = {0};
    struct message_peer_hello hello = {.protocols = PEER_PROTOCOLS, .node = late->of->id, .cluster_uuid = uuid_bytes(&cluster),
                                       .incarnation = late->of->incarnation, .partitions = GROUPS, .members = members, .members_count = NODES};
    struct buffer body = {0};
    peer_hello_encode(&hello, &body);
    frame_append(conn_output(host_io(late->host)->transport, conn),
                 &(struct frame){.type = FRAME_PEER_HELLO, .partition = FRAME_PARTITION_NONE, .body = buffer_bytes(&body)});
    buffer_close(&body);
    late->conn = conn;
}

static void on_late_data(void *context, struct conn *conn, struct bytes data)
{
    (void)context;
    (void)conn;
    (void)data;
}

static void on_late_close(void *context, struct conn *conn, enum grid_err reason)
{
    (void)conn;
    (void)reason;
    ((struct late *)context)->closed = true;
}

static void run_late_connect(struct world *world, void *context)
{
    static const struct conn_events EVENTS = {.on_open = on_late_open, .on_data = on_late_data, .on_close = on_late_close};
    struct late *late = context;
    (void)world;
    transport_connect(host_io(late->host)->transport, late->to, &EVENTS, late);
}

static void run_late_position(struct world *world, void *context)
{
    struct late *late = context;
    (void)world;
    if (late->closed)
        return;
    struct buffer body = {0};
    buffer_append_u64(&body, 1000);
    buffer_append_u64(&body, UINT64_C(1) << 40);
    buffer_append_u8(&body, LOST_NOTHING);
    frame_append(conn_output(host_io(late->host)->transport, late->conn),
                 &(struct frame){.type = FRAME_POSITION, .partition = FRAME_PARTITION_NONE, .body = buffer_bytes(&body)});
    buffer_close(&body);
    late->said++;
    host_at(late->host, LATE_EVERY_US, run_late_position, late);
}

static void ignore_host(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

/* I33 */
Test(rejoin, a_position_of_a_life_that_was_replaced_is_not_taken_for_one_of_the_new)
{
    struct cluster cluster;
    begin(&cluster, 8, false);
    struct node *node = &cluster.nodes[0], *other = &cluster.nodes[1];
    struct late late = {.of = node, .to = "n2:1"};
    late.host = world_add_host(cluster.world, "late", HOST_CLIENT, &(struct host_owner){.open = ignore_host, .crash = ignore_host, .context = &late});
    host_start(late.host);
    host_crash(node->host, CRASH_KILL);
    host_at(late.host, 0, run_late_connect, &late);
    run_for(&cluster, SECOND_US / 10);
    cr_assert(late.conn != NULL && !late.closed);
    cr_assert(peers_up(group_set_peers(other->set), node->id));
    wipe(node, LOST_ALL);
    host_start(node->host);
    host_at(late.host, 0, run_late_position, &late);
    run_for(&cluster, 3 * SECOND_US);
    cr_assert(late.closed, "the new link has replaced the old one");
    cr_assert_gt(late.said, 10u);
    const struct peer_memory *memory = manifest_peer(other->manifest, node->id);
    cr_assert_eq(memory->incarnation, node->incarnation);
    cr_assert_lt(memory->epoch, 1000u);
    /* Else it would be taken for an older copy. */
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    host_crash(node->host, CRASH_KILL);
    host_start(node->host);
    run_for(&cluster, SECOND_US);
    cr_assert_eq(node->fatals, 0u, "%s", node->what);
    finish(&cluster);
}

/* ---- durability "os" */

Test(rejoin, with_durability_os_a_start_takes_part_once_its_leaders_have_caught_it_up)
{
    struct cluster cluster;
    begin(&cluster, 7, true);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    host_crash(node->host, CRASH_POWER);
    propose(&cluster, 0, 1);
    host_start(node->host);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    run_for(&cluster, 3 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    cr_assert_eq(node->machines[0].applied_count, 1u);
    finish(&cluster);
}

static void start_again(struct cluster *cluster, struct node *node, uint64_t system_life, uint64_t run_us)
{
    host_crash(node->host, CRASH_KILL);
    run_for(cluster, SECOND_US);
    node->system_life = system_life;
    host_start(node->host);
    run_for(cluster, run_us);
}

Test(rejoin, with_durability_os_a_process_that_was_killed_has_lost_nothing_as_long_as_its_system_lives)
{
    struct cluster cluster;
    begin(&cluster, 7, true);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    start_again(&cluster, node, 7, 3 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u, "the others have caught it up");
    start_again(&cluster, node, 7, 0);
    cr_assert_eq(group_set_rejoining(node->set), 0u, "the same life of the system");
    start_again(&cluster, node, 8, 0);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS, "a power cut");
    start_again(&cluster, node, 8, 0);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS, "killed before it was caught up");
    run_for(&cluster, 3 * SECOND_US);
    cr_assert_eq(group_set_rejoining(node->set), 0u);
    finish(&cluster);
}

/* Whether a sync is asked for today says nothing of what an earlier start left unsynced. */
Test(rejoin, a_start_with_durability_fsync_after_one_with_os_knows_of_a_power_cut)
{
    struct cluster cluster;
    begin(&cluster, 7, true);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    start_again(&cluster, node, 7, 3 * SECOND_US);
    node->os = false;
    start_again(&cluster, node, 8, 0);
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    run_for(&cluster, 3 * SECOND_US);
    start_again(&cluster, node, 9, 0);
    cr_assert_eq(group_set_rejoining(node->set), 0u, "everything is synced by now");
    finish(&cluster);
}

/* It may have lost entries that it acknowledged: it elects no leader together with a member that was behind. */
Test(rejoin, with_durability_os_a_member_that_lost_its_tail_elects_nobody_without_those_that_have_it)
{
    struct cluster cluster;
    begin(&cluster, 9, true);
    struct node *leader = leader_of(&cluster, 0), *node = &cluster.nodes[leader == &cluster.nodes[1] ? 2 : 1];
    struct node *behind = &cluster.nodes[3 - (leader - cluster.nodes) - (node - cluster.nodes)];
    uint64_t hour_us = 3600 * SECOND_US;
    for (size_t i = 0; i < NODES; i++)
        if (&cluster.nodes[i] != behind) {
            net_cut(cluster.world, behind->host, cluster.nodes[i].host, i == (size_t)(leader - cluster.nodes) ? hour_us : SECOND_US, true);
            net_cut(cluster.world, cluster.nodes[i].host, behind->host, i == (size_t)(leader - cluster.nodes) ? hour_us : SECOND_US, true);
        }
    propose(&cluster, 0, 1);
    host_crash(leader->host, CRASH_KILL);
    host_crash(node->host, CRASH_POWER);
    fake_disk_lose(node->disk, 3 * GROUPS);
    host_start(node->host);
    run_for(&cluster, 10 * SECOND_US);
    cr_assert_null(leader_of(&cluster, 0), "what was acknowledged is gone");
    cr_assert_eq(group_set_rejoining(node->set), (uint32_t)GROUPS);
    cr_assert_eq(node->fatals, 0u);
    net_mend(cluster.world);
    host_start(leader->host);
    finish(&cluster);
}

Test(rejoin, with_durability_os_a_majority_that_starts_at_once_goes_on_with_what_it_has)
{
    struct cluster cluster;
    begin(&cluster, 8, true);
    propose(&cluster, 0, 1);
    run_for(&cluster, SECOND_US);
    for (size_t i = 0; i < NODES; i++)
        host_crash(cluster.nodes[i].host, CRASH_KILL);
    for (size_t i = 0; i < 2; i++)
        host_start(cluster.nodes[i].host);
    run_for(&cluster, 4 * SECOND_US);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(group_set_rejoining(cluster.nodes[i].set), 0u);
    cr_assert_not_null(leader_of(&cluster, 0));
    finish(&cluster);
}
