/* Connections that never greet are closed in time, on both ports of a node, whatever they send instead. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/node/node.h"
#include "grid/wire/frame.h"
#include "grid/wire/messages/message.h"
#include "tests/sim/world/world.h"

enum { PATIENCE_MS = 4000, PEER_PATIENCE_MS = 2000, SWEEP_MS = 1000, DRIP_MS = 200 };
#define MS_US UINT64_C(1000)

struct scene { struct world *world; struct host *node_host, *strangers; struct node *node; struct metric_registry *metrics; struct node_settings settings; };

static struct scene scene;

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    (void)context;
    cr_assert_fail("%s: %s", grid_err_name(err), what);
}

static void on_open(void *context, struct host *host)
{
    char *note = NULL;
    (void)context;
    struct node_options options = {.io = host_io(host), .logger = world_logger(scene.world), .metrics = scene.metrics,
                                   .settings = &scene.settings, .fatal = on_fatal};
    cr_assert_eq(node_open(&options, &scene.node, &note), GRID_ERR_OK, "%s", note ? note : "");
}

static void on_end(void *context, struct host *host)
{
    (void)context;
    (void)host;
    node_close(scene.node);
}

static void ignore_host(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static void run_for(uint64_t ms)
{
    cr_assert(world_run(scene.world, world_now_us(scene.world) + ms * MS_US), "%s", world_reason(scene.world));
}

static void begin(void)
{
    scene = (struct scene){.world = world_open(&(struct world_options){.seed = 1}), .metrics = metric_registry_open()};
    scene.settings = (struct node_settings){.cluster = "greeting", .self = {1}, .members_count = 1, .sync = true, .partitions = 2,
                                            .client_patience_ms = PATIENCE_MS};
    scene.settings.members[0] = (struct node_member){.id = {1}, .client_address = "n1:7400", .peer_address = "n1:7401"};
    scene.node_host = world_add_host(scene.world, "n1", HOST_NODE, &(struct host_owner){.open = on_open, .crash = on_end});
    scene.strangers = world_add_host(scene.world, "strangers", HOST_CLIENT, &(struct host_owner){.open = ignore_host, .crash = ignore_host});
    host_start(scene.node_host);
    host_start(scene.strangers);
    run_for(100);
}

static void end(void)
{
    world_close(scene.world);
    metric_registry_close(scene.metrics);
}

TestSuite(greeting, .init = begin, .fini = end);

/* ---- strangers */

struct stranger {
    const char *address;
    struct bytes says;                     /* when it is connected */
    struct bytes drips;                    /* a byte of it now and then */
    struct conn *conn;
    uint64_t opened_us, closed_us;
    size_t dripped;
};

static void run_drip(struct world *world, void *context)
{
    struct stranger *stranger = context;
    (void)world;
    if (stranger->closed_us != 0 || stranger->dripped == stranger->drips.size)
        return;
    buffer_append_u8(conn_output(host_io(scene.strangers)->transport, stranger->conn), stranger->drips.data[stranger->dripped++]);
    host_at(scene.strangers, DRIP_MS * MS_US, run_drip, stranger);
}

static void on_stranger_open(void *context, struct conn *conn)
{
    struct stranger *stranger = context;
    stranger->conn = conn;
    stranger->opened_us = world_now_us(scene.world);
    buffer_append(conn_output(host_io(scene.strangers)->transport, conn), stranger->says);
    host_at(scene.strangers, DRIP_MS * MS_US, run_drip, stranger);
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
    ((struct stranger *)context)->closed_us = world_now_us(scene.world);
}

static void run_connect(struct world *world, void *context)
{
    static const struct conn_events EVENTS = {.on_open = on_stranger_open, .on_data = on_stranger_data, .on_close = on_stranger_close};
    struct stranger *stranger = context;
    (void)world;
    transport_connect(host_io(scene.strangers)->transport, stranger->address, &EVENTS, stranger);
}

static void connect_as(struct stranger *stranger)
{
    host_at(scene.strangers, 0, run_connect, stranger);
}

static uint64_t stayed_ms(const struct stranger *stranger)
{
    cr_assert(stranger->opened_us != 0 && stranger->closed_us != 0, "%s: still connected", stranger->address);
    return (stranger->closed_us - stranger->opened_us) / MS_US;
}

static struct buffer hello(void)
{
    struct buffer body = {0}, out = {0};
    hello_encode(&(struct message_hello){.protocol = 1, .client_name = bytes_of_text("a client that takes its time")}, &body);
    frame_append(&out, &(struct frame){.type = FRAME_HELLO, .partition = FRAME_PARTITION_NONE, .body = buffer_bytes(&body)});
    buffer_close(&body);
    return out;
}

static uint64_t counted(const char *name, const char *labels)
{
    return metric_counter_add(scene.metrics, name, "", labels)->value;
}

Test(greeting, clients_that_never_greet_are_closed_once_the_patience_is_over)
{
    struct buffer greeting = hello();
    struct stranger silent = {.address = "n1:7400"};
    struct stranger half = {.address = "n1:7400", .says = bytes_of(greeting.data, greeting.size / 2)};
    struct stranger slow = {.address = "n1:7400", .drips = buffer_bytes(&greeting)};
    struct stranger good = {.address = "n1:7400", .says = buffer_bytes(&greeting)};
    struct stranger *all[] = {&silent, &half, &slow, &good};
    cr_assert_gt(greeting.size * DRIP_MS, PATIENCE_MS + 2 * SWEEP_MS, "its last byte comes too late");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        connect_as(all[i]);
    run_for(PATIENCE_MS + 3 * SWEEP_MS);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_geq(stayed_ms(all[i]), PATIENCE_MS, "stranger %zu", i);
        cr_expect_leq(stayed_ms(all[i]), PATIENCE_MS + 2 * SWEEP_MS, "stranger %zu", i);
    }
    cr_expect_eq(good.closed_us, 0u, "it has greeted");
    cr_expect_eq(counted("gridiron_client_connections_refused_total", "reason=\"greeting\""), 3u);
    buffer_close(&greeting);
}

Test(greeting, peers_that_never_greet_are_closed_after_two_seconds)
{
    static const uint8_t something[64] = {64};
    struct stranger silent = {.address = "n1:7401"};
    struct stranger half = {.address = "n1:7401", .says = bytes_of(something, 8)};
    struct stranger slow = {.address = "n1:7401", .drips = bytes_of(something, sizeof something)};
    struct stranger *all[] = {&silent, &half, &slow};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        connect_as(all[i]);
    run_for(PEER_PATIENCE_MS + 500);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_expect_geq(stayed_ms(all[i]), PEER_PATIENCE_MS - 100, "stranger %zu", i);
        cr_expect_leq(stayed_ms(all[i]), PEER_PATIENCE_MS + 100, "stranger %zu", i);
    }
    cr_expect_eq(counted("gridiron_peer_refused_total", "reason=\"timeout\""), 3u);
}
