/* Names for endpoints, kept in a file of the user's.
 *
 * The file is $XDG_CONFIG_HOME/gridiron/contexts.json (~/.config/… without that variable):
 *
 *     {"current": "production", "contexts": [{"name": "production", "endpoints": "10.0.0.1:7400,10.0.0.2:7400",
 *       "cluster": "6f1c…"}]}
 *
 * `cluster` is the UUID of the cluster that the endpoints must lead to, and may be absent. `current` is null or absent when no context is in use. It is read strictly: what this version does not know is an error
 * and never dropped. A change replaces the file at once; of two changes at the same time one may be lost.
 *
 * A name has up to 64 letters, digits, '-', '_' and '.'. Reasons are for people and name the file. Threads: none. */
#ifndef TOOLS_GRIDCTL_COMMANDS_CLUSTER_CONTEXTS_H
#define TOOLS_GRIDCTL_COMMANDS_CLUSTER_CONTEXTS_H

#include "grid/base/bytes.h"

enum { CONTEXTS_MAX = 256, CONTEXT_NAME_BYTES_MAX = 64, CONTEXTS_FILE_BYTES_MAX = 1024 * 1024 };

struct context { char *name, *endpoints, *cluster; };              /* cluster NULL: any */

struct contexts {
    struct context items[CONTEXTS_MAX];    /* by name */
    size_t count;
    char *current;                         /* NULL: none */
};

/* The file's path, with a closing zero. False: the environment names no folder for it (`xdg` and `home` may be NULL). */
bool contexts_path(const char *xdg, const char *home, struct buffer *ret_path);
/* A file that is not there holds nothing. False, with a reason and nothing to close. */
bool contexts_read(struct contexts *contexts, const char *path, struct buffer *reason);
/* Creates folders that are missing, for the user alone. */
bool contexts_write(const struct contexts *contexts, const char *path, struct buffer *reason);
void contexts_close(struct contexts *contexts);

bool contexts_name_valid(const char *name);
const struct context *contexts_find(const struct contexts *contexts, const char *name);        /* NULL: no context has this name */
/* Adds or changes one; `cluster` may be NULL. False: there are CONTEXTS_MAX. */
bool contexts_put(struct contexts *contexts, const char *name, const char *endpoints, const char *cluster);
bool contexts_cluster_valid(const char *cluster);                                              /* a UUID */
void contexts_remove(struct contexts *contexts, const char *name);         /* the current one: none is current then */
void contexts_use(struct contexts *contexts, const char *name);            /* NULL: none */

#endif
