#include "grid/node/ports/inflows.h"

#include "grid/base/memory.h"

static struct inflow *find(const struct inflows *inflows, uint32_t source)
{
    for (size_t i = 0; i < inflows->count; i++)
        if (inflows->rows[i].source == source)
            return &inflows->rows[i];
    return NULL;
}

uint64_t inflows_proposed(const struct inflows *inflows, uint32_t source)
{
    const struct inflow *inflow = find(inflows, source);
    return inflow ? inflow->proposed : 0;
}

void inflows_raise(struct inflows *inflows, uint32_t source, uint64_t proposed)
{
    struct inflow *inflow = find(inflows, source);
    if (!inflow) {
        if (inflows->count == inflows->capacity) {
            inflows->capacity = inflows->capacity ? inflows->capacity * 2 : 8;
            inflows->rows = memory_resize(inflows->rows, inflows->capacity * sizeof *inflows->rows);
        }
        inflow = &inflows->rows[inflows->count++];
        inflow->source = source;
    }
    inflow->proposed = proposed;
}

void inflows_clear(struct inflows *inflows)
{
    inflows->count = 0;
}

void inflows_close(struct inflows *inflows)
{
    memory_free(inflows->rows);
    *inflows = (struct inflows){0};
}
