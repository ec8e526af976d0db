/* Clock, transport and entropy, with the storage that a node also needs.
 *
 * Opens a struct uv_io, which is used and closed as uv_io.h says. Clients do not link this part. */
#ifndef GRID_UV_UV_NODE_IO_H
#define GRID_UV_UV_NODE_IO_H

#include "grid/uv/uv_io.h"

/* `directory` holds the files of the storage and must exist; NULL: no storage. Errors: IO, with a note for people
 * (memory_free). */
struct uv_node_io_options {
    uv_loop_t *loop;
    const char *directory;
    bool tcp_only;                     /* opens no Unix sockets for loopback addresses */
    bool dry;                          /* checks whether everything can be opened: writes, creates and connects nothing. For a node that is
                                        * opened and closed without running the loop in between */
};
enum grid_err uv_node_io_open(const struct uv_node_io_options *options, struct uv_io **ret_io, char **ret_note);
/* Moves log, manifest and identity into another folder; with `dry` they only become invisible. *ret_where says which files went
 * where, NULL: there were none, or `dry` (memory_free). Before the node is opened. Errors: IO, with a note (memory_free). */
enum grid_err uv_node_io_set_aside(struct uv_io *uv_io, char **ret_where, char **ret_note);

#endif
