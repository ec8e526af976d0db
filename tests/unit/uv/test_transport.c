#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "tests/unit/uv/uv_fixture.h"

/* One end of a connection and everything that it heard. */
struct end {
    struct scene *scene;
    struct conn *conn;
    bool echo, opened, closed, inside_call, close_on_data;
    size_t received, drains;
    uint64_t mismatches;
    enum grid_err reason;
};

struct scene {
    struct uv_fixture fixture;
    char address[32];
    struct listener *listener;
    struct end client, server;
    bool reject;
};

/* The byte at a position of the endless test stream: no part of it equals another. */
static uint8_t byte_at(size_t at)
{
    return (uint8_t)((at * 2654435761u) >> 13 ^ at >> 8);
}

static void append_stream(struct buffer *out, size_t from, size_t size)
{
    uint8_t *at = buffer_extend(out, size);
    for (size_t i = 0; i < size; i++)
        at[i] = byte_at(from + i);
}

static void on_open(void *context, struct conn *conn)
{
    struct end *end = context;
    cr_assert_eq(end->conn, conn);
    cr_assert_not(end->inside_call);
    end->opened = true;
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct end *end = context;
    cr_assert_not(end->closed);
    for (size_t i = 0; i < data.size; i++)
        end->mismatches += data.data[i] != byte_at(end->received + i);
    end->received += data.size;
    if (end->echo)
        buffer_append(conn_output(end->scene->fixture.io->transport, conn), data);
    if (end->close_on_data) {
        end->inside_call = true;
        conn_close(end->scene->fixture.io->transport, conn);
        end->inside_call = false;
    }
}

static void on_drain(void *context, struct conn *conn)
{
    struct end *end = context;
    cr_assert_eq(conn_pending(end->scene->fixture.io->transport, conn), 0);
    end->drains++;
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct end *end = context;
    (void)conn;
    cr_assert_not(end->closed, "closed twice");
    cr_assert_not(end->inside_call, "closed from inside the call");
    end->closed = true;
    end->conn = NULL;
    end->reason = reason;
}

static const struct conn_events events = {on_open, on_data, on_drain, on_close};

static void on_accept(void *context, struct conn *conn)
{
    struct scene *scene = context;
    if (scene->reject)
        return;
    scene->server.conn = conn;
    scene->server.opened = true;
    conn_attach(scene->fixture.io->transport, conn, &events, &scene->server);
}

/* Over TCP alone, or over the Unix socket that stands beside a loopback address. */
enum { KINDS = 2 };

static void scene_open_kind(struct scene *scene, int kind)
{
    *scene = (struct scene){0};
    scene->client.scene = scene->server.scene = scene;
    uv_fixture_open_options(&scene->fixture, (struct uv_node_io_options){.tcp_only = kind == 0});
    uv_free_address(scene->address);
    cr_assert_eq(transport_listen(scene->fixture.io->transport, scene->address, on_accept, scene, &scene->listener), GRID_ERR_OK);
}

static void scene_open(struct scene *scene)
{
    scene_open_kind(scene, 1);
}

static void dial(struct scene *scene, const char *address)
{
    scene->client.inside_call = true;
    scene->client.conn = transport_connect(scene->fixture.io->transport, address, &events, &scene->client);
    scene->client.inside_call = false;
}

static void connect_both(struct scene *scene)
{
    dial(scene, scene->address);
    uv_fixture_wait(&scene->fixture, &scene->client.opened);
    uv_fixture_wait(&scene->fixture, &scene->server.opened);
}

static void write_stream(struct scene *scene, struct end *end, size_t from, size_t size)
{
    append_stream(conn_output(scene->fixture.io->transport, end->conn), from, size);
}

static void check_carries_bytes_there_and_back(int kind)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    scene.server.echo = true;
    connect_both(&scene);
    write_stream(&scene, &scene.client, 0, 10);
    write_stream(&scene, &scene.client, 10, 90);
    uv_fixture_wait_count(&scene.fixture, &scene.client.received, 100);
    cr_assert_eq(scene.client.received, 100);
    cr_assert_eq(scene.client.mismatches + scene.server.mismatches, 0);
    uv_fixture_close(&scene.fixture);
    cr_assert(scene.client.closed && scene.server.closed, "the end of the transport is the end of its connections");
}

