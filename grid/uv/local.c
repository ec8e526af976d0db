/* Abstract names of Unix sockets are the system's own. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/uv/uv_internal.h"

/* What a socket may hold on its way; the system's limit cuts it. More than a busy link writes in one iteration. */
enum { SEND_BYTES = 4 * 1024 * 1024 };

static bool is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    if (address->sa_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/* The name that stands for a loopback address. Abstract: it is known in one network namespace, like the address itself,
 * and ends with the listener. Returns its size; 0: the address is not a loopback address, or has no port yet. */
static socklen_t name_of(const struct sockaddr *address, struct sockaddr_un *ret_name)
{
    char host[INET6_ADDRSTRLEN];
    bool six = address->sa_family == AF_INET6;
    if (!is_loopback(address))
        return 0;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    unsigned port = ntohs(six ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port : four->sin_port);
    if (port == 0 || uv_ip_name(address, host, sizeof host) != 0)
        return 0;
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    /* The byte before the text is 0: that makes the name abstract. */
    int size = snprintf(ret_name->sun_path + 1, sizeof ret_name->sun_path - 1, "gridiron-%s-%u", host, port);
    HOLDS(size > 0 && (size_t)size < sizeof ret_name->sun_path - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
}

static int open_socket(void)
{
    const int bytes = SEND_BYTES;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return fd;
}

/* Anybody may take an abstract name, also beside a TCP port that is another's. Our own user and root could pose as the node in other
 * ways too. */
static bool is_trusted(int fd)
{
    struct ucred listener;
    socklen_t size = sizeof listener;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0)
        return false;
    return listener.uid == 0 || listener.uid == geteuid();
}

int uv_local_connect(const struct sockaddr *address)
{
    struct sockaddr_un name;
    socklen_t size = name_of(address, &name);
    int fd = size == 0 ? -1 : open_socket();
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, size) == 0 && is_trusted(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

enum grid_err uv_local_bind(const struct sockaddr *address, int *ret_fd)
{
    struct sockaddr_un name;
    socklen_t size = name_of(address, &name);
    *ret_fd = -1;
    if (size == 0)
        return GRID_ERR_OK;
    int fd = open_socket();
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, size) == 0) {
        *ret_fd = fd;
        return GRID_ERR_OK;
    }
    enum grid_err err = fd >= 0 && errno == EADDRINUSE ? GRID_ERR_BUSY : GRID_ERR_IO;
    if (fd >= 0)
        close(fd);
    return err;
}
