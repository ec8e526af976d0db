#include "raft/wal/wal.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "raft/wal/wal_fold.h"
#include "raft/wal/wal_record.h"
#include "raft/wal/wal_recover.h"
#include "raft/wal/wal_segments.h"

enum {
    SEGMENT_BYTES_DEFAULT = LOG_SEGMENT_BYTES_USUAL,
    SEGMENT_BYTES_MIN = 4 * WAL_PAGE_BYTES,
    /* Entries beyond this go into the next record, so that little of a segment's end stays unused. */
    RECORD_BYTES_AIM = 1024 * 1024,
    /* A buffer that one burst made larger than this is given back. */
    BUFFER_BYTES_KEPT = 16 * 1024 * 1024,
    /* 1/n of a segment stays back for terms and votes when the disk is full. */
    RESERVE_PARTS = 16,
    /* Between two lines about how far a long reading of the log is. */
    SAY_EVERY_MS = 5000,
};

_Static_assert(LOG_SEGMENT_BYTES_LEAST > WAL_FLUSH_HEADER_BYTES + WAL_RECORD_HEADER_BYTES + WAL_ENTRIES_HEADER_BYTES +
                                             WAL_ENTRY_HEADER_BYTES + ENTRY_BYTES_MAX + WAL_PAGE_BYTES,
               "the largest entry fits the smallest segment that can be configured");
_Static_assert(LOG_SEGMENT_BYTES_STEP % WAL_PAGE_BYTES == 0, "segments are made of pages");

/* The META of a group that waits in a flush of this number, if that is still in the queue. */
struct waiting_meta { struct wal_flush *flush; uint64_t serial; size_t start; };

/* One write to the log: a header and the records that came in while the write before it was under way. */
struct wal_flush {
    struct wal *wal;                          /* NULL once abandoned */
    struct wal_flush *next;
    struct buffer bytes;
    uint64_t position, previous;
    uint64_t end;                             /* lsn that its completion makes durable */
    uint64_t started_us;
    uint64_t serial;
    uint32_t records;
    uint16_t version;
    bool sync;
    struct storage *storage;                  /* with file: for closing after it was abandoned */
    struct file *file;
    struct storage_write write;
};

struct wal_metrics {
    struct metric_counter *flushes, *records, *bytes, *removed, *freed;
    struct metric_histogram *duration;
};

struct wal {
    struct wal_options options;
    struct wal_fold fold;
    struct wal_segments segments;
    struct wal_metrics metrics;
    struct deferred kick;
    uint64_t epoch;
    struct wal_epoch_end *epochs;             /* of earlier openings */
    size_t epochs_count;
    uint64_t epochs_forgotten;                /* the newest opening that is not among them any more */
    uint16_t version;                         /* of the flushes that are written */
    size_t states_bytes;                      /* of the state records of a segment */
    uint64_t segment_serial;                  /* of the first flush in the current segment */
    uint64_t end;                             /* lsn of the last record appended */
    uint64_t durable;
    uint64_t written;                         /* lsn that counts as durable as soon as its segment is known */
    uint64_t begun, known;                    /* ends of segments: the newest of which was told, and the newest that is known */
    uint64_t synced;                          /* end of the last flush that was synced; what headers state */
    uint64_t chain_end;                       /* where the next flush begins */
    uint64_t limit;                           /* end of the segment in which chain_end lies (or which it ends) */
    struct wal_flush *queue_first, *queue_last;
    struct wal_flush *active;                 /* the last of the queue while records may join it */
    struct wal_flush *in_flight, *spare;
    uint64_t flushes;                         /* opened; the last one's serial */
    struct waiting_meta *metas;               /* by group */
    bool kicked_twice;                        /* the kick runs after all other work of this iteration */
    bool empty, failed;
};

bool wal_holds(const struct wal *wal)
{
    if (wal->durable > wal->end || wal->end > wal->chain_end || wal->synced > wal->chain_end)
        return false;
    if (wal->active != NULL && wal->active != wal->queue_last)
        return false;
    return wal->chain_end <= wal->limit && (wal->queue_first == NULL) == (wal->queue_last == NULL);
}

static void start_flush(struct wal *wal);

