/* The hooks through which the group saves and loads a replica's state (D12, raft/group.h). */
#include <inttypes.h>

#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"
#include "grid/wire/level.h"

/* A partition that is being loaded takes none, and none is taken beside a backup. */
static bool is_reserved(const struct replica *replica)
{
    return partition_restore_phase(replica->partition) == RESTORE_LOADING || replica->backup != NULL || partition_frozen(replica->partition);
}

/* An older program cannot read a log that snapshots have shortened, so there are none before the level was raised (ADR 0017). */
static void *on_save_begin(void *context)
{
    struct replica *replica = context;
    if (!(replica->shared->takes_snapshots || replica->snapshot_asked) || partition_level(replica->partition) < LEVEL_OF_SNAPSHOTS || is_reserved(replica))
        return NULL;
    replica->snapshot_asked = false;
    return partition_save_begin(replica->partition);
}

static bool on_save_next(void *context, void *save, size_t budget, struct buffer *out)
{
    (void)context;
    return partition_save_next(save, budget, out);
}

static void on_save_end(void *context, void *save)
{
    (void)context;
    partition_save_end(save);
}

static void *on_load_begin(void *context)
{
    struct replica *replica = context;
    replica->loading_level = 0;
    return partition_load_begin(replica->partition);
}

static enum grid_err on_load_next(void *context, void *load, struct bytes piece)
{
    struct replica *replica = context;
    enum grid_err err = partition_load_next(load, piece);
    if (err == GRID_ERR_OK && partition_load_level(load) > replica->shared->level_most) {
        replica->loading_level = partition_load_level(load);
        return GRID_ERR_NOT_SUPPORTED;
    }
    return err;
}

/* The group follows while it loads: no read, proposal or answer of this replica is under way. */
static enum grid_err on_load_end(void *context, void *load, bool take, char **ret_note)
{
    struct replica *replica = context;
    HOLDS(!take || !replica->leads);
    if (replica->loading_level != 0) {
        (void)partition_load_end(load, false, ret_note);
        *ret_note = err_note("this snapshot needs level %" PRIu32 ", this version supports up to %" PRIu32 ": upgrade this node", replica->loading_level,
                             replica->shared->level_most);
        return GRID_ERR_NOT_SUPPORTED;
    }
    enum grid_err err = partition_load_end(load, take, ret_note);
    if (err != GRID_ERR_OK || !take)
        return err;
    replica->restored = partition_restored(replica->partition);
    replica->loaded_time_ms = partition_log_time_ms(replica->partition);
    log_time_apply(&replica->log_time, replica->loaded_time_ms, replica_now_us(replica));
    return err;
}

bool replica_ask_snapshot(struct replica *replica)
{
    struct genesis_command genesis;
    /* Before its first entry is applied here the level of the partition is not known: the snapshot is taken once it is. */
    if (partition_genesis(replica->partition, &genesis) && partition_level(replica->partition) < LEVEL_OF_SNAPSHOTS)
        return false;
    replica->snapshot_asked = true;
    group_ask_snapshot(replica->group);
    return true;
}

uint64_t replica_snapshot_age_ms(struct replica *replica)
{
    struct group_status group = group_status(replica->group);
    if (group.snapshot_index == 0)
        return 0;
    if (group.snapshot_taken_ms != 0)
        return clock_now_ms(replica->shared->io->clock) - group.snapshot_taken_ms;
    uint64_t now_ms = replica_log_time_ms(replica);
    return now_ms > replica->loaded_time_ms ? now_ms - replica->loaded_time_ms : 0;
}

void replica_snapshots_open(struct replica *replica)
{
    struct group_machine *machine = &replica->machine;
    machine->save_begin = on_save_begin;
    machine->save_next = on_save_next;
    machine->save_end = on_save_end;
    machine->load_begin = on_load_begin;
    machine->load_next = on_load_next;
    machine->load_end = on_load_end;
}