Test(uv_transport, an_accepted_connection_says_where_it_comes_from)
{
    struct scene scene;
    struct sockaddr_in own = {0};
    socklen_t size = sizeof own;
    char expected[CONN_ADDRESS_BYTES];
    scene_open_kind(&scene, 0);
    connect_both(&scene);
    struct conn_origin origin = conn_origin(scene.fixture.io->transport, scene.server.conn);
    uv_os_fd_t fd;
    cr_assert_eq(uv_fileno((uv_handle_t *)scene.client.conn, &fd), 0, "a connection begins with its handle");
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(own.sin_port));
    cr_expect_str_eq(origin.address, expected);
    cr_expect(origin.local);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, carries_bytes_there_and_back)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_carries_bytes_there_and_back(kind);
}

static unsigned option_of(int fd, int option)
{
    unsigned value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, IPPROTO_TCP, option, &value, &size) == 0 ? value : 0;
}

/* Over a cut network TCP reports nothing for a quarter of an hour. */
Test(uv_transport, both_ends_of_a_tcp_connection_bound_how_long_the_other_may_be_silent)
{
    struct scene scene;
    unsigned bounded = 0;
    scene_open_kind(&scene, 0);
    connect_both(&scene);
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        if (getpeername(fd, (struct sockaddr *)&address, &size) != 0 || address.ss_family != AF_INET)
            continue;
        cr_assert_eq(option_of(fd, TCP_NODELAY), 1u);
        bounded += option_of(fd, TCP_USER_TIMEOUT) == 30000 && option_of(fd, TCP_KEEPIDLE) == 15 && option_of(fd, TCP_KEEPINTVL) == 5;
    }
    cr_assert_eq(bounded, 2u);
    uv_fixture_close(&scene.fixture);
}

static void check_what_is_written_before_it_is_up_leaves_when_it_is(int kind)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    dial(&scene, scene.address);
    write_stream(&scene, &scene.client, 0, 5000);
    cr_assert_eq(conn_pending(scene.fixture.io->transport, scene.client.conn), 5000);
    uv_fixture_wait_count(&scene.fixture, &scene.server.received, 5000);
    cr_assert(scene.client.opened);
    cr_assert_eq(scene.server.mismatches, 0);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, what_is_written_before_it_is_up_leaves_when_it_is)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_what_is_written_before_it_is_up_leaves_when_it_is(kind);
}

static void check_carries_more_than_the_system_buffers_in_order(int kind)
{
    enum { SIZE = 48 * 1024 * 1024 };
    struct scene scene;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    write_stream(&scene, &scene.client, 0, SIZE / 2);
    uv_fixture_turn(&scene.fixture);
    cr_assert_gt(conn_pending(scene.fixture.io->transport, scene.client.conn), 0, "a part of it had to wait");
    write_stream(&scene, &scene.client, SIZE / 2, SIZE / 2);
    uv_fixture_wait_count(&scene.fixture, &scene.server.received, SIZE);
    cr_assert_eq(scene.server.received, SIZE);
    cr_assert_eq(scene.server.mismatches, 0);
    cr_assert_eq(conn_pending(scene.fixture.io->transport, scene.client.conn), 0);
    uv_fixture_wait_count(&scene.fixture, &scene.client.drains, 1);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, carries_more_than_the_system_buffers_in_order)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_carries_more_than_the_system_buffers_in_order(kind);
}

/* The drain is reported even when the system took everything at once. */
static void check_tells_that_it_drained_even_when_nothing_had_to_wait(int kind)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    write_stream(&scene, &scene.client, 0, 100);
    uv_fixture_wait_count(&scene.fixture, &scene.client.drains, 1);
    write_stream(&scene, &scene.client, 100, 100);
    uv_fixture_wait_count(&scene.fixture, &scene.client.drains, 2);
    uv_fixture_wait_count(&scene.fixture, &scene.server.received, 200);
    uv_fixture_turn(&scene.fixture);
    cr_assert_eq(scene.client.drains, 2, "once per time that something waited");
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, tells_that_it_drained_even_when_nothing_had_to_wait)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_tells_that_it_drained_even_when_nothing_had_to_wait(kind);
}

static void check_a_paused_reader_gets_nothing_and_later_everything(int kind)
{
    enum { SIZE = 32 * 1024 * 1024 };
    struct scene scene;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    conn_pause(scene.fixture.io->transport, scene.server.conn, true);
    conn_pause(scene.fixture.io->transport, scene.server.conn, true);
    write_stream(&scene, &scene.client, 0, SIZE);
    for (int i = 0; i < 50; i++)
        uv_fixture_turn(&scene.fixture);
    cr_assert_eq(scene.server.received, 0);
    cr_assert_gt(conn_pending(scene.fixture.io->transport, scene.client.conn), 0, "it presses back on the writer");
    conn_pause(scene.fixture.io->transport, scene.server.conn, false);
    uv_fixture_wait_count(&scene.fixture, &scene.server.received, SIZE);
    cr_assert_eq(scene.server.mismatches, 0);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, a_paused_reader_gets_nothing_and_later_everything)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_a_paused_reader_gets_nothing_and_later_everything(kind);
}

