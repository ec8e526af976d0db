#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/deferred/timers.h"
#include "grid/partition/entry.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/partition/snapshot/snapshot_internal.h"

enum { FORMAT = 1, FORMAT_RESTORED = 2 /* with numbers of a restore */ };

/* ---- the partition's own numbers */

static void freeze(void *component)
{
    struct partition *partition = component;
    struct buffer *out = &partition->save->numbers;
    const uint64_t numbers[] = {partition->commits, partition->log_time_ms, partition->wall_time_ms, partition->digest, partition->malformed_entries};
    const struct restore *restore = &partition->restore;
    size_t start = record_begin(out, SECTION_PARTITION, RECORD_FIRST);
    REQUIRE(restore->phase != RESTORE_LOADING);
    buffer_append_u32(out, restore->phase == RESTORE_NONE ? FORMAT : FORMAT_RESTORED);
    buffer_append_u32(out, partition->id.value);
    buffer_append_u32(out, partition->level);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        buffer_append_u64(out, numbers[i]);
    uint64_t counts[sizeof partition->counts / sizeof(uint64_t)];
    memcpy(counts, &partition->counts, sizeof counts);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        buffer_append_u64(out, counts[i]);
    buffer_append_sized(out, buffer_bytes(&partition->genesis));
    if (restore->phase != RESTORE_NONE) {
        buffer_append_u8(out, (uint8_t)restore->phase);
        buffer_append_u32(out, restore->epoch);
        buffer_append_u64(out, restore->backup);
    }
    record_end(out, start);
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct partition *partition = component;
    (void)size_max;
    buffer_append(out, buffer_bytes(&partition->save->numbers));
    buffer_clear(&partition->save->numbers);
    return true;
}

static void thaw(void *component)
{
    struct partition *partition = component;
    buffer_close(&partition->save->numbers);
}

static enum grid_err newer(const char *note, const char **ret_note)
{
    *ret_note = note;
    return GRID_ERR_NOT_SUPPORTED;
}

static enum grid_err load_genesis(struct partition *partition, uint32_t level, struct bytes genesis, const char **ret_note)
{
    if (genesis.size != 0) {
        enum grid_err err = partition_begin(partition, genesis);
        if (err == GRID_ERR_NOT_SUPPORTED)
            return newer("the cluster began at a feature level that this version does not know", ret_note);
        if (err != GRID_ERR_OK)
            return record_corrupt("not the first entry of a cluster with this partition", ret_note);
    }
    if (level < partition->level || (!partition->born && level != LEVEL_FIRST))
        return record_corrupt("not a feature level of this partition", ret_note);
    partition->level = level;
    settings_raise(&partition->settings, level);
    return GRID_ERR_OK;
}

static bool load_restore(struct partition *partition, struct reader *body)
{
    struct restore *restore = &partition->restore;
    restore->phase = (enum restore_phase)reader_u8(body);
    restore->epoch = reader_u32(body);
    restore->backup = reader_u64(body);
    if ((restore->phase != RESTORE_LOADED && restore->phase != RESTORE_OPENED) || restore->epoch == 0 || restore->backup == 0)
        return false;
    inbox_open_epoch(partition->inbox, restore->epoch);
    return true;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct partition *partition = component;
    uint32_t format = reader_u32(body), id = reader_u32(body), level = reader_u32(body);
    uint64_t *const numbers[] = {&partition->commits, &partition->log_time_ms, &partition->wall_time_ms, &partition->digest, &partition->malformed_entries};
    (void)context;
    if (kind != RECORD_FIRST || format == 0)
        return record_corrupt("not the first record of a snapshot", ret_note);
    if (format > FORMAT_RESTORED)
        return newer("the snapshot was written by a newer version", ret_note);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        *numbers[i] = reader_u64(body);
    uint64_t counts[sizeof partition->counts / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        counts[i] = reader_u64(body);
    memcpy(&partition->counts, counts, sizeof counts);
    struct bytes genesis = reader_sized(body);
    bool restore_good = format == FORMAT || load_restore(partition, body);
    if (body->failed || !restore_good || id != partition->id.value || partition->log_time_ms > ENTRY_TIME_MS_MAX)
        return record_corrupt("not the numbers of this partition", ret_note);
    if (level > LEVEL_LAST)
        return newer("the partition has a feature level that this version does not know", ret_note);
    return load_genesis(partition, level, genesis, ret_note);
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    (void)component, (void)context, (void)ret_note;
    return GRID_ERR_OK;
}

static const struct component numbers_component = {"partition", freeze, save, thaw, load, loaded};

/* ---- the list */

const struct section_of *section_at(unsigned place)
{
    static const struct section_of sections[SECTIONS] = {
        {SECTION_PARTITION, &numbers_component},
        {SECTION_SERVICES, &event_services_component},
        {SECTION_MAPS, &maps_component},
        {SECTION_RETENTION, &event_retention_component},
        {SECTION_SESSIONS, &sessions_component},
        {SECTION_IDEMPOTENCY, &idempotency_component},
        {SECTION_OUTBOX, &outbox_component},
        {SECTION_INBOX, &inbox_component},
        {SECTION_TIMERS, &timers_component},
        {SECTION_ACTIVITIES, &activities_component},
        {SECTION_SETTINGS, &settings_component},
    };
    REQUIRE(place < SECTIONS);
    return &sections[place];
}

void *section_state(struct partition *partition, unsigned place)
{
    switch (section_at(place)->number) {
    case SECTION_PARTITION: return partition;
    case SECTION_SERVICES:
    case SECTION_RETENTION: return partition->pipeline;
    case SECTION_MAPS: return partition->maps;
    case SECTION_SESSIONS: return partition->sessions;
    case SECTION_IDEMPOTENCY: return partition->idempotency;
    case SECTION_OUTBOX: return partition->outbox;
    case SECTION_INBOX: return partition->inbox;
    case SECTION_TIMERS: return partition->timers;
    case SECTION_ACTIVITIES: return partition->activities;
    case SECTION_SETTINGS: return &partition->settings;
    case SECTION_END: break;
    }
    UNREACHABLE("the end has no component");
}

uint64_t section_digest(uint64_t digest, struct bytes record)
{
    return hash_xxh3(record, digest);
}
