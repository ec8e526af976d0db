/* The production implementation of grid/io on one libuv loop.
 *
 * Owns everything it hands out; borrows the loop, which must outlive it. All callbacks run on the loop. Writes to files
 * run in libuv's thread pool and come back on the loop. A prepare handle, just before the loop would sleep, runs end-of-iteration work (clock_defer) and sends the
 * output buffers. Nothing here raises SIGPIPE.
 *
 * After a fork, the child sends, reads and connects nothing: the sockets are the parent's. The child calls uv_loop_fork
 * before it runs the loop or closes anything. */
#ifndef GRID_UV_UV_IO_H
#define GRID_UV_UV_IO_H

#include <uv.h>

#include "grid/io/io.h"

struct uv_io;

/* A clock, a transport and entropy: all that a client needs. A node opens uv_node_io.h instead. */
struct uv_io *uv_io_open(uv_loop_t *loop);
struct io *uv_io_io(struct uv_io *uv_io);
/* Connections that were closed at once because the process had no descriptor for them, as far as the system reports them. */
uint64_t uv_io_connections_shed(const struct uv_io *uv_io);
/* Calls `turn` at the end of every turn of the loop with the time that it was busy since it last waited for events. It must be quick. Once, before
 * the loop runs. */
void uv_io_on_turn(struct uv_io *uv_io, void (*turn)(void *context, uint64_t busy_us), void *context);
bool uv_io_forked(const struct uv_io *uv_io);                  /* this process is a child of the one that opened it */
/* Closes every handle. Run the loop until its closing callbacks and file writes are done (uv_run(loop, UV_RUN_DEFAULT)
 * returns then when nothing else is on the loop), then uv_io_free. */
void uv_io_close(struct uv_io *uv_io);
void uv_io_free(struct uv_io *uv_io);

#endif
