/* A restore of this partition from a backup, in steps of its log (ADR 0026): NONE -> LOADING -> LOADED -> OPENED.
 *
 * From BEGIN to OPEN nothing else changes the partition: a message that it took before all others are loaded would be lost, or executed twice, when
 * its sender or itself is replaced. */
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/deferred/timers.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/partition/snapshot/snapshot_internal.h"
#include "grid/wire/level.h"

bool partition_closed(const struct partition *partition)
{
    return partition->restore.phase == RESTORE_LOADING || partition->restore.phase == RESTORE_LOADED;
}

uint64_t partition_restored(const struct partition *partition)
{
    const struct restore *restore = &partition->restore;
    return restore->phase < RESTORE_LOADED ? 0 : (uint64_t)restore->epoch << 32 | restore->phase;
}

enum restore_phase partition_restore_phase(const struct partition *partition)
{
    return partition->restore.phase;
}

static void refuse(struct response *response, enum grid_err err, const char *note)
{
    response->err = err;
    response->note = bytes_of_text(note);
}

/* ---- may it begin? */

/* Names data that a restore would overwrite; NULL: the partition holds no data. Empty maps and settings do not count as data. */
static const char *held(const struct partition *partition, uint64_t backup)
{
    const struct partition_counts *counts = &partition->counts;
    if (partition->restore.phase == RESTORE_OPENED && partition->restore.backup == backup)
        return "this backup is restored in this cluster already";
    if (partition->restore.phase == RESTORE_OPENED)
        return "the cluster was restored from a backup before: restore into a new cluster";
    if (maps_entries(partition->maps) > 0 || counts->events > 0)
        return "the cluster holds data: restore into a new cluster";
    if (sessions_count(partition->sessions) > 0 || idempotency_count(partition->idempotency) > 0)
        return "the cluster has sessions or idempotency keys of clients: restore into a new cluster, before clients write to it";
    if (outbox_version(partition->outbox) > 0 || inbox_count(partition->inbox) > 0 || timers_count(partition->timers) > 0 ||
        activities_count(partition->activities) > 0)
        return "the cluster has work under way: restore into a new cluster";
    return NULL;
}

/* Fills an error if a restore of `backup` cannot begin or go on. */
static void may_restore(const struct partition *partition, uint64_t backup, struct response *response)
{
    const struct restore *restore = &partition->restore;
    if (!partition->born)
        refuse(response, GRID_ERR_UNAVAILABLE, "the partition has no genesis yet");
    else if (partition->level < LEVEL_OF_RESTORE)
        refuse(response, GRID_ERR_NOT_SUPPORTED, "the cluster is at a level that knows no restore: raise it with gridctl level raise");
    else if (partition_closed(partition) && restore->backup != backup)
        refuse(response, GRID_ERR_INVALID, "a restore of another backup was begun: go on with that one, or found a new cluster");
    else if (!partition_closed(partition) && held(partition, backup) != NULL)
        refuse(response, GRID_ERR_ALREADY_EXISTS, held(partition, backup));
}

static void tell(const struct partition *partition, struct response *response)
{
    response->count = partition->restore.phase;
    response->sequence = partition->restore.offset;
    response->version = partition->level;
}

void partition_restore_check(const struct partition *partition, uint64_t backup, struct response *ret_response)
{
    may_restore(partition, backup, ret_response);
    tell(partition, ret_response);
}

static void begin(struct partition *partition, uint64_t backup, struct response *response)
{
    may_restore(partition, backup, response);
    if (response->err != GRID_ERR_OK || partition_closed(partition))
        return;
    partition->restore.phase = RESTORE_LOADING;
    partition->restore.backup = backup;
    partition->restore.offset = 0;
    partition->restore.load = partition_load_begin(partition);
}

/* ---- the state */

void partition_restore_close(struct partition *partition)
{
    char *note = NULL;
    if (partition->restore.load != NULL)
        (void)partition_load_end(partition->restore.load, false, &note);
    memory_free(note);
    partition->restore.load = NULL;
}

/* The partition is empty and open again. */
static void give_up(struct partition *partition)
{
    partition_restore_close(partition);
    partition->restore = (struct restore){.epoch = partition->restore.epoch};
}

/* The same answer from programs that know different versions and services: they are replicas. */
static void refuse_unknown(struct partition *partition, struct response *response)
{
    give_up(partition);
    refuse(response, GRID_ERR_NOT_SUPPORTED,
           "the backup has a higher level than this cluster, or a service that this cluster does not have: start newer nodes, raise the level, and try again");
}

