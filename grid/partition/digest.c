/* The two digests of a partition: the rolling one that replicas exchange, and one of the whole state for tests. */
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/partition/partition_internal.h"
#include "grid/partition/deferred/timers.h"

uint64_t partition_digest(const struct partition *partition)
{
    return partition->digest;
}

uint64_t partition_state_digest(const struct partition *partition)
{
    REQUIRE(partition != NULL);
    const uint64_t parts[] = {
        partition->commits,
        partition->level,
        partition->log_time_ms,
        partition->wall_time_ms,
        partition->born ? maps_digest(partition->maps) : 0,
        sessions_digest(partition->sessions),
        idempotency_digest(partition->idempotency),
        outbox_digest(partition->outbox),
        inbox_digest(partition->inbox),
        timers_digest(partition->timers),
        activities_digest(partition->activities),
        event_pipeline_digest(partition->pipeline),
        settings_digest(&partition->settings),
    };
    uint64_t digest = hash_xxh3(buffer_bytes(&partition->genesis), partition->id.value);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint8_t content[8];
        put_u64(content, parts[i]);
        digest = hash_xxh3(bytes_of(content, sizeof content), digest);
    }
    if (partition->restore.phase != RESTORE_NONE) {
        uint8_t content[16];
        put_u32(content, partition->restore.phase);
        put_u32(content + 4, partition->restore.epoch);
        put_u64(content + 8, partition->restore.backup);
        digest = hash_xxh3(bytes_of(content, sizeof content), digest);
    }
    return digest;
}
