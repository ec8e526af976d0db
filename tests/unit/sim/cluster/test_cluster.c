/* Faults put exactly where random runs seldom put them, on a cluster of whole nodes, each with its expected result. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "client/core/core.h"
#include "grid/base/memory.h"
#include "raft/group.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/support/witness.h"

enum { CLIENTS = 2, NODES = 3, PARTITIONS = 4, SEEDS = 8, SECOND_US = 1000000, LARGE_BYTES = 200000, WRITES_MAX = 200 };

struct outcome { unsigned calls; enum grid_err err; uint64_t version; bool found; char value[32]; };

struct stage;

struct stage_client { struct stage *stage; struct host *host; struct client *client; };

struct stage {
    struct run_options options;
    struct run run;
    struct world *world;
    struct cluster *cluster;
    struct stage_client clients[CLIENTS];
    const char *endpoints[NODES];
    uint64_t attempt_ms;
};

static void open_client(void *context, struct host *host)
{
    struct stage_client *client = context;
    struct client_options options = {.endpoints = client->stage->endpoints, .endpoints_count = NODES, .deadline_ms = 20000,
                                     .attempt_ms = client->stage->attempt_ms};
    client->client = client_open(host_io(host), &options);
}

static void end_client(void *context, struct host *host)
{
    struct stage_client *client = context;
    (void)host;
    client_close(client->client);
    client->client = NULL;
}

static struct stage *stage_open_with(const struct run_options *run_options, uint64_t attempt_ms)
{
    static const char *const names[CLIENTS] = {"c1", "c2"};
    struct stage *stage = memory_zero(1, sizeof *stage);
    struct world_options options = {.seed = run_options->seed};
    stage->options = *run_options;
    stage->world = world_open(&options);
    stage->run = (struct run){.world = stage->world, .options = &stage->options, .environment = environment_get(0), .nodes = NODES, .partitions = PARTITIONS};
    stage->cluster = cluster_open(&stage->run);
    stage->attempt_ms = attempt_ms;
    for (size_t i = 0; i < NODES; i++)
        stage->endpoints[i] = cluster_endpoint(stage->cluster, i);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct stage_client *client = &stage->clients[i];
        client->stage = stage;
        client->host = world_add_host(stage->world, names[i], HOST_CLIENT, &(struct host_owner){.open = open_client, .stop = end_client, .crash = end_client, .context = client});
    }
    for (size_t i = 0; i < world_hosts(stage->world); i++)
        host_start(world_host(stage->world, i));
    return stage;
}

static struct stage *stage_open(uint64_t seed, uint64_t attempt_ms)
{
    return stage_open_with(&(struct run_options){.seed = seed}, attempt_ms);
}

static void stage_run(struct stage *stage, uint64_t us)
{
    cr_assert(world_run(stage->world, world_now_us(stage->world) + us), "%s", world_reason(stage->world));
}

static void stage_close(struct stage *stage)
{
    cr_expect_not(world_failed(stage->world), "%s", world_reason(stage->world));
    world_close(stage->world);
    cluster_close(stage->cluster);
    memory_free(stage);
}

/* All replicas are equal at the end. */
static void stage_end(struct stage *stage)
{
    net_mend(stage->world);
    for (unsigned i = 0; i < 600 && cluster_unsettled(stage->cluster); i++)
        stage_run(stage, SECOND_US / 20);
    cr_assert_null(cluster_unsettled(stage->cluster), "%s", cluster_unsettled(stage->cluster));
    cluster_check(stage->cluster);
    stage_close(stage);
}

/* ---- what clients ask */

struct ask { struct stage_client *client; struct command command; struct query query; bool reads; struct outcome *outcome; };

static void on_outcome(void *context, const struct client_result *result)
{
    struct outcome *outcome = context;
    outcome->calls++;
    outcome->err = result->err;
    outcome->version = result->response->version;
    outcome->found = result->response->found;
    size_t size = result->response->value.size < sizeof outcome->value - 1 ? result->response->value.size : sizeof outcome->value - 1;
    if (size > 0)
        memcpy(outcome->value, result->response->value.data, size);
    outcome->value[size] = 0;
}

