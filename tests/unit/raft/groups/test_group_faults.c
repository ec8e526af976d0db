/* Groups over the real shared log while everything fails at random: the same entry at the same index everywhere, one
 * leader a term, nothing acknowledged is lost, and work goes on once all is well again.
 *
 * To look further: FAULT_SEED and FAULT_SEEDS choose the seeds, FAULT_MASK forces classes of faults (bits of enum fault),
 * FAULT_SHIM switches a shim off. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/memory.h"
#include "raft/group.h"
#include "tests/sim/world/world.h"

enum { NODES = 3, GROUPS = 4, INDEXES_MAX = 20000, TERMS_MAX = 4000, TAIL_ACKS_MIN = 20 };
#define NO_COMMAND UINT64_MAX
#define SECOND_US (UINT64_C(1000) * 1000)
/* A node that recovers damaged files refuses to start, as it should; the workloads of grid-sim then give it its files back. */
#define DAMAGE (FAULT_BIT(BIT_ROT) | FAULT_BIT(MISDIRECTED) | FAULT_BIT(CUT_FILE) | FAULT_BIT(LOST_FILE))
#define FAULTS_US (20 * SECOND_US)
#define HEALED_US (12 * SECOND_US)

struct node;
struct machine { struct node *node; uint32_t group; uint64_t applied_index; };

struct node {
    struct cluster *cluster;
    struct node_id id;
    struct host *host;
    struct group_set *set;
    struct machine machines[GROUPS];
};

/* What all nodes must agree on for one group. */
struct truth {
    uint64_t values[INDEXES_MAX], acked_index;
    uint32_t leaders[TERMS_MAX];
};

struct cluster {
    struct world *world;
    struct node nodes[NODES];
    struct truth truths[GROUPS];
    uint64_t value, acks, tail_acks, reads;
    struct group_shims shims;
    struct buffer violation;
};

struct token { uint64_t value; };

static void violate(struct cluster *cluster, const char *what, uint32_t group, uint64_t index)
{
    if (cluster->violation.size == 0)
        buffer_append_format(&cluster->violation, "%s: group %u, at %llu%c", what, group, (unsigned long long)index, 0);
}

/* Entries that are not shown are no commands on any replica. */
static void check_skipped(struct machine *machine, uint64_t end)
{
    struct truth *truth = &machine->node->cluster->truths[machine->group];
    cr_assert_leq(end, (uint64_t)INDEXES_MAX);
    for (uint64_t i = machine->applied_index + 1; i < end; i++) {
        if (truth->values[i] != 0 && truth->values[i] != NO_COMMAND)
            violate(machine->node->cluster, "skipped a command", machine->group, i);
        truth->values[i] = NO_COMMAND;
    }
}

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct machine *machine = context;
    struct cluster *cluster = machine->node->cluster;
    struct truth *truth = &cluster->truths[machine->group];
    uint64_t value = get_u64(command.data);
    cr_assert(index < INDEXES_MAX && term < TERMS_MAX);
    if (index <= machine->applied_index)
        violate(cluster, "applied backwards", machine->group, index);
    check_skipped(machine, index);
    machine->applied_index = index;
    if (truth->values[index] != 0 && truth->values[index] != value)
        violate(cluster, "different entries at one index", machine->group, index);
    truth->values[index] = value;
    if (token == NULL)
        return;
    if (((struct token *)token)->value != value)
        violate(cluster, "answered for another entry", machine->group, index);
    memory_free(token);
    if (truth->acked_index < index)
        truth->acked_index = index;
    cluster->acks++;
    if (world_now_us(cluster->world) > FAULTS_US + HEALED_US / 2)
        cluster->tail_acks++;
}

