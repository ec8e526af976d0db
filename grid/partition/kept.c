#include "grid/partition/kept.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/wire/level.h"

static const struct retention_limits *limits_of(const struct partition *partition, enum retention_kind kind)
{
    return settings_retention(&partition->settings, kind);
}

/* Earlier versions removed as much as there was. */
void kept_begin_entry(struct partition *partition)
{
    partition->removals_left = partition->level >= LEVEL_OF_RETENTION ? RETENTION_REMOVALS_MAX : SIZE_MAX;
}

void kept_tick(struct partition *partition)
{
    uint64_t now_ms = partition->log_time_ms;
    partition->trimmed[RETENTION_SESSIONS] +=
        sessions_trim(partition->sessions, limits_of(partition, RETENTION_SESSIONS), now_ms, TICK_TIMERS_MAX);
    partition->trimmed[RETENTION_KEYS] +=
        idempotency_trim(partition->idempotency, limits_of(partition, RETENTION_KEYS), now_ms, TICK_EXPIRATIONS_MAX);
    event_pipeline_tick(partition);
    maps_tick(partition->maps, TICK_EXPIRATIONS_MAX);
}

/* `due_ms` points to what the same expression set. */
static void sooner(bool present, const uint64_t *due_ms, bool *any, uint64_t *earliest_ms)
{
    if (present && (!*any || *due_ms < *earliest_ms))
        *earliest_ms = *due_ms;
    *any = *any || present;
}

bool kept_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms)
{
    uint64_t due_ms = 0, earliest_ms = 0;
    bool any = false;
    sooner(sessions_next_due_ms(partition->sessions, limits_of(partition, RETENTION_SESSIONS), &due_ms), &due_ms, &any, &earliest_ms);
    sooner(idempotency_next_due_ms(partition->idempotency, limits_of(partition, RETENTION_KEYS), &due_ms), &due_ms, &any, &earliest_ms);
    sooner(partition->born && event_pipeline_next_due_ms(partition, &due_ms), &due_ms, &any, &earliest_ms);
    sooner(partition->born && maps_next_due_ms(partition->maps, &due_ms), &due_ms, &any, &earliest_ms);
    *ret_due_ms = earliest_ms;
    return any;
}

void kept_status(const struct partition *partition, struct retention_status ret_status[RETENTION_LAST])
{
    for (int i = 0; i < RETENTION_LAST; i++) {
        enum retention_kind kind = (enum retention_kind)(i + 1);
        uint64_t count = 0, bytes = 0, oldest_ms = 0;
        switch (kind) {
        case RETENTION_COMPLETIONS:
        case RETENTION_FLOWS: event_pipeline_kept(partition->pipeline, kind, &count, &bytes, &oldest_ms); break;
        case RETENTION_KEYS: idempotency_kept(partition->idempotency, &count, &bytes, &oldest_ms); break;
        case RETENTION_SESSIONS: sessions_kept(partition->sessions, &count, &bytes, &oldest_ms); break;
        case RETENTION_JOURNALS:
            if (partition->born)
                maps_journals_kept(partition->maps, &count, &bytes, &oldest_ms);
            break;
        }
        ret_status[i] = (struct retention_status){.kind = kind, .limits = *limits_of(partition, kind),
                                                  .version = partition->settings.retention[kind].version, .count = count, .bytes = bytes,
                                                  .oldest_ms = count > 0 ? partition->log_time_ms - oldest_ms : 0};
    }
}

void kept_adopt(struct partition *partition)
{
    if (partition->born)
        maps_limit_journals(partition->maps, limits_of(partition, RETENTION_JOURNALS));
}
