/* A partition's memory and its first entry: what both its commands and its snapshots stand on. */
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/deferred/timers.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/partition_internal.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/wire/level.h"

enum { ARENA_CHUNK_BYTES = 64 * 1024, SMALL_ARENA_CHUNK_BYTES = 4 * 1024 };

struct partition_scratch *partition_scratch_open(void)
{
    struct partition_scratch *scratch = memory_zero(1, sizeof *scratch);
    arena_init(&scratch->arena, ARENA_CHUNK_BYTES);
    arena_init(&scratch->ahead, SMALL_ARENA_CHUNK_BYTES);
    return scratch;
}

void partition_scratch_close(struct partition_scratch *scratch)
{
    arena_close(&scratch->arena);
    arena_close(&scratch->ahead);
    buffer_close(&scratch->bytes);
    memory_free(scratch);
}

struct partition *partition_create(const struct partition_options *options)
{
    REQUIRE(options != NULL && options->id.value < PARTITIONS_MAX);
    struct partition *partition = memory_zero(1, sizeof *partition);
    partition->id = options->id;
    partition->services = options->services;
    partition->level = LEVEL_FIRST;
    partition->restore.epoch = 1;
    settings_init(&partition->settings);
    partition->reads = options->reads;
    partition->sessions = sessions_open();
    partition->idempotency = idempotency_open();
    partition->outbox = outbox_open();
    partition->inbox = inbox_open();
    partition->timers = timers_open();
    partition->activities = activities_open();
    partition->pipeline = event_pipeline_open(options->services);
    partition->scratch_own = options->scratch == NULL;
    partition->scratch = partition->scratch_own ? partition_scratch_open() : options->scratch;
    arena_init(&partition->genesis_arena, SMALL_ARENA_CHUNK_BYTES);
    return partition;
}

void partition_free(struct partition *partition)
{
    REQUIRE(partition->save == NULL && partition->restore.load == NULL);
    maps_close(partition->maps);
    sessions_close(partition->sessions);
    idempotency_close(partition->idempotency);
    outbox_close(partition->outbox);
    inbox_close(partition->inbox);
    timers_close(partition->timers);
    activities_close(partition->activities);
    event_pipeline_close(partition->pipeline);
    settings_close(&partition->settings);
    if (partition->scratch_own)
        partition_scratch_close(partition->scratch);
    arena_close(&partition->genesis_arena);
    buffer_close(&partition->genesis);
    buffer_close(&partition->answer);
    memory_free(partition);
}

/* ---- the first entry */

enum grid_err partition_begin(struct partition *partition, struct bytes encoded)
{
    REQUIRE(!partition->born);
    struct command command;
    buffer_append(&partition->genesis, encoded);
    enum grid_err err = command_decode(buffer_bytes(&partition->genesis), &partition->genesis_arena, &command);
    bool among = err == GRID_ERR_OK && command.kind == COMMAND_GENESIS && command.genesis.partitions <= PARTITIONS_MAX &&
                 partition->id.value < command.genesis.partitions;
    if (!among || command.genesis.level > LEVEL_LAST) {
        buffer_clear(&partition->genesis);
        arena_reset(&partition->genesis_arena);
        return among ? GRID_ERR_NOT_SUPPORTED : GRID_ERR_INVALID;
    }
    partition->born = true;
    partition->level = command.genesis.level > 0 ? command.genesis.level : LEVEL_FIRST;
    partition->genesis_command = command.genesis;
    partition->table_seed = command.genesis.table_seed;
    partition->maps = maps_open(partition->table_seed);
    settings_raise(&partition->settings, partition->level);
    return GRID_ERR_OK;
}

void partition_join(struct partition *partition, const struct partition *own)
{
    struct genesis_command genesis = partition->genesis_command, *ours = &partition->genesis_command;
    REQUIRE(partition->born && own->born);
    genesis.cluster = own->genesis_command.cluster;
    genesis.cluster_uuid = own->genesis_command.cluster_uuid;
    genesis.members = own->genesis_command.members;
    genesis.members_count = own->genesis_command.members_count;
    struct buffer encoded = {0};
    command_encode(&(struct command){.kind = COMMAND_GENESIS, .genesis = genesis}, &encoded);
    struct command command;
    arena_reset(&partition->genesis_arena);
    buffer_close(&partition->genesis);
    partition->genesis = encoded;
    ENSURE(command_decode(buffer_bytes(&partition->genesis), &partition->genesis_arena, &command) == GRID_ERR_OK);
    *ours = command.genesis;
}