static void free_flush(struct wal_flush *flush)
{
    buffer_close(&flush->bytes);
    memory_free(flush);
}

static void recycle(struct wal *wal, struct wal_flush *flush)
{
    /* One is written and one is filled. */
    bool enough = wal->spare != NULL && wal->spare->next != NULL;
    if (enough || flush->bytes.capacity > BUFFER_BYTES_KEPT) {
        free_flush(flush);
        return;
    }
    flush->next = wal->spare;
    wal->spare = flush;
}

/* Reports a failure of the disk, once. The log is dead from here on: what reached the disk is unknown (I37). */
static void fail(struct wal *wal, enum grid_err err, const char *what)
{
    if (wal->failed)
        return;
    wal->failed = true;
    wal->options.failed(wal->options.context, err, what);
}

static void begin_segment(struct wal *wal);

static struct wal_flush *open_flush(struct wal *wal, uint64_t position)
{
    HOLDS(wal->active == NULL && position >= wal->chain_end);
    bool begins = position == wal->limit || position == 0;
    struct wal_flush *flush = wal->spare;
    if (flush != NULL)
        wal->spare = flush->next;
    else
        flush = memory_zero(1, sizeof *flush);
    struct buffer bytes = flush->bytes;
    buffer_clear(&bytes);
    buffer_extend(&bytes, WAL_FLUSH_HEADER_BYTES);
    *flush = (struct wal_flush){
        .wal = wal, .bytes = bytes, .position = position, .previous = wal->chain_end, .end = wal->end, .serial = ++wal->flushes,
        .version = wal->version};
    if (wal->queue_last == NULL)
        wal->queue_first = flush;
    else
        wal->queue_last->next = flush;
    wal->queue_last = wal->active = flush;
    wal->chain_end = position + WAL_PAGE_BYTES;
    wal->limit = wal_segments_end(&wal->segments, position);
    clock_defer(wal->options.clock, &wal->kick);
    if (begins)
        begin_segment(wal);
    return flush;
}

/* Before the log moves on to the next segment everything in this one must be synced or be about to: a sync of the
 * next file does not cover this one. With durability "os" nobody else asks for it. */
static void close_segment(struct wal *wal)
{
    bool unsynced = !wal->options.sync && wal->synced < wal->chain_end;
    if (wal->active == NULL && unsynced && wal->chain_end < wal->limit)
        open_flush(wal, wal->chain_end);
    if (wal->active != NULL)
        wal->active->sync = true;
    wal->active = NULL;
}

/* The flush that takes a record of `size` bytes. */
static struct wal_flush *flush_for(struct wal *wal, size_t size)
{
    if (wal->active != NULL) {
        if (wal->active->position + wal->active->bytes.size + size <= wal->limit)
            return wal->active;
    } else if (wal->chain_end + WAL_FLUSH_HEADER_BYTES + size <= wal->limit) {
        return open_flush(wal, wal->chain_end);
    }
    uint64_t base = wal->limit;
    close_segment(wal);
    struct wal_flush *flush = open_flush(wal, base);
    REQUIRE(base + flush->bytes.size + size <= wal->limit);
    return flush;
}

/* A record is opened with the size of its payload, filled by the caller, and then appended. */
struct open_record { struct wal_flush *flush; size_t start, payload_bytes; };

static struct open_record open_record(struct wal *wal, enum wal_record_type type, uint32_t group, size_t payload_bytes)
{
    struct wal_flush *flush = flush_for(wal, WAL_RECORD_HEADER_BYTES + payload_bytes);
    struct wal_record record = {
        .type = type,
        .group = group,
        .position = flush->position + flush->bytes.size,
        .epoch = wal->epoch,
    };
    return (struct open_record){flush, wal_record_begin(&flush->bytes, &record), payload_bytes};
}

static uint64_t append_record(struct wal *wal, const struct open_record *record)
{
    struct wal_flush *flush = record->flush;
    ENSURE(flush->bytes.size == record->start + WAL_RECORD_HEADER_BYTES + record->payload_bytes);
    wal_record_seal(&flush->bytes, record->start);
    flush->records++;
    flush->end = wal->end = flush->position + flush->bytes.size;
    wal->chain_end = wal_page_align(wal->end);
    HOLDS(wal_holds(wal));
    return wal->end;
}