static void run_ask(struct world *world, void *context)
{
    struct ask *ask = context;
    struct client_call call = {.done = on_outcome, .context = ask->outcome};
    struct client_key key = {.key = ask->query.key};
    (void)world;
    if (ask->reads)
        client_map_get(ask->client->client, ask->query.map, &key, &call);
    else
        client_command(ask->client->client, &ask->command, &call);
}

/* Leaves with the next events; `ask` is filled in and must stay. */
static void ask_set(struct stage *stage, size_t client, struct ask *ask, struct bytes key, struct bytes value, const char *once)
{
    *ask->outcome = (struct outcome){0};
    ask->client = &stage->clients[client];
    ask->reads = false;
    ask->command = (struct command){.kind = COMMAND_MAP, .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = key, .value = value}};
    if (once)
        ask->command.idempotency = (struct idempotency){.tenant = bytes_of_text("test"), .key = bytes_of_text(once)};
    host_at(ask->client->host, 0, run_ask, ask);
}

static void await(struct stage *stage, const struct outcome *outcome)
{
    for (unsigned i = 0; i < 2500 && outcome->calls == 0; i++)
        stage_run(stage, SECOND_US / 100);
    cr_assert_eq(outcome->calls, 1, "no answer");
}

static struct outcome set(struct stage *stage, const char *key, struct bytes value)
{
    struct outcome outcome;
    struct ask ask = {.outcome = &outcome};
    ask_set(stage, 0, &ask, bytes_of_text(key), value, NULL);
    await(stage, &outcome);
    return outcome;
}

static struct outcome get(struct stage *stage, const char *key)
{
    struct outcome outcome = {0};
    struct ask ask = {.client = &stage->clients[1], .reads = true, .outcome = &outcome,
                      .query = {.map = bytes_of_text("m"), .key = bytes_of_text(key)}};
    host_at(ask.client->host, 0, run_ask, &ask);
    await(stage, &outcome);
    return outcome;
}

static uint32_t partition_of(const struct stage *stage, const char *key)
{
    return client_partition_of(stage->clients[0].client, bytes_of_text(key)).value;
}

static struct host *node_host(const struct stage *stage, size_t node)
{
    return world_host(stage->world, node);
}

/* Position of the node that leads the key's partition. */
static size_t leader_of(const struct stage *stage, const char *key)
{
    uint32_t partition = partition_of(stage, key);
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = cluster_node(stage->cluster, i);
        if (node && group_status(node_group(node, (struct partition_id){partition})).role == GROUP_READY &&
            !cluster_deposed(stage->cluster, i, partition))
            return i;
    }
    cr_assert_fail("there is no leader");
    return 0;
}

static void cut_from_nodes(const struct stage *stage, size_t node, uint64_t for_us)
{
    for (size_t i = 0; i < NODES; i++)
        if (i != node) {
            net_cut(stage->world, node_host(stage, node), node_host(stage, i), for_us, true);
            net_cut(stage->world, node_host(stage, i), node_host(stage, node), for_us, true);
        }
}

static struct bytes large(void)
{
    static uint8_t bytes[LARGE_BYTES];
    return bytes_of(bytes, sizeof bytes);
}

/* ---- F75, F14, F20: between commit and reply */

static void spring_at_second_write(enum trap trap)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        cr_assert_eq(set(stage, "k", bytes_of_text("one")).err, GRID_ERR_OK);
        size_t old = leader_of(stage, "k");
        trap_set(node_host(stage, old), trap, 6 * SECOND_US);
        struct outcome two = set(stage, "k", bytes_of_text("two"));
        cr_expect_eq(two.err, GRID_ERR_OK, "%s", grid_err_name(two.err));
        cr_expect_eq(faults_happened(stage->world)[FAULT_QUORUM_LOST], 1u);
        struct outcome read = get(stage, "k");
        cr_expect_str_eq(read.value, "two");
        cr_expect_eq(read.version, two.version, "I11: seed %u: it was applied again, as version %u", (unsigned)seed, (unsigned)read.version);
        stage_end(stage);
    }
}

Test(cluster, a_write_whose_reply_is_lost_with_the_quorum_is_applied_once, .timeout = 120)
{
    spring_at_second_write(TRAP_CUT_REPLY_LOST);
}

