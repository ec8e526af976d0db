/* The program around a node: configuration, logging, signals, one loop, one node.
 *
 * The author of a program provides its services and the destinations of their activities. The
 * program gridiron is services/host/main.c; a program with other services is equal except for its table. */
#ifndef GRID_NODE_PROCESS_PROGRAM_H
#define GRID_NODE_PROCESS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "grid/base/err.h"
#include "grid/io/sink.h"

struct service_registry;
struct uv_loop_s;                      /* uv_loop_t */

/* A destination that a setting turns on: a text that says where it is; empty: this node has none. */
struct program_destination {
    const char *setting, *meaning;     /* path of the setting and its line in --help */
    /* Errors: IO, with a note for people (memory_free). */
    enum grid_err (*open)(struct uv_loop_s *loop, const char *value, struct sink **ret_sink, char **ret_note);
    void (*close)(struct sink *sink);  /* after the node was closed and the loop has ended */
    /* For --check: could it be opened? Changes nothing. */
    enum grid_err (*check)(const char *value, char **ret_note);
};

struct program_parts {
    const struct service_registry *services;
    const struct program_destination *destinations;
    size_t destinations_count;         /* at most CONFIG_MORE_MAX (config.h) */
};

/* The main function of such a program; returns its exit status. Borrows the parts. */
int program_main(int count, char **values, const struct program_parts *parts);

#endif