static bool has_others_services(const struct partition *partition)
{
    const struct partition *fresh = partition->restore.load->fresh;
    for (size_t i = 0; partition->services != NULL && i < partition->services->count; i++) {
        const struct service *service = partition->services->services[i];
        if (event_services_has(fresh->pipeline, service) && !event_services_has(partition->pipeline, service))
            return true;
    }
    return false;
}

static void refuse_damaged(struct partition *partition, const char *why, struct response *response)
{
    response->note = bytes_of_text(arena_text(&partition->scratch->arena, bytes_of_text(why)));
    give_up(partition);
    response->err = GRID_ERR_INVALID;
}

static void add(struct partition *partition, const struct restore_command *command, struct response *response)
{
    struct restore *restore = &partition->restore;
    if (command->offset + command->piece.size <= restore->offset)
        return; /* again */
    if (command->offset != restore->offset) {
        refuse(response, GRID_ERR_GAP, "offset: not where the partition's part of the state ends");
        return;
    }
    enum grid_err err = partition_load_next(restore->load, command->piece);
    if (err == GRID_ERR_NOT_SUPPORTED || has_others_services(partition) || partition_load_level(restore->load) > partition->level)
        refuse_unknown(partition, response);
    else if (err != GRID_ERR_OK)
        refuse_damaged(partition, restore->load->note, response);
    else
        restore->offset += command->piece.size;
}

/* What is wrong with a whole state for this cluster; NULL: nothing. */
static const char *misfit(const struct partition *partition, const struct partition_load *load, uint64_t size)
{
    if (!load->complete || size != partition->restore.offset)
        return "the state is not whole";
    if (!load->fresh->born || load->fresh->genesis_command.partitions != partition->genesis_command.partitions)
        return "the backup is of a cluster with another number of partitions";
    return load->fresh->restore.phase == RESTORE_LOADED ? "the backup is of a cluster whose own restore had not ended" : NULL;
}

static void end(struct partition *partition, uint64_t size, struct response *response)
{
    struct restore restore = partition->restore;
    struct partition *fresh = restore.load->fresh;
    const char *wrong = misfit(partition, restore.load, size);
    if (wrong != NULL) {
        refuse_damaged(partition, wrong, response);
        return;
    }
    partition_join(fresh, partition);
    fresh->wall_time_ms = partition->wall_time_ms;
    if (fresh->log_time_ms < partition->log_time_ms)
        fresh->log_time_ms = partition->log_time_ms;
    if (fresh->level < partition->level)
        fresh->level = partition->level;
    settings_raise(&fresh->settings, fresh->level);
    fresh->restore = (struct restore){.phase = RESTORE_LOADED, .backup = restore.backup, .epoch = fresh->restore.epoch};
    partition->restore.load = NULL;
    partition_load_take(restore.load);
    ENSURE(partition->restore.phase == RESTORE_LOADED);
}

static void open_cluster(struct partition *partition, uint32_t epoch, struct response *response)
{
    struct restore *restore = &partition->restore;
    if (restore->phase == RESTORE_LOADED && epoch <= restore->epoch) {
        refuse(response, GRID_ERR_INVALID, "epoch: not above that of the backup");
    } else if (restore->phase == RESTORE_LOADED) {
        restore->phase = RESTORE_OPENED;
        restore->epoch = epoch;
        inbox_open_epoch(partition->inbox, epoch);
    }
}

/* ---- steps */

void partition_restore(struct partition *partition, const struct restore_command *command, struct response *response)
{
    static const enum restore_phase needed[] = {[RESTORE_PART] = RESTORE_LOADING, [RESTORE_END] = RESTORE_LOADING, [RESTORE_OPEN] = RESTORE_LOADED,
                                                [RESTORE_CANCEL] = RESTORE_LOADING};
    enum restore_phase phase = partition->restore.phase;
    bool known = partition->restore.backup == command->backup;
    bool again = known && ((command->step == RESTORE_END && phase == RESTORE_LOADED) || (command->step == RESTORE_OPEN && phase == RESTORE_OPENED));
    if (command->step == RESTORE_BEGIN)
        begin(partition, command->backup, response);
    else if (command->step == RESTORE_CHECK)
        may_restore(partition, command->backup, response);
    else if (again || (command->step == RESTORE_CANCEL && phase == RESTORE_NONE))
        response->found = true;
    else if (!known || phase != needed[command->step])
        refuse(response, GRID_ERR_INVALID, "the partition is not at this step of a restore of this backup");
    else if (command->step == RESTORE_PART)
        add(partition, command, response);
    else if (command->step == RESTORE_END)
        end(partition, command->offset, response);
    else if (command->step == RESTORE_OPEN)
        open_cluster(partition, command->epoch, response);
    else
        give_up(partition);
    tell(partition, response);
}
