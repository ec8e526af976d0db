/* Fuzz target of both ports of a node: a peer and a client that say anything, between two whole nodes that lead partitions. No input may
 * make a node abort or write out of bounds; a node may end in order (a forged state digest, for example), and a connection may be closed.
 *
 * The other two nodes of a cluster of three run in the simulated world; node 1 is played. Input: u8 how, then steps.
 * how: bit 0: the peer greets as it should, bit 1: so does the client; else what they say first is input too.
 * A step is u8 port (bit 0: 0 peer, 1 client; bit 1: as bytes, not as a frame; bit 2: time passes afterwards), u8 type, u8 partition
 * (255: none), u8 size, body. Types of Raft messages are left out: these are votes and entries of a member, which is believed
 * (their decoder is raft_message_fuzz). Sizes beyond the end are cut. */
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/node/node.h"
#include "grid/wire/frame.h"
#include "grid/wire/messages/message.h"
#include "grid/wire/negotiate.h"
#include "services/registry.h"
#include "tests/sim/world/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 3, PARTITIONS = 4, STEPS_MAX = 64, ELECTION_MS = 150 };
#define MS_US UINT64_C(1000)

struct member { struct world *world; struct host *host; struct node *node; struct metric_registry *metrics; struct node_settings settings; };
struct speaker { struct host *host; struct conn *conn; const char *address; struct buffer greeting; };
struct scene { struct world *world; struct member members[NODES]; struct host *stranger; struct speaker peer, client; };

/* ---- the nodes */

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct member *member = context;
    (void)err;
    (void)what;
    host_crash_soon(member->host, UINT64_C(3600) * 1000 * MS_US);
}

static void on_open(void *context, struct host *host)
{
    struct member *member = context;
    char *note = NULL;
    member->metrics = metric_registry_open();
    struct node_options options = {.io = host_io(host), .logger = world_logger(member->world), .metrics = member->metrics,
                                   .settings = &member->settings, .services = registry_builtin(), .fatal = on_fatal, .context = member};
    ENSURE(node_open(&options, &member->node, &note) == GRID_ERR_OK);
}

static void on_end(void *context, struct host *host)
{
    struct member *member = context;
    (void)host;
    node_close(member->node);
    metric_registry_close(member->metrics);
    member->node = NULL;
}

static void open_member(struct scene *scene, uint32_t number)
{
    struct member *member = &scene->members[number];
    char name[8];
    member->world = scene->world;
    member->settings = (struct node_settings){.cluster = "fuzz", .self = {number + 1}, .members_count = NODES, .sync = true,
                                              .partitions = PARTITIONS, .election_timeout_ms = ELECTION_MS,
                                              .heartbeat_ms = ELECTION_MS / 10, .packed_bytes_min = 64};
    for (uint32_t i = 0; i < NODES; i++) {
        struct node_member *other = &member->settings.members[i];
        other->id.value = i + 1;
        snprintf(other->client_address, sizeof other->client_address, "n%u:7400", i + 1);
        snprintf(other->peer_address, sizeof other->peer_address, "n%u:7401", i + 1);
    }
    snprintf(name, sizeof name, "n%u", number + 1);
    member->host = world_add_host(scene->world, name, HOST_NODE, &(struct host_owner){.open = on_open, .crash = on_end, .context = member});
    host_start(member->host);
}

/* ---- who speaks */

static void on_speaker_open(void *context, struct conn *conn)
{
    struct speaker *speaker = context;
    speaker->conn = conn;
    buffer_append(conn_output(host_io(speaker->host)->transport, conn), buffer_bytes(&speaker->greeting));
}

static void on_speaker_data(void *context, struct conn *conn, struct bytes data)
{
    (void)context;
    (void)conn;
    (void)data;
}

static void on_speaker_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct speaker *speaker = context;
    (void)conn;
    (void)reason;
    speaker->conn = NULL;
}

static void run_connect(struct world *world, void *context)
{
    static const struct conn_events EVENTS = {.on_open = on_speaker_open, .on_data = on_speaker_data, .on_close = on_speaker_close};
    struct speaker *speaker = context;
    (void)world;
    transport_connect(host_io(speaker->host)->transport, speaker->address, &EVENTS, speaker);
}

