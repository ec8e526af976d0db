/* Fuzz target of the client's core: nodes that say anything at any time. For every input the client's invariants hold after each
 * step, every request has one outcome in the end, and it ends in time.
 *
 * Input: steps of u8 what and u8 which; `which` chooses the node. 0 bytes as they come (u8 size, bytes); 1 a whole frame (u8 type,
 * u8 size, body) that answers what the node heard last; 2 and 3 time passes; 4 the node takes the connection; 5 it ends it; 6 a right
 * welcome; 7 a right answer; 8 a read, 9 a write, 10 a question to a node. Sizes beyond the end are cut. */
#include <string.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/frame.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 3, PARTITIONS = 4, REQUESTS_MAX = 64, DEADLINE_MS = 10000, STEPS_MAX = 400 };

static const char *const addresses[NODES] = {"n1:1", "n2:1", "n3:1"};

struct world;
struct asked { struct world *world; uint32_t number; };

struct world {
    struct fake_clock clock;
    struct fake_transport transport;
    struct entropy entropy;
    struct io io;
    struct client *client;
    uint64_t heard[NODES];                 /* request that each node heard last */
    bool answered[REQUESTS_MAX];
    struct asked questions[REQUESTS_MAX];
    uint32_t asked, outcomes;
};

static uint64_t u64_of_seven(struct entropy *entropy)
{
    (void)entropy;
    return 7;
}

static void settle(struct world *world)
{
    fake_clock_run(&world->clock);
    fake_transport_run(&world->transport);
    fake_clock_run(&world->clock);
    client_holds(world->client);
}

static void pass(struct world *world, uint64_t us)
{
    for (uint64_t moved = 0; moved < us; moved += 50000) {
        fake_clock_advance(&world->clock, 50000);
        settle(world);
    }
}

static void say(struct world *world, uint32_t node, struct bytes bytes)
{
    struct conn *conn = fake_transport_up(&world->transport, addresses[node]);
    if (conn != NULL)
        fake_conn_say(conn, bytes);
    settle(world);
}

static void say_frame(struct world *world, uint32_t node, uint8_t type, struct bytes body)
{
    static const enum frame_type types[] = {FRAME_WELCOME, FRAME_RESPONSE, FRAME_TABLE, FRAME_ADMIN_RESPONSE, FRAME_COMMAND, FRAME_RAFT};
    struct buffer out = {0};
    struct frame frame = {.type = types[(type & 0x7f) % (sizeof types / sizeof *types)], .flags = type & 0x80 ? FRAME_FLAG_LZ4 : 0,
                          .request = world->heard[node], .body = body};
    frame_append(&out, &frame);
    say(world, node, buffer_bytes(&out));
    buffer_close(&out);
}

/* Takes what the client wrote to the node; only its last request matters here. It must be whole frames. */
static void listen_to(struct world *world, uint32_t node)
{
    struct conn *conn = fake_transport_up(&world->transport, addresses[node]);
    struct frame frame;
    size_t size;
    if (conn == NULL)
        return;
    struct buffer *heard = fake_conn_heard(conn);
    while (heard->size > 0) {
        ENSURE(frame_parse(buffer_bytes(heard), FRAME_BODY_BYTES_MAX, &frame, &size) == FRAME_OK);
        world->heard[node] = frame.request;
        buffer_consume(heard, size);
    }
}

static void welcome(struct world *world, uint32_t node)
{
    static const uint32_t leaders[PARTITIONS] = {1, 2, 3, 1};
    struct message_member members[NODES];
    struct buffer body = {0};
    for (uint32_t i = 0; i < NODES; i++)
        members[i] = (struct message_member){.node = {i + 1}, .client_address = bytes_of_text(addresses[i])};
    struct message_welcome message = {.protocol = 1, .node = {node + 1}, .cluster = bytes_of_text("fuzz"),
                                      .table = {.version = 1, .partitions = PARTITIONS, .members = members, .members_count = NODES,
                                                .leaders = leaders, .leaders_count = PARTITIONS}};
    welcome_encode(&message, &body);
    say_frame(world, node, 0, buffer_bytes(&body));
    buffer_close(&body);
}

