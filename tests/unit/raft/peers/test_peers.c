/* Links between nodes of the simulated world, and strangers that speak to them wrongly. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/messages/message.h"
#include "raft/peers/peers.h"
#include "tests/sim/world/world.h"

enum { NODES_COUNT = 3, PARTITIONS = 8 };
#define SECOND_US (UINT64_C(1000) * 1000)
#define CLUSTER "mesh"

struct node {
    struct mesh *mesh;
    struct node_id id;
    struct host *host;
    struct peers *peers;
    struct metric_registry *metrics;
    const char *cluster, *version;
    uint32_t partitions;
    uint64_t features;
    uint32_t services[3];
    size_t services_count;
    uint64_t incarnation;
    size_t ups, downs, frames;
    uint64_t last_request;
    size_t last_body_bytes;
    bool refuse;                         /* take every frame for malformed */
};

struct mesh { struct world *world; struct node nodes[NODES_COUNT]; };

static bool on_frame(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    cr_assert(from.value >= 1 && from.value <= NODES_COUNT && from.value != node->id.value);
    node->frames++;
    node->last_request = frame->request;
    node->last_body_bytes = frame->body.size;
    return !node->refuse;
}

static void on_link(void *context, struct node_id peer, bool up)
{
    struct node *node = context;
    cr_assert_eq(peers_up(node->peers, peer), up);
    node->ups += up;
    node->downs += !up;
}

static void open_node(void *context, struct host *host)
{
    struct node *node = context;
    struct peer_address members[NODES_COUNT];
    for (uint32_t i = 0; i < NODES_COUNT; i++) {
        members[i].id = (struct node_id){i + 1};
        snprintf(members[i].address, sizeof members[i].address, "n%u:1", i + 1);
    }
    struct peers_options options = {
        .io = host_io(host), .logger = world_logger(node->mesh->world), .metrics = node->metrics, .self = node->id,
        .listen_address = members[node->id.value - 1].address, .members = members, .members_count = NODES_COUNT,
        .cluster_uuid = uuid_of_name(bytes_of_text(node->cluster)), .incarnation = node->incarnation, .partitions = node->partitions,
        .features = node->features, .services = node->services, .services_count = node->services_count, .version = node->version,
    };
    cr_assert_eq(peers_open(&options, &node->peers), GRID_ERR_OK);
    peers_on_frame(node->peers, FRAME_LEADERS, on_frame, node);
    peers_on_link(node->peers, on_link, node);
    cr_assert_eq(peers_start(node->peers), GRID_ERR_OK);
}

static void close_node(void *context, struct host *host)
{
    (void)host;
    struct node *node = context;
    cr_assert(peers_holds(node->peers));
    peers_close(node->peers);
    node->peers = NULL;
}

static struct mesh *mesh_open(uint64_t seed)
{
    struct mesh *mesh = memory_zero(1, sizeof *mesh);
    struct world_options options = {.seed = seed};
    mesh->world = world_open(&options);
    for (uint32_t i = 0; i < NODES_COUNT; i++) {
        struct node *node = &mesh->nodes[i];
        *node = (struct node){.mesh = mesh, .id = {i + 1}, .metrics = metric_registry_open(), .cluster = CLUSTER,
                               .version = "0.9", .partitions = PARTITIONS, .features = features_all(), .incarnation = 100 + i};
        char name[8];
        snprintf(name, sizeof name, "n%u", i + 1);
        struct host_owner owner = {.open = open_node, .stop = close_node, .crash = close_node, .context = node};
        node->host = world_add_host(mesh->world, name, HOST_NODE, &owner);
    }
    return mesh;
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
    memory_free(mesh);
}

static void run_for(struct mesh *mesh, uint64_t us)
{
    cr_assert(world_run(mesh->world, world_now_us(mesh->world) + us), "%s", world_reason(mesh->world));
}

static uint64_t refused(struct node *node, const char *reason)
{
    char labels[64];
    snprintf(labels, sizeof labels, "reason=\"%s\"", reason);
    return metric_counter_add(node->metrics, "gridiron_peer_refused_total", "", labels)->value;
}

static uint64_t malformed(struct node *node, const char *reason)
{
    char labels[64];
    snprintf(labels, sizeof labels, "port=\"peer\",reason=\"%s\"", reason);
    return metric_counter_add(node->metrics, "gridiron_malformed_frames_total", "", labels)->value;
}