/* With a full disk: replaces the META of the group that is still in the queue. 0: the queue has no META of this group.
 * The last META counts, unless the state at the beginning of a segment has repeated it: entries between the two are of no later term, and a term and vote hold for everything behind them. */
static uint64_t replace_meta(struct wal *wal, uint32_t group, uint64_t term, uint64_t vote)
{
    const struct waiting_meta *meta = &wal->metas[group];
    if (!wal->segments.full || wal->queue_first == NULL || meta->serial < wal->queue_first->serial || meta->serial < wal->segment_serial)
        return 0;
    struct buffer *bytes = &meta->flush->bytes;
    struct buffer payload = {0};
    wal_meta_put(&payload, term, vote);
    HOLDS(meta->flush->serial == meta->serial && payload.size == WAL_META_BYTES);
    memcpy(bytes->data + meta->start + WAL_RECORD_HEADER_BYTES, payload.data, payload.size);
    buffer_close(&payload);
    wal_record_reseal(bytes, meta->start);
    return meta->flush->position + meta->start + WAL_RECORD_HEADER_BYTES + WAL_META_BYTES;
}

uint64_t wal_append_meta(struct wal *wal, uint32_t group, uint64_t term, uint64_t vote)
{
    REQUIRE(group < wal->options.groups);
    struct wal_cursor *cursor = &wal->fold.groups[group].cursor, after = *cursor;
    REQUIRE(wal_cursor_meta(&after, term, vote) == NULL);
    uint64_t end = replace_meta(wal, group, term, vote);
    /* The record may be the first of a segment, which begins with the state before it. */
    struct open_record record = end != 0 ? (struct open_record){0} : open_record(wal, WAL_RECORD_META, group, WAL_META_BYTES);
    *cursor = after;
    if (end != 0)
        return end;
    wal->metas[group] = (struct waiting_meta){record.flush, record.flush->serial, record.start};
    wal_meta_put(&record.flush->bytes, term, vote);
    record.flush->sync = true;
    return append_record(wal, &record);
}

static size_t entry_bytes(const struct wal_entry *entry)
{
    return WAL_ENTRY_HEADER_BYTES + entry->data.size;
}

/* How many of the entries go into one record: as many as fit the aim, at least one. */
static size_t entries_in_record(const struct wal *wal, const struct wal_entry *entries, size_t count, size_t *ret_bytes)
{
    size_t aim = wal->options.segment_bytes / 4 < RECORD_BYTES_AIM ? (size_t)wal->options.segment_bytes / 4
                                                                    : (size_t)RECORD_BYTES_AIM;
    size_t taken = 1, bytes = WAL_ENTRIES_HEADER_BYTES + entry_bytes(&entries[0]);
    while (taken < count && bytes + entry_bytes(&entries[taken]) <= aim)
        bytes += entry_bytes(&entries[taken++]);
    *ret_bytes = bytes;
    return taken;
}

uint64_t wal_append_entries(struct wal *wal, uint32_t group, uint64_t first_index, const struct wal_entry *entries,
                            size_t count)
{
    REQUIRE(group < wal->options.groups && count > 0);
    struct wal_cursor *cursor = &wal->fold.groups[group].cursor, after = *cursor;
    REQUIRE(wal_cursor_entries(&after, first_index, count) == NULL);
    for (size_t at = 0; at < count;) {
        size_t payload_bytes;
        size_t taken = entries_in_record(wal, entries + at, count - at, &payload_bytes);
        struct open_record record = open_record(wal, WAL_RECORD_ENTRIES, group, payload_bytes);
        wal_entries_put(&record.flush->bytes, first_index + at, (uint32_t)taken);
        for (size_t i = 0; i < taken; i++) {
            const struct wal_entry *entry = &entries[at + i];
            struct wal_entry_view view = {.term = entry->term, .type = entry->type, .data = entry->data};
            wal_entry_put(&record.flush->bytes, &view);
        }
        append_record(wal, &record);
        at += taken;
        cursor->next_index = first_index + at;
        wal_live_entries(&wal->fold.live, group, cursor->next_index - 1);
    }
    ENSURE(cursor->next_index == after.next_index);
    return wal->end;
}