static void check_pausing_before_it_is_up_holds_from_the_start(int kind)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    dial(&scene, scene.address);
    conn_pause(scene.fixture.io->transport, scene.client.conn, true);
    uv_fixture_wait(&scene.fixture, &scene.server.opened);
    uv_fixture_wait(&scene.fixture, &scene.client.opened);
    write_stream(&scene, &scene.server, 0, 100);
    uv_fixture_wait_count(&scene.fixture, &scene.server.drains, 1);
    for (int i = 0; i < 20; i++)
        uv_fixture_turn(&scene.fixture);
    cr_assert_eq(scene.client.received, 0);
    conn_pause(scene.fixture.io->transport, scene.client.conn, false);
    uv_fixture_wait_count(&scene.fixture, &scene.client.received, 100);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, pausing_before_it_is_up_holds_from_the_start)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_pausing_before_it_is_up_holds_from_the_start(kind);
}

Test(uv_transport, a_refused_connection_closes_without_having_opened)
{
    struct scene scene;
    scene_open(&scene);
    char nobody[32];
    uv_free_address(nobody);
    dial(&scene, nobody);
    write_stream(&scene, &scene.client, 0, 10);
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    cr_assert_not(scene.client.opened);
    cr_assert_eq(scene.client.reason, GRID_ERR_REFUSED);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, an_address_that_cannot_be_read_closes_later_and_not_inside)
{
    static const char *const bad[] = {"", ":", "127.0.0.1", "127.0.0.1:", ":7400", "127.0.0.1:65536", "127.0.0.1:http", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct scene scene;
        struct listener *listener = NULL;
        scene_open(&scene);
        dial(&scene, bad[i]);
        cr_assert_not(scene.client.closed);
        uv_fixture_wait(&scene.fixture, &scene.client.closed);
        cr_assert_eq(scene.client.reason, GRID_ERR_INVALID, "%s", bad[i]);
        cr_assert_eq(transport_listen(scene.fixture.io->transport, bad[i], on_accept, &scene, &listener), GRID_ERR_INVALID);
        uv_fixture_close(&scene.fixture);
    }
}

Test(uv_transport, reads_names_and_addresses_in_brackets)
{
    struct scene scene;
    scene_open(&scene);
    char named[64];
    snprintf(named, sizeof named, "localhost%s", strrchr(scene.address, ':'));
    scene.server.echo = true;
    dial(&scene, named);
    uv_fixture_wait(&scene.fixture, &scene.client.opened);
    write_stream(&scene, &scene.client, 0, 10);
    uv_fixture_wait_count(&scene.fixture, &scene.client.received, 10);
    uv_fixture_close(&scene.fixture);
}

/* Where the name service cannot be asked, it does not say. */
Test(uv_transport, a_name_that_nobody_has_is_not_found)
{
    struct scene scene;
    scene_open(&scene);
    dial(&scene, "no-such-host.invalid:7400");
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    cr_assert(scene.client.reason == GRID_ERR_NOT_FOUND || scene.client.reason == GRID_ERR_UNKNOWN, "%s", grid_err_name(scene.client.reason));
    uv_fixture_close(&scene.fixture);
}

static void post(uv_work_t *work)
{
    uv_sem_post(work->data);
}

static void posted(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

/* The resolver's answer and the closing of the handle arrive in the same iteration. */
Test(uv_transport, may_be_closed_while_the_name_is_looked_up)
{
    struct scene scene;
    uv_sem_t behind;
    uv_work_t work = {.data = &behind};
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    scene_open(&scene);
    uv_sem_init(&behind, 0);
    dial(&scene, "localhost:1");
    conn_close(scene.fixture.io->transport, scene.client.conn);
    uv_queue_work(&scene.fixture.loop, &work, post, posted);
    uv_sem_wait(&behind); /* one thread, first come first served: the look-up is done */
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    cr_assert_eq(scene.client.reason, GRID_ERR_CLOSED);
    uv_fixture_close(&scene.fixture);
    uv_sem_destroy(&behind);
}

static void check_closing_ends_both_sides_after_what_was_written(int kind)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    write_stream(&scene, &scene.client, 0, 1000);
    scene.client.inside_call = true;
    conn_close(scene.fixture.io->transport, scene.client.conn);
    conn_close(scene.fixture.io->transport, scene.client.conn);
    scene.client.inside_call = false;
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    uv_fixture_wait(&scene.fixture, &scene.server.closed);
    cr_assert_eq(scene.server.received, 1000);
    cr_assert_eq(scene.client.reason, GRID_ERR_CLOSED);
    cr_assert_eq(scene.server.reason, GRID_ERR_CLOSED);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, closing_ends_both_sides_after_what_was_written)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_closing_ends_both_sides_after_what_was_written(kind);
}

