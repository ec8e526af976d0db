#include "raft/wal/wal_live.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

void wal_live_init(struct wal_live *live, uint32_t groups)
{
    *live = (struct wal_live){.groups = groups, .covers = memory_zero(groups, sizeof *live->covers)};
}

void wal_live_close(struct wal_live *live)
{
    for (size_t i = 0; i < live->count; i++)
        memory_free(live->segments[i].last);
    memory_free(live->segments);
    memory_free(live->covers);
    *live = (struct wal_live){0};
}

void wal_live_begin(struct wal_live *live, uint64_t base, bool stated)
{
    REQUIRE(live->count == 0 || base > live->segments[live->count - 1].base);
    if (live->count == live->capacity) {
        live->capacity = live->capacity == 0 ? 16 : live->capacity * 2;
        live->segments = memory_resize(live->segments, live->capacity * sizeof *live->segments);
    }
    live->segments[live->count++] = (struct wal_live_segment){
        .base = base, .stated = stated, .last = memory_zero(live->groups, sizeof *live->segments->last)};
}

void wal_live_entries(struct wal_live *live, uint32_t group, uint64_t index)
{
    /* After a truncation an older segment may seem to be needed for longer than it is. */
    if (live->count != 0)
        live->segments[live->count - 1].last[group] = index;
}

void wal_live_cover(struct wal_live *live, uint32_t group, uint64_t index, uint64_t lsn)
{
    struct wal_live_cover *cover = &live->covers[group];
    REQUIRE(index >= cover->index);
    *cover = (struct wal_live_cover){lsn == 0 ? index : cover->index, index, lsn};
}

static bool covers(const struct wal_live_segment *segment, uint32_t group, uint64_t index)
{
    return segment->last[group] <= index;
}

bool wal_live_holds_back(const struct wal_live *live, uint32_t group)
{
    return live->count > 1 && !covers(&live->segments[0], group, live->covers[group].noted);
}

bool wal_live_front_done(struct wal_live *live, uint64_t synced)
{
    if (live->count < 2 || !live->segments[1].stated || live->segments[1].base >= synced)
        return false;
    bool done = true;
    for (uint32_t i = 0; i < live->groups; i++) {
        struct wal_live_cover *cover = &live->covers[i];
        if (cover->lsn <= synced)
            *cover = (struct wal_live_cover){cover->noted, cover->noted, 0};
        done = done && covers(&live->segments[0], i, cover->index);
    }
    return done;
}

void wal_live_drop_front(struct wal_live *live)
{
    REQUIRE(live->count > 1);
    memory_free(live->segments[0].last);
    live->count--;
    memmove(live->segments, live->segments + 1, live->count * sizeof *live->segments);
}