uint64_t wal_append_truncate(struct wal *wal, uint32_t group, uint64_t index)
{
    REQUIRE(group < wal->options.groups);
    struct wal_cursor *cursor = &wal->fold.groups[group].cursor, after = *cursor;
    REQUIRE(wal_cursor_truncate(&after, index) == NULL);
    struct open_record record = open_record(wal, WAL_RECORD_TRUNCATE, group, WAL_TRUNCATE_BYTES);
    *cursor = after;
    wal_truncate_put(&record.flush->bytes, index);
    return append_record(wal, &record);
}

/* ---- snapshots, and what goes with them */

/* What an older program would not understand begins here. */
static void raise_version(struct wal *wal, struct wal_flush *flush)
{
    flush->version = wal->version = WAL_FORMAT_VERSION;
}

static uint64_t append_snapshot(struct wal *wal, enum wal_record_type type, uint32_t group, const struct wal_snapshot *snapshot)
{
    REQUIRE(group < wal->options.groups && snapshot->term != 0);
    struct wal_cursor *cursor = &wal->fold.groups[group].cursor, after = *cursor;
    REQUIRE((type == WAL_RECORD_INSTALL ? wal_cursor_install(&after, snapshot->index)
                                        : wal_cursor_snapshot(&after, snapshot->index)) == NULL);
    struct open_record record = open_record(wal, type, group, WAL_SNAPSHOT_HEADER_BYTES + snapshot->configuration.size);
    *cursor = after;
    raise_version(wal, record.flush);
    wal_snapshot_put(&record.flush->bytes, snapshot);
    record.flush->sync = true;
    uint64_t end = append_record(wal, &record);
    wal->states_bytes += snapshot->configuration.size - wal->fold.groups[group].snapshot.configuration.size;
    wal_fold_note(&wal->fold, group, snapshot);
    wal_live_cover(&wal->fold.live, group, snapshot->index, end);
    return end;
}

uint64_t wal_append_snapshot(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot)
{
    return append_snapshot(wal, WAL_RECORD_SNAPSHOT, group, snapshot);
}

uint64_t wal_append_install(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot)
{
    return append_snapshot(wal, WAL_RECORD_INSTALL, group, snapshot);
}

static size_t state_bytes(const struct wal *wal, uint32_t group)
{
    return WAL_STATE_HEADER_BYTES + WAL_SNAPSHOT_HEADER_BYTES + wal->fold.groups[group].snapshot.configuration.size;
}

static void append_epochs(struct wal *wal)
{
    size_t dropped = wal->epochs_count > WAL_EPOCHS_KEPT ? wal->epochs_count - WAL_EPOCHS_KEPT : 0;
    size_t kept = wal->epochs_count - dropped;
    uint64_t forgotten = dropped != 0 ? wal->epochs[dropped - 1].epoch : wal->epochs_forgotten;
    struct open_record record = open_record(wal, WAL_RECORD_EPOCHS, 0, WAL_EPOCHS_HEADER_BYTES + kept * WAL_EPOCH_BYTES);
    wal_epochs_put(&record.flush->bytes, forgotten, (uint32_t)kept);
    for (size_t i = 0; i < kept; i++)
        wal_epoch_put(&record.flush->bytes, wal->epochs[dropped + i]);
    append_record(wal, &record);
}

/* The state records of a segment, and the list of epochs at its largest. */
static size_t count_states(const struct wal *wal)
{
    size_t bytes = WAL_RECORD_HEADER_BYTES + WAL_EPOCHS_HEADER_BYTES + WAL_EPOCHS_KEPT * WAL_EPOCH_BYTES;
    for (uint32_t i = 0; i < wal->options.groups; i++)
        bytes += WAL_RECORD_HEADER_BYTES + state_bytes(wal, i);
    return bytes;
}

