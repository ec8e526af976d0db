/* Fuzz target of recovery: arbitrary bytes as the segments of a log. Whatever they are, recovery must end, refuse or
 * accept, keep its invariants, and what it accepted must be the same when it is read again.
 *
 * Input: u8 flags (1: repair, 2: files before the first one were removed), u8 pages of the first segment, then the bytes of the
 * segments. With repair, the magic, position and checksums of headers and records are made right, or nothing would ever come past them. */
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "raft/wal/wal_recover.h"

enum { GROUPS = 4, FILES_MAX = 3, NAMES_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A disk that knows just what recovery asks for. */
struct file { char name[NAMES_MAX]; struct buffer bytes; bool exists; };
struct disk { struct storage storage; struct file files[FILES_MAX]; };

static struct disk *disk_of(struct storage *storage)
{
    return (struct disk *)storage;
}

static enum grid_err open_file(struct storage *storage, const char *name, bool may_create, struct file **ret_file)
{
    REQUIRE(!may_create);
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file *file = &disk_of(storage)->files[i];
        if (file->exists && strcmp(file->name, name) == 0) {
            *ret_file = file;
            return GRID_ERR_OK;
        }
    }
    return GRID_ERR_NOT_FOUND;
}

static void close_file(struct storage *storage, struct file *file)
{
    (void)storage;
    REQUIRE(file->exists);
}

static uint64_t size_of(struct storage *storage, struct file *file)
{
    (void)storage;
    return file->bytes.size;
}

static enum grid_err read_file(struct storage *storage, struct file *file, uint64_t offset, uint8_t *data, size_t size)
{
    (void)storage;
    REQUIRE(offset <= file->bytes.size && size <= file->bytes.size - offset);
    memcpy(data, file->bytes.data + offset, size);
    return GRID_ERR_OK;
}

static enum grid_err truncate_file(struct storage *storage, struct file *file, uint64_t size)
{
    (void)storage;
    buffer_truncate(&file->bytes, (size_t)size);
    return GRID_ERR_OK;
}

static enum grid_err remove_file(struct storage *storage, const char *name)
{
    struct file *file = NULL;
    enum grid_err err = open_file(storage, name, false, &file);
    ENSURE(err == GRID_ERR_OK);
    file->exists = false;
    return GRID_ERR_OK;
}

static enum grid_err list_files(struct storage *storage, void (*each)(void *context, const char *name), void *context)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (disk_of(storage)->files[i].exists)
            each(context, disk_of(storage)->files[i].name);
    return GRID_ERR_OK;
}

/* Makes records right as long as their lengths make sense. */
static void repair_records(struct buffer *bytes, size_t start, uint64_t base, uint64_t epoch)
{
    size_t end = start + get_u32(bytes->data + start + 12);
    if (end > bytes->size)
        return;
    for (size_t at = start + WAL_FLUSH_HEADER_BYTES; end - at >= WAL_RECORD_HEADER_BYTES;) {
        uint8_t *record = bytes->data + at;
        size_t size = get_u32(record + 4);
        if (size < WAL_RECORD_HEADER_BYTES || size > end - at)
            return;
        put_u64(record + 16, base + at);
        put_u64(record + 24, epoch);
        put_u32(record, crc32c(bytes_of(record + 4, size - 4)));
        at += size;
    }
}

static void repair_flushes(struct buffer *bytes, uint64_t base)
{
    for (size_t at = 0; at + WAL_FLUSH_HEADER_BYTES <= bytes->size; at += WAL_PAGE_BYTES) {
        uint8_t *header = bytes->data + at;
        memcpy(header + 4, "GWAL", 4);
        put_u16(header + 8, header[8] % 2 == 0 ? WAL_FORMAT_VERSION : WAL_FORMAT_FIRST);
        put_u64(header + 24, base + at);
        uint32_t size = get_u32(header + 12);
        if (size >= WAL_FLUSH_HEADER_BYTES && size <= bytes->size - at)
            repair_records(bytes, at, base, get_u64(header + 16));
        put_u32(header, crc32c(bytes_of(header + 4, WAL_FLUSH_HEADER_BYTES - 4)));
    }
}

static void fill_disk(struct disk *disk, const uint8_t *data, size_t size)
{
    bool repair = data[0] % 2 == 1;
    /* The files before may have been removed. */
    size_t removed = data[0] / 2 % 2;
    size_t segment = (data[1] % 8 + 1u) * WAL_PAGE_BYTES;
    struct bytes rest = bytes_of(data + 2, size - 2);
    for (size_t i = 0; i < FILES_MAX && rest.size > 0; i++) {
        struct file *file = &disk->files[i];
        size_t part = rest.size < segment || i == FILES_MAX - 1 ? rest.size : segment;
        buffer_append(&file->bytes, bytes_of(rest.data, part));
        rest = bytes_of(rest.data + part, rest.size - part);
        wal_name((i + removed) * segment, file->name);
        file->exists = true;
        if (repair)
            repair_flushes(&file->bytes, (i + removed) * segment);
    }
}

static enum grid_err recover(struct disk *disk, struct wal_fold *fold, struct wal_recovery *ret_recovery)
{
    char *note = NULL;
    wal_fold_init(fold, GROUPS);
    enum grid_err err = wal_recover(&(struct wal_recover_options){.storage = &disk->storage}, fold, ret_recovery, &note);
    ENSURE((err == GRID_ERR_OK) == (note == NULL));
    ENSURE(wal_fold_holds(fold));
    for (size_t i = 1; err == GRID_ERR_OK && i < ret_recovery->epochs_count; i++)
        ENSURE(ret_recovery->epochs[i - 1].epoch < ret_recovery->epochs[i].epoch && ret_recovery->epochs[i - 1].end < ret_recovery->epochs[i].end);
    if (err == GRID_ERR_OK)
        memory_free(ret_recovery->epochs);
    memory_free(note);
    return err;
}

static void check_again(struct disk *disk, const struct wal_fold *fold, const struct wal_recovery *recovery)
{
    struct wal_fold again;
    struct wal_recovery repeated;
    enum grid_err err = recover(disk, &again, &repeated);
    ENSURE(err == GRID_ERR_OK);
    ENSURE(repeated.end == recovery->end && repeated.epoch <= recovery->epoch);
    ENSURE(again.records == fold->records);
    for (uint32_t i = 0; i < GROUPS; i++) {
        ENSURE(again.groups[i].count == fold->groups[i].count);
        ENSURE(again.groups[i].cursor.term == fold->groups[i].cursor.term);
        ENSURE(again.groups[i].snapshot.index == fold->groups[i].snapshot.index);
    }
    wal_fold_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct disk disk = {.storage = {.open = open_file, .close = close_file, .size = size_of, .read = read_file,
                                    .truncate = truncate_file, .remove = remove_file, .list = list_files}};
    fill_disk(&disk, data, size);
    struct wal_fold fold;
    struct wal_recovery recovery;
    if (recover(&disk, &fold, &recovery) == GRID_ERR_OK)
        check_again(&disk, &fold, &recovery);
    wal_fold_close(&fold);
    for (size_t i = 0; i < FILES_MAX; i++)
        buffer_close(&disk.files[i].bytes);
    return 0;
}
