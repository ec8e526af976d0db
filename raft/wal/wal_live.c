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

/* Place of the first segment after the oldest one at which the log may begin; `count` if no segment qualifies. */
static size_t next_start(const struct wal_live *live)
{
    size_t start = 1;
    while (start < live->count && !live->segments[start].stated)
        start++;
    return start;
}

/* Whether the group needs nothing of the front: of the segments before `start`. */
static bool covers(const struct wal_live *live, size_t start, uint32_t group, uint64_t index)
{
    for (size_t i = 0; i < start; i++) {
        if (live->segments[i].last[group] > index)
            return false;
    }
    return true;
}

bool wal_live_holds_back(const struct wal_live *live, uint32_t group)
{
    size_t start = next_start(live);
    return start < live->count && !covers(live, start, group, live->covers[group].noted);
}

bool wal_live_front_done(struct wal_live *live, uint64_t synced)
{
    size_t start = next_start(live);
    if (start >= live->count || live->segments[start].base >= synced)
        return false;
    bool done = true;
    for (uint32_t i = 0; i < live->groups; i++) {
        struct wal_live_cover *cover = &live->covers[i];
        if (cover->lsn <= synced)
            *cover = (struct wal_live_cover){cover->noted, cover->noted, 0};
        done = done && covers(live, start, i, cover->index);
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