struct send_plan { struct node *node; struct node_id to; enum frame_type type; uint64_t request; bool sent; size_t written; };

static void run_send(struct world *world, void *context)
{
    (void)world;
    struct send_plan *plan = context;
    struct buffer *out = peers_output(plan->node->peers, plan->to);
    plan->sent = out != NULL;
    if (out == NULL)
        return;
    frame_append(out, &(struct frame){.type = plan->type, .partition = FRAME_PARTITION_NONE, .request = plan->request});
}

static bool send(struct mesh *mesh, size_t from, uint32_t to, enum frame_type type, uint64_t request)
{
    struct send_plan plan = {&mesh->nodes[from], {to}, type, request, false, 0};
    host_at(mesh->nodes[from].host, 0, run_send, &plan);
    run_for(mesh, SECOND_US / 10);
    return plan.sent;
}

Test(peers, everybody_finds_everybody)
{
    struct mesh *mesh = mesh_open(1);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    for (size_t i = 0; i < NODES_COUNT; i++) {
        cr_assert_eq(mesh->nodes[i].ups, (size_t)NODES_COUNT - 1);
        cr_assert_eq(mesh->nodes[i].downs, 0u);
    }
    for (size_t from = 0; from < NODES_COUNT; from++)
        for (uint32_t to = 1; to <= NODES_COUNT; to++)
            if (to != from + 1) {
                cr_assert(send(mesh, from, to, FRAME_LEADERS, 100 * from + to));
                cr_assert_eq(mesh->nodes[to - 1].last_request, 100 * from + to);
            }
    mesh_close(mesh);
}

Test(peers, nothing_is_written_to_whom_there_is_no_link)
{
    struct mesh *mesh = mesh_open(2);
    host_start(mesh->nodes[0].host);
    run_for(mesh, SECOND_US);
    cr_assert_not(send(mesh, 0, 2, FRAME_LEADERS, 1));
    cr_assert_not(send(mesh, 0, 1, FRAME_LEADERS, 1));
    cr_assert_not(send(mesh, 0, 9, FRAME_LEADERS, 1));
    mesh_close(mesh);
}

Test(peers, a_lost_link_comes_back)
{
    struct mesh *mesh = mesh_open(3);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    host_crash(mesh->nodes[1].host, CRASH_KILL);
    run_for(mesh, SECOND_US);
    cr_assert_eq(mesh->nodes[0].downs, 1u);
    cr_assert_eq(mesh->nodes[2].downs, 1u);
    cr_assert_not(send(mesh, 0, 2, FRAME_LEADERS, 5));
    host_start(mesh->nodes[1].host);
    run_for(mesh, 3 * SECOND_US);
    cr_assert(send(mesh, 0, 2, FRAME_LEADERS, 6));
    cr_assert_eq(mesh->nodes[1].last_request, 6u);
    cr_assert(send(mesh, 1, 3, FRAME_LEADERS, 7));
    cr_assert_eq(mesh->nodes[2].last_request, 7u);
    mesh_close(mesh);
}

/* The other side came back from a power cut before this one noticed: the new connection counts. */
Test(peers, a_new_connection_replaces_the_one_that_died_silently)
{
    struct mesh *mesh = mesh_open(4);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    host_crash(mesh->nodes[0].host, CRASH_POWER);
    host_start(mesh->nodes[0].host);
    run_for(mesh, 2 * SECOND_US);
    cr_assert(send(mesh, 1, 1, FRAME_LEADERS, 8));
    cr_assert_eq(mesh->nodes[0].last_request, 8u);
    cr_assert(mesh->nodes[1].ups >= 3);
    cr_assert_eq(mesh->nodes[1].ups - mesh->nodes[1].downs, 2u);
    mesh_close(mesh);
}

/* Node 3 differs from the two others in one thing. Everybody goes on trying. */
static void assert_kept_out(struct mesh *mesh, const char *reason)
{
    mesh_start(mesh);
    run_for(mesh, 5 * SECOND_US);
    cr_assert_eq(mesh->nodes[0].ups, 1u);
    cr_assert_eq(mesh->nodes[1].ups, 1u);
    cr_assert_eq(mesh->nodes[2].ups, 0u);
    cr_assert_gt(refused(&mesh->nodes[2], reason) + refused(&mesh->nodes[0], reason), 1u, "%s", reason);
    cr_assert_not(peers_feature(mesh->nodes[0].peers, (struct node_id){3}, FEATURE_LZ4));
    mesh_close(mesh);
}

