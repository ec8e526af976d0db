/* Transfers over the links of nodes of the simulated world: node 1 sends to node 2, node 3 does so when a test makes it leader. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/memory.h"
#include "raft/snapshot/transfer_message.h"
#include "raft/snapshot/transfers.h"
#include "tests/sim/world/world.h"
#include "tests/unit/raft/snapshot/snapshot_fixture.h"

enum { NODES_COUNT = 3, GROUPS = 8, STATE_BYTES = 2 * 1000 * 1000, TICK_US = 50 * 1000, RATE = 2 * 1000 * 1000 };
#define SECOND_US (UINT64_C(1000) * 1000)

struct node {
    struct mesh *mesh;
    struct node_id id;
    struct host *host;
    struct peers *peers;
    struct metric_registry *metrics;
    struct snapshot_files *files;
    struct transfers *transfers;
    struct timer timer;
    uint64_t features, term;                 /* term: it leads and sends; 0: it does not */
    bool knows;                              /* what is offered */
    unsigned completed, ended, failed, asked;
    enum grid_err end_err;
    struct node_id from;
    uint64_t leader_term;
};

struct mesh { struct world *world; struct node nodes[NODES_COUNT]; struct buffer file, state; };

static bool is_known(void *context, struct node_id from, const struct transfer_what *what)
{
    struct node *node = context;
    cr_assert(from.value == 1 || from.value == 3);
    cr_assert(what->group == FIXTURE_GROUP && what->index == 5 && what->leader_term >= 9);
    node->asked++;
    return node->knows;
}

static void on_complete(void *context, struct node_id from, uint64_t leader_term, const struct snapshot_head *head)
{
    struct node *node = context;
    cr_assert_eq(head->index, 5);
    node->completed++;
    node->from = from;
    node->leader_term = leader_term;
}

static void on_ended(void *context, struct node_id to, uint32_t group, uint64_t index, enum grid_err err)
{
    struct node *node = context;
    cr_assert(to.value == 2 && group == FIXTURE_GROUP && index == 5);
    node->ended++;
    node->end_err = err;
}

static void on_failed(void *context, enum grid_err err)
{
    (void)err;
    ((struct node *)context)->failed++;
}

/* A leader sends whenever nothing is on its way. */
static void tick(void *context)
{
    struct node *node = context;
    if (node->term != 0 && node->end_err != GRID_ERR_OK && !transfers_sending(node->transfers, (struct node_id){2}))
        (void)transfers_send(node->transfers, (struct node_id){2}, FIXTURE_GROUP, node->term, 5);
    transfers_tick(node->transfers);
    clock_timer_start(host_io(node->host)->clock, &node->timer, TICK_US);
}

static void open_node(void *context, struct host *host)
{
    struct node *node = context;
    struct io *io = host_io(host);
    struct peer_address members[NODES_COUNT];
    for (uint32_t i = 0; i < NODES_COUNT; i++) {
        members[i].id = (struct node_id){i + 1};
        snprintf(members[i].address, sizeof members[i].address, "n%u:1", i + 1);
    }
    struct peers_options options = {.io = io, .logger = world_logger(node->mesh->world), .metrics = node->metrics, .self = node->id,
        .listen_address = members[node->id.value - 1].address, .members = members, .members_count = NODES_COUNT,
        .cluster_uuid = uuid_of_name(bytes_of_text("mesh")), .incarnation = 100 + node->id.value, .partitions = GROUPS, .features = node->features, .version = "0.9"};
    cr_assert_eq(peers_open(&options, &node->peers), GRID_ERR_OK);
    node->files = snapshot_files_open(io->storage, NULL, NULL);
    struct transfers_options transfers = {.peers = node->peers, .clock = io->clock, .storage = io->storage, .files = node->files, .owner = 1000 + node->id.value,
        .groups = GROUPS, .bytes_per_second = RATE, .known = is_known, .complete = on_complete, .ended = on_ended, .failed = on_failed, .context = node};
    node->transfers = transfers_open(&transfers);
    cr_assert_eq(peers_start(node->peers), GRID_ERR_OK);
    if (node->id.value != 2)
        cr_assert_eq(io->storage->put(io->storage, "snap-00000007-0000000000000005", buffer_bytes(&node->mesh->file)), GRID_ERR_OK);
    node->timer = (struct timer){.fire = tick, .context = node};
    clock_timer_start(io->clock, &node->timer, TICK_US);
}

static void close_node(void *context, struct host *host)
{
    struct node *node = context;
    clock_timer_stop(host_io(host)->clock, &node->timer);
    transfers_close(node->transfers);
    snapshot_files_close(node->files);
    peers_close(node->peers);
}