/* A log of the first version cannot begin in the middle. */
static void begin_segment(struct wal *wal)
{
    bool stated = wal->version != WAL_FORMAT_FIRST;
    struct wal_flush *flush = wal->active;
    wal->segment_serial = flush->serial;
    wal_live_begin(&wal->fold.live, flush->position, stated);
    if (!stated)
        return;
    append_epochs(wal);
    for (uint32_t i = 0; i < wal->options.groups; i++) {
        struct wal_state_view state;
        struct open_record record = open_record(wal, WAL_RECORD_STATE, i, state_bytes(wal, i));
        wal_fold_state(&wal->fold, i, &state);
        wal_state_put(&record.flush->bytes, &state);
        append_record(wal, &record);
    }
    ENSURE(wal->active == flush);
}

bool wal_collect(struct wal *wal)
{
    struct wal_live *live = &wal->fold.live;
    if (wal->failed || !wal_live_front_done(live, wal->synced))
        return false;
    char name[WAL_NAME_BYTES];
    wal_name(live->segments[0].base, name);
    enum grid_err err = wal->options.storage->remove(wal->options.storage, name);
    /* A file that is already gone needs no removal. */
    if (err != GRID_ERR_OK && err != GRID_ERR_NOT_FOUND) {
        fail(wal, err, "removing a segment of the log failed");
        return false;
    }
    uint64_t before = wal_disk_bytes(wal);
    wal_live_drop_front(live);
    if (wal->metrics.removed != NULL) {
        wal->metrics.removed->value++;
        wal->metrics.freed->value += before - wal_disk_bytes(wal);
    }
    return wal_live_front_done(live, wal->synced);
}

bool wal_holds_back(const struct wal *wal, uint32_t group)
{
    REQUIRE(group < wal->options.groups);
    return wal_live_holds_back(&wal->fold.live, group);
}

/* Prepares the next segment, slice by slice, over the second half of this one. */
static bool wants_space(const struct wal *wal)
{
    uint64_t ahead = wal->chain_end + wal->options.segment_bytes / 2;
    return ahead > wal->limit && wal_segments_prepared(&wal->segments) < wal->limit + wal->options.segment_bytes &&
           !wal->segments.full;
}

/* Last in its caller: the listener may close the log. */
static void report(struct wal *wal)
{
    bool known = wal->options.segment_begun == NULL || !wal->options.sync || wal->known >= wal->begun;
    if (wal->failed || !known || wal->written <= wal->durable)
        return;
    wal->durable = wal->written;
    wal->options.durable(wal->options.context, wal->durable);
}

static void tell_segment(struct wal *wal, uint64_t position)
{
    uint64_t end = wal_segments_end(&wal->segments, position);
    if (end <= wal->begun || wal->options.segment_begun == NULL || !wal->options.sync)
        return;
    wal->begun = end;
    wal->options.segment_begun(wal->options.context, end);
}

void wal_segment_known(struct wal *wal, uint64_t segment_end)
{
    REQUIRE(segment_end <= wal->begun);
    wal->known = segment_end > wal->known ? segment_end : wal->known;
    report(wal);
}

static void on_written(void *context, enum grid_err err)
{
    struct wal_flush *flush = context;
    struct wal *wal = flush->wal;
    if (wal == NULL) {
        flush->storage->close(flush->storage, flush->file);
        free_flush(flush);
        return;
    }
    HOLDS(wal->in_flight == flush);
    wal->in_flight = NULL;
    if (err != GRID_ERR_OK) {
        free_flush(flush);
        fail(wal, err, "writing the log failed");
        return;
    }
    uint64_t position = flush->position;
    wal->written = flush->end > wal->written ? flush->end : wal->written;
    if (flush->write.sync)
        wal->synced = flush->position + flush->bytes.size;
    if (wal->metrics.duration != NULL)
        metric_observe_us(wal->metrics.duration, clock_now_us(wal->options.clock) - flush->started_us);
    recycle(wal, flush);
    if (wal->queue_first != NULL || wants_space(wal))
        clock_defer(wal->options.clock, &wal->kick);
    HOLDS(wal_holds(wal));
    if (!wal->failed)
        tell_segment(wal, position);
    report(wal);
}

