#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/snapshot/snapshot_internal.h"

struct partition_save *partition_save_begin(struct partition *partition)
{
    REQUIRE(partition != NULL && partition->save == NULL && !partition->scratch->applying);
    struct partition_save *save = partition->save = memory_zero(1, sizeof *save);
    save->partition = partition;
    for (unsigned i = 0; i < SECTIONS; i++) {
        void *state = section_state(partition, i);
        if (state != NULL)
            section_at(i)->component->freeze(state);
    }
    return save;
}

bool partition_frozen(const struct partition *partition)
{
    return partition->save != NULL;
}

/* Counts and hashes the records from `start` on. */
static void note_records(struct partition_save *save, const struct buffer *out, size_t start)
{
    while (start < out->size) {
        size_t size = RECORD_HEAD_BYTES + get_u32(out->data + start);
        save->digest = section_digest(save->digest, bytes_of(out->data + start, size));
        save->records++;
        start += size;
    }
    ENSURE(start == out->size);
}

bool partition_save_next(struct partition_save *save, size_t budget, struct buffer *out)
{
    REQUIRE(!save->complete && budget > 0);
    const size_t size_max = out->size + budget;
    while (save->section < SECTIONS) {
        void *state = section_state(save->partition, save->section);
        size_t start = out->size;
        bool written = state == NULL || section_at(save->section)->component->save(state, size_max, out);
        note_records(save, out, start);
        if (!written || out->size >= size_max) {
            save->section += written;
            return false;
        }
        save->section++;
    }
    size_t start = record_begin(out, SECTION_END, RECORD_FIRST);
    buffer_append_u64(out, save->records);
    buffer_append_u64(out, save->digest);
    record_end(out, start);
    save->complete = true;
    return true;
}

void partition_save_end(struct partition_save *save)
{
    struct partition *partition = save->partition;
    REQUIRE(partition->save == save);
    for (unsigned i = 0; i < SECTIONS; i++) {
        void *state = section_state(partition, i);
        if (state != NULL)
            section_at(i)->component->thaw(state);
    }
    partition->save = NULL;
    if (save->orphaned)
        partition_free(partition);
    memory_free(save);
}
