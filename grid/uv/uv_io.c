#include "grid/uv/uv_io.h"

#include <stdarg.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/inside.h"

struct uv_io {
    struct io io;
    struct uv_clock clock;
    struct uv_transport transport;
    struct uv_storage storage;
    struct entropy entropy;
    struct uv_ledger *ledger;
    bool has_storage;
};

static uint64_t entropy_u64_(struct entropy *entropy)
{
    uint64_t value;
    (void)entropy;
    HOLDS(uv_random(NULL, NULL, &value, sizeof value, 0, NULL) == 0);
    return value;
}

char *uv_note(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return memory_copy(text, size < (int)sizeof text ? (size_t)size + 1 : sizeof text);
}

enum grid_err uv_io_open_options(const struct uv_io_options *options, struct uv_io **ret_io, char **ret_note)
{
    REQUIRE(options->loop);
    struct uv_io *uv_io = memory_zero(1, sizeof *uv_io);
    enum grid_err err = GRID_ERR_OK;
    if (options->directory) {
        err = options->dry ? uv_dry_storage_init(&uv_io->storage, options->directory, ret_note)
                           : uv_storage_init(&uv_io->storage, options->loop, options->directory, ret_note);
        uv_io->has_storage = err == GRID_ERR_OK;
    }
    if (err == GRID_ERR_OK && options->set_aside)
        err = uv_directory_set_aside(options->directory, options->ret_set_aside, ret_note);
    if (err == GRID_ERR_OK && options->ledger && options->dry)
        err = uv_dry_ledger_check(options->ledger, ret_note);
    else if (err == GRID_ERR_OK && options->ledger)
        err = uv_ledger_open(options->loop, options->ledger, &uv_io->ledger, ret_note);
    if (err != GRID_ERR_OK) {
        if (uv_io->has_storage)
            uv_storage_free(&uv_io->storage);
        memory_free(uv_io);
        return err;
    }
    uv_transport_init(&uv_io->transport, options->loop, options->tcp_only);
    uv_io->transport.silent = options->dry;
    uv_clock_init(&uv_io->clock, options->loop, &uv_io->transport);
    uv_io->entropy.u64 = entropy_u64_;
    uv_io->io = (struct io){.clock = &uv_io->clock.base, .transport = &uv_io->transport.base, .entropy = &uv_io->entropy,
                            .storage = uv_io->has_storage ? &uv_io->storage.base : NULL,
                            .sink = uv_io->ledger ? uv_ledger_sink(uv_io->ledger) : NULL};
    *ret_io = uv_io;
    return GRID_ERR_OK;
}

struct uv_io *uv_io_open(uv_loop_t *loop, const char *directory)
{
    struct uv_io *uv_io = NULL;
    char *note = NULL;
    HOLDS(uv_io_open_options(&(struct uv_io_options){.loop = loop, .directory = directory}, &uv_io, &note) == GRID_ERR_OK);
    return uv_io;
}

struct io *uv_io_io(struct uv_io *uv_io)
{
    return &uv_io->io;
}

uint64_t uv_io_connections_shed(const struct uv_io *uv_io)
{
    return uv_io->transport.shed;
}

void uv_io_close(struct uv_io *uv_io)
{
    uv_transport_close(&uv_io->transport);
    uv_clock_close(&uv_io->clock);
}

void uv_io_free(struct uv_io *uv_io)
{
    uv_transport_free(&uv_io->transport);
    uv_clock_free(&uv_io->clock);
    if (uv_io->has_storage)
        uv_storage_free(&uv_io->storage);
    if (uv_io->ledger)
        uv_ledger_free(uv_io->ledger);
    memory_free(uv_io);
}