static void mesh_open(struct mesh *mesh, uint64_t seed)
{
    struct fake_storage *disk = fake_storage_open(seed);
    *mesh = (struct mesh){.state = state_of(5, STATE_BYTES)};
    cr_assert_eq(save(disk, 5, buffer_bytes(&mesh->state)).err, GRID_ERR_OK);
    buffer_append(&mesh->file, fake_storage_content(disk, "snap-00000007-0000000000000005"));
    fake_storage_close(disk);
    struct world_options options = {.seed = seed};
    mesh->world = world_open(&options);
    for (uint32_t i = 0; i < NODES_COUNT; i++) {
        struct node *node = &mesh->nodes[i];
        *node = (struct node){.mesh = mesh, .id = {i + 1}, .metrics = metric_registry_open(), .features = features_all(), .term = i == 0 ? 9 : 0, .end_err = GRID_ERR_UNAVAILABLE};
        char name[8];
        snprintf(name, sizeof name, "n%u", i + 1);
        struct host_owner owner = {.open = open_node, .stop = close_node, .crash = close_node, .context = node};
        node->host = world_add_host(mesh->world, name, HOST_NODE, &owner);
    }
}

static void mesh_start(struct mesh *mesh)
{
    for (size_t i = 0; i < NODES_COUNT; i++)
        host_start(mesh->nodes[i].host);
}

static void mesh_close(struct mesh *mesh)
{
    world_close(mesh->world);
    for (size_t i = 0; i < NODES_COUNT; i++)
        metric_registry_close(mesh->nodes[i].metrics);
    buffer_close(&mesh->file);
    buffer_close(&mesh->state);
}

static void run_for(struct mesh *mesh, uint64_t us)
{
    cr_assert(world_run(mesh->world, world_now_us(mesh->world) + us), "%s", world_reason(mesh->world));
}

static enum grid_err on_piece(void *context, struct bytes piece)
{
    buffer_append(context, piece);
    return GRID_ERR_OK;
}

static void expect_state(struct mesh *mesh)
{
    struct buffer got = {0};
    struct snapshot_taker taker = {.piece = on_piece, .context = &got};
    char *note = NULL;
    struct storage *storage = host_io(mesh->nodes[1].host)->storage;
    enum grid_err err = snapshot_file_read(storage, &(struct snapshot_wanted){FIXTURE_GROUP, 5, 1002}, &taker, NULL, &note);
    cr_assert_eq(err, GRID_ERR_OK, "%s", note);
    cr_assert(bytes_equal(buffer_bytes(&got), buffer_bytes(&mesh->state)));
    buffer_close(&got);
}

Test(transfers, carry_a_file_over_a_link)
{
    struct mesh mesh;
    mesh_open(&mesh, 1);
    mesh_start(&mesh);
    run_for(&mesh, 3 * SECOND_US);
    cr_assert_eq(mesh.nodes[0].end_err, GRID_ERR_OK);
    cr_assert(mesh.nodes[1].completed == 1 && mesh.nodes[1].from.value == 1 && mesh.nodes[1].leader_term == 9);
    expect_state(&mesh);
    mesh_close(&mesh);
}

/* Either end dies at some moment of it, by a kill or a power cut; both go on until the file is there. */
Test(transfers, go_on_after_a_crash_of_either_end)
{
    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct mesh mesh;
        mesh_open(&mesh, seed);
        mesh_start(&mesh);
        run_for(&mesh, SECOND_US / 4 + seed * SECOND_US / 16);
        struct node *dies = &mesh.nodes[seed % 2];
        unsigned completed = mesh.nodes[1].completed;
        host_crash(dies->host, seed % 4 < 2 ? CRASH_KILL : CRASH_POWER);
        run_for(&mesh, SECOND_US / 2);
        host_start(dies->host);
        run_for(&mesh, 4 * SECOND_US);
        cr_assert_eq(mesh.nodes[0].end_err, GRID_ERR_OK, "seed %u", (unsigned)seed);
        cr_assert(completed + mesh.nodes[1].completed >= 1 && mesh.nodes[1].failed == 0);
        expect_state(&mesh);
        mesh_close(&mesh);
    }
}

