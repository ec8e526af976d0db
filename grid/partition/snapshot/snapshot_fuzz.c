/* Fuzz target of loading a snapshot: nothing stops it, whatever the bytes say; what is accepted is sound, and is saved as the same bytes.
 *
 * Input: u16 size of a piece (0: all at once), then the records of a snapshot of partition 0 with the built-in services. The number and
 * hash in the last record are set right first, so that changed records are looked at. */
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/partition.h"
#include "grid/partition/snapshot/snapshot_internal.h"
#include "services/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: the last record is not there. */
static bool mend(struct buffer *snapshot)
{
    uint64_t records = 0, digest = 0;
    for (size_t at = 0; snapshot->size - at >= RECORD_HEAD_BYTES;) {
        size_t size = RECORD_HEAD_BYTES + (size_t)get_u32(snapshot->data + at);
        if (size > snapshot->size - at)
            return false;
        if (snapshot->data[at + 4] == SECTION_END && size == RECORD_HEAD_BYTES + END_BODY_BYTES) {
            put_u64(snapshot->data + at + RECORD_HEAD_BYTES, records);
            put_u64(snapshot->data + at + RECORD_HEAD_BYTES + 8, digest);
            return true;
        }
        digest = section_digest(digest, bytes_of(snapshot->data + at, size));
        records++;
        at += size;
    }
    return false;
}

static void check_same(struct partition *partition, struct bytes snapshot)
{
    struct buffer again = {0};
    partition_holds(partition);
    struct partition_save *save = partition_save_begin(partition);
    while (!partition_save_next(save, 1024, &again))
        ;
    partition_save_end(save);
    ENSURE(bytes_equal(buffer_bytes(&again), snapshot));
    buffer_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer snapshot = {0};
    if (size < 2)
        return 0;
    size_t piece_max = get_u16(data) == 0 ? size : get_u16(data);
    buffer_append(&snapshot, bytes_of(data + 2, size - 2));
    (void)mend(&snapshot);
    struct partition *partition = partition_open(&(struct partition_options){.id = {0}, .services = registry_builtin()});
    struct partition_load *load = partition_load_begin(partition);
    enum grid_err err = GRID_ERR_OK;
    for (size_t at = 0; at < snapshot.size && err == GRID_ERR_OK; at += piece_max) {
        size_t piece = piece_max < snapshot.size - at ? piece_max : snapshot.size - at;
        uint8_t *copy = memory_copy(snapshot.data + at, piece);
        err = partition_load_next(load, bytes_of(copy, piece));
        memory_free(copy);
    }
    char *note;
    err = partition_load_end(load, true, &note);
    ENSURE((err == GRID_ERR_OK) == (note == NULL));
    ENSURE(err == GRID_ERR_OK || err == GRID_ERR_CORRUPT || err == GRID_ERR_NOT_SUPPORTED);
    if (err == GRID_ERR_OK)
        check_same(partition, buffer_bytes(&snapshot));
    memory_free(note);
    partition_close(partition);
    buffer_close(&snapshot);
    return 0;
}
