/* Requests to all partitions at once. */
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/backup/backup.h"

void backup_calls_open(struct backup_calls *calls, struct ctl *ctl)
{
    *calls = (struct backup_calls){.ctl = ctl, .partitions = grid_client_partition_count(ctl->client)};
    calls->each = memory_zero(calls->partitions, sizeof *calls->each);
    for (uint32_t i = 0; i < calls->partitions; i++)
        calls->each[i] = (struct backup_call){calls, i, false};
}

void backup_calls_close(struct backup_calls *calls)
{
    memory_free(calls->each);
}

static void fail(struct backup_calls *calls, uint32_t partition, enum grid_outcome outcome, const char *note)
{
    if (calls->outcome != GRID_OUTCOME_OK)
        return;
    calls->outcome = outcome;
    calls->failed = partition;
    snprintf(calls->note, sizeof calls->note, "%s", note);
}

static void on_reply(void *context, const struct grid_reply *reply)
{
    struct backup_call *call = context;
    struct backup_calls *calls = call->calls;
    REQUIRE(calls->left > 0 && call->under_way);
    call->under_way = false;
    if (reply->outcome != GRID_OUTCOME_OK)
        fail(calls, call->partition, reply->outcome, reply->note[0] != 0 ? reply->note : grid_outcome_text(reply->outcome));
    else if (calls->take != NULL && !calls->take(calls->context, call->partition, reply) && calls->outcome == GRID_OUTCOME_OK)
        calls->outcome = GRID_OUTCOME_REFUSED;
    calls->done = --calls->left == 0;
}

struct grid_call backup_call_of(struct backup_calls *calls, uint32_t partition)
{
    REQUIRE(!calls->each[partition].under_way);
    calls->each[partition].under_way = true;
    calls->left++;
    calls->done = false;
    return (struct grid_call){.done = on_reply, .context = &calls->each[partition]};
}

void backup_calls_begin(struct backup_calls *calls)
{
    REQUIRE(calls->left == 0);
    calls->outcome = GRID_OUTCOME_OK;
    calls->note[0] = 0;
    calls->done = true;
}

bool backup_calls_wait(struct backup_calls *calls)
{
    ctl_wait(calls->ctl, &calls->done);
    return calls->outcome == GRID_OUTCOME_OK;
}

bool backup_calls_backup(struct backup_calls *calls, const struct grid_backup *step)
{
    backup_calls_begin(calls);
    for (uint32_t i = 0; i < calls->partitions; i++) {
        struct grid_call call = backup_call_of(calls, i);
        grid_client_backup(calls->ctl->client, i, step, &call);
    }
    return backup_calls_wait(calls);
}

bool backup_calls_restore(struct backup_calls *calls, const struct grid_restore *step)
{
    backup_calls_begin(calls);
    for (uint32_t i = 0; i < calls->partitions; i++) {
        struct grid_call call = backup_call_of(calls, i);
        grid_client_restore(calls->ctl->client, i, step, &call);
    }
    return backup_calls_wait(calls);
}

int backup_calls_failed(const struct backup_calls *calls, const char *what)
{
    if (calls->outcome == GRID_OUTCOME_REFUSED)
        return ctl_complain(calls->ctl, EXIT_FAILED, "%s: %s", what, calls->note);
    struct buffer note = {0};
    buffer_append_format(&note, "partition %u: %s", calls->failed, calls->note);
    buffer_append_u8(&note, 0);
    int code = ctl_failed(calls->ctl, what, &(struct grid_reply){.outcome = calls->outcome, .note = (const char *)note.data});
    buffer_close(&note);
    return code;
}