Test(cluster, a_write_that_was_answered_outlives_the_quorum_that_is_lost_right_then, .timeout = 120)
{
    spring_at_second_write(TRAP_CUT_REPLY_SENT);
}

Test(cluster, a_write_whose_leader_dies_before_it_answers_is_applied_once, .timeout = 120)
{
    spring_at_second_write(TRAP_DIES);
}

/* ---- F69: repeated while the first is under way */

Test(cluster, a_write_that_is_repeated_while_it_is_under_way_is_applied_once, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 100);
        cr_assert_eq(set(stage, "k", bytes_of_text("one")).err, GRID_ERR_OK);
        uint32_t partition = partition_of(stage, "k");
        uint64_t repeated = client_totals(stage->clients[0].client).repeated;
        uint64_t duplicates = partition_stats(cluster_partition(stage->cluster, partition)).duplicates;
        /* What the leader says reaches the client late. */
        net_cut(stage->world, node_host(stage, leader_of(stage, "k")), stage->clients[0].host, SECOND_US, false);
        struct outcome two = set(stage, "k", bytes_of_text("two")), read = get(stage, "k");
        cr_expect_eq(two.err, GRID_ERR_OK);
        cr_expect_gt(client_totals(stage->clients[0].client).repeated, repeated);
        stage_run(stage, 2 * SECOND_US);
        cr_expect_gt(partition_stats(cluster_partition(stage->cluster, partition)).duplicates, duplicates, "no repetition arrived");
        cr_expect_eq(read.version, two.version);
        cr_expect_eq(get(stage, "k").version, two.version, "I11: a repetition was applied");
        stage_end(stage);
    }
}

/* ---- F70, F71: one idempotency key at once */

Test(cluster, one_key_that_two_use_at_once_is_executed_once, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct outcome first, second;
        struct ask asks[2] = {{.outcome = &first}, {.outcome = &second}};
        cr_assert_eq(set(stage, "k", bytes_of_text("none")).err, GRID_ERR_OK);
        ask_set(stage, 0, &asks[0], bytes_of_text("k"), bytes_of_text("same"), "key-1");
        ask_set(stage, 1, &asks[1], bytes_of_text("k"), bytes_of_text("same"), "key-1");
        await(stage, &first);
        await(stage, &second);
        cr_expect_eq(first.err, GRID_ERR_OK);
        cr_expect_eq(second.err, GRID_ERR_OK);
        cr_expect_eq(first.version, second.version, "I11: executed twice");
        cr_expect_eq(get(stage, "k").version, first.version);
        stage_end(stage);
    }
}

Test(cluster, of_two_contents_under_one_key_at_once_one_is_executed_and_the_other_refused, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct outcome outcomes[2];
        struct ask asks[2] = {{.outcome = &outcomes[0]}, {.outcome = &outcomes[1]}};
        static const char *const contents[2] = {"left", "right"};
        cr_assert_eq(set(stage, "k", bytes_of_text("none")).err, GRID_ERR_OK);
        for (size_t round = 0; round < 2; round++) {
            for (size_t i = 0; i < 2; i++)
                ask_set(stage, i, &asks[i], bytes_of_text("k"), bytes_of_text(contents[i]), "key-2");
            await(stage, &outcomes[0]);
            await(stage, &outcomes[1]);
            size_t winner = outcomes[0].err == GRID_ERR_OK ? 0 : 1;
            cr_expect_eq(outcomes[winner].err, GRID_ERR_OK);
            cr_expect_eq(outcomes[1 - winner].err, GRID_ERR_IDEMPOTENCY_MISMATCH);
            cr_expect_str_eq(get(stage, "k").value, contents[winner], "I12");
        }
        stage_end(stage);
    }
}

/* ---- F72: a client that dies takes nothing with it that was answered, and leaves nothing half done */

