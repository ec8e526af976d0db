#include "raft/wal/wal_recover.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

static const char PREFIX[] = "wal-";
enum { PREFIX_CHARS = sizeof PREFIX - 1, BASE_DIGITS = 16 };

/* Where and why the chain of good flushes ends. */
struct stop { uint64_t base, offset; char what[WAL_FAULT_BYTES]; };

struct scan {
    struct storage *storage;
    const struct wal_recover_options *options;
    struct wal_fold *fold;
    uint64_t *bases;                          /* of all segment files, ascending */
    size_t count, capacity;
    struct buffer bytes;                      /* the segment under inspection */
    uint64_t end, epoch;                      /* of the chain of good flushes */
    struct wal_epoch_end *epochs;
    size_t epochs_count, epochs_capacity;
    uint64_t epochs_forgotten;
    uint16_t version;                         /* newest that was found */
    bool begun;                               /* false: the next flush is the first one that is there */
    size_t front;                             /* the first segment of the log; those before it are left of an interrupted removal */
    size_t tail;                              /* segment that holds `end` */
    struct stop stop, stop_next;              /* in the tail, and at the start of the segment after it */
    bool next_exists;
    char **ret_note;
};

void wal_name(uint64_t base, char ret_name[WAL_NAME_BYTES])
{
    snprintf(ret_name, WAL_NAME_BYTES, "%s%016" PRIx64, PREFIX, base);
}