Test(uv_transport, may_be_closed_from_inside_its_own_data)
{
    struct scene scene;
    scene_open(&scene);
    scene.server.close_on_data = true;
    connect_both(&scene);
    write_stream(&scene, &scene.client, 0, 3 * 1024 * 1024);
    uv_fixture_wait(&scene.fixture, &scene.server.closed);
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    cr_assert_leq(scene.server.received, 256u * 1024, "nothing more after the close");
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, closes_whom_nobody_attached)
{
    struct scene scene;
    scene_open(&scene);
    scene.reject = true;
    dial(&scene, scene.address);
    uv_fixture_wait(&scene.fixture, &scene.client.closed);
    cr_assert(scene.client.opened);
    cr_assert_not(scene.server.opened);
    uv_fixture_close(&scene.fixture);
}

/* What a person is told depends on it. */
Test(uv_transport, says_why_it_cannot_listen)
{
    struct scene scene;
    struct listener *listener;
    scene_open(&scene);
    struct transport *transport = scene.fixture.io->transport;
    cr_assert_eq(transport_listen(transport, "192.0.2.1:7000", on_accept, &scene, &listener), GRID_ERR_UNAVAILABLE);
    cr_assert_eq(transport_listen(transport, "no-such-host.invalid:7000", on_accept, &scene, &listener), GRID_ERR_NOT_FOUND);
    cr_assert_str_eq(transport_listen_reason(GRID_ERR_UNAVAILABLE), "not an address of this machine");
    cr_assert_str_eq(transport_listen_reason(GRID_ERR_CORRUPT), "the system refuses it");
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, a_taken_port_is_an_error_and_a_closed_listener_frees_it)
{
    struct scene scene;
    struct listener *second = NULL;
    scene_open(&scene);
    cr_assert_eq(transport_listen(scene.fixture.io->transport, scene.address, on_accept, &scene, &second), GRID_ERR_BUSY);
    cr_assert_null(second);
    transport_listener_close(scene.fixture.io->transport, scene.listener);
    uv_fixture_turn(&scene.fixture);
    cr_assert_eq(transport_listen(scene.fixture.io->transport, scene.address, on_accept, &scene, &second), GRID_ERR_OK);
    uv_fixture_close(&scene.fixture);
}

/* SIGPIPE would end this process: it is neither ignored nor blocked here. The reader is paused, so that nothing but the
 * writing tells that the other end is gone. */
static void check_writing_to_a_closed_end_raises_no_signal(int kind, size_t before)
{
    struct scene scene;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    conn_pause(scene.fixture.io->transport, scene.client.conn, true);
    conn_pause(scene.fixture.io->transport, scene.server.conn, true);
    if (before > 0)
        write_stream(&scene, &scene.client, 0, before);
    uv_fixture_turn(&scene.fixture);
    conn_close(scene.fixture.io->transport, scene.server.conn);
    uv_fixture_wait(&scene.fixture, &scene.server.closed);
    while (!scene.client.closed) {
        write_stream(&scene, &scene.client, before, 1000);
        uv_fixture_turn(&scene.fixture);
    }
    cr_assert_eq(scene.client.reason, GRID_ERR_IO);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, writing_to_a_closed_end_raises_no_signal)
{
    for (int kind = 0; kind < KINDS; kind++) {
        check_writing_to_a_closed_end_raises_no_signal(kind, 0);
        /* More than the system takes: the rest waits for room when the end comes. */
        check_writing_to_a_closed_end_raises_no_signal(kind, 32 * 1024 * 1024);
    }
}

enum { BLOCKED = 5 };

struct crowd { struct scene scene; struct end clients[BLOCKED]; struct conn *servers[BLOCKED]; size_t accepted, closed; bool ending; };

static const struct conn_events NO_EVENTS;