Test(cluster, what_a_client_wrote_before_it_died_happens_once_or_never, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct outcome lost;
        struct ask ask = {.outcome = &lost};
        struct outcome one = set(stage, "k", bytes_of_text("one"));
        ask_set(stage, 0, &ask, bytes_of_text("k"), bytes_of_text("two"), NULL);
        stage_run(stage, 500 * seed);
        host_crash(stage->clients[0].host, CRASH_KILL);
        stage_run(stage, 2 * SECOND_US);
        struct outcome read = get(stage, "k");
        cr_expect(strcmp(read.value, "two") == 0 || (strcmp(read.value, "one") == 0 && read.version == one.version));
        host_start(stage->clients[0].host);
        cr_expect_eq(set(stage, "k", bytes_of_text("three")).err, GRID_ERR_OK, "its successor opens a session of its own");
        stage_end(stage);
    }
}

/* ---- F74: requests to a node that does not lead */

struct direct { unsigned left, done, refused, unknown; };

static void on_read(void *context, const struct wgl_operation *operation)
{
    (void)context;
    (void)operation;
}

static void on_wrote(void *context, uint32_t partition, bool ended, enum grid_err err)
{
    struct direct *direct = context;
    (void)partition;
    direct->left += !ended;
    direct->done += ended && err == GRID_ERR_OK;
    direct->refused += ended && err == GRID_ERR_NOT_LEADER;
    direct->unknown += ended && err == GRID_ERR_UNKNOWN;
}

static uint64_t next_value(void *context)
{
    (void)context;
    return 77;
}

struct opening { struct stage *stage; size_t node; struct direct *direct; struct prng prng; struct witness *witness; };

static void run_witness(struct world *world, void *context)
{
    static const char *const keys[] = {"k"};
    struct opening *opening = context;
    (void)world;
    opening->witness = witness_open(&(struct witness_options){
        .io = host_io(opening->stage->clients[1].host), .prng = &opening->prng, .map = "m", .keys = keys, .keys_count = 1,
        .endpoint = opening->stage->endpoints[opening->node], .node = (uint32_t)opening->node + 1, .gap_us = 20000,
        .read = on_read, .writes_percent = 50, .next_value = next_value, .wrote = on_wrote, .context = opening->direct});
}

static void end_witness(struct world *world, void *context)
{
    (void)world;
    witness_close(((struct opening *)context)->witness);
}

static struct opening direct_to(struct stage *stage, size_t node, struct direct *direct)
{
    struct opening opening = {.stage = stage, .node = node, .direct = direct};
    prng_init(&opening.prng, 1);
    return opening;
}

Test(cluster, a_follower_that_is_asked_to_write_or_read_does_neither, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct direct direct = {0};
        struct outcome one = set(stage, "k", bytes_of_text("one"));
        struct opening opening = direct_to(stage, (leader_of(stage, "k") + 1) % NODES, &direct);
        host_at(stage->clients[1].host, 0, run_witness, &opening);
        stage_run(stage, 3 * SECOND_US);
        cr_expect_eq(direct.done, 0u);
        cr_expect_eq(witness_totals(opening.witness).answered, 0u, "a follower answered a linearizable read");
        cr_expect_gt(witness_totals(opening.witness).asked, 10u);
        host_at(stage->clients[1].host, 0, end_witness, &opening);
        stage_run(stage, SECOND_US);
        cr_expect_eq(get(stage, "k").version, one.version);
        stage_end(stage);
    }
}

Test(cluster, a_leader_that_is_cut_off_takes_writes_that_never_become_done_and_answers_no_read, .timeout = 120)
{
    unsigned left = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct direct direct = {0};
        cr_assert_eq(set(stage, "k", bytes_of_text("one")).err, GRID_ERR_OK);
        size_t old = leader_of(stage, "k");
        struct opening opening = direct_to(stage, old, &direct);
        host_at(stage->clients[1].host, 0, run_witness, &opening);
        stage_run(stage, SECOND_US);
        cr_expect_gt(direct.done, 0u);
        cut_from_nodes(stage, old, 20 * SECOND_US);
        /* What was under way is still on its way back. */
        stage_run(stage, SECOND_US / 10);
        unsigned done = direct.done, sent = direct.left;
        uint64_t answered = witness_totals(opening.witness).answered;
        stage_run(stage, 5 * SECOND_US);
        struct outcome two = set(stage, "k", bytes_of_text("two"));
        cr_expect_eq(two.err, GRID_ERR_OK, "the others go on");
        cr_expect_eq(direct.done, done, "a write that no majority has is called done");
        cr_expect_eq(witness_totals(opening.witness).answered, answered, "I24");
        left += direct.left - sent;
        host_at(stage->clients[1].host, 0, end_witness, &opening);
        stage_run(stage, SECOND_US / 10);
        net_mend(stage->world);
        stage_run(stage, 5 * SECOND_US);
        cr_expect_str_eq(get(stage, "k").value, "two");
        cr_expect_eq(get(stage, "k").version, two.version);
        stage_end(stage);
    }
    cr_expect_gt(left, 0u, "it was never asked to write");
}