Test(peers, another_cluster_is_refused_and_counted)
{
    struct mesh *mesh = mesh_open(5);
    mesh->nodes[2].cluster = "another";
    assert_kept_out(mesh, "cluster");
}

Test(peers, another_number_of_partitions_is_refused_and_counted)
{
    struct mesh *mesh = mesh_open(5);
    mesh->nodes[2].partitions++;
    assert_kept_out(mesh, "partitions");
}

Test(peers, know_of_each_other_what_they_said)
{
    struct mesh *mesh = mesh_open(10);
    mesh->nodes[1].version = "1.0 \n\033[31mred, and far too long to be kept as it came";
    mesh->nodes[2].features = 0;
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    const struct peers *first = mesh->nodes[0].peers, *third = mesh->nodes[2].peers;
    cr_assert_eq(peers_incarnation(first, (struct node_id){2}), 101u);
    cr_assert_eq(peers_incarnation(third, (struct node_id){1}), 100u);
    cr_assert_eq(peers_incarnation(first, (struct node_id){9}), 0u);
    cr_assert_str_eq(peers_version(first, (struct node_id){3}), "0.9");
    cr_assert_str_eq(peers_version(first, (struct node_id){2}), "1.0???[31mred,?and?far?too?long?");
    cr_assert_str_eq(peers_version(first, (struct node_id){9}), "");
    cr_assert(peers_feature(first, (struct node_id){2}, FEATURE_LZ4));
    cr_assert_not(peers_feature(first, (struct node_id){3}, FEATURE_LZ4), "the other end does not have it");
    cr_assert_not(peers_feature(third, (struct node_id){1}, FEATURE_LZ4), "this end does not have it");
    host_crash(mesh->nodes[1].host, CRASH_KILL);
    run_for(mesh, SECOND_US);
    cr_assert_not(peers_feature(first, (struct node_id){2}, FEATURE_LZ4), "no link, nothing in use");
    cr_assert_eq(peers_incarnation(first, (struct node_id){2}), 101u, "what was heard stays known");
    mesh_close(mesh);
}

/* I43: a leader registers a service by what it knows from here. */
Test(peers, know_the_services_of_each_other_as_long_as_they_are_linked)
{
    struct mesh *mesh = mesh_open(12);
    const struct node *first = &mesh->nodes[0];
    const uint32_t *numbers;
    size_t count;
    mesh->nodes[1].services[0] = 1;
    mesh->nodes[1].services[1] = 1000;
    mesh->nodes[1].services_count = 2;
    mesh->nodes[2].features = features_all() & ~feature_bit(FEATURE_SERVICES);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    cr_assert(peers_services(first->peers, (struct node_id){2}, &numbers, &count));
    cr_assert(count == 2 && numbers[0] == 1 && numbers[1] == 1000);
    cr_assert_not(peers_services(first->peers, (struct node_id){3}, &numbers, &count), "it is of a version that says nothing");
    cr_assert(peers_services(mesh->nodes[1].peers, (struct node_id){1}, &numbers, &count));
    cr_assert_eq(count, 0u, "it has none, and says so");
    host_crash(mesh->nodes[1].host, CRASH_KILL);
    run_for(mesh, SECOND_US);
    cr_assert_not(peers_services(first->peers, (struct node_id){2}, &numbers, &count), "nobody knows with what it comes back");
    mesh->nodes[1].services_count = 1;
    host_start(mesh->nodes[1].host);
    run_for(mesh, SECOND_US);
    cr_assert(peers_services(first->peers, (struct node_id){2}, &numbers, &count));
    cr_assert(count == 1 && numbers[0] == 1);
    mesh_close(mesh);
}

