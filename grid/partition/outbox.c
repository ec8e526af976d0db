#include "grid/partition/outbox.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

struct outbox { uint64_t version; };

struct outbox *outbox_open(void)
{
    return memory_zero(1, sizeof(struct outbox));
}

void outbox_close(struct outbox *outbox)
{
    memory_free(outbox);
}

uint64_t outbox_pending(const struct outbox *outbox)
{
    REQUIRE(outbox != NULL);
    return 0;
}

uint64_t outbox_version(const struct outbox *outbox)
{
    return outbox->version;
}

void outbox_each(const struct outbox *outbox, outbox_range_fn each, void *context)
{
    REQUIRE(outbox != NULL && each != NULL);
    (void)context;
}

size_t outbox_read(const struct outbox *outbox, uint32_t destination, uint64_t sequence, size_t bytes_max,
                   outbox_message_fn each, void *context)
{
    REQUIRE(outbox != NULL && each != NULL);
    (void)destination, (void)sequence, (void)bytes_max, (void)context;
    return 0;
}

uint64_t outbox_digest(const struct outbox *outbox)
{
    return outbox->version;
}

void outbox_holds(const struct outbox *outbox)
{
    HOLDS(outbox != NULL);
}