/* ---- F26, F27, F28: the node ends, the others go on, nothing that was said is lost */

static void break_leader(enum disk_error error)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        cr_assert_eq(set(stage, "k", bytes_of_text("one")).err, GRID_ERR_OK);
        struct host *host = node_host(stage, leader_of(stage, "k"));
        uint64_t life = host_incarnation(host);
        disk_break(host, error);
        struct outcome two = set(stage, "k", bytes_of_text("two"));
        cr_expect_eq(two.err, GRID_ERR_OK);
        for (unsigned i = 0; i < 50 && host_incarnation(host) == life; i++)
            stage_run(stage, SECOND_US / 10);
        cr_expect_gt(host_incarnation(host), life, "I37: it goes on after its disk failed");
        stage_run(stage, 3 * SECOND_US);
        disk_break(host, DISK_SOUND);
        cr_expect_eq(get(stage, "k").version, two.version);
        stage_end(stage);
    }
}

Test(cluster, a_node_whose_write_fails_ends_and_comes_back, .timeout = 120) { break_leader(DISK_WRITE_ONCE); }
Test(cluster, a_node_whose_sync_fails_ends_and_comes_back, .timeout = 120) { break_leader(DISK_SYNC_ONCE); }
Test(cluster, a_node_whose_disk_fails_for_good_stays_down_until_it_is_replaced, .timeout = 120) { break_leader(DISK_WRITE_ALWAYS); }

/* ---- F29: reads go on, writes are refused, and no restart is needed (I38) */

Test(cluster, full_disks_refuse_writes_and_serve_reads_until_there_is_room, .timeout = 120)
{
    struct stage *stage = stage_open(1, 500);
    uint64_t lives[NODES];
    struct outcome last = set(stage, "k", large());
    cr_assert_eq(last.err, GRID_ERR_OK);
    for (size_t i = 0; i < NODES; i++) {
        disk_break(node_host(stage, i), DISK_FULL);
        lives[i] = host_incarnation(node_host(stage, i));
    }
    uint64_t version = last.version;
    for (unsigned i = 0; i < WRITES_MAX && last.err == GRID_ERR_OK; i++) {
        last = set(stage, "k", large());
        version = last.err == GRID_ERR_OK ? last.version : version;
    }
    cr_expect(last.err == GRID_ERR_LOG_FULL || last.err == GRID_ERR_UNKNOWN, "%s", grid_err_name(last.err));
    cr_expect_eq(get(stage, "k").err, GRID_ERR_OK);
    cr_expect_geq(get(stage, "k").version, version);
    for (size_t i = 0; i < NODES; i++)
        disk_break(node_host(stage, i), DISK_SOUND);
    stage_run(stage, SECOND_US);
    cr_expect_eq(set(stage, "k", bytes_of_text("end")).err, GRID_ERR_OK);
    for (size_t i = 0; i < NODES; i++)
        cr_expect_eq(host_incarnation(node_host(stage, i)), lives[i], "a node did not live through it");
    stage_end(stage);
}

/* ---- full memory (R6) */

static struct outcome drop(struct stage *stage, const char *key)
{
    struct outcome outcome = {0};
    struct ask ask = {.client = &stage->clients[0], .outcome = &outcome,
                      .command = {.kind = COMMAND_MAP, .map = {.operation = MAP_REMOVE, .map = bytes_of_text("m"), .key = bytes_of_text(key)}}};
    host_at(ask.client->host, 0, run_ask, &ask);
    await(stage, &outcome);
    return outcome;
}