static void on_dropped(void *context, void *token)
{
    (void)context;
    memory_free(token);
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct machine *machine = context;
    struct cluster *cluster = machine->node->cluster;
    if (role != GROUP_LEADER && role != GROUP_READY)
        return;
    cr_assert_lt(term, (uint64_t)TERMS_MAX);
    if (role == GROUP_READY) {
        struct group *group = group_set_get(machine->node->set, (struct partition_id){machine->group});
        check_skipped(machine, group_status(group).applied_index + 1);
    }
    uint32_t *leader = &cluster->truths[machine->group].leaders[term];
    if (*leader != 0 && *leader != machine->node->id.value)
        violate(cluster, "two leaders in a term", machine->group, term);
    *leader = machine->node->id.value;
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct node *node = context;
    /* A disk that fails is no violation; a library that gives up is. */
    if (err != GRID_ERR_IO && err != GRID_ERR_NO_SPACE)
        violate(node->cluster, what, node->id.value, 0);
    host_crash_soon(node->host, SECOND_US);
}

struct read { struct group_read read; struct cluster *cluster; struct machine *machine; uint64_t acked_before; };

static void on_read(void *context, enum grid_err err, uint64_t index)
{
    struct read *read = context;
    if (err == GRID_ERR_OK) {
        read->cluster->reads++;
        if (index < read->acked_before)
            violate(read->cluster, "stale read", read->machine->group, index);
        if (group_status(group_set_get(read->machine->node->set, (struct partition_id){read->machine->group})).applied_index < index)
            violate(read->cluster, "read before applied", read->machine->group, index);
    }
    memory_free(read);
}

static void load(struct world *world, void *context)
{
    struct node *node = context;
    struct cluster *cluster = node->cluster;
    for (uint32_t i = 0; i < GROUPS && world_now_us(world) < FAULTS_US + HEALED_US - 2 * SECOND_US; i++) {
        struct group *group = group_set_get(node->set, (struct partition_id){i});
        if (prng_chance(world_prng(world), 300000)) {
            struct read *read = memory_zero(1, sizeof *read);
            *read = (struct read){{on_read, read, NULL}, cluster, &node->machines[i], cluster->truths[i].acked_index};
            group_read(group, &read->read);
        }
        /* Bursts leave long tails that only some nodes have when a leader dies. */
        uint64_t burst = prng_chance(world_prng(world), 150000) ? 24 : 2;
        for (uint64_t k = prng_range(world_prng(world), 0, burst); k != 0; k--) {
            struct token *token = memory_zero(1, sizeof *token);
            uint8_t command[64] = {0};
            token->value = ++cluster->value;
            put_u64(command, token->value);
            if (group_propose(group, bytes_of(command, sizeof command), token) != GRID_ERR_OK)
                memory_free(token);
        }
        if (prng_chance(world_prng(world), 3000))
            group_transfer(group, (struct node_id){(uint32_t)prng_range(world_prng(world), 1, NODES)});
    }
    host_at(node->host, prng_range(world_prng(world), 5000, 60000), load, node);
}

static void open_node(void *context, struct host *host)
{
    struct node *node = context;
    struct peer_address members[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        members[i].id = (struct node_id){i + 1};
        snprintf(members[i].address, sizeof members[i].address, "n%u:1", i + 1);
    }
    char *note = NULL;
    struct group_set_options options = {
        .io = host_io(host), .logger = world_logger(node->cluster->world), .self = node->id,
        .peer_listen_address = members[node->id.value - 1].address, .members = members, .members_count = NODES,
        .log_owner = node->id.value, .groups = GROUPS, .sync = true, .segment_bytes = 256 * 1024,
        .shims = node->cluster->shims, .fatal = on_fatal, .context = node,
    };
    enum grid_err err = group_set_open(&options, &node->set, &note);
    if (err == GRID_ERR_IO || err == GRID_ERR_NO_SPACE) {
        memory_free(note);
        host_crash_soon(host, SECOND_US);
        return;
    }
    cr_assert_eq(err, GRID_ERR_OK, "%s", note == NULL ? "" : note);
    for (uint32_t i = 0; i < GROUPS; i++) {
        node->machines[i] = (struct machine){.node = node, .group = i};
        struct group_machine machine = {.context = &node->machines[i], .apply = on_apply, .dropped = on_dropped, .role = on_role};
        group_attach(group_set_get(node->set, (struct partition_id){i}), &machine);
    }
    cr_assert_eq(group_set_start(node->set, &note), GRID_ERR_OK);
    host_at(host, 20000, load, node);
}

