#include "raft/wal/wal_segments.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/wal/wal_recover.h"

enum {
    SLICES_PER_SEGMENT = 16,
    RETRY_US = 100 * 1000,
};

static void retry(void *context)
{
    struct wal_segments *segments = context;
    if (segments->error != GRID_ERR_OK)
        return;
    /* One slice tells whether there is space again; a waiting writer then asks for what it needs. */
    segments->full = false;
    enum grid_err err = wal_segments_cover(segments, wal_segments_prepared(segments) + 1);
    if (err != GRID_ERR_NO_SPACE)
        segments->wake(segments->context);
}

void wal_segments_init(struct wal_segments *segments)
{
    REQUIRE(segments->segment_bytes % WAL_PAGE_BYTES == 0 && segments->segment_bytes > 0);
    segments->slice_bytes = wal_page_align(segments->segment_bytes / SLICES_PER_SEGMENT);
    segments->retry = (struct timer){.fire = retry, .context = segments};
}

void wal_segments_close(struct wal_segments *segments)
{
    clock_timer_stop(segments->clock, &segments->retry);
    while (segments->first != NULL) {
        struct wal_segment *segment = segments->first;
        segments->first = segment->next;
        segments->storage->close(segments->storage, segment->file);
        memory_free(segment);
    }
    segments->last = NULL;
}

static enum grid_err fail(struct wal_segments *segments, enum grid_err err)
{
    if (err == GRID_ERR_NO_SPACE) {
        segments->full = true;
        clock_timer_start(segments->clock, &segments->retry, RETRY_US);
    } else if (segments->error == GRID_ERR_OK) {
        segments->error = err;
    }
    return err;
}

static struct wal_segment *add(struct wal_segments *segments, struct file *file, uint64_t capacity)
{
    struct wal_segment *segment = memory_zero(1, sizeof *segment);
    *segment = (struct wal_segment){.base = segments->end, .capacity = capacity, .file = file};
    if (segments->last == NULL)
        segments->first = segment;
    else
        segments->last->next = segment;
    segments->last = segment;
    segments->end = segment->base + capacity;
    return segment;
}

enum grid_err wal_segments_adopt(struct wal_segments *segments, uint64_t base, uint64_t end)
{
    REQUIRE(segments->first == NULL && base <= end && end % WAL_PAGE_BYTES == 0);
    char name[WAL_NAME_BYTES];
    struct file *file;
    wal_name(base, name);
    enum grid_err err = segments->storage->open(segments->storage, name, false, &file);
    if (err != GRID_ERR_OK)
        return err;
    /* Written under a larger setting, it may be longer than a segment of today: then it is full. */
    uint64_t used = end - base;
    segments->end = base;
    struct wal_segment *segment =
        add(segments, file, used > segments->segment_bytes ? used : segments->segment_bytes);
    segment->prepared = used;
    err = wal_segments_begin(segments, segments->end);
    ENSURE(wal_segments_holds(segments));
    return err == GRID_ERR_NO_SPACE ? GRID_ERR_OK : err;
}

uint64_t wal_segments_prepared(const struct wal_segments *segments)
{
    const struct wal_segment *last = segments->last;
    return last == NULL ? segments->end : last->base + last->prepared;
}

uint64_t wal_segments_end(const struct wal_segments *segments, uint64_t position)
{
    for (const struct wal_segment *segment = segments->first; segment != NULL; segment = segment->next)
        if (position < segment->base + segment->capacity)
            return segment->base + segment->capacity;
    uint64_t ahead = position - segments->end;
    return segments->end + (ahead / segments->segment_bytes + 1) * segments->segment_bytes;
}

static enum grid_err make(struct wal_segments *segments)
{
    char name[WAL_NAME_BYTES];
    struct file *file;
    wal_name(segments->end, name);
    enum grid_err err = segments->storage->open(segments->storage, name, true, &file);
    if (err == GRID_ERR_OK && segments->storage->size(segments->storage, file) != 0) {
        /* Recovery removes what lies behind the log, but nothing stops a person from putting a file here. */
        err = segments->storage->truncate(segments->storage, file, 0);
        if (err != GRID_ERR_OK)
            segments->storage->close(segments->storage, file);
    }
    if (err != GRID_ERR_OK)
        return fail(segments, err);
    add(segments, file, segments->segment_bytes);
    return GRID_ERR_OK;
}