static void ignore_host(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static void greet(struct speaker *speaker, enum frame_type type, struct buffer *body)
{
    frame_append(&speaker->greeting, &(struct frame){.type = type, .partition = FRAME_PARTITION_NONE, .body = buffer_bytes(body)});
    buffer_close(body);
}

static void greet_peer(struct scene *scene)
{
    static const uint32_t members[NODES] = {1, 2, 3};
    struct uuid uuid = node_settings_cluster_uuid(&scene->members[1].settings);
    struct bytes names[FEATURES_COUNT];
    struct message_peer_hello hello = {.protocols = PEER_PROTOCOLS, .node = {1}, .cluster_uuid = uuid_bytes(&uuid), .incarnation = 5,
                                       .partitions = PARTITIONS, .members = members, .members_count = NODES, .features = names,
                                       .features_count = features_names(features_all(), names)};
    struct buffer body = {0};
    peer_hello_encode(&hello, &body);
    greet(&scene->peer, FRAME_PEER_HELLO, &body);
}

static void greet_client(struct scene *scene)
{
    struct message_hello hello = {.protocol = 1, .client_name = bytes_of_text("fuzz"), .protocols = CLIENT_PROTOCOLS};
    struct buffer body = {0};
    hello.features.count = features_names(features_all(), hello.features.names);
    hello_encode(&hello, &body);
    greet(&scene->client, FRAME_HELLO, &body);
}

/* ---- steps */

static void run_for(struct scene *scene, uint64_t us)
{
    ENSURE(world_run(scene->world, world_now_us(scene->world) + us));
}

struct saying { struct speaker *speaker; struct bytes bytes; };

static void run_saying(struct world *world, void *context)
{
    const struct saying *saying = context;
    (void)world;
    if (saying->speaker->conn)
        buffer_append(conn_output(host_io(saying->speaker->host)->transport, saying->speaker->conn), saying->bytes);
}

static void step(struct scene *scene, struct reader *reader)
{
    static const enum frame_type peer_types[] = {FRAME_PEER_HELLO, FRAME_CONFIRM, FRAME_CONFIRM_ANSWER, FRAME_MESSAGES, FRAME_MESSAGES_ANSWER,
                                                 FRAME_LEADERS, FRAME_BEAT, FRAME_LOG_TIMES, FRAME_POSITION, FRAME_ROOM, FRAME_MEMORY, FRAME_COMMAND};
    static const enum frame_type client_types[] = {FRAME_HELLO, FRAME_COMMAND, FRAME_QUERY, FRAME_ADMIN, FRAME_RESPONSE, FRAME_ROOM};
    uint8_t port = reader_u8(reader), type = reader_u8(reader), partition = reader_u8(reader);
    size_t size = reader_u8(reader);
    struct bytes body = reader_take(reader, size < reader_left(reader) ? size : reader_left(reader));
    bool client = port & 1;
    struct frame frame = {.type = client ? client_types[(type & 0x7f) % (sizeof client_types / sizeof *client_types)]
                                         : peer_types[(type & 0x7f) % (sizeof peer_types / sizeof *peer_types)],
                          .flags = type & 0x80 ? FRAME_FLAG_LZ4 : 0, .partition = partition == UINT8_MAX ? FRAME_PARTITION_NONE : partition,
                          .request = 1u + partition, .body = body};
    struct buffer out = {0};
    if (port & 2)
        buffer_append(&out, body);
    else
        frame_append(&out, &frame);
    struct saying saying = {client ? &scene->client : &scene->peer, buffer_bytes(&out)};
    host_at(scene->stranger, 0, run_saying, &saying);
    run_for(scene, port & 4 ? 40 * MS_US : MS_US);
    buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(bytes_of(data, size));
    struct scene scene = {.world = world_open(&(struct world_options){.seed = 1})};
    uint8_t how = reader_u8(&reader);
    if (reader.failed)
        how = 0;
    for (uint32_t i = 1; i < NODES; i++)
        open_member(&scene, i);
    scene.stranger = world_add_host(scene.world, "stranger", HOST_CLIENT, &(struct host_owner){.open = ignore_host, .crash = ignore_host});
    scene.peer = (struct speaker){.host = scene.stranger, .address = "n3:7401"};
    scene.client = (struct speaker){.host = scene.stranger, .address = "n3:7400"};
    if (how & 1)
        greet_peer(&scene);
    if (how & 2)
        greet_client(&scene);
    host_start(scene.stranger);
    run_for(&scene, 6 * ELECTION_MS * MS_US);
    host_at(scene.stranger, 0, run_connect, &scene.peer);
    host_at(scene.stranger, 0, run_connect, &scene.client);
    run_for(&scene, 10 * MS_US);
    for (uint32_t steps = 0; steps < STEPS_MAX && reader_left(&reader) >= 4; steps++)
        step(&scene, &reader);
    run_for(&scene, 200 * MS_US);
    world_close(scene.world);
    buffer_close(&scene.peer.greeting);
    buffer_close(&scene.client.greeting);
    return 0;
}