static void seal(struct wal *wal, struct wal_flush *flush, const struct wal_segment *segment)
{
    struct wal_flush_header header = {
        .version = flush->version,
        .size = (uint32_t)flush->bytes.size,
        .epoch = wal->epoch,
        .position = flush->position,
        .previous = flush->previous,
        .durable = wal->synced,
        .records = flush->records,
        .owner = wal->options.owner,
    };
    wal_flush_header_put(flush->bytes.data, &header);
    size_t padding = (size_t)(wal_page_align(flush->bytes.size) - flush->bytes.size);
    if (padding > 0)
        memset(buffer_extend(&flush->bytes, padding), 0, padding);
    /* Nothing can follow in the segment that would sync it later. */
    bool fills = flush->position + flush->bytes.size == segment->base + segment->capacity;
    flush->write = (struct storage_write){
        .offset = flush->position - segment->base,
        .data = buffer_bytes(&flush->bytes),
        .sync = wal->options.sync || flush->sync || fills,
        .done = on_written,
        .context = flush,
    };
    flush->storage = wal->options.storage;
    flush->file = segment->file;
}

static void count_flush(struct wal *wal, const struct wal_flush *flush)
{
    if (wal->options.metrics == NULL)
        return;
    wal->metrics.flushes->value++;
    wal->metrics.records->value += flush->records;
    wal->metrics.bytes->value += flush->bytes.size;
}

/* Writes the first of the queue, unless a write is under way or there is no space for it. */
static void start_flush(struct wal *wal)
{
    struct wal_flush *flush = wal->queue_first;
    if (wal->failed || wal->in_flight != NULL || flush == NULL)
        return;
    struct wal_segment *segment;
    enum grid_err err =
        wal_segments_get(&wal->segments, flush->position, wal_page_align(flush->bytes.size), &segment);
    if (err == GRID_ERR_NO_SPACE)
        return;
    if (err != GRID_ERR_OK) {
        clock_defer(wal->options.clock, &wal->kick);
        return;
    }
    wal->queue_first = flush->next;
    if (wal->queue_first == NULL)
        wal->queue_last = NULL;
    if (wal->active == flush)
        wal->active = NULL;
    flush->next = NULL;
    seal(wal, flush, segment);
    count_flush(wal, flush);
    flush->started_us = clock_now_us(wal->options.clock);
    wal->in_flight = flush;
    wal->options.storage->write(wal->options.storage, flush->file, &flush->write);
}

static void kick(void *context)
{
    struct wal *wal = context;
    if (wal->failed)
        return;
    /* What others pack at the end of this iteration still joins: a flush costs about the same whatever it carries. */
    wal->kicked_twice = !wal->kicked_twice;
    if (wal->kicked_twice) {
        clock_defer(wal->options.clock, &wal->kick);
        return;
    }
    start_flush(wal);
    if (wal->segments.error == GRID_ERR_OK && wants_space(wal))
        wal_segments_advance(&wal->segments, wal->limit + wal->options.segment_bytes);
    if (wal->segments.error != GRID_ERR_OK)
        fail(wal, wal->segments.error, "preparing a segment of the log failed");
}

static void wake(void *context)
{
    struct wal *wal = context;
    clock_defer(wal->options.clock, &wal->kick);
}

/* Up to where the log must be prepared, so that the bytes may be appended. */
static uint64_t end_with(const struct wal *wal, size_t bytes)
{
    size_t records = bytes / (size_t)(wal->options.segment_bytes / 8 < RECORD_BYTES_AIM / 2
                                          ? wal->options.segment_bytes / 8 : RECORD_BYTES_AIM / 2) + 1;
    uint64_t needed = wal_page_align(bytes + WAL_FLUSH_HEADER_BYTES +
                                     records * (WAL_RECORD_HEADER_BYTES + WAL_ENTRIES_HEADER_BYTES));
    uint64_t end = wal->chain_end + needed;
    return end > wal->limit ? wal->limit + wal_page_align(needed + wal->states_bytes) : end;
}

static bool has_room(struct wal *wal, size_t bytes, uint64_t reserve)
{
    if (wal->failed || wal->segments.error != GRID_ERR_OK)
        return false;
    enum grid_err err = wal_segments_cover(&wal->segments, end_with(wal, bytes) + reserve);
    if (err != GRID_ERR_OK)
        clock_defer(wal->options.clock, &wal->kick);
    return err == GRID_ERR_OK;
}