static void answer(struct world *world, uint32_t node)
{
    struct response response = {.session = 5, .version = 1, .found = true, .value = bytes_of_text("v")};
    struct buffer body = {0};
    response_encode(&response, &body);
    say_frame(world, node, 1, buffer_bytes(&body));
    buffer_close(&body);
}

/* ---- what the application asks */

static void done(void *context, const struct client_result *result)
{
    const struct asked *asked = context;
    REQUIRE(!asked->world->answered[asked->number] && result->note != NULL && result->response != NULL);
    asked->world->answered[asked->number] = true;
    asked->world->outcomes++;
}

static void ask(struct world *world, uint8_t what, uint8_t which)
{
    char text[] = {'k', (char)('a' + which % 26)};
    struct client_key key = {.key = bytes_of(text, sizeof text)};
    if (world->asked == REQUESTS_MAX)
        return;
    struct asked *question = &world->questions[world->asked];
    *question = (struct asked){world, world->asked++};
    struct client_call call = {.done = done, .context = question, .deadline_ms = DEADLINE_MS};
    if (what == 8)
        client_map_get(world->client, bytes_of_text("m"), &key, &call);
    else if (what == 9)
        client_map_set(world->client, bytes_of_text("m"), &key, bytes_of_text("v"), &call);
    else
        client_admin(world->client, (struct node_id){which % (NODES + 1)}, ADMIN_STATUS, &call);
    settle(world);
}

/* ---- steps */

static struct bytes take_bytes(struct reader *reader)
{
    size_t size = reader_u8(reader);
    return reader->failed ? BYTES_NONE : reader_take(reader, size < reader_left(reader) ? size : reader_left(reader));
}

static void connection_step(struct world *world, uint8_t what, uint32_t node)
{
    struct conn *dialled = fake_transport_dialled(&world->transport, addresses[node]);
    struct conn *up = fake_transport_up(&world->transport, addresses[node]);
    if (what == 4 && dialled != NULL)
        fake_conn_open(dialled);
    else if (what == 5 && (up != NULL || dialled != NULL))
        fake_conn_end(up != NULL ? up : dialled, GRID_ERR_IO);
    settle(world);
}

static void step(struct world *world, struct reader *reader)
{
    uint8_t what = reader_u8(reader) % 11, which = reader_u8(reader);
    uint32_t node = which % NODES;
    listen_to(world, node);
    switch (what) {
    case 0:
        say(world, node, take_bytes(reader));
        break;
    case 1: {
        uint8_t type = reader_u8(reader);
        say_frame(world, node, type, take_bytes(reader));
        break;
    }
    case 2:
    case 3:
        pass(world, (uint64_t)which * (what == 2 ? 1000 : 10000));
        break;
    case 4:
    case 5:
        connection_step(world, what, node);
        break;
    case 6:
        welcome(world, node);
        break;
    case 7:
        answer(world, node);
        break;
    default:
        ask(world, what, which);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.entropy = {.u64 = u64_of_seven}};
    struct reader reader = reader_of(bytes_of(data, size));
    const struct client_options options = {.endpoints = addresses, .endpoints_count = 2};
    fake_clock_init(&world.clock);
    fake_transport_init(&world.transport);
    world.clock.now_us = 1000000;
    world.io = (struct io){.clock = &world.clock.clock, .transport = &world.transport.transport, .entropy = &world.entropy};
    world.client = client_open(&world.io, &options);
    settle(&world);
    for (uint32_t steps = 0; steps < STEPS_MAX && reader_left(&reader) >= 2; steps++)
        step(&world, &reader);
    pass(&world, DEADLINE_MS * 1000 + 100000);
    ENSURE(world.outcomes == world.asked && client_pending(world.client) == 0);
    client_close(world.client);
    fake_clock_run(&world.clock);
    fake_transport_close(&world.transport);
    fake_clock_close(&world.clock);
    return 0;
}
