/* Inside of grid/uv: shared by its files only. */
#ifndef GRID_UV_UV_INTERNAL_H
#define GRID_UV_UV_INTERNAL_H

#include "grid/uv/uv_node_io.h"

struct uv_clock {
    struct clock base;
    uv_loop_t *loop;
    struct timer_queue timers;
    uv_timer_t alarm;                  /* one for all timers: armed for the earliest */
    uint64_t armed_us;                 /* what the alarm is armed for; 0: stopped */
    uv_prepare_t prepare;
    struct deferred *first, **last;
    struct uv_transport *transport;    /* flushed after the deferred work */
    void (*turn)(void *context, uint64_t busy_us);         /* NULL: nobody asked */
    void *turn_context;
    uint64_t turned_ns, idle_ns;       /* when the turn before ended, and how long the loop had waited until then */
};

/* Detects whether this process is a child of the one that opened it. */
struct uv_home {
    volatile uint8_t *mark;            /* 1; 0 in a child. NULL: the system has no such pages */
    size_t bytes;
    int64_t process;
};

/* Connections that wait until their socket accepts more bytes (room.c). */
struct uv_room {
    uv_loop_t *loop;
    const struct uv_home *home;
    uv_poll_t poll;                    /* of epoll_fd; active while a connection waits */
    int epoll_fd;                      /* -1: no connection has waited yet */
    size_t waiting;
    void (*there)(void *conn);
};

struct uv_transport {
    struct transport base;
    uv_loop_t *loop;
    struct conn *first, *dirty;
    struct listener *listeners;
    uint8_t *input;                    /* one read buffer for all connections */
    bool tcp_only;                     /* listeners open no Unix sockets beside loopback addresses */
    bool silent;                       /* makes no connections (uv_node_io_options.dry) */
    struct uv_home home;               /* a child sends, reads and connects nothing: the sockets are the parent's */
    struct uv_room room;
    int spare_fd;                      /* closed to accept, and then close, a connection without a free descriptor */
    uint64_t shed;                     /* such connections */
};

struct uv_storage {
    struct storage base;
    uv_loop_t *loop;
    char *directory;
    int directory_fd, lock_fd;         /* -1: none. The lock lasts as long as the process */
    bool emptied;                      /* dry: the directory counts as empty */
};

struct uv_io {
    struct io io;
    struct uv_clock clock;
    struct uv_transport transport;
    struct entropy entropy;
    void (*free_more)(void *more);     /* what uv_node_io.c added; NULL: nothing */
    void *more;
};

void uv_clock_init(struct uv_clock *clock, uv_loop_t *loop, struct uv_transport *transport);
void uv_clock_on_turn(struct uv_clock *clock, void (*turn)(void *context, uint64_t busy_us), void *context);
void uv_clock_close(struct uv_clock *clock);
void uv_clock_free(struct uv_clock *clock);
void uv_home_open(struct uv_home *home);
bool uv_home_left(const struct uv_home *home);                 /* this is a child of the process that opened it */
void uv_home_close(struct uv_home *home);
void uv_room_init(struct uv_room *room, uv_loop_t *loop, const struct uv_home *home, void (*there)(void *conn));
/* Calls there(conn) when the socket takes more or has failed; that calls uv_room_came, unless the connection was forgotten
 * meanwhile. `known` is the connection's, false at first. False: the
 * system cannot wait for another socket. */
bool uv_room_wait(struct uv_room *room, int fd, void *conn, bool *known);
void uv_room_came(struct uv_room *room);
void uv_room_forget(struct uv_room *room, int fd, bool waits); /* of a known connection, before its socket is closed */
void uv_room_close(struct uv_room *room);
void uv_transport_init(struct uv_transport *transport, uv_loop_t *loop, bool tcp_only);
void uv_transport_flush(struct uv_transport *transport);       /* sends the content of the output buffers */
void uv_transport_close(struct uv_transport *transport);
void uv_transport_free(struct uv_transport *transport);
/* The Unix socket that belongs to a loopback address: connected, or -1 if no such socket of this user or root exists. */
int uv_local_connect(const struct sockaddr *address);
/* One to listen on; -1 for an address that is not a loopback address. Errors: BUSY, its name is taken; IO. */
enum grid_err uv_local_bind(const struct sockaddr *address, int *ret_fd);
/* Durable on return, with the name in the parent directory. OK if it existed. */
enum grid_err uv_directory_make(const char *directory, char **ret_note);
/* Moves log, manifest and identity into a new folder `lost-<n>`; *ret_where says which files went where, NULL: there were none. */
enum grid_err uv_directory_set_aside(const char *directory, char **ret_where, char **ret_note);
enum grid_err uv_storage_init(struct uv_storage *storage, uv_loop_t *loop, const char *directory, char **ret_note);
void uv_storage_free(struct uv_storage *storage);
void uv_storage_work(struct storage *base, struct storage_work *work); /* storage_work.c */
enum grid_err uv_storage_list(struct storage *base, void (*each)(void *context, const char *name), void *context);
/* The same directory, read only: writes have no effect; operations that would fail do fail (dry_storage.c). */
enum grid_err uv_dry_storage_init(struct uv_storage *storage, const char *directory, char **ret_note);

#endif
