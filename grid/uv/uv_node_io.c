#include "grid/uv/uv_node_io.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

struct more {
    struct uv_storage storage;
    bool has_storage, dry;
};

static void free_more(void *context)
{
    struct more *more = context;
    if (more->has_storage)
        uv_storage_free(&more->storage);
    memory_free(more);
}

static enum grid_err open_more(const struct uv_node_io_options *options, struct more *more, char **ret_note)
{
    enum grid_err err = GRID_ERR_OK;
    if (options->directory) {
        err = options->dry ? uv_dry_storage_init(&more->storage, options->directory, ret_note)
                           : uv_storage_init(&more->storage, options->loop, options->directory, ret_note);
        more->has_storage = err == GRID_ERR_OK;
    }
    return err;
}

enum grid_err uv_node_io_open(const struct uv_node_io_options *options, struct uv_io **ret_io, char **ret_note)
{
    REQUIRE(options->loop);
    struct more *more = memory_zero(1, sizeof *more);
    more->dry = options->dry;
    enum grid_err err = open_more(options, more, ret_note);
    if (err != GRID_ERR_OK) {
        free_more(more);
        return err;
    }
    struct uv_io *uv_io = uv_io_open(options->loop);
    uv_io->transport.tcp_only = options->tcp_only;
    uv_io->transport.silent = options->dry;
    uv_io->io.storage = more->has_storage ? &more->storage.base : NULL;
    uv_io->free_more = free_more;
    uv_io->more = more;
    *ret_io = uv_io;
    return GRID_ERR_OK;
}

enum grid_err uv_node_io_set_aside(struct uv_io *uv_io, char **ret_where, char **ret_note)
{
    struct more *more = uv_io->more;
    REQUIRE(more && more->has_storage);
    *ret_where = NULL;
    if (!more->dry)
        return uv_directory_set_aside(more->storage.directory, ret_where, ret_note);
    more->storage.emptied = true;
    return GRID_ERR_OK;
}