static bool digit_value(char digit, uint64_t *ret_value)
{
    if (digit >= '0' && digit <= '9')
        *ret_value = (uint64_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *ret_value = (uint64_t)(digit - 'a') + 10;
    else
        return false;
    return true;
}

bool wal_name_parse(const char *name, uint64_t *ret_base)
{
    if (strlen(name) != PREFIX_CHARS + BASE_DIGITS || strncmp(name, PREFIX, PREFIX_CHARS) != 0)
        return false;
    uint64_t base = 0, value;
    for (const char *digit = name + PREFIX_CHARS; *digit != 0; digit++) {
        if (!digit_value(*digit, &value))
            return false;
        base = base << 4 | value;
    }
    *ret_base = base;
    return true;
}

__attribute__((format(printf, 3, 4)))
static enum grid_err refuse(struct scan *scan, enum grid_err err, const char *format, ...)
{
    struct buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ENSURE(size >= 0);
    char *at = (char *)buffer_extend(&text, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(at, (size_t)size + 1, format, arguments);
    va_end(arguments);
    *scan->ret_note = at;
    return err;
}

static enum grid_err refuse_file(struct scan *scan, enum grid_err err, uint64_t base, const char *action)
{
    char name[WAL_NAME_BYTES];
    wal_name(base, name);
    if (err == GRID_ERR_INVALID)
        return refuse(scan, GRID_ERR_IO, "%s: a directory has the name of a file of the log: move it elsewhere; when a file of the log was "
                      "there, put that file back", name);
    return refuse(scan, err, "%s: cannot %s: %s; it must be a file that this process may read and write", name, action, grid_err_text(err));
}

static void add_segment(void *context, const char *name)
{
    struct scan *scan = context;
    uint64_t base;
    if (!wal_name_parse(name, &base))
        return;
    if (scan->count == scan->capacity) {
        scan->capacity = scan->capacity == 0 ? 16 : scan->capacity * 2;
        scan->bases = memory_resize(scan->bases, scan->capacity * sizeof *scan->bases);
    }
    HOLDS(scan->count == 0 || scan->bases[scan->count - 1] < base);
    scan->bases[scan->count++] = base;
}

static enum grid_err load_segment(struct scan *scan, size_t segment)
{
    struct file *file;
    char name[WAL_NAME_BYTES];
    wal_name(scan->bases[segment], name);
    enum grid_err err = scan->storage->open(scan->storage, name, false, &file);
    if (err != GRID_ERR_OK)
        return refuse_file(scan, err == GRID_ERR_NOT_FOUND ? GRID_ERR_IO : err, scan->bases[segment], "open");
    buffer_clear(&scan->bytes);
    size_t size = (size_t)scan->storage->size(scan->storage, file);
    if (size > 0)
        err = scan->storage->read(scan->storage, file, 0, buffer_extend(&scan->bytes, size), size);
    scan->storage->close(scan->storage, file);
    if (err != GRID_ERR_OK)
        return refuse_file(scan, GRID_ERR_IO, scan->bases[segment], "read");
    return GRID_ERR_OK;
}

static struct bytes bytes_from(const struct scan *scan, uint64_t offset)
{
    if (offset >= scan->bytes.size)
        return BYTES_NONE;
    return bytes_of(scan->bytes.data + offset, scan->bytes.size - (size_t)offset);
}

static bool stop_at(struct stop *stop, uint64_t offset, const char *what)
{
    stop->offset = offset;
    snprintf(stop->what, sizeof stop->what, "%s", what);
    return false;
}

/* Whether the flush at `offset` continues the chain and is whole. */
static bool flush_is_good(const struct scan *scan, const struct wal_flush_header *header, struct stop *stop)
{
    uint64_t offset = header->position - stop->base;
    if (scan->begun && header->previous != scan->end)
        return stop_at(stop, offset, "the flush before this one is missing");
    if (header->epoch < scan->epoch)
        return stop_at(stop, offset, "a flush left over from an older epoch");
    struct bytes bytes = bytes_from(scan, offset);
    if (wal_page_align(header->size) > bytes.size)
        return stop_at(stop, offset, "the file ends inside a flush");
    size_t at = WAL_FLUSH_HEADER_BYTES;
    for (uint32_t i = 0; i < header->records; i++) {
        struct wal_record record;
        size_t size;
        const char *what = wal_record_get(bytes_of(bytes.data + at, header->size - at), header->position + at,
                                          header->epoch, &record, &size);
        if (what != NULL)
            return stop_at(stop, offset + at, what);
        at += size;
    }
    if (at != header->size)
        return stop_at(stop, offset + at, "a flush is longer than its records");
    return true;
}

static void add_epoch(struct scan *scan, struct wal_epoch_end end)
{
    if (scan->epochs_count == scan->epochs_capacity) {
        scan->epochs_capacity = scan->epochs_capacity == 0 ? 16 : scan->epochs_capacity * 2;
        scan->epochs = memory_resize(scan->epochs, scan->epochs_capacity * sizeof *scan->epochs);
    }
    scan->epochs[scan->epochs_count++] = end;
}

/* Where the log begins, its earlier openings are known from this record alone. */
static const char *read_epochs(struct scan *scan, const struct wal_record *record, const struct wal_flush_header *header)
{
    struct reader reader;
    struct wal_epoch_end end;
    uint32_t count;
    uint64_t forgotten;
    const char *what = wal_epochs_get(record->payload, &forgotten, &count, &reader);
    if (what != NULL || scan->begun)
        return what;
    if (scan->epochs_count != 0)
        return "a second list of epochs at the beginning of the log";
    scan->epochs_forgotten = forgotten;
    while (wal_epoch_next(&reader, &end)) {
        if (end.epoch >= header->epoch || end.end > header->position)
            return "an epochs record names an epoch that has not ended";
        add_epoch(scan, end);
    }
    return NULL;
}

static enum grid_err refuse_beginning(struct scan *scan)
{
    return refuse(scan, GRID_ERR_CORRUPT, "the log begins at position %" PRIu64 ": the segments before are missing", scan->bases[0]);
}

/* The first flush that is there begins with the state of all groups, unless files before it are missing. */
static bool may_begin(struct scan *scan, const struct wal_record *record)
{
    return scan->begun || record->type == WAL_RECORD_EPOCHS || record->type == WAL_RECORD_STATE || wal_fold_begin(scan->fold);
}

static enum grid_err fold_flush(struct scan *scan, const struct wal_flush_header *header, uint64_t base)
{
    const uint8_t *start = scan->bytes.data + (header->position - base);
    size_t at = WAL_FLUSH_HEADER_BYTES;
    for (uint32_t i = 0; i < header->records; i++) {
        struct wal_record record;
        size_t size = 0;
        char fault[WAL_FAULT_BYTES], name[WAL_NAME_BYTES];
        const char *what = wal_record_get(bytes_of(start + at, header->size - at), header->position + at,
                                          header->epoch, &record, &size);
        ENSURE(what == NULL);
        if (!may_begin(scan, &record))
            return refuse_beginning(scan);
        what = record.type == WAL_RECORD_EPOCHS ? read_epochs(scan, &record, header) : NULL;
        if (what == NULL && !wal_fold_apply(scan->fold, &record, fault))
            what = fault;
        if (what != NULL) {
            wal_name(base, name);
            return refuse(scan, GRID_ERR_CORRUPT, "%s: offset %" PRIu64 ": %s", name, header->position + at - base,
                          what);
        }
        at += size;
    }
    return GRID_ERR_OK;
}

/* Positions and epochs of two logs can be equal, so a file of the other log could fit. */
static enum grid_err check_owner(struct scan *scan, uint64_t base, const struct wal_flush_header *header)
{
    char name[WAL_NAME_BYTES];
    if (header->owner == 0 || scan->options->owner == 0 || header->owner == scan->options->owner)
        return GRID_ERR_OK;
    wal_name(base, name);
    return refuse(scan, GRID_ERR_MISMATCH, "%s: offset %" PRIu64 ": the log of another node or cluster (owner %016" PRIx64
                  ", ours is %016" PRIx64 "); put this node's own file back", name, header->position - base, header->owner, scan->options->owner);
}

static enum grid_err check_version(struct scan *scan, uint64_t base, const struct wal_flush_header *header)
{
    char name[WAL_NAME_BYTES];
    if (wal_version_known(header->version))
        return check_owner(scan, base, header);
    wal_name(base, name);
    return refuse(scan, GRID_ERR_MISMATCH, "%s: offset %" PRIu64 ": format version %u, this program reads %d; start the version that wrote it", name,
                  header->position - base, (unsigned)header->version, WAL_FORMAT_VERSION);
}

static void note_epoch(struct scan *scan)
{
    if (scan->epochs_count == 0 || scan->epochs[scan->epochs_count - 1].epoch != scan->epoch)
        add_epoch(scan, (struct wal_epoch_end){.epoch = scan->epoch});
    scan->epochs[scan->epochs_count - 1].end = scan->end;
}

/* Follows the chain through the loaded segment; *ret_flushes is how far. */
static enum grid_err follow_segment(struct scan *scan, uint64_t base, struct stop *stop, size_t *ret_flushes)
{
    size_t flushes = 0;
    *stop = (struct stop){.base = base};
    for (uint64_t offset = 0; ; flushes++) {
        struct wal_flush_header header;
        const char *what = wal_flush_header_get(bytes_from(scan, offset), base + offset, &header);
        if (what != NULL) {
            stop_at(stop, offset, what);
            break;
        }
        enum grid_err err = check_version(scan, base, &header);
        if (err != GRID_ERR_OK)
            return err;
        if (!flush_is_good(scan, &header, stop))
            break;
        if (flushes == 0)
            wal_fold_segment(scan->fold, base);
        err = fold_flush(scan, &header, base);
        if (err == GRID_ERR_OK && !wal_fold_begin(scan->fold))
            err = refuse_beginning(scan);
        if (err != GRID_ERR_OK)
            return err;
        scan->begun = true;
        scan->version = header.version > scan->version ? header.version : scan->version;
        scan->epoch = header.epoch;
        scan->end = wal_page_align(header.position + header.size);
        offset = scan->end - base;
        note_epoch(scan);
    }
    *ret_flushes = flushes;
    return GRID_ERR_OK;
}

/* Whether the loaded segment begins with the state of the groups. */
static bool begins_with_states(struct scan *scan, uint64_t base)
{
    struct wal_flush_header header;
    struct wal_record record;
    struct stop stop = {.base = base};
    size_t size;
    if (wal_flush_header_get(bytes_from(scan, 0), base, &header) != NULL || !flush_is_good(scan, &header, &stop) || header.records == 0)
        return false;
    const char *what = wal_record_get(bytes_of(scan->bytes.data + WAL_FLUSH_HEADER_BYTES, header.size - WAL_FLUSH_HEADER_BYTES),
                                      base + WAL_FLUSH_HEADER_BYTES, header.epoch, &record, &size);
    return what == NULL && (record.type == WAL_RECORD_EPOCHS || record.type == WAL_RECORD_STATE);
}

/* Segments from before the first snapshot go together: after a crash in between some of them may be left. The log then begins at the first one
 * behind them, if there is one; that nothing is missing is checked at the end. */
static enum grid_err find_beginning(struct scan *scan)
{
    for (size_t i = 0; scan->count > 0 && scan->bases[0] != 0 && i < scan->count; i++) {
        enum grid_err err = load_segment(scan, i);
        if (err != GRID_ERR_OK)
            return err;
        if (begins_with_states(scan, scan->bases[i])) {
            scan->front = i;
            break;
        }
    }
    return GRID_ERR_OK;
}

static enum grid_err follow_chain(struct scan *scan)
{
    scan->begun = scan->count == 0 || scan->bases[0] == 0;
    if (!scan->begun)
        scan->end = scan->bases[scan->front];
    for (size_t i = scan->front; i < scan->count; i++) {
        if (scan->bases[i] % WAL_PAGE_BYTES != 0)
            return refuse(scan, GRID_ERR_CORRUPT, "a segment begins at position %" PRIu64 ", which is no page boundary",
                          scan->bases[i]);
        struct stop stop;
        size_t flushes;
        enum grid_err err = load_segment(scan, i);
        if (err == GRID_ERR_OK)
            err = follow_segment(scan, scan->bases[i], &stop, &flushes);
        if (err != GRID_ERR_OK)
            return err;
        if (scan->options->progress != NULL)
            scan->options->progress(scan->options->context, i + 1, scan->count);
        if (i > scan->front && flushes == 0) {
            scan->next_exists = true;
            scan->stop_next = stop;
            return GRID_ERR_OK;
        }
        if (!scan->begun)
            return refuse_beginning(scan);
        scan->tail = i;
        scan->stop = stop;
    }
    return GRID_ERR_OK;
}

/* Segments at the front are removed when snapshots have what was in them. */
static enum grid_err check_beginning(struct scan *scan)
{
    uint32_t group;
    uint64_t first, last;
    if (!wal_fold_missing(scan->fold, &group, &first, &last))
        return GRID_ERR_OK;
    return refuse(scan, GRID_ERR_CORRUPT, "the log begins at position %" PRIu64 ": the segments before are missing, with the entries %" PRIu64 " to %"
                  PRIu64 " of group %" PRIu32 ", which no snapshot has", scan->bases[0], first, last, group);
}

static enum grid_err refuse_damage(struct scan *scan, uint64_t base, const struct wal_flush_header *witness)
{
    char name[WAL_NAME_BYTES], next[WAL_NAME_BYTES], witness_name[WAL_NAME_BYTES];
    char also[WAL_NAME_BYTES + WAL_FAULT_BYTES + 64] = "";
    wal_name(scan->stop.base, name);
    wal_name(base, witness_name);
    if (scan->next_exists) {
        wal_name(scan->stop_next.base, next);
        snprintf(also, sizeof also, "; %s: offset %" PRIu64 ": %s", next, scan->stop_next.offset,
                 scan->stop_next.what);
    }
    return refuse(scan, GRID_ERR_CORRUPT,
                  "%s: offset %" PRIu64 ": %s%s; durable data is damaged: the flush in %s at offset %" PRIu64
                  " states that everything up to position %" PRIu64 " was durable, the log ends at %" PRIu64,
                  name, scan->stop.offset, scan->stop.what, also, witness_name, witness->position - base,
                  witness->durable, scan->end);
}

/* Looks for flush headers in the loaded segment that lie above the end of the chain. */
static enum grid_err question_segment(struct scan *scan, uint64_t base, uint64_t *epoch_max)
{
    uint64_t offset = scan->end > base ? scan->end - base : 0;
    for (; offset < scan->bytes.size; offset += WAL_PAGE_BYTES) {
        struct wal_flush_header header;
        if (wal_flush_header_get(bytes_from(scan, offset), base + offset, &header) != NULL)
            continue;
        enum grid_err err = check_version(scan, base, &header);
        if (err != GRID_ERR_OK)
            return err;
        /* An older epoch was cut off by a recovery long ago and knows nothing about what was written since. */
        if (header.epoch < scan->epoch)
            continue;
        if (header.durable > scan->end)
            return refuse_damage(scan, base, &header);
        if (header.epoch > *epoch_max)
            *epoch_max = header.epoch;
    }
    return GRID_ERR_OK;
}

/* A torn tail, unless a flush header that lies further on states that what is torn was durable. */
static enum grid_err question_rest(struct scan *scan)
{
    uint64_t epoch_max = scan->epoch;
    for (size_t i = scan->tail; i < scan->count; i++) {
        enum grid_err err = load_segment(scan, i);
        if (err == GRID_ERR_OK)
            err = question_segment(scan, scan->bases[i], &epoch_max);
        if (err != GRID_ERR_OK)
            return err;
    }
    scan->epoch = epoch_max;
    return GRID_ERR_OK;
}

/* A log does not show that files at its end are missing; the floor from the manifest shows it. */
static enum grid_err check_floor(struct scan *scan, struct wal_floor floor)
{
    char name[WAL_NAME_BYTES] = "no segment";
    if (scan->count > 0)
        wal_name(scan->bases[scan->tail], name);
    if (scan->end < floor.position)
        return refuse(scan, GRID_ERR_CORRUPT,
                      "durable log is missing: what is there ends at position %" PRIu64 " (%s, %zu segments), and everything up to position %" PRIu64
                      " was durable, as the manifest says: the files behind are missing, cut short or replaced, and with them writes "
                      "that this node has acknowledged", scan->end, name, scan->count, floor.position);
    if (scan->epoch < floor.epoch)
        return refuse(scan, GRID_ERR_CORRUPT,
                      "durable log is missing: the newest flush in %s is of epoch %" PRIu64 ", and the log was opened for epoch %" PRIu64
                      " since, as the manifest says: this is an older copy of the log", name, scan->epoch, floor.epoch);
    return GRID_ERR_OK;
}

/* Erases what lies behind the end, so that a later flush of the next epoch never meets it, and what is left before the beginning. The files behind go first
 * and from the back: a crash in between leaves a log that recovers to the same end. Cutting the tail also makes its
 * remaining bytes durable: a killed process may have left them in the system's cache only. */
static enum grid_err cut(struct scan *scan)
{
    struct storage *storage = scan->storage;
    char name[WAL_NAME_BYTES];
    for (size_t i = scan->count; i > 0; i--) {
        if (i > scan->front && i <= scan->tail + 1)
            continue;
        wal_name(scan->bases[i - 1], name);
        enum grid_err err = storage->remove(storage, name);
        if (err != GRID_ERR_OK)
            return refuse_file(scan, err, scan->bases[i - 1], "remove");
    }
    if (scan->count == 0)
        return GRID_ERR_OK;
    struct file *file;
    uint64_t base = scan->bases[scan->tail];
    wal_name(base, name);
    enum grid_err err = storage->open(storage, name, false, &file);
    if (err != GRID_ERR_OK)
        return refuse_file(scan, err, base, "open");
    err = storage->truncate(storage, file, scan->end - base);
    storage->close(storage, file);
    return err == GRID_ERR_OK ? GRID_ERR_OK : refuse_file(scan, err, base, "truncate");
}

enum grid_err wal_recover(const struct wal_recover_options *options, struct wal_fold *fold, struct wal_recovery *ret_recovery,
                          char **ret_note)
{
    struct storage *storage = options->storage;
    struct scan scan = {.storage = storage, .options = options, .fold = fold, .ret_note = ret_note};
    enum grid_err err = storage->list(storage, add_segment, &scan);
    if (err != GRID_ERR_OK)
        err = refuse(&scan, err, "cannot list the segments of the log: %s", grid_err_text(err));
    if (err == GRID_ERR_OK)
        err = find_beginning(&scan);
    if (err == GRID_ERR_OK)
        err = follow_chain(&scan);
    if (err == GRID_ERR_OK)
        err = question_rest(&scan);
    if (err == GRID_ERR_OK)
        err = check_floor(&scan, options->floor);
    if (err == GRID_ERR_OK)
        err = check_beginning(&scan);
    if (err == GRID_ERR_OK)
        err = cut(&scan);
    if (err == GRID_ERR_OK) {
        ENSURE(scan.end % WAL_PAGE_BYTES == 0);
        *ret_recovery = (struct wal_recovery){
            .end = scan.end,
            .epoch = scan.epoch,
            .epochs = scan.epochs,
            .epochs_count = scan.epochs_count,
            .epochs_forgotten = scan.epochs_forgotten,
            .version = scan.version,
            .tail_exists = scan.count > 0,
            .tail_base = scan.count > 0 ? scan.bases[scan.tail] : 0,
        };
    }
    buffer_close(&scan.bytes);
    memory_free(scan.bases);
    if (err != GRID_ERR_OK)
        memory_free(scan.epochs);
    return err;
}
