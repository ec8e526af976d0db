#include "grid/node/replica/parked.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"

struct parked_read {
    struct waiter waiter;
    uint64_t until_us, position;
    uint32_t limit, map_size;
    uint8_t map[MAP_NAME_BYTES_MAX];
};

void parked_close(struct parked *parked)
{
    memory_free(parked->reads);
    *parked = (struct parked){0};
}

bool parked_add(struct parked *parked, const struct query *query, const struct waiter *waiter, uint64_t until_us)
{
    REQUIRE(query->kind == QUERY_JOURNAL && query->from == JOURNAL_SEQUENCE && query->map.size <= MAP_NAME_BYTES_MAX);
    if (parked->count == PARKED_MAX)
        return false;
    if (parked->count == parked->capacity) {
        parked->capacity = parked->capacity ? parked->capacity * 2 : 8;
        parked->reads = memory_resize(parked->reads, parked->capacity * sizeof *parked->reads);
    }
    struct parked_read *read = &parked->reads[parked->count++];
    *read = (struct parked_read){.waiter = *waiter, .until_us = until_us, .position = query->position,
                                 .limit = query->limit, .map_size = (uint32_t)query->map.size};
    memcpy(read->map, query->map.data, query->map.size);
    return true;
}

void parked_run(struct parked *parked, uint64_t now_us, const struct parked_serve *serve)
{
    size_t kept = 0;
    for (size_t i = 0; i < parked->count; i++) {
        const struct parked_read *read = &parked->reads[i];
        struct query query = {.kind = QUERY_JOURNAL, .from = JOURNAL_SEQUENCE, .position = read->position,
                              .limit = read->limit, .map = bytes_of(read->map, read->map_size)};
        if (read->until_us <= now_us || serve->ready(serve->context, &query))
            serve->serve(serve->context, &query, &read->waiter);
        else if (kept++ != i)
            parked->reads[kept - 1] = *read;
    }
    parked->count = kept;
}
