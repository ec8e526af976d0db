/* Waiting until the system takes more of what a connection sends.
 *
 * libuv would wait and write by itself, but with write(), and that ends a process that has not ignored SIGPIPE when the
 * other side is gone. So what is sent goes through send() with MSG_NOSIGNAL, and the connections that wait for room stand
 * in an epoll of their own, which the loop watches as one descriptor. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/uv/uv_internal.h"

enum { EVENTS_MAX = 64 };

static void on_room(uv_poll_t *poll, int status, int events)
{
    struct uv_room *room = poll->data;
    struct epoll_event ready[EVENTS_MAX];
    (void)events;
    /* In a child the epoll is the parent's still. */
    int count = status < 0 || uv_home_left(room->home) ? 0 : epoll_wait(room->epoll_fd, ready, EVENTS_MAX, 0);
    if (status < 0 || uv_home_left(room->home))
        uv_poll_stop(poll);
    /* One may end another: that one was forgotten, and its memory lasts until the loop's closing phase. */
    for (int i = 0; i < count; i++)
        room->there(ready[i].data.ptr);
    if (room->waiting == 0)
        uv_poll_stop(poll);
}

static bool open_room(struct uv_room *room)
{
    if (room->epoll_fd >= 0)
        return true;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return false;
    if (uv_poll_init(room->loop, &room->poll, fd) != 0) {
        close(fd);
        return false;
    }
    room->poll.data = room;
    room->epoll_fd = fd;
    return true;
}

void uv_room_init(struct uv_room *room, uv_loop_t *loop, const struct uv_home *home, void (*there)(void *conn))
{
    *room = (struct uv_room){.loop = loop, .home = home, .there = there, .epoll_fd = -1};
}

bool uv_room_wait(struct uv_room *room, int fd, void *conn, bool *known)
{
    struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = conn};
    if (uv_home_left(room->home) || !open_room(room) || epoll_ctl(room->epoll_fd, *known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        return false;
    *known = true;
    if (room->waiting++ == 0)
        HOLDS(uv_poll_start(&room->poll, UV_READABLE, on_room) == 0);
    return true;
}

void uv_room_came(struct uv_room *room)
{
    HOLDS(room->waiting > 0);
    room->waiting--;
}

void uv_room_forget(struct uv_room *room, int fd, bool waits)
{
    if (uv_home_left(room->home))
        return;
    (void)epoll_ctl(room->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    if (!waits)
        return;
    uv_room_came(room);
    if (room->waiting == 0)
        uv_poll_stop(&room->poll);
}

static void room_closed(uv_handle_t *handle)
{
    struct uv_room *room = handle->data;
    close(room->epoll_fd);
    room->epoll_fd = -1;
}

void uv_room_close(struct uv_room *room)
{
    if (room->epoll_fd >= 0)
        uv_close((uv_handle_t *)&room->poll, room_closed);
}
