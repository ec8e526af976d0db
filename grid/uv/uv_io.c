#include "grid/uv/uv_io.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

static uint64_t entropy_u64_(struct entropy *entropy)
{
    uint64_t value;
    (void)entropy;
    HOLDS(uv_random(NULL, NULL, &value, sizeof value, 0, NULL) == 0);
    return value;
}

struct uv_io *uv_io_open(uv_loop_t *loop)
{
    REQUIRE(loop);
    struct uv_io *uv_io = memory_zero(1, sizeof *uv_io);
    uv_transport_init(&uv_io->transport, loop, false);
    uv_clock_init(&uv_io->clock, loop, &uv_io->transport);
    uv_io->entropy.u64 = entropy_u64_;
    uv_io->io = (struct io){.clock = &uv_io->clock.base, .transport = &uv_io->transport.base, .entropy = &uv_io->entropy};
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

void uv_io_on_turn(struct uv_io *uv_io, void (*turn)(void *context, uint64_t busy_us), void *context)
{
    uv_clock_on_turn(&uv_io->clock, turn, context);
}

bool uv_io_forked(const struct uv_io *uv_io)
{
    return uv_home_left(&uv_io->transport.home);
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
    if (uv_io->free_more)
        uv_io->free_more(uv_io->more);
    memory_free(uv_io);
}