/* A key of a partition that another node than the first one leads. */
static const char *led_elsewhere(const struct stage *stage)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (leader_of(stage, keys[i]) != 0)
            return keys[i];
    cr_assert_fail("the first node leads everything");
    return NULL;
}

/* Every member holds all data, and a follower cannot refuse: so the smallest member bounds the cluster, as long as it is there. */
Test(cluster, a_member_with_full_memory_stops_growth_and_nothing_else, .timeout = 120)
{
    struct stage *stage = stage_open_with(&(struct run_options){.seed = 1, .memory_max = 3000000}, 500);
    struct outcome last = {.err = GRID_ERR_OK};
    char keys[WRITES_MAX][8];
    size_t count = 0;
    while (last.err == GRID_ERR_OK && count < WRITES_MAX) {
        snprintf(keys[count], sizeof keys[count], "k%zu", count);
        last = set(stage, keys[count++], large());
    }
    cr_assert_eq(last.err, GRID_ERR_MEMORY_FULL, "%s", grid_err_name(last.err));
    stage_run(stage, 2 * SECOND_US);
    cr_expect_eq(set(stage, led_elsewhere(stage), bytes_of_text("v")).err, GRID_ERR_MEMORY_FULL, "the leader has room, a member does not");
    cr_expect_eq(get(stage, keys[0]).err, GRID_ERR_OK);
    host_crash(node_host(stage, 0), CRASH_KILL);
    stage_run(stage, 3 * SECOND_US);
    cr_expect_eq(set(stage, led_elsewhere(stage), bytes_of_text("v")).err, GRID_ERR_OK, "the members that are there have room");
    host_start(node_host(stage, 0));
    stage_run(stage, 5 * SECOND_US);
    cr_expect_eq(set(stage, led_elsewhere(stage), bytes_of_text("v")).err, GRID_ERR_MEMORY_FULL, "it is back, with all of its data");
    for (size_t i = 0; i + 1 < count; i++)
        cr_expect_eq(drop(stage, keys[i]).err, GRID_ERR_OK);
    stage_run(stage, 2 * SECOND_US);
    cr_expect_eq(set(stage, led_elsewhere(stage), bytes_of_text("v")).err, GRID_ERR_OK, "without a restart");
    stage_end(stage);
}

/* ---- F32, F33, F34, F36: a damaged log is refused; the others go on */

static void damage_log(enum disk_damage damage)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct stage *stage = stage_open(seed, 500);
        struct host *host = node_host(stage, 0);
        bool damaged = false;
        for (unsigned i = 0; i < WRITES_MAX && !damaged; i++) {
            cr_assert_eq(set(stage, "k", large()).err, GRID_ERR_OK);
            damaged = disk_damage(host, damage);
        }
        cr_assert(damaged, "the first segment was never closed");
        host_crash(host, CRASH_KILL);
        host_start(host);
        cr_expect_null(cluster_node(stage->cluster, 0));
        struct outcome last = set(stage, "k", bytes_of_text("last"));
        cr_expect_eq(last.err, GRID_ERR_OK, "two of three suffice");
        size_t points;
        const struct sometimes *table = world_sometimes_table(stage->world, &points);
        bool refused = false;
        for (size_t i = 0; i < points; i++)
            refused = refused || strcmp(table[i].name, "a node refuses a damaged log") == 0;
        cr_expect(refused);
        disk_repair(host);
        stage_run(stage, 5 * SECOND_US);
        cr_expect_eq(get(stage, "k").version, last.version);
        stage_end(stage);
    }
}

Test(cluster, a_bit_that_turned_in_a_closed_segment_is_noticed, .timeout = 120) { damage_log(DAMAGE_BIT); }
Test(cluster, a_flush_in_the_place_of_another_is_noticed, .timeout = 120) { damage_log(DAMAGE_MISDIRECTED); }
Test(cluster, a_segment_without_its_end_is_noticed, .timeout = 120) { damage_log(DAMAGE_CUT); }
Test(cluster, a_segment_that_is_gone_is_noticed, .timeout = 120) { damage_log(DAMAGE_GONE); }
