#include "tests/unit/raft/fake_disk.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum kind { KIND_META, KIND_ENTRY, KIND_TRUNCATE, KIND_SNAPSHOT, KIND_INSTALL };

struct record {
    enum kind kind;
    uint32_t group;
    uint64_t lsn, term, vote, index, configuration_index;
    uint16_t type;
    struct buffer data;
};

struct wal {
    struct wal_options options;
    struct fake_disk *disk;
    struct deferred sync;
};

enum { EPOCHS_MAX = 64 };

struct fake_disk {
    struct storage storage;
    bool manual, full;
    struct record *records;
    size_t count, capacity, durable_count;
    uint64_t end, durable, epoch;
    uint64_t ends[EPOCHS_MAX];         /* of what was written in each epoch */
    struct wal *wal;
};

static uint64_t free_bytes(struct storage *storage)
{
    (void)storage;
    return 0;
}

struct fake_disk *fake_disk_open(bool manual)
{
    struct fake_disk *disk = memory_zero(1, sizeof *disk);
    disk->manual = manual;
    disk->storage.free_bytes = free_bytes;
    return disk;
}

static void cut_records(struct fake_disk *disk, size_t count)
{
    while (disk->count > count)
        buffer_close(&disk->records[--disk->count].data);
}

void fake_disk_close(struct fake_disk *disk)
{
    REQUIRE(disk->wal == NULL);
    cut_records(disk, 0);
    memory_free(disk->records);
    memory_free(disk);
}

struct storage *fake_disk_storage(struct fake_disk *disk)
{
    return &disk->storage;
}

void fake_disk_sync(struct fake_disk *disk, size_t count)
{
    while (count-- != 0 && disk->durable_count < disk->count && disk->wal != NULL) {
        disk->durable = disk->records[disk->durable_count++].lsn;
        disk->wal->options.durable(disk->wal->options.context, disk->durable);
    }
}

void fake_disk_sync_all(struct fake_disk *disk)
{
    fake_disk_sync(disk, SIZE_MAX);
}

uint64_t fake_disk_durable_term(const struct fake_disk *disk, uint64_t index)
{
    uint64_t term = 0;
    for (size_t i = 0; i < disk->durable_count; i++) {
        const struct record *record = &disk->records[i];
        if (record->group == 0 && (record->kind == KIND_INSTALL || (record->kind == KIND_TRUNCATE && record->index <= index)))
            term = 0;
        if (record->group == 0 && record->kind == KIND_ENTRY && record->index == index)
            term = record->term;
    }
    return term;
}

size_t fake_disk_pending(const struct fake_disk *disk)
{
    return disk->count - disk->durable_count;
}

void fake_disk_fill(struct fake_disk *disk, bool full)
{
    disk->full = full;
}

void fake_disk_fail(struct fake_disk *disk)
{
    disk->wal->options.failed(disk->wal->options.context, GRID_ERR_IO, "the disk is broken");
}

void fake_disk_crash(struct fake_disk *disk)
{
    REQUIRE(disk->wal == NULL);
    cut_records(disk, disk->durable_count);
    disk->end = disk->durable;
}

void fake_disk_lose(struct fake_disk *disk, size_t kept)
{
    REQUIRE(disk->wal == NULL && kept <= disk->count);
    cut_records(disk, kept);
    disk->durable_count = kept;
    disk->end = disk->durable = kept == 0 ? 0 : disk->records[kept - 1].lsn;
}

static void run_sync(void *context)
{
    fake_disk_sync_all(context);
}

static uint64_t add(struct wal *wal, struct record record)
{
    struct fake_disk *disk = wal->disk;
    if (disk->count == disk->capacity) {
        disk->capacity = 2 * disk->capacity + 16;
        disk->records = memory_resize(disk->records, disk->capacity * sizeof *disk->records);
    }
    disk->end += 64;
    record.lsn = disk->end;
    disk->records[disk->count++] = record;
    if (!disk->manual)
        clock_defer(wal->options.clock, &wal->sync);
    return record.lsn;
}

/* ---- raft/wal/wal.h */

enum grid_err wal_open(const struct wal_options *options, struct wal **ret_wal, char **ret_note)
{
    *ret_note = NULL;
    struct fake_disk *disk = (struct fake_disk *)options->storage;
    REQUIRE(disk->wal == NULL);
    struct wal *wal = memory_zero(1, sizeof *wal);
    wal->options = *options;
    wal->disk = disk;
    wal->sync = (struct deferred){.run = run_sync, .context = disk};
    disk->wal = wal;
    disk->ends[disk->epoch++] = disk->durable;
    REQUIRE(disk->epoch < EPOCHS_MAX);
    *ret_wal = wal;
    return GRID_ERR_OK;
}

void wal_close(struct wal *wal)
{
    if (!wal->disk->manual)
        clock_undefer(wal->options.clock, &wal->sync);
    wal->disk->wal = NULL;
    memory_free(wal);
}

bool wal_empty(const struct wal *wal)
{
    return wal->disk->count == 0;
}

static void cut_entries(struct wal_group_state *state, uint64_t index)
{
    while (state->first_index + state->entries_count > index) {
        union { const uint8_t *view; void *memory; } data = {.view = state->entries[--state->entries_count].data.data};
        memory_free(data.memory);
    }
}