Test(peers, a_malformed_body_closes_the_link_and_is_counted)
{
    struct mesh *mesh = mesh_open(6);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    mesh->nodes[1].refuse = true;
    cr_assert(send(mesh, 0, 2, FRAME_LEADERS, 1));
    cr_assert_eq(mesh->nodes[1].downs, 1u);
    cr_assert_eq(malformed(&mesh->nodes[1], "body"), 1u);
    mesh->nodes[1].refuse = false;
    run_for(mesh, SECOND_US);
    cr_assert(send(mesh, 0, 2, FRAME_LEADERS, 2));
    cr_assert_eq(mesh->nodes[1].last_request, 2u);
    mesh_close(mesh);
}

/* A body that shrinks to nearly nothing, and what arrived of it. */
enum { LARGE_BYTES = 100000 };

static void run_send_large(struct world *world, void *context)
{
    (void)world;
    struct send_plan *plan = context;
    struct buffer *out = peers_output(plan->node->peers, plan->to);
    plan->sent = out != NULL;
    if (out == NULL)
        return;
    size_t before = out->size, mark = frame_begin(out, plan->type, FRAME_PARTITION_NONE, plan->request);
    memset(buffer_extend(out, LARGE_BYTES), 'x', LARGE_BYTES);
    peers_frame_end(plan->node->peers, plan->to, out, mark);
    plan->written = out->size - before;
}

/* Bytes that left; the whole body must have arrived. */
static size_t send_large(struct mesh *mesh, size_t from, uint32_t to)
{
    struct send_plan plan = {.node = &mesh->nodes[from], .to = {to}, .type = FRAME_LEADERS, .request = 42};
    struct node *receiver = &mesh->nodes[to - 1];
    receiver->last_body_bytes = 0;
    host_at(mesh->nodes[from].host, 0, run_send_large, &plan);
    run_for(mesh, SECOND_US / 5);
    cr_assert(plan.sent);
    cr_assert_eq(receiver->last_body_bytes, (size_t)LARGE_BYTES);
    return plan.written;
}

/* A feature is used only where both ends named it: the others would take a packed frame for damage. */
Test(peers, pack_only_on_links_on_which_both_ends_can)
{
    struct mesh *mesh = mesh_open(11);
    mesh->nodes[1].features = 0;
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    cr_assert_lt(send_large(mesh, 0, 3), 1000u);
    cr_assert_lt(send_large(mesh, 2, 1), 1000u);
    cr_assert_gt(send_large(mesh, 0, 2), (size_t)LARGE_BYTES);
    cr_assert_gt(send_large(mesh, 1, 3), (size_t)LARGE_BYTES);
    struct packer_counts packed = peers_packed(mesh->nodes[0].peers);
    cr_assert(packed.frames == 1 && packed.plain == LARGE_BYTES && packed.sent < 1000);
    for (size_t i = 0; i < NODES_COUNT; i++)
        cr_assert_eq(mesh->nodes[i].downs, 0u);
    mesh_close(mesh);
}

static void run_send_packed(struct world *world, void *context)
{
    (void)world;
    struct send_plan *plan = context;
    struct buffer *out = peers_output(plan->node->peers, plan->to);
    size_t mark = frame_begin(out, FRAME_LEADERS, FRAME_PARTITION_NONE, 1);
    buffer_append_u32(out, (uint32_t)plan->request);
    buffer_append_text(out, "\x1f" "a" "\x01");
    frame_flag(out, mark, FRAME_FLAG_LZ4);
    frame_end(out, mark);
    plan->sent = true;
}

static void assert_packed_is_refused(uint32_t stated_bytes, bool negotiated, const char *reason)
{
    struct mesh *mesh = mesh_open(12);
    if (!negotiated)
        mesh->nodes[1].features = 0;
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    struct send_plan plan = {.node = &mesh->nodes[0], .to = {2}, .request = stated_bytes};
    host_at(mesh->nodes[0].host, 0, run_send_packed, &plan);
    run_for(mesh, SECOND_US / 10);
    cr_assert(plan.sent);
    cr_assert_eq(malformed(&mesh->nodes[1], reason), 1u, "%s", reason);
    cr_assert_eq(mesh->nodes[1].frames, 0u);
    cr_assert_geq(mesh->nodes[1].downs, 1u);
    mesh_close(mesh);
}

Test(peers, refuse_packed_bodies_that_lie_or_that_nobody_agreed_on)
{
    assert_packed_is_refused(UINT32_MAX, true, "body");
    assert_packed_is_refused(8 * 1024 * 1024, true, "body");
    assert_packed_is_refused(3, true, "body");
    assert_packed_is_refused(0, true, "body");
    assert_packed_is_refused(17, false, "flags");
}