/* The leader changes in the middle, and the old one goes on for a while: both send the same file, which only one of them may write. */
Test(transfers, take_a_group_from_the_leader_of_the_latest_term)
{
    unsigned overlaps = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct mesh mesh;
        mesh_open(&mesh, seed);
        mesh_start(&mesh);
        run_for(&mesh, SECOND_US / 4 + seed * SECOND_US / 24);
        overlaps += mesh.nodes[0].ended == 0;
        mesh.nodes[2].term = 10;
        run_for(&mesh, SECOND_US / 4);
        mesh.nodes[0].term = 0;
        transfers_stop(mesh.nodes[0].transfers, (struct node_id){2}, FIXTURE_GROUP);
        run_for(&mesh, 4 * SECOND_US);
        cr_assert_eq(mesh.nodes[2].end_err, GRID_ERR_OK, "seed %u", (unsigned)seed);
        cr_assert_eq(mesh.nodes[1].failed, 0, "seed %u", (unsigned)seed);
        cr_assert(mesh.nodes[1].completed >= 1 && mesh.nodes[1].from.value == 3 && mesh.nodes[1].leader_term == 10, "seed %u", (unsigned)seed);
        expect_state(&mesh);
        mesh_close(&mesh);
    }
    cr_assert_gt(overlaps, 8, "the change comes in the middle");
}

/* A full disk does not matter: it is not touched. */
Test(transfers, an_offer_of_what_is_known_is_answered_and_nothing_is_sent)
{
    struct mesh mesh;
    mesh_open(&mesh, 1);
    mesh.nodes[1].knows = true;
    mesh_start(&mesh);
    run_for(&mesh, 3 * SECOND_US);
    cr_assert(mesh.nodes[0].ended >= 1 && mesh.nodes[0].end_err == GRID_ERR_OK);
    cr_assert(mesh.nodes[1].asked >= 1 && mesh.nodes[1].completed == 0 && mesh.nodes[1].failed == 0);
    cr_assert_eq(transfers_counts(mesh.nodes[0].transfers).sent_bytes, 0);
    mesh_close(&mesh);
}

Test(transfers, need_the_feature_at_the_other_end)
{
    struct mesh mesh;
    mesh_open(&mesh, 1);
    mesh.nodes[1].features &= ~feature_bit(FEATURE_SNAPSHOTS);
    mesh_start(&mesh);
    run_for(&mesh, 3 * SECOND_US);
    cr_assert(peers_up(mesh.nodes[0].peers, (struct node_id){2}));
    cr_assert(mesh.nodes[0].ended == 0 && mesh.nodes[1].completed == 0);
    cr_assert_not(transfers_sending(mesh.nodes[0].transfers, (struct node_id){2}));
    mesh_close(&mesh);
}

Test(transfer_message, refuses_what_is_out_of_bounds)
{
    struct transfer_bytes bytes = {.what = {.group = 3, .leader_term = 9, .index = 5, .term = 3, .file_bytes = 1000, .hash = 77}, .offset = 900,
                                   .data = bytes_of_text("0123456789")}, got;
    struct transfer_want want = {.group = 3, .index = 5, .hash = 77, .answer = TRANSFER_FULL, .offset = 12}, got_want;
    struct buffer body = {0};
    transfer_bytes_encode(&bytes, &body);
    cr_assert(transfer_bytes_decode(buffer_bytes(&body), 3, &got));
    cr_assert(got.offset == 900 && got.what.hash == 77 && got.what.leader_term == 9 && bytes_equal(got.data, bytes.data));
    for (size_t size = 0; size < 48; size++)
        cr_assert_not(transfer_bytes_decode(bytes_of(body.data, size), 3, &got));
    put_u64(body.data + 40, 991);
    cr_assert_not(transfer_bytes_decode(buffer_bytes(&body), 3, &got), "behind the end of the file");
    put_u64(body.data + 40, UINT64_MAX);
    cr_assert_not(transfer_bytes_decode(buffer_bytes(&body), 3, &got));
    put_u64(body.data + 40, 0);
    put_u64(body.data + 8, 0);
    cr_assert_not(transfer_bytes_decode(buffer_bytes(&body), 3, &got), "index 0");
    buffer_clear(&body);
    transfer_want_encode(&want, &body);
    cr_assert(transfer_want_decode(buffer_bytes(&body), 3, &got_want) && got_want.answer == TRANSFER_FULL && got_want.offset == 12);
    for (size_t size = 0; size < body.size; size++)
        cr_assert_not(transfer_want_decode(bytes_of(body.data, size), 3, &got_want));
    body.data[24] = 0;
    cr_assert_not(transfer_want_decode(buffer_bytes(&body), 3, &got_want));
    body.data[24] = TRANSFER_ANSWERS;
    cr_assert_not(transfer_want_decode(buffer_bytes(&body), 3, &got_want));
    buffer_close(&body);
}