static void add_entry(struct wal_group_state *state, const struct record *record)
{
    REQUIRE(record->index == state->first_index + state->entries_count);
    state->entries = memory_resize(state->entries, (state->entries_count + 1) * sizeof *state->entries);
    state->entries[state->entries_count++] = (struct wal_entry){
        record->term, record->type,
        bytes_of(memory_copy(record->data.data, record->data.size), record->data.size)};
}

static void take_snapshot(struct wal_group_state *state, const struct record *record)
{
    union { const uint8_t *view; void *memory; } data = {.view = state->snapshot.configuration.data};
    memory_free(data.memory);
    if (record->kind == KIND_INSTALL)
        cut_entries(state, state->first_index);
    state->snapshot = (struct wal_snapshot){record->index, record->term, record->configuration_index,
                                            bytes_of(memory_copy(record->data.data, record->data.size), record->data.size)};
    size_t gone = record->index + 1 - state->first_index;
    if (record->kind == KIND_INSTALL)
        gone = 0;
    REQUIRE(gone <= state->entries_count);
    for (size_t i = 0; i < gone; i++) {
        data.view = state->entries[i].data.data;
        memory_free(data.memory);
    }
    state->entries_count -= gone;
    if (gone != 0)
        memmove(state->entries, state->entries + gone, state->entries_count * sizeof *state->entries);
    state->first_index = record->index + 1;
}

void wal_take(struct wal *wal, uint32_t group, struct wal_group_state *ret_state)
{
    *ret_state = (struct wal_group_state){.first_index = 1};
    for (size_t i = 0; i < wal->disk->count; i++) {
        const struct record *record = &wal->disk->records[i];
        if (record->group != group)
            continue;
        if (record->kind == KIND_META) {
            ret_state->term = record->term;
            ret_state->vote = record->vote;
        } else if (record->kind == KIND_TRUNCATE) {
            cut_entries(ret_state, record->index);
        } else if (record->kind != KIND_ENTRY) {
            take_snapshot(ret_state, record);
        } else {
            add_entry(ret_state, record);
        }
    }
}

uint64_t wal_append_meta(struct wal *wal, uint32_t group, uint64_t term, uint64_t vote)
{
    return add(wal, (struct record){.kind = KIND_META, .group = group, .term = term, .vote = vote});
}

uint64_t wal_append_entries(struct wal *wal, uint32_t group, uint64_t first_index, const struct wal_entry *entries,
                            size_t count)
{
    uint64_t lsn = 0;
    for (size_t i = 0; i < count; i++) {
        struct record record = {.kind = KIND_ENTRY, .group = group, .term = entries[i].term, .type = entries[i].type,
                                .index = first_index + i};
        buffer_append(&record.data, entries[i].data);
        lsn = add(wal, record);
    }
    return lsn;
}

uint64_t wal_append_truncate(struct wal *wal, uint32_t group, uint64_t index)
{
    return add(wal, (struct record){.kind = KIND_TRUNCATE, .group = group, .index = index});
}

static uint64_t add_snapshot(struct wal *wal, enum kind kind, uint32_t group, const struct wal_snapshot *snapshot)
{
    struct record record = {.kind = kind, .group = group, .term = snapshot->term, .index = snapshot->index,
                            .configuration_index = snapshot->configuration_index};
    buffer_append(&record.data, snapshot->configuration);
    return add(wal, record);
}

uint64_t wal_append_snapshot(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot)
{
    return add_snapshot(wal, KIND_SNAPSHOT, group, snapshot);
}

uint64_t wal_append_install(struct wal *wal, uint32_t group, const struct wal_snapshot *snapshot)
{
    return add_snapshot(wal, KIND_INSTALL, group, snapshot);
}

bool wal_collect(struct wal *wal)
{
    (void)wal;
    return false;
}

bool wal_holds_back(const struct wal *wal, uint32_t group)
{
    (void)wal;
    (void)group;
    return false;
}

uint64_t wal_begin(const struct wal *wal)
{
    (void)wal;
    return 0;
}

uint64_t wal_durable(const struct wal *wal)
{
    return wal->disk->durable;
}

uint64_t wal_synced(const struct wal *wal)
{
    return wal->options.sync ? wal->disk->durable : 0;
}

uint64_t wal_epoch(const struct wal *wal)
{
    return wal->disk->epoch;
}

uint64_t wal_epoch_end(const struct wal *wal, uint64_t epoch)
{
    uint64_t end = epoch < wal->disk->epoch ? wal->disk->ends[epoch] : 0;
    return end < wal->disk->durable ? end : wal->disk->durable;
}

void wal_segment_known(struct wal *wal, uint64_t segment_end)
{
    (void)wal;
    (void)segment_end;
}

uint64_t wal_segment(const struct wal *wal)
{
    (void)wal;
    return 0;
}

uint64_t wal_end(const struct wal *wal)
{
    return wal->disk->end;
}

uint64_t wal_disk_bytes(const struct wal *wal)
{
    return wal->disk->end;
}

bool wal_has_room(struct wal *wal, size_t bytes)
{
    return !wal->disk->full || bytes == 0;
}

uint64_t wal_room_missing(const struct wal *wal, size_t bytes)
{
    return wal->disk->full ? bytes : 0;
}

bool wal_has_reserve(struct wal *wal, size_t bytes)
{
    (void)wal;
    (void)bytes;
    return true;
}