Test(peers, a_frame_that_nobody_takes_closes_the_link)
{
    struct mesh *mesh = mesh_open(7);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    cr_assert(send(mesh, 0, 2, FRAME_COMMAND, 1));
    cr_assert_eq(malformed(&mesh->nodes[1], "type"), 1u);
    cr_assert_eq(mesh->nodes[1].downs, 1u);
    mesh_close(mesh);
}

static void run_send_half(struct world *world, void *context)
{
    (void)world;
    struct send_plan *plan = context;
    struct buffer *out = peers_output(plan->node->peers, plan->to);
    uint8_t head[4];
    put_u32(head, 1000000);
    buffer_append(out, bytes_of(head, sizeof head));
    plan->sent = true;
}

/* What a flipped bit in a size leaves behind: everything after it counts as the body of one endless frame. */
Test(peers, a_frame_whose_end_does_not_come_closes_the_link)
{
    struct mesh *mesh = mesh_open(8);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    struct send_plan plan = {&mesh->nodes[0], {2}, FRAME_LEADERS, 0, false, 0};
    host_at(mesh->nodes[0].host, 0, run_send_half, &plan);
    for (uint64_t i = 0; i < 120; i++)
        send(mesh, 0, 2, FRAME_LEADERS, i);
    cr_assert(plan.sent);
    cr_assert_eq(malformed(&mesh->nodes[1], "stall"), 1u);
    cr_assert_eq(mesh->nodes[1].downs, 1u);
    cr_assert_eq(mesh->nodes[1].last_request, 119u, "the link is back");
    mesh_close(mesh);
}

/* ---- signs of life */

static uint64_t dead_links(struct node *node, const char *reason)
{
    char labels[64];
    snprintf(labels, sizeof labels, "reason=\"%s\"", reason);
    return metric_counter_add(node->metrics, "gridiron_peer_dead_links_total", "", labels)->value;
}

static bool all_linked(const struct mesh *mesh)
{
    size_t links = 0;
    for (size_t i = 0; i < NODES_COUNT; i++)
        for (uint32_t to = 1; to <= NODES_COUNT; to++)
            links += peers_up(mesh->nodes[i].peers, (struct node_id){to});
    return links == (size_t)NODES_COUNT * (NODES_COUNT - 1);
}

static void cut_all(struct mesh *mesh, uint64_t us)
{
    for (size_t i = 0; i < NODES_COUNT; i++)
        for (size_t j = 0; j < NODES_COUNT; j++)
            if (i != j)
                net_cut(mesh->world, mesh->nodes[i].host, mesh->nodes[j].host, us, false);
}

/* TCP alone would say everything again after about as long a time as the cut lasted. */
Test(peers, are_together_within_a_second_after_any_cut)
{
    for (uint64_t seconds = 2; seconds <= 64; seconds *= 2) {
        struct mesh *mesh = mesh_open(20 + seconds);
        mesh_start(mesh);
        run_for(mesh, SECOND_US);
        cr_assert(all_linked(mesh));
        cut_all(mesh, seconds * SECOND_US);
        run_for(mesh, seconds * SECOND_US);
        for (size_t i = 0; i < NODES_COUNT; i++)
            cr_assert_eq(mesh->nodes[i].downs, 2u, "a silent link counts as down");
        run_for(mesh, SECOND_US);
        cr_assert(all_linked(mesh), "a second after a cut of %u s", (unsigned)seconds);
        mesh_close(mesh);
    }
}

Test(peers, a_cut_of_one_direction_ends_the_link_on_both_sides)
{
    struct mesh *mesh = mesh_open(10);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    net_cut(mesh->world, mesh->nodes[1].host, mesh->nodes[0].host, 20 * SECOND_US, false);
    run_for(mesh, 3 * SECOND_US);
    cr_assert_not(peers_up(mesh->nodes[0].peers, (struct node_id){2}));
    cr_assert_not(peers_up(mesh->nodes[1].peers, (struct node_id){1}));
    cr_assert_eq(mesh->nodes[2].downs, 0u);
    run_for(mesh, 18 * SECOND_US);
    cr_assert(all_linked(mesh));
    mesh_close(mesh);
}