static void crowd_accept(void *context, struct conn *conn)
{
    struct crowd *crowd = context;
    crowd->servers[crowd->accepted++] = conn;
    conn_attach(crowd->scene.fixture.io->transport, conn, &NO_EVENTS, NULL);
    conn_pause(crowd->scene.fixture.io->transport, conn, true);
}

/* The first that has sent everything ends all others, some of which stand in the same batch of events. */
static void crowd_drained(void *context, struct conn *conn)
{
    struct end *end = context;
    struct crowd *crowd = (struct crowd *)end->scene;
    for (size_t i = 0; crowd->ending && i < BLOCKED; i++)
        if (crowd->clients[i].conn && crowd->clients[i].conn != conn)
            conn_close(crowd->scene.fixture.io->transport, crowd->clients[i].conn);
}

static void crowd_closed(void *context, struct conn *conn, enum grid_err reason)
{
    struct end *end = context;
    on_close(context, conn, reason);
    ((struct crowd *)end->scene)->closed++;
}

static const struct conn_events crowd_events = {on_open, on_data, crowd_drained, crowd_closed};

Test(uv_transport, one_that_waits_for_room_may_end_others_that_wait)
{
    struct crowd crowd = {0};
    struct transport *transport;
    uv_fixture_open(&crowd.scene.fixture, NULL);
    transport = crowd.scene.fixture.io->transport;
    uv_free_address(crowd.scene.address);
    cr_assert_eq(transport_listen(transport, crowd.scene.address, crowd_accept, &crowd, &crowd.scene.listener), GRID_ERR_OK);
    for (size_t i = 0; i < BLOCKED; i++) {
        crowd.clients[i].scene = &crowd.scene;
        crowd.clients[i].conn = transport_connect(transport, crowd.scene.address, &crowd_events, &crowd.clients[i]);
    }
    uv_fixture_wait_count(&crowd.scene.fixture, &crowd.accepted, BLOCKED);
    /* Each a little more than the system takes. */
    for (size_t i = 0; i < BLOCKED; i++)
        for (bool waits = false; !waits; waits = conn_pending(transport, crowd.clients[i].conn) > 0) {
            append_stream(conn_output(transport, crowd.clients[i].conn), 0, 32 * 1024);
            uv_fixture_turn(&crowd.scene.fixture);
        }
    crowd.ending = true;
    for (size_t i = 0; i < BLOCKED; i++)
        conn_pause(transport, crowd.servers[i], false);
    uv_fixture_wait_count(&crowd.scene.fixture, &crowd.closed, BLOCKED - 1);
    uv_fixture_close(&crowd.scene.fixture);
}

/* In the child: what it does with the parent's connection comes to an end there, and its exit status says so. */
static int use_in_child(struct scene *scene)
{
    alarm(30);
    if (uv_loop_fork(&scene->fixture.loop) != 0 || !uv_io_forked(scene->fixture.uv_io))
        return 2;
    write_stream(scene, &scene->client, 7, 1000);
    while (!scene->client.closed)
        uv_run(&scene->fixture.loop, UV_RUN_ONCE);
    dial(scene, scene->address);
    scene->client.closed = false;
    while (!scene->client.closed)
        uv_run(&scene->fixture.loop, UV_RUN_ONCE);
    return scene->client.reason == GRID_ERR_UNAVAILABLE && scene->server.received == 0 ? 0 : 3;
}

static void check_a_child_leaves_the_parents_connections_alone(int kind)
{
    struct scene scene;
    int status;
    scene_open_kind(&scene, kind);
    connect_both(&scene);
    cr_assert_not(uv_io_forked(scene.fixture.uv_io));
    /* Some of it is on its way, and some waits for room, when the process forks. */
    conn_pause(scene.fixture.io->transport, scene.server.conn, true);
    write_stream(&scene, &scene.client, 0, 16 * 1024 * 1024);
    uv_fixture_turn(&scene.fixture);
    conn_pause(scene.fixture.io->transport, scene.server.conn, false);
    pid_t child = fork();
    if (child == 0)
        _exit(use_in_child(&scene));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    write_stream(&scene, &scene.client, 16 * 1024 * 1024, 1000);
    uv_fixture_wait_count(&scene.fixture, &scene.server.received, 16 * 1024 * 1024 + 1000);
    cr_assert_eq(scene.server.mismatches, 0);
    cr_assert_not(scene.client.closed);
    uv_fixture_close(&scene.fixture);
}

Test(uv_transport, a_child_leaves_the_parents_connections_alone)
{
    for (int kind = 0; kind < KINDS; kind++)
        check_a_child_leaves_the_parents_connections_alone(kind);
}