static uint64_t reserve_of(const struct wal *wal)
{
    return wal_page_align(wal->options.segment_bytes / RESERVE_PARTS);
}

bool wal_has_room(struct wal *wal, size_t bytes)
{
    return has_room(wal, bytes, reserve_of(wal));
}

uint64_t wal_room_missing(const struct wal *wal, size_t bytes)
{
    uint64_t end = end_with(wal, bytes) + reserve_of(wal), prepared = wal_segments_prepared(&wal->segments);
    return end > prepared ? end - prepared : 0;
}

bool wal_has_reserve(struct wal *wal, size_t bytes)
{
    return has_room(wal, bytes, wal_page_align(wal->options.segment_bytes / RESERVE_PARTS / 2));
}

static void open_metrics(struct wal *wal)
{
    struct metric_registry *registry = wal->options.metrics;
    if (registry == NULL)
        return;
    wal->metrics = (struct wal_metrics){
        .flushes = metric_counter_add(registry, "gridiron_log_flushes_total", "Writes to the shared log.", NULL),
        .records = metric_counter_add(registry, "gridiron_log_records_total", "Records written to the log.", NULL),
        .bytes = metric_counter_add(registry, "gridiron_log_bytes_total", "Bytes written to the log.", NULL),
        .duration = metric_histogram_add(registry, "gridiron_log_flush_seconds",
                                         "From the start of a write to the log until it is durable.", NULL),
        .removed = metric_counter_add(registry, "gridiron_log_segments_removed_total", "Segments of the log that snapshots made needless.", NULL),
        .freed = metric_counter_add(registry, "gridiron_log_freed_bytes_total", "Bytes of those segments.", NULL),
    };
}

struct reading { struct wal *wal; uint64_t since_ms, said_ms; };

static void on_progress(void *context, size_t files, size_t files_all)
{
    struct reading *reading = context;
    const struct wal *wal = reading->wal;
    uint64_t now_ms = clock_now_ms(wal->options.clock);
    if (wal->options.logger == NULL || now_ms - reading->said_ms < SAY_EVERY_MS || files == files_all)
        return;
    reading->said_ms = now_ms;
    LOG_INFO(wal->options.logger, "wal", "reading the log: %zu of %zu files after %" PRIu64 " s", files, files_all,
             (now_ms - reading->since_ms) / 1000);
}