Test(peers, a_machine_that_lost_its_power_is_missed_within_a_second)
{
    struct mesh *mesh = mesh_open(11);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    host_crash(mesh->nodes[2].host, CRASH_POWER);
    run_for(mesh, SECOND_US);
    cr_assert_eq(mesh->nodes[0].downs, 1u);
    cr_assert_eq(mesh->nodes[1].downs, 1u);
    run_for(mesh, 30 * SECOND_US);
    host_start(mesh->nodes[2].host);
    run_for(mesh, SECOND_US);
    cr_assert(all_linked(mesh));
    mesh_close(mesh);
}

/* What the cut held up is in a connection that nobody reads any more. */
Test(peers, nothing_that_was_said_into_a_cut_arrives_later)
{
    struct mesh *mesh = mesh_open(12);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    cut_all(mesh, 4 * SECOND_US);
    cr_assert(send(mesh, 0, 2, FRAME_LEADERS, 99), "the link looks up at first");
    run_for(mesh, 30 * SECOND_US);
    cr_assert_eq(mesh->nodes[1].frames, 0u);
    mesh_close(mesh);
}

Test(peers, beats_are_said_only_where_nothing_else_is)
{
    struct mesh *mesh = mesh_open(13);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    uint64_t before = world_totals(mesh->world)->frames;
    run_for(mesh, 10 * SECOND_US);
    uint64_t beats = world_totals(mesh->world)->frames - before;
    cr_assert_leq(beats, 6u * 101);
    cr_assert_geq(beats, 6u * 99);
    /* `send` takes as long as a heartbeat interval: a link on which a node sends that often needs no heartbeats. */
    before = world_totals(mesh->world)->frames;
    for (unsigned i = 0; i < 200; i++) {
        struct send_plan plan = {&mesh->nodes[0], {2}, FRAME_LEADERS, i, false, 0};
        host_at(mesh->nodes[0].host, 0, run_send, &plan);
        run_for(mesh, SECOND_US / 20);
    }
    beats = world_totals(mesh->world)->frames - before - 200;
    cr_assert_leq(beats, 5u * 101);
    cr_assert_geq(beats, 5u * 99);
    cr_assert_eq(mesh->nodes[0].downs + mesh->nodes[1].downs + mesh->nodes[2].downs, 0u);
    mesh_close(mesh);
}

/* Its own loop did not run: what came meanwhile is read before it judges. */
Test(peers, who_stood_still_does_not_take_its_peers_for_dead)
{
    struct mesh *mesh = mesh_open(14);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    for (unsigned i = 0; i < 10; i++) {
        host_pause(mesh->nodes[0].host, SECOND_US / 2);
        run_for(mesh, SECOND_US);
    }
    for (size_t i = 0; i < NODES_COUNT; i++)
        cr_assert_eq(mesh->nodes[i].downs, 0u, "and half a second is no reason to miss it");
    host_pause(mesh->nodes[0].host, 5 * SECOND_US);
    run_for(mesh, 7 * SECOND_US);
    cr_assert_eq(dead_links(&mesh->nodes[0], "silent"), 0u);
    cr_assert_eq(dead_links(&mesh->nodes[1], "silent"), 1u);
    cr_assert(all_linked(mesh));
    mesh_close(mesh);
}

static void run_send_plenty(struct world *world, void *context)
{
    (void)world;
    struct send_plan *plan = context;
    static uint8_t body[1024 * 1024];
    for (unsigned i = 0; i < PEER_UNSENT_BYTES_MAX / sizeof body + 2; i++)
        frame_append(peers_output(plan->node->peers, plan->to),
                     &(struct frame){.type = FRAME_LEADERS, .partition = FRAME_PARTITION_NONE, .body = bytes_of(body, sizeof body)});
}

Test(peers, a_backlog_without_end_ends_the_link)
{
    struct mesh *mesh = mesh_open(15);
    mesh_start(mesh);
    run_for(mesh, SECOND_US);
    cut_all(mesh, SECOND_US / 2);
    struct send_plan plan = {.node = &mesh->nodes[0], .to = {2}};
    host_at(mesh->nodes[0].host, 0, run_send_plenty, &plan);
    run_for(mesh, SECOND_US / 4);
    cr_assert_eq(dead_links(&mesh->nodes[0], "backlog"), 1u);
    run_for(mesh, 2 * SECOND_US);
    cr_assert(all_linked(mesh));
    cr_assert_eq(mesh->nodes[1].frames, 0u);
    mesh_close(mesh);
}

