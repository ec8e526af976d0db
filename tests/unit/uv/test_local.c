#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/uv/uv_fixture.h"

enum { NOBODY = 65534 };

/* One end in this process; the other is a bare socket. */
struct end {
    struct uv_fixture fixture;
    char address[32];
    struct listener *listener;
    struct conn *conn;
    bool opened, inside_call, closed;
    size_t accepted, received;
    struct deferred deferred;
    bool deferred_ran;
};

static void run_deferred(void *context)
{
    ((struct end *)context)->deferred_ran = true;
}

static void on_open(void *context, struct conn *conn)
{
    struct end *end = context;
    (void)conn;
    cr_assert_not(end->inside_call, "opened from inside the call");
    end->opened = true;
    clock_defer(end->fixture.io->clock, &end->deferred);
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    (void)conn;
    ((struct end *)context)->received += data.size;
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    (void)conn;
    (void)reason;
    ((struct end *)context)->closed = true;
}

static const struct conn_events events = {.on_open = on_open, .on_data = on_data, .on_close = on_close};

static void on_accept(void *context, struct conn *conn)
{
    struct end *end = context;
    end->accepted++;
    conn_attach(end->fixture.io->transport, conn, &events, end);
}

static void end_open(struct end *end, bool tcp_only)
{
    *end = (struct end){.deferred = {.run = run_deferred, .context = end}};
    uv_fixture_open_options(&end->fixture, (struct uv_node_io_options){.tcp_only = tcp_only});
    uv_free_address(end->address);
}

static enum grid_err listen_there(struct end *end)
{
    return transport_listen(end->fixture.io->transport, end->address, on_accept, end, &end->listener);
}

static void dial(struct end *end)
{
    end->inside_call = true;
    end->conn = transport_connect(end->fixture.io->transport, end->address, &events, end);
    end->inside_call = false;
}

static struct sockaddr_un name_of(const char *address, socklen_t *ret_size)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *colon = strchr(address, ':');
    int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "gridiron-%.*s-%s", (int)(colon - address), address, colon + 1);
    *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
    return name;
}

static int bare_socket(const char *address, bool bound)
{
    socklen_t size;
    struct sockaddr_un name = name_of(address, &size);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_geq(fd, 0);
    if ((bound ? bind : connect)(fd, (struct sockaddr *)&name, size) == 0)
        return fd;
    close(fd);
    return -1;
}

static int bare_tcp(const char *address)
{
    struct sockaddr_in four;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(uv_ip4_addr("127.0.0.1", (int)strtol(strchr(address, ':') + 1, NULL, 10), &four), 0);
    if (connect(fd, (struct sockaddr *)&four, sizeof four) == 0)
        return fd;
    close(fd);
    return -1;
}

Test(uv_local, a_loopback_address_is_listened_on_in_both_ways)
{
    struct end end;
    end_open(&end, false);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK);
    int local = bare_socket(end.address, false), tcp = bare_tcp(end.address);
    cr_assert(local >= 0 && tcp >= 0);
    uv_fixture_wait_count(&end.fixture, &end.accepted, 2);
    cr_assert_eq(write(local, "local", 5), 5);
    cr_assert_eq(write(tcp, "tcp", 3), 3);
    uv_fixture_wait_count(&end.fixture, &end.received, 8);
    close(local);
    close(tcp);
    uv_fixture_close(&end.fixture);
}

Test(uv_local, a_client_of_a_loopback_address_takes_the_unix_socket)
{
    struct end end;
    end_open(&end, false);
    int other = bare_socket(end.address, true);
    cr_assert_geq(other, 0);
    cr_assert_eq(listen(other, 1), 0);
    dial(&end);
    buffer_append(conn_output(end.fixture.io->transport, end.conn), bytes_of("early", 5));
    cr_assert_not(end.opened);
    int accepted = accept(other, NULL, NULL);
    cr_assert_geq(accepted, 0);
    uv_fixture_wait(&end.fixture, &end.opened);
    cr_assert(end.deferred_ran, "what is deferred when it comes up does not wait for the next event");
    char heard[8] = "";
    cr_assert_eq(read(accepted, heard, sizeof heard), 5);
    cr_assert_str_eq(heard, "early");
    close(accepted);
    close(other);
    uv_fixture_wait(&end.fixture, &end.closed);
    uv_fixture_close(&end.fixture);
}

/* Another user takes the name, until the other end of `line` is closed. */
static pid_t squat(const char *address, const int line[2])
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child != 0)
        return child;
    char byte;
    close(line[0]);
    int fd = setuid(NOBODY) == 0 ? bare_socket(address, true) : -1;
    bool good = fd >= 0 && listen(fd, 1) == 0 && write(line[1], "r", 1) == 1;
    _exit(good && read(line[1], &byte, 1) == 0 ? 0 : 1);
}

Test(uv_local, a_unix_socket_of_another_user_is_passed_over)
{
    if (geteuid() != 0)
        cr_skip_test("needs root, to be somebody else");
    struct end end;
    end_open(&end, true);
    int line[2], status;
    char byte;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
    pid_t child = squat(end.address, line);
    close(line[1]);
    cr_assert_eq(read(line[0], &byte, 1), 1);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK);
    dial(&end);
    uv_fixture_wait_count(&end.fixture, &end.accepted, 1);
    close(line[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    uv_fixture_close(&end.fixture);
}

Test(uv_local, may_be_closed_before_anybody_was_told_that_it_is_up)
{
    struct end end;
    end_open(&end, false);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK);
    dial(&end);
    conn_close(end.fixture.io->transport, end.conn);
    uv_fixture_wait(&end.fixture, &end.closed);
    cr_assert_not(end.opened);
    uv_fixture_close(&end.fixture);
}

Test(uv_local, with_tcp_only_nobody_listens_beside_it)
{
    struct end end;
    end_open(&end, true);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK);
    cr_assert_lt(bare_socket(end.address, false), 0);
    dial(&end);
    uv_fixture_wait_count(&end.fixture, &end.accepted, 1);
    uv_fixture_wait(&end.fixture, &end.opened);
    uv_fixture_close(&end.fixture);
}

Test(uv_local, an_address_whose_name_another_holds_is_not_ours)
{
    struct end end;
    end_open(&end, false);
    int other = bare_socket(end.address, true);
    cr_assert_geq(other, 0);
    cr_assert_eq(listen_there(&end), GRID_ERR_BUSY);
    close(other);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK, "the name is free once its owner has closed it");
    uv_fixture_close(&end.fixture);
}

Test(uv_local, an_address_that_is_none_of_loopback_has_no_unix_socket)
{
    struct end end;
    end_open(&end, false);
    char port[8];
    snprintf(port, sizeof port, "%s", strchr(end.address, ':') + 1);
    snprintf(end.address, sizeof end.address, "0.0.0.0:%s", port);
    cr_assert_eq(listen_there(&end), GRID_ERR_OK);
    cr_assert_lt(bare_socket(end.address, false), 0);
    snprintf(end.address, sizeof end.address, "127.0.0.1:%s", port);
    cr_assert_lt(bare_socket(end.address, false), 0);
    dial(&end);
    uv_fixture_wait(&end.fixture, &end.opened);
    uv_fixture_close(&end.fixture);
}
