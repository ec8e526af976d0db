/* A backup of the led partition for a client (ADR 0026): RESERVE -> HOLD -> FREEZE -> RELEASE -> READ ... -> END.
 *
 * Nothing of it is in the log: another leader knows nothing of it, and the client begins again. So what it holds lasts for a short time only. */
#include "grid/node/replica/replica_internal.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

struct replica_backup {
    uint64_t id;
    uint64_t until_us;                 /* given up then, unless its client asks again */
    struct waiter holding;             /* waits until messages have come to rest; WAITER_NONE: nobody */
    struct partition_save *save;       /* NULL: not frozen yet */
    uint64_t offset;                   /* of what comes after `piece` in the state */
    struct buffer piece;               /* read last; kept, because its answer may be lost */
    bool complete;
};

static void answer(struct replica *replica, const struct waiter *waiter, const struct response *response)
{
    buffer_clear(&replica->scratch);
    response_encode(response, &replica->scratch);
    replica->shared->answer(replica->shared->context, waiter, replica->id.value, buffer_bytes(&replica->scratch));
}

static void refuse(struct replica *replica, const struct waiter *waiter, enum grid_err err, const char *note)
{
    answer(replica, waiter, &(struct response){.err = err, .leader = replica->shared->self.value, .note = bytes_of_text(note)});
}

/* ---- holding */

static void settled(struct replica *replica)
{
    struct replica_backup *backup = replica->backup;
    struct waiter waiter = backup->holding;
    REQUIRE(replica->links_in_flight == 0);
    if (waiter.kind == WAITER_NONE)
        return;
    backup->holding.kind = WAITER_NONE;
    answer(replica, &waiter, &(struct response){.found = true});
}

/* ---- begin and end */

static void close_backup(struct replica *replica)
{
    struct replica_backup *backup = replica->backup;
    if (replica->links_held)
        replica_messages_release(replica);
    if (backup->save != NULL)
        partition_save_end(backup->save);
    buffer_close(&backup->piece);
    memory_free(backup);
    replica->backup = NULL;
}

void replica_backup_resign(struct replica *replica)
{
    if (replica->backup == NULL)
        return;
    struct waiter waiter = replica->backup->holding;
    close_backup(replica);
    if (waiter.kind != WAITER_NONE)
        replica_answer_error(replica, &waiter, GRID_ERR_NOT_LEADER);
}

void replica_backup_tick(struct replica *replica)
{
    if (replica->backup == NULL || replica_now_us(replica) <= replica->backup->until_us)
        return;
    LOG_WARN(replica->shared->logger, "replica", "partition %u: a backup is given up: its client has not asked for more for a while", replica->id.value);
    replica_backup_resign(replica);
}

/* ---- steps */

static void reserve(struct replica *replica, uint64_t id, const struct waiter *waiter)
{
    if (partition_closed(replica->partition)) {
        refuse(replica, waiter, GRID_ERR_INVALID, "the cluster is being restored: back it up when that has ended");
        return;
    }
    if (replica->backup == NULL) {
        replica->backup = memory_zero(1, sizeof *replica->backup);
        replica->backup->id = id;
    }
    replica->backup->until_us = replica_now_us(replica) + BACKUP_HOLD_MS * 1000;
    if (partition_frozen(replica->partition) && replica->backup->save == NULL)
        refuse(replica, waiter, GRID_ERR_BUSY, "a snapshot of the partition is under way");
    else
        answer(replica, waiter, &(struct response){.found = true});
}

static void hold(struct replica *replica, const struct waiter *waiter)
{
    struct waiter before = replica->backup->holding;
    replica->backup->holding = *waiter;
    replica->backup->until_us = replica_now_us(replica) + BACKUP_HOLD_MS * 1000;
    if (before.kind != WAITER_NONE)
        replica_answer_error(replica, &before, GRID_ERR_BUSY);
    replica_messages_hold(replica, settled);
}

static void freeze(struct replica *replica, const struct waiter *waiter)
{
    struct replica_backup *backup = replica->backup;
    if (!replica->links_held || replica->links_in_flight > 0 || (backup->save == NULL && partition_frozen(replica->partition))) {
        refuse(replica, waiter, GRID_ERR_NOT_FOUND, "the partition is not held for this backup any more");
        return;
    }
    if (backup->save == NULL)
        backup->save = partition_save_begin(replica->partition);
    struct group_status group = group_status(replica->group);
    answer(replica, waiter, &(struct response){.found = true, .count = partition_stats(replica->partition).entries, .sequence = group.applied_index,
                                               .version = group.term});
}

static void read_piece(struct replica *replica, uint64_t offset, const struct waiter *waiter)
{
    struct replica_backup *backup = replica->backup;
    bool again = offset + backup->piece.size == backup->offset && backup->piece.size > 0;
    if (backup->save == NULL || (!again && (offset != backup->offset || backup->complete))) {
        refuse(replica, waiter, GRID_ERR_NOT_FOUND, "this part of the state is not there any more");
        return;
    }
    backup->until_us = replica_now_us(replica) + BACKUP_IDLE_MS * 1000;
    if (!again) {
        buffer_clear(&backup->piece);
        backup->complete = partition_save_next(backup->save, BACKUP_PIECE_BYTES, &backup->piece);
        backup->offset += backup->piece.size;
    }
    answer(replica, waiter, &(struct response){.found = true, .value = buffer_bytes(&backup->piece), .more = !backup->complete});
}

static bool is_of_this(struct replica *replica, const struct backup_query *step, const struct waiter *waiter)
{
    const struct replica_backup *backup = replica->backup;
    if (backup != NULL && backup->id != step->backup)
        refuse(replica, waiter, step->step == BACKUP_RESERVE ? GRID_ERR_BUSY : GRID_ERR_NOT_FOUND, "another backup of the partition is under way");
    else if (backup == NULL && step->step == BACKUP_END)
        answer(replica, waiter, &(struct response){.found = false});
    else if (backup == NULL && step->step != BACKUP_RESERVE)
        refuse(replica, waiter, GRID_ERR_NOT_FOUND, "the partition has another leader by now, or its client was too slow");
    else
        return true;
    return false;
}

void replica_backup_step(struct replica *replica, const struct backup_query *step, const struct waiter *waiter)
{
    if (!replica->leads) {
        replica_answer_error(replica, waiter, GRID_ERR_NOT_LEADER);
        return;
    }
    if (!is_of_this(replica, step, waiter))
        return;
    switch (step->step) {
    case BACKUP_RESERVE: reserve(replica, step->backup, waiter); return;
    case BACKUP_HOLD: hold(replica, waiter); return;
    case BACKUP_FREEZE: freeze(replica, waiter); return;
    case BACKUP_READ: read_piece(replica, step->offset, waiter); return;
    case BACKUP_RELEASE:
        if (replica->links_held)
            replica_messages_release(replica);
        replica->backup->until_us = replica_now_us(replica) + BACKUP_IDLE_MS * 1000;
        break;
    case BACKUP_END: close_backup(replica); break;
    }
    answer(replica, waiter, &(struct response){.found = true});
}