/* ---- strangers */

struct stranger { struct host *host; struct buffer says; bool closed; };

static void on_stranger_open(void *context, struct conn *conn)
{
    struct stranger *stranger = context;
    buffer_append(conn_output(host_io(stranger->host)->transport, conn), buffer_bytes(&stranger->says));
}

static void on_stranger_data(void *context, struct conn *conn, struct bytes data)
{
    (void)context;
    (void)conn;
    (void)data;
}

static void on_stranger_close(void *context, struct conn *conn, enum grid_err reason)
{
    (void)conn;
    (void)reason;
    ((struct stranger *)context)->closed = true;
}

static void run_stranger(struct world *world, void *context)
{
    (void)world;
    static const struct conn_events EVENTS = {.on_open = on_stranger_open, .on_data = on_stranger_data,
                                              .on_close = on_stranger_close};
    struct stranger *stranger = context;
    transport_connect(host_io(stranger->host)->transport, "n3:1", &EVENTS, stranger);
}

static void ignore_host(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

/* What a stranger says to node 3, on top of a good hello of node 1. */
static struct message_peer_hello good_hello(void)
{
    static struct uuid uuid;
    static const uint32_t members[] = {1, 2, 3};
    uuid = uuid_of_name(bytes_of_text(CLUSTER));
    return (struct message_peer_hello){.protocols = PEER_PROTOCOLS, .node = {1}, .cluster_uuid = uuid_bytes(&uuid), .incarnation = 5,
                                       .partitions = PARTITIONS, .members = members, .members_count = 3};
}

struct stranger_scene { struct mesh *mesh; struct stranger stranger; };

static void stranger_open(struct stranger_scene *scene)
{
    *scene = (struct stranger_scene){.mesh = mesh_open(8)};
    struct host_owner owner = {.open = ignore_host, .crash = ignore_host, .context = &scene->stranger};
    scene->stranger.host = world_add_host(scene->mesh->world, "stranger", HOST_CLIENT, &owner);
    host_start(scene->mesh->nodes[2].host);
    host_start(scene->stranger.host);
}

static void stranger_says(struct stranger_scene *scene, enum frame_type type, struct bytes body)
{
    frame_append(&scene->stranger.says, &(struct frame){.type = type, .partition = FRAME_PARTITION_NONE, .body = body});
}

static void stranger_close(struct stranger_scene *scene)
{
    buffer_close(&scene->stranger.says);
    mesh_close(scene->mesh);
}

/* Consumes the scene. */
static void assert_turned_away(struct stranger_scene *scene, bool is_malformed, const char *reason)
{
    struct node *node = &scene->mesh->nodes[2];
    host_at(scene->stranger.host, 0, run_stranger, &scene->stranger);
    run_for(scene->mesh, 5 * SECOND_US);
    cr_assert(scene->stranger.closed, "%s", reason);
    cr_assert_eq(node->ups, 0u);
    cr_assert_eq(is_malformed ? malformed(node, reason) : refused(node, reason), 1u, "%s", reason);
    stranger_close(scene);
}

static void hello_is_turned_away(const struct message_peer_hello *hello, const char *reason)
{
    struct stranger_scene scene;
    struct buffer body = {0};
    stranger_open(&scene);
    peer_hello_encode(hello, &body);
    stranger_says(&scene, FRAME_PEER_HELLO, buffer_bytes(&body));
    buffer_close(&body);
    assert_turned_away(&scene, false, reason);
}

static void body_is_turned_away(enum frame_type type, struct bytes body, const char *reason)
{
    struct stranger_scene scene;
    stranger_open(&scene);
    stranger_says(&scene, type, body);
    assert_turned_away(&scene, false, reason);
}

Test(peers, turns_strangers_away_and_says_why)
{
    struct message_peer_hello hello = good_hello();
    struct uuid other = uuid_of_name(bytes_of_text("another"));
    static const uint32_t four[] = {1, 2, 3, 4};
    hello.protocols = (struct version_range){PEER_PROTOCOLS.max + 1, PEER_PROTOCOLS.max + 3};
    hello_is_turned_away(&hello, "version");
    hello.protocols = (struct version_range){0, 0};
    hello_is_turned_away(&hello, "version");
    hello = good_hello();
    hello.cluster_uuid = uuid_bytes(&other);
    hello_is_turned_away(&hello, "cluster");
    hello = good_hello();
    hello.partitions++;
    hello_is_turned_away(&hello, "partitions");
    hello = good_hello();
    hello.members = four;
    hello.members_count = 4;
    hello_is_turned_away(&hello, "members");
    hello.members_count = 0;
    hello_is_turned_away(&hello, "members");
    hello = good_hello();
    for (uint32_t id = 0; id < 10; id++) {
        hello.node.value = id;
        if (id != 1 && id != 2)
            hello_is_turned_away(&hello, "unknown");
    }
}

Test(peers, turns_away_what_is_no_hello)
{
    struct stranger_scene scene;
    struct buffer body = {0};
    struct message_peer_hello hello = good_hello();
    peer_hello_encode(&hello, &body);
    body_is_turned_away(FRAME_RAFT, buffer_bytes(&body), "hello");
    body_is_turned_away(FRAME_PEER_HELLO, bytes_of(body.data, body.size - 1), "hello");
    body_is_turned_away(FRAME_PEER_HELLO, BYTES_NONE, "hello");
    stranger_open(&scene);
    stranger_says(&scene, FRAME_PEER_HELLO, buffer_bytes(&body));
    scene.stranger.says.data[scene.stranger.says.size - 1] ^= 1;
    assert_turned_away(&scene, true, "crc");
    stranger_open(&scene);
    assert_turned_away(&scene, false, "timeout");
    buffer_close(&body);
}

/* u32 version, u32 node, u64 digest, u64 incarnation: programs before version 2 of the protocol. */
Test(peers, turns_an_earlier_version_away_as_such)
{
    struct buffer body = {0};
    buffer_append_u32(&body, 1);
    buffer_append_u32(&body, 1);
    buffer_append_u64(&body, 77);
    buffer_append_u64(&body, 5);
    body_is_turned_away(FRAME_PEER_HELLO, buffer_bytes(&body), "version");
    buffer_close(&body);
}

/* A later version says more, names more features and speaks further versions. */
Test(peers, takes_a_hello_of_a_later_version_that_still_speaks_this_one)
{
    struct stranger_scene scene;
    struct buffer body = {0};
    struct bytes features[] = {bytes_of_text("teleport"), bytes_of_text("lz4")};
    struct message_peer_hello hello = good_hello();
    hello.protocols.max = 99;
    hello.features = features;
    hello.features_count = 2;
    stranger_open(&scene);
    peer_hello_encode(&hello, &body);
    buffer_append(&body, bytes_of_text("\xf8\x01\x05" "\x72\x02hi" "\xa9\x01" "12345678" "\xb5\x01" "1234"));
    stranger_says(&scene, FRAME_PEER_HELLO, buffer_bytes(&body));
    host_at(scene.stranger.host, 0, run_stranger, &scene.stranger);
    run_for(scene.mesh, SECOND_US / 10);
    struct node *node = &scene.mesh->nodes[2];
    cr_assert_not(scene.stranger.closed);
    cr_assert_eq(node->ups, 1u);
    cr_assert(peers_feature(node->peers, (struct node_id){1}, FEATURE_LZ4));
    cr_assert_eq(peers_incarnation(node->peers, (struct node_id){1}), 5u);
    buffer_close(&body);
    stranger_close(&scene);
}

Test(peers, refuses_members_that_make_no_sense)
{
    struct mesh *mesh = mesh_open(9);
    struct peer_address twice[] = {{{1}, "n1:1"}, {{1}, "n2:1"}}, others[] = {{{2}, "n2:1"}, {{3}, "n3:1"}};
    struct peers_options options = {.io = host_io(mesh->nodes[0].host), .logger = world_logger(mesh->world),
                                    .self = {1}, .listen_address = "n1:1", .members = twice, .members_count = 2};
    struct peers *peers = NULL;
    cr_assert_eq(peers_open(&options, &peers), GRID_ERR_INVALID);
    options.members = others;
    cr_assert_eq(peers_open(&options, &peers), GRID_ERR_INVALID);
    cr_assert_null(peers);
    mesh_close(mesh);
}