/* Takes a slice where there is one, else just what is missing: the last free pages belong to terms and votes. */
static enum grid_err extend(struct wal_segments *segments, uint64_t missing)
{
    struct wal_segment *last = segments->last;
    uint64_t left = last->capacity - last->prepared;
    uint64_t least = missing < left ? wal_page_align(missing) : left;
    uint64_t most = segments->slice_bytes < left ? segments->slice_bytes : left;
    uint64_t bytes = most > least ? most : least;
    enum grid_err err = segments->storage->allocate(segments->storage, last->file, last->prepared + bytes);
    if (err == GRID_ERR_NO_SPACE && bytes > least) {
        bytes = least;
        err = segments->storage->allocate(segments->storage, last->file, last->prepared + bytes);
    }
    if (err != GRID_ERR_OK)
        return fail(segments, err);
    last->prepared += bytes;
    return GRID_ERR_OK;
}

enum grid_err wal_segments_cover(struct wal_segments *segments, uint64_t position)
{
    HOLDS(wal_segments_holds(segments));
    while (segments->error == GRID_ERR_OK && wal_segments_prepared(segments) < position) {
        if (segments->full)
            return GRID_ERR_NO_SPACE;
        enum grid_err err = GRID_ERR_OK;
        if (segments->last == NULL || segments->last->prepared == segments->last->capacity)
            err = make(segments);
        if (err == GRID_ERR_OK)
            err = extend(segments, position - wal_segments_prepared(segments));
        if (err != GRID_ERR_OK)
            return err;
    }
    return segments->error;
}

enum grid_err wal_segments_begin(struct wal_segments *segments, uint64_t position)
{
    enum grid_err err = wal_segments_cover(segments, position);
    if (err != GRID_ERR_NO_SPACE)
        return err;
    segments->full = false;
    err = wal_segments_cover(segments, wal_segments_prepared(segments) + 1);
    if (err == GRID_ERR_OK)
        clock_timer_stop(segments->clock, &segments->retry);
    return err;
}

/* False: the next slice is being reserved off the loop. */
static bool slice_ready(struct wal_segments *segments)
{
    struct wal_segment *last = segments->last;
    struct storage *storage = segments->storage;
    uint64_t left = last->capacity - last->prepared;
    return storage->reserve == NULL ||
           storage->reserve(storage, last->file, last->prepared + (segments->slice_bytes < left ? segments->slice_bytes : left));
}

void wal_segments_advance(struct wal_segments *segments, uint64_t position)
{
    uint64_t prepared = wal_segments_prepared(segments);
    if (prepared >= position || segments->full || segments->error != GRID_ERR_OK)
        return;
    if ((segments->last == NULL || segments->last->prepared == segments->last->capacity) && make(segments) != GRID_ERR_OK)
        return;
    if (slice_ready(segments))
        (void)wal_segments_cover(segments, prepared + 1);
}

enum grid_err wal_segments_get(struct wal_segments *segments, uint64_t position, uint64_t size,
                               struct wal_segment **ret_segment)
{
    REQUIRE(segments->first == NULL || position >= segments->first->base);
    enum grid_err err = wal_segments_cover(segments, position + size);
    if (err != GRID_ERR_OK)
        return err;
    while (position >= segments->first->base + segments->first->capacity) {
        struct wal_segment *past = segments->first;
        HOLDS(past->next != NULL);
        segments->first = past->next;
        segments->storage->close(segments->storage, past->file);
        memory_free(past);
    }
    ENSURE(position + size <= segments->first->base + segments->first->prepared);
    *ret_segment = segments->first;
    return GRID_ERR_OK;
}

bool wal_segments_holds(const struct wal_segments *segments)
{
    for (const struct wal_segment *segment = segments->first; segment != NULL; segment = segment->next) {
        if (segment->prepared > segment->capacity || segment->file == NULL)
            return false;
        /* Only the last one may be unfinished. */
        if (segment->next != NULL &&
            (segment->prepared != segment->capacity || segment->next->base != segment->base + segment->capacity))
            return false;
    }
    return segments->last == NULL || segments->end == segments->last->base + segments->last->capacity;
}