static enum grid_err recover(struct wal *wal, char **ret_note)
{
    struct wal_recovery recovery;
    uint64_t now_ms = clock_now_ms(wal->options.clock);
    struct reading reading = {wal, now_ms, now_ms};
    struct wal_recover_options options = {.storage = wal->options.storage, .owner = wal->options.owner, .floor = wal->options.floor,
                                          .progress = on_progress, .context = &reading};
    enum grid_err err = wal_recover(&options, &wal->fold, &recovery, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    wal->empty = wal->fold.records == 0;
    wal->epoch = recovery.epoch + 1 + wal->options.epoch_step;
    wal->epochs = recovery.epochs;
    wal->epochs_count = recovery.epochs_count;
    wal->epochs_forgotten = recovery.epochs_forgotten;
    wal->version = recovery.version == 0 ? WAL_FORMAT_FIRST : recovery.version;
    wal->end = wal->durable = wal->synced = wal->chain_end = recovery.end;
    if (recovery.tail_exists)
        err = wal_segments_adopt(&wal->segments, recovery.tail_base, recovery.end);
    else
        err = wal_segments_begin(&wal->segments, wal->options.segment_bytes);
    if (err != GRID_ERR_OK && err != GRID_ERR_NO_SPACE) {
        *ret_note = memory_copy("cannot prepare a segment of the log", sizeof "cannot prepare a segment of the log");
        return err;
    }
    /* Behind a full segment the next one begins. */
    wal->limit = wal_segments_end(&wal->segments, wal->chain_end == 0 ? 0 : wal->chain_end - 1);
    return GRID_ERR_OK;
}

enum grid_err wal_open(const struct wal_options *options, struct wal **ret_wal, char **ret_note)
{
    REQUIRE(options->clock != NULL && options->storage != NULL && options->groups > 0);
    REQUIRE(options->durable != NULL && options->failed != NULL);
    struct wal *wal = memory_zero(1, sizeof *wal);
    wal->options = *options;
    if (wal->options.segment_bytes == 0)
        wal->options.segment_bytes = SEGMENT_BYTES_DEFAULT;
    REQUIRE(wal->options.segment_bytes >= SEGMENT_BYTES_MIN && wal->options.segment_bytes <= UINT32_MAX);
    wal->kick = (struct deferred){.run = kick, .context = wal};
    wal->segments = (struct wal_segments){
        .clock = options->clock,
        .storage = options->storage,
        .segment_bytes = wal->options.segment_bytes,
        .wake = wake,
        .context = wal,
    };
    wal_segments_init(&wal->segments);
    wal_fold_init(&wal->fold, options->groups);
    wal->metas = memory_zero(options->groups, sizeof *wal->metas);
    uint64_t started_ms = clock_now_ms(options->clock);
    enum grid_err err = recover(wal, ret_note);
    if (err != GRID_ERR_OK) {
        wal_close(wal);
        return err;
    }
    open_metrics(wal);
    wal->states_bytes = count_states(wal);
    /* States durably that everything recovered was durable: from now on damage there is never taken for a torn tail. */
    flush_for(wal, 0)->sync = true;
    if (options->logger != NULL)
        LOG_INFO(options->logger, "wal", "recovered %" PRIu64 " records up to position %" PRIu64 " in %" PRIu64 " ms, epoch %" PRIu64,
                 wal->fold.records, wal->durable, clock_now_ms(options->clock) - started_ms, wal->epoch);
    ENSURE(wal_holds(wal) && wal_fold_holds(&wal->fold));
    *ret_wal = wal;
    return GRID_ERR_OK;
}

/* The storage still reads the buffer of a write under way: it is freed, and its file closed, when that ends. */
static void abandon(struct wal *wal)
{
    struct wal_segment *segment = wal->segments.first;
    HOLDS(segment != NULL && segment->file == wal->in_flight->file);
    wal->segments.first = segment->next;
    memory_free(segment);
    wal->in_flight->wal = NULL;
}

void wal_close(struct wal *wal)
{
    clock_undefer(wal->options.clock, &wal->kick);
    if (wal->in_flight != NULL)
        abandon(wal);
    wal_segments_close(&wal->segments);
    while (wal->queue_first != NULL) {
        struct wal_flush *flush = wal->queue_first;
        wal->queue_first = flush->next;
        free_flush(flush);
    }
    while (wal->spare != NULL) {
        struct wal_flush *spare = wal->spare;
        wal->spare = spare->next;
        free_flush(spare);
    }
    wal_fold_close(&wal->fold);
    memory_free(wal->metas);
    memory_free(wal->epochs);
    memory_free(wal);
}

bool wal_empty(const struct wal *wal)
{
    return wal->empty;
}

void wal_take(struct wal *wal, uint32_t group, struct wal_group_state *ret_state)
{
    wal_fold_take(&wal->fold, group, ret_state);
}

uint64_t wal_durable(const struct wal *wal)
{
    return wal->durable;
}

uint64_t wal_synced(const struct wal *wal)
{
    return wal->synced;
}

uint64_t wal_epoch(const struct wal *wal)
{
    return wal->epoch;
}

uint64_t wal_epoch_end(const struct wal *wal, uint64_t epoch)
{
    for (size_t i = wal->epochs_count; i > 0; i--)
        if (wal->epochs[i - 1].epoch == epoch)
            return wal->epochs[i - 1].end;
    return epoch <= wal->epochs_forgotten ? UINT64_MAX : 0;
}

uint64_t wal_begin(const struct wal *wal)
{
    return wal->fold.live.count == 0 ? 0 : wal->fold.live.segments[0].base;
}

uint64_t wal_segment(const struct wal *wal)
{
    return wal->segments.first == NULL ? wal->chain_end : wal->segments.first->base;
}

uint64_t wal_end(const struct wal *wal)
{
    return wal->end;
}

uint64_t wal_disk_bytes(const struct wal *wal)
{
    return wal->chain_end - wal_begin(wal);
}