static void close_node(void *context, struct host *host)
{
    (void)host;
    struct node *node = context;
    if (node->set != NULL)
        group_set_close(node->set);
    node->set = NULL;
}

static void check_end(struct cluster *cluster)
{
    if (cluster->tail_acks < TAIL_ACKS_MIN)
        violate(cluster, "no progress after healing", 0, cluster->tail_acks);
    for (uint32_t group = 0; group < GROUPS; group++)
        for (size_t i = 0; i < NODES; i++) {
            struct node *node = &cluster->nodes[i];
            if (node->set == NULL)
                violate(cluster, "a node is down at the end", node->id.value, 0);
            else if (node->machines[group].applied_index < cluster->truths[group].acked_index)
                violate(cluster, "an acknowledged entry is missing", group, cluster->truths[group].acked_index);
        }
}

/* Returns the number of acknowledged entries; 0 after a violation, which is printed unless `quiet`. */
static uint64_t run(uint64_t seed, uint64_t disabled, bool quiet, uint64_t *ret_trace)
{
    struct cluster *cluster = memory_zero(1, sizeof *cluster);
    const char *mask = getenv("FAULT_MASK");
    struct world_options options = {.seed = seed, .faults_allowed = FAULTS_ALL & ~DAMAGE, .faults_forced = mask != NULL};
    if (mask != NULL)
        options.faults_allowed = strtoull(mask, NULL, 0);
    cluster->world = world_open(&options);
    cluster->shims.disabled = disabled;
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *node = &cluster->nodes[i];
        *node = (struct node){.cluster = cluster, .id = {i + 1}};
        char name[8];
        snprintf(name, sizeof name, "n%u", i + 1);
        struct host_owner owner = {.open = open_node, .stop = close_node, .crash = close_node, .context = node};
        node->host = world_add_host(cluster->world, name, HOST_NODE, &owner);
    }
    for (uint32_t i = 0; i < NODES; i++)
        host_start(cluster->nodes[i].host);
    bool sound = world_run(cluster->world, 3 * SECOND_US);
    faults_begin(cluster->world);
    sound = sound && world_run(cluster->world, FAULTS_US);
    faults_heal(cluster->world);
    sound = sound && world_run(cluster->world, FAULTS_US + HEALED_US);
    if (!sound)
        violate(cluster, world_reason(cluster->world), 0, 0);
    check_end(cluster);
    *ret_trace = world_trace(cluster->world);
    if (cluster->violation.size != 0 && !quiet)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, (const char *)cluster->violation.data);
    uint64_t acks = cluster->violation.size != 0 ? 0 : cluster->acks;
    if (acks != 0 && cluster->reads == 0)
        acks = 0;
    world_close(cluster->world);
    buffer_close(&cluster->violation);
    memory_free(cluster);
    return acks;
}

Test(group_faults, keeps_its_promises)
{
    const char *from_text = getenv("FAULT_SEED"), *count_text = getenv("FAULT_SEEDS");
    uint64_t from = from_text == NULL ? 1 : strtoull(from_text, NULL, 10);
    uint64_t count = count_text == NULL ? 12 : strtoull(count_text, NULL, 10), trace, failed = 0, disabled = 0;
    if (getenv("FAULT_SHIM") != NULL)
        cr_assert(group_shim_parse(getenv("FAULT_SHIM"), &disabled));
    for (uint64_t seed = from; seed < from + count; seed++)
        failed += run(seed, disabled, false, &trace) == 0;
    cr_assert_eq(failed, 0u, "%llu seeds failed", (unsigned long long)failed);
}

Test(group_faults, one_seed_is_one_run)
{
    uint64_t first, second;
    run(3, 0, true, &first);
    run(3, 0, true, &second);
    cr_assert_eq(first, second);
}
